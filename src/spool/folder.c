/* One writer: the lock of the file `lock`, which the kernel gives up when its process ends, however it ends. During an upgrade two
 * spoolers have the folder named to them; the one that waits tries each RETRY seconds. Only who has the lock reads the files, for the other
 * one may be writing them.
 */
#include "spool/folder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "spool/hold.h"

static const double RETRY = 0.05, RETRY_BROKEN = 1; /* seconds */
enum { BACKLOG = 512 };

static bool folder_sane(const struct folder *f)
{
    bool is_open = f->state == FOLDER_OPEN;
    return (f->listener >= 0) == is_open && (f->lock >= 0) == is_open && (f->dir >= 0 || !is_open);
}

struct folder *folder_create(const struct spool_place *place, int32_t master)
{
    struct folder *f = calloc(1, sizeof *f);
    if (!f) abort();
    f->master = master;
    f->dir = f->lock = f->listener = f->room.dir = -1;
    f->room.budget = KNOWN_BUDGET;
    (void)!getrandom(&f->room.seed, sizeof f->room.seed, GRND_NONBLOCK);
    folder_bound(f, place);
    return f;
}

void folder_bound(struct folder *f, const struct spool_place *place)
{
    f->place = *place;
    f->room.max_size = place->max_size;
    f->room.max_total = place->max_total;
    f->room.max_age = place->max_age;
}

