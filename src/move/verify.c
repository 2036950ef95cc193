/* How a verification runs: keys come (verify_source.c) and are compared (verify_check.c), first those of the old script's servers, and when
 * these have ended those of the new one's. Before the loop sleeps, comparisons are sent as far as the rate and the windows let them.
 *
 * Two things make a round void. A server that is started again has lost what was compared, so before, between and after all servers are
 * asked since when they run. And a service drops clients' writes to a server that it holds as down. So a round begins when the service
 * holds none so, and counts if no call to one has failed there until its end. */
#include "move/verify.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "move/verify_state.h"

/* Seconds. */
static const double TICK = 0.002, LOOK = 0.02;

/* Seconds of the rate that may be sent at once; keys that are looked at for each comparison of the rate. */
static const double BURST = 0.004, KEYS = 5;

enum { ROUNDS_MOST = 3 };

struct verify_server *verify_server(struct verify *v, uint32_t server)
{
    if (server >= v->servers_n) {
        uint32_t n = v->tier->servers_n;
        assert(server < n);
        v->servers = reallocarray(v->servers, n, sizeof *v->servers);
        if (!v->servers) abort();
        while (v->servers_n < n) {
            struct verify_server *s = calloc(1, sizeof *s);
            if (!s) abort();
            s->v = v;
            v->servers[v->servers_n++] = s;
        }
    }
    return v->servers[server];
}

/* --- the loop ----------------------------------------------------------------------------------- */

static void show(struct verify *v)
{
    uint64_t total = 0, waiting = 0;
    for (uint32_t i = 0; i < v->sources_n; i++) {
        total += v->sources[i].items;
        waiting += v->sources[i].keys.keys;
    }
    uint64_t done = v->counts->listed > v->open ? v->counts->listed - v->open : 0;
    uint64_t listed = v->counts->listed + waiting;
    progress_step(&v->progress, done, listed > total ? listed : total, 0);
}

static void set_rates(struct verify *v)
{
    double now = tier_now(v->tier), rate = v->how->rate * load_look(&v->load, now);
    if (v->keys.rate != rate) {
        allowance_set(&v->keys, rate, BURST, now);
        allowance_set(&v->looks, rate * KEYS, BURST, now);
    }
    (void)allowance_look(&v->keys, now);
}

static bool is_over(struct verify *v)
{
    if (v->was_stopped) return v->in_flight == 0;
    if (v->stage == VERIFY_OLD || v->stage == VERIFY_NEW)
        return v->open == 0 && verify_sources_have_ended(v);
    return v->stage == VERIFY_WAITS ? verify_wait_is_over(v) : verify_has_asked(v);
}

static void begin_round(struct verify *v)
{
    v->stage = VERIFY_OLD;
    v->has_restarts = v->has_failures = false;
    v->counts->rounds++;
    verify_sources_begin(v, TIER_OLD);
}

/* Another round may find what this one could not. */
static bool goes_again(struct verify *v)
{
    verify_look_at_failures(v);
    return (v->has_restarts || v->has_failures) && v->counts->rounds < ROUNDS_MOST &&
           !v->is_impatient;
}

/* The first round is run also where a server stays down: others are put right. */
static void end_wait(struct verify *v)
{
    if (v->counts->rounds == 0 || !v->is_impatient) {
        begin_round(v);
        return;
    }
    verify_look_at_failures(v);
    v->stage = VERIFY_DONE;
}

/* What comes after this stage. */
static void go_on(struct verify *v)
{
    bool is_last = v->stage == VERIFY_ASKS_LAST;
    if (v->was_stopped) {
        v->stage = VERIFY_DONE;
        return;
    }
    if (v->stage == VERIFY_WAITS) {
        end_wait(v);
        return;
    }
    v->stage = is_last && goes_again(v) ? VERIFY_WAITS : v->stage + 1;
    if (v->stage == VERIFY_WAITS)
        verify_wait_begin(v);
    else if (v->stage == VERIFY_NEW)
        verify_sources_begin(v, TIER_NEW);
    else if (v->stage != VERIFY_DONE)
        verify_ask_servers(v);
}

