/* How a copy runs.
 *
 * Each old server is a source (copy_source.c): it names its keys, and the planner says where each belongs. A key that moves becomes an
 * item (copy_item.c). Before the loop sleeps, items are sent as far as the rates, the windows and the memory let them. A timer looks at all that
 * takes time: dumps that are to begin again, servers that do not answer, the load, the state, the line on the terminal.
 *
 * What must never happen: that an item overwrites something (add), that one is counted as copied and is in none of its places, that
 * a key which was named is forgotten. So a key is settled only by the answers of all its places; a server that does not answer is waited for,
 * and what waits for it is bounded: what is above that is left to another pass, which runs when this one has ended.
 */
#include "move/copy.h"

#include <assert.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "move/copy_state.h"

/* Seconds. */
static const double TICK = 0.002, LOOK = 0.05, SAVE = 2;

enum { NICE = 10 }; /* added to what it has: who gave it less meant so */

/* Seconds of the rate that may be sent at once; keys that are looked at for each item of the rate. */
static const double BURST = 0.01, KEYS = 5;

/* --- servers ------------------------------------------------------------------------------------ */

struct copy_server *copy_server(struct copy *c, uint32_t server)
{
    if (server >= c->servers_n) {
        uint32_t n = c->tier->servers_n;
        assert(server < n);
        c->servers = reallocarray(c->servers, n, sizeof *c->servers);
        if (!c->servers) abort();
        memset(c->servers + c->servers_n, 0, (n - c->servers_n) * sizeof *c->servers);
        c->servers_n = n;
    }
    return &c->servers[server];
}

static struct copy_source *source_of(struct copy *c, uint32_t server)
{
    for (uint32_t i = 0; i < c->sources_n; i++)
        if (c->sources[i].server == server) return &c->sources[i];
    return NULL;
}

void copy_server_fails(struct copy *c, uint32_t server, const char *why)
{
    struct copy_server *s = copy_server(c, server);
    struct copy_source *source = source_of(c, server);
    if (s->failing_since == 0) s->failing_since = tier_now(c->tier);
    if (why != s->why) snprintf(s->why, sizeof s->why, "%s", why);
    if (source && strcmp(why, "timeout") != 0) copy_source_suspect(source);
}

void copy_server_answers(struct copy *c, uint32_t server)
{
    struct copy_server *s = copy_server(c, server);
    s->failing_since = 0;
    s->is_given_up = false;
}

static void look_at_servers(struct copy *c)
{
    double now = tier_now(c->tier);
    for (uint32_t i = 0; i < c->sources_n; i++) {
        struct copy_source *s = &c->sources[i];
        if (s->step != COPY_ENDED && tier_is_down(c->tier, s->server))
            copy_server_fails(c, s->server, "down");
    }
    for (uint32_t i = 0; i < c->servers_n; i++) {
        struct copy_server *s = &c->servers[i];
        if (s->failing_since > 0 && now - s->failing_since > c->how->patience)
            s->is_given_up = true;
    }
}

/* --- passes ------------------------------------------------------------------------------------- */

static void begin_pass(struct copy *c)
{
    struct copy_counts *n = c->counts;
    memset(n->skipped, 0, sizeof n->skipped);
    n->listed = n->moves = 0;
    n->passes++;
    c->copied_before = n->copied;
    c->put_off = 0;
    for (uint32_t i = 0; i < c->servers_n; i++) {
        c->servers[i].was_put_off = c->servers[i].put_off > 0;
        c->servers[i].put_off = 0;
    }
    for (uint32_t i = 0; i < c->sources_n; i++) copy_source_begin_pass(&c->sources[i]);
}

static bool has_ended(const struct copy *c)
{
    for (uint32_t i = 0; i < c->sources_n; i++) {
        const struct copy_source *s = &c->sources[i];
        bool settles =
            c->was_stopped ? s->in_flight == 0 : s->step == COPY_ENDED && s->outstanding == 0;
        if (!settles || s->checks) return false;
    }
    return true;
}

