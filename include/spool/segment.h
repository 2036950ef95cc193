/* segment: one file of a server's spool: a head, then records, each with its checksum. src/spool/README.md has the form.
 *
 * A plain value, owned by its spool. The descriptor is open only while records are added; a reader has its own. All paths are names in the
 * folder. Of the spooler's process alone, as everything that touches the disk.
 *
 * A file is only ever added to; what is wrong in it (a torn end, a damaged record) is skipped by its readers.
 */
#ifndef MOONGATE_SPOOL_SEGMENT_H
#define MOONGATE_SPOOL_SEGMENT_H

#include "spool/words.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SEGMENT_HEAD = 312,      /* bytes of the head */
    SEGMENT_BASE = 96,       /* of the names of a server's files, without sequence and ending */
    SEGMENT_NAME = 128,      /* of a file's name */
    SEGMENT_RECORD_HEAD = 16 /* of a record, before its bytes */
};

enum segment_kind { SEGMENT_DELETE = 1, SEGMENT_DONE = 2 };

struct segment {
    uint32_t sequence; /* of this file among those of its server; grows */
    int fd;            /* -1: nothing is added to it any more */
    uint64_t seed;     /* of its records' checksums */
    uint64_t epoch;    /* files that were begun until all was done have the same one */
    uint64_t end;      /* bytes that are written */
    uint64_t synced;   /* of these, on the disk */
    uint64_t last;     /* the number of its last delete */
    uint32_t newest;   /* the time of that */
};

struct segment_record {
    enum segment_kind kind;
    uint32_t time;  /* seconds since 1970 */
    uint32_t len;   /* of its bytes */
    uint64_t begin; /* its place in the file */
    uint64_t end;
    const unsigned char *bytes; /* in the reader's buffer, until the next read */
};

/* The beginning of the names of the server's files: what is safe of its name, and a hash of it. */
void segment_base(char base[SEGMENT_BASE], const char *server, size_t len);
void segment_name(char name[SEGMENT_NAME], const char *base, uint32_t sequence);

/* Splits a file's name. False: it is no segment. */
bool segment_parse(const char *name, char base[SEGMENT_BASE], uint32_t *sequence);

/* Makes a new file of that epoch with its head. 0, or errno; then there is no file. */
int segment_create(struct segment *s, int dir, const char *base, uint32_t sequence, uint64_t epoch,
                   const char *server, size_t len) __attribute__((warn_unused_result));

/* The bytes that a record of len bytes takes. */
static inline size_t segment_record_size(size_t len)
{
    return (SEGMENT_RECORD_HEAD + len + 7) / 8 * 8;
}

/* Writes a record, for the place `at` of the file, to `to`, which has segment_record_size(len) bytes. */
void segment_record_put(unsigned char *to, const struct segment *s, uint64_t at,
                        enum segment_kind kind, uint32_t time, const void *bytes, size_t len);

/* Adds to the file. 0, or errno; then end is as it was. */
int segment_write(struct segment *s, const void *bytes, size_t len)
    __attribute__((warn_unused_result));
int segment_sync(struct segment *s) __attribute__((warn_unused_result));

/* Back to what is on the disk. False: the file could not be cut; nothing must be added to it. */
bool segment_cut(struct segment *s);

/* Cuts a file that nothing is added to. Where the disk does not let it, its readers stop there anyway. */
void segment_trim(struct segment *s, int dir, const char *base, uint64_t end);

void segment_close(struct segment *s);

/* --- reading ----------------------------------------------------------------------------------- */

enum { READER_ROOM = 64 * 1024 };

/* What a file is that was there already. */
enum segment_state {
    SEGMENT_GOOD,
    SEGMENT_TORN,    /* it was being made when the machine stopped, and has no record */
    SEGMENT_DAMAGED, /* its head is */
    SEGMENT_FOREIGN, /* another version's, or it cannot be read now: it must stay as it is */
};

/* Opens a file that was there already, and reads its head: the server's name. *why says what is wrong, in constant text. */
enum segment_state segment_open(struct segment *s, int dir, const char *base, uint32_t sequence,
                                char server[SPOOL_NAME_MAX + 1], const char **why);

struct reader {
    int fd;
    int error; /* of the last read; 0 */
    uint64_t seed;
    uint64_t at, end; /* of the file: where it reads, and how far */
    uint64_t skipped; /* bytes before the record that was read last, which are damaged */
    uint64_t begin;   /* of the file: what the buffer begins with */
    size_t len;       /* of the buffer */
    unsigned char buffer[READER_ROOM];
};

/* Opens a file of the folder, to be read from `at` to `end`. 0, or errno. */
int reader_open(struct reader *r, int dir, const char *base, const struct segment *s, uint64_t at,
                uint64_t end) __attribute__((warn_unused_result));

/* The next record. False: there is no other; the `skipped` bytes before the end are damaged, or the file cannot be read (error). */
bool reader_next(struct reader *r, struct segment_record *to);

void reader_close(struct reader *r);

#endif
