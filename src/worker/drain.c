/* A drain ends a worker without a client losing an answer. Every client is told to finish: it reads what has arrived, answers it, shuts its
 * side and waits for the client to close (or LINGER seconds). When all are answered and no call is in flight, the loop ends; after
 * the limit it ends anyway, and the log says what was cut short.
 *
 * A worker that has a successor gives its clients back to the master instead, each as soon as it is owed nothing and has sent no part of
 * a request: the next worker reads on where this one stopped, and the client sees nothing of it. A client that moves is not read, so only
 * MOVED_AT_ONCE begin to move at a time, and the next ones when the channel to the master has room. Until then this worker serves them,
 * however long the master or the next worker takes.
 */
#include "worker/drain.h"

#include "base/log.h"
#include "base/process.h"
#include "client/state.h"
#include "worker/channel.h"
#include "worker/worker_state.h"

enum { MOVED_AT_ONCE = 64 };

static const double LOOK = 0.02;  /* seconds between looks at how it goes */
static const double LINGER = 1.0; /* seconds that answered clients have for closing their side */

static void for_all(struct worker *w, void (*act)(struct client *c))
{
    for (struct client *c = w->clients.all, *next; c; c = next) {
        next = c->next;
        act(c);
    }
}

static void begin(struct worker *w, double limit)
{
    w->drain.is_on = true;
    w->drain.until = w->turn.now + limit;
    w->drain.linger_until = w->turn.now + LINGER;
    ev_timer_start(w->loop, &w->drain.look);
}

/* Who has connected has been let in: what waits in the backlog is accepted before the listeners go. */
static void close_doors(struct worker *w)
{
    if (w->seat->channel >= 0) return;
    doors_empty(&w->doors);
    doors_watch(&w->doors, false);
    listeners_close(w->seat->listeners, true);
}

void drain_begin(struct worker *w, double limit)
{
    if (w->drain.is_on && !w->drain.gives_back) return;
    w->drain.gives_back = false;
    w->clients.give = NULL;
    ev_io_stop(w->loop, &w->drain.room);
    close_doors(w);
    begin(w, limit);
    for_all(w, client_drain);
}

/* --- giving back ------------------------------------------------------------------------------- */

/* A clients_give_fn. When the channel is full, the next try comes with the timer: what is full may be the kernel's table of descriptors
 * that are on their way, and then the channel seems to have room all the time. */
static bool give_to_master(void *about, const struct newcomer *n)
{
    struct worker *w = about;
    if (w->drain.is_full) return false;
    w->drain.is_full = channel_send_client(w->seat->channel, CHANNEL_GIVEN, n, "") != CHANNEL_OK;
    if (w->drain.is_full) ev_io_stop(w->loop, &w->drain.room);
    return !w->drain.is_full;
}

/* Those that found the channel full come first, alone. All that move stand before those that do not: no client comes meanwhile. */
static void move_some(struct worker *w)
{
    int left = w->drain.is_full ? 0 : MOVED_AT_ONCE;
    struct client *c = w->clients.all;
    w->drain.is_full = false;
    for (; c; c = c->next) {
        if (c->state == CLIENT_OPEN && left-- == 0) break;
        client_move(c);
    }
    if (c)
        ev_io_start(w->loop, &w->drain.room);
    else
        ev_io_stop(w->loop, &w->drain.room);
}

static void on_room(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    move_some(io->data);
}

void drain_retire(struct worker *w, double limit)
{
    if (w->drain.is_on) return;
    w->drain.gives_back = true;
    w->clients.give = give_to_master;
    w->clients.gives_for = w;
    ev_io_set(&w->drain.room, w->seat->channel, EV_WRITE);
    begin(w, limit);
    move_some(w);
}

void drain_take(struct worker *w, struct client *c)
{
    if (!w->drain.is_on) return;
    if (w->drain.gives_back)
        client_move(c);
    else
        client_drain(c);
}

/* --- the end ----------------------------------------------------------------------------------- */

static bool all_answered(const struct worker *w)
{
    for (const struct client *c = w->clients.all; c; c = c->next) {
        if (c->state != CLIENT_LINGERING) return false;
    }
    return !backends_are_awaited(&w->backends) && !w->turn.flows; /* functions that wait, too */
}

void drain_look(struct worker *w)
{
    if (!w->drain.is_on) return;
    if (!all_answered(w)) {
        w->drain.linger_until = w->turn.now + LINGER;
        if (w->turn.now < w->drain.until) return;
        log_warn("drain: cut short: %u clients, %llu calls in flight", w->clients.n,
                 (unsigned long long)backends_in_flight(&w->backends));
    } else if (w->clients.all && w->turn.now < w->drain.linger_until &&
               w->turn.now < w->drain.until) {
        return;
    }
    worker_stop(w, EXIT_OK);
}

static void on_drain_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct worker *w = timer->data;
    (void)loop;
    (void)events;
    if (w->drain.gives_back)
        move_some(w);
    else
        for_all(w, client_mark_dirty); /* those that are awaited may have had their time */
    drain_look(w);
}

void drain_init(struct worker *w)
{
    ev_timer_init(&w->drain.look, on_drain_timer, LOOK, LOOK);
    ev_init(&w->drain.room, on_room);
    w->drain.look.data = w->drain.room.data = w;
}
