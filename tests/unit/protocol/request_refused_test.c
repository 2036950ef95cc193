/* request: what is refused, with memcached 1.6.18's own words, and what closes the connection. */
#include "unit/protocol/request_sweep.h"

/* --- what is refused --------------------------------------------------------------------------- */

#define UNKNOWN   "ERROR\r\n"
#define USAGE     "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n"
#define EXPTIME   "CLIENT_ERROR invalid exptime argument\r\n"
#define DELTA     "CLIENT_ERROR invalid numeric delta argument\r\n"
#define CHUNK     "CLIENT_ERROR bad data chunk\r\n"
#define FLAG      "CLIENT_ERROR invalid flag\r\n"
#define TOKEN     "CLIENT_ERROR bad token in command line format\r\n"
#define DUPLICATE "CLIENT_ERROR duplicate flag\r\n"
#define TOO_LARGE "SERVER_ERROR object too large for cache\r\n"

/* A whole message, the answer to it, whether the answer is kept back, and how many bytes behind it go with it. */
static const struct refused {
    const char *bytes;
    size_t len;
    const char *error;
    bool noreply;
    size_t swallow;
} refused[] = {
    {IN("\r\n"), UNKNOWN},
    {IN("\n"), UNKNOWN},
    {IN("\r\r\n"), UNKNOWN},
    {IN("\0\r\n"), UNKNOWN},
    {IN(" \r\n"), UNKNOWN},
    {IN("\t\r\n"), UNKNOWN},
    {IN("foo\r\n"), UNKNOWN},
    {IN("foo bar\r\n"), UNKNOWN},
    {IN("noreply\r\n"), UNKNOWN},
    {IN("Get k\r\n"), UNKNOWN},
    {IN("GET k\r\n"), UNKNOWN},
    {IN("QUIT\r\n"), UNKNOWN},
    {IN("getk\r\n"), UNKNOWN},
    {IN("get\tk\r\n"), UNKNOWN},
    {IN("ge\r\n"), UNKNOWN},
    {IN("foo HTTP/1.1 x\r\n"), UNKNOWN},
    {IN("a b c d e f g h i j k l\r\n"), UNKNOWN},
    {IN("get\r\n"), UNKNOWN},
    {IN("get   \r\n"), UNKNOWN},
    {IN("gets\r\n"), UNKNOWN},
    {IN("gat\r\n"), UNKNOWN},
    {IN("gat 10\r\n"), "END\r\n"},
    {IN("gats 10 \r\n"), "END\r\n"},
    {IN("gat k\r\n"), EXPTIME},
    {IN("gat x k\r\n"), EXPTIME},
    {IN("gat 10x k\r\n"), EXPTIME},
    {IN("gat 9223372036854775808 k\r\n"), EXPTIME},
    {IN("get " K251 "\r\n"), FORMAT},
    {IN("get a " K251 " b\r\n"), FORMAT},
    {IN("gat 0 " K251 "\r\n"), FORMAT},
    {IN("get a\0b\r\n"), FORMAT},
    {IN("get a b\0\r\n"), FORMAT},
    {IN("get a\rb\r\n"), FORMAT},
    {IN("get a\r\r\n"), FORMAT},
    {IN("get \r\r\n"), FORMAT},
    {IN("set\r\n"), UNKNOWN},
    {IN("set k\r\n"), UNKNOWN},
    {IN("set k 0 0\r\n"), UNKNOWN},
    {IN("set k 0 0 1 noreply x\r\n"), UNKNOWN, .swallow = 3},
    {IN("set k 0 0 1 a b c d e f\r\n"), UNKNOWN, .swallow = 3},
    {IN("set k 0 0 1 a noreply\r\n"), UNKNOWN, .swallow = 3},
    {IN("set k 0 0 1 01 +1\r\n"), UNKNOWN, .swallow = 3},
    {IN("set k 0 0 x a b c d e f 5\r\n"), UNKNOWN, .swallow = 7},
    {IN("set k 0 0 x a b c d e f g\r\n"), UNKNOWN},
    {IN("set k 0 0 -1 a b\r\n"), UNKNOWN},
    {IN("set a b 0 5 5\r\n"), FORMAT, .swallow = 7},
    {IN("set a b 0 x 5\r\n"), FORMAT, .swallow = 7},
    {IN("set a b c 0 0 0\r\n"), UNKNOWN, .swallow = 2},
    {IN("set a b 0 5 noreply\r\n"), FORMAT, true, 7},
    {IN("set  0 0 5\r\n"), UNKNOWN, .swallow = 7},
    {IN("set 0 0 5\r\n"), UNKNOWN},
    {IN("set  k 0 0 x\r\n"), FORMAT},
    {IN("set  k 0 0\r\n"), UNKNOWN},
    {IN("ms  k x\r\n"), FORMAT},
    {IN("set  0 0 5 noreply\r\n"), FORMAT, true, 7},
    {IN("set k 0 0 x\r\n"), FORMAT},
    {IN("set k 0 0 1x\r\n"), FORMAT},
    {IN("set k 0 0 1e3\r\n"), FORMAT},
    {IN("set k 0 0 1.5\r\n"), FORMAT},
    {IN("set k 0 0 0x10\r\n"), FORMAT},
    {IN("set k 0 0 -1\r\n"), FORMAT},
    {IN("set k 0 0 -2147483648\r\n"), FORMAT},
    {IN("set k 0 0 -99999999999999999999\r\n"), FORMAT},
    {IN("set k 0 0 +\r\n"), FORMAT},
    {IN("set k 0 0 noreply\r\n"), FORMAT, true},
    {IN("set k 0 0 x noreply\r\n"), FORMAT, true},
    {IN("set k x 0 1\r\n"), FORMAT, .swallow = 3},
    {IN("set k -1 0 1\r\n"), FORMAT, .swallow = 3},
    {IN("set k 18446744073709551616 0 1\r\n"), FORMAT, .swallow = 3},
    {IN("set k 0 x 1\r\n"), FORMAT, .swallow = 3},
    {IN("set k 0 9223372036854775808 0\r\n"), FORMAT, .swallow = 2},
    {IN("set k 0 x 100 noreply\r\n"), FORMAT, true, 102},
    {IN("set " K251 " 0 0 1\r\n"), FORMAT, .swallow = 3},
    {IN("set " K251 " 0 0 1 noreply\r\n"), FORMAT, true, 3},
    {IN("set a\0b 0 0 1\r\n"), FORMAT, .swallow = 3},
    {IN("set a\r 0 0 1\r\n"), FORMAT, .swallow = 3},
    {IN("set k 0\0 0 1\r\n"), FORMAT, .swallow = 3},
    {IN("set k x 0 2147483645\r\n"), FORMAT, .swallow = 2147483647},
    {IN("set k 0 0 1048577\r\n"), TOO_LARGE, .swallow = 1048579},
    {IN("set k 0 0 1048577 noreply\r\n"), TOO_LARGE, true, 1048579},
    {IN("set k 0 0 2147483645\r\n"), TOO_LARGE, .swallow = 2147483647},
    {IN("set k 0 0 1\r\nab\r"), CHUNK},
    {IN("set k 0 0 1\r\na\n\n"), CHUNK},
    {IN("set k 0 0 1\r\na\r\r"), CHUNK},
    {IN("set k 0 0 0\r\nxx"), CHUNK},
    {IN("set k 0 0 1 noreply\r\nabc"), CHUNK, true},
    {IN("cas k 0 0\r\n"), UNKNOWN},
    {IN("cas k 0 0 1\r\n"), UNKNOWN, .swallow = 3},
    {IN("cas k 0 0 1 1 a b\r\n"), UNKNOWN, .swallow = 3},
    {IN("cas a b 0 5 5 99\r\n"), FORMAT, .swallow = 7},
    {IN("cas a b 0 5 5 99 noreply\r\n"), UNKNOWN, .swallow = 7},
    {IN("cas k 0 0 x 1\r\n"), FORMAT},
    {IN("cas k 0 0 1 x\r\n"), FORMAT, .swallow = 3},
    {IN("cas k 0 0 1 -1\r\n"), FORMAT, .swallow = 3},
    {IN("cas k 0 0 1 noreply\r\n"), FORMAT, true, 3},
    {IN("delete\r\n"), UNKNOWN},
    {IN("delete k 0 0 0\r\n"), UNKNOWN},
    {IN("delete k 0 noreply x\r\n"), UNKNOWN},
    {IN("delete k 1\r\n"), USAGE},
    {IN("delete k 00\r\n"), USAGE},
    {IN("delete k 0 0\r\n"), USAGE},
    {IN("delete k noreply 0\r\n"), USAGE},
    {IN("delete k NOREPLY\r\n"), USAGE},
    {IN("delete k HTTP/1.1\r\n"), USAGE},
    {IN("delete k 1 noreply\r\n"), USAGE, true},
    {IN("delete " K251 "\r\n"), FORMAT},
    {IN("delete " K251 " noreply\r\n"), FORMAT, true},
    {IN("incr\r\n"), UNKNOWN},
    {IN("incr k\r\n"), UNKNOWN},
    {IN("incr k 1 2 3\r\n"), UNKNOWN},
    {IN("incr k x\r\n"), DELTA},
    {IN("incr k -1\r\n"), DELTA},
    {IN("incr k 1e3\r\n"), DELTA},
    {IN("incr k \t\r\n"), DELTA},
    {IN("incr k 5\0"
        "7\r\n"),
     DELTA},
    {IN("incr k 18446744073709551616\r\n"), DELTA},
    {IN("decr k noreply\r\n"), DELTA, true},
    {IN("decr k x noreply\r\n"), DELTA, true},
    {IN("incr " K251 " x\r\n"), FORMAT},
    {IN("touch\r\n"), UNKNOWN},
    {IN("touch k\r\n"), UNKNOWN},
    {IN("touch k 1 2 3\r\n"), UNKNOWN},
    {IN("touch k x\r\n"), EXPTIME},
    {IN("touch k noreply\r\n"), EXPTIME, true},
    {IN("touch k 9223372036854775808\r\n"), EXPTIME},
    {IN("touch " K251 " x\r\n"), FORMAT},
    {IN("ms\r\n"), UNKNOWN},
    {IN("ms k\r\n"), FORMAT},
    {IN("ms k x\r\n"), FORMAT},
    {IN("ms k T5 F0\r\n"), FORMAT},
    {IN("ms k -1\r\n"), FORMAT},
    {IN("ms a b 7\r\n"), FORMAT, .swallow = 9},
    {IN("ms a b c 7 T0\r\n"), FORMAT, .swallow = 9},
    {IN("ms k S7\r\n"), FORMAT, .swallow = 9},
    {IN("ms k T0 S7 q\r\n"), FORMAT, .swallow = 9},
    {IN("ms  7 T0\r\n"), FORMAT, .swallow = 9},
    {IN("ms " K251 " 7\r\n"), FORMAT, .swallow = 9},
    {IN("ms k 7 7\r\n"), FLAG, .swallow = 9},
    {IN("ms k 7 1x\r\n"), FLAG, .swallow = 9},
    {IN("ms k 7 !\r\n"), FLAG, .swallow = 9},
    {IN("ms k 7 T0 -5\r\n"), FLAG, .swallow = 9},
    {IN("ms k 7 [\r\n"), FLAG, .swallow = 9},
    {IN("ms k 7 \xc3\xa4\r\n"), FLAG, .swallow = 9},
    {IN("ms k 7 T0 \x01\r\n"), FORMAT, .swallow = 9},
    {IN("ms k 7 O\x01\r\n"), FORMAT, .swallow = 9},
    {IN("ms k 7 T0 T0\r\n"), DUPLICATE, .swallow = 9},
    {IN("ms k 7 F\r\n"), FORMAT, .swallow = 9},
    {IN("ms k 7 F-1\r\n"), FORMAT, .swallow = 9},
    {IN("ms k 7 F18446744073709551616\r\n"), FORMAT, .swallow = 9},
    {IN("ms k 7 T\r\n"), TOKEN, .swallow = 9},
    {IN("ms k 7 T9223372036854775808\r\n"), TOKEN, .swallow = 9},
    {IN("ms k 7 N\r\n"), TOKEN, .swallow = 9},
    {IN("ms k 7 Rx\r\n"), TOKEN, .swallow = 9},
    {IN("ms k 7 C-1\r\n"), TOKEN, .swallow = 9},
    {IN("ms k 7 C18446744073709551616\r\n"), TOKEN, .swallow = 9},
    {IN("ms k 7 D\r\n"), "CLIENT_ERROR invalid numeric delta value\r\n", .swallow = 9},
    {IN("ms k 7 Jx\r\n"), "CLIENT_ERROR invalid numeric initial value\r\n", .swallow = 9},
    {IN("ms k 7 O12345678901234567890123456789012\r\n"), "CLIENT_ERROR opaque token too long\r\n",
     .swallow = 9},
    {IN("ms k 7 kx\r\n"), TOKEN, .swallow = 9},
    {IN("ms Zm9 7 b\r\n"), "CLIENT_ERROR error decoding key\r\n", .swallow = 9},
    {IN("ms k 7 a b c d e f g h i j l m n o p r s\r\n"),
     "CLIENT_ERROR options flags are too long\r\n", .swallow = 9},
};

