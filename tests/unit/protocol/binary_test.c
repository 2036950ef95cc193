/* binary: frames whole, cut, and wrong; what they are in the words of text; heads of answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/binary.h"
#include "protocol/binary_request.h"
#include "unit/protocol/guard.h"
#include <cmocka.h>
#include <stdio.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define IN(text)     text, sizeof(text) - 1
#define K50          "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define K187         K50 K50 K50 "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\n"
#define K186         K50 K50 K50 "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\n"

enum { MAX_VALUE = 1000 };

/* A head: opcode, key, extras, body, each as bytes; the rest is 0 but opaque and cas. */
#define HEAD(op, key, extras, body)                                                                \
    "\x80" op key extras "\0"                                                                      \
    "\0\0" body "opaq"                                                                             \
    "\0\0\0\0\0\0\0\0"
#define COMPARES(op, key, extras, body)                                                            \
    "\x80" op key extras "\0"                                                                      \
    "\0\0" body "opaq"                                                                             \
    "\0\0\0\0\0\0\0\7"
#define STORE "\0\0\0\5\0\0\0\x64"
#define ADDS  "\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\x0a\0\0\0\0"
#define TAKES "\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\x0a\xff\xff\xff\xff"
#define DAY   "\xff\xff\xff\xff"

/* A whole frame, and the line that a server gets for it; NULL: it is about no key. */
static const struct whole {
    const char *bytes;
    size_t len;
    const char *line;
} wholes[] = {
    {IN(HEAD("\0", "\0\1", "\0", "\0\0\0\1") "k"), "gets k"},
    {IN(HEAD("\x09", "\0\1", "\0", "\0\0\0\1") "k"), "gets k"},
    {IN(COMPARES("\x0c", "\0\1", "\0", "\0\0\0\1") "k"), "gets k"},
    {IN(HEAD("\x0d", "\0\3", "\0", "\0\0\0\3") "a b"), "mg YSBi b v f c\r\n"},
    {IN(HEAD("\1", "\0\1", "\x08", "\0\0\0\x0b") STORE "kvv"), "ms k 2 c T100 F5\r\n"},
    {IN(HEAD("\x11", "\0\1", "\x08", "\0\0\0\x09") STORE "k"), "ms k 0 c T100 F5\r\n"},
    {IN(HEAD("\1", "\0\1", "\x08", "\0\0\0\x0b") "\0\0\0\0\0\0\0\0kvv"), "ms k 2 c\r\n"},
    {IN(HEAD("\1", "\0\1", "\x08", "\0\0\0\x0b") "\xff\xff\xff\xff" DAY "kvv"),
     "ms k 2 c T2147483647 F4294967295\r\n"},
    {IN(HEAD("\2", "\0\1", "\x08", "\0\0\0\x0a") STORE "kv"), "ms k 1 c ME T100 F5\r\n"},
    {IN(HEAD("\x13", "\0\1", "\x08", "\0\0\0\x0a") STORE "kv"), "ms k 1 c MR T100 F5\r\n"},
    {IN(COMPARES("\2", "\0\1", "\x08", "\0\0\0\x0a") STORE "kv"), "ms k 1 c C7 T100 F5\r\n"},
    {IN(COMPARES("\3", "\0\1", "\x08", "\0\0\0\x0a") STORE "kv"), "ms k 1 c C7 T100 F5\r\n"},
    {IN(HEAD("\1", "\0\1", "\x08", "\0\0\0\x0a") STORE "\0v"), "ms AA== 1 b c T100 F5\r\n"},
    {IN(HEAD("\x0e", "\0\1", "\0", "\0\0\0\2") "kv"), "ms k 1 c MA\r\n"},
    {IN(HEAD("\x1a", "\0\1", "\0", "\0\0\0\2") "kv"), "ms k 1 c MP\r\n"},
    {IN(COMPARES("\x19", "\0\1", "\0", "\0\0\0\2") "kv"), "ms k 1 c MA C7\r\n"},
    {IN(HEAD("\4", "\0\1", "\0", "\0\0\0\1") "k"), "delete k\r\n"},
    {IN(HEAD("\4", "\0\7", "\0", "\0\0\0\7") "noreply"), "delete noreply 0\r\n"},
    {IN(COMPARES("\x14", "\0\1", "\0", "\0\0\0\1") "k"), "md k C7\r\n"},
    {IN(HEAD("\4", "\0\1", "\0", "\0\0\0\1") "\n"), "md Cg== b\r\n"},
    {IN(HEAD("\5", "\0\1", "\x14", "\0\0\0\x15") ADDS "k"), "ma k v c D3 N0 J10\r\n"},
    {IN(HEAD("\x16", "\0\1", "\x14", "\0\0\0\x15") TAKES "k"), "ma k v c D3 MD\r\n"},
    {IN(COMPARES("\6", "\0\1", "\x14", "\0\0\0\x15") ADDS "k"), "ma k v c D3 MD N0 J10 C7\r\n"},
    {IN(HEAD("\x1c", "\0\1", "\4", "\0\0\0\5") "\0\0\0\5k"), "mg k f c T5\r\n"},
    {IN(HEAD("\x1d", "\0\1", "\4", "\0\0\0\5") "\0\0\0\5k"), "gats 5 k"},
    {IN(HEAD("\x24", "\0\1", "\4", "\0\0\0\5") DAY " "), "mg IA== b v f c T2147483647\r\n"},
    {IN(HEAD("\x0a", "\0\0", "\0", "\0\0\0\0")), NULL},
    {IN(HEAD("\x0b", "\0\0", "\0", "\0\0\0\0")), NULL},
    {IN(HEAD("\7", "\0\0", "\0", "\0\0\0\0")), NULL},
    {IN(HEAD("\x17", "\0\0", "\0", "\0\0\0\0")), NULL},
    {IN(HEAD("\x10", "\0\0", "\0", "\0\0\0\0")), "stats\r\n"},
    {IN(HEAD("\x10", "\0\5", "\0", "\0\0\0\5") "items"), "stats items\r\n"},
    {IN(HEAD("\x08", "\0\0", "\0", "\0\0\0\0")), "flush_all\r\n"},
    {IN(HEAD("\x18", "\0\0", "\4", "\0\0\0\4") "\0\0\0\x0a"), "flush_all 10\r\n"},
};

