/* I15: a client that connects is served or refused. What makes that hard is a process without descriptors: accept(2) fails, the
 * client stays in the backlog, and the watcher fires again at once, so the process spins and no client learns anything. So:
 *
 * - One descriptor is kept in reserve. When accept(2) fails because there is none, the reserve is closed, the client is accepted
 *   with it, gets an error line, and the reserve is opened again.
 * - When that does not help either, the doors rest for REST_SECONDS: the watchers stop, and clients wait in the backlog.
 *
 * Interest is derived in one place: doors_watch computes whether the watchers run from what the owner wants and from the rest. */
#include "net/doors.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"
#include "net/relisten.h"
#include "net/socket.h"

static const double REST_SECONDS = 0.1;
enum {
    ACCEPTS_A_TURN = 64, /* per listener, so that clients that are there are served, too */
    ACCEPTS_AT_MOST =
        4096, /* of those in the backlog, when it is emptied: new ones may come all the time */
};

static bool doors_sane(const struct doors *d)
{
    return !d->are_open || (d->watchers && !doors_are_resting(d));
}

/* Rests, and logs why, once a second at most. */
static void rest(struct doors *d, const char *why)
{
    if (log_allows(&d->rest_lines, process_clock()))
        log_warn("accept: paused for %g s: %s", REST_SECONDS, why);
    doors_rest(d);
}

