/* mcp: which functions of memcached's proxy a program uses, in which lines, and what each would be here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "convert/mcp.h"

static char printed[1 << 16];

static const char *print(const char *text)
{
    FILE *out = fmemopen(printed, sizeof printed, "w");
    assert_non_null(out);
    mcp_print("proxy.lua", text, strlen(text), out);
    assert_int_equal(fclose(out), 0);
    return printed;
}

static void says(const char *text, const char *wanted)
{
    if (!strstr(text, wanted)) fail_msg("'%s' is not in:\n%s", wanted, text);
}

static void each_function_is_named_once_with_its_lines(void **state)
{
    const char *text =
        print("function mcp_config_pools()\n"
              "    local b = mcp.backend('b', '127.0.0.1', 11211)\n"
              "    return mcp.pool({ b, mcp.backend('c', 'h', 1) })\n"
              "end\n"
              "function mcp_config_routes(p)\n"
              "    mcp.attach(mcp.CMD_GET, function(r) return rctx:enqueue_and_wait(r, h) end)\n"
              "    mcp.attach(mcp.CMD_SET, p) -- mcp.stat\n"
              "    mcp . log('mcp.request')\n"
              "end\n");
    says(text, "-- mcp_config_pools, line 1\n");
    says(text, "-- mcp.backend, line 2, 3\n--     a server in mg.pool");
    says(text, "-- mcp.pool, line 3\n--     mg.pool {");
    says(text, "-- mcp.attach, line 6, 7\n--     mg.by_command");
    says(text, "-- mcp.CMD_GET, line 6\n");
    says(text, "-- mcp.CMD_SET, line 7\n");
    says(text, "-- :enqueue_and_wait, line 6\n--     mg.call(ROUTE, req)");
    says(text, "-- mcp.log, line 8\n--     mg.log");
    assert_null(strstr(text, "mcp.stat"));
    assert_null(strstr(text, "mcp.request"));
    assert_null(strstr(strstr(text, "-- mcp.backend,") + 1, "-- mcp.backend,"));
}

static void what_is_not_known_is_said_and_what_is_not_the_proxys_is_left_out(void **state)
{
    const char *text = print("mcp.nothing(1)\nfoo:bar()\nx.mcp.pool()\nx.command()\ny:command()\n");
    says(text, "-- mcp.nothing, line 1\n--     not known");
    says(text, "-- :command, line 5\n");
    assert_null(strstr(text, "bar"));
    assert_null(strstr(text, "mcp.pool"));
}

static void many_lines_are_cut(void **state)
{
    char text[1024] = "";
    for (int i = 0; i < 20; i++) strcat(text, "mcp.log(1)\n");
    says(print(text), "-- mcp.log, line 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 8 more\n");
}

static bool is_used(const char *text)
{
    return mcp_is_used(text, strlen(text));
}

static void a_program_is_known_by_the_functions_of_mcp(void **state)
{
    assert_true(is_used("mcp.pool({})"));
    assert_true(is_used("function mcp_config_pools() end"));
    assert_false(is_used("local mg = require 'moongate' -- mcp.pool"));
    assert_false(is_used("req:key()"));
    assert_false(is_used("mcp.mine = 1"));
    assert_false(is_used(""));
    assert_false(is_used("mcp."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_function_is_named_once_with_its_lines),
        cmocka_unit_test(what_is_not_known_is_said_and_what_is_not_the_proxys_is_left_out),
        cmocka_unit_test(many_lines_are_cut),
        cmocka_unit_test(a_program_is_known_by_the_functions_of_mcp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
