/* html: nothing ends the text or the attribute that it stands in, and numbers read well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "base/html.h"

static char *text;
static size_t text_len;

static FILE *begin(void)
{
    return open_memstream(&text, &text_len);
}

static void becomes(FILE *out, const char *expected)
{
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static const struct {
    const char *bytes;
    size_t n;
    const char *expected;
} texts[] = {
    {"plain/:11211", 12, "plain/:11211"},
    {"<b>\"&'</script>", 15, "&lt;b&gt;&quot;&amp;&#39;&lt;/script&gt;"},
    {"a\0b", 3, "a\\x00b"},
    {"\x1b[31m\r\x7f", 7, "\\x1b[31m\\x0d\\x7f"},
    {"line\n\tnext", 10, "line\n\tnext"},
    {"\xff\xc3", 2, "\\xff\\xc3"},
    {"\xc3\xa9\xe2\x82\xac", 5, "\xc3\xa9\xe2\x82\xac"},
    {"\xc2\x9b"
     "31m",
     5, "\\xc2\\x9b31m"},          /* a control character that terminals take for ESC [ */
    {"\xc0\xbc", 2, "\\xc0\\xbc"}, /* `<`, written too long */
};

static void texts_are_escaped(void **state)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        FILE *out = begin();
        html_bytes(out, texts[i].bytes, texts[i].n);
        becomes(out, texts[i].expected);
    }
}

static const struct {
    void (*put)(FILE *out, double number);
    double number;
    const char *expected;
} numbers[] = {
    {html_count, 0, "0"},
    {html_count, 0.44, "0.4"},
    {html_count, 9.94, "9.9"},
    {html_count, 9.96, "10"},
    {html_count, 999.6, "1,000"},
    {html_count, 1234567, "1,234,567"},
    {html_count, NAN, "\xe2\x80\x93"},
    {html_size, 0, "0 B"},
    {html_size, 999, "999 B"},
    {html_size, 999.6, "1.00 kB"},
    {html_size, 12345, "12.3 kB"},
    {html_size, 123456789, "123 MB"},
    {html_size, NAN, "\xe2\x80\x93"},
    {html_share, 0, "0.0 %"},
    {html_share, 0.9876, "98.7 %"},
    {html_share, 0.99999, "99.9 %"},
    {html_share, 1, "100.0 %"},
    {html_share, NAN, "\xe2\x80\x93"},
    {html_latency, 0, "0 \xc2\xb5s"},
    {html_latency, 0.000087, "87 \xc2\xb5s"},
    {html_latency, 0.0009996, "1.00 ms"},
    {html_latency, 0.0123, "12.3 ms"},
    {html_latency, 0.9996, "1.00 s"},
    {html_latency, 134, "134 s"},
    {html_latency, NAN, "\xe2\x80\x93"},
    {html_duration, 0, "0 s"},
    {html_duration, -1, "0 s"},
    {html_duration, 59.9, "59 s"},
    {html_duration, 184, "3 min 4 s"},
    {html_duration, 3600, "1 h 0 min"},
    {html_duration, 86400 * 7 + 3600 * 8, "7 d 8 h"},
    {html_duration, NAN, "\xe2\x80\x93"},
};

static void numbers_read_well(void **state)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        FILE *out = begin();
        numbers[i].put(out, numbers[i].number);
        becomes(out, numbers[i].expected);
    }
    FILE *out = begin();
    html_number(out, UINT64_MAX);
    becomes(out, "18,446,744,073,709,551,615");
}

static void times_are_utc(void **state)
{
    FILE *out = begin();
    html_time(out, 1767225599);
    putc('|', out);
    html_machine_time(out, 1767225599);
    becomes(out, "2025-12-31 23:59:59|2025-12-31T23:59:59Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(numbers_read_well),
        cmocka_unit_test(times_are_utc),
    };
    return cmocka_run_group_tests_name("html", tests, NULL, NULL);
}