static void whole_frames_are_the_lines_of_text(void **state)
{
    struct guard g;
    guard_init(&g, 4096);
    for (size_t i = 0; i < COUNT(wholes); i++) {
        const struct whole *w = &wholes[i];
        struct binary_frame f;
        struct request r;
        uint8_t words[BINARY_WORDS_ROOM], line[REQUEST_LINE_ROOM];
        struct binary_parse p =
            binary_parse(guard_place(&g, w->bytes, w->len), w->len, MAX_VALUE, &f);
        assert_int_equal(p.status, BINARY_WHOLE);
        assert_int_equal(p.consumed, w->len);
        assert_memory_equal(&f.opaque, "opaq", 4);
        assert_true(binary_to_request(&f, false, &r, words));
        if (!w->line) continue;
        size_t n = request_encode_line(&r, line);
        if (n != strlen(w->line) || memcmp(line, w->line, n) != 0)
            fail_msg("%zu: %.*s", i, (int)n, (const char *)line);
    }
    guard_release(&g);
}

/* How many bytes there must be is known once the head is there. */
static void every_prefix_asks_for_more(void **state)
{
    struct guard g;
    guard_init(&g, 4096);
    for (size_t i = 0; i < COUNT(wholes); i++) {
        for (size_t n = 0; n < wholes[i].len; n++) {
            struct binary_frame f;
            struct binary_parse p =
                binary_parse(guard_place(&g, wholes[i].bytes, n), n, MAX_VALUE, &f);
            assert_int_equal(p.status, BINARY_AGAIN);
            assert_int_equal(p.consumed, 0);
            assert_int_equal(p.need, n < BINARY_HEAD ? 0 : wholes[i].len);
        }
    }
    guard_release(&g);
}

