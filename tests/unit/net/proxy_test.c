/* proxy: headers of the PROXY protocol, in front of a page that may not be touched: whole ones, each beginning of them, and what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/proxy.h"
#include "unit/protocol/guard.h"

#define IN(text) text, sizeof(text) - 1
#define SIGN     "\r\n\r\n\0\r\nQUIT\n"
#define V4       "\x01\x02\x03\x04\x0a\x00\x00\x01\x12\x34\x2b\xcb"
#define V6                                                                                         \
    "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"                                                         \
    "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02"                                                         \
    "\x12\x34\x2b\xcb"
#define MAPPED                                                                                     \
    "\0\0\0\0\0\0\0\0\0\0\xff\xff\x01\x02\x03\x04"                                                 \
    "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x01"                                                     \
    "\x12\x34\x2b\xcb"
#define ZEROS_54                                                                                   \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
    "\0\0\0\0\0\0\0\0"
#define PATHS ZEROS_54 ZEROS_54 ZEROS_54 ZEROS_54

enum { ROOM = PROXY_HEADER_MAX + 64 };

static struct guard guard;

static struct proxy_header parse(const void *bytes, size_t n)
{
    return proxy_parse(guard_place(&guard, bytes, n), n);
}

static const struct {
    const char *bytes;
    size_t len;
    const char *from; /* NULL: not told */
    bool is_local;
} good[] = {
    {IN("PROXY TCP4 1.2.3.4 10.0.0.1 4660 11211\r\n"), "1.2.3.4:4660", false},
    {IN("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255:65535",
     false},
    {IN("PROXY TCP4 1.2.3.4 10.0.0.1 0 0\r\n"), "1.2.3.4:0", false},
    {IN("PROXY TCP6 fd00::1 fd00::2 4660 11211\r\n"), "[fd00::1]:4660", false},
    {IN("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", false},
    {IN("PROXY TCP6 ::ffff:1.2.3.4 ::ffff:10.0.0.1 4660 11211\r\n"), "1.2.3.4:4660", false},
    {IN("PROXY UNKNOWN\r\n"), NULL, false},
    {IN("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     NULL, false}, /* the longest line: 107 bytes */
    {IN("PROXY UNKNOWN what ever\t\r\n"), NULL, false},
    {IN(SIGN "\x21\x11\0\x0c" V4), "1.2.3.4:4660", false},
    {IN(SIGN "\x21\x11\0\x0f" V4 "\x04\0\0"), "1.2.3.4:4660", false}, /* a TLV */
    {IN(SIGN "\x21\x21\0\x24" V6), "[fd00::1]:4660", false},
    {IN(SIGN "\x21\x21\0\x24" MAPPED), "1.2.3.4:4660", false},
    {IN(SIGN "\x21\x21\0\x28" V6 "tlvs"), "[fd00::1]:4660", false},
    {IN(SIGN "\x21\x31\0\xd8" PATHS), NULL, false},
    {IN(SIGN "\x21\x00\0\0"), NULL, false},
    {IN(SIGN "\x21\x00\0\x05"
             "12345"),
     NULL, false},
    {IN(SIGN "\x21\x12\0\x0c" V4), NULL, false}, /* datagrams */
    {IN(SIGN "\x21\x10\0\x0c" V4), NULL, false},
    {IN(SIGN "\x20\x00\0\0"), NULL, true},
    {IN(SIGN "\x20\x11\0\x0c" V4), NULL, true},
    {IN(SIGN "\x20\xff\0\x01"
             "x"),
     NULL, true}, /* of LOCAL nothing else counts */
};

static void check_good(size_t i, const char *behind, size_t behind_len)
{
    char bytes[512], text[ADDR_TEXT_MAX];
    memcpy(bytes, good[i].bytes, good[i].len);
    if (behind_len) memcpy(bytes + good[i].len, behind, behind_len);
    struct proxy_header h = parse(bytes, good[i].len + behind_len);
    if (h.status != PROXY_OK) fail_msg("header %zu: %d, %s", i, h.status, h.wrong ? h.wrong : "");
    assert_int_equal(h.len, good[i].len);
    assert_int_equal(h.is_local, good[i].is_local);
    assert_int_equal(h.from.len > 0, good[i].from != NULL);
    if (good[i].from) assert_string_equal(addr_print(&h.from, text), good[i].from);
}

static void a_header_tells_whose_connection_it_is(void **state)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        check_good(i, "", 0);
        check_good(i, IN("\r\n"));
        check_good(i, IN("PROXY TCP4 9.9.9.9 9.9.9.9 9 9\r\nget a\r\n"));
        check_good(i, IN("\x16\x03\x01"));
    }
}

static void each_beginning_of_one_waits_for_more(void **state)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        for (size_t n = 0; n < good[i].len; n++) {
            struct proxy_header h = parse(good[i].bytes, n);
            if (h.status != PROXY_AGAIN) fail_msg("header %zu, %zu bytes: %d", i, n, h.status);
        }
}

#define NONE    "there is none"
#define ADDRESS "its line has no two addresses and two ports"
#define KNOWS   "version 1 knows TCP4, TCP6 and UNKNOWN"
#define CRLF    "its line does not end in CR LF"
#define COMMAND "its version is not 2, or its command neither LOCAL nor PROXY"
#define FAMILY  "its family or transport is unknown"
#define SHORT   "it is too short for its addresses"

static const struct {
    const char *bytes;
    size_t len;
    const char *wrong;
} bad[] = {
    {IN("g"), NONE},
    {IN("get a\r\n"), NONE},
    {IN("\x80"), NONE},
    {IN("\x16\x03\x01"), NONE},
    {IN("proxy TCP4 1.2.3.4 10.0.0.1 1 2\r\n"), NONE},
    {IN("PROXYTCP4"), NONE},
    {IN("\r\n\r\n\0\r\nQUIT\r"), NONE},
    {IN("\r\n\r\n\r"), NONE},
    {IN("PROXY \r\n"), KNOWS},
    {IN("PROXY TCP4\r\n"), KNOWS},
    {IN("PROXY TCP5 1.2.3.4 10.0.0.1 1 2\r\n"), KNOWS},
    {IN("PROXY UDP4 1.2.3.4 10.0.0.1 1 2\r\n"), KNOWS},
    {IN("PROXY UNKNOWNS\r\n"), KNOWS},
    {IN("PROXY  TCP4 1.2.3.4 10.0.0.1 1 2\r\n"), KNOWS},
    {IN("PROXY TCP4 1.2.3.4 10.0.0.1 1 2\n"), CRLF},
    {IN("PROXY \n"), CRLF},
    {IN("PROXY TCP4 \r\n"), ADDRESS},
    {IN("PROXY TCP4 1.2.3.4 10.0.0.1 1\r\n"), ADDRESS},
    {IN("PROXY TCP4 1.2.3.4 10.0.0.1 1 2 \r\n"), ADDRESS},
    {IN("PROXY TCP4 1.2.3.4 10.0.0.1 1 2 3\r\n"), ADDRESS},
    {IN("PROXY TCP4 1.2.3.4  10.0.0.1 1 2\r\n"), ADDRESS},
    {IN("PROXY TCP4 1.2.3.4 10.0.0.1 01 2\r\n"), ADDRESS},
    {IN("PROXY TCP4 1.2.3.4 10.0.0.1 1 +2\r\n"), ADDRESS},
    {IN("PROXY TCP4 1.2.3.4 10.0.0.1 65536 2\r\n"), ADDRESS},
    {IN("PROXY TCP4 1.2.3.4 10.0.0.1 1 65536\r\n"), ADDRESS},
    {IN("PROXY TCP4 1.2.3.4 10.0.0.1 99999 2\r\n"), ADDRESS},
    {IN("PROXY TCP4 1.2.3.4 10.0.0.1 100000 2\r\n"), ADDRESS},
    {IN("PROXY TCP4 1.2.3 10.0.0.1 1 2\r\n"), ADDRESS},
    {IN("PROXY TCP4 1.2.3.4 10.0.0 1 2\r\n"), ADDRESS},
    {IN("PROXY TCP4 01.2.3.4 10.0.0.1 1 2\r\n"), ADDRESS},
    {IN("PROXY TCP4 1.2.3.4\0 10.0.0.1 1 2\r\n"), ADDRESS},
    {IN("PROXY TCP4 fd00::1 fd00::2 1 2\r\n"), ADDRESS},
    {IN("PROXY TCP6 1.2.3.4 10.0.0.1 1 2\r\n"), ADDRESS},
    {IN("PROXY TCP6 fe80::1%lo fd00::2 1 2\r\n"), ADDRESS},
    {IN(SIGN "\x11"), COMMAND},
    {IN(SIGN "\x31"), COMMAND},
    {IN(SIGN "\x22"), COMMAND},
    {IN(SIGN "\x2f\x11\0\x0c" V4), COMMAND},
    {IN(SIGN "\x21\x41\0\0"), FAMILY},
    {IN(SIGN "\x21\x13\0\0"), FAMILY},
    {IN(SIGN "\x21\xff\0\0"), FAMILY},
    {IN(SIGN "\x21\x11\0\x0b"), SHORT},
    {IN(SIGN "\x21\x21\0\x23"), SHORT},
    {IN(SIGN "\x21\x31\0\xd7"), SHORT},
    {IN(SIGN "\x21\x12\0\0"), SHORT},
    {IN(SIGN "\x21\x11\x0f\xf1"), "it is longer than 4096 bytes"},
    {IN(SIGN "\x20\x00\xff\xff"), "it is longer than 4096 bytes"},
};

static void what_is_nearly_a_header_is_refused_and_named(void **state)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct proxy_header h = parse(bad[i].bytes, bad[i].len);
        if (h.status != PROXY_BAD) fail_msg("%zu: %d", i, h.status);
        assert_string_equal(h.wrong, bad[i].wrong);
    }
}

