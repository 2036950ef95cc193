/* response: what servers answer, whole and cut, and what is no answer of theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/request.h"
#include "protocol/response.h"
#include "protocol/value.h"
#include "unit/protocol/guard.h"
#include <cmocka.h>
#include <stdio.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define IN(text)     text, sizeof(text) - 1
#define K50          "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define K250         K50 K50 K50 K50 K50

enum { MAX_VALUE = 1024 * 1024 };

/* A whole response; of a VALUE, its key and what follows that. */
static const struct whole {
    const char *bytes;
    size_t len;
    enum response_kind kind;
    const char *key, *rest;
} wholes[] = {
    {IN("STORED\r\n"), RESPONSE_STORED},
    {IN("NOT_STORED\r\n"), RESPONSE_NOT_STORED},
    {IN("EXISTS\r\n"), RESPONSE_EXISTS},
    {IN("NOT_FOUND\r\n"), RESPONSE_NOT_FOUND},
    {IN("DELETED\r\n"), RESPONSE_DELETED},
    {IN("TOUCHED\r\n"), RESPONSE_TOUCHED},
    {IN("END\r\n"), RESPONSE_END},
    {IN("0\r\n"), RESPONSE_NUMBER},
    {IN("007\r\n"), RESPONSE_NUMBER},
    {IN("18446744073709551615\r\n"), RESPONSE_NUMBER},
    {IN("VERSION 1.6.18\r\n"), RESPONSE_VERSION},
    {IN("VERSION \r\n"), RESPONSE_VERSION},
    {IN("ERROR\r\n"), RESPONSE_ERROR},
    {IN("ERROR Too many open connections\r\n"), RESPONSE_ERROR},
    {IN("CLIENT_ERROR\r\n"), RESPONSE_CLIENT_ERROR},
    {IN("CLIENT_ERROR bad data chunk\r\n"), RESPONSE_CLIENT_ERROR},
    {IN("SERVER_ERROR\r\n"), RESPONSE_SERVER_ERROR},
    {IN("SERVER_ERROR out of memory storing object\r\n"), RESPONSE_SERVER_ERROR},
    {IN("HD\r\n"), RESPONSE_HD},
    {IN("HD kfoo O12\r\n"), RESPONSE_HD, "foo", " O12\r\n"},
    {IN("EN\r\n"), RESPONSE_EN},
    {IN("NS\r\n"), RESPONSE_NS},
    {IN("EX\r\n"), RESPONSE_EX},
    {IN("NF k\r\n"), RESPONSE_NF, "", "\r\n"},
    {IN("VA 3\r\nabc\r\n"), RESPONSE_VA},
    {IN("VA 0 W\r\n\r\n"), RESPONSE_VA},
    {IN("VA 2 t30 kZm9v b\r\n\r\n\r\n"), RESPONSE_VA, "Zm9v", " b\r\n\r\n\r\n"},
    {IN("ME foo exp=-1 la=1\r\n"), RESPONSE_ME, "foo", " exp=-1 la=1\r\n"},
    {IN("STAT pid 1\r\n"), RESPONSE_STAT},
    {IN("OK\r\n"), RESPONSE_OK},
    {IN("RESET\r\n"), RESPONSE_RESET},
    {IN("VALUE k 0 1\r\na\r\n"), RESPONSE_VALUE, "k", " 0 1\r\na\r\n"},
    {IN("VALUE k 0 0\r\n\r\n"), RESPONSE_VALUE, "k", " 0 0\r\n\r\n"},
    {IN("VALUE k 4294967295 3 18446744073709551615\r\nabc\r\n"), RESPONSE_VALUE, "k",
     " 4294967295 3 18446744073709551615\r\nabc\r\n"},
    {IN("VALUE " K250 " 0 1\r\na\r\n"), RESPONSE_VALUE, K250, " 0 1\r\na\r\n"},
    {IN("VALUE \xff\x80 0 1\r\na\r\n"), RESPONSE_VALUE, "\xff\x80", " 0 1\r\na\r\n"},
    {IN("VALUE \x01\t\x7f 18446744073709551615 1\r\na\r\n"), RESPONSE_VALUE, "\x01\t\x7f",
     " 18446744073709551615 1\r\na\r\n"},
    {IN("VA 1 f18446744073709551615 k\x0b\x1f\r\na\r\n"), RESPONSE_VA, "\x0b\x1f", "\r\na\r\n"},
    {IN("ME \t\x7f exp=-1\r\n"), RESPONSE_ME, "\t\x7f", " exp=-1\r\n"},
    {IN("VALUE k 0 12\r\nEND\r\nSTORED\n\r\n"), RESPONSE_VALUE, "k",
     " 0 12\r\nEND\r\nSTORED\n\r\n"},
};

