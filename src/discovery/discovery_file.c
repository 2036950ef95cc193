/* Membership from a file. Its path is opened each second, or more often with a smaller interval, so a file that is renamed
 * to that path is noticed. Inotify would miss changes on network file systems. The loop waits while the file is read: 1 MiB
 * at most, but a file on a network disk that hangs blocks the worker. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/slab.h"
#include "discovery/discovery_source.h"

static const double LOOK_EVERY = 1.0; /* seconds, at most */
/* Seconds. File systems keep times coarsely: a file that was just written may change again with the same time and size. */
static const double FRESH = 2.0;

enum { FILE_MAX = 1024 * 1024 };

struct file {
    struct discovery *discovery;
    ev_timer timer;
    struct stat last; /* of the file that was read; all zero: none */
    bool was_fresh;   /* it was younger than FRESH then: it is read again */
};

/* All bytes, or NULL with errno. The caller frees them. I6: one byte more than size at most, if the file is growing. */
static char *read_all(int fd, size_t size, size_t *len)
{
    char *bytes = malloc(size + 1);
    ssize_t n = 0;
    assert(size <= FILE_MAX);
    if (!bytes) abort();
    *len = 0;
    while (*len <= size && (n = read(fd, bytes + *len, size + 1 - *len)) > 0) *len += (size_t)n;
    if (n >= 0) return bytes;
    int error = errno;
    free(bytes);
    errno = error;
    return NULL;
}

/* The open file's servers; NULL, or what is wrong. */
static const char *read_list(int fd, const struct stat *now, struct discovered_list *list)
{
    size_t len;
    if (!S_ISREG(now->st_mode)) return "it is not a regular file";
    if (now->st_size > FILE_MAX) return "the file is larger than 1 MiB";
    char *bytes = read_all(fd, (size_t)now->st_size, &len);
    if (!bytes) return strerror(errno);
    const char *wrong = discovered_from_file(list, bytes, len);
    free(bytes);
    return wrong;
}

/* Inode and device tell a renamed file, size and time a file that was written. A fresh file is never taken for unchanged. */
static bool is_unchanged(const struct file *f, const struct stat *now)
{
    const struct stat *last = &f->last;
    return !f->was_fresh && last->st_ino == now->st_ino && last->st_dev == now->st_dev &&
           last->st_size == now->st_size && last->st_mtim.tv_sec == now->st_mtim.tv_sec &&
           last->st_mtim.tv_nsec == now->st_mtim.tv_nsec;
}

/* Opens the path, and reads the file unless it is the one that was read last. O_NONBLOCK keeps open from waiting for the
 * other end of a fifo. A file that cannot be opened is forgotten: when it comes back it is read, even if it is the same. */
static void look(struct file *f)
{
    struct discovered_list list = {0};
    struct stat now;
    const char *wrong = NULL;
    int fd = open(discovery_parsed(f->discovery)->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &now) < 0) {
        wrong = strerror(errno);
        f->last = (struct stat){0};
    } else if (!is_unchanged(f, &now)) {
        double age = ev_time() - (double)now.st_mtim.tv_sec - (double)now.st_mtim.tv_nsec / 1e9;
        f->last = now;
        f->was_fresh = age < FRESH;
        wrong = read_list(fd, &now, &list);
        if (!wrong) discovery_found(f->discovery, &list);
    }
    if (wrong) discovery_failed(f->discovery, wrong);
    discovered_release(&list);
    if (fd >= 0) close(fd);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    look(timer->data);
}

static void *start(struct discovery *d)
{
    struct file *f = slab_borrow(sizeof *f);
    struct ev_loop *loop = discovery_set(d)->loop;
    double every = discovery_settings_of(d)->interval;
    if (every > LOOK_EVERY) every = LOOK_EVERY;
    *f = (struct file){.discovery = d};
    ev_timer_init(&f->timer, on_timer, every, every);
    f->timer.data = f;
    /* At once: a script that is checked has no loop, but must see the servers of its files. */
    look(f);
    if (loop) ev_timer_start(loop, &f->timer);
    return f;
}

static void stop(void *state)
{
    struct file *f = state;
    struct ev_loop *loop = discovery_set(f->discovery)->loop;
    if (loop) ev_timer_stop(loop, &f->timer);
    slab_return(f, sizeof *f);
}

const struct discovery_source discovery_from_file = {start, stop};
