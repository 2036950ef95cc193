/* networks: which texts are networks, and which addresses belong to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "net/networks.h"

static struct addr address(const char *text)
{
    struct addr_spec spec;
    struct addr addr;
    if (addr_spec_parse_host(&spec, text, strlen(text)) || !addr_spec_is_literal(&spec, 0, &addr))
        fail_msg("%s is no address", text);
    return addr;
}

static const struct {
    const char *network, *in,
        *out; /* the addresses next to its borders; NULL: there is none outside */
} networks[] = {
    {"10.0.0.0/8", "10.0.0.0", "9.255.255.255"},
    {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
    {"0.0.0.0/0", "255.255.255.255", "::1"},
    {"::/0", "ffff::1", "10.0.0.1"},
    {"127.0.0.1", "127.0.0.1", "127.0.0.2"},
    {"127.0.0.1/32", "127.0.0.1", "127.0.0.0"},
    {"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
    {"192.0.2.128/25", "192.0.2.255", "192.0.3.0"},
    {"192.0.2.4/31", "192.0.2.5", "192.0.2.6"},
    {"10.0.0.0/7", "11.1.2.3", "12.0.0.0"},
    {"128.0.0.0/1", "255.0.0.0", "127.255.255.255"},
    {"10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"},
    {"::ffff:10.0.0.0/104", "10.1.2.3", "11.1.2.3"},
    {"::ffff:10.0.0.1", "10.0.0.1", "10.0.0.2"},
    {"fd00::/8", "fdff:ffff::1", "fe00::"},
    {"fd00::/8", "fd00::", "fcff::"},
    {"2001:db8:1:2::/63", "2001:db8:1:3::1", "2001:db8:1:4::"},
    {"2001:db8::1", "2001:db8::1", "2001:db8::2"},
    {"::1/128", "::1", "::"},
    {"::/96", "::1.2.3.4", "1.2.3.4"},
};

static void a_network_ends_at_its_borders(void **state)
{
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        struct networks n = {NULL, 0};
        const char *text = networks[i].network;
        assert_null(networks_add(&n, text, strlen(text), ','));
        struct addr in = address(networks[i].in), out = address(networks[i].out);
        if (!networks_hold(&n, &in)) fail_msg("%s is not in %s", networks[i].in, text);
        if (networks_hold(&n, &out)) fail_msg("%s is in %s", networks[i].out, text);
        networks_release(&n);
    }
}

/* Each bit of an address decides, in a network of each size. */
static void all_bits_before_the_slash_count_and_none_behind_it(void **state)
{
    for (unsigned bits = 0; bits <= 128; bits++)
        for (unsigned at = 0; at < 128; at++) {
            struct network one = {{.len = sizeof one.addr.sa.v6}, bits};
            struct networks n = {&one, 1};
            one.addr.sa.v6.sin6_family = AF_INET6;
            struct addr other = one.addr;
            other.sa.v6.sin6_addr.s6_addr[at / 8] ^= (uint8_t)(0x80 >> at % 8);
            assert_true(networks_hold(&n, &one.addr));
            assert_int_equal(networks_hold(&n, &other), at >= bits);
        }
}

static void several_are_one_or_the_other(void **state)
{
    static const char text[] = "10.0.0.0/8+unix+fd00::/8";
    struct networks n = {NULL, 0};
    struct addr nowhere = {.len = 2};
    assert_null(networks_add(&n, text, strlen(text), '+'));
    assert_int_equal(n.n, 3);
    struct addr v4 = address("10.9.9.9"), v6 = address("fd00::9"), no = address("11.0.0.1");
    assert_true(networks_hold(&n, &v4) && networks_hold(&n, &v6));
    assert_false(networks_hold(&n, &no));
    nowhere.sa.any.sa_family = AF_UNIX;
    assert_true(networks_hold(&n, &nowhere));
    nowhere.sa.any.sa_family = AF_UNSPEC;
    assert_false(networks_hold(&n, &nowhere));
    n.n = 1; /* 10.0.0.0/8 alone */
    nowhere.sa.any.sa_family = AF_UNIX;
    assert_false(networks_hold(&n, &nowhere));
    networks_release(&n);
    assert_false(networks_hold(&n, &v4));
}

static const char *const wrong[] = {
    "",
    "/",
    "/8",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/08x",
    "10.0.0.0/-1",
    "10.0.0.0/1000",
    "10.0.0/8",
    "10.0.0.1/8",
    "10.0.0.0/ 8",
    " 10.0.0.0/8",
    "10.0.0.0/8 ",
    "fd00::/129",
    "fd00::1/64",
    "fe80::1%eth0",
    "fe80::%lo/64",
    "host",
    "localhost/8",
    "0x0a000000/8",
    "10.0.0.0:1",
    "[::1]",
    "[::1]/128",
    "unix/8",
    "unix:/s",
    "::ffff:10.0.0.0/95",
    "10.0.0.0/8/8",
    "1.2.3.4.5",
    "256.0.0.0/8",
    "Unix",
};

static void what_is_no_network_is_refused_with_its_text(void **state)
{
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct network n;
        const char *says = network_parse(&n, wrong[i], strlen(wrong[i]));
        if (!says)
            fail_msg("'%s' is taken", wrong[i]);
        else
            assert_int_equal(strncmp(says, wrong[i], strlen(wrong[i])), 0);
    }
    struct networks n = {NULL, 0};
    assert_non_null(networks_add(&n, "10.0.0.0/8,", 11, ','));
    assert_non_null(networks_add(&n, "10.0.0.0/8,,::1", 15, ','));
    assert_non_null(networks_add(&n, "", 0, ','));
    networks_release(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_ends_at_its_borders),
        cmocka_unit_test(all_bits_before_the_slash_count_and_none_behind_it),
        cmocka_unit_test(several_are_one_or_the_other),
        cmocka_unit_test(what_is_no_network_is_refused_with_its_text),
    };
    return cmocka_run_group_tests_name("networks", tests, NULL, NULL);
}
