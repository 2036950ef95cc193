/* A worker that has not seen yet that a viewer has another filter, or that writes anything, cannot make the viewer get what its filter
 * does not let through: the master asks the filter again.
 *
 * The master reads every worker's ring in turn, a bounded number of events at a time, so that no worker and no viewer keeps it from its
 * other work. What it does not get to stays in the rings; what finds no room there is dropped by the worker, which counts it, and the
 * viewer is told the number.
 *
 * Slow requests are kept on the board, where an upgrade finds them. Only the master of a house writes there. */
#include "master/viewers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const double LOOK_EVERY = 0.05;

enum { EVENTS_AT_MOST = 4096 }; /* in one look */

static const uint32_t SLOW = (uint32_t)1 << LIVE_SLOW;

static void keep_slow(struct viewers *v, const struct live_event *e)
{
    struct live_slow *slow = &v->board->memory->slow[v->board->house];
    slow->events[slow->kept % LIVE_SLOW_KEPT] = *e;
    __atomic_store_n(&slow->kept, slow->kept + 1, __ATOMIC_RELEASE);
}

static void tell(struct viewers *v, const struct live_event *e)
{
    const struct live_filters *filters = &v->board->memory->filters[v->board->house];
    uint32_t watchers = live_ends(filters, e->watchers, e);
    if (watchers & SLOW) keep_slow(v, e);
    for (unsigned i = 0; i < LIVE_WATCHERS; i++)
        if (watchers >> i & 1 && v->all[i].sink) v->all[i].sink(v->all[i].arg, e, 0);
}

static void tell_dropped(struct viewers *v, uint32_t part)
{
    for (unsigned i = 0; i < LIVE_WATCHERS; i++) {
        uint64_t n = live_take_dropped(&v->readers[part], &v->board->parts[part].live, i);
        if (n > 0 && v->all[i].sink) v->all[i].sink(v->all[i].arg, NULL, n);
    }
}

void viewers_look(struct viewers *v)
{
    uint32_t left = EVENTS_AT_MOST, parts = v->board->parts_n;
    assert(parts > 0);
    for (uint32_t i = 0; i < parts && left > 0; i++) {
        uint32_t part = (v->first + i) % parts;
        struct live_event e;
        while (left > 0 && live_read(&v->readers[part], &v->board->parts[part].live, &e)) {
            tell(v, &e);
            left--;
        }
        tell_dropped(v, part);
    }
    v->first = (v->first + 1) % parts;
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    viewers_look(timer->data);
}

/* --- who watches ------------------------------------------------------------------------------- */

static bool has_viewers(const struct viewers *v)
{
    for (unsigned i = 0; i < LIVE_WATCHERS; i++)
        if (v->all[i].sink) return true;
    return false;
}

/* What was lost before a viewer came is no news for it. */
static void forget_dropped(struct viewers *v, unsigned number)
{
    for (uint32_t part = 0; part < v->board->parts_n; part++)
        (void)live_take_dropped(&v->readers[part], &v->board->parts[part].live, number);
}

int viewers_add(struct viewers *v, const struct live_filter *filter, viewer_fn *sink, void *arg)
{
    unsigned number = 0;
    assert(sink);
    while (number < LIVE_WATCHERS && v->all[number].sink) number++;
    if (number == LIVE_WATCHERS) return -1;
    viewers_look(v); /* events that are there are not for the new one */
    forget_dropped(v, number);
    v->all[number].sink = sink;
    v->all[number].arg = arg;
    live_watch(&v->board->memory->filters[v->board->house], number, filter);
    if (!ev_is_active(&v->timer)) ev_timer_again(v->loop, &v->timer);
    return (int)number;
}

void viewers_remove(struct viewers *v, int number)
{
    assert(number >= 0 && number < LIVE_WATCHERS && v->all[number].sink);
    v->all[number].sink = NULL;
    if (v->is_left) return;
    live_watch(&v->board->memory->filters[v->board->house], (unsigned)number, NULL);
    if (!has_viewers(v)) ev_timer_stop(v->loop, &v->timer);
}

/* --- slow requests ----------------------------------------------------------------------------- */

static int later_first(const void *a, const void *b)
{
    double x = ((const struct live_event *)a)->at, y = ((const struct live_event *)b)->at;
    return (x < y) - (x > y);
}

/* The other house's master may write meanwhile: the place that comes next is left out, and texts end. */
static uint32_t copy_slow(const struct live_slow *slow, struct live_event *to)
{
    uint32_t n = 0;
    uint64_t kept = __atomic_load_n(&slow->kept, __ATOMIC_ACQUIRE);
    for (uint64_t i = kept > LIVE_SLOW_KEPT ? kept - LIVE_SLOW_KEPT : 0; i < kept; i++) {
        to[n] = slow->events[i % LIVE_SLOW_KEPT];
        live_make_sane(&to[n++]);
    }
    return n;
}

uint32_t viewers_slow(const struct board *board, struct live_event *to)
{
    struct live_event *both = calloc(BOARD_HOUSES * LIVE_SLOW_KEPT, sizeof *both);
    uint32_t n = 0;
    if (!both) return 0;
    for (uint32_t i = 0; i < BOARD_HOUSES; i++) n += copy_slow(&board->memory->slow[i], both + n);
    qsort(both, n, sizeof *both, later_first);
    if (n > LIVE_SLOW_KEPT) n = LIVE_SLOW_KEPT;
    memcpy(to, both, n * sizeof *both);
    free(both);
    return n;
}

/* --- life -------------------------------------------------------------------------------------- */

/* A master before this one may have left filters in the house. */
bool viewers_init(struct viewers *v, struct ev_loop *loop, struct board *board)
{
    *v = (struct viewers){.loop = loop, .board = board};
    v->readers = calloc(board->parts_n, sizeof *v->readers);
    if (!v->readers) return false;
    ev_init(&v->timer, on_timer);
    v->timer.repeat = LOOK_EVERY;
    v->timer.data = v;
    for (unsigned i = 0; i < LIVE_WATCHERS; i++)
        live_watch(&board->memory->filters[board->house], i, NULL);
    for (uint32_t part = 0; part < board->parts_n; part++)
        live_reader_begin(&v->readers[part], &board->parts[part].live);
    return true;
}

void viewers_stop(struct viewers *v)
{
    ev_timer_stop(v->loop, &v->timer);
    v->is_left = true;
}

void viewers_release(struct viewers *v)
{
    free(v->readers);
    v->readers = NULL;
}