/* What --strict-keys refuses besides. */
static const struct refused strictly[] = {
    {IN("get \x01\r\n"), FORMAT},
    {IN("get a\x1f\r\n"), FORMAT},
    {IN("get a\x7f\r\n"), FORMAT},
    {IN("get a\tb\r\n"), FORMAT},
    {IN("get good a\tb\r\n"), FORMAT},
    {IN("gat 0 a\x7f\r\n"), FORMAT},
    {IN("set a\x01 0 0 1\r\n"), FORMAT, .swallow = 3},
    {IN("set a\x7f 0 0 1 noreply\r\n"), FORMAT, true, 3},
    {IN("delete \x01\r\n"), FORMAT},
    {IN("incr \x01 1\r\n"), FORMAT},
    {IN("touch \x01 1\r\n"), FORMAT},
    {IN("mg \x01 v\r\n"), FORMAT},
    {IN("ms \x01 1\r\n"), FORMAT, .swallow = 3},
};

static void assert_refused(const struct refused *table, size_t n, const struct request_rules *rules)
{
    struct guard g;
    guard_init(&g, 4096);
    for (size_t i = 0; i < n; i++) {
        const struct refused *f = &table[i];
        struct request r;
        struct request_parse p =
            request_parse(guard_place(&g, f->bytes, f->len), f->len, rules, &r);
        if (p.status != REQUEST_REFUSED) print_error("%s", f->bytes);
        assert_int_equal(p.status, REQUEST_REFUSED);
        assert_string_equal(p.error, f->error);
        assert_int_equal(p.consumed, f->len);
        assert_int_equal(p.swallow, f->swallow);
        assert_int_equal(r.noreply, f->noreply);
    }
    guard_release(&g);
}

