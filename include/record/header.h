/* header: the text at the beginning of a recording: what it is, and the names of the numbers in it. Pure functions; a struct header is
 * a plain value that owns nothing. For recorder.c and recording.c; the form is described in src/record/README.md.
 */
#ifndef MOONGATE_RECORD_HEADER_H
#define MOONGATE_RECORD_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/file.h"

enum { HEADER_MOST = 8192, HEADER_NAMES = 256, HEADER_NAME = 32 };

/* The names of the commands, or of the results, of a file, and what each number is in this build. */
struct header_names {
    size_t n;
    uint8_t number[HEADER_NAMES];
    char text[HEADER_NAMES][HEADER_NAME];
};

struct header {
    struct recording_about about;
    struct header_names commands, results;
};

/* Writes the header of this build. Returns its length. */
size_t header_write(const struct recording_about *about, char to[HEADER_MOST]);

enum header_status {
    HEADER_OK,
    HEADER_SHORT, /* more bytes must be seen, HEADER_MOST at most */
    HEADER_BAD    /* error says why */
};

/* Reads a header from the first bytes of a file; *used is its length. */
enum header_status header_read(const char *bytes, size_t len, struct header *to, size_t *used,
                               char error[RECORDING_ERROR]) __attribute__((warn_unused_result));

#endif
