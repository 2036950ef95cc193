/* A worker: one process, one loop, one script, its clients and its connections to servers. It shares the board with the other workers and
 * nothing else, so that whatever its script does costs this process alone.
 *
 * Its loop has two watchers that frame each turn. on_after_sleep runs first when the loop wakes: it reads the clock once, and all that is
 * timed in this turn goes by that time; so a clock that is set, or a turn that takes long, times nothing out. on_before_sleep runs last:
 * it ends the turn (client/clients.h), looks at what was handed over, and at the drain. Between them the callbacks of clients,
 * servers, the resolver, the script's timers and the master's orders only gather work. Nothing in a turn waits.
 *
 * A worker's life: worker_init builds all parts, lowest floor first. serve loads the first script, waits for the first answers of its
 * discoveries (succession_wait), and only then is ready: with a master it says READY, without one it opens the listeners itself. From
 * then on it does what orders bring: clients, reloads (succession.c), the end (drain.c). worker_release takes the parts down in the
 * opposite order: clients first, since they are owed outcomes; then the turn with its flows and scripts; then servers and names.
 *
 * Commands use a worker too, without clients or servers (worker_tools.h): what a script would do there is what it does in the daemon.
 */
#include "worker/worker.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "client/clients.h"
#include "client/heating.h"
#include "worker/alone.h"
#include "worker/heartbeat.h"
#include "worker/host.h"
#include "worker/orders.h"
#include "worker/orphan.h"
#include "worker/worker_state.h"

enum { ARENA = 1024 * 1024 };

static const double SWEEP_EVERY = 1.0; /* seconds */
static const double SETTLE =
    0.5; /* seconds that a worker has for its servers before it takes another's place */

/* The time of this turn, for all parts. */
static void set_now(struct worker *w)
{
    w->turn.now = w->backends.now = process_clock();
}

void worker_look_at_clock(struct worker *w)
{
    ev_now_update(w->loop);
    set_now(w);
}

void worker_stop(struct worker *w, int code)
{
    w->exit_code = code;
    ev_break(w->loop, EVBREAK_ALL);
}

/* --- accepting, in a single process ------------------------------------------------------------ */

static void on_refused(void *arg)
{
    struct worker *w = arg;
    w->row->rejected_connections++;
    if (log_allows(&w->refusal_lines, w->turn.now))
        log_warn("client: refused: no descriptor is free; raise the limit (ulimit -n)");
}

static void take_accepted(void *arg, int fd, const struct listener *l)
{
    struct worker *w = arg;
    assert(fd >= 0 && w->seat->channel < 0);
    bool has_room = process_has_room(fd);
    if (has_room && w->clients.n < w->options.max_conns) {
        entrances_learn(w, l->number, labels_text(w->seat->labels, l->number));
        client_create(
            &w->clients,
            (struct newcomer){.fd = fd, .listener = l->number, .rules = rules_take(l->rules)});
        return;
    }
    listener_refuse(fd, l->rules);
    if (has_room)
        w->row->rejected_connections++;
    else
        on_refused(w);
}

/* A doors_denied_fn. */
static void on_denied(void *arg)
{
    struct worker *w = arg;
    w->row->denied_connections++;
}

/* A doors_rested_fn. */
static void on_rested(void *arg)
{
    struct worker *w = arg;
    doors_watch(&w->doors, !w->drain.is_on);
}

static void open_doors(struct worker *w)
{
    struct doors_keeper keeper = {take_accepted, on_refused, on_rested, w, on_denied};
    if (!doors_init(&w->doors, w->loop, w->seat->listeners, keeper)) abort();
    doors_watch(&w->doors, true);
}

/* --- ready, with a master ---------------------------------------------------------------------- */

static void report_ready(struct worker *w)
{
    ev_timer_stop(w->loop, &w->settle);
    w->row->ready = 1;
    orders_watch_master(w);
}

static void on_settled(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    report_ready(timer->data);
}

/* The one that it relieves has its connections, and knows which servers are down. The same requests must not fare worse here. */
static void settle(struct worker *w)
{
    if (w->seat->relieves)
        ev_timer_start(w->loop, &w->settle);
    else
        report_ready(w);
}

static void settle_look(struct worker *w)
{
    if (ev_is_active(&w->settle) && backends_are_tried(&w->backends)) report_ready(w);
}

/* --- the loop ---------------------------------------------------------------------------------- */