static void malformed_requests_are_refused_as_memcached_refuses_them(void **state)
{
    assert_refused(refused, COUNT(refused), &RULES);
    assert_refused(refused, COUNT(refused), &STRICT);
}

static void strict_keys_are_refused_by_a_byte_and_their_values_swallowed(void **state)
{
    assert_refused(strictly, COUNT(strictly), &STRICT);
    for (size_t i = 0; i < COUNT(strictly); i++) {
        struct request r;
        const char *bytes = strictly[i].bytes;
        struct request_parse p = request_parse((const uint8_t *)bytes, strictly[i].len, &RULES, &r);
        assert_true(p.status == REQUEST_OK || p.status == REQUEST_KEYS ||
                    (p.status == REQUEST_AGAIN && p.need == strictly[i].len + strictly[i].swallow));
    }
}

/* What leaves no way to go on: a length that nobody can swallow, lengths that two readings of the line give, and HTTP. */
static const struct {
    const char *bytes;
    const char *error;
} closing[] = {
    {"set k 0 0 2147483646\r\n", FORMAT},
    {"set k 0 0 2147483647\r\n", FORMAT},
    {"set k 0 0 2147483648\r\n", FORMAT},
    {"set k 0 0 4294967295\r\n", FORMAT},
    {"set k 0 0 4294967296\r\n", FORMAT},
    {"set k 0 0 4294967297\r\n", FORMAT},
    {"set k 0 0 99999999999\r\n", FORMAT},
    {"set k 0 0 99999999999 noreply\r\n", FORMAT},
    {"set k 0 0 9223372036854775807\r\n", FORMAT},
    {"set k 0 0 9223372036854775808\r\n", FORMAT},
    {"set k 0 0 12345678901234567890\r\n", FORMAT},
    {"set k 0 0 18446744073709551615\r\n", FORMAT},
    {"set k 0 0 18446744073709551616\r\n", FORMAT},
    {"set k 0 0 123456789012345678901234567890\r\n", FORMAT},
    {"cas k 0 0 4294967296 1\r\n", FORMAT},
    {"add " K251 " x x 4294967296\r\n", FORMAT},
    {"set a b 0 300 5\r\n", FORMAT},
    {"set a b 0 0 5\r\n", FORMAT},
    {"set a b 0 0 5 noreply\r\n", UNKNOWN},
    {"set a b 0 99999999999 5\r\n", FORMAT},
    {"set a b 0 5 99999999999\r\n", FORMAT},
    {"set a b c 0 0 5\r\n", UNKNOWN},
    {"set a b c d e f g h 0 0 5\r\n", UNKNOWN},
    {"add a b 0 0 5\r\n", FORMAT},
    {"replace a b 0 0 5\r\n", FORMAT},
    {"append a b 0 0 5\r\n", FORMAT},
    {"prepend a b 0 0 5\r\n", FORMAT},
    {"set k 0 0 5 x 6\r\n", UNKNOWN},
    {"set k x 0 5 6\r\n", FORMAT},
    {"cas a b 0 0 5 99\r\n", FORMAT},
    {"cas a b 0 0 5 99 noreply\r\n", UNKNOWN},
    {"cas  0 0 5 99\r\n", UNKNOWN},
    {"set a 1 0 0 5\r\nhe", CHUNK}, /* 5 bytes of `a 1`, or none with a word too many */
    {"append a 1 0 2 5\r\nhell", CHUNK},
    {"cas a 1 0 0 5 99\r\nhe", CHUNK},
    {"set a 1 0 0 99999999999\r\nhe", CHUNK},
    {"ms k 5 7\r\n", FLAG},
    {"ms k 5 T0 7\r\n", FLAG},
    {"ms a b 5 7\r\n", FORMAT},
    {"ms a b 5 S7\r\n", FORMAT},
    {"ms k 99999999999\r\n", FORMAT},
    {"ms a b 99999999999\r\n", FORMAT},
    {"GET / HTTP/1.1\r\n", NULL},
    {"GET / HTTP/1.0\n", NULL},
    {"POST /x HTTP/1.1\r\n", NULL},
    {"foo HTTP/\r\n", NULL},
    {"HTTP/1.1\r\n", NULL},
};

