/* Which script a worker runs. Up to two are loaded at a time: the one in use, and the one that is pending until the master says SWITCH or
 * DROP (or, in a single process, until its discoveries have answered). Loading runs the script's own code, so it may take long: the
 * clock is read again afterwards. Switching takes no time: the turn adopts the new generation, and what is in flight ends on the old
 * one (route/generation.h).
 */
#include "worker/succession.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/heartbeat.h"
#include "worker/source.h"
#include "worker/worker_state.h"

/* --- loading ----------------------------------------------------------------------------------- */

/* fd: the script's text, see source; -1: the built-in one. */
static struct script *load_script(struct worker *w, int fd, uint32_t generation, char *error)
{
    struct script *s = source_load(&w->host, w->seat->options->script, fd, generation, error);
    worker_look_at_clock(w);
    if (!s) backends_sweep(&w->backends);
    return s;
}

const char *succession_name(const struct worker *w)
{
    const char *path = w->seat->options->script;
    return path ? path : "moongate/servers.lua";
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
    w->turn.trace = &script_tracer;
    w->row->generation = script_generation(s);
    backends_start(&w->backends);
    turn_adopt(&w->turn, script_routes(s));
    script_start_timers(s);
    backends_sweep(&w->backends);
    succession_note_pools(w);
}

void succession_note_pools(struct worker *w)
{
    uint32_t n = 0;
    struct pool *const *pools =
        w->succession.script ? script_pools(w->succession.script, &n) : NULL;
    for (uint32_t i = 0; i < n; i++) pool_note_levels(pools[i]);
}

void succession_drop(struct worker *w)
{
    w->succession.found = NULL;
    ev_timer_stop(w->loop, &w->succession.found_limit);
    if (!w->succession.pending) return;
    script_destroy(w->succession.pending);
    w->succession.pending = NULL;
    backends_sweep(&w->backends);
}

bool succession_load(struct worker *w, int fd, uint32_t generation, char *error)
{
    succession_drop(w);
    heartbeat_loads(w, generation);
    w->succession.pending = load_script(w, fd, generation, error);
    heartbeat_loads(w, 0);
    return w->succession.pending;
}

/* The first answers of all discoveries have come, or their time is over. */
static void end_wait(struct worker *w)
{
    succession_found_fn *found = w->succession.found;
    assert(found && w->succession.pending);
    uint32_t open = discoveries_open(&w->names.discoveries);
    w->succession.found = NULL;
    ev_timer_stop(w->loop, &w->succession.found_limit);
    if (open)
        log_warn("script %s: does not wait for the first answer of %u discover%s any longer",
                 succession_name(w), open, open == 1 ? "y" : "ies");
    found(w);
}

static void on_found_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    end_wait(timer->data);
}

void succession_wait(struct worker *w, succession_found_fn *found)
{
    w->succession.found = found;
    if (!discoveries_open(&w->names.discoveries)) {
        end_wait(w);
        return;
    }
    ev_timer_set(&w->succession.found_limit, w->seat->options->discover_wait, 0);
    ev_timer_start(w->loop, &w->succession.found_limit);
}

void succession_look(struct worker *w)
{
    if (w->succession.found && !discoveries_open(&w->names.discoveries)) end_wait(w);
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

static void switch_alone(struct worker *w)
{
    succession_switch(w);
    log_info("reloaded: generation %u", script_generation(w->succession.script));
}

void succession_reload_alone(struct worker *w)
{
    char error[SCRIPT_ERROR_MAX];
    const char *path = w->seat->options->script;
    int fd = path ? source_open_again(path) : -1;
    uint32_t generation = script_generation(w->succession.script);
    bool is_read = fd >= 0 || !path;
    if (!is_read)
        snprintf(error, sizeof error, "%s: put a readable file there and reload again",
                 source_explain(errno));
    if (is_read && succession_load(w, fd, generation + 1, error)) {
        succession_wait(w, switch_alone);
    } else {
        log_error("script %s: not loaded: %s; generation %u goes on", succession_name(w), error,
                  generation);
    }
    if (fd >= 0) close(fd);
}

void succession_init(struct worker *w)
{
    ev_init(&w->succession.found_limit, on_found_limit);
    w->succession.found_limit.data = w;
}
