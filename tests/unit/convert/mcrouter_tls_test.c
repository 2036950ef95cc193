/* TLS to servers in mcrouter's configurations: what servers and pools say of it. */
#include "unit/convert/mcrouter_checks.h"

static void servers_say_it(void **state)
{
    check(POOL("['h:1:ascii:ssl', 'h:2:ascii:fizz']"), "{ 'h:1', 'h:2', name = 'a', tls = true");
    check(POOL("['h:1:ascii:ssl', 'h:2:ascii:plain']"),
          "{ { 'h:1', tls = true }, 'h:2', name = 'a'");
    check_error(POOL("['h:1:ascii:tls_to_plain']"),
                "'tls_to_plain' is a protocol of mcrouter alone");
    check_error(POOL("['h:1:ascii:tsl']"), "'tsl' is no way to secure a connection");
    check_error(POOL("['unix:/run/a:ascii:ssl']"), "TLS to a socket of this machine has no host");
}

static void pools_say_it_for_servers_that_do_not(void **state)
{
    check("{'pools': {'a': {'servers': ['h:1', 'h:2:ascii:plain'], 'use_ssl': true}}, "
          "'route': 'PoolRoute|a'}",
          "{ { 'h:1', tls = true }, 'h:2', name = 'a'");
    check("{'pools': {'a': {'servers': ['h:1'], 'use_ssl': true}, "
          "'b': {'inherit': 'a', 'security_mech': 'plain'}}, 'route': 'PoolRoute|b'}",
          "{ 'h:1', name = 'b', like");
    check("{'pools': {'a': {'servers': ['h:1'], 'security_mech': 'ssl'}}, 'route': 'PoolRoute|a'}",
          "{ 'h:1', name = 'a', tls = true, like");
    check_error("{'pools': {'a': {'servers': ['h:1'], 'use_ssl': 'yes'}}, 'route': 'PoolRoute|a'}",
                "'use_ssl' is a string: write true or false");
    check_error(
        "{'pools': {'a': {'servers': ['h:1'], 'security_mech': 1}}, 'route': 'PoolRoute|a'}",
        "'security_mech' is a whole number: write");
}

static void whom_moongate_believes_is_noted(void **state)
{
    check_note(POOL("['h:1:ascii:ssl']"), "of a CA that this system trusts");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_say_it),
        cmocka_unit_test(pools_say_it_for_servers_that_do_not),
        cmocka_unit_test(whom_moongate_believes_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
