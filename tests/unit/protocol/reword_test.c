/* reword: a get in the words of mg, and what comes back in the words of get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/reword.h"
#include "unit/protocol/guard.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define K50          "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define K250         K50 K50 K50 K50 K50

enum { MAX_VALUE = 1024 * 1024 };

static enum response_status parse(const uint8_t *bytes, size_t len, const char *key,
                                  struct response *r, struct reword *w)
{
    return reword_parse(bytes, len, MAX_VALUE, (const uint8_t *)key, strlen(key), r, w);
}

static void a_key_is_asked_for_with_all_that_a_get_brings(void **state)
{
    uint8_t line[REWORD_LINE_ROOM];
    size_t len = reword_line((const uint8_t *)"a\tb\xff", 4, line);
    assert_int_equal(len, strlen("mg a\tb\xff v f c k\r\n"));
    assert_memory_equal(line, "mg a\tb\xff v f c k\r\n", len);
    len = reword_line((const uint8_t *)K250, 250, line);
    assert_true(len <= sizeof line && memcmp(line, "mg " K250 " v f c k\r\n", len) == 0);
}

/* What comes for a key, and what the client of a get sees. */
static const struct row {
    const char *key, *came, *seen;
    bool is_same, is_won;
} rows[] = {
    {"k", "VA 1 f0 c1 kk\r\nx\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n", true},
    {"k", "VA 0 f0 c1 kk\r\n\r\n", "VALUE k 0 0\r\n\r\nEND\r\n", true},
    {"user:1", "VA 3 f4294967295 c7 kuser:1\r\nabc\r\n",
     "VALUE user:1 4294967295 3\r\nabc\r\nEND\r\n", true},
    {"k", "VA 5 f18446744073709551615 c18446744073709551615 kk\r\nEND\r\n\r\n",
     "VALUE k 18446744073709551615 5\r\nEND\r\n\r\nEND\r\n", true},
    {K250, "VA 2 f1 c9 k" K250 "\r\nab\r\n", "VALUE " K250 " 1 2\r\nab\r\nEND\r\n", true},
    {"\xff\x01\t", "VA 1 f0 c3 k\xff\x01\t\r\n\n\r\n", "VALUE \xff\x01\t 0 1\r\n\n\r\nEND\r\n",
     true},
    {"k", "VA 1 f2 c31 kk X W\r\nx\r\n", "VALUE k 2 1\r\nx\r\nEND\r\n", false, true},
    {"k", "VA 1 f2 c31 kk W X\r\nx\r\n", "VALUE k 2 1\r\nx\r\nEND\r\n", false, true},
    {"k", "VA 1 f2 c31 kk Z X\r\nx\r\n", "VALUE k 2 1\r\nx\r\nEND\r\n", false, false},
    {"foo", "VA 1 f0 c3 kZm9v b\r\nx\r\n", "VALUE foo 0 1\r\nx\r\nEND\r\n", false, false},
    {"foo", "VA 1 f0 c3 kZm9v b X W\r\nx\r\n", "VALUE foo 0 1\r\nx\r\nEND\r\n", false, true},
    {"k", "VA 1 kk c3 f0\r\nx\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n", false, false},
    {"k", "VA 1 kk W c3 s1 f07\r\nx\r\n", "VALUE k 07 1\r\nx\r\nEND\r\n", false, true},
};

/* The rest of the block is the next response, of which not a byte more is changed. */
static void a_hit_becomes_a_value_in_its_place(void **state)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *row = &rows[i];
        static const char next[] = "EN\r\nVA 9";
        size_t len = strlen(row->came);
        uint8_t bytes[1024];
        struct response r;
        struct reword w;
        memcpy(bytes, row->came, len);
        memcpy(bytes + len, next, sizeof next);
        enum response_status status = parse(bytes, len + sizeof next - 1, row->key, &r, &w);
        if (status != RESPONSE_DONE || w.is_same != row->is_same || w.is_won != row->is_won)
            print_error("%s", row->came);
        assert_int_equal(status, RESPONSE_DONE);
        assert_true(w.is_same == row->is_same && w.is_won == row->is_won);
        assert_true(r.kind == RESPONSE_VA && r.len == len);

        struct response v =
            reword_value(&r, &w, bytes, (const uint8_t *)row->key, strlen(row->key));
        assert_int_equal(v.len, strlen(row->seen));
        assert_memory_equal(v.bytes, row->seen, v.len);
        assert_true(v.bytes >= bytes && v.bytes + v.len == bytes + len + REWORD_END);
        assert_memory_equal(bytes + len + REWORD_END, next + REWORD_END, sizeof next - REWORD_END);
        assert_true(v.kind == RESPONSE_VALUE && v.key == v.bytes + 6);
        assert_int_equal(v.key_len, strlen(row->key));
        assert_ptr_equal(v.rest, v.key + v.key_len);
    }
}

