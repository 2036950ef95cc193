/* What the master promises, and how it is kept.
 *
 * 1. It never runs a script. A script may loop for ever, or corrupt its process; that may cost a worker, never the service. So the
 *    master reads the script's text, a child loads it on trial and adds the files that it requires (check.h), the master hands all of
 *    it on (worker/source.h), and workers run it.
 *
 * 2. A client that connects is served or refused, and never lost between processes (I15). The master accepts and gives the
 *    descriptor to the worker that has the fewest clients, but keeps its own copy until the worker has taken the client (offers.h). A
 *    worker that is stopped, busy in a long call of its script, or dead, so loses no client: the client goes to another worker. When no
 *    worker has room the listeners are not accepted from, and new clients wait in the kernel's backlog.
 *
 * 3. A reload is all workers or none (I8): check, load everywhere, then switch everywhere (reload.h). Until all have loaded, none
 *    uses the new script; from then on none goes back.
 *
 *    A script that fails when requests come is taken back: the last good one is loaded again, as a reload is (probation.h).
 *
 * 4. A worker that ends is replaced, with a delay that doubles while it ends early (slot.h). A worker that is told to end by a signal
 *    first gets a successor, and then hands its clients over. Counters stay, because they are on the board and not in the worker.
 *
 * 5. An upgrade (SIGUSR2) starts the binary again, which takes over sockets, board and clients while this process drains (upgrade.h, takeover.h).
 *    A binary that cannot start changes nothing.
 *
 * 6. The end is bounded. SIGTERM drains: who has connected is served, nobody else comes in; after the limit workers are killed. A
 *    second SIGTERM kills at once. Unix sockets' files and the pid file are removed by the process that made them.
 *
 * The master has one loop and never blocks in it. Everything that it waits for (a check, a worker's report, a full channel) is a watcher
 * and a state. The states are three enums, each written by one function: master_state here, slot_state in slot.c, reload_state in
 * reload.c. Whether clients are let in is derived from them in one place, is_open in entrance.c.
 *
 * What a worker reports is not trusted: scripts run there. A report that does not fit the state is ignored or logged; it never trips an
 * assertion.
 */
#include "master/master.h"

#include "base/log.h"
#include "base/process.h"
#include "master/master_state.h"
#include "net/relisten.h"
#include "worker/source.h"
#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double KILL_AFTER = 1; /* how long a worker may outlive the drain limit, and SIGKILL */

static const struct {
    int number;
    const char *name;
} signals[] = {
#define X(number) {number, #number},
    MASTER_SIGNALS(X)
#undef X
};

/* --- ending ----------------------------------------------------------------------------------- */

static void master_set_limit(struct master *m, double seconds)
{
    ev_timer_stop(m->loop, &m->limit);
    ev_timer_set(&m->limit, seconds, 0);
    ev_timer_start(m->loop, &m->limit);
}

/* The first step of a drain and of a stop: who has connected is let in, nobody else is, and no process is started from now on.
 * After an upgrade the new process lets them in. */
void master_close(struct master *m, enum master_state state)
{
    assert(state != MASTER_RUNNING && m->state <= state);
    bool is_upgraded = m->upgrade.state == UPGRADE_DONE;
    bool is_service = m->seat->inherited->pid == 0 || m->takeover.is_in_charge;
    if (m->state == MASTER_RUNNING && is_upgraded)
        service_leaves_to(&m->service, (int)m->upgrade.pid);
    else if (m->state == MASTER_RUNNING && is_service)
        service_stops(&m->service);
    listeners_drop(m->listeners);
    bool lets_in = m->state == MASTER_RUNNING && m->takeover.is_in_charge && !is_upgraded;
    if (lets_in) doors_empty(&m->doors);
    m->state = state;
    master_watch(m); /* before the sockets go */
    listeners_close(m->listeners, !is_upgraded);
    upgrade_cancel(&m->upgrade);
    doors_stop(&m->doors);
    opening_stop(&m->opening);
    ev_timer_stop(m->loop, &m->limit);
    script_watch_stop(&m->script_watch);
    probation_stop(&m->probation);
    rotation_stop(&m->rotation);
    storage_stop(&m->storage);
    reload_cancel(&m->reload, true);
    crew_retire(m->crew);
}

