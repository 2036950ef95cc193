/* server: texts read, and the names that rings and people know servers by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "discovery/server.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { NONE = SERVER_WEIGHT_NONE };

/* text, as it is shown, weight, name */
static const struct {
    const char *text, *shown;
    double weight;
    const char *name;
} good[] = {
    {"h", "h:11211", NONE, ""},
    {"h:1", "h:1", NONE, ""},
    {"h:1:2", "h:1", 2, ""},
    {"h:1:2 name", "h:1", 2, "name"},
    {"h:1 name", "h:1", NONE, "name"},
    {"h name", "h:11211", NONE, "name"},
    {"h:00080:007 n", "h:80", 7, "n"},
    {"h:65535:1000000", "h:65535", 1e6, ""},
    {"H-1.example:11211:3 a:1:2", "H-1.example:11211", 3, "a:1:2"},
    {"127.0.0.1:11211:1 \xc3\xa9", "127.0.0.1:11211", 1, "\xc3\xa9"},
    {"::1", "[::1]:11211", NONE, ""},
    {"::1 n", "[::1]:11211", NONE, "n"},
    {"fe80::1:2:3", "[fe80::1:2:3]:11211", NONE, ""},
    {"fe80::1%lo", "[fe80::1%lo]:11211", NONE, ""},
    {"[::1]", "[::1]:11211", NONE, ""},
    {"[::1] n", "[::1]:11211", NONE, "n"},
    {"[::1]:2", "[::1]:2", NONE, ""},
    {"[::1]:2:3", "[::1]:2", 3, ""},
    {"[::ffff:1.2.3.4]:2:3 n", "[::ffff:1.2.3.4]:2", 3, "n"},
    {"[fe80::1%lo]:2", "[fe80::1%lo]:2", NONE, ""},
    {"unix:/p", "unix:/p", NONE, ""},
    {"unix:/p n", "unix:/p", NONE, "n"},
    {"unix:/p:3", "unix:/p", 3, ""},
    {"unix:/p:3 n", "unix:/p", 3, "n"},
    {"unix:/a:b", "unix:/a:b", NONE, ""},
    {"unix:/a:b:3", "unix:/a:b", 3, ""},
    {"a:2:3", "a:2", 3, ""}, /* no IPv6 address, so a weight */
    {"a::3", "[a::3]:11211", NONE, ""},
    {"h:1:0", "h:1", 0, ""},
    {"[::1]:1:0", "[::1]:1", 0, ""},
    {"unix:/p:0", "unix:/p", 0, ""},
};

#define WEIGHT "the weight is not in 0..1000000"
#define COLONS "it is neither host:port nor an IPv6 address"
#define NO_V6  "what stands in [] is not an IPv6 address"
#define NAMED  "the name holds a space or control byte"

static const struct {
    const char *text, *wrong;
} bad[] = {
    {"", "the host is missing"},
    {" n", "the host is missing"},
    {":1", "the host is missing"},
    {":1:2", "the host is missing"},
    {"11211", "a number alone is no host; HOST:PORT is wanted"},
    {"1:2:3", "a number alone is no host; HOST:PORT is wanted"},
    {"h\t:1", "the host holds a space or control byte"},
    {"h:", "the port after ':' is missing"},
    {"h:x", "the port is not a number"},
    {"h:-1", "the port is not a number"},
    {"h:0", "port 0 is no port of a server: give 1 to 65535"},
    {"h:0:1", "port 0 is no port of a server: give 1 to 65535"},
    {"h:65536", "port 65536 is not in 0..65535"},
    {"h:65536:1", "port 65536 is not in 0..65535"},
    {"h:1:1000001", WEIGHT},
    {"h:1:99999999999999999999999999999999", WEIGHT},
    {"h:1:", COLONS},
    {"h:1:x", COLONS},
    {"h:1:-2", COLONS},
    {"h:1:0.5", COLONS},
    {"h:1:2:3", COLONS},
    {"h::2", COLONS},
    {"h:x:2", COLONS},
    {"::1:11211:2", COLONS},
    {"[", "the ']' is missing"},
    {"[::1", "the ']' is missing"},
    {"[]:1", "the host is missing"},
    {"[h]:1:2", NO_V6},
    {"[h:1]:1", NO_V6},
    {"::%:1", COLONS},
    {"::%a:1:2", COLONS},
    {"unix", "unix is no host; unix:/path is wanted"},
    {"/run/mc.sock:1", "a path is written unix:/path"},
    {"unix:/a:1:3", "the path of the unix socket ends in ':' and a number; it has no port"},
    {"[::1]1", "only ':' and a port may follow ']'"},
    {"[::1]:", "the port after ':' is missing"},
    {"[::1]:x", "the port is not a number"},
    {"[::1]:1:x", "the port is not a number"},
    {"[::1]:0", "port 0 is no port of a server: give 1 to 65535"},
    {"unix:", "the path after unix: is missing"},
    {"unix: n", "the path after unix: is missing"},
    {"unix::3", "the path after unix: is missing"},
    {"unix:/p:1000001", WEIGHT},
    {"h:1 ", "the name is missing"},
    {"h:1:2 ", "the name is missing"},
    {"h:1  n", NAMED},
    {"h:1 a b", NAMED},
    {"h:1 n\n", NAMED},
    {"h:1 n\x7f", NAMED},
};

