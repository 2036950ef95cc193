/* Which script a worker runs. Up to two are loaded at a time: the one in use, and the one that is pending until the master says SWITCH or
 * DROP (or, in a single process, until its discoveries have answered). Switching takes no time: the turn adopts the new generation, and
 * what is in flight ends on the old one (route/generation.h).
 *
 * To load a script that has much to do, or to destroy it, takes tens of milliseconds or more, in which no client would be served. So a
 * reload does both in slices, by a job (base/job.h): one slice at the end of each turn, when all that the turn had for clients and servers
 * is written. The loop does not sleep until it is done. One job runs at a time, and loading comes before destroying. An order to
 * load that comes while another script is loaded replaces it: that one gets an error at its next check, and is destroyed. The first
 * script of a worker has no clients yet, and is loaded at once. So is any where there is no memory for a job.
 */
#include "worker/succession.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/heartbeat.h"
#include "worker/mcrouter_keys.h"
#include "worker/source.h"
#include "worker/worker_state.h"

/* Seconds of a slice: what it costs a client, with the rest of a turn, is to stay under 5 ms. */
static const double SLICE = 0.002;

/* Seconds for the spoolers to say what waits. */
static const double SPOOLS_WAIT = 3;

/* So many slices are worth a line of the log. */
enum { MANY = 5 };

/* --- loading ----------------------------------------------------------------------------------- */

/* fd: the script's text, see source; -1: the built-in one. All workers load the same: one logs its warnings. */
static struct script *load_script(struct worker *w, int fd, uint32_t generation, char *error)
{
    struct script_file file = options_script(w->seat->options);
    struct script *s = source_load(&w->host, &file, fd, generation, error);
    const char *warning;
    if (!s) backends_sweep(&w->backends);
    for (uint32_t i = 0; s && w->host.worker == 0 && (warning = script_warning(s, i)); i++)
        log_warn("script: %s", warning);
    return s;
}

const char *succession_name(const struct worker *w)
{
    const char *path = w->seat->options->script;
    return path ? path : script_built_in(w->seat->options->store > 0);
}

void succession_options(struct options *o, const struct script *s)
{
    double value;
    for (uint32_t at = 0; at < SCRIPT_OPTIONS; at++)
        if (script_option(s, at, &value)) options_set(o, at, value);
}

/* mg.options: what the script sets holds, unless the command line set it. */
static void apply_options(struct worker *w, struct script *s)
{
    struct options *o = &w->options;
    *o = *w->seat->options;
    succession_options(o, s);
    worker_set_limits(w, o);
    script_set_max_value(s, o->max_value);
    script_set_timeout(s, o->script_timeout);
    log_setup((enum log_format)o->log_format, o->verbose);
    w->seat->board->parts[w->seat->part].wishes =
        (struct board_wishes){.drain_timeout = o->drain_timeout,
                              .script_timeout = o->script_timeout,
                              .max_conns = o->max_conns,
                              .verbose = o->verbose};
}

/* Old timers stop before the new ones start, and servers that only the old script names go when it has ended. */
void succession_adopt(struct worker *w, struct script *s)
{
    assert(s && s != w->succession.script);
    if (w->succession.script) script_stop_timers(w->succession.script);
    w->succession.script = s;
    apply_options(w, s);
    clients_know(&w->clients, script_users(s));
    w->turn.trace = &script_tracer;
    w->row->generation = script_generation(s);
    if (w->keeping.news) keeping_follow(w, s);
    backends_start(&w->backends);
    turn_adopt(&w->turn, script_routes(s));
    script_start_timers(s);
    backends_sweep(&w->backends);
    entrances_follow(w, s);
    w->succession.since = w->turn.now;
    mcrouter_keys_follow(w, s);
    certificates_follow(w, s);
    succession_note_pools(w);
    storing_follow(w);
}

void succession_note_pools(struct worker *w)
{
    uint32_t n = 0;
    struct pool *const *pools =
        w->succession.script ? script_pools(w->succession.script, &n) : NULL;
    for (uint32_t i = 0; i < n; i++) pool_note_levels(pools[i]);
}

/* --- in slices --------------------------------------------------------------------------------- */

static bool is_loading(const struct succession *s)
{
    return job_is_open(&s->job) && s->loads.generation > 0;
}

static void close_order(struct succession_order *order)
{
    if (order->fd >= 0) close(order->fd);
    *order = (struct succession_order){.fd = -1};
}

/* A job_fn. */
static void load_in_job(void *arg)
{
    struct worker *w = arg;
    struct succession *s = &w->succession;
    s->made = load_script(w, s->loads.fd, s->loads.generation, s->error);
}

/* A job_fn. */
static void destroy_in_job(void *arg)
{
    struct succession *s = &((struct worker *)arg)->succession;
    assert(s->dead_n > 0);
    script_destroy(s->dead[--s->dead_n]);
}

/* What comes next runs in a job; without memory for one, at once. False: nothing is to be done. */
static bool begin_next(struct worker *w)
{
    struct succession *s = &w->succession;
    if (s->next.loaded) {
        s->loads = s->next;
        s->next = (struct succession_order){.fd = -1};
        if (!job_begin(&s->job, load_in_job, w)) load_in_job(w);
        return true;
    }
    if (s->dead_n == 0) return false;
    if (!job_begin(&s->job, destroy_in_job, w)) destroy_in_job(w);
    return true;
}

void succession_bury(void *about, struct script *s)
{
    struct worker *w = about;
    struct succession *in = &w->succession;
    in->dead = reallocarray(in->dead, in->dead_n + 1, sizeof *in->dead);
    if (!in->dead) abort();
    in->dead[in->dead_n++] = s;
    ev_idle_start(w->loop, &in->idle);
}

