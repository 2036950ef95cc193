/* A drain ends a worker without a client losing an answer. Every client is told to finish: it reads what has arrived, answers it, shuts its
 * side and waits for the client to close (or LINGER seconds). When all are answered and no call is in flight, the loop ends; after
 * the limit it ends anyway, and the log says what was cut short.
 *
 * A worker that has a successor gives its clients back to the master instead, each as soon as it is owed nothing and has sent no part of
 * a request: the next worker reads on where this one stopped, and the client sees nothing of it.
 */
#include "worker/drain.h"

#include "base/log.h"
#include "base/process.h"
#include "client/state.h"
#include "worker/channel.h"
#include "worker/worker_state.h"

static const double LOOK = 0.02;  /* seconds between looks at how it goes */
static const double LINGER = 1.0; /* seconds that answered clients have for closing their side */

static void for_all(struct worker *w, void (*act)(struct client *c))
{
    for (struct client *c = w->clients.all, *next; c; c = next) {
        next = c->next;
        act(c);
    }
}

static void begin(struct worker *w, double limit, void (*act)(struct client *c))
{
    w->drain.is_on = true;
    w->drain.until = w->turn.now + limit;
    w->drain.linger_until = w->turn.now + LINGER;
    for_all(w, act);
    ev_timer_start(w->loop, &w->drain.look);
}

void drain_begin(struct worker *w, double limit)
{
    if (w->drain.is_on && !w->drain.gives_back) return;
    w->drain.gives_back = false;
    w->clients.give = NULL;
    begin(w, limit, client_drain);
}

static bool give_to_master(void *about, int fd, uint32_t listener)
{
    const struct worker *w = about;
    return channel_send(w->seat->channel, CHANNEL_GIVEN, listener, fd) == CHANNEL_OK;
}

void drain_retire(struct worker *w, double limit)
{
    if (w->drain.is_on) return;
    w->drain.gives_back = true;
    w->clients.give = give_to_master;
    w->clients.gives_for = w;
    begin(w, limit, client_move);
}

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
    if (w->drain.gives_back) for_all(w, client_mark_dirty); /* the master may have had no room */
    drain_look(w);
}

void drain_init(struct worker *w)
{
    ev_timer_init(&w->drain.look, on_drain_timer, LOOK, LOOK);
    w->drain.look.data = w;
}
