/* encode: requests as they are sent on, and read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/request.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const struct request_rules RULES = {.max_value = 1024};

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* A request, and the line that a backend gets. */
static const struct {
    enum command command;
    const char *key;
    uint64_t flags;
    double exptime;
    uint64_t number;
    uint32_t value_len;
    const char *line;
} table[] = {
    {COMMAND_GET, "k", 0, 0, 0, 0, "get k"},
    {COMMAND_GETS, "k", 0, 0, 0, 0, "gets k"},
    {COMMAND_GAT, "k", 0, 10, 0, 0, "gat 10 k"},
    {COMMAND_GATS, "k", 0, -1, 0, 0, "gats -1 k"},
    {COMMAND_SET, "k", 0, 0, 0, 0, "set k 0 0 0\r\n"},
    {COMMAND_SET, "k", 4294967295, 2147483647, 0, 134217728,
     "set k 4294967295 2147483647 134217728\r\n"},
    {COMMAND_SET, "k", 1, -2147483648.0, 0, 1, "set k 1 -2147483648 1\r\n"},
    {COMMAND_ADD, "k", 1, 2, 0, 3, "add k 1 2 3\r\n"},
    {COMMAND_REPLACE, "k", 1, 2, 0, 3, "replace k 1 2 3\r\n"},
    {COMMAND_APPEND, "k", 1, 2, 0, 3, "append k 1 2 3\r\n"},
    {COMMAND_PREPEND, "k", 1, 2, 0, 3, "prepend k 1 2 3\r\n"},
    {COMMAND_CAS, "k", 1, 2, UINT64_MAX, 3, "cas k 1 2 3 18446744073709551615\r\n"},
    {COMMAND_DELETE, "k", 0, 0, 0, 0, "delete k\r\n"},
    {COMMAND_INCR, "k", 0, 0, 1, 0, "incr k 1\r\n"},
    {COMMAND_DECR, "k", 0, 0, UINT64_MAX, 0, "decr k 18446744073709551615\r\n"},
    {COMMAND_TOUCH, "k", 0, -5, 0, 0, "touch k -5\r\n"},
};

static void requests_are_written_with_canonical_numbers_and_no_noreply(void **state)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        uint8_t line[REQUEST_LINE_ROOM];
        struct request r = {.command_id = (uint8_t)table[i].command,
                            .key_at = (uintptr_t)table[i].key,
                            .key_len = (uint16_t)strlen(table[i].key),
                            .client_flags = table[i].flags,
                            .exptime = table[i].exptime,
                            .number = table[i].number,
                            .value_len = table[i].value_len,
                            .noreply = 1};
        size_t len = request_encode_line(&r, line);
        assert_int_equal(len, strlen(table[i].line));
        assert_memory_equal(line, table[i].line, len);
    }
}

static void the_longest_request_fits_into_the_room_promised(void **state)
{
    uint8_t key[KEY_MAX], line[REQUEST_LINE_ROOM];
    memset(key, 'k', sizeof key);
    for (unsigned command = COMMAND_GET; command <= COMMAND_TOUCH; command++) {
        struct request r = {.command_id = (uint8_t)command,
                            .key_at = (uintptr_t)key,
                            .key_len = KEY_MAX,
                            .client_flags = UINT64_MAX,
                            .exptime = -2147483648.0,
                            .number = UINT64_MAX,
                            .value_len = UINT32_MAX};
        assert_in_range(request_encode_line(&r, line), KEY_MAX, REQUEST_LINE_ROOM);
    }
}