static void lengths_beyond_all_or_of_two_readings_and_http_close_the_connection(void **state)
{
    for (size_t i = 0; i < COUNT(closing); i++) {
        struct request r;
        size_t len = strlen(closing[i].bytes);
        struct request_parse p = request_parse((const uint8_t *)closing[i].bytes, len, &RULES, &r);
        if (p.status != REQUEST_CLOSE) print_error("%s", closing[i].bytes);
        assert_int_equal(p.status, REQUEST_CLOSE);
        if (closing[i].error)
            assert_string_equal(p.error, closing[i].error);
        else
            assert_null(p.error);
    }
}

/* Where refused values are answered as by a memcached that takes them for lines: whether each line of what is swallowed is, and whether
 * nobody knows where they end. */
static const struct {
    const char *bytes;
    const char *error;
    size_t swallow;
    bool each_line, in_doubt;
} answered[] = {
    {"cas k 0 0 6\r\n", UNKNOWN, 8, true, false},
    {"set k 0 0 5 x 5\r\n", UNKNOWN, 7, true, false},
    {"set k x 0 5\r\n", FORMAT, 7, true, false},
    {"set k x 0 0 noreply\r\n", FORMAT, 2, true, false},
    {"set k 0 0 -1\r\n", FORMAT, 0, false, false},
    {"set k 0 5\r\n", UNKNOWN, 0, false, false},
    {"set k 0 0 2000000\r\n", TOO_LARGE, 2000002, false, false},
    {"set k 0 0 4294967295\r\n", FORMAT, 0, false, true},
    {"set a b 0 0 5\r\n", FORMAT, 0, false, true},
    {"set a 1 0 0 5\r\nhe", CHUNK, 0, false, true},
    {"ms k 5 Z\r\n", NULL, 0, false, false},
    {"ms k x\r\n", FORMAT, 0, false, false},
    {"ms k 5 k k\r\n", DUPLICATE, 7, false, false},
};

