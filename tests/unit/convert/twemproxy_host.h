/* twemproxy_host: nutcracker's files as texts of a test, read by twemproxy_read.
 *
 * Included once, by a test program's only source. What a reading gives belongs to the stage and lives as long as the play.
 */
#ifndef TESTS_UNIT_CONVERT_TWEMPROXY_HOST_H
#define TESTS_UNIT_CONVERT_TWEMPROXY_HOST_H

#include "lib/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/convert.h"

struct reading {
    bool is_accepted;
    const char *script; /* "" unless accepted */
    const char *error;  /* "" if accepted */
    const char *notes;  /* a line each: "LINE: text" */
};

static inline void keep_note(void *arg, const char *path, uint32_t line, const char *text)
{
    assert_string_equal(path, "f.yml");
    fprintf(arg, "%u: %s\n", line, text);
}

/* The bytes end where a sanitizer sees one byte too far. */
static inline struct reading reading_of(const char *bytes, size_t len)
{
    char *exact = malloc(len ? len : 1), *script = NULL, *notes = NULL;
    size_t script_len = 0, notes_len = 0;
    FILE *to = open_memstream(&script, &script_len), *said = open_memstream(&notes, &notes_len);
    struct convert_output out = {.script = to, .note = keep_note, .note_arg = said};
    assert_true(exact && to && said);
    memcpy(exact, bytes, len);
    struct convert_input in = {.path = "f.yml", .bytes = exact, .len = len};
    bool is_accepted = twemproxy_read(&in, &out);
    free(exact);
    fclose(to);
    fclose(said);
    struct reading r = {is_accepted, textf("%s", is_accepted ? script : ""),
                        textf("%s", is_accepted ? "" : out.error), textf("%s", notes)};
    free(script);
    free(notes);
    return r;
}

static inline struct reading read_text(const char *text)
{
    return reading_of(text, strlen(text));
}

#endif