/* The loop ends with the last worker. */
void master_end_if_alone(struct master *m)
{
    if (m->state == MASTER_RUNNING || crew_living(m->crew) > 0) return;
    if (m->crew->pass && crew_has_waiting(m->crew)) return; /* on their way to the new process */
    if (m->state == MASTER_DRAINING && !m->has_ended) log_info("drained");
    m->has_ended = true;
    ev_break(m->loop, EVBREAK_ALL);
}

void master_stop(struct master *m, int exit_code)
{
    master_close(m, MASTER_STOPPING);
    m->exit_code = exit_code;
    crew_kill(m->crew);
    master_set_limit(m, KILL_AFTER);
    master_end_if_alone(m);
}

/* seconds < 0: no limit, which is sent as 0 ms; so a limit of 0 seconds is sent as 1 ms. */
static uint32_t milliseconds(double seconds)
{
    return seconds < 0 ? 0 : (uint32_t)fmax(1, ceil(seconds * 1000));
}

void master_order_end(struct master *m, enum channel_message_type order, double seconds)
{
    for (uint32_t i = 0; i < m->crew->slots_n; i++)
        crew_order(&m->crew->slots[i], order, milliseconds(seconds));
    if (seconds >= 0) master_set_limit(m, seconds + KILL_AFTER);
    master_end_if_alone(m);
}

static void master_drain(struct master *m, const char *why, double seconds)
{
    if (seconds < 0)
        log_info("draining: %s, no limit", why);
    else
        log_info("draining: %s, at most %g s", why, seconds);
    master_close(m, MASTER_DRAINING);
    crew_drain(m->crew, milliseconds(seconds));
    if (seconds >= 0) master_set_limit(m, seconds + KILL_AFTER);
    master_end_if_alone(m);
}

static void master_on_limit(struct ev_loop *loop, ev_timer *w, int events)
{
    struct master *m = w->data;
    uint32_t left = crew_living(m->crew);
    if (m->state == MASTER_DRAINING) {
        log_warn("drain: %u workers killed: not done within the limit", left);
        master_stop(m, EXIT_OK);
    } else {
        log_error("stop: %u workers did not end after SIGKILL: left behind", left);
        ev_break(loop, EVBREAK_ALL);
    }
}

static void master_on_signal(struct ev_loop *loop, ev_signal *w, int events)
{
    struct master *m = w->data;
    const char *name = signals[w - m->signals].name;
    bool running = m->state == MASTER_RUNNING;

    switch (w->signum) {
    case SIGHUP:
        m->upgrade.reloads_again = true;
        if (running)
            reload_request(&m->reload, name);
        else
            log_info("%s: ignored while draining", name);
        break;
    case SIGQUIT:
        if (running) master_drain(m, name, -1);
        break;
    case SIGUSR1: log_reopen(); break;
    case SIGUSR2: upgrading_request(m); break;
    default:
        if (running) {
            master_drain(m, name, m->wishes.drain_timeout);
        } else if (m->upgrade.state == UPGRADE_DONE && !m->was_told) {
            m->was_told = true; /* a service manager tells all processes of the service */
            log_info("%s: this process drains already: a second one ends it at once", name);
        } else if (m->state == MASTER_DRAINING) {
            log_warn("stopping at once: %s while draining", name);
            master_stop(m, EXIT_OK);
        }
    }
}

/* --- workers ---------------------------------------------------------------------------------- */

/* mg.options: the script in use now may set other options than the one before. */
static void master_take_wishes(struct master *m, const struct slot *s)
{
    m->wishes = m->board->parts[s->part].wishes;
    log_setup((enum log_format)m->options->log_format, m->wishes.verbose);
    watchdog_set(&m->watchdog, m->wishes.script_timeout);
}

static void master_on_ready(struct master *m, struct slot *s)
{
    reload_take_newcomer(&m->reload, s);
    admin_take_ready(&m->admin);
    opening_take_ready(&m->opening);
}

static void master_on_gone(struct master *m, const struct slot *s, int status)
{
    asks_forget(&m->asks, s);
    admin_take_steered(&m->admin);
    reload_forget(&m->reload, s);
    if (opening_take_end(&m->opening, s, status, m->state == MASTER_RUNNING)) {
        log_error("script %s: not loaded by any worker: correct it and start again",
                  check_script_name(m->options));
        master_stop(m, EXIT_SCRIPT);
        return;
    }
    master_end_if_alone(m);
}