/* Else what is right now may be old before clients look for it. */
static void look_at_service(struct verify *v)
{
    const char *trouble = v->how->service ? service_trouble(v->how->service) : NULL;
    if (!trouble || v->was_stopped) return;
    progress_clear(&v->progress);
    fprintf(stderr, "moongate: copy: %s\n", trouble);
    v->was_stopped = true;
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct verify *v = timer->data;
    (void)events;
    v->wall = time(NULL);
    set_rates(v);
    verify_sources_look(v);
    if (tier_now(v->tier) >= v->look_at) {
        v->look_at = tier_now(v->tier) + LOOK;
        look_at_service(v);
        checks_look(v);
        show(v);
    }
    if (!is_over(v)) return;
    go_on(v);
    if (v->stage == VERIFY_DONE) ev_break(loop, EVBREAK_ALL);
}

/* Nothing is changed before the service has said that it writes to both places. */
static bool may_pump(struct verify *v)
{
    struct service *service = v->how->service;
    if (!v->is_served && v->counts->moves > 0)
        v->is_served = !service || (service_has_asked(service) && !service_trouble(service));
    return v->is_served || v->stage == VERIFY_NEW;
}

static void on_pump(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    (void)loop;
    (void)events;
    if (may_pump(prepare->data)) checks_pump(prepare->data);
}

static void on_signal(struct ev_loop *loop, ev_signal *signal, int events)
{
    (void)loop;
    (void)events;
    ((struct verify *)signal->data)->was_stopped = true;
}

static void watch(struct verify *v)
{
    struct ev_loop *loop = v->tier->loop;
    ev_timer_init(&v->tick, on_tick, 0, TICK);
    ev_prepare_init(&v->pump, on_pump);
    ev_set_priority(&v->pump, EV_MAXPRI); /* before the worker writes what is sent */
    ev_signal_init(&v->interrupted, on_signal, SIGINT);
    ev_signal_init(&v->terminated, on_signal, SIGTERM);
    v->tick.data = v->pump.data = v->interrupted.data = v->terminated.data = v;
    ev_timer_start(loop, &v->tick);
    ev_prepare_start(loop, &v->pump);
    ev_signal_start(loop, &v->interrupted);
    ev_signal_start(loop, &v->terminated);
}

static void unwatch(struct verify *v)
{
    struct ev_loop *loop = v->tier->loop;
    ev_timer_stop(loop, &v->tick);
    ev_prepare_stop(loop, &v->pump);
    ev_signal_stop(loop, &v->interrupted);
    ev_signal_stop(loop, &v->terminated);
}

/* --- from outside ------------------------------------------------------------------------------- */

static void complain(const struct verify *v)
{
    for (uint32_t i = 0; i < v->servers_n; i++) {
        const struct verify_server *s = v->servers[i];
        if (s->differing > 0)
            fprintf(stderr, "moongate: %s: %llu keys could not be settled: %s\n",
                    v->tier->servers[i].name, (unsigned long long)s->differing, s->why);
    }
    if (v->has_failures)
        fprintf(stderr,
                "moongate: copy: %s, while keys were compared: see that it is up there, and run "
                "copy --verify-only again\n",
                v->why);
}

enum verify_end verify_run(struct tier *t, const struct verify_how *how,
                           struct verify_counts *counts)
{
    struct verify v = {.tier = t, .how = how, .counts = counts, .wall = time(NULL)};
    *counts = (struct verify_counts){.listed = 0};
    planner_init(&v.planner, t, how->prefix);
    load_init(&v.load, how->most_load, tier_now(t));
    if (!how->quiet) progress_begin(&v.progress, progress_terminal(), "verify", "keys");
    v.began = tier_now(t);
    v.stage = VERIFY_ASKS_FIRST;
    verify_ask_servers(&v);
    watch(&v);
    ev_run(t->loop, 0);
    unwatch(&v);
    progress_clear(&v.progress);
    counts->seconds = tier_now(t) - v.began;
    complain(&v);
    checks_drop(&v);
    verify_ask_close(&v);
    verify_sources_release(&v);
    planner_release(&v.planner);
    load_release(&v.load);
    for (uint32_t i = 0; i < v.servers_n; i++) free(v.servers[i]);
    free(v.servers);
    if (v.was_stopped) return VERIFY_STOPPED;
    bool was_changed = v.has_restarts || v.has_failures; /* in the last round that may be */
    return was_changed || counts->differing > 0 || counts->unread > 0 ? VERIFY_DIFFERS
                                                                      : VERIFY_WHOLE;
}
