/* auth: what memcached 1.6.18 answers to first commands with -Y, in front of a page that may not be touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/auth.h"
#include "protocol/request.h"
#include "unit/protocol/guard.h"
#include <cmocka.h>
#include <stdio.h>

#define IN(text) text, sizeof(text) - 1
#define NOT_YET  "CLIENT_ERROR unauthenticated\r\n"
#define WORDS    "CLIENT_ERROR bad authentication token format\r\n"
#define END      "CLIENT_ERROR bad command line termination\r\n"
#define LONG     "CLIENT_ERROR auth token too long\r\n"

enum { ROOM = 2 * LINE_MAX_BYTES + AUTH_VALUE_MAX };

/* The whole of a try, and whom it names. */
static const struct {
    const char *bytes;
    size_t len;
    const char *user, *password;
} tries[] = {
    {IN("set x 0 0 10\r\napp secret\r\n"), "app", "secret"},
    {IN("set x 0 0 10\napp secret\r\n"), "app", "secret"},
    {IN("set x 0 0 10 noreply\r\napp secret\r\n"), "app", "secret"},
    {IN("set x 0 0 10 1 2 3 4 5\r\napp secret\r\n"), "app", "secret"},
    {IN("  set  x  0  0  10 \r\napp secret\r\n"), "app", "secret"},
    {IN("set x a b 10\r\napp secret\r\n"), "app", "secret"},
    {IN("set x 0 0 +10\r\napp secret\r\n"), "app", "secret"},
    {IN("set x 0 0 010\r\napp secret\r\n"), "app", "secret"},
    {IN("set x 0 0 10\t\r\napp secret\r\n"), "app", "secret"},
    {IN("set x 0 0 11\r\n app secret\r\n"), "app", "secret"},
    {IN("set x 0 0 11\r\napp  secret\r\n"), "app", "secret"},
    {IN("set x 0 0 12\r\napp secret x\r\n"), "app", "secret"},
    {IN("set x 0 0 12\r\napp secret\0z\r\n"), "app", "secret"},
    {IN("set x 0 0 18\r\nbob pw with spaces\r\n"), "bob", "pw"},
    {IN("set x 0 0 5\r\na\nb c\r\n"), "a\nb", "c"},
    {IN("set x 0 0 3\r\na b\r\n"), "a", "b"},
};

/* What is refused, how much of it is taken, and with which words. */
static const struct {
    const char *bytes;
    size_t len, consumed;
    const char *error;
} refused[] = {
    {IN("get a\r\n"), 7, NOT_YET},
    {IN("get a\r\nget b\r\n"), 7, NOT_YET},
    {IN("quit\r\n"), 6, NOT_YET},
    {IN("version\n"), 8, NOT_YET},
    {IN("\n\n"), 1, NOT_YET},
    {IN("\ng"), 1, NOT_YET},
    {IN("\r\n"), 2, NOT_YET},
    {IN("SET x 0 0 10\r\napp secret\r\n"), 14, NOT_YET},
    {IN("add x 0 0 10\r\napp secret\r\n"), 14, NOT_YET},
    {IN("sets x 0 0 10\r\n"), 15, NOT_YET},
    {IN("set\tx 0 0 10\r\n"), 14, NOT_YET},
    {IN("set x 0 0\r\n"), 11, NOT_YET},
    {IN("set x 0 0 \r\n"), 12, NOT_YET},
    {IN("set x 0 0 10abc\r\n"), 17, NOT_YET},
    {IN("set x 0 0 -1\r\n"), 14, NOT_YET},
    {IN("set x 0 0 0x10\r\n"), 16, NOT_YET},
    {IN("set x 0 0 99999999999999999999\r\n"), 32, NOT_YET},
    {IN("set x\0 0 0 10\r\n"), 15, NOT_YET},
    {IN("\x80\x0a\0\0"), 2, NOT_YET},
    {IN("set x 0 0 0\r\n\r\n"), 15, WORDS},
    {IN("set x 0 0 1\r\n \r\n"), 16, WORDS},
    {IN("set x 0 0 3\r\napp\r\n"), 18, WORDS},
    {IN("set x 0 0 4\r\napp \r\n"), 19, WORDS},
    {IN("set x 0 0 10\r\napp\tsecret\r\n"), 26, WORDS},
    {IN("set x 0 0 10\r\n\0pp secret\r\n"), 26, WORDS},
    {IN("set x 0 0 9\r\napp secret\r\n"), 24, END},
    {IN("set x 0 0 10\r\napp secret\nm"), 26, END},
    {IN("set x 0 0 10\r\napp secretX\n"), 26, END},
};