/* The first workers are ready, or as many as came in time. */
static void master_on_open(void *arg)
{
    upgrading_opens(arg);
}

static void master_on_crew(void *arg, enum crew_event_type type, struct slot *s, uint32_t number,
                           const char *text)
{
    struct master *m = arg;
    bool running = m->state == MASTER_RUNNING;
    assert((s == NULL) == (type == CREW_ROOM));
    if (type == CREW_READY || type == CREW_SWITCHED) master_take_wishes(m, s);
    switch (type) {
    case CREW_READY:
        if (running) master_on_ready(m, s);
        break;
    case CREW_LOADED:
    case CREW_SWITCHED:
        if (running) reload_take_answer(&m->reload, s, number);
        break;
    case CREW_KEPT:
        if (running) reload_take_refusal(&m->reload, s, number, text);
        break;
    case CREW_LEAVES:
        if (running) reload_excuse(&m->reload, s);
        break;
    case CREW_STUCK:
        if (running) {
            probation_take_loss(&m->probation, s);
            reload_replace(&m->reload, s);
        }
        break;
    case CREW_GONE: master_on_gone(m, s, (int)number); break;
    case CREW_ROOM: master_end_if_alone(m); break;
    case CREW_PIECE: asks_take_piece(&m->asks, s, number, text); return;
    case CREW_ANSWERED: asks_take_end(&m->asks, s, number, text); return;
    case CREW_STEERED:
        steers_take(&m->steers, s, number);
        admin_take_steered(&m->admin);
        return;
    }
    if (m->state != MASTER_RUNNING) return;
    service_look(&m->service);
    master_watch(m);
}

void master_open_spools(struct master *m, int source)
{
    struct spool_place places[SPOOL_PLACES_MOST];
    int n = source_spools(source, places);
    if (n < 0)
        log_error("script: its list of spool folders is damaged: it must not write to it");
    else
        spool_child_open(&m->spool_child, places, (uint32_t)n);
}

static void master_on_reload(void *arg, enum reload_news news)
{
    struct master *m = arg;
    entrance_take_reload(m, news);
    script_watch_follow(&m->script_watch, news);
    storage_take_reload(&m->storage, news);
    master_note_reload(m, news);
    if (news == RELOAD_BEGINS)
        service_reloads(&m->service);
    else if (news != RELOAD_SWITCHES && news != RELOAD_NEXT)
        service_has_reloaded(&m->service, news);
    if (news == RELOAD_REFUSED) master_open_spools(m, reload_source(&m->reload)); /* its bounds */
    probation_take_reload(&m->probation, news);
    admin_take_reload(&m->admin, news, m->reload.goes_back);
}

/* A spool_child_answer. */
static void master_on_spooler(void *arg, struct spool_said *said)
{
    struct master *m = arg;
    admin_take_spool(&m->admin, said);
}

/* A probation_good. */
static void master_on_good(void *arg, int fd)
{
    struct master *m = arg;
    saver_save(&m->saver, fd);
}

/* --- life ------------------------------------------------------------------------------------- */

/* Stops what hangs on the loop: at the end, and in each forked child. In a child nothing of the parent's is touched by it: the
 * memory is a copy, and signals go back to their defaults. */
static void master_let_go(struct master *m)
{
    for (int i = 0; i < MASTER_SIGNALS_N; i++) ev_signal_stop(m->loop, &m->signals[i]);
    doors_stop(&m->doors);
    opening_stop(&m->opening);
    ev_timer_stop(m->loop, &m->limit);
    lookout_stop(&m->lookout);
    service_stop(&m->service);
    recent_stop(&m->recent);
    script_watch_stop(&m->script_watch);
    watchdog_stop(&m->watchdog);
    upgrade_stop(&m->upgrade);
    takeover_stop(&m->takeover);
    probation_stop(&m->probation);
    saver_stop(&m->saver);
    rotation_stop(&m->rotation);
    storage_stop(&m->storage);
    admin_release(&m->admin);
    nutcracker_stats_stop(&m->stats);
    asks_release(&m->asks);
    steers_stop(&m->steers);
}