static void assert_whole(const uint8_t *bytes, size_t len, const struct whole *w)
{
    struct response r;
    enum response_status status = response_parse(bytes, len, MAX_VALUE, &r);
    if (status != RESPONSE_DONE) print_error("%s", w->bytes);
    assert_int_equal(status, RESPONSE_DONE);
    assert_int_equal(r.kind, w->kind);
    assert_ptr_equal(r.bytes, bytes);
    assert_int_equal(r.len, w->len);
    if (!w->key) return;
    assert_int_equal(r.key_len, strlen(w->key));
    assert_memory_equal(r.key, w->key, r.key_len);
    assert_ptr_equal(r.rest, r.key + r.key_len);
    assert_memory_equal(r.rest, w->rest, strlen(w->rest));
}

static void answers_of_memcached_are_taken_as_they_say(void **state)
{
    struct guard g;
    guard_init(&g, 4096);
    for (size_t i = 0; i < COUNT(wholes); i++)
        assert_whole(guard_place(&g, wholes[i].bytes, wholes[i].len), wholes[i].len, &wholes[i]);
    guard_release(&g);
}

static void what_follows_an_answer_does_not_change_it(void **state)
{
    static const char *const behind[] = {"END\r\n", "\r\n", "\n", "x"};
    char text[1024];
    for (size_t i = 0; i < COUNT(wholes) * COUNT(behind); i++) {
        const struct whole *w = &wholes[i / COUNT(behind)];
        const char *more = behind[i % COUNT(behind)];
        memcpy(text, w->bytes, w->len);
        memcpy(text + w->len, more, strlen(more));
        assert_whole((const uint8_t *)text, w->len + strlen(more), w);
    }
}

/* No answer of memcached, once the line is whole. */
static const struct {
    const char *bytes;
    size_t len;
} invalid[] = {
    {IN("\r\n")},
    {IN("\n")},
    {IN("END\n")},
    {IN("END \r\n")},
    {IN(" END\r\n")},
    {IN("end\r\n")},
    {IN("END\r\r\n")},
    {IN("END\0\r\n")},
    {IN("STORED \r\n")},
    {IN("STOREDX\r\n")},
    {IN("VERSION\r\n")},
    {IN("ERRORS\r\n")},
    {IN("HTTP/1.1 400 Bad Request\r\n")},
    {IN("-1\r\n")},
    {IN("+1\r\n")},
    {IN(" 1\r\n")},
    {IN("1 \r\n")},
    {IN("1x\r\n")},
    {IN("18446744073709551616\r\n")},
    {IN("VALUE\r\n")},
    {IN("VALUE \r\n")},
    {IN("VALUE k\r\n")},
    {IN("VALUE k 0\r\n")},
    {IN("VALUE  0 1\r\na\r\n")},
    {IN("VALUE k 0 1 \r\na\r\n")},
    {IN("VALUE k  0 1\r\na\r\n")},
    {IN("VALUE k 0  1\r\na\r\n")},
    {IN("VALUE k 0 1 2 3\r\na\r\n")},
    {IN("VALUE k x 1\r\na\r\n")},
    {IN("VALUE k -1 1\r\na\r\n")},
    {IN("VALUE k 0 1 x\r\na\r\n")},
    {IN("VALUE k 0 1 -1\r\na\r\n")},
    {IN("VALUE k 0 1\na\r\n")},
    {IN("value k 0 1\r\na\r\n")},
    {IN("VALUE " K250 "k 0 1\r\na\r\n")},
    {IN("VALUE k 0 1\r\nab\r\n")},
    {IN("VALUE k 0 1\r\na\n\n")},
    {IN("VALUE k 0 2\r\na\r\nEND\r\n")},
    {IN("VALUE k 0 0\r\nEND\r\n")},
};