static void shut(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

void folder_close(struct folder *f)
{
    for (struct spool *s = f->spools, *next; s; s = next) {
        next = s->next;
        spool_destroy(s);
    }
    f->spools = NULL;
    f->spools_n = 0;
    if (f->listener >= 0) (void)unlinkat(f->dir, SPOOL_SOCKET, 0); /* before the lock goes */
    shut(&f->listener);
    shut(&f->lock);
    shut(&f->dir);
    f->room.dir = -1;
    f->room.has_new = f->room.is_gone = false;
    f->state = FOLDER_CLOSED;
    assert(folder_sane(f));
}

void folder_destroy(struct folder *f)
{
    folder_close(f);
    free(f);
}

/* --- spools ------------------------------------------------------------------------------------ */

struct spool *folder_find(struct folder *f, const char *name, size_t len)
{
    for (struct spool **at = &f->spools, *s; (s = *at); at = &s->next) {
        if (strlen(s->name) != len || memcmp(s->name, name, len) != 0) continue;
        *at = s->next; /* to the front: the next one is likely to be the same */
        s->next = f->spools;
        f->spools = s;
        return s;
    }
    return NULL;
}

struct spool *folder_need(struct folder *f, const char *name, size_t len)
{
    struct spool *s = folder_find(f, name, len);
    if (s || f->spools_n == FOLDER_SPOOLS) return s;
    s = spool_create(&f->room, name, len);
    s->next = f->spools;
    f->spools = s;
    f->spools_n++;
    return s;
}

void folder_sweep(struct folder *f)
{
    for (struct spool **at = &f->spools, *s; (s = *at);) {
        if (spool_pending(s) || s->was_told || s->lease.holder || s->refused) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        f->spools_n--;
        spool_destroy(s);
    }
}

int folder_sync(struct folder *f)
{
    if (!f->room.has_new) return 0;
    if (fsync(f->dir) != 0) return errno;
    f->room.has_new = false;
    return 0;
}

bool folder_is_gone(const struct folder *f)
{
    struct stat about;
    return f->dir >= 0 && fstat(f->dir, &about) == 0 && about.st_nlink == 0;
}

/* --- what is on the disk ----------------------------------------------------------------------- */

struct entry {
    char base[SEGMENT_BASE];
    uint32_t sequence;
};

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = strcmp(x->base, y->base);
    return order ? order : (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

/* The segments in the folder, in order, from malloc. False: errno. */
static bool list(int dir, struct entry **to, size_t *n)
{
    struct dirent *found;
    struct entry one;
    size_t room = 0;
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *all = fd < 0 ? NULL : fdopendir(fd);
    *to = NULL;
    *n = 0;
    if (!all) {
        int saved = errno;
        shut(&fd);
        errno = saved;
        return false;
    }
    while ((found = readdir(all))) {
        if (!segment_parse(found->d_name, one.base, &one.sequence)) continue;
        if (*n == room) *to = reallocarray(*to, room = room ? 2 * room : 64, sizeof **to);
        if (!*to) abort();
        (*to)[(*n)++] = one;
    }
    closedir(all);
    if (*n) qsort(*to, *n, sizeof **to, compare);
    return true;
}

/* A file whose head is wrong. One that was being made has nothing in it. */
static void put_aside(struct folder *f, const struct entry *e, enum segment_state state,
                      const char *why)
{
    char name[SEGMENT_NAME], aside[SEGMENT_NAME + 16];
    segment_name(name, e->base, e->sequence);
    snprintf(aside, sizeof aside, "%s.damaged", name);
    if (state == SEGMENT_TORN) {
        (void)unlinkat(f->dir, name, 0);
        log_debug("spool folder %s: %s: %s: removed", f->place.dir, name, why);
    } else if (state == SEGMENT_DAMAGED && renameat(f->dir, name, f->dir, aside) == 0) {
        log_error("spool folder %s: %s: %s: its deletes are not replayed; it is called %s now",
                  f->place.dir, name, why, aside);
    } else {
        log_error("spool folder %s: %s: %s: its deletes are not replayed; it stays as it is",
                  f->place.dir, name, why);
    }
}

static void take_file(struct folder *f, const struct entry *e, struct spool **spool)
{
    char server[SPOOL_NAME_MAX + 1], base[SEGMENT_BASE];
    struct segment segment;
    const char *why;
    enum segment_state state = segment_open(&segment, f->dir, e->base, e->sequence, server, &why);
    if (state == SEGMENT_GOOD) {
        segment_base(base, server, strlen(server));
        if (strcmp(base, e->base) != 0) {
            state = SEGMENT_DAMAGED;
            why = "the server in it is not the one that it is named after";
        }
    }
    if (state == SEGMENT_GOOD && !*spool && !(*spool = folder_need(f, server, strlen(server)))) {
        state = SEGMENT_FOREIGN;
        why = "there are too many servers";
    }
    if (state == SEGMENT_GOOD)
        spool_find(*spool, &segment);
    else
        put_aside(f, e, state, why);
}

/* False: errno. */
static bool take_all(struct folder *f)
{
    struct entry *all;
    size_t n;
    if (!list(f->dir, &all, &n)) return false;
    for (size_t i = 0; i < n;) {
        struct spool *spool = NULL;
        const char *base = all[i].base;
        for (; i < n && strcmp(all[i].base, base) == 0; i++) take_file(f, &all[i], &spool);
    }
    free(all);
    return true;
}

/* --- opening ----------------------------------------------------------------------------------- */

/* -1 with errno. What lies there is of a process that is gone: we have the lock. */
static int listen_in(const struct folder *f)
{
    char path[SPOOL_SOCKET_MAX];
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    spool_place_socket(f->place.dir, path);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    (void)unlinkat(f->dir, SPOOL_SOCKET, 0);
    mode_t mask = umask(0177);
    int wrong = bind(fd, (const struct sockaddr *)&at, sizeof at);
    if (!wrong) wrong = listen(fd, BACKLOG);
    int saved = errno;
    umask(mask);
    errno = saved;
    if (!wrong) return fd;
    close(fd);
    errno = saved;
    return -1;
}

static void fail(struct folder *f, const char *what, int error)
{
    char why[sizeof f->why];
    snprintf(why, sizeof why, "%s: %s", what, strerror(error));
    if (strcmp(why, f->why) != 0)
        log_error("spool folder %s: %s; tried again each second", f->place.dir, why);
    snprintf(f->why, sizeof f->why, "%s", why);
    folder_close(f);
}

static bool open_dir(struct folder *f)
{
    f->dir = open(f->place.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->dir < 0 && errno == ENOENT && mkdir(f->place.dir, 0700) == 0)
        f->dir = open(f->place.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->dir < 0) fail(f, "not opened", errno);
    f->room.dir = f->dir;
    return f->dir >= 0;
}

static bool open_locked(struct folder *f)
{
    if (!take_all(f)) {
        fail(f, "not read", errno);
        return false;
    }
    f->listener = listen_in(f);
    if (f->listener < 0) fail(f, SPOOL_SOCKET, errno);
    return f->listener >= 0;
}

enum folder_state folder_look(struct folder *f, double now)
{
    if (f->state == FOLDER_OPEN || now < f->next_try) return f->state;
    f->next_try = now + RETRY_BROKEN;
    shut(&f->dir); /* the one that was opened may have been replaced by another since */
    if (!open_dir(f)) return f->state;
    f->lock = hold_take(f->dir, f->master);
    if (f->lock < 0 && errno == EWOULDBLOCK) {
        if (f->state != FOLDER_WAITING)
            log_info("spool folder %s: waits until process %d lets go of it", f->place.dir,
                     (int)hold_master(f->dir));
        f->state = FOLDER_WAITING;
        f->next_try = now + RETRY;
        return f->state;
    }
    if (f->lock < 0) {
        fail(f, "not locked", errno);
    } else if (open_locked(f)) {
        f->state = FOLDER_OPEN;
        f->why[0] = '\0';
    }
    assert(folder_sane(f));
    return f->state;
}
