/* binary_words: requests as frames, and the frames that answer them as responses. What real servers make of them:
 * tests/e2e/servers/framed_alike_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/binary_words.h"
#include "protocol/value.h"
#include "unit/protocol/guard.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* The parsed request, with its key decoded. */
static struct request parse(const char *text, uint8_t key[KEY_MAX])
{
    struct request_rules rules = {.max_value = 1024};
    struct request r;
    struct request_parse p = request_parse((const uint8_t *)text, strlen(text), &rules, &r);
    if (p.status != REQUEST_OK) print_error("%s\n", text);
    assert_int_equal(p.status, REQUEST_OK);
    if (r.meta & META_BASE64) assert_true(request_decode_key(&r, key));
    return r;
}

static char *hex(char *to, const uint8_t *bytes, size_t len)
{
    *to = '\0';
    for (size_t i = 0; i < len; i++) sprintf(to + 2 * i, "%02x", bytes[i]);
    return to;
}

/* --- requests ---------------------------------------------------------------------------------- */

/* opcode, extras, key, length of the value, cas */
static const struct {
    const char *request, *extras, *key;
    uint8_t opcode;
    size_t value_len;
    uint64_t cas;
} rows[] = {
    {"get k\r\n", "", "k", BINARY_OP_GETK, 0, 0},
    {"gets k\r\n", "", "k", BINARY_OP_GETK, 0, 0},
    {"gat 5 k\r\n", "00000005", "k", BINARY_OP_GATK, 0, 0},
    {"gats -1 k\r\n", "00278d01", "k", BINARY_OP_GATK, 0, 0},
    {"set k 7 30 1\r\nx\r\n", "000000070000001e", "k", BINARY_OP_SET, 1, 0},
    {"set k 4294967295 -1 0\r\n\r\n", "ffffffff00278d01", "k", BINARY_OP_SET, 0, 0},
    {"add k 0 2147483647 1\r\nx\r\n", "000000007fffffff", "k", BINARY_OP_ADD, 1, 0},
    {"replace k 1 0 1\r\nx\r\n", "0000000100000000", "k", BINARY_OP_REPLACE, 1, 0},
    {"append k 1 1 1\r\nx\r\n", "", "k", BINARY_OP_APPEND, 1, 0},
    {"prepend k 0 0 2\r\nxy\r\n", "", "k", BINARY_OP_PREPEND, 2, 0},
    {"cas k 0 0 1 77\r\nx\r\n", "0000000000000000", "k", BINARY_OP_SET, 1, 77},
    {"delete k\r\n", "", "k", BINARY_OP_DELETE, 0, 0},
    {"delete noreply 0\r\n", "", "noreply", BINARY_OP_DELETE, 0, 0},
    {"incr k 258\r\n", "00000000000001020000000000000000ffffffff", "k", BINARY_OP_INCR, 0, 0},
    {"decr k 18446744073709551615\r\n", "ffffffffffffffff0000000000000000ffffffff", "k",
     BINARY_OP_DECR, 0, 0},
    {"touch k 9\r\n", "00000009", "k", BINARY_OP_TOUCH, 0, 0},
    {"mg k v f c s k O1 q\r\n", "", "k", BINARY_OP_GETK, 0, 0},
    {"mg k v T30\r\n", "0000001e", "k", BINARY_OP_GATK, 0, 0},
    {"mg k T30\r\n", "0000001e", "k", BINARY_OP_TOUCH, 0, 0},
    {"mg YSBi b v\r\n", "", "a b", BINARY_OP_GETK, 0, 0},
    {"ms k 1 T1 F2 c\r\nx\r\n", "0000000200000001", "k", BINARY_OP_SET, 1, 0},
    {"ms k 1 C9 MS\r\nx\r\n", "0000000000000000", "k", BINARY_OP_SET, 1, 9},
    {"ms k 1 MA C9\r\nx\r\n", "", "k", BINARY_OP_APPEND, 1, 9},
    {"ms k 1 ME\r\nx\r\n", "0000000000000000", "k", BINARY_OP_ADD, 1, 0},
    {"ms DQo= 1 b\r\nx\r\n", "0000000000000000", "\r\n", BINARY_OP_SET, 1, 0},
    {"md k C18446744073709551615 q\r\n", "", "k", BINARY_OP_DELETE, 0, UINT64_MAX},
    {"ma k D3 v\r\n", "00000000000000030000000000000000ffffffff", "k", BINARY_OP_INCR, 0, 0},
    {"ma k N30 J5 MD C4\r\n", "000000000000000100000000000000050000001e", "k", BINARY_OP_DECR, 0,
     4},
    {"ma k J5\r\n", "00000000000000010000000000000005ffffffff", "k", BINARY_OP_INCR, 0, 0},
    {"ma k N-1\r\n", "0000000000000001000000000000000000278d01", "k", BINARY_OP_INCR, 0, 0},
    {"flush_all\r\n", "00000000", "", BINARY_OP_FLUSH, 0, 0},
    {"flush_all 30\r\n", "0000001e", "", BINARY_OP_FLUSH, 0, 0},
    {"stats\r\n", "", "", BINARY_OP_STAT, 0, 0},
    {"stats items\r\n", "", "items", BINARY_OP_STAT, 0, 0},
};

