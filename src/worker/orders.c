#include "worker/orders.h"

#include <math.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "client/client.h"
#include "net/socket.h"
#include "worker/alone.h"
#include "worker/channel.h"
#include "worker/orphan.h"
#include "worker/worker_state.h"

enum { ORDERS_A_TURN = 64 }; /* so that many new clients do not hold up the ones that are here */

static void watch_fd(struct worker *w, ev_io *io, void (*callback)(struct ev_loop *, ev_io *, int),
                     int fd)
{
    ev_io_init(io, callback, fd, EV_READ);
    io->data = w;
    ev_io_start(w->loop, io);
}

/* --- from the master --------------------------------------------------------------------------- */

/* A message that does not arrive is logged; the master notices by its own time limits. */
static void tell_master(struct worker *w, enum channel_message_type type, uint32_t generation,
                        const char *text)
{
    if (channel_send_text(w->seat->channel, type, generation, text) != CHANNEL_OK)
        log_warn("master: not told of generation %u: its channel is full or closed", generation);
}

static void tell_loaded(struct worker *w)
{
    uint32_t generation = script_generation(w->succession.pending);
    tell_master(w, CHANNEL_LOADED, generation, "");
    log_debug("script %s: generation %u waits for the other workers", succession_name(w),
              generation);
}

/* A succession_loaded_fn. */
static void take_loaded(struct worker *w, uint32_t generation, const char *error)
{
    if (error)
        tell_master(w, CHANNEL_KEPT, generation, error);
    else
        succession_wait(w, tell_loaded);
}

static void obey_switch(struct worker *w, uint32_t generation)
{
    if (!w->succession.pending || script_generation(w->succession.pending) != generation) {
        log_warn("master: generation %u is not here to switch to", generation);
        return;
    }
    succession_switch(w);
    tell_master(w, CHANNEL_SWITCHED, generation, "");
}

/* The successor runs the timers from now on: they must not run twice. */
static void obey_retire(struct worker *w, double limit)
{
    script_stop_timers(w->succession.script);
    drain_retire(w, limit);
}

/* I15: the master keeps its copy of the descriptor until the board says who has the client. One that is taken too late belongs to
 * another worker already. */
static void take_client(struct worker *w, int fd, const struct channel_message *m)
{
    entrances_learn(w, m->number, channel_text(m, CLIENT_LABEL));
    if (!arrivals_take(&w->arrivals, fd >= 0 && process_has_room(fd))) {
        if (fd >= 0) close(fd);
        return;
    }
    struct client *c = client_create(&w->clients, entrances_newcomer(w, m, fd));
    drain_take(w, c);
}

/* What it records is sent to fd, which is -1 where the recording is over. */
static void obey_record(struct worker *w, int fd, const char *text)
{
    struct feed_settings settings;
    if (fd < 0) {
        feed_end(&w->clients.feed, w->turn.now);
    } else if (feed_settings_read(&settings, text)) {
        feed_begin(&w->clients.feed, fd, &settings, w->seat->index, w->turn.now);
    } else {
        log_warn("master: order to record is not understood: %s", text);
        close(fd);
    }
}

/* A hint only: the master looks at the board now and then anyway. */
static void tell_taken(struct worker *w, uint64_t offered_before)
{
    if (w->arrivals.offered > offered_before)
        (void)channel_send(w->seat->channel, CHANNEL_TAKEN, 0, -1);
}

static void take_order(struct worker *w, const struct channel_message *m, int fd)
{
    switch (m->type) {
    case CHANNEL_CLIENT: take_client(w, fd, m); return;
    case CHANNEL_LOAD: succession_begin(w, fd, m->number, take_loaded); return;
    case CHANNEL_RECORD: obey_record(w, fd, m->text); return;
    case CHANNEL_SWITCH: obey_switch(w, m->number); break;
    case CHANNEL_DROP: succession_drop(w); break;
    case CHANNEL_DRAIN: drain_begin(w, m->number ? m->number / 1000.0 : INFINITY); break;
    case CHANNEL_RETIRE: obey_retire(w, m->number / 1000.0); break;
    case CHANNEL_QUIT: worker_stop(w, EXIT_OK); break;
    case CHANNEL_ASK: answers_take(w, m->number, m->text); break;
    case CHANNEL_STEER: answers_steer(w, m->number, m->text); break;
    default: log_warn("master: order %u is not known", m->type); break;
    }
    if (fd >= 0) close(fd);
}

