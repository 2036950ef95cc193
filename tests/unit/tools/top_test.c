/* top: what cells show, how rows are sorted, what a frame of any size holds, and that no byte of a document reaches the terminal as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/top_source.h"
#include "tools/top_view.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME = 1 << 20 };

static struct top_source source;
static struct top_view view;
static char frame[FRAME];
static size_t frame_len, lines, widest;

static int make(void **state)
{
    struct addr_spec spec = {.path = "/none"};
    top_source_init(&source, &spec, 1);
    top_view_init(&view);
    return 0;
}

static int clear(void **state)
{
    top_source_release(&source);
    return 0;
}

#define test(f) cmocka_unit_test_setup_teardown(f, make, clear)

static void reads(const char *text)
{
    assert_true(top_source_read(&source, text, strlen(text)));
}

static void take_line(void *about, enum terminal_look look, const char *text)
{
    size_t len = strlen(text);
    assert_true(frame_len + len + 2 < FRAME);
    memcpy(frame + frame_len, text, len);
    frame_len += len;
    frame[frame_len++] = '\n';
    frame[frame_len] = '\0';
    lines++;
    if (len > widest) widest = len;
    for (size_t i = 0; i < len; i++) assert_true(text[i] >= ' ' && text[i] <= '~');
}

static const char *draws(size_t width, size_t height)
{
    frame_len = lines = widest = 0;
    frame[0] = '\0';
    top_view_draw(&view, source.document, source.error, width, height, take_line, NULL);
    assert_true(lines <= height && widest <= width);
    return frame;
}

static const char *value(double number, enum top_format format)
{
    static char text[TOP_CELL];
    top_value(number, format, text);
    return text;
}

#define is(number, format, text) assert_string_equal(value(number, format), text)

static void numbers_have_units(void **state)
{
    is(0, TOP_RATE, "0.0");
    is(3.14159, TOP_RATE, "3.1");
    is(48301.4, TOP_RATE, "48301");
    is(123456, TOP_RATE, "123k");
    is(2.5e6, TOP_COUNT, "2.50M");
    is(7, TOP_COUNT, "7");
    is(0.972, TOP_SHARE, "97.2%");
    is(121, TOP_MICROS, "121us");
    is(999.9, TOP_MICROS, "1.00ms");
    is(1410, TOP_MICROS, "1.41ms");
    is(2e7, TOP_MICROS, "20.0s");
    is(1e9, TOP_MICROS, "1000s");
    is(999, TOP_BYTES, "999B");
    is(19.4e6, TOP_BYTES, "19.4MB");
    is(59, TOP_SECONDS, "59s");
    is(61, TOP_SECONDS, "1m01s");
    is(11520, TOP_SECONDS, "3h12m");
    is(90000, TOP_SECONDS, "1d01h");
}

static void what_is_no_number_is_not_shown_as_one(void **state)
{
    for (int format = TOP_RATE; format <= TOP_SECONDS; format++) {
        is((double)NAN, (enum top_format)format, "-");
        is((double)INFINITY, (enum top_format)format, "-");
        is(-1, (enum top_format)format, "-");
    }
    is(1e300, TOP_SECONDS, "-");
    assert_true(strlen(value(1e300, TOP_COUNT)) < TOP_CELL);
}

#define DOCUMENT(lists)                                                                            \
    "{\"version\":\"1\",\"state\":\"running\",\"pid\":7,\"uptime\":11520,\"workers\":2,"           \
    "\"workers_ready\":2,\"requests_per_second\":10.5,\"hit_rate\":null," lists "}"

#define SERVERS                                                                                    \
    "\"servers\":["                                                                                \
    "{\"name\":\"b\",\"state\":\"ready\",\"requests_per_second\":5,\"cells\":{\"in_flight\":3}},"  \
    "{\"name\":\"a\",\"state\":\"ready\",\"requests_per_second\":5},"                              \
    "{\"name\":\"c\",\"state\":\"down\",\"requests_per_second\":null},"                            \
    "{\"name\":\"d\",\"state\":\"down\",\"requests_per_second\":9},"                               \
    "7,{\"name\":8}]"

#define RARE                                                                                       \
    ",\"stores\":[{\"name\":\"sessions\",\"used\":0.5,\"cells\":{\"size\":65536,\"items\":3}}],"   \
    "\"near\":[{\"name\":\"n\"}],\"leases\":[{\"name\":\"dear\",\"waits_in_vain\":0.25}]"

/* The names of the first column, in the order of the rows. */
static const char *order(size_t column, bool reversed)
{
    static char names[64];
    size_t n;
    struct json_object **rows = top_rows(&top_tables[0], source.document, column, reversed, &n);
    names[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        char cell[TOP_CELL];
        top_cell(&top_tables[0].columns[0], rows[i], cell);
        assert_true(strlen(cell) < 4);
        strcat(names, cell);
    }
    free(rows);
    return names;
}

static void rows_are_sorted_by_a_column_and_what_is_not_known_comes_last(void **state)
{
    reads(DOCUMENT(SERVERS));
    assert_string_equal(order(2, false), "dabc-");
    assert_string_equal(order(2, true), "abdc-");
    assert_string_equal(order(0, false), "abcd-");
    assert_string_equal(order(0, true), "dcba-");
    assert_string_equal(order(7, false), "bacd-");
}

