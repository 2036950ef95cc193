/* A reload goes through four states: idle, checking (a child loads the script on trial), loading (every worker loads it beside the one
 * in use), switching (every worker uses it). Each state has the same time limit. To go back to an earlier script is a reload, too, that
 * begins with loading: that script was checked when it was new.
 *
 * I8 rests on two points. A worker is told to switch only in reload_commit, when every worker has loaded; and a worker that starts in
 * the meantime loads the text in use and is then asked to load the new one (reload_take_newcomer). From reload_commit on the new
 * text is the one in use: a worker that dies, or does not switch in time and is killed, is started again with it.
 *
 * `owes` says which workers have an order that they have not answered. A worker that ends, or that drains because another is in its
 * place, owes nothing any more.
 *
 * No request is lost. One that comes while a reload is under way is remembered: it begins when that one has ended, however it has ended, and
 * reads the script then. One that cannot begin because the machine has no process, memory or descriptor left is tried again, after a delay that
 * doubles. A request that fails for another reason is answered in the log.
 */
#include "master/reload.h"

#include "base/log.h"
#include "net/listener.h"
#include "worker/source.h"
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double RETRY_FIRST = 0.5, RETRY_MAX = 10; /* seconds; it doubles */

static void reload_set_limit(struct reload *r, double seconds)
{
    ev_timer_stop(r->crew->loop, &r->limit);
    ev_timer_set(&r->limit, seconds, 0);
    ev_timer_start(r->crew->loop, &r->limit);
}

static void reload_watch_limit(struct reload *r)
{
    ev_timer_stop(r->crew->loop, &r->limit);
    if (r->state != RELOAD_IDLE) reload_set_limit(r, CHECK_SECONDS);
}

/* The only function that writes the state. Each step has the same limit. */
static void reload_enter(struct reload *r, enum reload_state state)
{
    r->state = state;
    reload_watch_limit(r);
}

/* --- first step: the check -------------------------------------------------------------------- */

static void reload_not_loaded(struct reload *r, const char *why)
{
    snprintf(r->refused, sizeof r->refused, "%s", why);
    log_error("script %s: not loaded: %s; generation %u goes on", check_script_name(r->options),
              why, r->crew->generation);
    r->tell(r->arg, RELOAD_REFUSED);
}

/* The text that was on trial is not used. */
static void reload_drop_trial(struct reload *r)
{
    if (r->trial.script_fd >= 0) close(r->trial.script_fd);
    r->trial.script_fd = r->crew->trial_fd = -1;
}

/* The script cannot be read, or the check cannot begin. What the machine may have again soon is asked for again. */
static void reload_not_begun(struct reload *r, int error, bool is_read)
{
    static const int passing[] = {EAGAIN, ENOMEM, EMFILE, ENFILE, ENOBUFS};
    const char *advice = is_read ? "" : ": put a readable file there and reload again";
    char why[256];
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) r->again |= error == passing[i];
    if (r->again) {
        r->retry = r->retry > 0 ? fmin(2 * r->retry, RETRY_MAX) : RETRY_FIRST;
        snprintf(why, sizeof why, "%s: next try in %g s", source_explain(error), r->retry);
        reload_set_limit(r, r->retry);
    } else {
        snprintf(why, sizeof why, "%s%s", source_explain(error), advice);
    }
    reload_not_loaded(r, why);
    reload_drop_trial(r);
}

static void reload_start_check(struct reload *r)
{
    assert(r->state == RELOAD_IDLE && r->crew->trial_fd < 0);
    r->again = false;
    ev_timer_stop(r->crew->loop, &r->limit);
    log_info("reload: %s: checking script %s", r->why, check_script_name(r->options));
    r->tell(r->arg, RELOAD_BEGINS);
    r->trial = *r->options;
    r->trial.script_fd = options_open_source(r->options, true);
    bool is_read = r->trial.script_fd >= 0 || !r->options->script;
    struct exercise_service in_use = {r->crew->board, r->crew->generation, r->crew->script_fd,
                                      r->crew->labels};
    if (!is_read || !check_start(&r->check, &r->trial, true, &in_use, r->leave, r->arg)) {
        reload_not_begun(r, errno, is_read);
        return;
    }
    r->retry = 0;
    ev_io_set(&r->text_watcher, r->check.pipe, EV_READ);
    ev_io_start(r->crew->loop, &r->text_watcher);
    ev_child_set(&r->exit_watcher, r->check.pid, 0);
    ev_child_start(r->crew->loop, &r->exit_watcher);
    reload_enter(r, RELOAD_CHECKING);
}