static void a_request_becomes_one_frame(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t key[KEY_MAX], bytes[512];
        char extras[64];
        struct binary_frame f;
        struct request r = parse(rows[i].request, key);
        struct binary_words w = binary_say(&r);
        if (w.status != CLASSIC_SAID) print_error("%s", rows[i].request);
        assert_int_equal(w.status, CLASSIC_SAID);
        binary_set_opaque(w.head, 0x01020304);
        memcpy(bytes, w.head, w.len);
        if (w.key_len) memcpy(bytes + w.len, w.key, w.key_len);
        memset(bytes + w.len + w.key_len, 'x', 8);
        struct binary_parse p =
            binary_parse(bytes, w.len + w.key_len + rows[i].value_len, 1024, &f);
        assert_int_equal(p.status, BINARY_WHOLE);
        if (f.opcode != rows[i].opcode) print_error("%s", rows[i].request);
        assert_int_equal(f.opcode, rows[i].opcode);
        assert_int_equal(f.opcode, w.opcode);
        hex(extras, f.extras, f.extras_len);
        if (strcmp(extras, rows[i].extras) != 0) print_error("%s", rows[i].request);
        assert_string_equal(extras, rows[i].extras);
        assert_int_equal(f.key_len, strlen(rows[i].key));
        assert_memory_equal(f.key, rows[i].key, f.key_len);
        assert_int_equal(f.value_len, rows[i].value_len);
        assert_true(f.cas == rows[i].cas && f.opaque == 0x01020304 && w.opcode != 0);
    }
}

static const struct {
    const char *request, *error; /* NULL: it is lacking */
} refused[] = {
    {"mg k t\r\n", NULL},
    {"mg k N30\r\n", NULL},
    {"mg k R30\r\n", NULL},
    {"ms k 1 I\r\nx\r\n", NULL},
    {"ms k 1 C0\r\nx\r\n", NULL},
    {"ms k 1 ME C5\r\nx\r\n", NULL},
    {"md k C0\r\n", NULL},
    {"md k I\r\n", NULL},
    {"ma k T30\r\n", NULL},
    {"ma k C0\r\n", NULL},
    {"me k\r\n", NULL},
    {"cas k 0 0 1 0\r\nx\r\n", "CLIENT_ERROR frames compare no cas of 0\r\n"},
    {"set k 4294967296 0 1\r\nx\r\n", "CLIENT_ERROR bad command line format\r\n"},
    {"set k 0 4294967296 1\r\nx\r\n", "CLIENT_ERROR invalid exptime argument\r\n"},
    {"touch k -2147483649\r\n", "CLIENT_ERROR invalid exptime argument\r\n"},
    {"mg k v Tx\r\n", "CLIENT_ERROR bad token in command line format\r\n"},
    {"ma k D\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n"},
    {"ma k Nx J1\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n"},
    {"ma k N1 Jx\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n"},
    {"md k Cx\r\n", "CLIENT_ERROR bad token in command line format\r\n"},
    {"ms k 1 MX\r\nx\r\n", "CLIENT_ERROR invalid mode for ms M token\r\n"},
    {"flush_all x\r\n", "CLIENT_ERROR bad command line format\r\n"},
};