/* What is there when memcached judges it, and what it says. */
static const struct {
    const char *bytes;
    size_t len;
    enum binary_parse_status status;
    enum binary_status error;
    size_t swallow;
} wrongs[] = {
    {IN("\x81"), BINARY_CLOSE, BINARY_OK, 0},
    {IN("g"), BINARY_CLOSE, BINARY_OK, 0},
    /* a body that has no room for key and extras */
    {IN(HEAD("\0", "\0\2", "\0", "\0\0\0\1") "kk"), BINARY_CLOSE, BINARY_UNKNOWN_COMMAND, 0},
    {IN(HEAD("\0", "\0\1", "\2", "\0\0\0\2") "xxk"), BINARY_CLOSE, BINARY_UNKNOWN_COMMAND, 0},
    {IN(HEAD("\xff", "\0\1", "\2", "\0\0\0\2") "xxk"), BINARY_CLOSE, BINARY_UNKNOWN_COMMAND, 0},
    /* a body of 2^31 bytes */
    {IN(HEAD("\1", "\0\1", "\x08", "\x80\0\0\0") STORE "k"), BINARY_CLOSE, BINARY_INVALID, 0},
    {IN(HEAD("\xff", "\0\0", "\0", DAY)), BINARY_CLOSE, BINARY_INVALID, 0},
    /* a key of 251 bytes, whatever the opcode */
    {IN(HEAD("\0", "\0\xfb", "\0", "\0\0\0\xfb") K50 K50 K50 K50 K50 "k"), BINARY_CLOSE,
     BINARY_INVALID, 0},
    {IN(HEAD("\xff", "\0\xfb", "\0", "\0\0\0\xfb") K50 K50 K50 K50 K50 "k"), BINARY_CLOSE,
     BINARY_INVALID, 0},
    /* other parts than the opcode has */
    {IN(HEAD("\0", "\0\0", "\0", "\0\0\0\0")), BINARY_CLOSE, BINARY_INVALID, 0},
    {IN(HEAD("\0", "\0\1", "\4", "\0\0\0\5") "xxxxk"), BINARY_CLOSE, BINARY_INVALID, 0},
    {IN(HEAD("\0", "\0\1", "\0", "\0\0\0\2") "k"), BINARY_CLOSE, BINARY_INVALID, 0},
    {IN(HEAD("\1", "\0\1", "\0", "\0\0\0\2") "k"), BINARY_CLOSE, BINARY_INVALID, 0},
    {IN(HEAD("\1", "\0\0", "\x08", "\0\0\0\x0a") STORE), BINARY_CLOSE, BINARY_INVALID, 0},
    {IN(HEAD("\x0e", "\0\1", "\x08", "\0\0\0\x0a") STORE "k"), BINARY_CLOSE, BINARY_INVALID, 0},
    {IN(HEAD("\4", "\0\1", "\0", "\0\0\0\2") "k"), BINARY_CLOSE, BINARY_INVALID, 0},
    {IN(HEAD("\5", "\0\1", "\x14", "\0\0\0\x16") ADDS "k"), BINARY_CLOSE, BINARY_INVALID, 0},
    {IN(HEAD("\x1c", "\0\1", "\4", "\0\0\0\6") "\0\0\0\5k"), BINARY_CLOSE, BINARY_INVALID, 0},
    {IN(HEAD("\x1d", "\0\1", "\0", "\0\0\0\1") "k"), BINARY_CLOSE, BINARY_INVALID, 0},
    {IN(HEAD("\x0a", "\0\1", "\0", "\0\0\0\1") "k"), BINARY_CLOSE, BINARY_INVALID, 0},
    {IN(HEAD("\x0b", "\0\0", "\0", "\0\0\0\1")), BINARY_CLOSE, BINARY_INVALID, 0},
    {IN(HEAD("\x08", "\0\0", "\3", "\0\0\0\3") "xxx"), BINARY_CLOSE, BINARY_INVALID, 0},
    {IN(HEAD("\x10", "\0\1", "\0", "\0\0\0\2") "k"), BINARY_CLOSE, BINARY_INVALID, 0},
    {IN(HEAD("\x21", "\0\0", "\0", "\0\0\0\2")), BINARY_CLOSE, BINARY_INVALID, 0},
    /* what costs the frame alone */
    {IN(HEAD("\xff", "\0\0", "\0", "\0\0\0\0")), BINARY_REFUSED, BINARY_UNKNOWN_COMMAND, 0},
    {IN(HEAD("\x1b", "\0\2", "\4", "\0\0\0\x0a") "xxxxkk"), BINARY_REFUSED, BINARY_UNKNOWN_COMMAND,
     4},
    {IN(HEAD("\1", "\0\1", "\x08", "\0\0\3\xf2") STORE "k"), BINARY_REFUSED, BINARY_TOO_LARGE,
     1001},
    {IN(HEAD("\x19", "\0\1", "\0", "\x7f\xff\xff\xff") "k"), BINARY_REFUSED, BINARY_TOO_LARGE,
     INT32_MAX - 1},
};