static void on_before_sleep(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    struct worker *w = prepare->data;
    (void)loop;
    (void)events;
    assert(w->turn.now == w->backends.now);
    succession_look(w);
    settle_look(w);
    clients_end_turn(&w->clients);
    keeping_end_turn(w);
    arrivals_look(&w->arrivals);
    if (w->drain.is_on) doors_watch(&w->doors, false);
    drain_look(w);
    succession_go_on(w);
    heartbeat_sleeps(w);
    pace_end(&w->pace, process_clock(), w->row);
}

static void on_after_sleep(struct ev_loop *loop, ev_check *check, int events)
{
    (void)loop;
    (void)events;
    struct worker *w = check->data;
    heartbeat_wakes(w);
    set_now(w);
    sighting_look(&w->clients);
    pace_begin(&w->pace, w->turn.now);
}

/* Processor time of this process, for the board. */
static void count_time(struct worker *w)
{
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used) < 0) return;
    w->row->user_us = w->user_us_before + (uint64_t)used.ru_utime.tv_sec * 1000000 +
                      (uint64_t)used.ru_utime.tv_usec;
    w->row->system_us = w->system_us_before + (uint64_t)used.ru_stime.tv_sec * 1000000 +
                        (uint64_t)used.ru_stime.tv_usec;
}

static void on_sweep(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct worker *w = timer->data;
    (void)loop;
    (void)events;
    backends_sweep(&w->backends);
    succession_note_pools(w);
    certificates_look(w);
    keeping_look(w);
    count_time(w);
    if (w->seat->channel < 0) alone_look(w);
    log_catch_up();
}

void worker_watch_loop(struct worker *w)
{
    ev_prepare_init(&w->before_sleep, on_before_sleep);
    ev_check_init(&w->after_sleep, on_after_sleep);
    ev_set_priority(&w->after_sleep, EV_MAXPRI); /* first of a turn: all others read the time */
    ev_timer_init(&w->sweep, on_sweep, SWEEP_EVERY, SWEEP_EVERY);
    w->before_sleep.data = w->after_sleep.data = w->sweep.data = w;
    ev_prepare_start(w->loop, &w->before_sleep);
    ev_check_start(w->loop, &w->after_sleep);
    ev_timer_start(w->loop, &w->sweep);
}

/* --- life -------------------------------------------------------------------------------------- */

static struct turn_limits turn_limits(const struct options *o)
{
    return (struct turn_limits){.rules = {o->max_value, o->strict_keys, o->store > 0},
                                .function_bytes = o->client_buffer};
}

static struct clients_limits clients_limits(const struct options *o)
{
    uint64_t two_values = 2 * o->max_value; /* else one client could not send its own */
    return (struct clients_limits){.allow_flush = (enum clients_allow)o->allow_flush,
                                   .allow_dump = (enum clients_allow)o->allow_dump,
                                   .client_buffer = o->client_buffer,
                                   .input_buffer =
                                       o->input_buffer > two_values ? o->input_buffer : two_values,
                                   .keepalive = o->keepalive,
                                   .slow_log = o->slow_log,
                                   .idle_timeout = o->idle_timeout,
                                   .conns_per_address = o->max_conns_per_address,
                                   .conns_per_identity = o->max_conns_per_identity,
                                   .version_answer = o->version_answer,
                                   .nodes = o->advertised.nodes,
                                   .nodes_version = o->advertised.version};
}

void worker_set_limits(struct worker *w, const struct options *o)
{
    w->turn.limits = turn_limits(o);
    w->clients.limits = clients_limits(o);
    waits_follow(&w->clients);
    w->backends.streams = (struct stream_limits){o->stream_from, o->stream_window, !o->no_splice};
}

/* Without a master nobody would read the samples. */
static void init_sampling(struct worker *w, const struct worker_seat *seat)
{
    struct samples *samples = &seat->board->parts[seat->part].samples;
    if (seat->channel < 0 || seat->options->rehearse == 0) return;
    samples_begin(samples, seat->options->rehearse);
    sampling_init(&w->clients.sampling, samples);
}

/* Without a master nobody can watch: there is the slow log alone. */
static void init_sighting(struct worker *w, const struct worker_seat *seat)
{
    const struct board *board = seat->board;
    if (seat->channel < 0) return;
    sighting_init(&w->clients.sighting, &board->memory->filters[board->house],
                  &board->parts[seat->part].live);
}