static void what_a_frame_cannot_say_is_not_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        uint8_t key[KEY_MAX];
        struct request r = parse(refused[i].request, key);
        struct binary_words w = binary_say(&r);
        if (w.status != (refused[i].error ? CLASSIC_REFUSED : CLASSIC_LACKING))
            print_error("%s", refused[i].request);
        assert_int_equal(w.status, refused[i].error ? CLASSIC_REFUSED : CLASSIC_LACKING);
        if (refused[i].error) assert_string_equal(w.error, refused[i].error);
    }
}

/* --- answers ----------------------------------------------------------------------------------- */

/* A frame of a server, in bytes. Returns its length. */
static size_t make(uint8_t *bytes, unsigned status, const char *extras, size_t extras_len,
                   const char *key, const char *value, size_t value_len)
{
    struct binary_answer a = {.opcode = BINARY_OP_GETK,
                              .extras_len = (uint8_t)extras_len,
                              .key_len = (uint16_t)strlen(key),
                              .status = (uint16_t)status,
                              .opaque = 7,
                              .value_len = value_len,
                              .cas = 99};
    binary_write_head(&a, bytes);
    uint8_t *p = mempcpy(bytes + BINARY_HEAD, extras, extras_len);
    p = mempcpy(p, key, strlen(key));
    p = mempcpy(p, value, value_len);
    return (size_t)(p - bytes);
}

/* Each prefix is AGAIN, and no byte behind the frame is read. */
static void a_frame_is_read_however_it_is_cut(void **state)
{
    (void)state;
    uint8_t bytes[256];
    size_t len = make(bytes, 0, "\0\0\0\5", 4, "key", "value", 5);
    struct guard guard;
    struct binary_response f;
    guard_init(&guard, 256);
    for (size_t n = 0; n < len; n++) {
        assert_int_equal(binary_read(guard_place(&guard, bytes, n), n, 5, &f), RESPONSE_AGAIN);
        assert_int_equal(f.len, n < BINARY_HEAD ? 0 : len);
    }
    assert_int_equal(binary_read(guard_place(&guard, bytes, len), len, 5, &f), RESPONSE_DONE);
    assert_true(f.len == len && f.value_len == 5 && f.key_len == 3 && f.extras_len == 4);
    assert_true(f.opaque == 7 && f.cas == 99 && f.status == 0 && f.opcode == BINARY_OP_GETK);
    assert_memory_equal(f.value, "value", 5);
    guard_release(&guard);
}

static void what_is_no_frame_is_invalid(void **state)
{
    (void)state;
    struct binary_response f;
    uint8_t bytes[256];
    size_t len = make(bytes, 0, "\0\0\0\5", 4, "key", "value", 5);
    static const struct {
        size_t at;
        uint8_t byte;
    } changes[] = {
        {0, 0x80}, {0, 'E'},  {2, 1},    {2, 0xff}, {3, 251}, {4, 10},
        {5, 1},    {8, 0xff}, {8, 0x7f}, {10, 1},   {11, 6},  {11, 13},
    };
    for (size_t i = 0; i < COUNT(changes); i++) {
        uint8_t changed[256];
        memcpy(changed, bytes, len);
        changed[changes[i].at] = changes[i].byte;
        if (binary_read(changed, len, 5, &f) != RESPONSE_INVALID) print_error("change %zu\n", i);
        assert_int_equal(binary_read(changed, len, 5, &f), RESPONSE_INVALID);
    }
    assert_int_equal(binary_read((const uint8_t *)"ERROR\r\n", 7, 5, &f), RESPONSE_INVALID);
    assert_int_equal(binary_read(bytes, len, 4, &f), RESPONSE_INVALID);
}

