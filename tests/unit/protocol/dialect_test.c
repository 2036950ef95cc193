/* dialect: what a server understands, by its version and its answer to `mn`, and when it is in step after a refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/dialect.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *line;
    uint32_t version;
} lines[] = {
    {"VERSION 1.6.18\r\n", 10618},
    {"VERSION 1.4.25 Ubuntu\r\n", 10425},
    {"VERSION 1.6.21_4_gabc\r\n", 10621},
    {"VERSION 1.6.45", 10645},
    {"VERSION 2.0.0\r\n", 20000},
    {"VERSION UNKNOWN\r\n", 0},
    {"VERSION\r\n", 0},
    {"VERSION \r\n", 0},
    {"VERSION 1\r\n", 0},
    {"VERSION 1.6\r\n", 0},
    {"VERSION 1.6.\r\n", 0},
    {"VERSION 1..6\r\n", 0},
    {"VERSION 1.6.100\r\n", 0},
    {"VERSION 1000.6.1\r\n", 0},
    {"VERSION -1.6.1\r\n", 0},
    {"VERSION mcrouter 0.41.0\r\n", 0},
    {"ERROR\r\n", 0},
    {"\n", 0},
};

static void versions_are_three_numbers(void **state)
{
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        size_t len = strlen(lines[i].line);
        uint32_t version = dialect_read_version((const uint8_t *)lines[i].line, len);
        if (version != lines[i].version) fail_msg("%s is %u", lines[i].line, version);
    }
    assert_int_equal(dialect_number("1.6.9", 5), 10609);
    assert_int_equal(dialect_number("", 0), 0);
}

/* version, says MN, command, odd, fit */
static const struct {
    uint32_t version;
    bool says_mn;
    unsigned command;
    unsigned traits;
    enum dialect_fit fit;
} fits[] = {
    {10618, true, COMMAND_GET, 0, DIALECT_TAKES},
    {10618, true, COMMAND_SET, 0, DIALECT_TAKES},
    {10618, true, COMMAND_SET, DIALECT_ODD, DIALECT_APART},
    {10618, true, COMMAND_CAS, DIALECT_ODD, DIALECT_APART},
    {10618, true, COMMAND_META_GET, 0, DIALECT_TAKES},
    {10618, true, COMMAND_META_GET, DIALECT_ODD, DIALECT_TAKES},
    {10618, true, COMMAND_META_SET, 0, DIALECT_TAKES},
    {10618, true, COMMAND_META_SET, DIALECT_ODD, DIALECT_APART},
    {10645, true, COMMAND_META_SET, 0, DIALECT_TAKES},
    {10646, true, COMMAND_META_SET, 0, DIALECT_APART}, /* nobody has looked at it */
    {10646, true, COMMAND_META_DELETE, 0, DIALECT_TAKES},
    {10646, true, COMMAND_SET, 0, DIALECT_TAKES},
    {0, true, COMMAND_META_SET, 0, DIALECT_APART}, /* built from git: VERSION UNKNOWN */
    {0, true, COMMAND_META_GET, 0, DIALECT_TAKES},
    {10610, true, COMMAND_META_SET, 0, DIALECT_TAKES},
    {10609, true, COMMAND_META_SET, 0, DIALECT_LACKS}, /* another form of ms */
    {10609, true, COMMAND_META_GET, 0, DIALECT_LACKS},
    {10606, true, COMMAND_META_DEBUG, 0, DIALECT_LACKS},
    {10606, true, COMMAND_SET, 0, DIALECT_TAKES},
    {10618, false, COMMAND_META_GET, 0, DIALECT_LACKS}, /* nutcracker before it */
    {10618, false, COMMAND_META_SET, DIALECT_ODD, DIALECT_LACKS},
    {10618, false, COMMAND_META_ARITHMETIC, 0, DIALECT_LACKS},
    {0, false, COMMAND_META_SET, 0, DIALECT_LACKS},
    {0, false, COMMAND_SET, 0, DIALECT_TAKES},
    {10425, false, COMMAND_GAT, 0, DIALECT_TAKES},
    {0, false, COMMAND_SET, DIALECT_LARGE, DIALECT_APART}, /* its refusal would not be in step */
    {0, false, COMMAND_SET, DIALECT_RARE, DIALECT_TAKES},
    {10618, true, COMMAND_SET, DIALECT_LARGE, DIALECT_TAKES},
};

static void what_a_server_takes_is_known_by_version_and_noop(void **state)
{
    for (size_t i = 0; i < sizeof fits / sizeof *fits; i++) {
        struct dialect d = dialect_of(fits[i].version, fits[i].says_mn);
        enum dialect_fit fit = dialect_fit(&d, fits[i].command, fits[i].traits);
        if (fit != fits[i].fit) fail_msg("row %zu: %d", i, fit);
    }
}