void worker_init(struct worker *w, const struct worker_seat *seat, bool connects)
{
    const struct options *o = seat->options;
    struct turn_limits limits = turn_limits(o);
    struct clients_limits clients = clients_limits(o);
    struct board_worker *part = &seat->board->parts[seat->part];
    *w = (struct worker){
        .seat = seat,
        .row = &part->row,
        .heartbeat = &part->heartbeat,
        .options = *o,
        .exit_code = EXIT_SYSTEM,
        .refusal_lines.burst = 1,
    };
    w->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (!w->loop) {
        log_error("event loop: not made: %s", strerror(errno));
        abort();
    }
    arena_init(&w->arena, ARENA);
    names_init(&w->names, connects ? w->loop : NULL, o);
    backends_init(&w->backends, connects ? w->loop : NULL, &w->arena, part);
    w->backends.writer = board_writer(seat->board, seat->part);
    w->backends.resolver = &w->names.resolver;
    w->backends.discoveries = &w->names.discoveries;
    turn_init(&w->turn, w->loop, &w->arena, &w->backends, w->row, &limits);
    w->turn.stores = seat->stores;
    w->turn.heat = &seat->board->parts[seat->part].heat;
    clients_init(&w->clients, &w->turn, &clients);
    init_sampling(w, seat);
    init_sighting(w, seat);
    answers_init(w, seat->steering);
    w->stats = (struct stats_source){.board = seat->board,
                                     .clients = &w->clients,
                                     .options = &w->options,
                                     .script = &w->succession.script,
                                     .pid = seat->channel < 0 ? getpid() : getppid()};
    w->user_us_before = w->row->user_us;
    w->system_us_before = w->row->system_us;
    w->clients.stats = stats_answer;
    w->clients.about = &w->stats;
    w->clients.board = seat->board;
    w->clients.presence = &part->presence;
    arrivals_init(&w->arrivals, &part->handover);
    w->clients.shut = arrivals_close;
    w->clients.shuts_for = &w->arrivals;
    w->clients.secures = certificates_secure;
    w->clients.secures_for = w;
    ev_timer_init(&w->settle, on_settled, SETTLE, 0);
    w->settle.data = w;
    drain_init(w);
    succession_init(w);
    set_now(w);
    entrances_init(w);
    host_init(w);
    srand48((long)getpid() ^ (long)(w->turn.now * 1e6));
}

void worker_release(struct worker *w)
{
    clients_release(&w->clients);
    turn_release(&w->turn);
    keeping_release(w);
    storing_release(w);
    succession_release(w);
    backends_release(&w->backends);
    names_release(&w->names);
    outages_release(&w->outages);
    answers_release(w);
    arena_release(&w->arena);
    entrances_release(w);
    doors_release(&w->doors);
    if (w->signals.fd > 0) close(w->signals.fd);
    spool_child_release(&w->spool_child);
    ev_loop_destroy(w->loop);
}

/* I15: the first script is in use from now on, so clients may come. */
static void become_ready(struct worker *w)
{
    assert(w->succession.pending && !w->succession.script);
    succession_use(w);
    if (w->seat->channel >= 0) {
        settle(w);
    } else if (!w->drain.is_on) {
        w->row->ready = 1;
        open_doors(w);
        log_info("ready: single process");
        if (w->succession.reload_again) alone_reload(w);
    }
}

static int serve(struct worker *w)
{
    char error[SCRIPT_ERROR_MAX];
    if (w->seat->channel >= 0) {
        heartbeat_answers(w);
        orphan_prepare(w);
    }
    if (!succession_load(w, w->seat->script_fd, w->seat->generation, error)) {
        log_error("script %s: not loaded: %s", succession_name(w), error);
        return EXIT_SCRIPT;
    }
    if (w->seat->channel < 0) alone_spools(w, w->succession.pending);
    if (!orders_watch_signals(w)) {
        log_error("signals: not caught: %s", strerror(errno));
        return EXIT_SYSTEM;
    }
    keeping_init(w);
    storing_init(w);
    heating_begin(&w->clients, &w->seat->board->parts[w->seat->part].heat, w->turn.now,
                  (uint64_t)getpid());
    worker_watch_loop(w);
    succession_wait(w, become_ready);
    ev_run(w->loop, 0);
    if (w->drain.is_on && w->seat->channel < 0) log_info("drained");
    return w->exit_code;
}

int worker_run(const struct worker_seat *seat)
{
    struct worker w;
    char role[32];
    snprintf(role, sizeof role, "worker %u", seat->index);
    if (seat->channel >= 0) log_role(role);
    worker_init(&w, seat, true);
    int code = serve(&w);
    worker_release(&w);
    return code;
}