/* What a client may write, and how it goes on. The values are here only so that the request is whole. */
static const char *const rewritten[][2] = {
    {"  get   k  \r\n", "get k"},
    {"gat +007 k\r\n", "gat 7 k"},
    {"gat 4294967295 k\n", "gat 4294967295 k"},
    {"get k\tx\r\n", "get k\tx"},
    {"set  k  007 +1 -0 noreply\r\n\r\n", "set k 7 1 0\r\n"},
    {"set k -18446744073709551615 \t-1 00001 junk\r\na\r\n", "set k 1 -1 1\r\n"},
    {"set k 4294967297 4294967297 1\na\r\n", "set k 4294967297 4294967297 1\r\n"},
    {"set k 18446744073709551615 9223372036854775807 1\na\r\n",
     "set k 18446744073709551615 9223372036854775807 1\r\n"},
    {"set k 0 -9223372036854775808 1\na\r\n", "set k 0 -9223372036854775808 1\r\n"},
    {"cas k 0 0 1 00018446744073709551615 noreply\r\na\r\n",
     "cas k 0 0 1 18446744073709551615\r\n"},
    {"delete k 0 noreply\r\n", "delete k\r\n"},
    {"incr k -0 noreply\r\n", "incr k 0\r\n"},
    {"decr k 5\tjunk\r\n", "decr k 5\r\n"},
    {"touch k 2147483648 junk\r\n", "touch k 2147483648\r\n"},
    {"touch k 9007199254740993\r\n", "touch k 9007199254740993\r\n"},
    {"delete noreply\r\n", "delete noreply 0\r\n"},
    {"delete noreply noreply\r\n", "delete noreply 0\r\n"},
    {"delete noreply 0 noreply\r\n", "delete noreply 0\r\n"},
    {"delete noreplx\r\n", "delete noreplx\r\n"},
    {"delete noreply0\r\n", "delete noreply0\r\n"},
    {"get noreply\r\n", "get noreply"},
    {"touch noreply 0 noreply\r\n", "touch noreply 0\r\n"},
    {"incr noreply 1\r\n", "incr noreply 1\r\n"},
    {"set noreply 0 0 0 noreply\r\n\r\n", "set noreply 0 0 0\r\n"},
    {"  mg   k   v  t   \r\n", "mg k v t\r\n"},
    {"mg k\tx q T+07 v \r\n", "mg k\tx T7 v\r\n"},
    {"mg k T99999999999\r\n", "mg k T99999999999\r\n"},
    {"mg k Tx !\r\n", "mg k Tx !\r\n"},
    {"ms k  01  q  F+7   T-09 I \r\na\r\n", "ms k 1 F7 T-9 I\r\n"},
    {"ms k 1 F18446744073709551615 T4294967296\r\na\r\n",
     "ms k 1 F18446744073709551615 T4294967296\r\n"},
};

static void what_a_client_may_write_goes_on_in_one_form(void **state)
{
    for (size_t i = 0; i < COUNT(rewritten); i++) {
        uint8_t line[REQUEST_LINE_ROOM];
        struct request r;
        const char *from = rewritten[i][0], *to = rewritten[i][1];
        struct request_parse p = request_parse((const uint8_t *)from, strlen(from), &RULES, &r);
        assert_int_equal(p.status, REQUEST_OK);
        size_t len = request_encode_line(&r, line);
        assert_int_equal(len, strlen(to));
        assert_memory_equal(line, to, len);
    }
}

/* What a script writes is sent; what it leaves alone is sent as it came, though it sees the exptime as memcached reads it. */
static void an_exptime_goes_on_as_it_came_until_another_is_written(void **state)
{
    static const char line[] = "touch k 4294967295\r\n";
    uint8_t to[REQUEST_LINE_ROOM];
    struct request r;
    request_parse((const uint8_t *)line, sizeof line - 1, &RULES, &r);
    assert_true(r.exptime == -1);
    assert_memory_equal(to, "touch k 4294967295\r\n", request_encode_line(&r, to));
    r.exptime = 60;
    assert_int_equal(request_exptime(&r), 60);
    assert_memory_equal(to, "touch k 60\r\n", request_encode_line(&r, to));
}

