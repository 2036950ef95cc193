/* Packets between workers and the spooler: what was put in comes out; what is cut or spoilt is refused, or harmless. Folders and their bounds
 * as texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spool/place.h"
#include "spool/words.h"

static struct spool_packet packet;

static void make(unsigned items)
{
    char line[64];
    spool_packet_begin(&packet, SPOOL_KEEP, 77, "10.0.0.1:11211", 14);
    for (unsigned i = 0; i < items; i++) {
        memset(line, 'a' + (int)i % 26, sizeof line);
        assert_true(spool_packet_add(&packet, 1000 + i, line, i % sizeof line));
    }
}

static void what_was_put_in_comes_out(void **state)
{
    struct spool_said said;
    struct spool_item item;
    make(100);
    assert_int_equal(spool_packet_items(&packet), 100);
    assert_true(spool_packet_read(packet.bytes, packet.len, &said));
    assert_int_equal(said.head.word, SPOOL_KEEP);
    assert_int_equal(said.head.number, 77);
    assert_true(spool_said_names(&said, "10.0.0.1:11211"));
    assert_false(spool_said_names(&said, "10.0.0.1:1121"));
    for (unsigned i = 0; i < 100; i++) {
        assert_true(spool_said_next(&said, &item));
        assert_int_equal(item.number, 1000 + i);
        assert_int_equal(item.len, i % 64);
        for (size_t j = 0; j < item.len; j++) assert_int_equal(item.bytes[j], 'a' + (int)i % 26);
    }
    assert_false(spool_said_next(&said, &item));
}

static void a_packet_that_is_full_takes_no_more(void **state)
{
    static char line[SPOOL_LINE_MAX];
    struct spool_said said;
    unsigned n = 0;
    make(0);
    while (spool_packet_add(&packet, n, line, sizeof line)) n++;
    assert_int_equal(n, 14);
    assert_true(packet.len <= sizeof packet.bytes);
    assert_true(spool_packet_read(packet.bytes, packet.len, &said));
    assert_int_equal(said.head.items, n);
}

/* A copy that ends where it is read to, so that a sanitizer sees a byte too many. */
static bool is_read(const unsigned char *bytes, size_t len)
{
    unsigned char *copy = malloc(len ? len : 1);
    struct spool_said said;
    struct spool_item item;
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    bool good = spool_packet_read(copy, len, &said);
    uint32_t n = 0;
    while (good && spool_said_next(&said, &item)) n++;
    if (good) assert_int_equal(n, said.head.items);
    free(copy);
    return good;
}

static void what_is_cut_is_refused(void **state)
{
    make(5);
    for (size_t len = 0; len < packet.len; len++) assert_false(is_read(packet.bytes, len));
    assert_true(is_read(packet.bytes, packet.len));
    packet.bytes[packet.len] = 0;
    assert_false(is_read(packet.bytes, packet.len + 1));
}

static void what_is_spoilt_is_refused_or_harmless(void **state)
{
    make(5);
    for (size_t at = 0; at < packet.len; at++) {
        unsigned char before = packet.bytes[at];
        for (int i = 0; i < 256; i++) {
            packet.bytes[at] = (unsigned char)i;
            (void)is_read(packet.bytes, packet.len);
        }
        packet.bytes[at] = before;
    }
}

static void bounds_are_a_text(void **state)
{
    struct spool_place p, again;
    char text[SPOOL_PLACE_TEXT], path[SPOOL_SOCKET_MAX];
    assert_null(spool_place_init(&p, "/var/lib/moongate/spool//"));
    assert_string_equal(p.dir, "/var/lib/moongate/spool");
    assert_null(spool_place_wrong(&p));
    p.max_size = 1u << 20;
    p.max_age = 86400;
    spool_place_print(&p, text);
    assert_string_equal(text, "max_size 1048576 max_total 1073741824 max_age 86400");
    assert_null(spool_place_init(&again, p.dir));
    assert_true(spool_place_parse(&again, text, strlen(text)));
    assert_true(again.max_size == p.max_size && again.max_age == p.max_age);
    assert_true(spool_place_parse(&again, "max_age 7 later 9", 17)); /* of a later version */
    assert_int_equal(again.max_age, 7);
    static const char *const wrong[] = {"max_size", "max_size x", "max_size -1",
                                        "max_age 4294967296x", "max_size 99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(spool_place_parse(&again, wrong[i], strlen(wrong[i])));
    spool_place_socket(p.dir, path);
    assert_string_equal(path, "/var/lib/moongate/spool/spooler.sock");
}

static void bounds_that_make_no_sense_are_refused(void **state)
{
    struct spool_place p;
    char dir[200];
    assert_non_null(spool_place_init(&p, "spool"));
    assert_non_null(spool_place_init(&p, ""));
    assert_non_null(spool_place_init(&p, "//"));
    assert_non_null(spool_place_init(&p, "/a\nb"));
    memset(dir, 'a', sizeof dir);
    dir[0] = '/';
    dir[SPOOL_DIR_MAX] = '\0';
    assert_non_null(spool_place_init(&p, dir));
    dir[SPOOL_DIR_MAX - 1] = '\0';
    assert_null(spool_place_init(&p, dir));
    p.max_size = SPOOL_SIZE_LEAST - 1;
    assert_non_null(spool_place_wrong(&p));
    p.max_size = p.max_total + 1;
    assert_non_null(spool_place_wrong(&p));
    p.max_size = SPOOL_SIZE;
    p.max_total = (1ull << 40) + 1;
    assert_non_null(spool_place_wrong(&p));
    p.max_total = SPOOL_TOTAL;
    p.max_age = 366 * 86400;
    assert_non_null(spool_place_wrong(&p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_in_comes_out),
        cmocka_unit_test(a_packet_that_is_full_takes_no_more),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(what_is_spoilt_is_refused_or_harmless),
        cmocka_unit_test(bounds_are_a_text),
        cmocka_unit_test(bounds_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
