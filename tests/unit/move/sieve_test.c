/* Lists of keys that may miss some: how often one is asked for, and that each key comes once. */
#include "move/sieve.h"

#include <stdio.h>
#include <string.h>

#include "lib/stage.h"

static bool is_new(struct sieved *s, unsigned key, uint64_t expected)
{
    struct tier_key k = {0};
    k.len = (uint32_t)snprintf((char *)k.bytes, sizeof k.bytes, "k%u", key);
    return sieved_put(s, &k, expected);
}

static unsigned lists(struct sieved *s, unsigned from, unsigned to, uint64_t expected)
{
    unsigned fresh = 0;
    for (unsigned key = from; key < to; key++) fresh += is_new(s, key, expected);
    return fresh;
}

static void a_list_that_names_all_is_asked_for_twice(void **state)
{
    struct sieved s = {0};
    (void)state;
    sieved_begin(&s);
    assert_int_equal(lists(&s, 0, 100, 100), 100);
    assert_true(sieved_again(&s, 100));
    assert_int_equal(lists(&s, 0, 100, 100), 0);
    assert_false(sieved_again(&s, 100));
}

static void a_key_that_is_new_is_followed_by_another_list(void **state)
{
    struct sieved s = {0};
    (void)state;
    sieved_begin(&s);
    assert_int_equal(lists(&s, 0, 99, 99), 99);
    assert_true(sieved_again(&s, 99));
    assert_int_equal(lists(&s, 50, 100, 99), 1);
    assert_true(sieved_again(&s, 99));
    assert_int_equal(lists(&s, 0, 100, 99), 0);
    assert_false(sieved_again(&s, 99));
}

/* An item that is being sent to a client each time. */
static void lists_that_name_fewer_keys_than_there_are_items_are_asked_for_again(void **state)
{
    struct sieved s = {0};
    (void)state;
    sieved_begin(&s);
    for (unsigned list = 1; list < SIEVE_LISTS; list++) {
        assert_int_equal(lists(&s, 1, 10, 10), list == 1 ? 9 : 0);
        assert_true(sieved_again(&s, 10));
    }
    assert_int_equal(lists(&s, 0, 10, 10), 1);
    assert_false(sieved_again(&s, 10)); /* there is an end to it */
    sieved_begin(&s);
    for (unsigned list = 1; list < SIEVE_LISTS; list++) assert_true(sieved_again(&s, 1));
    assert_false(sieved_again(&s, 1));
}

/* The sieve may take a key for another, which is no reason to ask again. */
static void of_many_keys_a_few_may_lack(void **state)
{
    enum { MANY = 100000 };
    struct sieved s = {0};
    (void)state;
    sieved_begin(&s);
    assert_int_equal(lists(&s, 0, MANY - 100, MANY), MANY - 100);
    assert_true(sieved_again(&s, MANY));
    assert_int_equal(lists(&s, 0, MANY - 100, MANY), 0);
    assert_false(sieved_again(&s, MANY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_list_that_names_all_is_asked_for_twice),
        play(a_key_that_is_new_is_followed_by_another_list),
        play(lists_that_name_fewer_keys_than_there_are_items_are_asked_for_again),
        play(of_many_keys_a_few_may_lack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
