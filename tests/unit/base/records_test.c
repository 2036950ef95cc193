/* records: what one process writes, another one reads, and what it must not believe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/records.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void value_is(const struct record *r, const char *name, const char *expected)
{
    char text[256];
    const struct record_field *f = record_find(r, name);
    assert_non_null(f);
    assert_int_equal(record_value(f, text, sizeof text), strlen(expected));
    assert_string_equal(text, expected);
}

static void what_is_written_is_read(void **state)
{
    struct records r;
    struct record one;
    records_init(&r, 10000);
    record_begin(&r, "server");
    record_text(&r, "name", "10.0.0.1:11211");
    record_bytes(&r, "key", "a\tb\nc\\d\0e\xff", 10);
    record_number(&r, "requests", UINT64_MAX);
    record_real(&r, "weight", 0.5);
    record_real(&r, "odd", INFINITY);
    record_tenths(&r, "share", 12345678.94);
    record_tenths(&r, "huge", 1e300);
    record_text(&r, "empty", "");
    record_end(&r);
    record_begin(&r, "note");
    record_end(&r);
    assert_null(memchr(r.bytes, '\0', r.len));

    const char *at = r.bytes, *end = r.bytes + r.len;
    char key[32];
    assert_true(record_next(&at, end, &one));
    assert_int_equal(one.kind_len, 6);
    assert_int_equal(one.n, 8);
    value_is(&one, "name", "10.0.0.1:11211");
    assert_int_equal(record_value(record_find(&one, "key"), key, sizeof key), 10);
    assert_memory_equal(key, "a\tb\nc\\d\0e\xff", 10);
    value_is(&one, "requests", "18446744073709551615");
    assert_true(record_find(&one, "requests")->is_number);
    value_is(&one, "weight", "0.5");
    value_is(&one, "odd", "0");
    value_is(&one, "share", "12345678.9");
    value_is(&one, "huge", "0.0");
    value_is(&one, "empty", "");
    assert_false(record_find(&one, "empty")->is_number);
    assert_null(record_find(&one, "nam"));
    assert_true(record_next(&at, end, &one));
    assert_int_equal(one.n, 0);
    assert_false(record_next(&at, end, &one));
    records_release(&r);
}

static void a_record_that_does_not_fit_is_left_out_whole(void **state)
{
    struct records r;
    struct record one;
    records_init(&r, 40);
    for (int i = 0; i < 20; i++) {
        record_begin(&r, "item");
        record_number(&r, "number", (uint64_t)i);
        record_end(&r);
    }
    assert_true(r.is_cut);
    assert_true(r.len > 20 && r.len <= 40);
    const char *at = r.bytes;
    int n = 0;
    while (record_next(&at, r.bytes + r.len, &one)) {
        n++;
        assert_int_equal(one.n, 1);
    }
    assert_int_equal(n, 2);
    records_append(&r, "0123456789012345678901234567890123456789", 40);
    assert_int_equal(r.len, 40);
    records_release(&r);
}

static void escaped_words_are_cut_between_escapes(void **state)
{
    char text[10], word[10];
    assert_int_equal(record_escape(text, sizeof text, "ab\tcd", 5), 8);
    assert_string_equal(text, "ab\\x09cd");
    struct record_field f = {.value = text, .value_len = 8};
    assert_int_equal(record_value(&f, word, sizeof word), 5);
    assert_string_equal(word, "ab\tcd");
    assert_int_equal(record_escape(text, 6, "abc\n\n", 5), 3);
    assert_string_equal(text, "abc");
}

/* Nothing of it is shown as a name or as a number. */
static void rubbish_is_left_out(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "\n\n\n",
        "\t=1\n",
        "KIND\ta=1\n",
        "k d\n",
        "=\n",
        "\xff\xfe",
        "<script>\n",
        "a\"b\tc=1\n",
        "-\n",
        "\t\t\t\n",
        "toolongtoolongtoolongtoolongtoolong\n",
    };
    struct record one;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *at = texts[i];
        assert_false(record_next(&at, at + strlen(at), &one));
    }
    const char *good =
        "k\t\"=1\ta\tb?2\tn#1,x\tm#01\to#nan\tp#1e999\tq#-5\tr#1.\ts#+1\tt#0x10\tu#\tv#7";
    const char *at = good;
    assert_true(record_next(&at, at + strlen(at), &one));
    assert_int_equal(one.n, 10);
    for (size_t i = 0; i < one.n; i++) {
        bool number = one.fields[i].name[0] == 'q' || one.fields[i].name[0] == 'v';
        assert_int_equal(one.fields[i].is_number, number);
    }
}

static void a_record_has_a_most_of_fields(void **state)
{
    char text[1024] = "k";
    struct record one;
    for (int i = 0; i < 40; i++) strcat(text, "\ta=1");
    const char *at = text;
    assert_true(record_next(&at, at + strlen(at), &one));
    assert_int_equal(one.n, RECORD_FIELDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_record_that_does_not_fit_is_left_out_whole),
        cmocka_unit_test(escaped_words_are_cut_between_escapes),
        cmocka_unit_test(rubbish_is_left_out),
        cmocka_unit_test(a_record_has_a_most_of_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