/* Sources are read from their beginning again. */
static void read_again(struct copy *c, bool only_put_off)
{
    c->only_put_off = only_put_off;
    for (uint32_t i = 0; i < c->sources_n; i++) {
        struct copy_source *s = &c->sources[i];
        s->has_marker = s->is_done_before = s->is_resumed = false;
    }
    begin_pass(c);
}

/* True: another pass has begun. */
static bool goes_on(struct copy *c)
{
    if (c->was_stopped) return false;
    if (c->put_off > 0) {
        read_again(c, true);
        return true;
    }
    if (c->counts->copied == c->copied_before || c->counts->passes >= c->how->passes) return false;
    read_again(c, false);
    return true;
}

/* --- the loop ----------------------------------------------------------------------------------- */

/* What is on the terminal: keys that are settled. */
static void show(struct copy *c)
{
    uint64_t total = 0, open = 0;
    for (uint32_t i = 0; i < c->sources_n; i++) {
        total += c->sources[i].about.items;
        open += c->sources[i].outstanding;
    }
    uint64_t done = c->counts->listed - open;
    progress_step(&c->progress, done, total > done ? total : done, c->counts->bytes);
}

static void set_rates(struct copy *c)
{
    double now = tier_now(c->tier), rate = c->how->rate * load_look(&c->load, now);
    if (c->items.rate != rate) {
        allowance_set(&c->items, rate, BURST, now);
        allowance_set(&c->keys, c->how->dry_run ? INFINITY : rate * KEYS, BURST, now);
    }
    (void)allowance_look(&c->keys, now);
    (void)allowance_look(&c->items, now);
    (void)allowance_look(&c->bytes, now);
}

/* Else what is copied may be old before clients look for it. */
static void look_at_service(struct copy *c)
{
    const char *trouble = c->how->service ? service_trouble(c->how->service) : NULL;
    if (!trouble || c->was_stopped) return;
    progress_clear(&c->progress);
    fprintf(stderr, "moongate: copy: %s\n", trouble);
    c->was_stopped = true;
}

/* Clients on this machine come first. Not before all keys are listed: the server's crawler waits for us. */
static void look_at_priority(struct copy *c)
{
    if (c->is_lowered || isinf(c->how->rate)) return;
    for (uint32_t i = 0; i < c->sources_n; i++)
        if (c->sources[i].step <= COPY_LISTS) return;
    c->is_lowered = true;
    if (nice(NICE) == -1) return; /* it goes on as it is */
}

static void look(struct copy *c)
{
    c->wall = time(NULL);
    look_at_service(c);
    look_at_priority(c);
    look_at_servers(c);
    copy_items_look(c);
    show(c);
    double now = tier_now(c->tier);
    if (!c->how->state || now - c->saved_at < SAVE) return;
    c->saved_at = now;
    if (!copy_save_state(c)) c->has_failed = c->was_stopped = true;
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct copy *c = timer->data;
    (void)events;
    set_rates(c);
    for (uint32_t i = 0; i < c->sources_n; i++) copy_source_look(&c->sources[i]);
    if (tier_now(c->tier) >= c->look_at) {
        c->look_at = tier_now(c->tier) + LOOK;
        look(c);
    }
    if (has_ended(c) && !goes_on(c)) ev_break(loop, EVBREAK_ALL);
}

/* Nothing is copied before the service has said that it writes to both places. */
static bool may_pump(struct copy *c)
{
    struct service *service = c->how->service;
    if (c->was_stopped) return false;
    for (uint32_t i = 0; i < c->sources_n;
         i++) { /* what is added moves keys that are being listed by LRU */
        const struct copy_source *s = &c->sources[i];
        if (s->step == COPY_LISTS && sieved_waits(&s->sieved, &s->dump)) return false;
    }
    if (!c->is_served && c->counts->moves > 0)
        c->is_served = !service || (service_has_asked(service) && !service_trouble(service));
    return c->is_served;
}

static void on_pump(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    struct copy *c = prepare->data;
    (void)loop;
    (void)events;
    if (may_pump(c)) copy_items_pump(c);
}

static void on_signal(struct ev_loop *loop, ev_signal *signal, int events)
{
    (void)loop;
    (void)events;
    ((struct copy *)signal->data)->was_stopped = true;
}