static void reload_finish(struct reload *r)
{
    reload_enter(r, RELOAD_IDLE);
    r->goes_back = false;
    if (r->again) r->tell(r->arg, RELOAD_NEXT); /* may go back first */
    if (r->again && r->state == RELOAD_IDLE) reload_start_check(r);
}

static void reload_on_text(struct ev_loop *loop, ev_io *w, int events)
{
    struct reload *r = w->data;
    if (!check_read(&r->check)) ev_io_stop(loop, w);
}

/* --- second and third step: the workers load it, and switch ----------------------------------- */

/* Gives an order that the worker answers. Only a worker that serves gets one. */
static void reload_ask(struct reload *r, struct slot *s, enum channel_message_type order)
{
    assert(order == CHANNEL_LOAD || order == CHANNEL_SWITCH);
    bool serves = s->state == SLOT_READY;
    if (serves) crew_order(s, order, r->generation);
    r->owes[s->part] = serves && s->channel >= 0;
    r->is_replaced[s->part] = false;
}

static void reload_ask_all(struct reload *r, enum channel_message_type order)
{
    for (uint32_t i = 0; i < r->crew->slots_n; i++) reload_ask(r, &r->crew->slots[i], order);
}

static bool reload_is_awaited(const struct reload *r, const struct slot *s)
{
    return r->owes[s->part] || (r->state == RELOAD_LOADING && s->state == SLOT_STARTING);
}

/* `worker 0, worker 3`: the workers whose answers are missing, as many as fit. */
static const char *reload_awaited(const struct reload *r, char *text, size_t n)
{
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < r->crew->slots_n && len < n; i++)
        if (reload_is_awaited(r, &r->crew->slots[i]))
            len += (size_t)snprintf(text + len, n - len, "%sworker %u", len ? ", " : "",
                                    r->crew->slots[i].index);
    return text;
}

/* True where nobody listens. */
static bool reload_listens(struct reload *r, enum reload_listen_step step, char *why)
{
    return !r->listen || r->listen(r->arg, step, r->trial.script_fd, r->goes_back, why);
}

/* Every worker drops what it may have loaded. Answers that come later are ignored. */
static void reload_abort(struct reload *r, const char *why)
{
    reload_not_loaded(r, why);
    for (uint32_t i = 0; i < r->crew->slots_n; i++) {
        r->owes[i] = r->is_replaced[i] = false;
        crew_order(&r->crew->slots[i], CHANNEL_DROP, r->generation);
    }
    reload_drop_trial(r);
    reload_finish(r);
}

static void reload_abort_for(struct reload *r, const struct slot *s, const char *why)
{
    char text[2 * CHANNEL_TEXT_MAX];
    snprintf(text, sizeof text, "worker %u: %s", s->index, why);
    reload_abort(r, text);
}

static bool reload_is_answered(const struct reload *r)
{
    for (uint32_t i = 0; i < r->crew->slots_n; i++)
        if (reload_is_awaited(r, &r->crew->slots[i])) return false;
    return true;
}

/* I8, the point of no return: the text on trial becomes the one that every worker runs, and each worker that starts later. */
static void reload_commit(struct reload *r)
{
    assert(r->state == RELOAD_LOADING && reload_is_answered(r));
    assert(r->generation > r->crew->generation);
    if (r->script_fd >= 0) close(r->script_fd);
    r->script_fd = r->crew->script_fd = r->trial.script_fd;
    r->trial.script_fd = r->crew->trial_fd = -1;
    r->crew->generation = r->generation;
    reload_enter(r, RELOAD_SWITCHING);
    r->tell(r->arg, RELOAD_SWITCHES);
    reload_ask_all(r, CHANNEL_SWITCH);
}

/* Takes the next step once no answer is missing. */
static void reload_advance(struct reload *r)
{
    char why[LISTENERS_WHY];
    if (r->state == RELOAD_LOADING && reload_is_answered(r)) {
        if (!reload_listens(r, RELOAD_LISTEN, why)) {
            reload_abort(r, why);
            return;
        }
        reload_commit(r);
    }
    if (r->state == RELOAD_SWITCHING && reload_is_answered(r)) {
        if (r->goes_back)
            log_warn("rolled back: generation %u is the script of generation %u", r->generation,
                     r->trial_was);
        else
            log_info("reloaded: generation %u", r->generation);
        r->tell(r->arg, r->goes_back ? RELOAD_BACK : RELOAD_DONE);
        reload_finish(r);
    }
}

