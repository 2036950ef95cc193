/* credential: the file of the option `auth`, what is wrong with one, and how long what it says is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"
#include "backend/credential.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    struct backends set;
    struct arena arena;
    struct board_worker part;
    char why[CREDENTIAL_WHY];
} w;

static int make(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    arena_init(&w.arena, 1024);
    backends_init(&w.set, NULL, &w.arena, &w.part);
    return 0;
}

static int forget(void **state)
{
    (void)state;
    backends_release(&w.set);
    arena_release(&w.arena);
    return 0;
}

static uint32_t get(const char *text, enum credential_mechanism mechanism)
{
    return credential_get(&w.set, text, strlen(text), mechanism, w.why);
}

static struct backend *server_with(uint32_t number)
{
    struct backend_settings settings = backend_settings_default();
    struct addr_spec spec;
    settings.auth = number;
    assert_null(addr_spec_parse(&spec, "10.0.0.1:11211", 14));
    return backends_get(&w.set, "10.0.0.1:11211", &spec, &settings);
}

static void a_line_is_a_user_and_a_password(void **state)
{
    (void)state;
    static const char *const files[][3] = {
        {"al:pw", "set moongate_auth 0 -1 5\r\nal pw\r\n", "\0al\0pw"},
        {"al:pw\n", "set moongate_auth 0 -1 5\r\nal pw\r\n", "\0al\0pw"},
        {"al:pw\r\n\r\n\n", "set moongate_auth 0 -1 5\r\nal pw\r\n", "\0al\0pw"},
        {"a:b:c d\n", "set moongate_auth 0 -1 7\r\na b:c d\r\n", "\0a\0b:c d"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char command[CREDENTIAL_COMMAND_ROOM];
        uint32_t number = get(files[i][0], CREDENTIAL_ASCII);
        assert_int_not_equal(number, 0);
        struct backend *b = server_with(number);
        assert_true(credential_is_ascii(b) && !credential_is_sasl(b));
        size_t len = credential_write_ascii(b, command);
        assert_int_equal(len, strlen(files[i][1]));
        assert_memory_equal(command, files[i][1], len);
        len = credential_write_plain(b, command);
        size_t user = strlen(files[i][2] + 1), password = strlen(files[i][2] + user + 2);
        assert_int_equal(len, user + password + 2);
        assert_memory_equal(command, files[i][2], len);
        backend_give(b);
        credential_give(&w.set, number);
    }
}

static void the_longest_ones_have_room(void **state)
{
    (void)state;
    char text[600], command[CREDENTIAL_COMMAND_ROOM];
    memset(text, 'u', 250);
    text[250] = ':';
    memset(text + 251, 'p', 250);
    uint32_t number = credential_get(&w.set, text, 501, CREDENTIAL_ASCII, w.why);
    assert_int_not_equal(number, 0);
    struct backend *b = server_with(number);
    assert_true(credential_write_ascii(b, command) < sizeof command);
    assert_int_equal(credential_write_plain(b, command), 502);
    backend_give(b);
    credential_give(&w.set, number);
}

static void what_is_wrong_is_said_without_what_the_file_says(void **state)
{
    (void)state;
    static char long_user[300], long_password[300];
    snprintf(long_user, sizeof long_user, "%0251d:pwhidden", 0);
    snprintf(long_password, sizeof long_password, "hidden:%0251d", 0);
    const struct {
        const char *text, *why;
        enum credential_mechanism mechanism;
    } rows[] = {
        {"hidden", "has no line user:password", CREDENTIAL_ASCII},
        {"\nhidden:x\n", "has more than one line: it takes one, user:password", CREDENTIAL_ASCII},
        {"hidden:x\nother:y\n", "has more than one line: it takes one, user:password",
         CREDENTIAL_ASCII},
        {":hidden", "has an empty user or password", CREDENTIAL_ASCII},
        {"hidden:\n", "has an empty user or password", CREDENTIAL_SASL},
        {"hid den:x", "has a user with a space, which ends a user for memcached", CREDENTIAL_ASCII},
        {long_user, "has a user or a password of more than 250 bytes", CREDENTIAL_SASL},
        {long_password, "has a user or a password of more than 250 bytes", CREDENTIAL_ASCII},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(get(rows[i].text, rows[i].mechanism), 0);
        assert_string_equal(w.why, rows[i].why);
        assert_null(strstr(w.why, "hid"));
    }
    assert_int_equal(credential_get(&w.set, "a\0b:c", 5, CREDENTIAL_SASL, w.why), 0);
    assert_string_equal(w.why, "has a NUL");
    assert_int_not_equal(get("hid den:x", CREDENTIAL_SASL), 0); /* ends with a NUL there */
}

static void equal_ones_are_one_and_go_with_their_last_user(void **state)
{
    (void)state;
    uint32_t one = get("al:pw\n", CREDENTIAL_ASCII), same = get("al:pw", CREDENTIAL_ASCII);
    uint32_t sasl = get("al:pw", CREDENTIAL_SASL), other = get("al:pX", CREDENTIAL_ASCII);
    assert_true(one == same && one != sasl && one != other && sasl != other);
    assert_string_equal(credential_show(&w.set, one), "ascii");
    assert_string_equal(credential_show(&w.set, sasl), "sasl");
    assert_string_equal(credential_show(&w.set, 0), "no");
    credential_give(&w.set, one);
    struct backend *b = server_with(same);
    credential_give(&w.set, same);
    assert_true(credential_is_ascii(b)); /* the backend has one, too */
    assert_int_equal(get("al:pw", CREDENTIAL_ASCII), one);
    credential_give(&w.set, one);
    credential_give(&w.set, 0);
    backend_give(b);
    backends_sweep(&w.set);
    assert_int_equal(get("new:one", CREDENTIAL_ASCII), one); /* its place is free */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_is_a_user_and_a_password, make, forget),
        cmocka_unit_test_setup_teardown(the_longest_ones_have_room, make, forget),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_said_without_what_the_file_says, make,
                                        forget),
        cmocka_unit_test_setup_teardown(equal_ones_are_one_and_go_with_their_last_user, make,
                                        forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