/* command, status, extras' length, value, the response; NULL: there is none of that form */
static const struct {
    unsigned command, status;
    const char *extras, *value;
    size_t extras_len, value_len;
    const char *text;
} answers[] = {
    {COMMAND_GET, 0, "\0\0\0\5", "abc", 4, 3, "VALUE k 5 3\r\nabc\r\n"},
    {COMMAND_GETS, 0, "\xff\xff\xff\xff", "", 4, 0, "VALUE k 4294967295 0 99\r\n\r\n"},
    {COMMAND_GAT, 0, "\0\0\0\0", "\r\nEND\r\n", 4, 7, "VALUE k 0 7\r\n\r\nEND\r\n\r\n"},
    {COMMAND_GET, 0, "", "abc", 0, 3, NULL},
    {COMMAND_GET, BINARY_NOT_FOUND, "", "Not found", 0, 9, "END\r\n"},
    {COMMAND_GATS, BINARY_NOT_FOUND, "", "", 0, 0, "END\r\n"},
    {COMMAND_GET, BINARY_EXISTS, "", "", 0, 0, NULL},
    {COMMAND_GET, BINARY_NOT_STORED, "", "", 0, 0, NULL},
    {COMMAND_SET, 0, "", "", 0, 0, "STORED\r\n"},
    {COMMAND_SET, 0, "", "abc", 0, 3, NULL},
    {COMMAND_SET, BINARY_NOT_STORED, "", "", 0, 0, "NOT_STORED\r\n"},
    {COMMAND_SET, BINARY_TOO_LARGE, "", "Too large.", 0, 10,
     "SERVER_ERROR object too large for cache\r\n"},
    {COMMAND_SET, BINARY_NO_MEMORY, "", "", 0, 0, "SERVER_ERROR out of memory storing object\r\n"},
    {COMMAND_ADD, BINARY_EXISTS, "", "", 0, 0, "NOT_STORED\r\n"},
    {COMMAND_REPLACE, BINARY_NOT_FOUND, "", "", 0, 0, "NOT_STORED\r\n"},
    {COMMAND_APPEND, BINARY_NOT_STORED, "", "", 0, 0, "NOT_STORED\r\n"},
    {COMMAND_PREPEND, BINARY_NOT_FOUND, "", "", 0, 0, "NOT_STORED\r\n"},
    {COMMAND_CAS, BINARY_EXISTS, "", "", 0, 0, "EXISTS\r\n"},
    {COMMAND_CAS, BINARY_NOT_FOUND, "", "", 0, 0, "NOT_FOUND\r\n"},
    {COMMAND_DELETE, 0, "", "", 0, 0, "DELETED\r\n"},
    {COMMAND_DELETE, BINARY_NOT_FOUND, "", "", 0, 0, "NOT_FOUND\r\n"},
    {COMMAND_DELETE, BINARY_EXISTS, "", "", 0, 0, "EXISTS\r\n"},
    {COMMAND_DELETE, BINARY_NOT_STORED, "", "", 0, 0, NULL},
    {COMMAND_INCR, 0, "", "\0\0\0\0\0\0\1\2", 0, 8, "258\r\n"},
    {COMMAND_DECR, 0, "", "\xff\xff\xff\xff\xff\xff\xff\xff", 0, 8, "18446744073709551615\r\n"},
    {COMMAND_INCR, 0, "", "\0\0\0\0\0\0\1", 0, 7, NULL},
    {COMMAND_INCR, BINARY_NOT_NUMERIC, "", "", 0, 0,
     "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"},
    {COMMAND_INCR, BINARY_EXISTS, "", "", 0, 0, "EXISTS\r\n"},
    {COMMAND_TOUCH, 0, "", "", 0, 0, "TOUCHED\r\n"},
    {COMMAND_TOUCH, 0, "\0\0\0\1", "", 4, 0, "TOUCHED\r\n"},
    {COMMAND_FLUSH_ALL, 0, "", "", 0, 0, "OK\r\n"},
    {COMMAND_VERSION, 0, "", "1.6.18", 0, 6, "VERSION 1.6.18\r\n"},
    {COMMAND_GAT, BINARY_UNKNOWN_COMMAND, "", "", 0, 0, "ERROR\r\n"},
    {COMMAND_GET, BINARY_AUTH_FAILED, "", "Auth failure.", 0, 13,
     "CLIENT_ERROR unauthenticated\r\n"},
    {COMMAND_GET, BINARY_INVALID, "", "", 0, 0, "CLIENT_ERROR bad command line format\r\n"},
    {COMMAND_GET, 0x85, "", "Busy", 0, 4, "SERVER_ERROR answers with status 133\r\n"},
    {COMMAND_SET, 0xffff, "", "", 0, 0, "SERVER_ERROR answers with status 65535\r\n"},
};

