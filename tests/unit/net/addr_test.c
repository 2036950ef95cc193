/* addr: texts read, resolved and printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* text, host, path, port (-1: none given) */
static const struct {
    const char *text, *host, *path;
    int port;
} good[] = {
    {"localhost", "localhost", "", -1},
    {"cache-1.example:11211", "cache-1.example", "", 11211},
    {"127.0.0.1:0", "127.0.0.1", "", 0},
    {"127.0.0.1:65535", "127.0.0.1", "", 65535},
    {"h:00080", "h", "", 80},
    {"[::1]:11212", "::1", "", 11212},
    {"[::1]", "::1", "", -1},
    {"::1", "::1", "", -1},
    {"fe80::1%lo", "fe80::1%lo", "", -1},
    {"unix:/run/mg.sock", "", "/run/mg.sock", -1},
    {"fe80::1%eth0.7", "fe80::1%eth0.7", "", -1},
    {"[fe80::1%2]:5", "fe80::1%2", "", 5},
    {"::ffff:1.2.3.4", "::ffff:1.2.3.4", "", -1},
    {"1::2", "1::2", "", -1},
    {"H_1.Example.", "H_1.Example.", "", -1},
    {"_mc.-a-", "_mc.-a-", "", -1},
    {"255.255.255.255", "255.255.255.255", "", -1},
    {"1.2.3.4.example", "1.2.3.4.example", "", -1},
    {"unix:a:b", "", "a:b", -1},
    {"unix:/a b,c\xc3\xa9", "", "/a b,c\xc3\xa9", -1},
    {"unix:12", "", "12", -1},
};

/* text, a word of the complaint */
static const char *const bad[][2] = {
    {"", "host is missing"},
    {":11211", "host is missing"},
    {"h:", "port after ':' is missing"},
    {"h:x", "not a number"},
    {"h:+1", "not a number"},
    {"h:-1", "not a number"},
    {"h:1 ", "not a number"},
    {"h:70000", "port 70000 is not in 0..65535"},
    {"h:99999999999999999999999", "is not in 0..65535"},
    {"11211", "number alone"},
    {"1.2.3", "four numbers of 0 to 255"},
    {"256.0.0.1:1", "four numbers of 0 to 255"},
    {"1.2.3.4.5", "four numbers of 0 to 255"},
    {"01.2.3.4", "four numbers of 0 to 255"},
    {"0x7f", "four numbers of 0 to 255"},
    {"127.0x1:1", "four numbers of 0 to 255"},
    {"1.2.3.4.", "four numbers of 0 to 255"},
    {"a b:1", "space or control"},
    {"a\n:1", "space or control"},
    {"a\x7f", "space or control"},
    {"/run/mc.sock", "a path is written unix:/path"},
    {"unix", "unix is no host"},
    {"a%b", "letters, digits, '-', '_' and '.' only"},
    {"a,b", "letters, digits, '-', '_' and '.' only"},
    {"a=b:1", "letters, digits, '-', '_' and '.' only"},
    {"\xc3\xa9", "letters, digits, '-', '_' and '.' only"},
    {"a*", "letters, digits, '-', '_' and '.' only"},
    {"10.0.0.1%lo", "letters, digits, '-', '_' and '.' only"},
    {".", "nothing before it"},
    {".a", "nothing before it"},
    {"a..b", "nothing before it"},
    {"a..", "nothing before it"},
    {"h:1:2", "neither host:port nor an IPv6 address"},
    {"::1:x", "neither host:port nor an IPv6 address"},
    {":::", "neither host:port nor an IPv6 address"},
    {"::%", "neither host:port nor an IPv6 address"},
    {"::%:1", "neither host:port nor an IPv6 address"},
    {"::%a:1", "neither host:port nor an IPv6 address"},
    {"::%a%b", "neither host:port nor an IPv6 address"},
    {"::%a b", "neither host:port nor an IPv6 address"},
    {"::%sixteen-letters-", "neither host:port nor an IPv6 address"},
    {"1:2:3:4:5:6:7:8:9", "neither host:port nor an IPv6 address"},
    {"[::1%]", "not an IPv6 address"},
    {"[1.2.3.4]", "not an IPv6 address"},
    {"[[::1]]", "not an IPv6 address"},
    {"[::1]]", "may follow ']'"},
    {"[::1", "']' is missing"},
    {"[::1]x", "may follow ']'"},
    {"[::1]:", "port after ':' is missing"},
    {"[]:1", "host is missing"},
    {"[host]:1", "not an IPv6 address"},
    {"unix:", "path after unix: is missing"},
    {"unix:/a\tb", "control byte"},
    {"unix:/a:1", "ends in ':' and a number"},
    {"unix::1", "ends in ':' and a number"},
};

