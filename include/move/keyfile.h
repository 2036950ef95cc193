/* keyfile: keys of a dump that wait to be looked at, in the order in which they came; in a file without a name, as they may be many.
 *
 * A struct inside its owner's, which releases it. Why there is one: a server has one dump at a time, and its crawler does nothing else
 * meanwhile, so a dump is read as fast as it comes. The file is in TMPDIR, or in /tmp.
 */
#ifndef MOONGATE_MOVE_KEYFILE_H
#define MOONGATE_MOVE_KEYFILE_H

#include "move/dump.h"

enum { KEYFILE_ROOM = 64 * 1024 };

/* Invariant: what is between `read` and `written` is in the file, but for the last `filled` bytes, which are in `in`. */
struct keyfile {
    int fd;                 /* -1: there is none */
    uint64_t read, written; /* bytes of the file */
    uint64_t keys;          /* that wait */
    uint8_t *in, *out;      /* owned: KEYFILE_ROOM bytes each */
    size_t filled;          /* of in */
    size_t at, end;         /* of out: what was read and not taken yet */
};

/* errno on failure, else 0. */
int keyfile_open(struct keyfile *f);
void keyfile_close(struct keyfile *f);

/* Appends a key. errno on failure, as on a full disk; else 0. */
int keyfile_put(struct keyfile *f, const struct dump_key *key);

/* Takes the first one. False: there is none. *error: errno of a read that failed, else 0. */
bool keyfile_take(struct keyfile *f, struct dump_key *key, int *error);

static inline bool keyfile_is_open(const struct keyfile *f)
{
    return f->in;
}

#endif