/* A worker that is still starting loads the text in use, and gets its order when it is ready. */
static void reload_begin_loading(struct reload *r)
{
    assert(r->state == RELOAD_CHECKING || r->goes_back);
    assert(r->trial.script_fd >= 0 || !r->options->script);
    r->generation++;
    r->crew->trial_fd = r->trial.script_fd;
    reload_enter(r, RELOAD_LOADING);
    reload_ask_all(r, CHANNEL_LOAD);
    log_debug("reload: generation %u: every worker loads it", r->generation);
    reload_advance(r);
}

/* To switch takes no time. A worker that has not done it hangs, and the others have switched already. */
static void reload_kill_late(struct reload *r)
{
    for (uint32_t i = 0; i < r->crew->slots_n; i++) {
        struct slot *s = &r->crew->slots[i];
        if (!r->owes[i]) continue;
        log_warn("worker %u[%d]: killed: not switched to generation %u within %d s", s->index,
                 (int)s->pid, r->generation, CHECK_SECONDS);
        kill(s->pid, SIGKILL); /* reload_forget then goes on */
    }
}

static void reload_on_check_exit(struct ev_loop *loop, ev_child *w, int events)
{
    struct reload *r = w->data;
    ev_child_stop(loop, w);
    ev_io_stop(loop, &r->text_watcher);
    char unbound[LISTENERS_WHY];
    const char *why = check_end(&r->check, w->rstatus);
    if (!why && !reload_listens(r, RELOAD_BIND, unbound)) why = unbound;
    if (why) {
        reload_not_loaded(r, why);
        reload_drop_trial(r);
        reload_finish(r);
    } else {
        check_log_notes(&r->check);
        if (check_rehearsal(&r->check)) log_info("reload: %s", check_rehearsal(&r->check));
        reload_begin_loading(r);
    }
}

/* A script that fails does not stay because one worker is stopped: that one is killed, and the process that comes in its place loads what
 * comes back. False: no worker that serves is waited for. */
static bool reload_kill_waited_for(struct reload *r)
{
    bool has_killed = false;
    for (uint32_t i = 0; i < r->crew->slots_n; i++) {
        struct slot *s = &r->crew->slots[i];
        if (!r->owes[i] || s->state != SLOT_READY) continue;
        log_warn("worker %u[%d]: killed: has not loaded the script that comes back within %d s",
                 s->index, (int)s->pid, CHECK_SECONDS);
        r->is_replaced[i] = has_killed = true;
        kill(s->pid, SIGKILL);
    }
    if (has_killed) reload_watch_limit(r);
    return has_killed;
}

/* The limit of the second step. The fault is the old script's where a worker that is waited for is still in it: then the watchdog kills
 * that worker, or it turns, and the reload goes on. */
static void reload_give_up_loading(struct reload *r)
{
    char names[512], why[640];
    bool is_busy = false, will_end = false;
    reload_awaited(r, names, sizeof names);
    for (uint32_t i = 0; i < r->crew->slots_n; i++) {
        const struct slot *s = &r->crew->slots[i];
        if (!reload_is_awaited(r, s)) continue;
        is_busy = is_busy || watchdog_is_busy(s);
        will_end = will_end || watchdog_decides(r->watchdog, s);
    }
    if (will_end) {
        log_info("reload: generation %u: waits for %s: busy with the script in use", r->generation,
                 names);
        reload_watch_limit(r);
        return;
    }
    if (r->goes_back && reload_kill_waited_for(r)) return;
    snprintf(why, sizeof why, "%s: no answer within %d s%s", names, CHECK_SECONDS,
             is_busy ? ": busy with the script in use" : "");
    reload_abort(r, why);
}

static void reload_on_limit(struct ev_loop *loop, ev_timer *w, int events)
{
    struct reload *r = w->data;
    switch (r->state) {
    case RELOAD_CHECKING: check_kill_late(&r->check); break; /* its exit goes on */
    case RELOAD_LOADING: reload_give_up_loading(r); break;
    case RELOAD_SWITCHING: reload_kill_late(r); break;
    case RELOAD_IDLE: reload_start_check(r); break; /* the next try */
    }
}

/* --- for the master --------------------------------------------------------------------------- */

