#include "daemon/worker.h"

#include <errno.h>
#include <ev.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "client/client.h"
#include "client/turn.h"
#include "daemon/channel.h"
#include "daemon/listener.h"
#include "daemon/names.h"
#include "daemon/process.h"
#include "daemon/source.h"
#include "daemon/stats.h"
#include "script/modules.h"
#include "script/script.h"

enum {
    ARENA = 1024 * 1024,
    HANDED_AT_ONCE = 64, /* clients taken over in one turn */
};

static const double SWEEP_EVERY = 1.0; /* seconds */
static const double PAUSE = 0.1;       /* seconds without accepting when descriptors ran out */
static const double DRAIN_LOOK = 0.02; /* seconds between looks at how the drain goes */
static const double LINGER = 1.0; /* seconds that answered clients have for closing their side */

struct worker {
    const struct worker_seat *seat;
    struct board_row *row;  /* this worker's own counters */
    struct options options; /* the seat's, with what the script set */
    struct script_option settable[SCRIPT_OPTIONS];
    struct ev_loop *loop;
    struct arena arena;
    struct names names;
    struct backends backends;
    struct turn turn;
    struct script_host host;
    const char **listeners; /* their names, or addresses as given */
    struct script *script;
    struct script *pending; /* loaded, and used once the master says that all workers have it */
    void (*found)(
        struct worker *w); /* what comes when the pending script's discoveries have answered */
    ev_timer found_limit;
    bool reload_again; /* a SIGHUP came before the first script was in use */
    struct stats_source stats;
    ev_prepare before_sleep;
    ev_check after_sleep;
    ev_io channel;
    ev_io signals;
    ev_io *accepts; /* one a listener, in a single process */
    ev_timer sweep;
    ev_timer resume_accept;
    ev_timer drain;
    uint64_t user_us_before, system_us_before; /* of the workers that were in this seat before */
    bool draining;
    double drain_until;  /* INFINITY: no limit */
    double linger_until; /* when clients that were answered are closed; moves while any is not */
    int exit_code;
};

static void set_now(struct worker *w)
{
    w->turn.now = w->backends.now = process_clock();
}

/* After what may have taken long: else what is timed from here on would have begun before it. */
static void look_at_clock(struct worker *w)
{
    ev_now_update(w->loop);
    set_now(w);
}

static void stop(struct worker *w, int code)
{
    w->exit_code = code;
    ev_break(w->loop, EVBREAK_ALL);
}

/* --- the script -------------------------------------------------------------------------------- */

struct script *worker_load(const struct script_host *host, const char *path, int fd,
                           uint32_t generation, char *error)
{
    size_t len = 0;
    char *text = path ? source_read(fd, &len) : NULL;
    struct script *s = NULL;
    if (path && !text)
        snprintf(error, SCRIPT_ERROR_MAX, "%s: %s", path, strerror(errno));
    else
        s = script_load(host, path, text, len, generation, error);
    free(text);
    return s;
}

/* fd: the script's text, see source; -1: the built-in one. */
static struct script *load_script(struct worker *w, int fd, uint32_t generation, char *error)
{
    struct script *s = worker_load(&w->host, w->seat->options->script, fd, generation, error);
    look_at_clock(w);
    if (!s) backends_sweep(&w->backends);
    return s;
}

static const char *script_name(const struct worker *w)
{
    const char *path = w->seat->options->script;
    return path ? path : "moongate/servers.lua";
}

static struct turn_limits limits_of(const struct options *o)
{
    return (struct turn_limits){.allow_flush = (enum turn_flush)o->allow_flush,
                                .max_value = o->max_value,
                                .client_buffer = o->client_buffer};
}

void worker_options(struct options *o, const struct script *s)
{
    double value;
    for (uint32_t at = 0; at < SCRIPT_OPTIONS; at++)
        if (script_option(s, at, &value)) options_set(o, at, value);
}

