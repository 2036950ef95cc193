/* shared_copy: dictionaries in memory of one's own, made while other processes use them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/shared.h"
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REGION = 1 << 20, KILLS = 25 };

static struct shared *region;
static struct shared_dict *dict;

static struct shared_dict *opened(const char *name, size_t size)
{
    const char *wrong;
    struct shared_dict *d = shared_open(region, name, strlen(name), size, &wrong);
    if (!d) fail_msg("%s: %s", name, wrong);
    return d;
}

static int make(void **state)
{
    region = shared_create(REGION, NULL);
    if (!region) return -1;
    dict = opened("d", 64 * 1024);
    return 0;
}

static int forget(void **state)
{
    shared_destroy(region);
    return 0;
}

static void sets(const char *key, const char *value)
{
    struct shared_value v = {
        .kind = SHARED_TEXT, .text = value, .text_len = (uint32_t)strlen(value)};
    struct shared_key k = {key, strlen(key)};
    assert_int_equal(shared_set(region, dict, k, &v, 0), SHARED_OK);
}

static bool has(const char *key, const char *wanted)
{
    static char text[SHARED_TEXT_MAX];
    struct shared_value v;
    struct shared_key k = {key, strlen(key)};
    return shared_get(region, dict, k, 0, &v, text) == SHARED_OK && v.kind == SHARED_TEXT &&
           v.text_len == strlen(wanted) && memcmp(v.text, wanted, v.text_len) == 0;
}

static void fills(const char *prefix)
{
    char key[16];
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof key, "%s%d", prefix, i);
        sets(key, key);
    }
}

static void a_copy_has_all_that_is_there_and_is_another_one(void **state)
{
    struct shared *live = region, *copy = shared_create(REGION, NULL);
    struct shared_dict *d = dict, *second = opened("second", 8192);
    fills("k");
    dict = second;
    sets("s", "two");
    shared_copy(copy, live);
    region = copy; /* from here on `opened`, `sets` and `has` mean the copy */
    dict = opened("second", 8192);
    assert_ptr_not_equal(dict, second);
    assert_true(has("s", "two"));
    sets("s", "three");
    dict = opened("d", 64 * 1024);
    assert_int_equal(shared_usage(copy, dict).items, shared_usage(live, d).items);
    assert_true(has("k1999", "k1999"));
    fills("n");
    assert_true(shared_is_sane(copy, dict));
    shared_destroy(copy);
    region = live;
    dict = second;
    assert_true(has("s", "two"));
    dict = d;
    assert_true(has("k1999", "k1999"));
    assert_false(has("n1999", "n1999"));
}

static void copy_for_ever(void)
{
    for (;;) {
        struct shared *copy = shared_create(REGION, NULL);
        if (!copy) _exit(1);
        shared_copy(copy, region);
        if (!shared_is_sane(copy, &copy->dicts[0])) _exit(1);
        shared_destroy(copy);
    }
}

static void who_dies_while_it_copies_loses_nothing_and_stops_nobody(void **state)
{
    for (int i = 0; i < KILLS; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) copy_for_ever();
        fills("k");
        assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* it has found nothing wrong */
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        assert_true(has("k1999", "k1999"));
    }
    assert_int_equal(shared_usage(region, dict).losses, 0);
}

/* What would be locked too long is left out: the dictionary is there, and empty. */
static void one_that_holds_very_much_begins_empty(void **state)
{
    static char large[SHARED_TEXT_MAX];
    char key[16];
    struct shared *live = region = shared_create(64 << 20, NULL),
                  *copy = shared_create(64 << 20, NULL);
    memset(large, 'x', sizeof large - 1);
    dict = opened("large", 32 << 20);
    for (int i = 0; i < 400; i++) {
        snprintf(key, sizeof key, "k%d", i);
        sets(key, large);
    }
    shared_copy(copy, live);
    region = copy;
    dict = opened("large", 32 << 20);
    assert_int_equal(shared_usage(copy, dict).items, 0);
    sets("k1", "small");
    assert_true(has("k1", "small") && shared_is_sane(copy, dict));
    shared_destroy(copy);
    region = live;
}

#define alone(test) cmocka_unit_test_setup_teardown(test, make, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(a_copy_has_all_that_is_there_and_is_another_one),
        alone(who_dies_while_it_copies_loses_nothing_and_stops_nobody),
        alone(one_that_holds_very_much_begins_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