static void a_line_has_107_bytes_at_most(void **state)
{
    char line[PROXY_LINE_MAX + 2];
    memset(line, 'x', sizeof line);
    memcpy(line, IN("PROXY UNKNOWN "));
    assert_int_equal(parse(line, PROXY_LINE_MAX - 1).status, PROXY_AGAIN);
    assert_string_equal(parse(line, PROXY_LINE_MAX).wrong, "its line is longer than 107 bytes");
    memcpy(line + PROXY_LINE_MAX - 2, "\r\n", 2);
    assert_int_equal(parse(line, PROXY_LINE_MAX).status, PROXY_OK);
    memcpy(line + PROXY_LINE_MAX - 2, "x\r\n", 3);
    assert_string_equal(parse(line, PROXY_LINE_MAX + 1).wrong, "its line is longer than 107 bytes");
}

static void one_of_4096_bytes_is_taken(void **state)
{
    uint8_t bytes[PROXY_HEADER_MAX] = SIGN "\x21\x11\x0f\xf0" V4;
    assert_int_equal(parse(bytes, sizeof bytes - 1).status, PROXY_AGAIN);
    struct proxy_header h = parse(bytes, sizeof bytes);
    assert_int_equal(h.status, PROXY_OK);
    assert_int_equal(h.len, PROXY_HEADER_MAX);
}

static int open_guard(void **state)
{
    guard_init(&guard, ROOM);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_tells_whose_connection_it_is),
        cmocka_unit_test(each_beginning_of_one_waits_for_more),
        cmocka_unit_test(what_is_nearly_a_header_is_refused_and_named),
        cmocka_unit_test(a_line_has_107_bytes_at_most),
        cmocka_unit_test(one_of_4096_bytes_is_taken),
    };
    return cmocka_run_group_tests_name("proxy", tests, open_guard, NULL);
}