/* nutcracker closes on more than meta commands; 1.6.18 is behind it. */
static void what_ends_the_connection_is_not_sent_on_a_shared_one(void **state)
{
    struct dialect d = {.version = 10618, .closes = true};
    assert_int_equal(dialect_fit(&d, COMMAND_GET, 0), DIALECT_TAKES);
    assert_int_equal(dialect_fit(&d, COMMAND_GAT, 0), DIALECT_LACKS);
    assert_int_equal(dialect_fit(&d, COMMAND_GATS, 0), DIALECT_LACKS);
    assert_int_equal(dialect_fit(&d, COMMAND_STATS, 0), DIALECT_LACKS);
    assert_int_equal(dialect_fit(&d, COMMAND_META_GET, 0), DIALECT_LACKS);
    assert_int_equal(dialect_fit(&d, COMMAND_SET, 0), DIALECT_TAKES);
    assert_int_equal(dialect_fit(&d, COMMAND_SET, DIALECT_RARE), DIALECT_APART);
    assert_int_equal(dialect_fit(&d, COMMAND_DELETE, 0), DIALECT_TAKES);
    assert_int_equal(dialect_fit(&d, COMMAND_DELETE, DIALECT_RARE), DIALECT_APART);
}

/* version, command, answer, in step: what 1.6.18, 1.6.38 and 1.6.45 were seen to do */
static const struct {
    uint32_t version;
    unsigned command;
    const char *answer;
    bool in_step;
} answers[] = {
    {10618, COMMAND_SET, "STORED", true},
    {10618, COMMAND_SET, "NOT_STORED", true},
    {10618, COMMAND_SET, "SERVER_ERROR object too large for cache", true},
    {10618, COMMAND_SET, "CLIENT_ERROR bad command line format", false},
    {10618, COMMAND_SET, "ERROR", false},
    {10425, COMMAND_SET, "SERVER_ERROR out of memory storing object", true},
    {0, COMMAND_SET, "SERVER_ERROR not implemented", false},
    {0, COMMAND_SET, "STORED", true},
    {10618, COMMAND_GET, "ERROR", true},
    {10618, COMMAND_DELETE, "CLIENT_ERROR bad command line format", true},
    {0, COMMAND_META_GET, "CLIENT_ERROR invalid flag", true},
    {10618, COMMAND_META_SET, "HD", true},
    {10618, COMMAND_META_SET, "NS", true},
    {10618, COMMAND_META_SET, "CLIENT_ERROR invalid flag", true},
    {10645, COMMAND_META_SET, "CLIENT_ERROR invalid flag", true},
    {10645, COMMAND_META_SET, "CLIENT_ERROR bad token in command line format", true},
    {10645, COMMAND_META_SET, "CLIENT_ERROR duplicate flag", true},
    {10645, COMMAND_META_SET, "CLIENT_ERROR error decoding key", true},
    {10618, COMMAND_META_SET, "CLIENT_ERROR bad command line format", false},
    {10618, COMMAND_META_SET, "CLIENT_ERROR options flags too long", false},
    {10645, COMMAND_META_SET, "CLIENT_ERROR bad command line format", false},
    {10645, COMMAND_META_SET, "SERVER_ERROR object too large for cache", true},
    {10645, COMMAND_META_SET, "CLIENT_ERROR bad data chunk", false},
    {10645, COMMAND_META_SET, "CLIENT_ERROR something new", false},
    {10645, COMMAND_META_SET, "CLIENT_ERROR invalid flags", false},
    {10645, COMMAND_META_SET, "ERROR", false},
    {10646, COMMAND_META_SET, "CLIENT_ERROR invalid flag", false},
    {0, COMMAND_META_SET, "CLIENT_ERROR invalid flag", false},
    {0, COMMAND_META_SET, "HD", true},
};

static void a_refusal_is_in_step_where_that_version_is_known_to_swallow(void **state)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        char line[128];
        struct response r;
        struct dialect d = dialect_of(answers[i].version, true);
        int len = snprintf(line, sizeof line, "%s\r\n", answers[i].answer);
        assert_int_equal(response_parse((uint8_t *)line, (size_t)len, 0, &r), RESPONSE_DONE);
        if (dialect_in_step(&d, answers[i].command, &r) != answers[i].in_step)
            fail_msg("row %zu: %s", i, answers[i].answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_three_numbers),
        cmocka_unit_test(what_a_server_takes_is_known_by_version_and_noop),
        cmocka_unit_test(what_ends_the_connection_is_not_sent_on_a_shared_one),
        cmocka_unit_test(a_refusal_is_in_step_where_that_version_is_known_to_swallow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
