#include "daemon/drain.h"

#include "base/log.h"
#include "client/client.h"
#include "daemon/process.h"
#include "daemon/worker_state.h"

static const double LOOK = 0.02;  /* seconds between looks at how it goes */
static const double LINGER = 1.0; /* seconds that answered clients have for closing their side */

void drain_begin(struct worker *w, double limit)
{
    if (w->drain.is_on) return;
    w->drain.is_on = true;
    w->drain.until = w->turn.now + limit;
    w->drain.linger_until = w->turn.now + LINGER;
    for (struct client *c = w->turn.clients, *next; c; c = next) {
        next = c->next;
        client_drain(c);
    }
    ev_timer_start(w->loop, &w->drain.look);
}

static bool all_answered(const struct worker *w)
{
    for (const struct client *c = w->turn.clients; c; c = c->next) {
        if (c->state != CLIENT_LINGERING) return false;
    }
    return backends_in_flight(&w->backends) == 0 && !w->turn.flows; /* functions that wait, too */
}

void drain_look(struct worker *w)
{
    if (!w->drain.is_on) return;
    if (!all_answered(w)) {
        w->drain.linger_until = w->turn.now + LINGER;
        if (w->turn.now < w->drain.until) return;
        log_warn("drain: cut short: %u clients, %llu calls in flight", w->turn.clients_n,
                 (unsigned long long)backends_in_flight(&w->backends));
    } else if (w->turn.clients && w->turn.now < w->drain.linger_until &&
               w->turn.now < w->drain.until) {
        return;
    }
    worker_stop(w, EXIT_OK);
}

static void on_drain_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    drain_look(timer->data);
}

void drain_init(struct worker *w)
{
    ev_timer_init(&w->drain.look, on_drain_timer, LOOK, LOOK);
    w->drain.look.data = w;
}
