/* record_files: the file, or the files, that `moongate ctl record` writes: made, rotated, and bounded.
 *
 * A struct record_files is embedded in the tool, which calls record_files_close. It owns its recorder and its descriptor. What it has
 * written stays, whatever happens later.
 */
#ifndef MOONGATE_TOOLS_RECORD_FILES_H
#define MOONGATE_TOOLS_RECORD_FILES_H

#include "record/recorder.h"

enum { RECORD_FILES_ERROR = 512, RECORD_FILES_PATH = 4096, RECORD_FILES_KEEP = 1000 };

struct record_files_plan {
    const char
        *path; /* "-": the standard output. The files after the first one are PATH.2, PATH.3 ... */
    uint64_t rotate;   /* bytes of a file; 0: one file */
    uint32_t keep;     /* so many files, the last ones; 0: all */
    uint64_t max_size; /* bytes of all files that are kept; 0: no limit */
    bool force;        /* recordings of these names may be replaced */
};

/* Invariant: recorder is NULL when no file is open. */
struct record_files {
    struct record_files_plan plan;
    struct recording_about about;
    struct recorder *recorder;
    int fd;
    uint32_t kept; /* files that are there, the present one among them */
    uint64_t
        sizes[RECORD_FILES_KEEP];   /* of files that are done, where `keep` is given: by number */
    uint64_t done;                  /* bytes of all files that are done and kept */
    uint64_t written;               /* bytes of all that are done */
    char error[RECORD_FILES_ERROR]; /* why it failed */
    char name[RECORD_FILES_PATH];   /* of the present file */
};

/* Makes the first file. `about` is that of the whole recording. False: f->error says why, and nothing was changed. */
bool record_files_open(struct record_files *f, const struct record_files_plan *plan,
                       const struct recording_about *about) __attribute__((warn_unused_result));

/* Each of these: false: it could not be written, f->error says why, and what was written before is a readable file. */
bool record_files_take(struct record_files *f, const struct take *t)
    __attribute__((warn_unused_result));
bool record_files_share(struct record_files *f, uint32_t share) __attribute__((warn_unused_result));
bool record_files_gap(struct record_files *f, uint64_t from_us, uint64_t to_us, const char *why)
    __attribute__((warn_unused_result));
bool record_files_flush(struct record_files *f) __attribute__((warn_unused_result));
void record_files_lost(struct record_files *f, uint64_t requests);

/* Ends the present file in good order; nothing if it has failed, or none is open. */
bool record_files_close(struct record_files *f) __attribute__((warn_unused_result));

/* No more may be written. */
bool record_files_are_full(const struct record_files *f);

/* Bytes that were written, in all. */
uint64_t record_files_bytes(const struct record_files *f);

#endif