/* In a forked child, before anything else: from now on only the master holds listeners, channels and the loop. */
static void master_leave(void *arg)
{
    struct master *m = arg;
    master_let_go(m);
    crew_leave(m->crew);
    spool_child_leave(&m->spool_child);
    reload_cancel(&m->reload, false);
    probation_release(&m->probation);
    listeners_close(m->listeners, false);
    if (m->seat->admin) listeners_close(m->seat->admin, false);
    pages_leave(m);
    board_close_files(m->board);
    rotation_leave(&m->rotation);
    storage_leave(&m->storage);
    notify_release(m->service.notify);
    ev_loop_destroy(m->loop);
}

static void master_init_watchers(struct master *m)
{
    for (int i = 0; i < MASTER_SIGNALS_N; i++) {
        ev_signal_init(&m->signals[i], master_on_signal, signals[i].number);
        m->signals[i].data = m;
        ev_signal_start(m->loop, &m->signals[i]);
    }
    process_hold_hangup(false);
    ev_timer_init(&m->limit, master_on_limit, 0, 0);
    m->limit.data = m;
}

/* False: something could not be had; master_release frees what there is. */
static bool master_init(struct master *m, const struct master_seat *seat)
{
    const struct options *o = seat->options;
    *m = (struct master){
        .seat = seat,
        .options = o,
        .wishes = {.drain_timeout = o->drain_timeout,
                   .script_timeout = o->script_timeout,
                   .max_conns = o->max_conns,
                   .verbose = o->verbose},
        .listeners = seat->listeners,
        .exit_code = EXIT_OK,
        .refusal_lines.burst = 1,
    };
    m->loop = ev_default_loop(EVBACKEND_EPOLL | EVFLAG_NOENV);
    m->board = upgrading_board(o, seat->inherited);
    if (!m->loop || !m->board || !entrance_init(m) || !overview_init(m)) return false;
    m->crew = crew_create(m->loop, o, m->board);
    if (!m->crew) return false;
    m->crew->labels = &m->listeners->labels;
    rotation_init(&m->rotation, m->loop, seat->inherited->tickets);
    seat->inherited->tickets = -1;
    storage_init(&m->storage, m);
    m->crew->tickets = m->rotation.tickets;
    if (!lookout_init(&m->lookout, m->loop, m->board)) return false;
    asks_init(&m->asks, m->crew);
    steers_init(&m->steers, m->crew, seat->inherited->steering);
    if (!admin_init(&m->admin, m) || !pages_init(m)) return false;
    opening_init(&m->opening, m->crew, master_on_open, m);
    watchdog_init(&m->watchdog, m->crew, o->script_timeout);
    if (!reload_init(&m->reload, m->crew, &m->watchdog, o, master_leave, master_on_reload, m))
        return false;
    m->reload.listen = entrance_listens;
    service_init(&m->service, m->crew, seat->notify);
    script_watch_init(&m->script_watch, &m->reload);
    upgrading_init(m);
    m->crew->on_event = master_on_crew;
    m->crew->leave = master_leave;
    m->crew->arg = m;
    master_init_watchers(m);
    saver_init(&m->saver, m->loop, o->state_dir, master_leave, m);
    spool_child_init(&m->spool_child, m->loop);
    m->spool_child.counts = spool_child_counts(m->board->master);
    m->spool_child.leave = master_leave;
    m->spool_child.answer = master_on_spooler;
    m->spool_child.arg = m;
    return probation_init(&m->probation, m->crew, &m->reload, master_on_good, m);
}

static void master_release(struct master *m)
{
    if (m->probation.crew) { /* the last part: all others are there, too */
        master_let_go(m);
        http_stop(&m->http);
        script_watch_release(&m->script_watch);
        probation_release(&m->probation);
        reload_release(&m->reload);
    }
    overview_release(m);
    spool_child_release(&m->spool_child);
    if (m->crew) crew_destroy(m->crew);
    lookout_release(&m->lookout);
    rotation_release(&m->rotation);
    storage_release(&m->storage);
    board_destroy(m->board);
    doors_release(&m->doors);
    if (m->loop) ev_loop_destroy(m->loop);
}

int master_run(const struct master_seat *seat)
{
    struct master m;
    int code = EXIT_SYSTEM;
    if (master_init(&m, seat)) {
        options_log_workers(seat->options);
        master_open_spools(&m, seat->options->script_fd);
        crew_start(m.crew);
        ev_run(m.loop, 0);
        code = m.exit_code;
    } else {
        log_error("master: not started: out of memory or descriptors: give it more");
    }
    master_release(&m);
    return code;
}
