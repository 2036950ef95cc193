/* The README's table of options says what --help says: which there are, their letters, arguments, defaults and ranges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/options.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { LINES_MAX = 64, LINE = 1024 };

/* The table's rows, which begin with an option. */
static char rows[LINES_MAX][LINE];
static size_t rows_n;

static int read_table(void **state)
{
    char line[8192];
    bool inside = false;
    FILE *from = fopen("README.md", "re");
    if (!from) return -1;
    while (fgets(line, sizeof line, from)) {
        if (line[0] == '#') inside = strcmp(line, "## Options\n") == 0;
        if (!inside || strncmp(line, "| `-", 4) != 0) continue;
        if (rows_n == LINES_MAX || strlen(line) >= LINE) return -1;
        strcpy(rows[rows_n++], line);
    }
    fclose(from);
    return rows_n > 0 ? 0 : -1;
}

/* As the README writes it: `-p, --port NUMBER`, a bar inside behind a backslash. */
static const char *written(char letter, const char *name, const char *argument)
{
    static char text[128];
    char *to = text;
    *to++ = '`';
    if (letter) to += sprintf(to, "-%c, ", letter);
    to += sprintf(to, "--%s%s", name, argument ? " " : "");
    for (const char *from = argument ? argument : ""; *from; from++) {
        if (*from == '|') *to++ = '\\';
        *to++ = *from;
    }
    strcpy(to, "`");
    return text;
}

/* The row that has an option, and its place among the options of that row. */
static const char *find(const char *option, size_t *place)
{
    for (size_t i = 0; i < rows_n; i++) {
        const char *at = strstr(rows[i], option);
        if (!at || at > strstr(rows[i], " | ")) continue;
        *place = 0;
        for (const char *before = rows[i]; (before = strstr(before, "`-")) && before < at; before++)
            ++*place;
        return rows[i];
    }
    fail_msg("README.md: no row has %s", option);
    return NULL;
}

/* The last cell, or of a row with several options that one's part of it. */
static const char *default_of(const char *row, size_t place)
{
    static char text[LINE];
    size_t end = strlen(row) - strlen(" |\n"), begin = end;
    assert_string_equal(row + end, " |\n");
    while (strncmp(row + begin, "| ", 2) != 0) begin--;
    snprintf(text, sizeof text, "%.*s", begin + 2 < end ? (int)(end - begin - 2) : 0,
             row + begin + 2);
    char *part = text;
    while (place-- > 0 && part) part = (part = strchr(part, ',')) ? part + 2 : NULL;
    if (!part) return "";
    part[strcspn(part, ",")] = '\0';
    return part;
}

/* `(1..64)` in the meaning is `1 to 64` in the row. */
static void check_range(const char *row, const char *meaning)
{
    char low[16], high[16], wanted[64];
    const char *open = strrchr(meaning, '(');
    if (!open || sscanf(open, "(%15[^.)]..%15[^)])", low, high) != 2) return;
    snprintf(wanted, sizeof wanted, "%s to %s", low, high);
    if (!strstr(row, wanted)) fail_msg("README.md: no '%s' in: %s", wanted, row);
}

static void check(char letter, const char *name, const char *argument, const char *fallback,
                  const char *meaning)
{
    size_t place = 0;
    const char *row = find(written(letter, name, argument), &place);
    const char *shown = default_of(row, place);
    if (strcmp(shown, fallback) != 0)
        fail_msg("README.md: the default of --%s is '%s', not '%s'", name, fallback, shown);
    check_range(row, meaning);
}

static void the_readme_has_every_option(void **state)
{
#define X(field, type, letter, name, argument, fallback, meaning)                                  \
    check(letter, name, argument, fallback, meaning);
    OPTIONS(X)
#undef X
}

static void the_readme_has_no_other_option(void **state)
{
    size_t there = 0, named = 0;
#define X(...) there++;
    OPTIONS(X)
#undef X
    for (size_t i = 0; i < rows_n; i++) {
        const char *end = strstr(rows[i], " | ");
        for (const char *at = rows[i]; (at = strstr(at, "`-")) && at < end; at++) named++;
    }
    assert_int_equal(named, there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_readme_has_every_option),
        cmocka_unit_test(the_readme_has_no_other_option),
    };
    return cmocka_run_group_tests_name("options and README", tests, read_table, NULL);
}
