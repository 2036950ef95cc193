/* call: the keys that were sent, met again in the order of the response. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/call.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct request key_request(const char *key, const char *shown, uint32_t part)
{
    return (struct request){.command_id = COMMAND_GET,
                            .key_at = (uintptr_t)key,
                            .key_len = (uint16_t)strlen(key),
                            .shown_key_at = (uintptr_t)shown,
                            .shown_key_len = shown ? (uint16_t)strlen(shown) : 0,
                            .part = part};
}

/* A call of the keys, which are one byte each; the parts count from 0. */
static struct call *call_of(const char *keys)
{
    char key[2] = {keys[0]};
    struct request r = key_request(key, NULL, 0);
    struct call *call = call_create(&r, 1.5, NULL, NULL);
    for (uint32_t i = 1; keys[i]; i++) {
        key[0] = keys[i];
        r.part = i;
        call_add_key(call, &r);
    }
    return call;
}

static bool seek(struct call *call, const char *name, struct call_key *key)
{
    return call_seek_key(call, (const uint8_t *)name, strlen(name), key);
}

static void a_call_remembers_what_it_was_made_of(void **state)
{
    struct request r = key_request("k", NULL, 7);
    struct call_key key;
    r.exptime = 30;
    r.command_id = COMMAND_GAT;
    struct call *call = call_create(&r, 1.5, NULL, &r);
    assert_true(call->deadline == 1.5 && call->exptime == 30 && call->owner == &r);
    assert_int_equal(call->command, COMMAND_GAT);
    assert_int_equal(call->keys_n, 1);
    assert_true(call_key(call, &key));
    assert_int_equal(key.part, 7);
    assert_int_equal(key.sent_len, 1);
    assert_memory_equal(key.sent, "k", 1);
    assert_ptr_equal(key.shown, key.sent);
    call_destroy(call);
}

/* The keys of a call, the keys of the response, and the parts that they belong to ("-": none). */
static const char *const seeks[][3] = {
    {"abc", "abc", "012"}, {"abc", "ac", "02"}, {"abc", "c", "2"},     {"abc", "cb", "2-"},
    {"abc", "ba", "1-"},   {"abc", "x", "-"},   {"aaa", "aaa", "012"}, {"aaa", "aaaa", "012-"},
    {"aba", "aa", "02"},   {"aba", "ba", "12"}, {"aab", "ab", "02"},   {"a", "a", "0"},
    {"a", "aa", "0-"},
};

static void keys_are_met_in_order_and_each_once(void **state)
{
    for (size_t i = 0; i < sizeof seeks / sizeof *seeks; i++) {
        struct call *call = call_of(seeks[i][0]);
        for (size_t k = 0; seeks[i][1][k]; k++) {
            struct call_key key;
            char name[2] = {seeks[i][1][k]};
            bool wanted = seeks[i][2][k] != '-';
            assert_int_equal(seek(call, name, &key), wanted);
            if (!wanted) continue;
            assert_int_equal(key.part, seeks[i][2][k] - '0');
            call_pass_key(call);
        }
        call_destroy(call);
    }
}

static void a_failed_search_leaves_no_key(void **state)
{
    struct call_key key;
    struct call *call = call_of("abc");
    assert_false(seek(call, "x", &key));
    assert_false(call_key(call, &key));
    assert_false(seek(call, "a", &key));
    call_destroy(call);
}

static void a_key_must_be_equal_in_length_too(void **state)
{
    struct request r = key_request("user:1", NULL, 0);
    struct call_key key;
    static const char *const others[] = {"user:", "user:11", "User:1", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct call *call = call_create(&r, 0, NULL, NULL);
        assert_false(seek(call, others[i], &key));
        call_destroy(call);
    }
}

static void a_rewritten_key_is_sought_as_sent_and_shown_as_asked(void **state)
{
    struct request r = key_request("v2:k", "k", 0), plain = key_request("k", NULL, 1);
    struct call *call = call_create(&r, 0, NULL, NULL);
    struct call_key key;
    call_add_key(call, &plain);
    assert_true(seek(call, "v2:k", &key));
    assert_int_equal(key.shown_len, 1);
    assert_memory_equal(key.shown, "k", 1);
    assert_int_equal(key.sent_len, 4);
    assert_memory_equal(key.sent, "v2:k", 4);
    call_pass_key(call);
    assert_true(seek(call, "k", &key));
    assert_int_equal(key.part, 1);
    assert_ptr_equal(key.shown, key.sent);
    call_destroy(call);
}

static void many_keys_of_all_lengths_are_kept(void **state)
{
    enum { KEYS = 20000 };
    char name[260], shown[260];
    struct call_key key;
    struct call *call = NULL;
    for (uint32_t i = 0; i < KEYS; i++) {
        snprintf(name, sizeof name, "%0*u", 6 + (int)(i % 245), i);
        snprintf(shown, sizeof shown, "%0*u", 1 + (int)(i % 250), i % 10);
        struct request r = key_request(name, i % 3 == 0 ? shown : NULL, i);
        if (call)
            call_add_key(call, &r);
        else
            call = call_create(&r, 0, NULL, NULL);
    }
    assert_int_equal(call->keys_n, KEYS);
    for (uint32_t i = 0; i < KEYS; i += 1 + i % 4) {
        snprintf(name, sizeof name, "%0*u", 6 + (int)(i % 245), i);
        snprintf(shown, sizeof shown, "%0*u", 1 + (int)(i % 250), i % 10);
        assert_true(seek(call, name, &key));
        assert_int_equal(key.part, i);
        const char *wanted = i % 3 == 0 ? shown : name;
        assert_int_equal(key.shown_len, strlen(wanted));
        assert_memory_equal(key.shown, wanted, key.shown_len);
        call_pass_key(call);
    }
    call_destroy(call);
}

/* Its memory was another call's. */
static void a_new_call_was_never_sent(void **state)
{
    struct request r = key_request("k", NULL, 0);
    struct call *call = call_create(&r, 0, NULL, NULL);
    call->sent = 7;
    call_destroy(call);
    call = call_create(&r, 0, NULL, NULL);
    assert_true(call->sent == 0);
    call_destroy(call);
}

static void count_news(void *owner, const struct call_news *news)
{
    *(int *)owner += news->event == CALL_FAILED;
}

static void news_goes_to_the_owner_while_there_is_one(void **state)
{
    int heard = 0;
    struct request r = key_request("k", NULL, 0);
    struct call_news news = {.event = CALL_FAILED, .failure = "x"};
    struct call *call = call_create(&r, 0, count_news, &heard);
    call_tell(call, &news);
    call->owner = NULL;
    call_tell(call, &news);
    assert_int_equal(heard, 1);
    call_destroy(call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_remembers_what_it_was_made_of),
        cmocka_unit_test(keys_are_met_in_order_and_each_once),
        cmocka_unit_test(a_failed_search_leaves_no_key),
        cmocka_unit_test(a_key_must_be_equal_in_length_too),
        cmocka_unit_test(a_rewritten_key_is_sought_as_sent_and_shown_as_asked),
        cmocka_unit_test(many_keys_of_all_lengths_are_kept),
        cmocka_unit_test(a_new_call_was_never_sent),
        cmocka_unit_test(news_goes_to_the_owner_while_there_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