static void on_channel(struct ev_loop *loop, ev_io *io, int events)
{
    struct worker *w = io->data;
    uint64_t offered_before = w->arrivals.offered;
    enum channel_status status = CHANNEL_OK;
    (void)loop;
    for (int i = 0; i < ORDERS_A_TURN && status == CHANNEL_OK; i++) {
        struct channel_message m;
        int fd = -1;
        status = channel_receive(io->fd, &m, &fd);
        if (status == CHANNEL_OK) take_order(w, &m, fd);
    }
    tell_taken(w, offered_before);
    if (status == CHANNEL_CLOSED || events & EV_ERROR) /* libev has stopped the watcher then */
        orphan_begin(w, status == CHANNEL_CLOSED ? "gone" : SOCKET_NOT_WATCHED);
}

void orders_watch_master(struct worker *w)
{
    watch_fd(w, &w->channel, on_channel, w->seat->channel);
    tell_master(w, CHANNEL_READY, w->seat->generation, "");
}

/* --- signals ----------------------------------------------------------------------------------- */

static void drain_by_signal(struct worker *w, const char *name, bool limited)
{
    double limit = w->options.drain_timeout;
    if (w->drain.is_on) {
        worker_stop(w, EXIT_OK);
        return;
    }
    if (limited)
        log_info("draining: %s, at most %g s", name, limit);
    else
        log_info("draining: %s, without limit", name);
    drain_begin(w, limited ? limit : INFINITY);
}

/* The master sends RETIRE when the successor is ready. */
static void ask_to_leave(struct worker *w)
{
    if (channel_send(w->seat->channel, CHANNEL_LEAVING, 0, -1) != CHANNEL_OK)
        log_warn("SIGTERM: the master could not be told: send it again");
}

static void take_signal(struct worker *w, int number)
{
    switch (number) {
    case SIGTERM:
        if (w->drain.is_orphan)
            log_info("SIGTERM: this worker drains already");
        else if (w->seat->channel >= 0)
            ask_to_leave(w);
        else
            drain_by_signal(w, "SIGTERM", true);
        break;
    case SIGINT: drain_by_signal(w, "SIGINT", true); break;
    case SIGQUIT: drain_by_signal(w, "SIGQUIT", false); break;
    case SIGUSR1: log_reopen(); break;
    case SIGUSR2:
        log_warn(
            "upgrade: SIGUSR2: not done: with --single-process there is none: restart instead");
        break;
    default:
        if (w->drain.is_on)
            log_info("reload: ignored: draining");
        else if (!w->succession.script)
            w->succession.reload_again = true;
        else
            alone_reload(w);
        break;
    }
}

static void on_signal(struct ev_loop *loop, ev_io *io, int events)
{
    struct signalfd_siginfo info;
    (void)loop;
    while (read(io->fd, &info, sizeof info) == sizeof info)
        take_signal(io->data, (int)info.ssi_signo);
    if (!(events & EV_ERROR)) return;
    log_warn("signals cannot be received: %s: this worker ends", SOCKET_NOT_WATCHED);
    worker_stop(io->data, EXIT_SYSTEM);
}

/* Signals come through a descriptor, so that they interrupt nothing. Under a master only SIGTERM is taken, and the master decides. */
static int open_signals(const struct worker *w)
{
    static const int alone[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < (w->seat->channel < 0 ? 6 : 1); i++) sigaddset(&set, alone[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

bool orders_watch_signals(struct worker *w)
{
    int fd = open_signals(w);
    if (fd < 0) return false;
    watch_fd(w, &w->signals, on_signal, fd);
    return true;
}
