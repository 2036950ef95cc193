/* file: recordings: a file of requests as `moongate ctl record` writes it (record/recorder.h), and its reader, for `moongate recording`
 * and `moongate replay`.
 *
 * A struct recording belongs to the caller of recording_open, who closes it; it owns its file, and memory for two blocks. One process.
 * What stands in a file, byte by byte, and why it is readable when it was cut anywhere: src/record/README.md.
 */
#ifndef MOONGATE_RECORD_FILE_H
#define MOONGATE_RECORD_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/take.h"

/* What is recorded of values: name, text */
#define RECORDING_MODES(X)                                                                         \
    X(KEYS, "keys-only") /* no values, and no lengths of values */                                 \
    X(SIZES, "sizes")    /* lengths of values */                                                   \
    X(VALUES, "values")

enum recording_mode {
#define X(name, text) RECORDING_##name,
    RECORDING_MODES(X)
#undef X
        RECORDING_MODE_COUNT
};

enum { RECORDING_TEXT = 64, RECORDING_ERROR = 256, RECORDING_NOTE = 256 };

/* What its header says of a recording. Texts end in NUL. */
struct recording_about {
    char version[RECORDING_TEXT]; /* of the moongate that wrote it */
    uint64_t begun_us;            /* microseconds since 1970: of this file */
    uint32_t number;              /* 1, or which file it is of a recording that was rotated */
    enum recording_mode mode;
    double sample; /* the share of requests that was asked for, 0..1; 1: all */
    bool hashed;   /* keys are hashed; which secret, the file does not say */
    /* Of hashed keys, what stands before the first such character, and it, is as it was. '\0': all is hashed. */
    char keep_prefix;
};

const char *recording_mode_text(enum recording_mode mode);

struct recording;

/* Opens a file, or the standard input for "-", and reads its header. NULL, and error says why, with the path. */
struct recording *recording_open(const char *path, char error[RECORDING_ERROR]);
void recording_close(struct recording *r);

const struct recording_about *recording_about(const struct recording *r);

enum recording_event {
    RECORDING_TAKE,
    RECORDING_GAP, /* nothing was recorded for a while: recording_note has why, recording_span when */
    RECORDING_DAMAGED, /* a part was skipped: recording_note says which, and why */
    RECORDING_CUT, /* the file ends before its end was written: recording_note says where. The last event */
    RECORDING_END /* the last event of a whole file; also after RECORDING_CUT */
};

/* Reads on. For RECORDING_TAKE, *to is filled; its pointers are valid until the next call. Its numbers are those of this build; a command
 * or result that this build does not know has COMMAND_NONE or LIVE_ANSWERED, and its text below. Everything is checked: a take that is
 * given is one that was written. */
enum recording_event recording_next(struct recording *r, struct take *to);

/* One line, of the last event that is not a take. */
const char *recording_note(const struct recording *r);

/* First and last time, of the last gap or of the present block. */
void recording_span(const struct recording *r, uint64_t *from_us, uint64_t *to_us);

/* As the file names the command and the result of the last take. */
const char *recording_command(const struct recording *r);
const char *recording_result(const struct recording *r);

/* Of UINT32_MAX: the share of keys that was recorded when the last take was. */
uint32_t recording_share(const struct recording *r);

/* Requests that could not be recorded, in all that was read so far. */
uint64_t recording_lost(const struct recording *r);

/* For progress: bytes read, bytes in all (0: not known, as of a pipe). */
uint64_t recording_at(const struct recording *r);
uint64_t recording_size(const struct recording *r);

#endif