/* What the script does not set is as the command line says. */
static void apply_options(struct worker *w, struct script *s)
{
    struct options *o = &w->options;
    *o = *w->seat->options;
    worker_options(o, s);
    w->turn.limits = limits_of(o);
    script_set_max_value(s, o->max_value);
    log_setup((enum log_format)o->log_format, o->verbose);
    w->seat->board->parts[w->seat->index].wishes =
        (struct board_wishes){o->drain_timeout, o->max_conns, o->verbose};
}

static void adopt_script(struct worker *w, struct script *s)
{
    if (w->script) script_stop_timers(w->script);
    w->script = s;
    apply_options(w, s);
    w->turn.trace = script_trace;
    w->row->generation = script_generation(s);
    backends_start(&w->backends);
    turn_adopt(&w->turn, script_routes(s));
    script_start_timers(s);
    backends_sweep(&w->backends);
}

static void drop_pending(struct worker *w)
{
    w->found = NULL;
    ev_timer_stop(w->loop, &w->found_limit);
    if (!w->pending) return;
    script_destroy(w->pending);
    w->pending = NULL;
    backends_sweep(&w->backends);
}

/* A reload's first step: the new script stands beside the one in use. False, and why, when it does
 * not load. */
static bool load_pending(struct worker *w, int fd, uint32_t generation, char *error)
{
    drop_pending(w);
    w->pending = load_script(w, fd, generation, error);
    return w->pending;
}

static void end_wait(struct worker *w)
{
    void (*found)(struct worker * w) = w->found;
    uint32_t open = discoveries_open(&w->names.discoveries);
    w->found = NULL;
    ev_timer_stop(w->loop, &w->found_limit);
    if (open)
        log_warn("script %s: does not wait for the first answer of %u discover%s any longer",
                 script_name(w), open, open == 1 ? "y" : "ies");
    found(w);
}

static void on_found_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    end_wait(timer->data);
}

/* The pending script goes on once its pools know their servers, so that a reload makes no gap: at once where there is nothing
 * new to be discovered, and after --discover-wait at the latest. */
static void wait_for_servers(struct worker *w, void (*found)(struct worker *w))
{
    w->found = found;
    if (!discoveries_open(&w->names.discoveries)) {
        end_wait(w);
        return;
    }
    ev_timer_set(&w->found_limit, w->seat->options->discover_wait, 0);
    ev_timer_start(w->loop, &w->found_limit);
}

/* Its second step, in which nothing can fail. */
static void switch_to_pending(struct worker *w)
{
    struct script *s = w->pending;
    w->pending = NULL;
    adopt_script(w, s);
    log_info("script %s: generation %u loaded", script_name(w), script_generation(s));
}

static void switch_alone(struct worker *w)
{
    switch_to_pending(w);
    log_info("reloaded: generation %u", script_generation(w->script));
}

/* Without a master: reads the file again itself, and both steps are one. */
static void reload_alone(struct worker *w)
{
    char error[SCRIPT_ERROR_MAX];
    const char *path = w->seat->options->script;
    int fd = path ? source_open(path) : -1;
    uint32_t generation = script_generation(w->script);
    bool is_read = fd >= 0 || !path;
    if (!is_read) snprintf(error, sizeof error, "%s", strerror(errno));
    if (is_read && load_pending(w, fd, generation + 1, error)) {
        wait_for_servers(w, switch_alone);
    } else {
        log_error("script %s: not loaded: %s; generation %u goes on", script_name(w), error,
                  generation);
    }
    if (fd >= 0) close(fd);
}

/* --- drain ------------------------------------------------------------------------------------- */

static void begin_drain(struct worker *w, double limit)
{
    if (w->draining) return;
    w->draining = true;
    w->drain_until = w->turn.now + limit;
    w->linger_until = w->turn.now + LINGER;
    for (struct client *c = w->turn.clients, *next; c; c = next) {
        next = c->next;
        client_drain(c);
    }
    ev_timer_start(w->loop, &w->drain);
}

static bool all_answered(const struct worker *w)
{
    for (const struct client *c = w->turn.clients; c; c = c->next) {
        if (c->state != CLIENT_LINGERING) return false;
    }
    return backends_in_flight(&w->backends) == 0 && !w->turn.flows; /* functions that wait, too */
}