/* Lengths as only a broken or hostile server writes them: refused before a byte of the value is awaited. */
static const char *const hostile[] = {
    "",
    "x",
    "-1",
    "-0",
    "+1",
    "1e3",
    "0x10",
    "1,2",
    "\t1",
    "1\t",
    "1048577",
    "2147483647",
    "2147483648",
    "4294967293",
    "4294967296",
    "99999999999",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "999999999999999999999999999999",
};

static enum response_status status_of(const void *bytes, size_t len, size_t max_value)
{
    struct response r;
    return response_parse(bytes, len, max_value, &r);
}

static void what_memcached_does_not_say_is_invalid(void **state)
{
    struct guard g;
    guard_init(&g, 4096);
    for (size_t i = 0; i < COUNT(invalid); i++) {
        enum response_status status =
            status_of(guard_place(&g, invalid[i].bytes, invalid[i].len), invalid[i].len, MAX_VALUE);
        if (status != RESPONSE_INVALID) print_error("%s", invalid[i].bytes);
        assert_int_equal(status, RESPONSE_INVALID);
    }
    guard_release(&g);
}

static void hostile_lengths_are_invalid_as_soon_as_the_line_is_whole(void **state)
{
    static const char *const behind[] = {"", " 7"};
    for (size_t i = 0; i < COUNT(hostile) * 2; i++) {
        char line[128];
        int len =
            snprintf(line, sizeof line, "VALUE /b/c 0 %s%s\r\n", hostile[i / 2], behind[i % 2]);
        assert_int_equal(status_of(line, (size_t)len, MAX_VALUE), RESPONSE_INVALID);
    }
}

static void the_longest_value_is_what_the_caller_says(void **state)
{
    static const char four[] = "VALUE k 0 4\r\nabcd\r\n";
    assert_int_equal(status_of(four, sizeof four - 1, 4), RESPONSE_DONE);
    assert_int_equal(status_of(four, sizeof four - 1, 3), RESPONSE_INVALID);
    assert_int_equal(status_of(four, 13, 3), RESPONSE_INVALID);
}

static void every_strict_prefix_of_an_answer_asks_for_more(void **state)
{
    struct guard g;
    guard_init(&g, 4096);
    for (size_t i = 0; i < COUNT(wholes); i++) {
        const struct whole *w = &wholes[i];
        size_t line = (size_t)((const char *)memchr(w->bytes, '\n', w->len) - w->bytes) + 1;
        for (size_t n = 0; n < w->len; n++) {
            struct response r;
            assert_int_equal(response_parse(guard_place(&g, w->bytes, n), n, MAX_VALUE, &r),
                             RESPONSE_AGAIN);
            assert_int_equal(r.need, n < line ? 0 : w->len);
        }
    }
    guard_release(&g);
}

static void no_prefix_of_a_wrong_answer_is_taken(void **state)
{
    struct guard g;
    guard_init(&g, 4096);
    for (size_t i = 0; i < COUNT(invalid); i++) {
        for (size_t n = 0; n < invalid[i].len; n++)
            assert_int_not_equal(status_of(guard_place(&g, invalid[i].bytes, n), n, MAX_VALUE),
                                 RESPONSE_DONE);
    }
    guard_release(&g);
}

