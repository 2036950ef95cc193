/* dump_order: requests for dumps of keys, and the lines that answer them. */
#include "lib/base.h"
#include "lib/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/dump_order.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Words behind `stats` or `lru_crawler`, and the question or the error. */
static const struct {
    enum dump_kind kind;
    const char *words, *result;
} orders[] = {
    {DUMP_CACHE, "cachedump 1 0", "stats cachedump 1 0"},
    {DUMP_CACHE, "cachedump 0 5", "stats cachedump 0 5"},
    {DUMP_CACHE, "cachedump 63 4294967295", "stats cachedump 63 4294967295"},
    {DUMP_CACHE, "cachedump 5 1 7", "stats cachedump 5 1"},
    {DUMP_CACHE, "cachedump 64 0", "CLIENT_ERROR Illegal slab id\r\n"},
    {DUMP_CACHE, "cachedump 5", "CLIENT_ERROR bad command line\r\n"},
    {DUMP_CACHE, "cachedump", "CLIENT_ERROR bad command line\r\n"},
    {DUMP_CACHE, "cachedump x 0", "CLIENT_ERROR bad command line format\r\n"},
    {DUMP_CACHE, "cachedump 1 -1", "CLIENT_ERROR bad command line format\r\n"},
    {DUMP_CACHE, "cachedump 1 4294967296", "CLIENT_ERROR bad command line format\r\n"},
    {DUMP_META, "metadump all", "lru_crawler metadump all"},
    {DUMP_META, "metadump hash", "lru_crawler metadump hash"},
    {DUMP_MG, "mgdump all", "lru_crawler mgdump all"},
    {DUMP_MG, "mgdump 9,1,63,9", "lru_crawler mgdump 1,9,63"},
    {DUMP_META, "metadump 1,", "lru_crawler metadump 1"},
    {DUMP_META, "metadump ,2", "lru_crawler metadump 2"},
    {DUMP_META, "metadump 02", "lru_crawler metadump 2"},
    {DUMP_META, "metadump ,", "BADCLASS invalid class id\r\n"},
    {DUMP_META, "metadump 0", "BADCLASS invalid class id\r\n"},
    {DUMP_META, "metadump 1,0", "BADCLASS invalid class id\r\n"},
    {DUMP_META, "metadump 64", "BADCLASS invalid class id\r\n"},
    {DUMP_META, "metadump 18446744073709551617", "BADCLASS invalid class id\r\n"},
    {DUMP_META, "metadump allx", "BADCLASS invalid class id\r\n"},
    {DUMP_META, "metadump +1", "BADCLASS invalid class id\r\n"},
    {DUMP_META, "metadump", "ERROR\r\n"},
    {DUMP_META, "metadump all 1", "ERROR\r\n"},
};

static void requests_are_read_as_memcached_reads_them(void **state)
{
    for (size_t i = 0; i < COUNT(orders); i++) {
        struct request r = {.args_at = (uintptr_t)orders[i].words,
                            .args_len = (uint16_t)strlen(orders[i].words)};
        struct arguments w = arguments_split(&r);
        struct dump_order o;
        char question[256];
        const char *result = dump_order_read(&o, orders[i].kind, &w);
        if (!result) {
            dump_order_write(&o, o.limit, question, sizeof question);
            result = question;
        }
        assert_string_equal(result, orders[i].result);
    }
}

static void the_longest_question_has_room(void **state)
{
    struct dump_order o = {.kind = DUMP_META, .classes = ~(uint64_t)1};
    char question[254];
    dump_order_write(&o, 0, question, sizeof question);
    assert_string_equal(question + strlen(question) - strlen(",62,63"), ",62,63");
}

