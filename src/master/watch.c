/* A look compares each file with what it was. It is the look that finds a change; inotify only says when to look. So a change is found on
 * file systems where inotify says nothing (network disks, some overlays), POLL_EVERY seconds later at most.
 *
 * A change is not told at once. An editor or a copy may write a file in pieces, and a deployment may change several files one after the
 * other. So nothing is told before nothing has changed for QUIET seconds, but LONGEST seconds after the first change at the latest: a file
 * that is written for ever must not keep a reload back for ever. What is told too early is told again, because the rest of the file is a
 * further change.
 *
 * A file that is not there may be in the middle of two renames. It is waited for. A file that stays away is logged once, and told when it
 * is back, if it is another one then.
 *
 * File systems keep times coarsely. A file that changed less than FRESH seconds ago may change again without a change of its times and its
 * size; until then its bytes are compared, too.
 */
#include "master/watch.h"

#include "base/log.h"
#include "base/process.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double POLL_EVERY = 2, QUIET = 0.2, LONGEST = 2; /* seconds */
static const double LOOK_AFTER = 0.02; /* an event: so a busy folder costs fifty looks a second */
static const double MISSED_AFTER = 3, FRESH = 2;

enum { HASHED_MAX = 1024 * 1024 }; /* bytes */

/* --- signs ------------------------------------------------------------------------------------ */

/* FNV-1a. False: it cannot be read. */
static bool hash_of(const char *path, uint64_t *hash)
{
    unsigned char bytes[16 * 1024];
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return false;
    *hash = 14695981039346656037ULL;
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < n; i++) *hash = (*hash ^ bytes[i]) * 1099511628211ULL;
    close(fd);
    return n == 0;
}

static bool is_fresh(const struct stat *about)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return difftime(now.tv_sec, about->st_ctim.tv_sec) <= FRESH;
}

/* before: what is known of the file. */
static struct watch_sign sign_of(const char *path, const struct watch_sign *before)
{
    struct stat about;
    if (stat(path, &about) < 0 || !S_ISREG(about.st_mode)) return (struct watch_sign){0};
    struct watch_sign sign = {.is_there = true,
                              .device = about.st_dev,
                              .inode = about.st_ino,
                              .size = about.st_size,
                              .written = about.st_mtim,
                              .changed = about.st_ctim,
                              .is_fresh = is_fresh(&about)};
    if ((sign.is_fresh || before->is_fresh) && about.st_size <= HASHED_MAX)
        sign.has_hash = hash_of(path, &sign.hash);
    return sign;
}