/* A copy that ends exactly where the text ends: reading beyond it is an error of the sanitizer. */
static const char *parse(struct addr_spec *spec, const char *text)
{
    size_t len = strlen(text);
    char *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, text, len);
    const char *wrong = addr_spec_parse(spec, exact, len);
    free(exact);
    return wrong;
}

static void good_texts_are_read(void **state)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct addr_spec spec;
        assert_null(parse(&spec, good[i].text));
        assert_string_equal(spec.host, good[i].host);
        assert_string_equal(spec.path, good[i].path);
        assert_int_equal(spec.has_port ? spec.port : -1, good[i].port);
    }
}

static void bad_texts_are_refused_with_a_reason(void **state)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct addr_spec spec;
        const char *wrong = parse(&spec, bad[i][0]);
        assert_non_null(wrong);
        assert_non_null(strstr(wrong, bad[i][1]));
    }
}

/* A host whose port stands elsewhere brings none of its own, and nothing else. */
static void a_host_alone_is_only_that(void **state)
{
    static const char *const taken[] = {"h", "10.0.0.1", "::1", "fe80::1%lo"};
    static const char *const refused[] = {"",       "h:1", "[::1]", "[::1]:1", "unix:/a", "unix",
                                          "unix:1", "h 1", "/a",    "h:1:2",   "11211"};
    struct addr_spec spec;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        assert_null(addr_spec_parse_host(&spec, taken[i], strlen(taken[i])));
        assert_string_equal(spec.host, taken[i]);
        assert_false(spec.has_port);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_non_null(addr_spec_parse_host(&spec, refused[i], strlen(refused[i])));
}

static void what_is_too_long_is_refused(void **state)
{
    struct addr_spec spec;
    char text[400];
    memset(text, 'a', sizeof text);
    assert_null(addr_spec_parse(&spec, text, 63));
    assert_non_null(strstr(addr_spec_parse(&spec, text, 64), "longer than 63 bytes"));
    for (size_t dot = 63; dot < sizeof text; dot += 64) text[dot] = '.';
    assert_null(addr_spec_parse(&spec, text, 253));
    assert_non_null(strstr(addr_spec_parse(&spec, text, 254), "too long"));
    text[253] = '.';
    assert_null(addr_spec_parse(&spec, text, 254));
    assert_int_equal(strlen(spec.host), 254);
    assert_non_null(strstr(addr_spec_parse(&spec, text, 255), "too long"));
    memcpy(text, "unix:", 5);
    assert_null(addr_spec_parse(&spec, text, 5 + 107));
    assert_non_null(addr_spec_parse(&spec, text, 5 + 108));
    text[10] = '\0';
    assert_non_null(addr_spec_parse(&spec, text, 20));
}

/* text, with port 11211 where it has none, as printed */
static const char *const printed[][2] = {
    {"127.0.0.1", "127.0.0.1:11211"},
    {"127.0.0.1:5", "127.0.0.1:5"},
    {"[::1]:5", "[::1]:5"},
    {"::", "[::]:11211"},
    {"0:0:0:0:0:0:0:1", "[::1]:11211"},
    {"unix:/tmp/x", "unix:/tmp/x"},
};

