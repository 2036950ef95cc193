#include "lib/said.h"

#include <stdlib.h>
#include <string.h>

void has(const char *text, const char *part)
{
    if (!strstr(text, part)) stage_fails("no \"%s\" in:\n%s", part, text);
}

void has_not(const char *text, const char *part)
{
    if (strstr(text, part)) stage_fails("\"%s\" in:\n%s", part, text);
}

void exits(struct run run, int code)
{
    if (run.code != code) stage_fails("exit %d, not %d: %s%s", run.code, code, run.out, run.err);
}

void is_said(const char *text, const char *expected)
{
    if (strcmp(text, expected) != 0) stage_fails("expected:\n%s\ngot:\n%s", expected, text);
}

void begins_with(const char *text, const char *start)
{
    if (strncmp(text, start, strlen(start)) != 0)
        stage_fails("expected:\n%s\ngot:\n%s", start, text);
}

size_t lines_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    if (!end) stage_fails("a line without an end: %s", line);
    return end + 1;
}

const char *json_member(const char *line, const char *name)
{
    const char *quoted = textf("\"%s\":", name), *end = next_line(line);
    const char *at = strstr(line, quoted);
    if (!at || at > end) stage_fails("no %s in: %.*s", name, (int)(end - line), line);
    at += strlen(quoted);
    if (*at == '"') return textf("%.*s", (int)strcspn(at + 1, "\""), at + 1);
    return textf("%.*s", (int)strcspn(at, ",}"), at);
}

double json_member_number(const char *line, const char *name)
{
    return strtod(json_member(line, name), NULL);
}

struct run shell_runs(const char *command)
{
    const char *const argv[] = {"sh", "-c", command, NULL};
    return program_run(argv);
}
