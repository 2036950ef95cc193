#include "worker/storing.h"

#include "store/store.h"
#include "worker/store_memory.h"
#include "worker/worker_state.h"

/* Seconds from a step to the next: while there is something that may expire, and else. */
static const double STEP = 0.1, REST = 1;

static const struct script_store *stores(const struct worker *w, uint32_t *n)
{
    *n = 0;
    return w->succession.script ? script_stores(w->succession.script, n) : NULL;
}

static void on_crawl(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct worker *w = timer->data;
    int64_t now = store_clock(w->seat->stores);
    bool goes_on = false;
    uint32_t n;
    const struct script_store *all = stores(w, &n);
    (void)events;
    for (uint32_t i = 0; i < n; i++)
        goes_on |= store_crawl(all[i].store, now, store_crawl_steps(all[i].store));
    timer->repeat = goes_on ? STEP : REST;
    ev_timer_again(loop, timer);
}

/* Twice: from the second time on, the places of the others are used again. */
static void clear(struct worker *w)
{
    struct store *named[STORES_MAX];
    uint32_t n;
    const struct script_store *all = stores(w, &n);
    for (uint32_t i = 0; i < n; i++) named[i] = all[i].store;
    store_keep_only(w->seat->stores, named, n);
    store_keep_only(w->seat->stores, named, n);
}

static void warn(const struct worker *w)
{
    uint64_t sum = 0;
    uint32_t n;
    const struct script_store *all = stores(w, &n);
    for (uint32_t i = 0; i < n; i++) sum += store_usage(all[i].store).size;
    store_memory_warn(sum);
}

void storing_init(struct worker *w)
{
    w->storing.serves = w->seat->stores != NULL;
    ev_timer_init(&w->storing.crawl, on_crawl, 0, REST);
    w->storing.crawl.data = w;
}

void storing_release(struct worker *w)
{
    if (w->storing.serves) ev_timer_stop(w->loop, &w->storing.crawl);
}

void storing_follow(struct worker *w)
{
    struct storing *s = &w->storing;
    uint32_t n;
    if (!s->serves) return;
    (void)stores(w, &n);
    ev_timer_stop(w->loop, &s->crawl);
    if (n > 0 && w->seat->index == 0) ev_timer_again(w->loop, &s->crawl);
    if (w->seat->channel >= 0) return;
    s->is_due = true;
    warn(w);
}

/* Requests that began in an earlier script, and a script that is being loaded, may have stores that are to stay. */
void storing_look(struct worker *w)
{
    if (!w->storing.is_due || w->row->generations != 1 || succession_is_busy(w)) return;
    w->storing.is_due = false;
    clear(w);
}