static void wrong_frames_are_judged_before_their_values(void **state)
{
    struct guard g;
    guard_init(&g, 4096);
    for (size_t i = 0; i < COUNT(wrongs); i++) {
        struct binary_frame f;
        struct binary_parse p = binary_parse(guard_place(&g, wrongs[i].bytes, wrongs[i].len),
                                             wrongs[i].len, MAX_VALUE, &f);
        if (p.status != wrongs[i].status || p.error != wrongs[i].error) fail_msg("%zu", i);
        assert_int_equal(p.swallow, wrongs[i].swallow);
        if (wrongs[i].len < BINARY_HEAD) continue;
        assert_int_equal(p.consumed, wrongs[i].len);
        for (size_t n = 1; n < wrongs[i].len; n++) {
            p = binary_parse(guard_place(&g, wrongs[i].bytes, n), n, MAX_VALUE, &f);
            assert_int_equal(p.status, BINARY_AGAIN);
            assert_int_equal(p.need, n < BINARY_HEAD ? 0 : wrongs[i].len);
        }
    }
    guard_release(&g);
}

static void keys_that_base64_makes_too_long_cannot_be_sent(void **state)
{
    static const struct {
        const char *key;
        size_t len;
        bool strict, good;
    } keys[] = {
        {IN(K50 K50 K50 K50 K50), false, true},
        {IN(K186), false, true},
        {IN(K187), false, false},
        {IN("a\1b"), false, true},
        {IN("a\1b"), true, false},
        {IN("a b"), true, false},
    };
    for (size_t i = 0; i < COUNT(keys); i++) {
        struct request r;
        uint8_t words[BINARY_WORDS_ROOM];
        struct binary_frame f = {.key = (const uint8_t *)keys[i].key,
                                 .key_len = (uint16_t)keys[i].len};
        assert_int_equal(binary_to_request(&f, keys[i].strict, &r, words), keys[i].good);
        if (!keys[i].good) continue;
        assert_ptr_equal(r.key_at, keys[i].key);
        assert_int_equal(r.key_len, keys[i].len);
    }
}

/* Room for the longest words. */
static void numbers_may_be_as_long_as_they_can(void **state)
{
    uint8_t words[BINARY_WORDS_ROOM], line[REQUEST_LINE_ROOM], extras[20];
    struct request r;
    memset(extras, 0xff, sizeof extras);
    extras[19] = 0xfe;
    struct binary_frame f = {.opcode = BINARY_OP_DECRQ,
                             .key = (const uint8_t *)" ",
                             .key_len = 1,
                             .extras = extras,
                             .extras_len = sizeof extras,
                             .cas = UINT64_MAX};
    assert_true(binary_to_request(&f, false, &r, words));
    size_t n = request_encode_line(&r, line);
    assert_int_equal(n, strlen("ma IA== b v c D18446744073709551615 MD N2147483647 "
                               "J18446744073709551615 C18446744073709551615\r\n"));
    assert_int_equal(binary_read_count(&f).delta, UINT64_MAX);
    assert_int_equal(binary_read_count(&f).initial, UINT64_MAX);
    assert_int_equal(binary_read_count(&f).exptime, UINT32_MAX - 1);
}

static void heads_are_written(void **state)
{
    static const char expected[] = "\x81\x0c\0\3\4\0\0\1\0\1\0\x09opaq\1\2\3\4\5\6\7\x08";
    struct binary_answer a = {.opcode = BINARY_OP_GETK,
                              .extras_len = 4,
                              .key_len = 3,
                              .status = BINARY_NOT_FOUND,
                              .value_len = 0x10002,
                              .cas = 0x0102030405060708};
    uint8_t head[BINARY_HEAD];
    memcpy(&a.opaque, "opaq", 4);
    binary_write_head(&a, head);
    assert_memory_equal(head, expected, BINARY_HEAD);
    assert_string_equal(binary_status_text(BINARY_NOT_FOUND), "Not found");
    assert_string_equal(binary_status_text(0x7777), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_frames_are_the_lines_of_text),
        cmocka_unit_test(every_prefix_asks_for_more),
        cmocka_unit_test(wrong_frames_are_judged_before_their_values),
        cmocka_unit_test(keys_that_base64_makes_too_long_cannot_be_sent),
        cmocka_unit_test(numbers_may_be_as_long_as_they_can),
        cmocka_unit_test(heads_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
