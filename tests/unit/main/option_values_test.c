/* Options of seconds: the units that they take, and what is said of others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/capture.h"
#include "main/command_line.h"
#include "worker/option_values.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *said_of(struct options *o, bool taken, const char *option, const char *value)
{
    char given[64];
    snprintf(given, sizeof given, "--%s=%s", option, value);
    char *argv[] = {"moongate", "--resolve-min=0", "--resolve-max=24h", given, "s.lua", NULL};
    capture_begin(STDERR_FILENO);
    assert_int_equal(command_line_read(o, 5, argv), taken);
    return capture_end();
}

/* Each option of seconds takes them: all are tried, by the table. */
static void seconds_take_a_unit(void **state)
{
    static const struct {
        const char *text;
        double seconds;
    } times[] = {{"50ms", 0.05}, {"1500ms", 1.5}, {"2s", 2},    {"2.5s", 2.5},
                 {"1m", 60},     {"0.5m", 30},    {"1h", 3600}, {"7", 7}};
    size_t tried = 0;
    for (size_t i = 0; i < options_table.rows_n; i++) {
        const struct option_row *row = &options_table.rows[i];
        if (row->type != OPTION_SECONDS) continue;
        const struct option_range *range = option_table_range(&options_table, row);
        for (size_t j = 0; j < sizeof times / sizeof *times; j++) {
            struct options o;
            double wanted = times[j].seconds;
            bool fits = wanted >= (double)range->min && wanted <= (double)range->max;
            const char *said = said_of(&o, fits, row->name, times[j].text);
            if (fits) assert_string_equal(said, "");
            if (!fits) assert_non_null(strstr(said, "is out of range: give seconds in "));
            double got = *(double *)(void *)((char *)&o + row->offset);
            if (fits) assert_true(got > wanted - 1e-9 && got < wanted + 1e-9);
            options_release(&o);
            tried += fits;
        }
    }
    assert_true(tried > 50);
}

static void another_text_is_not_a_time(void **state)
{
    static const char *const texts[] = {"",    "ms",  "10ms0", "1S",  "1d",     "-1s",
                                        "1 s", "1e3", "nan",   "0x1", "1.2.3s", "."};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct options o;
        const char *said = said_of(&o, false, "drain-timeout", texts[i]);
        assert_non_null(
            strstr(said, "is not a time: give seconds in 0..86400, such as 2.5, 50ms or 1m"));
        options_release(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_take_a_unit),
        cmocka_unit_test(another_text_is_not_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