static void look_at_drain(struct worker *w)
{
    if (!w->draining) return;
    if (!all_answered(w)) {
        w->linger_until = w->turn.now + LINGER;
        if (w->turn.now < w->drain_until) return;
        log_warn("drain: cut short: %u clients, %llu calls in flight", w->turn.clients_n,
                 (unsigned long long)backends_in_flight(&w->backends));
    } else if (w->turn.clients && w->turn.now < w->linger_until && w->turn.now < w->drain_until) {
        return;
    }
    stop(w, EXIT_OK);
}

static void on_drain_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    look_at_drain(timer->data);
}

/* --- orders from the master -------------------------------------------------------------------- */

static void tell_master(struct worker *w, enum channel_message_type type, uint32_t generation,
                        const char *text)
{
    if (channel_send_text(w->seat->channel, type, generation, text) != CHANNEL_OK)
        log_warn("master: not told of generation %u: its channel is full or closed", generation);
}

static void tell_loaded(struct worker *w)
{
    uint32_t generation = script_generation(w->pending);
    tell_master(w, CHANNEL_LOADED, generation, "");
    log_debug("script %s: generation %u waits for the other workers", script_name(w), generation);
}

static void obey_load(struct worker *w, int fd, uint32_t generation)
{
    char error[SCRIPT_ERROR_MAX];
    if (load_pending(w, fd, generation, error)) {
        wait_for_servers(w, tell_loaded);
    } else {
        tell_master(w, CHANNEL_KEPT, generation, error);
    }
}

static void obey_switch(struct worker *w, uint32_t generation)
{
    if (!w->pending || script_generation(w->pending) != generation) {
        log_warn("master: generation %u is not here to switch to", generation);
        return;
    }
    switch_to_pending(w);
    tell_master(w, CHANNEL_SWITCHED, generation, "");
}

static void take_client(struct worker *w, int fd, uint32_t listener)
{
    if (fd < 0) {
        /* It counts as gone, so that the master's sum stays right. */
        w->row->total_connections++;
        w->row->closed_connections++;
        log_warn("client: lost on the way: this worker has no descriptor free; raise the limit "
                 "(ulimit -n)");
        return;
    }
    struct client *c = client_create(&w->turn, fd);
    c->listener = listener;
    if (w->draining) client_drain(c);
}

static void take_order(struct worker *w, const struct channel_message *m, int fd)
{
    switch (m->type) {
    case CHANNEL_CLIENT: take_client(w, fd, m->number); return;
    case CHANNEL_LOAD: obey_load(w, fd, m->number); break;
    case CHANNEL_SWITCH: obey_switch(w, m->number); break;
    case CHANNEL_DROP: drop_pending(w); break;
    case CHANNEL_DRAIN: begin_drain(w, m->number ? m->number / 1000.0 : INFINITY); break;
    case CHANNEL_QUIT: stop(w, EXIT_OK); break;
    default: log_warn("master: order %u is not known", m->type); break;
    }
    if (fd >= 0) close(fd);
}

static void on_channel(struct ev_loop *loop, ev_io *io, int events)
{
    struct worker *w = io->data;
    (void)loop;
    (void)events;
    for (int i = 0; i < HANDED_AT_ONCE; i++) {
        struct channel_message m;
        int fd = -1;
        switch (channel_receive(io->fd, &m, &fd)) {
        case CHANNEL_OK: take_order(w, &m, fd); break;
        case CHANNEL_AGAIN: return;
        case CHANNEL_CLOSED:
            log_warn("master: gone: this worker ends");
            stop(w, EXIT_SYSTEM);
            return;
        }
    }
}

/* --- signals ----------------------------------------------------------------------------------- */

static void drain_by_signal(struct worker *w, const char *name, bool limited)
{
    double limit = w->options.drain_timeout;
    if (w->draining) {
        /* With a master, its own order and a signal to the whole group may both come. */
        if (w->seat->channel < 0) stop(w, EXIT_OK);
        return;
    }
    if (limited)
        log_info("draining: %s, at most %g s", name, limit);
    else
        log_info("draining: %s, without limit", name);
    begin_drain(w, limited ? limit : INFINITY);
}