/* Within the room that is asked for, and a response that its command may have. */
static void a_frame_becomes_the_response_of_its_command(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(answers); i++) {
        uint8_t bytes[256];
        bool with_cas = answers[i].command == COMMAND_GETS;
        size_t len = make(bytes, answers[i].status, answers[i].extras, answers[i].extras_len, "",
                          answers[i].value, answers[i].value_len);
        struct binary_response f;
        struct response text, again;
        assert_int_equal(binary_read(bytes, len, 99, &f), RESPONSE_DONE);
        struct guard guard;
        size_t room = binary_text_room(&f, 1);
        guard_init(&guard, room);
        uint8_t *to = guard.pages + guard.room - room;
        bool fits =
            binary_text(answers[i].command, (const uint8_t *)"k", 1, &f, with_cas, to, &text);
        if (fits != (answers[i].text != NULL)) print_error("row %zu\n", i);
        assert_int_equal(fits, answers[i].text != NULL);
        if (fits) {
            assert_int_equal(text.len, strlen(answers[i].text));
            assert_memory_equal(text.bytes, answers[i].text, text.len);
            assert_int_equal(response_parse(text.bytes, text.len, 99, &again), RESPONSE_DONE);
            assert_int_equal(again.kind, text.kind);
        }
        guard_release(&guard);
    }
}

/* I2: whatever it says, it is about the key that was asked for. */
static void a_frame_about_another_key_is_refused(void **state)
{
    (void)state;
    static const char *const keys[] = {"l", "kk", "K"};
    uint8_t bytes[256], to[512];
    struct binary_response f;
    struct response text;
    for (size_t i = 0; i < COUNT(keys); i++) {
        size_t len = make(bytes, i % 2, "\0\0\0\5", i % 2 ? 0 : 4, keys[i], "abc", 3);
        assert_int_equal(binary_read(bytes, len, 99, &f), RESPONSE_DONE);
        assert_false(binary_text(COMMAND_GET, (const uint8_t *)"k", 1, &f, false, to, &text));
    }
    size_t len = make(bytes, 0, "\0\0\0\5", 4, "k", "abc", 3);
    assert_int_equal(binary_read(bytes, len, 99, &f), RESPONSE_DONE);
    assert_true(binary_text(COMMAND_GET, (const uint8_t *)"k", 1, &f, false, to, &text));
    assert_true(text.key_len == 1 && *text.key == 'k' && *text.rest == ' ');
}

/* Frames take any key: what looks like a line's end in it is none. */
static void the_value_is_found_behind_any_key(void **state)
{
    (void)state;
    static const char *const keys[] = {"k", "a\r\nb", "\r", "x\r\n0 9\r\n", "a b 7 9"};
    uint8_t bytes[256], to[512], again[512];
    struct binary_response f;
    struct response text;
    for (size_t i = 0; i < COUNT(keys); i++) {
        size_t key_len = strlen(keys[i]);
        size_t len = make(bytes, 0, "\0\0\0\5", 4, keys[i], "abc", 3);
        assert_int_equal(binary_read(bytes, len, 99, &f), RESPONSE_DONE);
        assert_true(
            binary_text(COMMAND_GETS, (const uint8_t *)keys[i], key_len, &f, true, to, &text));
        struct response_value v = response_read(&text);
        assert_true(v.flags == 5 && v.cas == f.cas && v.len == 3);
        assert_memory_equal(v.at, "abc", 3);
        assert_true(response_has_cas(&text));
        v.at = (const uint8_t *)"defgh";
        v.len = 5;
        len = response_rewrite(&text, &v, again);
        assert_true(len > 7 + key_len + 7 && memcmp(again + 6, keys[i], key_len) == 0);
        assert_memory_equal(again + len - 7, "defgh\r\n", 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_becomes_one_frame),
        cmocka_unit_test(the_value_is_found_behind_any_key),
        cmocka_unit_test(what_a_frame_cannot_say_is_not_said),
        cmocka_unit_test(a_frame_is_read_however_it_is_cut),
        cmocka_unit_test(what_is_no_frame_is_invalid),
        cmocka_unit_test(a_frame_becomes_the_response_of_its_command),
        cmocka_unit_test(a_frame_about_another_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