/* A copy that ends exactly where the text ends: reading beyond it is an error of the sanitizer. */
static const char *parse(struct server_spec *spec, const char *text)
{
    size_t len = strlen(text);
    char *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, text, len);
    const char *wrong = server_spec_parse(spec, exact, len);
    free(exact);
    return wrong;
}

static void good_texts_are_read(void **state)
{
    for (size_t i = 0; i < COUNT(good); i++) {
        struct server_spec spec;
        char text[SERVER_TEXT_MAX];
        const char *wrong = parse(&spec, good[i].text);
        if (wrong) fail_msg("'%s': %s", good[i].text, wrong);
        assert_string_equal(server_show(&spec, text), good[i].shown);
        assert_true(spec.weight == good[i].weight);
        assert_string_equal(spec.name, good[i].name);
        assert_true(spec.addr.path[0] || (spec.addr.has_port && spec.addr.port > 0));
    }
}

static void bad_texts_are_refused_with_a_sentence(void **state)
{
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct server_spec spec;
        const char *wrong = parse(&spec, bad[i].text);
        if (!wrong) fail_msg("'%s' is taken", bad[i].text);
        assert_string_equal(wrong, bad[i].wrong);
    }
}

/* host, port, as it is shown or what is wrong. Hosts are what name servers and scripts said: a text made of both would read as
 * something else. */
static const struct {
    const char *host;
    uint32_t port;
    const char *shown, *wrong;
} parts[] = {
    {"h", 1, "h:1", NULL},
    {"::1", 11211, "[::1]:11211", NULL},
    {"10.0.0.1", 65535, "10.0.0.1:65535", NULL},
    {"h", 0, NULL, "port 0 is no port of a server: give 1 to 65535"},
    {"h", 65536, NULL, "the port is not in 1..65535"},
    {"", 1, NULL, "the host is missing"},
    {"unix", 7, NULL, "unix is no host; unix:/path is wanted"},
    {"unix:/tmp/s", 7, NULL, "it is neither a host nor an IPv6 address"},
    {"h:1", 7, NULL, "it is neither a host nor an IPv6 address"},
    {"h name", 7, NULL, "the host holds a space or control byte"},
    {"[::1]", 7, NULL, "it is neither a host nor an IPv6 address"},
    {"11211", 7, NULL, "a number alone is no host; HOST:PORT is wanted"},
};

static void a_host_and_a_port_are_a_server_or_refused(void **state)
{
    for (size_t i = 0; i < COUNT(parts); i++) {
        struct server_spec spec;
        char text[SERVER_TEXT_MAX];
        const char *wrong =
            server_spec_from_host(&spec, parts[i].host, strlen(parts[i].host), parts[i].port);
        if (parts[i].wrong) {
            assert_non_null(wrong);
            assert_string_equal(wrong, parts[i].wrong);
        } else {
            assert_null(wrong);
            assert_string_equal(server_show(&spec, text), parts[i].shown);
        }
    }
}