static void end_loading(struct worker *w)
{
    struct succession *s = &w->succession;
    struct succession_order done = s->loads;
    struct script *made = s->made;
    s->made = NULL;
    close_order(&s->loads);
    worker_look_at_clock(w);
    log_line(s->job.slices < MANY ? LOG_DEBUG : LOG_INFO,
             "script %s: generation %u: its loading took %u slices", succession_name(w),
             done.generation, s->job.slices);
    if (made && done.loaded)
        s->pending = made;
    else if (made)
        succession_bury(w, made);
    if (done.loaded) done.loaded(w, done.generation, made ? NULL : s->error);
}

static void end_job(struct worker *w)
{
    if (w->succession.loads.generation > 0)
        end_loading(w);
    else
        backends_sweep(&w->backends);
}

/* The watchdog allows a worker that loads more time, and blames the script that is loaded. */
static bool run_slice(struct worker *w)
{
    struct succession *s = &w->succession;
    if (s->loads.generation > 0) heartbeat_loads(w, s->loads.generation);
    bool has_ended = job_go_on(&s->job, SLICE);
    if (s->loads.generation > 0) heartbeat_loads(w, 0);
    return has_ended;
}

void succession_go_on(struct worker *w)
{
    struct succession *s = &w->succession;
    if (!ev_is_active(&s->idle)) return;
    if (!job_is_open(&s->job) && !begin_next(w)) {
        ev_idle_stop(w->loop, &s->idle);
        return;
    }
    if (!job_is_open(&s->job) || run_slice(w)) end_job(w);
}

void succession_begin(struct worker *w, int fd, uint32_t generation, succession_loaded_fn *loaded)
{
    assert(loaded && generation > 0);
    succession_drop(w);
    w->succession.next =
        (struct succession_order){.loaded = loaded, .fd = fd, .generation = generation};
    ev_idle_start(w->loop, &w->succession.idle);
}

void succession_drop(struct worker *w)
{
    struct succession *s = &w->succession;
    s->found = NULL;
    ev_timer_stop(w->loop, &s->found_limit);
    close_order(&s->next);
    s->loads.loaded = NULL;
    if (is_loading(s)) job_give_up(&s->job);
    if (!s->pending) return;
    succession_bury(w, s->pending);
    s->pending = NULL;
    if (s->script && w->keeping.news) keeping_follow(w, s->script);
}

void succession_release(struct worker *w)
{
    struct succession *s = &w->succession;
    succession_drop(w);
    job_finish(&s->job);
    if (s->made) script_destroy(s->made);
    close_order(&s->loads);
    while (s->dead_n > 0) destroy_in_job(w);
    free(s->dead);
    ev_idle_stop(w->loop, &s->idle);
}

/* --- the two steps ----------------------------------------------------------------------------- */

bool succession_is_busy(const struct worker *w)
{
    const struct succession *s = &w->succession;
    return s->pending || s->next.loaded || job_is_open(&s->job);
}

bool succession_load(struct worker *w, int fd, uint32_t generation, char *error)
{
    heartbeat_loads(w, generation);
    w->succession.pending = load_script(w, fd, generation, error);
    heartbeat_loads(w, 0);
    worker_look_at_clock(w);
    return w->succession.pending;
}

/* The first answers of all discoveries and spoolers have come, or their time is over. */
static void end_wait(struct worker *w)
{
    succession_found_fn *found = w->succession.found;
    assert(found && w->succession.pending);
    uint32_t open = discoveries_open(&w->names.discoveries);
    const char *dir;
    w->succession.found = NULL;
    ev_timer_stop(w->loop, &w->succession.found_limit);
    if (open)
        log_warn("script %s: does not wait for the first answer of %u discover%s any longer",
                 succession_name(w), open, open == 1 ? "y" : "ies");
    if (!keeping_is_known(w, &dir))
        log_error("spool %s: no spooler has said for which servers deletes wait: this worker "
                  "serves without, and "
                  "may read what was deleted",
                  dir);
    found(w);
}

static void on_found_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    end_wait(timer->data);
}

static bool is_waiting(const struct worker *w)
{
    const char *dir;
    return discoveries_open(&w->names.discoveries) || !keeping_is_known(w, &dir);
}

void succession_wait(struct worker *w, succession_found_fn *found)
{
    const char *dir;
    double limit = w->seat->options->discover_wait;
    w->succession.found = found;
    keeping_want(w, w->succession.pending);
    if (!is_waiting(w)) {
        end_wait(w);
        return;
    }
    if (!keeping_is_known(w, &dir)) limit = fmax(limit, SPOOLS_WAIT);
    ev_timer_set(&w->succession.found_limit, limit, 0);
    ev_timer_start(w->loop, &w->succession.found_limit);
}

void succession_look(struct worker *w)
{
    if (w->succession.found && !is_waiting(w)) end_wait(w);
}

void succession_use(struct worker *w)
{
    struct script *s = w->succession.pending;
    assert(s);
    w->succession.pending = NULL;
    succession_adopt(w, s);
}

void succession_switch(struct worker *w)
{
    succession_use(w);
    log_info("script %s: generation %u loaded", succession_name(w),
             script_generation(w->succession.script));
}

/* Nothing is to be done: while it is active, the loop does not sleep. */
static void on_idle(struct ev_loop *loop, ev_idle *idle, int events)
{
    (void)loop;
    (void)idle;
    (void)events;
}

void succession_init(struct worker *w)
{
    ev_init(&w->succession.found_limit, on_found_limit);
    w->succession.found_limit.data = w;
    w->succession.loads.fd = w->succession.next.fd = -1;
    ev_idle_init(&w->succession.idle, on_idle);
}
