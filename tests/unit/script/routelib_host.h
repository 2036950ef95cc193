/* routelib_host: the reader of routelib's configurations, called as its host calls it. A reading's script is the caller's to free. */
#ifndef TESTS_UNIT_SCRIPT_ROUTELIB_HOST_H
#define TESTS_UNIT_SCRIPT_ROUTELIB_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "script/routelib.h"

enum { NOTES_MAX = 2048 };

struct reading {
    bool is_good;
    char *script;
    size_t len;
    char notes[NOTES_MAX];
    struct convert_output out;
};

static inline void take_note(void *arg, const char *path, uint32_t line, const char *text)
{
    struct reading *r = arg;
    size_t used = strlen(r->notes);
    assert_string_equal(path, "c.lua");
    snprintf(r->notes + used, sizeof r->notes - used, "%u: %s\n", line, text);
}

static inline bool read_file(void *arg, const char *path, const char **bytes, size_t *len,
                             const char **why)
{
    (void)arg;
    *why = "No such file or directory";
    *bytes = NULL;
    if (strcmp(path, "zone") == 0) *bytes = "w\nmore\n";
    if (strcmp(path, "empty") == 0) *bytes = "";
    if (strcmp(path, "./own.lua") == 0) *bytes = "return { \"h:9\" }";
    if (strcmp(path, "./broken.lua") == 0) *bytes = "\nerror 'no'";
    if (!*bytes) return false;
    *len = strlen(*bytes);
    return true;
}

static inline void read_bytes(struct reading *r, const char *bytes, size_t len, double seconds)
{
    struct convert_input in = {.path = "c.lua", .bytes = bytes, .len = len, .read = read_file};
    memset(r, 0, sizeof *r);
    r->out.note = take_note;
    r->out.note_arg = r;
    r->out.script = open_memstream(&r->script, &r->len);
    assert_non_null(r->out.script);
    r->is_good = routelib_read_within(&in, &r->out, seconds);
    fclose(r->out.script);
}

#endif