static void take_signal(struct worker *w, int number)
{
    switch (number) {
    case SIGTERM: drain_by_signal(w, "SIGTERM", true); break;
    case SIGINT: drain_by_signal(w, "SIGINT", true); break;
    case SIGQUIT: drain_by_signal(w, "SIGQUIT", false); break;
    default:
        if (w->draining)
            log_info("reload: ignored: draining");
        else if (!w->script)
            w->reload_again = true;
        else
            reload_alone(w);
        break;
    }
}

static void on_signal(struct ev_loop *loop, ev_io *io, int events)
{
    struct signalfd_siginfo info;
    (void)loop;
    (void)events;
    while (read(io->fd, &info, sizeof info) == sizeof info)
        take_signal(io->data, (int)info.ssi_signo);
}

/* Signals come as bytes on a descriptor; under a master only SIGTERM counts, the rest is the master's business. */
static int open_signals(const struct worker *w)
{
    static const int alone[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < (w->seat->channel < 0 ? 4 : 1); i++) sigaddset(&set, alone[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* --- accepting, in a single process ------------------------------------------------------------ */

static void watch_listeners(struct worker *w, bool on)
{
    for (size_t i = 0; w->accepts && i < w->seat->listeners->n; i++) {
        if (on)
            ev_io_start(w->loop, &w->accepts[i]);
        else
            ev_io_stop(w->loop, &w->accepts[i]);
    }
}

static void on_accept(struct ev_loop *loop, ev_io *io, int events)
{
    struct worker *w = io->data;
    const struct listener *l = &w->seat->listeners->items[io - w->accepts];
    int fd;
    (void)events;
    for (int i = 0; i < HANDED_AT_ONCE; i++) {
        switch (listener_accept(l, &fd)) {
        case ACCEPT_AGAIN: return;
        case ACCEPT_PAUSE:
            watch_listeners(w, false);
            ev_timer_again(loop, &w->resume_accept);
            return;
        case ACCEPT_OK:
            if (w->turn.clients_n < w->options.max_conns) {
                client_create(&w->turn, fd)->listener = l->number;
            } else {
                w->row->rejected_connections++;
                listener_refuse(fd);
            }
            break;
        }
    }
}

static void on_resume_accept(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct worker *w = timer->data;
    (void)events;
    ev_timer_stop(loop, timer);
    if (!w->draining) watch_listeners(w, true);
}

static void open_listeners(struct worker *w)
{
    struct listeners *l = w->seat->listeners;
    w->accepts = calloc(l->n, sizeof *w->accepts);
    if (!w->accepts) abort();
    for (size_t i = 0; i < l->n; i++) {
        ev_io_init(&w->accepts[i], on_accept, l->items[i].fd, EV_READ);
        w->accepts[i].data = w;
    }
    watch_listeners(w, true);
}

/* --- the loop ---------------------------------------------------------------------------------- */

static void on_before_sleep(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    struct worker *w = prepare->data;
    (void)loop;
    (void)events;
    if (w->found && !discoveries_open(&w->names.discoveries)) end_wait(w);
    turn_end(&w->turn);
    if (w->draining) {
        watch_listeners(w, false);
        look_at_drain(w);
    }
}

static void on_after_sleep(struct ev_loop *loop, ev_check *check, int events)
{
    (void)loop;
    (void)events;
    set_now(check->data);
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
    count_time(w);
}

static void watch_loop(struct worker *w)
{
    ev_prepare_init(&w->before_sleep, on_before_sleep);
    ev_check_init(&w->after_sleep, on_after_sleep);
    ev_set_priority(&w->after_sleep, EV_MAXPRI); /* first of a turn: all others read the time */
    ev_timer_init(&w->sweep, on_sweep, SWEEP_EVERY, SWEEP_EVERY);
    ev_timer_init(&w->drain, on_drain_timer, DRAIN_LOOK, DRAIN_LOOK);
    ev_init(&w->found_limit, on_found_limit);
    ev_init(&w->resume_accept, on_resume_accept);
    w->resume_accept.repeat = PAUSE;
    w->before_sleep.data = w->after_sleep.data = w->sweep.data = w->drain.data =
        w->resume_accept.data = w->found_limit.data = w;
    ev_prepare_start(w->loop, &w->before_sleep);
    ev_check_start(w->loop, &w->after_sleep);
    ev_timer_start(w->loop, &w->sweep);
}

static void watch_fd(struct worker *w, ev_io *io, void (*callback)(struct ev_loop *, ev_io *, int),
                     int fd)
{
    ev_io_init(io, callback, fd, EV_READ);
    io->data = w;
    ev_io_start(w->loop, io);
}

/* --- life -------------------------------------------------------------------------------------- */

/* What scripts call the listeners. */
static const char **listener_names(const struct options *o)
{
    const char **names = calloc(o->bind.n + 1, sizeof *names);
    if (!names) abort();
    for (size_t i = 0; i < o->bind.n; i++) {
        const char *name;
        size_t len;
        option_named_address(o->bind.items[i], &name, &len);
        names[i] = strndup(name, len ? len : strlen(name));
        if (!names[i]) abort();
    }
    return names;
}

static void release_names(const char **names)
{
    for (const char **name = names; *name; name++) free((char *)*name);
    free(names);
}

static void worker_init(struct worker *w, const struct worker_seat *seat, bool connects)
{
    const struct options *o = seat->options;
    struct turn_limits limits = limits_of(o);
    struct board_worker *part = &seat->board->parts[seat->index];
    *w = (struct worker){.seat = seat, .row = &part->row, .options = *o, .exit_code = EXIT_SYSTEM};
    w->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (!w->loop) {
        log_error("event loop: not made: %s", strerror(errno));
        abort();
    }
    arena_init(&w->arena, ARENA);
    names_init(&w->names, connects ? w->loop : NULL, o);
    backends_init(&w->backends, connects ? w->loop : NULL, &w->arena, part);
    w->backends.resolver = &w->names.resolver;
    w->backends.discoveries = &w->names.discoveries;
    turn_init(&w->turn, w->loop, &w->arena, &w->backends, w->row, &limits);
    w->stats = (struct stats_source){.board = seat->board,
                                     .options = &w->options,
                                     .script = &w->script,
                                     .pid = seat->channel < 0 ? getpid() : getppid()};
    w->user_us_before = w->row->user_us;
    w->system_us_before = w->row->system_us;
    w->turn.stats = stats_answer;
    w->turn.about = &w->stats;
    set_now(w);
    w->listeners = listener_names(o);
    options_settable(w->settable);
    w->host = (struct script_host){.backends = &w->backends,
                                   .arena = &w->arena,
                                   .row = w->row,
                                   .turn = &w->turn,
                                   .max_value = o->max_value,
                                   .connections = o->connections,
                                   .servers = o->servers.items,
                                   .servers_n = o->servers.n,
                                   .listeners = w->listeners,
                                   .listeners_n = o->bind.n,
                                   .metrics = &part->metrics,
                                   .shared = seat->board->shared,
                                   .worker = seat->index,
                                   .workers = o->single_process ? 1 : o->workers,
                                   .options = w->settable,
                                   .lua_dir = o->lua_dir,
                                   .jit = !o->no_jit,
                                   .unsafe = o->unsafe_lua};
    if (!o->no_jit && !script_jit_is_possible()) {
        w->host.jit = false;
        log_warn("script: compiled code is not allowed here (MemoryDenyWriteExecute?): it is "
                 "interpreted");
    }
    srand48((long)getpid() ^ (long)(w->turn.now * 1e6));
}

static void worker_release(struct worker *w)
{
    turn_release(&w->turn);
    drop_pending(w);
    backends_release(&w->backends);
    names_release(&w->names);
    arena_release(&w->arena);
    release_names(w->listeners);
    free(w->accepts);
    if (w->signals.fd > 0) close(w->signals.fd);
    ev_loop_destroy(w->loop);
}

/* The first script is in use from now on: clients may come. */
static void become_ready(struct worker *w)
{
    struct script *s = w->pending;
    w->pending = NULL;
    adopt_script(w, s);
    w->row->ready = 1;
    if (w->seat->channel >= 0) {
        watch_fd(w, &w->channel, on_channel, w->seat->channel);
        tell_master(w, CHANNEL_READY, w->seat->generation, "");
    } else {
        open_listeners(w);
        log_info("ready: single process");
        if (w->reload_again) reload_alone(w);
    }
}

static int serve(struct worker *w)
{
    char error[SCRIPT_ERROR_MAX];
    w->pending = load_script(w, w->seat->script_fd, w->seat->generation, error);
    if (!w->pending) {
        log_error("script %s: not loaded: %s", script_name(w), error);
        return EXIT_SCRIPT;
    }
    int signals = open_signals(w);
    if (signals < 0) {
        log_error("signals: not caught: %s", strerror(errno));
        return EXIT_SYSTEM;
    }
    watch_loop(w);
    watch_fd(w, &w->signals, on_signal, signals);
    wait_for_servers(w, become_ready);
    ev_run(w->loop, 0);
    if (w->draining && w->seat->channel < 0) log_info("drained");
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

struct worker *worker_open(const struct options *options, backend_dial_fn *dial, void *dials_for)
{
    struct worker *w = calloc(1, sizeof *w);
    struct worker_seat *seat = calloc(1, sizeof *seat);
    if (!w || !seat) abort();
    *seat = (struct worker_seat){.options = options,
                                 .board = board_create(1, options->shared_memory),
                                 .script_fd = -1,
                                 .channel = -1};
    if (!seat->board) {
        free(seat);
        free(w);
        return NULL;
    }
    worker_init(w, seat, !dial);
    w->backends.loop = w->loop;
    w->backends.dial = dial;
    w->backends.dials_for = dials_for;
    watch_loop(w);
    return w;
}

void worker_close(struct worker *w)
{
    struct worker_seat *seat = (struct worker_seat *)w->seat;
    worker_release(w);
    board_destroy(seat->board);
    free(seat);
    free(w);
}

bool worker_use(struct worker *w, const char *path, const char *text, size_t len,
                const struct option_list *servers, char *error)
{
    struct script_host host = w->host;
    uint32_t generation = w->script ? script_generation(w->script) + 1 : 1;
    host.servers = servers->items;
    host.servers_n = servers->n;
    struct script *s = script_load(&host, path, text, len, generation, error);
    if (s)
        adopt_script(w, s);
    else
        backends_sweep(&w->backends);
    return s;
}

struct worker_parts worker_parts(struct worker *w)
{
    return (struct worker_parts){w->loop, &w->backends, &w->turn, w->script};
}

int worker_rehearse(const struct options *options, worker_act_fn *act, void *arg)
{
    struct board *board = board_create(1, options->shared_memory);
    struct worker_seat seat = {.options = options, .board = board, .channel = -1};
    struct worker w;
    if (!board) {
        fprintf(stderr, "moongate: counters: not mapped: %s: give the process more memory\n",
                strerror(errno));
        return EXIT_SYSTEM;
    }
    worker_init(&w, &seat, false);
    int code = act(arg, &w.host, &w.turn);
    worker_release(&w);
    board_destroy(board);
    return code;
}

struct checking {
    const struct options *options;
    bool quiet;
};

static int check_script(void *arg, const struct script_host *host, struct turn *turn)
{
    const struct checking *k = arg;
    char error[SCRIPT_ERROR_MAX];
    struct script *s = worker_load(host, k->options->script, k->options->script_fd, 1, error);
    (void)turn;
    if (!s) {
        fprintf(stderr, "%s\n", error);
        return EXIT_SCRIPT;
    }
    if (!k->quiet) script_describe(s, stdout);
    script_destroy(s);
    return EXIT_OK;
}

int worker_check(const struct options *options, bool quiet)
{
    struct checking k = {options, quiet};
    return worker_rehearse(options, check_script, &k);
}

int worker_print_script(void)
{
    fputs(script_servers_text, stdout);
    return EXIT_OK;
}