static void a_frame_fits_into_any_size(void **state)
{
    reads(DOCUMENT(SERVERS RARE));
    for (size_t width = 1; width < 210; width += width < 30 ? 1 : 7)
        for (size_t height = 1; height < 62; height += height < 12 ? 1 : 9)
            for (int key = '0'; key <= '9'; key++) {
                assert_true(top_view_key(&view, key == '0' ? '?' : key));
                (void)draws(width, height);
            }
    assert_true(top_view_key(&view, '1'));
    reads(DOCUMENT(SERVERS));
    const char *text = draws(80, 24);
    assert_non_null(strstr(text, "moongate 1 running, up 3h12m, workers 2/2, pid 7\n"));
    assert_non_null(strstr(text, "req/s 10.5, hits -"));
    assert_non_null(strstr(text, "\n[1 servers]"));
    assert_int_equal(lines, 24);
}

static void keys_switch_tables_sort_and_move_rows(void **state)
{
    reads(DOCUMENT(SERVERS));
    assert_non_null(strstr(draws(80, 24), "req/s*"));
    assert_true(top_view_key(&view, 'r'));
    assert_non_null(strstr(draws(80, 24), "req/s^"));
    assert_true(top_view_key(&view, 's'));
    assert_non_null(strstr(draws(80, 24), "err/s^"));
    assert_true(top_view_key(&view, KEY_LEFT));
    assert_non_null(strstr(draws(80, 24), "[6 clients]"));
    assert_non_null(strstr(draws(80, 24), "\nnot told\n"));
    assert_true(top_view_key(&view, '\t') && top_view_key(&view, 'S') && top_view_key(&view, 'r'));
    (void)draws(80, 8); /* room for two rows */
    assert_true(top_view_key(&view, KEY_END));
    const char *text = draws(80, 8);
    assert_null(strstr(text, "\nd "));
    assert_non_null(strstr(text, "\n- "));
    assert_true(top_view_key(&view, KEY_UP) && top_view_key(&view, KEY_PAGE_UP));
    assert_true(top_view_key(&view, KEY_HOME));
    assert_non_null(strstr(draws(80, 8), "\nd "));
    assert_false(top_view_key(&view, 'q'));
}

/* What most services do not have takes no place on the screen. */
static void rare_tables_are_shown_where_they_have_rows(void **state)
{
    reads(DOCUMENT(SERVERS ",\"stores\":[],\"near\":[],\"leases\":[]"));
    assert_null(strstr(draws(80, 24), "stores"));
    assert_true(top_view_key(&view, '7'));
    assert_non_null(strstr(draws(80, 24), "[1 servers]"));
    assert_true(top_view_key(&view, KEY_LEFT));
    assert_non_null(strstr(draws(80, 24), "[6 clients]"));

    reads(DOCUMENT(SERVERS RARE));
    assert_non_null(strstr(draws(120, 24), " 7 stores   8 near   9 leases "));
    assert_true(top_view_key(&view, '7'));
    assert_non_null(strstr(draws(80, 24), "[7 stores] 8 near 9 leases\n")); /* cut to fit */
    assert_non_null(strstr(draws(80, 24), "\nsessions "));
    assert_non_null(strstr(draws(80, 24), "  50.0%   65.5kB        3 "));
    assert_true(top_view_key(&view, KEY_RIGHT) && top_view_key(&view, KEY_RIGHT));
    assert_non_null(strstr(draws(80, 24), "[9 leases]"));
    assert_non_null(strstr(draws(80, 24), " 25.0% "));
    assert_true(top_view_key(&view, '\t'));
    assert_non_null(strstr(draws(80, 24), "[1 serv"));

    assert_true(top_view_key(&view, '9'));
    reads(DOCUMENT(SERVERS)); /* the script has none any more */
    assert_non_null(strstr(draws(80, 24), "[1 servers]"));
}

static void names_are_shown_as_ascii_whatever_is_in_them(void **state)
{
    reads(DOCUMENT("\"hot_keys\":["
                   "{\"name\":\"a\\u001b[2J\\u0000\\u009b\\u202e\",\"share\":0.5},"
                   "{\"name\":\"\\ufffd\",\"name_base64\":\"/wA=\",\"share\":0.2},"
                   "{\"name\":\"bad\",\"name_base64\":\"?\",\"share\":0.1}],"
                   "\"script\":\"\\u001b]0;x\\u0007\""));
    assert_true(top_view_key(&view, '5'));
    const char *text = draws(200, 24);
    assert_non_null(strstr(text, "\na\\x1b[2J\\x00\\xc2\\x9b\\xe2\\x80\\xae "));
    assert_non_null(strstr(text, "\n\\xff\\x00 "));
    assert_non_null(strstr(text, "\nbad "));
    assert_non_null(strstr(text, "script \\x1b]0;x\\x07,"));
}

static void what_is_no_status_document_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "7",
        "[]",
        "{}",
        "{\"version\":1",
        "{\"version\":1} x",
        "{\"version\":\"\xff\"}",
        "{\"version\":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(top_source_read(&source, wrong[i], strlen(wrong[i])));
        assert_string_not_equal(source.error, "");
        assert_null(source.document);
    }
    reads("{\"version\":null,\"servers\":7,\"pools\":[[]],\"totals\":[],\"uptime\":\"x\"}");
    assert_string_equal(source.error, "");
    for (int key = '1'; key <= '9'; key++) {
        assert_true(top_view_key(&view, key));
        (void)draws(80, 24);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(numbers_have_units),
        test(what_is_no_number_is_not_shown_as_one),
        test(rows_are_sorted_by_a_column_and_what_is_not_known_comes_last),
        test(a_frame_fits_into_any_size),
        test(keys_switch_tables_sort_and_move_rows),
        test(rare_tables_are_shown_where_they_have_rows),
        test(names_are_shown_as_ascii_whatever_is_in_them),
        test(what_is_no_status_document_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
