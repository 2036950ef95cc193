/* src/main/README.md says of commands and options what the program's own help says: which there are, in their order, with their
 * letters, arguments, meanings and defaults. The help is parsed as a reader sees it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/capture.h"
#include "main/commands.h"
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define README "src/main/README.md"

enum { ROWS_MAX = 128, CELL = 2048, LINE = 4096 };

/* An option: `-p, --port NUMBER`; or a command: `explain`. */
struct row {
    char name[CELL], meaning[CELL], fallback[CELL];
};

struct table {
    struct row rows[ROWS_MAX];
    size_t n;
};

static struct row *add(struct table *t)
{
    assert_true(t->n < ROWS_MAX);
    t->rows[t->n] = (struct row){.name = ""};
    return &t->rows[t->n++];
}

/* --- the README -------------------------------------------------------------------------------- */

/* A cell up to the bar that ends it, as readers see it: `\|` is a bar, and the marks of code are left out. */
static const char *take_cell(const char *at, char *to)
{
    char *begin = to, *end = to + CELL - 1;
    at += strspn(at, " ");
    for (; *at && *at != '|' && *at != '\n'; at++) {
        if (at[0] == '\\' && at[1] == '|') at++;
        if (*at != '`' && to < end) *to++ = *at;
    }
    while (to > begin && to[-1] == ' ') to--;
    *to = '\0';
    return *at == '|' ? at + 1 : at;
}

/* The rows that begin so, between a heading and the next one. */
static void read_table(struct table *t, const char *heading, const char *start)
{
    char line[LINE], wanted[CELL];
    bool inside = false;
    FILE *from = fopen(README, "re");
    if (!from) fail_msg("%s is not there: run this in the project's folder", README);
    snprintf(wanted, sizeof wanted, "%s\n", heading);
    t->n = 0;
    while (fgets(line, sizeof line, from)) {
        assert_non_null(strchr(line, '\n'));
        if (line[0] == '#') inside = strcmp(line, wanted) == 0;
        if (!inside || strncmp(line, start, strlen(start)) != 0) continue;
        struct row *row = add(t);
        take_cell(take_cell(take_cell(line + 1, row->name), row->meaning), row->fallback);
    }
    fclose(from);
    if (t->n == 0) fail_msg("%s: no rows below '%s'", README, heading);
}

/* --- the help ---------------------------------------------------------------------------------- */

static const char *help_of(const char *command)
{
    char name[] = "help", word[32];
    snprintf(word, sizeof word, "%s", command);
    char *argv[] = {name, *word ? word : NULL, NULL};
    capture_begin(STDOUT_FILENO);
    int code = help_tool(*word ? 2 : 1, argv);
    fflush(stdout);
    const char *said = capture_end();
    assert_int_equal(code, 0);
    return said;
}

/* `  -p, --port NUMBER                port of every listener [11211]`: one space before an argument, more or a full column before
 * what it means. */
static void take_option(struct table *t, const char *line, size_t len)
{
    char text[LINE], *name = text + 6;
    struct row *row = add(t);
    snprintf(text, sizeof text, "%.*s", (int)len, line);
    char *end = name + strcspn(name, " ");
    if (end[0] == ' ' && end[1] != ' ') end += 1 + strcspn(end + 1, " ");
    bool has_letter = text[2] == '-';
    assert_true(end[0] == ' ');
    snprintf(row->name, CELL, "%.*s%.*s", has_letter ? 4 : 0, text + 2, (int)(end - name), name);
    char *meaning = end + strspn(end, " "), *open = strrchr(meaning, '[');
    if (open && open[-1] == ' ' && text[len - 1] == ']') {
        snprintf(row->fallback, CELL, "%.*s", (int)strlen(open) - 2, open + 1);
        open[-1] = '\0';
    }
    snprintf(row->meaning, CELL, "%s", meaning);
}

