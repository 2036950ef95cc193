/* watch: says when one of some files has changed, whatever way it was changed: written in place, renamed into place, behind a symbolic link
 * that points elsewhere now.
 *
 * The owner embeds the struct, and frees it with watch_release. The paths are copied. Nothing is told while the files still change: see
 * src/master/watch.c. One loop.
 */
#ifndef MOONGATE_MASTER_WATCH_H
#define MOONGATE_MASTER_WATCH_H

#include "master/watch_folders.h"
#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* What tells one content of a file from the next. */
struct watch_sign {
    bool is_there; /* a regular file; if not, all else is zero */
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec written, changed;
    bool is_fresh; /* it may change again with the same times */
    bool has_hash;
    uint64_t hash; /* of its bytes */
};

struct watch_file {
    char *path;
    struct watch_sign seen; /* by the last look */
    struct watch_sign told; /* when its owner was last told */
    bool was_there;         /* once */
    double away;            /* as process_clock: since when it is not there */
    bool is_missed;         /* the log says so */
};

/* The files at these n paths have changed, and have settled. The paths are the watch's. */
typedef void watch_tell(void *arg, const char *const *paths, size_t n);

struct watch_set {
    struct ev_loop *loop;
    watch_tell *tell;
    void *arg;
    struct watch_file *files;
    size_t n;
    struct watch_folders folders;
    double moved,
        since; /* as process_clock: of the last change, of the first one that was not told; 0: none */
    ev_io events;
    ev_timer soon, poll;
};

void watch_init(struct watch_set *w, struct ev_loop *loop, watch_tell *told, void *arg);

/* From now on it is about these files, n > 0. The first is the one without which the others mean nothing: while it is not there, nothing is
 * told. Files that it was about before keep what is known of them. Others count as changed: what their owner has of them may be older. */
void watch_files(struct watch_set *w, const char *const *paths, size_t n);

/* Stops its watchers and closes its descriptor: at the end, and in a forked child. */
void watch_stop(struct watch_set *w);

/* After watch_stop. */
void watch_release(struct watch_set *w);

#endif