bool reload_init(struct reload *r, struct crew *crew, const struct watchdog *watchdog,
                 const struct options *o, check_leave *leave, reload_tell *tell, void *arg)
{
    *r = (struct reload){.crew = crew,
                         .watchdog = watchdog,
                         .options = o,
                         .leave = leave,
                         .tell = tell,
                         .arg = arg,
                         .check.pipe = -1};
    r->script_fd = r->trial.script_fd = -1;
    r->generation = crew->generation;
    r->owes = calloc(crew->slots_n, sizeof *r->owes);
    r->is_replaced = calloc(crew->slots_n, sizeof *r->is_replaced);
    if (!r->owes || !r->is_replaced) return false;
    ev_init(&r->text_watcher, reload_on_text);
    ev_child_init(&r->exit_watcher, reload_on_check_exit, 0, 0);
    ev_init(&r->limit, reload_on_limit);
    r->text_watcher.data = r->exit_watcher.data = r->limit.data = r;
    return true;
}

void reload_request(struct reload *r, const char *why)
{
    snprintf(r->why, sizeof r->why, "%s", why);
    if (r->state == RELOAD_IDLE) {
        reload_start_check(r);
    } else {
        if (!r->again) log_info("reload: %s: remembered until the one under way is done", why);
        r->again = true;
    }
}

bool reload_is_idle(const struct reload *r)
{
    return r->state == RELOAD_IDLE && !r->again;
}

int reload_source(const struct reload *r)
{
    return r->script_fd >= 0 ? r->script_fd : r->options->script_fd;
}

void reload_go_back(struct reload *r, int fd, uint32_t was)
{
    char why[LISTENERS_WHY];
    assert(r->state == RELOAD_IDLE && r->crew->trial_fd < 0 && fd >= 0);
    r->goes_back = true;
    r->tell(r->arg, RELOAD_BEGINS);
    r->trial = *r->options;
    r->trial.script_fd = fd;
    r->trial_was = was;
    (void)reload_listens(r, RELOAD_BIND, why); /* what cannot be had is logged */
    reload_begin_loading(r);
}

void reload_take_newcomer(struct reload *r, struct slot *s)
{
    if (r->state == RELOAD_LOADING) reload_ask(r, s, CHANNEL_LOAD);
}

void reload_take_answer(struct reload *r, const struct slot *s, uint32_t generation)
{
    if (!r->owes[s->part] || generation != r->generation) return; /* to a reload that has ended */
    r->owes[s->part] = false;
    reload_advance(r);
}

void reload_take_refusal(struct reload *r, const struct slot *s, uint32_t generation,
                         const char *why)
{
    if (!r->owes[s->part] || generation != r->generation || r->state != RELOAD_LOADING) return;
    reload_abort_for(r, s, why);
}

void reload_excuse(struct reload *r, const struct slot *s)
{
    r->owes[s->part] = false;
    reload_advance(r);
}

/* A worker that is stuck while it loads the new script is not excused: reload_forget blames the new script. */
void reload_replace(struct reload *r, const struct slot *s)
{
    if (r->state != RELOAD_LOADING || s->crew->board->parts[s->part].heartbeat.loads) return;
    if (!slot_is_wanted(s)) {
        reload_excuse(r, s);
        return;
    }
    r->owes[s->part] = r->is_replaced[s->part] = true;
    reload_watch_limit(r);
}

void reload_forget(struct reload *r, const struct slot *s)
{
    if (r->state == RELOAD_LOADING && r->is_replaced[s->part]) return;
    bool owed = r->owes[s->part];
    r->owes[s->part] = false;
    if (owed && r->state == RELOAD_LOADING)
        reload_abort_for(r, s, "it ended while it loaded it");
    else
        reload_advance(r);
}

void reload_cancel(struct reload *r, bool kill_check)
{
    struct ev_loop *loop = r->crew->loop;
    ev_child_stop(loop, &r->exit_watcher);
    ev_io_stop(loop, &r->text_watcher);
    if (kill_check)
        check_cancel(&r->check);
    else if (r->check.pipe >= 0)
        close(r->check.pipe);
    r->again = false;
    reload_enter(r, RELOAD_IDLE);
}

void reload_release(struct reload *r)
{
    reload_cancel(r, true);
    reload_drop_trial(r);
    if (r->script_fd >= 0) close(r->script_fd);
    free(r->owes);
    free(r->is_replaced);
}
