/* A file at a path becomes another one when a name on the way to it changes: its own name in its folder, or a symbolic link in the folder of
 * that link. So the path is walked as the kernel walks it, and each of those folders is watched. A watch on the file itself would stay with
 * the old file when an editor renames a new one into its place, and would see nothing of `..data`, the link that Kubernetes swaps.
 *
 * A folder on the way that is itself renamed is not noticed here: the look that comes every few seconds finds that. That look also walks the
 * path again.
 */
#include "master/watch_folders.h"

#include "base/log.h"
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { LINKS_MAX = 40 }; /* as the kernel's */

static const uint32_t CHANGES = IN_CREATE | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB |
                                IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF | IN_DELETE_SELF;

/* Without a watch, a change is still found by the look that comes every few seconds. */
static void note(struct watch_folders *f, const char *what)
{
    if (!f->is_noted)
        log_warn("watch: %s: %s: changes are found every few seconds only", what, strerror(errno));
    f->is_noted = true;
}

void watch_folders_init(struct watch_folders *f)
{
    *f = (struct watch_folders){.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    if (f->fd < 0) note(f, "inotify");
}

void watch_folders_begin(struct watch_folders *f)
{
    for (size_t i = 0; i < f->n; i++) f->all[i].is_wanted = false;
}

static void want(struct watch_folders *f, int number)
{
    size_t i = 0;
    while (i < f->n && f->all[i].number != number) i++;
    if (i == f->room) {
        f->room = f->room ? 2 * f->room : 8;
        f->all = realloc(f->all, f->room * sizeof *f->all);
        if (!f->all) abort();
    }
    if (i == f->n) f->n++;
    f->all[i] = (struct watch_folder){number, true};
}

/* A folder that is watched already gets the number that it has. */
static void add_folder(struct watch_folders *f, const char *folder)
{
    int number = inotify_add_watch(f->fd, folder, CHANGES | IN_ONLYDIR);
    if (number >= 0)
        want(f, number);
    else if (errno != ENOENT && errno != ENOTDIR)
        note(f, folder);
}

/* A path that is being walked: `at` has no symbolic link in it, and `rest` is still to be walked from there. */
struct walk {
    char at[PATH_MAX], rest[PATH_MAX];
    unsigned links;
};

/* Goes to the root where `rest` begins there. */
static void begin_walk(struct walk *w)
{
    if (w->rest[0] == '/') strcpy(w->at, "/");
}

/* Puts a link's target in the place of its name. False: it is too long, or there are too many. */
static bool follow(struct walk *w, const char *target, const char *behind)
{
    char rest[PATH_MAX];
    int n = snprintf(rest, sizeof rest, "%s/%s", target, behind);
    if (n < 0 || (size_t)n >= sizeof rest || ++w->links > LINKS_MAX) return false;
    strcpy(w->rest, rest);
    begin_walk(w);
    return true;
}

/* Takes the next name. False at the end of the path, or where it cannot be walked further. */
static bool step(struct watch_folders *f, struct walk *w)
{
    char next[PATH_MAX], target[PATH_MAX];
    const char *name = w->rest + strspn(w->rest, "/");
    int len = (int)strcspn(name, "/");
    const char *behind = name + len + strspn(name + len, "/");
    if (len == 0) return false;
    int n = snprintf(next, sizeof next, "%s/%.*s", w->at, len, name);
    if (n < 0 || (size_t)n >= sizeof next) return false;
    ssize_t length = readlink(next, target, sizeof target - 1);
    bool is_gone = length < 0 && errno == ENOENT;
    if (length >= 0 || is_gone || !*behind) add_folder(f, w->at);
    if (is_gone) return false;
    if (length >= 0) {
        target[length] = '\0';
        return follow(w, target, behind);
    }
    strcpy(w->at, next);
    memmove(w->rest, behind, strlen(behind) + 1);
    return true;
}

void watch_folders_add(struct watch_folders *f, const char *path)
{
    struct walk w = {.at = "."};
    if (f->fd < 0 || strlen(path) >= sizeof w.rest) return;
    strcpy(w.rest, path);
    begin_walk(&w);
    while (step(f, &w)) {
    }
}

void watch_folders_end(struct watch_folders *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (f->all[i].is_wanted)
            f->all[n++] = f->all[i];
        else
            inotify_rm_watch(f->fd, f->all[i].number); /* or it went with its folder */
    }
    f->n = n;
}

void watch_folders_drain(struct watch_folders *f)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    while (f->fd >= 0 && read(f->fd, events, sizeof events) > 0) {
    }
}

void watch_folders_close(struct watch_folders *f)
{
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
    f->n = 0;
}

void watch_folders_release(struct watch_folders *f)
{
    assert(f->fd < 0);
    free(f->all);
    f->all = NULL;
}