static void refused_values_are_answered_in_lines_where_that_is_asked_for(void **state)
{
    static const struct request_rules rules = {.max_value = 1024 * 1024, .answer_values = true};
    for (size_t i = 0; i < COUNT(answered); i++) {
        struct request r;
        const char *bytes = answered[i].bytes;
        struct request_parse p = request_parse((const uint8_t *)bytes, strlen(bytes), &rules, &r);
        if (answered[i].error) {
            assert_int_equal(p.status, REQUEST_REFUSED);
            assert_string_equal(p.error, answered[i].error);
        } else {
            assert_int_equal(p.status, REQUEST_AGAIN);
        }
        assert_int_equal(p.swallow, answered[i].swallow);
        assert_int_equal(p.each_line, answered[i].each_line);
        assert_int_equal(p.in_doubt, answered[i].in_doubt);
        p = request_parse((const uint8_t *)bytes, strlen(bytes), &RULES, &r);
        assert_false(p.each_line || p.in_doubt);
    }
}

/* memcached stops at the first mistake. */
static void a_flag_that_nobody_knows_is_named_before_one_that_stands_twice(void **state)
{
    static const struct {
        const char *bytes, *error;
    } lines[] = {{"mg k m o o\r\n", FLAG},      {"mg k v m v\r\n", FLAG},
                 {"mg k v v m\r\n", DUPLICATE}, {"mg k E1 x S v v\r\n", DUPLICATE},
                 {"ms k 1 Z T1 T1\r\n", FLAG},  {"ms k 1 T1 T1 Z\r\n", DUPLICATE}};
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct request r;
        struct request_parse p =
            request_parse((const uint8_t *)lines[i].bytes, strlen(lines[i].bytes), &RULES, &r);
        if (strcmp(p.error, lines[i].error) != 0) print_error("%s", lines[i].bytes);
        assert_int_equal(p.status, REQUEST_REFUSED);
        assert_string_equal(p.error, lines[i].error);
    }
}

