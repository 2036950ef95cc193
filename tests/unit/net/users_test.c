/* users: which files are read, what is refused and in which line, and whom they let in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/users.h"

#define A50  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A250 A50 A50 A50 A50 A50

static struct users *read_text(const char *text)
{
    char why[USERS_WHY] = "";
    struct users *u = users_read(text, strlen(text), why);
    assert_string_equal(why, "");
    assert_non_null(u);
    return u;
}

static bool knows(const struct users *u, const char *name, const char *password)
{
    return users_know(u, name, strlen(name), password, strlen(password));
}

static void a_user_is_known_by_name_and_password(void **state)
{
    struct users *u = read_text("app:secret\nbob:with space\r\njoe:a:b:\nlast:one");
    assert_int_equal(users_count(u), 4);
    assert_true(knows(u, "app", "secret"));
    assert_true(knows(u, "bob", "with space"));
    assert_true(knows(u, "joe", "a:b:"));
    assert_true(knows(u, "last", "one"));
    static const char *const wrong[][2] = {
        {"app", "secre"},  {"app", "secret "}, {"app", "secreT"}, {"app", ""},
        {"ap", "secret"},  {"appp", "secret"}, {"App", "secret"}, {"", "secret"},
        {"app", "one"},    {"last", "secret"}, {"", ""},          {"bob", "with space\r"},
        {"nobody", "one"}, {"app:secret", ""}, {"joe", "a"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(knows(u, wrong[i][0], wrong[i][1]));
    users_give(u);
}

/* A zero byte, and what is longer than any name. */
static void any_bytes_may_be_asked_for(void **state)
{
    char big[4096];
    memset(big, 'a', sizeof big);
    struct users *u = read_text(A250 ":" A250 "\nx:y\n");
    assert_true(users_know(u, big, 250, big, 250));
    for (size_t n = 251; n < 600; n++) {
        assert_false(users_know(u, big, n, big, 250));
        assert_false(users_know(u, big, 250, big, n));
    }
    assert_false(users_know(u, big, sizeof big, big, sizeof big));
    assert_false(users_know(u, "x\0", 2, "y", 1));
    assert_false(users_know(u, "x", 1, "y\0", 2));
    assert_false(users_know(u, "\0", 1, "\0", 1));
    assert_false(users_know(u, "", 0, "", 0));
    users_give(u);
}

static void a_name_may_have_several_passwords(void **state)
{
    struct users *u = read_text("app:old\napp:new\n");
    assert_true(knows(u, "app", "old") && knows(u, "app", "new"));
    assert_false(knows(u, "app", "oldnew"));
    assert_ptr_equal(users_take(u), u);
    users_give(u);
    assert_true(knows(u, "app", "old"));
    users_give(u);
    users_give(NULL);
}

static void a_bad_line_is_refused_by_its_number_and_not_shown(void **state)
{
    static const struct {
        const char *text, *why;
    } table[] = {
        {"", "it is empty: write a line user:password for each user"},
        {"\n", "line 1: it is empty: each line must be user:password"},
        {"a:b\n\nc:d\n", "line 2: it is empty: each line must be user:password"},
        {"a:b\r\n\r\n", "line 2: it is empty: each line must be user:password"},
        {"a:b\nhunter2\n", "line 2: it has no colon: write user:password"},
        {":b\n", "line 1: it has no user name: write user:password"},
        {"a:b\nc:", "line 2: it has no password: write user:password"},
        {"a b:c\n", "line 1: the user name has a space, which no client could send"},
        {"a:b\rc\n", "line 1: it has control bytes: write user:password as text"},
        {"a:b\tc\n", "line 1: it has control bytes: write user:password as text"},
        {"a:b\x7f\n", "line 1: it has control bytes: write user:password as text"},
        {A250 "a:b\n", "line 1: the user name is longer than 250 bytes"},
        {"a:b\nc:" A250 "a\n", "line 2: the password is longer than 250 bytes"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char why[USERS_WHY];
        assert_null(users_read(table[i].text, strlen(table[i].text), why));
        assert_string_equal(why, table[i].why);
    }
    char why[USERS_WHY];
    assert_null(users_read("a:b\0c\n", 6, why));
    assert_string_equal(why, "line 1: it has control bytes: write user:password as text");
}

static void there_may_be_1024_users(void **state)
{
    static char text[USERS_MOST * 16 + 64];
    char why[USERS_WHY], name[16];
    size_t n = 0;
    for (int i = 0; i < USERS_MOST; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "u%d:p%d\n", i, i);
    struct users *u = users_read(text, n, why);
    assert_non_null(u);
    assert_int_equal(users_count(u), USERS_MOST);
    for (int i = 0; i < USERS_MOST; i++) {
        snprintf(name, sizeof name, "p%d", i);
        assert_true(knows(u, (snprintf(text, 16, "u%d", i), text), name));
        assert_false(knows(u, text, "p"));
    }
    users_give(u);
    for (n = 0; n < 4 * (USERS_MOST + 1); n += 4) memcpy(text + n, "a:b\n", 4);
    assert_null(users_read(text, n, why));
    assert_string_equal(why, "line 1025: more than 1024 users: leave some out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_is_known_by_name_and_password),
        cmocka_unit_test(any_bytes_may_be_asked_for),
        cmocka_unit_test(a_name_may_have_several_passwords),
        cmocka_unit_test(a_bad_line_is_refused_by_its_number_and_not_shown),
        cmocka_unit_test(there_may_be_1024_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