static void read_options(struct table *t, const char *command)
{
    t->n = 0;
    for (const char *line = help_of(command); *line;) {
        size_t len = strcspn(line, "\n");
        if (strncmp(line, "  -", 3) == 0 || strncmp(line, "      --", 8) == 0)
            take_option(t, line, len);
        line += len + (line[len] == '\n');
    }
}

/* `  moongate explain SCRIPT.lua`, and a line below it what it does. */
static void read_commands(struct table *t)
{
    static const char before[] = "  moongate ";
    t->n = 0;
    for (const char *line = help_of(""); (line = strstr(line, before));) {
        const char *word = line + sizeof before - 1, *next = strchr(line, '\n') + 1;
        line = word;
        if (*word == '[') continue; /* the daemon itself */
        struct row *row = add(t);
        snprintf(row->name, CELL, "%.*s", (int)strcspn(word, " "), word);
        snprintf(row->meaning, CELL, "%.*s", (int)strcspn(next, "\n") - 6, next + 6);
    }
}

/* --- both -------------------------------------------------------------------------------------- */

/* What the help says comes first; after a full stop there may be more. */
static bool says(const char *readme, const char *help)
{
    size_t len = strlen(help);
    if (strncmp(readme, help, len) != 0) return false;
    return readme[len] == '\0' || strncmp(readme + len, ". ", 2) == 0;
}

static void compare(const struct table *readme, const struct table *help, const char *heading)
{
    for (size_t i = 0; i < readme->n && i < help->n; i++) {
        const struct row *r = &readme->rows[i], *h = &help->rows[i];
        if (strcmp(r->name, h->name) != 0)
            fail_msg("%s, %s: '%s' stands where the help has '%s'", README, heading, r->name,
                     h->name);
        if (!says(r->meaning, h->meaning))
            fail_msg("%s, %s: %s means '%s', and in the help '%s'", README, heading, r->name,
                     r->meaning, h->meaning);
        if (strcmp(r->fallback, h->fallback) != 0)
            fail_msg("%s, %s: the default of %s is '%s', and in the help '%s'", README, heading,
                     r->name, r->fallback, h->fallback);
    }
    if (readme->n != help->n)
        fail_msg("%s, %s: %zu rows, and in the help %zu", README, heading, readme->n, help->n);
}

static struct table readme, help;

static void options_are_the_same(const char *command, const char *heading, size_t least)
{
    read_table(&readme, heading, "| `-");
    read_options(&help, command);
    compare(&readme, &help, heading);
    assert_true(help.n >= least);
}

static void options_of_the_daemon_are_those_of_its_help(void **state)
{
    options_are_the_same("", "## Options", 30);
}

static void options_of_commands_are_those_of_their_help(void **state)
{
    options_are_the_same("explain", "### moongate explain", 10);
    options_are_the_same("diff", "### moongate diff", 10);
    options_are_the_same("convert", "### moongate convert", 8);
    options_are_the_same("test", "### moongate test", 8);
    options_are_the_same("repl", "### moongate repl", 7);
    options_are_the_same("replay", "### moongate replay", 20);
    options_are_the_same("ctl", "### moongate ctl", 4);
    options_are_the_same("recording", "### moongate recording", 5);
    options_are_the_same("top", "### moongate top", 5);
}

/* A row's name is a link: `[`explain`](#moongate-explain)`. */
static void commands_are_those_of_the_help(void **state)
{
    read_table(&readme, "## Commands", "| [`");
    for (size_t i = 0; i < readme.n; i++) {
        char *name = readme.rows[i].name, *end = strstr(name, "](#moongate-");
        assert_true(name[0] == '[' && end);
        *end = '\0';
        memmove(name, name + 1, strlen(name));
    }
    read_commands(&help);
    compare(&readme, &help, "## Commands");
    assert_int_equal(help.n, 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_of_the_daemon_are_those_of_its_help),
        cmocka_unit_test(options_of_commands_are_those_of_their_help),
        cmocka_unit_test(commands_are_those_of_the_help),
    };
    return cmocka_run_group_tests_name("options and README", tests, NULL, NULL);
}