static void the_longest_value_is_what_the_caller_says(void **state)
{
    struct request r;
    static const char four[] = "set k 0 0 4\r\nabcd\r\n";
    struct request_parse p = request_parse((const uint8_t *)four, sizeof four - 1,
                                           &(struct request_rules){.max_value = 4}, &r);
    assert_int_equal(p.status, REQUEST_OK);
    p = request_parse((const uint8_t *)four, sizeof four - 1,
                      &(struct request_rules){.max_value = 3}, &r);
    assert_int_equal(p.status, REQUEST_REFUSED);
    assert_string_equal(p.error, TOO_LARGE);
    assert_int_equal(p.consumed + p.swallow, sizeof four - 1);
}

/* --- cut anywhere ------------------------------------------------------------------------------ */

static void every_strict_prefix_asks_for_more(void **state)
{
    struct guard g;
    guard_init(&g, 4096);
    for (size_t i = 0; i < COUNT(refused); i++) sweep(&g, refused[i].bytes, refused[i].len);
    for (size_t i = 0; i < COUNT(closing); i++)
        sweep(&g, closing[i].bytes, strlen(closing[i].bytes));
    guard_release(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_requests_are_refused_as_memcached_refuses_them),
        cmocka_unit_test(strict_keys_are_refused_by_a_byte_and_their_values_swallowed),
        cmocka_unit_test(lengths_beyond_all_or_of_two_readings_and_http_close_the_connection),
        cmocka_unit_test(refused_values_are_answered_in_lines_where_that_is_asked_for),
        cmocka_unit_test(a_flag_that_nobody_knows_is_named_before_one_that_stands_twice),
        cmocka_unit_test(the_longest_value_is_what_the_caller_says),
        cmocka_unit_test(every_strict_prefix_asks_for_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