static bool time_is(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool sign_is(const struct watch_sign *a, const struct watch_sign *b)
{
    return a->is_there == b->is_there && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && time_is(&a->written, &b->written) &&
           time_is(&a->changed, &b->changed) &&
           (!a->has_hash || !b->has_hash || a->hash == b->hash);
}

/* --- a look ----------------------------------------------------------------------------------- */

static bool file_has_changed(const struct watch_file *f)
{
    return f->seen.is_there && !sign_is(&f->seen, &f->told);
}

/* It was there before. */
static bool is_missing(const struct watch_file *f)
{
    return f->was_there && !f->seen.is_there;
}

static void note_missed(struct watch_file *f, double now)
{
    if (f->seen.is_there && f->is_missed) {
        log_info("watch: %s: is there again", f->path);
        f->is_missed = false;
    }
    if (is_missing(f) && !f->is_missed && now - f->away > MISSED_AFTER) {
        log_warn(
            "watch: %s: not there, or not a regular file: what is loaded stays until it is back",
            f->path);
        f->is_missed = true;
    }
}

/* True: it is not what it was at the last look. */
static bool file_look(struct watch_file *f, double now)
{
    struct watch_sign sign = sign_of(f->path, &f->seen);
    bool moved = !sign_is(&sign, &f->seen);
    if (moved && !sign.is_there) f->away = now;
    if (moved)
        f->seen = sign;
    else
        f->seen.is_fresh = sign.is_fresh;
    f->was_there = f->was_there || sign.is_there;
    note_missed(f, now);
    return moved;
}

/* The folders first: what changes after the look is then noticed. */
static void follow_folders(struct watch_set *w)
{
    watch_folders_begin(&w->folders);
    for (size_t i = 0; i < w->n; i++) watch_folders_add(&w->folders, w->files[i].path);
    watch_folders_end(&w->folders);
}

static void look_soon(struct watch_set *w, double seconds)
{
    ev_timer_stop(w->loop, &w->soon);
    ev_timer_set(&w->soon, fmax(seconds, LOOK_AFTER), 0);
    ev_timer_start(w->loop, &w->soon);
}

static void tell(struct watch_set *w)
{
    const char **paths = calloc(w->n, sizeof *paths);
    size_t n = 0;
    if (!paths) abort();
    for (size_t i = 0; i < w->n; i++) {
        struct watch_file *f = &w->files[i];
        if (!file_has_changed(f)) continue;
        f->told = f->seen;
        paths[n++] = f->path;
    }
    w->since = 0;
    w->tell(w->arg, paths, n);
    free(paths);
}

/* Tells what has changed and has settled; else looks again when that may be so. */
static void settle(struct watch_set *w, double now)
{
    bool any = false, all = true;
    for (size_t i = 0; i < w->n; i++) {
        any = any || file_has_changed(&w->files[i]);
        all = all && !is_missing(&w->files[i]);
    }
    if (!any || !w->files[0].seen.is_there) {
        w->since = 0;
        return;
    }
    if (w->since == 0) w->since = now;
    double quiet = w->moved + QUIET - now, last = w->since + LONGEST - now;
    if (last > 0 && quiet > 0)
        look_soon(w, fmin(quiet, last));
    else if (last > 0 && !all)
        look_soon(w, last);
    else
        tell(w);
}

static void look(struct watch_set *w)
{
    double now = process_clock();
    watch_folders_drain(&w->folders);
    follow_folders(w);
    bool moved = false;
    for (size_t i = 0; i < w->n; i++) moved = file_look(&w->files[i], now) || moved;
    if (moved) w->moved = now;
    settle(w, now);
    if (w->folders.fd >= 0) ev_io_start(w->loop, &w->events);
}

/* Further events wait in the kernel until the look. */
static void on_events(struct ev_loop *loop, ev_io *io, int events)
{
    struct watch_set *w = io->data;
    ev_io_stop(loop, io);
    if (!ev_is_active(&w->soon) || ev_timer_remaining(loop, &w->soon) > LOOK_AFTER)
        look_soon(w, LOOK_AFTER);
}

static void on_soon(struct ev_loop *loop, ev_timer *timer, int events)
{
    look(timer->data);
}

static void on_poll(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct watch_set *w = timer->data;
    if (!ev_is_active(&w->soon)) look(w);
}

/* --- life ------------------------------------------------------------------------------------- */

void watch_init(struct watch_set *w, struct ev_loop *loop, watch_tell *told, void *arg)
{
    *w = (struct watch_set){.loop = loop, .tell = told, .arg = arg};
    watch_folders_init(&w->folders);
    ev_io_init(&w->events, on_events, w->folders.fd, EV_READ);
    ev_timer_init(&w->soon, on_soon, 0, 0);
    ev_timer_init(&w->poll, on_poll, POLL_EVERY, POLL_EVERY);
    w->events.data = w->soon.data = w->poll.data = w;
    ev_timer_start(loop, &w->poll);
    if (w->folders.fd >= 0) ev_io_start(loop, &w->events);
}

static struct watch_file *find(struct watch_set *w, const char *path)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->files[i].path && strcmp(w->files[i].path, path) == 0) return &w->files[i];
    return NULL;
}

static void release_files(struct watch_file *files, size_t n)
{
    for (size_t i = 0; i < n; i++) free(files[i].path);
    free(files);
}

void watch_files(struct watch_set *w, const char *const *paths, size_t n)
{
    assert(n > 0);
    struct watch_file *files = calloc(n, sizeof *files);
    if (!files) abort();
    for (size_t i = 0; i < n; i++) {
        struct watch_file *known = find(w, paths[i]);
        if (known) {
            files[i] = *known;
            known->path = NULL; /* the new list has it */
            continue;
        }
        files[i] = (struct watch_file){.path = strdup(paths[i]), .away = process_clock()};
        if (!files[i].path) abort();
        (void)file_look(&files[i], files[i].away);
    }
    release_files(w->files, w->n);
    w->files = files;
    w->n = n;
    look_soon(w, LOOK_AFTER);
}

void watch_stop(struct watch_set *w)
{
    ev_io_stop(w->loop, &w->events);
    ev_timer_stop(w->loop, &w->soon);
    ev_timer_stop(w->loop, &w->poll);
    watch_folders_close(&w->folders);
}

void watch_release(struct watch_set *w)
{
    release_files(w->files, w->n);
    w->files = NULL;
    w->n = 0;
    watch_folders_release(&w->folders);
}