static void a_line_is_at_most_2048_bytes(void **state)
{
    char text[RESPONSE_LINE_MAX + 8];
    memset(text, 'x', sizeof text);
    memcpy(text, "SERVER_ERROR ", 13);
    assert_int_equal(status_of(text, RESPONSE_LINE_MAX - 1, MAX_VALUE), RESPONSE_AGAIN);
    assert_int_equal(status_of(text, RESPONSE_LINE_MAX, MAX_VALUE), RESPONSE_INVALID);
    memcpy(text + RESPONSE_LINE_MAX - 2, "\r\n", 2);
    assert_int_equal(status_of(text, RESPONSE_LINE_MAX, MAX_VALUE), RESPONSE_DONE);
    assert_int_equal(status_of(text, sizeof text, MAX_VALUE), RESPONSE_DONE);
    memcpy(text + RESPONSE_LINE_MAX - 2, "x\r\n", 3);
    assert_int_equal(status_of(text, RESPONSE_LINE_MAX + 1, MAX_VALUE), RESPONSE_INVALID);
}

static void client_flags_have_64_bits_and_are_written_anew(void **state)
{
    static const struct {
        const char *bytes, *rewritten;
    } cases[] = {
        {"VALUE k 18446744073709551615 1\r\na\r\n", "VALUE k 9007199254740993 2\r\nbc\r\n"},
        {"VA 1 f18446744073709551615 s1\r\na\r\n", "VA 2 f9007199254740993 s2\r\nbc\r\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct response r;
        uint8_t room[256];
        const uint8_t *bytes = (const uint8_t *)cases[i].bytes;
        assert_int_equal(response_parse(bytes, strlen(cases[i].bytes), MAX_VALUE, &r),
                         RESPONSE_DONE);
        struct response_value v = response_read(&r);
        assert_true(v.flags == UINT64_MAX);
        v.flags = 9007199254740993;
        v.at = (const uint8_t *)"bc";
        v.len = 2;
        assert_true(response_rewrite_room(&r, &v) <= sizeof room);
        assert_int_equal(response_rewrite(&r, &v, room), strlen(cases[i].rewritten));
        assert_memory_equal(room, cases[i].rewritten, strlen(cases[i].rewritten));
    }
}

static void flags_that_a_server_repeats_have_room(void **state)
{
    static const char bytes[] = "VA 1 f1 f1 f1 f1 f1 f1 c1 c1 c1 s1 f18446744073709551615\r\na\r\n";
    struct response r;
    assert_int_equal(response_parse((const uint8_t *)bytes, sizeof bytes - 1, MAX_VALUE, &r),
                     RESPONSE_DONE);
    struct response_value v = response_read(&r);
    v.cas = UINT64_MAX;
    uint8_t to[512];
    size_t room = response_rewrite_room(&r, &v);
    assert_true(room <= sizeof to);
    assert_in_range(response_rewrite(&r, &v, to), 10 * sizeof " f18446744073709551615" - 10, room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_flags_have_64_bits_and_are_written_anew),
        cmocka_unit_test(flags_that_a_server_repeats_have_room),
        cmocka_unit_test(answers_of_memcached_are_taken_as_they_say),
        cmocka_unit_test(what_follows_an_answer_does_not_change_it),
        cmocka_unit_test(what_memcached_does_not_say_is_invalid),
        cmocka_unit_test(hostile_lengths_are_invalid_as_soon_as_the_line_is_whole),
        cmocka_unit_test(the_longest_value_is_what_the_caller_says),
        cmocka_unit_test(every_strict_prefix_of_an_answer_asks_for_more),
        cmocka_unit_test(no_prefix_of_a_wrong_answer_is_taken),
        cmocka_unit_test(a_line_is_at_most_2048_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