/* What is wrong with `before`, n letters (and a '.' before each 64th), and `after`. */
static const char *wrong_with_many(const char *before, size_t n, const char *after)
{
    struct server_spec spec;
    char text[512], many[300];
    memset(many, 'a', sizeof many);
    for (size_t dot = 63; dot < sizeof many; dot += 64) many[dot] = '.';
    snprintf(text, sizeof text, "%s%.*s%s", before, (int)n, many, after);
    return parse(&spec, text);
}

static void what_is_as_long_as_may_be_is_read_and_one_byte_more_is_refused(void **state)
{
    assert_null(wrong_with_many("", 253, ":1:2 n"));
    assert_string_equal(wrong_with_many("", 254, ":1:2 n"), "the host name is too long");
    assert_null(wrong_with_many("unix:/", 106, ":2 n"));
    assert_string_equal(wrong_with_many("unix:/", 107, ":2 n"),
                        "the path of the unix socket is longer than 107 bytes");
    assert_null(wrong_with_many("h:1:2 ", 255, ""));
    assert_string_equal(wrong_with_many("h:1:2 ", 256, ""), "the name is longer than 255 bytes");
}

static void the_longest_texts_have_room(void **state)
{
    struct server_spec spec = {.addr = {.port = 65535, .has_port = true}};
    char text[SERVER_TEXT_MAX];
    memset(spec.addr.host, 'a', sizeof spec.addr.host - 1);
    assert_int_equal(strlen(server_show(&spec, text)), 255 + 6);
    assert_int_equal(strlen(server_ring_name(&spec, NAMING_SLASH, text)), 1 + 255 + 6);
    spec.addr.host[0] = ':'; /* shown in brackets */
    assert_int_equal(strlen(server_show(&spec, text)), 2 + 255 + 6);
}

/* text, and what a ring calls it by each naming, in the order of NAMINGS */
static const struct {
    const char *text, *names[NAMING_COUNT];
} named[] = {
    {"h", {"h", "h:11211", "/h:11211", "h", "h:11211", "h"}},
    {"h:11211:5", {"h", "h:11211", "/h:11211", "h", "h:11211", "h"}},
    {"h:1", {"h:1", "h:1", "/h:1", "h:1", "h:1", "h:1"}},
    {"H.example:1:9",
     {"H.example:1", "H.example:1", "/H.example:1", "H.example:1", "H.example:1", "H.example:1"}},
    {"[::1]:11211", {"::1", "::1:11211", "/::1:11211", "::1", "::1:11211", "::1"}},
    {"[::1]:2:3", {"::1:2", "::1:2", "/::1:2", "::1:2", "::1:2", "::1:2"}},
    {"unix:/p:3", {"/p", "/p", "//p:0", "/p:0", "unix:///p:0", "/p:"}},
    {"unix:/p n", {"n", "n", "n", "n", "n", "n"}},
    {"h:1:2 own", {"own", "own", "own", "own", "own", "own"}},
};

static void each_naming_makes_its_own_names_of_those_that_have_none(void **state)
{
    for (size_t i = 0; i < COUNT(named); i++) {
        struct server_spec spec;
        assert_null(parse(&spec, named[i].text));
        for (unsigned naming = 0; naming < NAMING_COUNT; naming++) {
            char text[SERVER_TEXT_MAX];
            if (!named[i].names[naming]) fail_msg("naming %u has no column", naming);
            assert_string_equal(server_ring_name(&spec, (enum naming)naming, text),
                                named[i].names[naming]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts_are_read),
        cmocka_unit_test(bad_texts_are_refused_with_a_sentence),
        cmocka_unit_test(a_host_and_a_port_are_a_server_or_refused),
        cmocka_unit_test(what_is_as_long_as_may_be_is_read_and_one_byte_more_is_refused),
        cmocka_unit_test(the_longest_texts_have_room),
        cmocka_unit_test(each_naming_makes_its_own_names_of_those_that_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