static void addresses_print_as_they_are_written(void **state)
{
    for (size_t i = 0; i < sizeof printed / sizeof *printed; i++) {
        struct addr_spec spec;
        struct addr addr;
        size_t n;
        char text[ADDR_TEXT_MAX];
        assert_null(parse(&spec, printed[i][0]));
        assert_null(addr_resolve(&spec, 11211, &addr, 1, &n));
        assert_int_equal(n, 1);
        assert_string_equal(addr_print(&addr, text), printed[i][1]);
        assert_int_equal(addr_is_unix(&addr), strncmp(text, "unix:", 5) == 0);
    }
}

static void a_literal_needs_no_look_up(void **state)
{
    static const char *const names[] = {"localhost", "a.test:1", "1.2.3.4.example"};
    for (size_t i = 0; i < sizeof printed / sizeof *printed; i++) {
        struct addr_spec spec;
        struct addr addr;
        char text[ADDR_TEXT_MAX];
        assert_null(parse(&spec, printed[i][0]));
        assert_true(addr_spec_is_literal(&spec, 11211, &addr));
        assert_string_equal(addr_print(&addr, text), printed[i][1]);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct addr_spec spec;
        struct addr addr;
        assert_null(parse(&spec, names[i]));
        assert_false(addr_spec_is_literal(&spec, 1, &addr));
    }
}

static void a_port_is_put_in_its_place(void **state)
{
    static const char *const hosts[][2] = {{"10.0.0.1", "10.0.0.1:7"}, {"::1", "[::1]:7"}};
    for (size_t i = 0; i < 2; i++) {
        struct addr_spec spec;
        struct addr addr;
        char text[ADDR_TEXT_MAX];
        assert_null(parse(&spec, hosts[i][0]));
        assert_true(addr_spec_is_literal(&spec, 1, &addr));
        addr_set_port(&addr, 7);
        assert_string_equal(addr_print(&addr, text), hosts[i][1]);
    }
}

static void the_longest_address_fits_its_text(void **state)
{
    struct addr_spec spec;
    struct addr addr;
    size_t n;
    char path[5 + 107], text[ADDR_TEXT_MAX];
    memset(path, 'p', sizeof path);
    memcpy(path, "unix:", 5);
    assert_null(addr_spec_parse(&spec, path, sizeof path));
    assert_null(addr_resolve(&spec, 0, &addr, 1, &n));
    assert_int_equal(strlen(addr_print(&addr, text)), sizeof path);
}

static void equal_addresses_are_equal_bytes(void **state)
{
    struct addr_spec spec;
    struct addr a, b;
    size_t n;
    memset(&a, 0xaa, sizeof a);
    memset(&b, 0x55, sizeof b);
    assert_null(parse(&spec, "127.0.0.1:1"));
    assert_null(addr_resolve(&spec, 1, &a, 1, &n));
    assert_null(addr_resolve(&spec, 2, &b, 1, &n));
    assert_memory_equal(&a, &b, sizeof a);
}

static void a_name_gives_each_address_once(void **state)
{
    struct addr_spec spec;
    struct addr all[8];
    size_t n;
    assert_null(parse(&spec, "localhost"));
    assert_null(addr_resolve(&spec, 1, all, 8, &n));
    assert_in_range(n, 1, 2);
    for (size_t i = 1; i < n; i++) assert_memory_not_equal(&all[0], &all[i], sizeof all[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts_are_read),
        cmocka_unit_test(bad_texts_are_refused_with_a_reason),
        cmocka_unit_test(a_host_alone_is_only_that),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(addresses_print_as_they_are_written),
        cmocka_unit_test(a_literal_needs_no_look_up),
        cmocka_unit_test(a_port_is_put_in_its_place),
        cmocka_unit_test(the_longest_address_fits_its_text),
        cmocka_unit_test(equal_addresses_are_equal_bytes),
        cmocka_unit_test(a_name_gives_each_address_once),
    };
    return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