static void watch(struct copy *c)
{
    struct ev_loop *loop = c->tier->loop;
    ev_timer_init(&c->tick, on_tick, 0, TICK);
    ev_prepare_init(&c->pump, on_pump);
    ev_set_priority(&c->pump, EV_MAXPRI); /* before the worker writes what is sent */
    ev_signal_init(&c->interrupted, on_signal, SIGINT);
    ev_signal_init(&c->terminated, on_signal, SIGTERM);
    c->tick.data = c->pump.data = c->interrupted.data = c->terminated.data = c;
    ev_timer_start(loop, &c->tick);
    ev_prepare_start(loop, &c->pump);
    ev_signal_start(loop, &c->interrupted);
    ev_signal_start(loop, &c->terminated);
}

static void unwatch(struct copy *c)
{
    struct ev_loop *loop = c->tier->loop;
    ev_timer_stop(loop, &c->tick);
    ev_prepare_stop(loop, &c->pump);
    ev_signal_stop(loop, &c->interrupted);
    ev_signal_stop(loop, &c->terminated);
}

/* --- from outside ------------------------------------------------------------------------------- */

static void find_sources(struct copy *c)
{
    const struct tier *t = c->tier;
    c->sources = calloc(t->servers_n + 1, sizeof *c->sources);
    if (!c->sources) abort();
    for (uint32_t i = 0; i < t->servers_n; i++) {
        if (!t->servers[i].is_of[TIER_OLD]) continue;
        c->sources[c->sources_n++] = (struct copy_source){.copy = c, .server = i};
    }
}

static enum copy_end judge(struct copy *c)
{
    bool finds_more = c->how->passes > 1 && c->counts->copied > c->copied_before;
    if (c->was_stopped) return COPY_STOPPED;
    return c->counts->lost > 0 || c->counts->unread > 0 || finds_more ? COPY_LOSES : COPY_WHOLE;
}

static void complain(struct copy *c)
{
    for (uint32_t i = 0; i < c->servers_n; i++) {
        const struct copy_server *s = &c->servers[i];
        const char *name = c->tier->servers[i].name;
        if (s->is_unread)
            fprintf(stderr, "moongate: %s: has not listed all its keys: %s\n", name, s->why);
        if (s->lost > 0)
            fprintf(stderr, "moongate: %s: %llu keys lost: %s\n", name, (unsigned long long)s->lost,
                    s->why);
    }
}

/* Another run begins where this one has ended; after a whole one there is nothing left to be done. */
static void settle_state(struct copy *c, enum copy_end end)
{
    if (!c->how->state || c->how->dry_run) return;
    if (end == COPY_WHOLE)
        copy_remove_state(c);
    else
        (void)copy_save_state(c);
}

enum copy_end copy_run(struct tier *t, const struct copy_how *how, struct copy_counts *counts)
{
    struct copy c = {.tier = t, .how = how, .counts = counts, .wall = time(NULL)};
    double now = tier_now(t);
    *counts = (struct copy_counts){.listed = 0};
    planner_init(&c.planner, t, how->prefix);
    load_init(&c.load, how->most_load, now);
    allowance_set(&c.bytes, how->bandwidth, BURST, now);
    find_sources(&c);
    enum copy_end end = COPY_REFUSED;
    if (copy_load_state(&c)) {
        c.began = c.saved_at = now;
        if (!how->quiet) progress_begin(&c.progress, progress_terminal(), "copy", "keys");
        begin_pass(&c);
        watch(&c);
        ev_run(t->loop, 0);
        unwatch(&c);
        progress_clear(&c.progress);
        counts->drawn = c.planner.drawn;
        counts->seconds = tier_now(t) - c.began;
        end = judge(&c);
        complain(&c);
        settle_state(&c, end);
    }
    copy_items_drop(&c.waiting);
    for (uint32_t i = 0; i < c.sources_n; i++) copy_source_release(&c.sources[i]);
    planner_release(&c.planner);
    load_release(&c.load);
    free(c.sources);
    free(c.servers);
    return end;
}