/* Tried again whenever a descriptor may have become free. /dev/null: the cheapest thing that can be opened. */
static void keep_reserve(struct doors *d)
{
    if (d->reserve < 0) d->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* The reserve makes room for one client, which is refused. errno as accept(2) left it. */
static enum accept_status refuse_one(struct doors *d, const struct listener *l)
{
    int fd;
    struct addr from;
    if (d->reserve < 0) return ACCEPT_PAUSE;
    close(d->reserve);
    enum accept_status status = listener_accept(l, &fd, &from);
    int saved = errno;
    if (status == ACCEPT_OK) {
        listener_refuse(fd, l->rules);
        d->keeper.refused(d->keeper.owner);
    }
    d->reserve = -1;
    keep_reserve(d);
    errno = saved;
    return status;
}

/* Who may not come in is closed without a word: it is to learn nothing here. */
static void let_in(struct doors *d, const struct listener *l, int fd, const struct addr *from)
{
    char text[ADDR_TEXT_MAX], at[ADDR_TEXT_MAX];
    if (!d->keeper.denied || listener_admits(l, from)) {
        d->keeper.take(d->keeper.owner, fd, l);
        return;
    }
    close(fd);
    if (log_allows(&d->denied_lines, process_clock()))
        log_warn("client %s: closed: listener %s does not take it (--allow-from, allow_from)",
                 addr_print(from, text), addr_print(&l->addr, at));
    d->keeper.denied(d->keeper.owner);
}

/* Accepts one client. False: none waits, or the doors rest. */
static bool take_one(struct doors *d, const struct listener *l)
{
    int fd;
    struct addr from;
    enum accept_status status = listener_accept(l, &fd, &from);
    if (status == ACCEPT_OK) {
        let_in(d, l, fd, &from);
        return true;
    }
    if (status == ACCEPT_AGAIN) return false;
    int error = errno;
    if (error == EMFILE || error == ENFILE) status = refuse_one(d, l);
    if (status == ACCEPT_PAUSE) rest(d, strerror(error));
    return status == ACCEPT_OK;
}

/* The list may have changed since: those that come stand behind the others. */
static const struct listener *listener_of(const struct doors *d, const ev_io *io)
{
    const struct listener *l = &d->listeners->items[io - d->watchers];
    assert((size_t)(io - d->watchers) < d->watchers_n && l->fd == io->fd);
    return l;
}

static void on_door(struct ev_loop *loop, ev_io *io, int events)
{
    struct doors *d = io->data;
    const struct listener *l = listener_of(d, io);
    (void)loop;
    assert(doors_sane(d));
    if (events & EV_ERROR) { /* libev has stopped this watcher */
        rest(d, SOCKET_NOT_WATCHED);
        return;
    }
    for (int i = 0; i < ACCEPTS_A_TURN && d->are_open; i++)
        if (!take_one(d, l)) return;
}

static void on_rested(struct ev_loop *loop, ev_timer *timer, int events)
{
    const struct doors *d = timer->data;
    (void)loop;
    (void)events;
    assert(!d->are_open);
    d->keeper.rested(d->keeper.owner);
}

static void init_watchers(struct doors *d)
{
    d->watchers_n = d->listeners->n;
    for (size_t i = 0; i < d->watchers_n; i++) {
        ev_io_init(&d->watchers[i], on_door, d->listeners->items[i].fd, EV_READ);
        d->watchers[i].data = d;
    }
}

bool doors_init(struct doors *d, struct ev_loop *loop, const struct listeners *listeners,
                struct doors_keeper keeper)
{
    *d = (struct doors){.loop = loop,
                        .listeners = listeners,
                        .keeper = keeper,
                        .reserve = -1,
                        .rest_lines.burst = 1,
                        .denied_lines.burst = 4};
    d->watchers = calloc(listeners->n + 1, sizeof *d->watchers);
    if (!d->watchers) return false;
    init_watchers(d);
    keep_reserve(d);
    ev_timer_init(&d->rest, on_rested, REST_SECONDS, 0);
    d->rest.data = d;
    return true;
}

void doors_watch(struct doors *d, bool wanted)
{
    bool opens = wanted && !doors_are_resting(d);
    if (!d->watchers || opens == d->are_open) return;
    d->are_open = opens;
    if (opens) keep_reserve(d);
    for (size_t i = 0; i < d->watchers_n; i++) {
        if (opens)
            ev_io_start(d->loop, &d->watchers[i]);
        else
            ev_io_stop(d->loop, &d->watchers[i]);
    }
    assert(doors_sane(d));
}

/* The timer first: doors_watch looks at it. A rest that has begun already begins again. */
void doors_rest(struct doors *d)
{
    ev_timer_stop(d->loop, &d->rest);
    ev_timer_set(&d->rest, REST_SECONDS, 0);
    ev_timer_start(d->loop, &d->rest);
    doors_watch(d, false);
}

bool doors_are_resting(const struct doors *d)
{
    return ev_is_active(&d->rest);
}

static void empty_one(struct doors *d, const struct listener *l)
{
    int left = ACCEPTS_AT_MOST;
    while (left > 0 && take_one(d, l)) left--;
}

void doors_empty(struct doors *d)
{
    for (size_t i = 0; i < d->watchers_n; i++) {
        const struct listener *l = &d->listeners->items[i];
        if (l->fd >= 0 && !l->is_passed) empty_one(d, l);
    }
}

/* The watchers are stopped first: their array moves. */
void doors_follow(struct doors *d)
{
    bool were_open = d->are_open;
    if (!d->watchers) return;
    doors_watch(d, false);
    d->watchers = reallocarray(d->watchers, d->listeners->n + 1, sizeof *d->watchers);
    if (!d->watchers) abort();
    init_watchers(d);
    doors_watch(d, were_open);
}

void doors_let_go(struct doors *d, struct listeners *l)
{
    bool were_open = d->are_open;
    assert(l == d->listeners);
    for (size_t i = 0; i < l->n; i++)
        if (l->items[i].phase == LISTENER_GOES && l->items[i].fd >= 0) empty_one(d, &l->items[i]);
    doors_watch(d, false);
    listeners_leave(l);
    doors_follow(d);
    doors_watch(d, were_open);
}

void doors_stop(struct doors *d)
{
    doors_watch(d, false);
    ev_timer_stop(d->loop, &d->rest);
    if (d->reserve >= 0) close(d->reserve);
    d->reserve = -1;
}

void doors_release(struct doors *d)
{
    if (d->watchers && d->reserve >= 0) close(d->reserve);
    free(d->watchers);
    *d = (struct doors){.reserve = -1};
}
