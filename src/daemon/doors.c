#include "daemon/doors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/process.h"

static const double REST_SECONDS = 0.1;
enum { ACCEPTS_A_TURN = 64 }; /* so that all else gets its turn too */

static void on_door(struct ev_loop *loop, ev_io *io, int events)
{
    struct doors *d = io->data;
    const struct listener *l = &d->listeners->items[io - d->watchers];
    (void)loop;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN && d->are_open; i++) {
        int fd;
        switch (listener_accept(l, &fd)) {
        case ACCEPT_OK: d->keeper.take(d->keeper.owner, fd, l->number); break;
        case ACCEPT_AGAIN: return;
        case ACCEPT_PAUSE:
            if (log_allows(&d->rest_lines, process_clock()))
                log_warn("accept: rests for %g s: %s", REST_SECONDS, strerror(errno));
            doors_rest(d);
            break;
        }
    }
}

static void on_rested(struct ev_loop *loop, ev_timer *timer, int events)
{
    const struct doors *d = timer->data;
    (void)loop;
    (void)events;
    d->keeper.rested(d->keeper.owner);
}

bool doors_init(struct doors *d, struct ev_loop *loop, const struct listeners *listeners,
                struct doors_keeper keeper)
{
    *d = (struct doors){
        .loop = loop, .listeners = listeners, .keeper = keeper, .rest_lines.burst = 1};
    d->watchers = calloc(listeners->n, sizeof *d->watchers);
    if (!d->watchers) return false;
    for (size_t i = 0; i < listeners->n; i++) {
        ev_io_init(&d->watchers[i], on_door, listeners->items[i].fd, EV_READ);
        d->watchers[i].data = d;
    }
    ev_timer_init(&d->rest, on_rested, REST_SECONDS, 0);
    d->rest.data = d;
    return true;
}

void doors_watch(struct doors *d, bool wanted)
{
    bool open = wanted && !doors_are_resting(d);
    if (!d->watchers || open == d->are_open) return;
    d->are_open = open;
    for (size_t i = 0; i < d->listeners->n; i++) {
        if (open)
            ev_io_start(d->loop, &d->watchers[i]);
        else
            ev_io_stop(d->loop, &d->watchers[i]);
    }
}

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

void doors_stop(struct doors *d)
{
    doors_watch(d, false);
    ev_timer_stop(d->loop, &d->rest);
}

void doors_release(struct doors *d)
{
    free(d->watchers);
    d->watchers = NULL;
}
