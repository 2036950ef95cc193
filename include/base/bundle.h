/* bundle: the files that a script is made of, each with its path and its bytes. The first one is the script itself.
 *
 * In memory it is one block, in the form in which it is written to a descriptor. It has a reference count, and the last bundle_give
 * frees it: the function that loads a script holds one, and each script. No two processes share one.
 *
 * The check that loads a script on trial records in it what the script reads; workers then load the script from it, so they all run
 * what was checked, whatever is on the disk by then.
 */
#ifndef MOONGATE_BASE_BUNDLE_H
#define MOONGATE_BASE_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BUNDLE_MOST = 64 * 1024 * 1024 }; /* bytes of it */

enum bundle_kind {
    BUNDLE_FILE,
    BUNDLE_ABSENT,  /* it was looked for and could not be read; the bytes say why */
    BUNDLE_WATCHED, /* the script depends on it, and reads it all the time: without bytes */
    BUNDLE_NOTE, /* no file: what a reader of another proxy's configuration has to say, as PATH:LINE and a text */
    BUNDLE_CONVERTED, /* no file: the script that the first file was converted to; the path is the word of its kind */
    BUNDLE_EXPANDED, /* no file: the first file without its macros, as far as it can be asked for */
    BUNDLE_LISTENS,  /* no file: the path is an item of mg.listen, as in net/bind.h;
                       the bytes are its addresses, a line each */
    BUNDLE_SECRET, /* a file with a key, certificates or passwords (base/secret.h), which scripts do not
                      see and which is never written to the disk; without bytes: it could not be read */
    BUNDLE_SPOOLS, /* no file: the path is a folder in which deletes wait (mg.spool_deletes); the
                      bytes are its bounds, as in spool/place.h */
    BUNDLE_STORES, /* no file: the path is the name of a store (mg.store); the bytes are its size and the
                      largest value, as numbers */
    BUNDLE_KINDS
};

/* True for what was read or looked for. */
static inline bool bundle_is_file(enum bundle_kind kind)
{
    return kind == BUNDLE_FILE || kind == BUNDLE_ABSENT;
}

/* Paths are as they were asked for: relative ones count from the working folder. Pointers are valid until the next bundle_add. */
struct bundle_file {
    enum bundle_kind kind;
    const char *path;
    size_t path_len;
    const char *bytes;
    size_t len;
};

struct bundle {
    char *bytes;
    size_t len, room;
    uint32_t references;
    bool records; /* what its script reads from the disk is added */
};

/* An empty one, with one reference. */
struct bundle *bundle_create(void);

/* What bundle_write wrote. NULL: *why says what is wrong, in constant text. Any bytes may be behind fd. */
struct bundle *bundle_read(int fd, const char **why);

/* Replaces what is behind fd. 0, or errno; then fd may have a part of it, which bundle_read refuses. */
int bundle_write(const struct bundle *b, int fd) __attribute__((warn_unused_result));

struct bundle *bundle_take(struct bundle *b);
void bundle_give(struct bundle *b); /* NULL is allowed */

/* False: it would be larger than BUNDLE_MOST, and is as before. All is copied. */
bool bundle_add(struct bundle *b, const struct bundle_file *file)
    __attribute__((warn_unused_result));

/* What may be on the disk: a copy without secrets. The caller gives it. */
struct bundle *bundle_without_secrets(const struct bundle *b);

/* The secret of that path. */
bool bundle_find_secret(const struct bundle *b, const char *path, struct bundle_file *to);

/* The first file of that path that was read or looked for. */
bool bundle_find(const struct bundle *b, const char *path, size_t path_len, struct bundle_file *to);

/* Goes through all files. *at is 0 before the first. False: there is no other. */
bool bundle_next(const struct bundle *b, size_t *at, struct bundle_file *to);

/* What is wrong with these bytes as a bundle, in constant text; NULL: nothing. */
const char *bundle_wrong(const char *bytes, size_t len);

#endif