static const struct {
    enum dump_kind kind;
    enum dump_line is;
    const char *line;
} lines[] = {
    {DUMP_CACHE, DUMP_LINE_KEY, "ITEM a [1 b; 0 s]\r\n"},
    {DUMP_CACHE, DUMP_LINE_KEY, "ITEM \x01\xff [1048576 b; 1795883254 s]\r\n"},
    {DUMP_CACHE, DUMP_LINE_KEY, "ITEM a [1 b; -1 s]\r\n"},
    {DUMP_CACHE, DUMP_LINE_WRONG, "ITEM a [1 b; 0 s]\n"},
    {DUMP_CACHE, DUMP_LINE_WRONG, "ITEM a b [1 b; 0 s]\r\n"},
    {DUMP_CACHE, DUMP_LINE_WRONG, "ITEM  [1 b; 0 s]\r\n"},
    {DUMP_CACHE, DUMP_LINE_WRONG, "ITEM a\rb [1 b; 0 s]\r\n"},
    {DUMP_CACHE, DUMP_LINE_WRONG, "ITEM a [1 b; 0 s] \r\n"},
    {DUMP_CACHE, DUMP_LINE_WRONG, "ITEM a [ b; 0 s]\r\n"},
    {DUMP_CACHE, DUMP_LINE_WRONG, "OK\r\n"},
    {DUMP_CACHE, DUMP_LINE_WRONG, "BUSY x\r\n"},
    {DUMP_CACHE, DUMP_LINE_END, "END\r\n"},
    {DUMP_CACHE, DUMP_LINE_WRONG, "END\n"},
    {DUMP_CACHE, DUMP_LINE_WRONG, "EN\r\n"},
    {DUMP_CACHE, DUMP_LINE_WRONG, "END \r\n"},
    {DUMP_CACHE, DUMP_LINE_REFUSED, "CLIENT_ERROR Illegal slab id\r\n"},
    {DUMP_META, DUMP_LINE_KEY, "key=a exp=-1 la=1 cas=2 fetch=no cls=1 size=65\n"},
    {DUMP_META, DUMP_LINE_KEY, "key=a exp=-1 la=1 cas=2 fetch=no cls=1 size=65 flags=0 \n"},
    {DUMP_META, DUMP_LINE_KEY, "key=a exp=0 new=field\r\n"},
    {DUMP_META, DUMP_LINE_WRONG, "key=a\n"},
    {DUMP_META, DUMP_LINE_WRONG, "key= exp=0\n"},
    {DUMP_META, DUMP_LINE_WRONG, "key=a exp=\n"},
    {DUMP_META, DUMP_LINE_WRONG, "key=a exp=0  la=1\n"},
    {DUMP_META, DUMP_LINE_WRONG, "key=a exp=0 la=\v\n"},
    {DUMP_META, DUMP_LINE_WRONG, "mg a\r\n"},
    {DUMP_META, DUMP_LINE_OK, "OK\r\n"},
    {DUMP_META, DUMP_LINE_END, "END\r\n"},
    {DUMP_META, DUMP_LINE_BUSY, "BUSY currently processing crawler request\r\n"},
    {DUMP_META, DUMP_LINE_BUSY, "ERROR locked try again later\r\n"},
    {DUMP_MG, DUMP_LINE_BUSY, "ERROR locked try again later\r\n"},
    {DUMP_META, DUMP_LINE_REFUSED, "BADCLASS invalid class id\r\n"},
    {DUMP_META, DUMP_LINE_REFUSED, "ERROR metadump not allowed\r\n"},
    {DUMP_META, DUMP_LINE_WRONG, "ERRORS\r\n"},
    {DUMP_META, DUMP_LINE_WRONG, "\r\n"},
    {DUMP_META, DUMP_LINE_WRONG, "\n"},
    {DUMP_MG, DUMP_LINE_KEY, "mg a\r\n"},
    {DUMP_MG, DUMP_LINE_KEY, "mg YSBi b\r\n"},
    {DUMP_MG, DUMP_LINE_WRONG, "mg a c\r\n"},
    {DUMP_MG, DUMP_LINE_WRONG, "mg a b c\r\n"},
    {DUMP_MG, DUMP_LINE_WRONG, "mg a\n"},
    {DUMP_MG, DUMP_LINE_END, "EN\r\n"},
    {DUMP_MG, DUMP_LINE_WRONG, "END\r\n"},
    {DUMP_MG, DUMP_LINE_REFUSED, "ERROR\r\n"},
};

static void lines_are_told_apart(void **state)
{
    for (size_t i = 0; i < COUNT(lines); i++) {
        enum dump_line is =
            dump_line_of(lines[i].kind, (const uint8_t *)lines[i].line, strlen(lines[i].line));
        if (is != lines[i].is) fail_msg("%s: is %d, not %d", lines[i].line, is, lines[i].is);
    }
}

/* The bytes of each line end where none can be read, and so does each of its beginnings. */
static void no_byte_behind_a_line_is_read(void **state)
{
    for (size_t i = 0; i < COUNT(lines); i++) {
        size_t len = strlen(lines[i].line);
        for (size_t n = 0; n <= len; n++) {
            uint8_t *at = malloc(n ? n : 1);
            memcpy(at, lines[i].line, n);
            (void)dump_line_of(lines[i].kind, at, n);
            if (n < len && n > 0)
                assert_int_not_equal(dump_line_of(lines[i].kind, at, n), DUMP_LINE_KEY);
            free(at);
        }
    }
}

static void a_key_is_at_most_as_long_as_memcached_has_it(void **state)
{
    char line[4096], key[1024];
    for (size_t n = 249; n <= 251; n++) {
        memset(key, 'k', n);
        key[n] = '\0';
        enum dump_line expected = n <= 250 ? DUMP_LINE_KEY : DUMP_LINE_WRONG;
        size_t len = (size_t)snprintf(line, sizeof line, "ITEM %s [1 b; 0 s]\r\n", key);
        assert_int_equal(dump_line_of(DUMP_CACHE, (uint8_t *)line, len), expected);
        len = (size_t)snprintf(line, sizeof line, "mg %s\r\n", key);
        assert_int_equal(dump_line_of(DUMP_MG, (uint8_t *)line, len), expected);
        len = (size_t)snprintf(line, sizeof line, "key=%s%s%s exp=0\n", key, key, key);
        assert_int_equal(dump_line_of(DUMP_META, (uint8_t *)line, len), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read_as_memcached_reads_them),
        cmocka_unit_test(the_longest_question_has_room),
        cmocka_unit_test(lines_are_told_apart),
        cmocka_unit_test(no_byte_behind_a_line_is_read),
        cmocka_unit_test(a_key_is_at_most_as_long_as_memcached_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