static struct guard guard;

static struct auth_parse parse(const void *bytes, size_t len)
{
    return auth_parse(guard_place(&guard, bytes, len), len);
}

static void is_name(struct auth_name n, const char *text)
{
    assert_int_equal(n.len, strlen(text));
    assert_memory_equal(n.at, text, n.len);
}

/* Each strict prefix asks for more, and says for how much once the line is whole. */
static void asks_for_more(const char *bytes, size_t len)
{
    size_t line = (size_t)((const char *)memchr(bytes, '\n', len) - bytes) + 1;
    for (size_t n = 1; n < len; n++) {
        struct auth_parse p = parse(bytes, n);
        assert_int_equal(p.status, AUTH_AGAIN);
        assert_int_equal(p.consumed, 0);
        assert_int_equal(p.need, n < line || n < 2 ? 0 : len);
    }
}

static void tries_name_a_user_and_a_password(void **state)
{
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        struct auth_parse p = parse(tries[i].bytes, tries[i].len);
        print_message("%s", tries[i].bytes);
        assert_int_equal(p.status, AUTH_TRY);
        assert_int_equal(p.consumed, tries[i].len);
        is_name(p.user, tries[i].user);
        is_name(p.password, tries[i].password);
        asks_for_more(tries[i].bytes, tries[i].len);
    }
}

static void other_lines_are_refused_one_by_one(void **state)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct auth_parse p = parse(refused[i].bytes, refused[i].len);
        print_message("%s", refused[i].bytes);
        assert_int_equal(p.status, AUTH_REFUSED);
        assert_int_equal(p.consumed, refused[i].consumed);
        assert_string_equal(p.error, refused[i].error);
        asks_for_more(refused[i].bytes, refused[i].consumed);
    }
}

static void what_follows_is_not_looked_at(void **state)
{
    struct auth_parse p = parse(IN("set x 0 0 10\r\napp secret\r\nset x 0 0 1"));
    assert_int_equal(p.status, AUTH_TRY);
    assert_int_equal(p.consumed, 26);
}

/* The largest value, and one byte more; the longest line, and one byte more. */
static void there_is_a_limit_for_lines_and_values(void **state)
{
    char bytes[ROOM];
    int n = snprintf(bytes, sizeof bytes, "set x 0 0 %d\r\n", AUTH_VALUE_MAX);
    memset(bytes + n, 'y', AUTH_VALUE_MAX);
    memcpy(bytes + n + AUTH_VALUE_MAX - 3, " zz\r\n", 5);
    struct auth_parse p = parse(bytes, (size_t)n + AUTH_VALUE_MAX + 2);
    assert_int_equal(p.status, AUTH_TRY);
    assert_int_equal(p.user.len, AUTH_VALUE_MAX - 3);
    p = parse(IN("set x 0 0 2049\r\n"));
    assert_int_equal(p.status, AUTH_CLOSE);
    assert_string_equal(p.error, LONG);
    assert_int_equal(parse(IN("set x 0 0 4294967295\r\nab")).status, AUTH_CLOSE);
    assert_int_equal(parse(IN("set x 0 0 18446744073709551615\r\n")).status, AUTH_CLOSE);
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(parse(bytes, LINE_MAX_BYTES).status, AUTH_AGAIN);
    p = parse(bytes, LINE_MAX_BYTES + 1);
    assert_int_equal(p.status, AUTH_CLOSE);
    assert_null(p.error);
    bytes[LINE_MAX_BYTES] = '\n';
    assert_int_equal(parse(bytes, sizeof bytes).status, AUTH_REFUSED);
    bytes[LINE_MAX_BYTES] = 'x';
    bytes[LINE_MAX_BYTES + 1] = '\n';
    assert_int_equal(parse(bytes, sizeof bytes).status, AUTH_CLOSE);
}

static int open_guard(void **state)
{
    guard_init(&guard, ROOM);
    return 0;
}

static int close_guard(void **state)
{
    guard_release(&guard);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tries_name_a_user_and_a_password),
        cmocka_unit_test(other_lines_are_refused_one_by_one),
        cmocka_unit_test(what_follows_is_not_looked_at),
        cmocka_unit_test(there_is_a_limit_for_lines_and_values),
    };
    return cmocka_run_group_tests(tests, open_guard, close_guard);
}