/* response_parse, which knows all responses, finds the same: kind, length, and how much is to come. */
static void every_cut_answer_waits_for_its_rest(void **state)
{
    struct guard g;
    guard_init(&g, 1024);
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t whole = strlen(rows[i].came);
        for (size_t len = 0; len < whole; len++) {
            const uint8_t *bytes = guard_place(&g, rows[i].came, len);
            struct response r, other;
            struct reword w;
            assert_int_equal(parse(bytes, len, rows[i].key, &r, &w), RESPONSE_AGAIN);
            assert_int_equal(response_parse(bytes, len, MAX_VALUE, &other), RESPONSE_AGAIN);
            assert_int_equal(r.need, other.need);
        }
    }
    guard_release(&g);
}

static void what_is_no_hit_is_read_as_any_response(void **state)
{
    static const struct {
        const char *text;
        enum response_kind kind;
    } others[] = {
        {"EN\r\n", RESPONSE_EN},       {"EN kk\r\n", RESPONSE_EN},
        {"ERROR\r\n", RESPONSE_ERROR}, {"CLIENT_ERROR x\r\n", RESPONSE_CLIENT_ERROR},
        {"HD\r\n", RESPONSE_HD},       {"SERVER_ERROR out of memory\r\n", RESPONSE_SERVER_ERROR},
        {"END\r\n", RESPONSE_END},     {"VALUE k 0 1\r\nx\r\n", RESPONSE_VALUE},
    };
    for (size_t i = 0; i < COUNT(others); i++) {
        struct response r;
        struct reword w;
        size_t len = strlen(others[i].text);
        assert_int_equal(parse((const uint8_t *)others[i].text, len, "k", &r, &w), RESPONSE_DONE);
        assert_true(r.kind == others[i].kind && r.len == len && !w.is_same);
    }
}

/* What was asked for is all there, once, and in digits; otherwise the stream is out of step. */
static void a_hit_without_all_that_was_asked_for_is_no_answer(void **state)
{
    static const char *const wrong[] = {
        "VA 1\r\nx\r\n",
        "VA 1 f0 c1\r\nx\r\n",
        "VA 1 f0 kk\r\nx\r\n",
        "VA 1 c1 kk\r\nx\r\n",
        "VA 1 f c1 kk\r\nx\r\n",
        "VA 1 f0 c kk\r\nx\r\n",
        "VA 1 f-1 c1 kk\r\nx\r\n",
        "VA 1 f0x c1 kk\r\nx\r\n",
        "VA 1 f0 c1 f0 kk\r\nx\r\n",
        "VA 1 f0 c1 c2 kk\r\nx\r\n",
        "VA 1 f0 c1 kk\r\nxy\r\n",
        "VA 1 f0 c1 kk\nx\r\n",
        "VA 1048577 f0 c1 kk\r\nx\r\n",
        "VA 99999999999999999999 f0 c1 kk\r\nx\r\n",
        "VA x f0 c1 kk\r\nx\r\n",
        "VA 1 f111111111111111111111 c1 kk\r\nx\r\n",
        "hello\r\n",
        "\r\n",
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct response r;
        struct reword w;
        enum response_status status =
            parse((const uint8_t *)wrong[i], strlen(wrong[i]), "k", &r, &w);
        if (status != RESPONSE_INVALID) print_error("%s", wrong[i]);
        assert_int_equal(status, RESPONSE_INVALID);
    }
}

/* A key that begins like the one that was sent, or ends before it, is left to the caller to compare. */
static void a_key_of_another_length_is_not_the_same(void **state)
{
    static const char *const came[] = {"VA 1 f0 c1 kuser:11\r\nx\r\n", "VA 1 f0 c1 kuser:\r\nx\r\n",
                                       "VA 1 f0 c1 kUser:1\r\nx\r\n", "VA 1 f0 c1 k\r\nx\r\n"};
    for (size_t i = 0; i < COUNT(came); i++) {
        struct response r;
        struct reword w;
        assert_int_equal(parse((const uint8_t *)came[i], strlen(came[i]), "user:1", &r, &w),
                         RESPONSE_DONE);
        assert_false(w.is_same);
        assert_non_null(r.key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_asked_for_with_all_that_a_get_brings),
        cmocka_unit_test(a_hit_becomes_a_value_in_its_place),
        cmocka_unit_test(every_cut_answer_waits_for_its_rest),
        cmocka_unit_test(what_is_no_hit_is_read_as_any_response),
        cmocka_unit_test(a_hit_without_all_that_was_asked_for_is_no_answer),
        cmocka_unit_test(a_key_of_another_length_is_not_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