/* Whole requests; which of them not every server takes. */
static const struct {
    const char *bytes;
    bool odd;
} oddities[] = {
    {"set k 0 0 0\r\n\r\n", false},
    {"set k 4294967295 2147483647 0\r\n\r\n", false},
    {"set k 4294967296 0 0\r\n\r\n", true},
    {"set k 0 2147483648 0\r\n\r\n", true},
    {"set k 0 -2147483648 0\r\n\r\n", false},
    {"append k 0 -2147483649 0\r\n\r\n", true},
    {"cas k 4294967296 0 0 1\r\n\r\n", true},
    {"ms k 0\r\n\r\n", false},
    {"ms Zm9v 0 C1 F0 I MA N0 O7 R30 T30 b c k q\r\n\r\n", false},
    {"ms k 0 D1 J5 L3 P4 f h l s t u v\r\n\r\n", false},
    {"ms k 0 T-1 N-1\r\n\r\n", false},
    {"ms k 0 T+1 F+1\r\n\r\n", false}, /* written again */
    {"ms k 0 N+1\r\n\r\n", true},
    {"ms k 0 C-0\r\n\r\n", true},
    {"ms k 0 D+1\r\n\r\n", true},
    {"ms k 0 C18446744073709551615 J01\r\n\r\n", false},
    {"ms k 0 C000000000000000000001\r\n\r\n", true},
    {"ms k 0 N2147483647 R-2147483648\r\n\r\n", false},
    {"ms k 0 N2147483648\r\n\r\n", true},
    {"ms k 0 R-2147483649\r\n\r\n", true},
    {"ms k 0 N000000000000000000001\r\n\r\n", true},
    {"ms k 0 F4294967296\r\n\r\n", true},
    {"ms k 0 T4294967296\r\n\r\n", true},
    {"ms k 0 E5\r\n\r\n", true},
    {"ms k 0 x\r\n\r\n", true},
    {"ms k 0 S5\r\n\r\n", true},
    {"ms k 0 Z\r\n\r\n", true},
    {"ms k 0 MS\r\n\r\n", false},
    {"ms k 0 Ms\r\n\r\n", true},
    {"ms k 0 MSS\r\n\r\n", true},
    {"ms k 0 M\r\n\r\n", true},
    {"mg k Z T4294967296\r\n", false}, /* no value, nothing to be left in the stream */
    {"ma k Z\r\n", false},
    {"touch k 4294967296\r\n", false},
};

static void requests_are_odd_whose_value_some_server_might_leave(void **state)
{
    for (size_t i = 0; i < COUNT(oddities); i++) {
        struct request r;
        size_t len = strlen(oddities[i].bytes);
        struct request_parse p = request_parse((const uint8_t *)oddities[i].bytes, len, &RULES, &r);
        if (p.status != REQUEST_OK || request_is_odd(&r) != oddities[i].odd)
            fail_msg("%s", oddities[i].bytes);
    }
}

static void a_script_makes_a_request_odd_and_plain_again(void **state)
{
    static const char line[] = "set k 0 4294967296 0\r\n\r\n";
    struct request r;
    request_parse((const uint8_t *)line, sizeof line - 1, &RULES, &r);
    assert_true(request_is_odd(&r));
    r.exptime = 1;
    assert_false(request_is_odd(&r));
    r.client_flags = (uint64_t)UINT32_MAX + 1;
    assert_true(request_is_odd(&r));
}

static void what_was_written_reads_as_the_same_request(void **state)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        char text[256];
        struct request r;
        unsigned shape = command_info(table[i].command)->shape;
        if (table[i].value_len > 3) continue;
        int len = snprintf(text, sizeof text, "%s%.*s%s", table[i].line, (int)table[i].value_len,
                           "abc", shape == SHAPE_RETRIEVE || shape == SHAPE_STORE ? "\r\n" : "");
        struct request_parse p = request_parse((const uint8_t *)text, (size_t)len, &RULES, &r);
        assert_int_equal(p.status, REQUEST_OK);
        assert_int_equal(p.consumed, len);
        assert_int_equal(r.command_id, table[i].command);
        assert_int_equal(r.key_len, strlen(table[i].key));
        assert_memory_equal((const void *)r.key_at, table[i].key, r.key_len);
        assert_true(r.client_flags == table[i].flags && r.exptime == table[i].exptime);
        assert_true(r.number == table[i].number && r.value_len == table[i].value_len && !r.noreply);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_written_with_canonical_numbers_and_no_noreply),
        cmocka_unit_test(the_longest_request_fits_into_the_room_promised),
        cmocka_unit_test(what_a_client_may_write_goes_on_in_one_form),
        cmocka_unit_test(an_exptime_goes_on_as_it_came_until_another_is_written),
        cmocka_unit_test(requests_are_odd_whose_value_some_server_might_leave),
        cmocka_unit_test(a_script_makes_a_request_odd_and_plain_again),
        cmocka_unit_test(what_was_written_reads_as_the_same_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
