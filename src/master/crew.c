/* Each worker has two slots, and so two places on the board. In quiet times one of them has the worker's process and the other is empty.
 * When the process is told to end (SIGTERM), its successor starts in the other slot; only when that one is ready does the old one
 * drain. So clients always have a worker that takes them, and each process counts on a row of its own.
 *
 * A slot's life: EMPTY -> STARTING (forked, loads the script) -> READY -> DRAINING (its successor is ready) -> EMPTY. From each state
 * a slot goes to LEAVING when its channel closes: the process is ending, or does something odd, and is killed if it does not end.
 * slot_enter is the only function that writes the state, and it closes the channel where the state has none.
 *
 * A process that ends is started again after a delay, which doubles while processes end before LIVED_WELL seconds.
 */
#include "master/crew.h"

#include "base/log.h"
#include "base/process.h"
#include "worker/worker.h"
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double BACKOFF_FIRST = 0.1, BACKOFF_MAX = 10; /* seconds; it doubles */
static const double LIVED_WELL = 10; /* a worker that got this old died of something new */
static const double LEAVE_LIMIT = 1; /* between closing the channel and the end of the process */
static const double KILL_AFTER = 1;  /* how long a process may outlive the limit of its drain */

/* --- a slot ----------------------------------------------------------------------------------- */

static bool slot_sane(const struct slot *s)
{
    bool open = s->state == SLOT_STARTING || s->state == SLOT_READY || s->state == SLOT_DRAINING;
    return (s->pid == 0) == (s->state == SLOT_EMPTY) && (s->channel >= 0) == open;
}

static uint64_t slot_closed(const struct slot *s)
{
    return __atomic_load_n(&s->crew->board->parts[s->part].row.closed_connections,
                           __ATOMIC_RELAXED);
}

uint64_t slot_clients(const struct slot *s)
{
    uint64_t closed = slot_closed(s) - s->closed_before;
    return s->handed > closed ? s->handed - closed : 0;
}

/* The other slot of the same worker. */
static struct slot *slot_other(const struct slot *s)
{
    return &s->crew->slots[s->part == s->index ? s->index + s->crew->n : s->index];
}

/* Its process is the worker or is about to be, so that no other is needed. */
static bool slot_serves(const struct slot *s)
{
    return s->state == SLOT_STARTING || s->state == SLOT_READY;
}

/* Derives what the channel is watched for. */
static void slot_watch(struct slot *s)
{
    struct ev_loop *loop = s->crew->loop;
    int events = s->channel >= 0 ? EV_READ | (s->owes_order ? EV_WRITE : 0) : 0;
    if (ev_is_active(&s->channel_watcher) &&
        (s->channel_watcher.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(loop, &s->channel_watcher);
    if (!events) return;
    ev_io_set(&s->channel_watcher, s->channel, events);
    ev_io_start(loop, &s->channel_watcher);
}

static void slot_enter(struct slot *s, enum slot_state state)
{
    s->state = state;
    if (s->channel >= 0 && (state == SLOT_EMPTY || state == SLOT_LEAVING)) {
        ev_io_stop(s->crew->loop, &s->channel_watcher);
        close(s->channel);
        s->channel = -1;
        s->owes_order = false;
        offers_withdraw(s);
    }
    assert(slot_sane(s));
    slot_watch(s);
}

static void slot_set_timer(struct slot *s, double seconds)
{
    ev_timer_stop(s->crew->loop, &s->timer);
    ev_timer_set(&s->timer, seconds, 0);
    ev_timer_start(s->crew->loop, &s->timer);
}

void slot_abandon(struct slot *s)
{
    assert(slot_sane(s) && s->channel >= 0);
    slot_enter(s, SLOT_LEAVING);
    if (!s->crew->retired) slot_set_timer(s, LEAVE_LIMIT);
}

/* Reports to the owner of the crew. */
static void slot_tell(struct slot *s, enum crew_event_type type, uint32_t number, const char *text)
{
    s->crew->on_event(s->crew->arg, type, s, number, text);
}

/* --- starting --------------------------------------------------------------------------------- */

/* Runs in the child, which has left all that was the master's. */
static _Noreturn void slot_work(struct slot *s, int end)
{
    struct crew *crew = s->crew;
    struct worker_seat seat = {.options = crew->options,
                               .board = crew->board,
                               .index = s->index,
                               .part = s->part,
                               .generation = crew->generation,
                               .script_fd = crew->script_fd,
                               .channel = end};
    int code = worker_run(&seat);
    fflush(NULL);
    _exit(code);
}

/* Returns the child's id, or -1 with errno and nothing changed. */
static pid_t slot_fork(struct slot *s)
{
    int ends[2];
    sigset_t mask;

    if (channel_create(ends) != 0) return -1;
    pid_t pid = process_fork(&mask);
    if (pid == 0) {
        close(ends[0]);
        s->crew->leave(s->crew->arg);
        process_begin(&mask, true);
        slot_work(s, ends[1]);
    }
    int saved = errno;
    close(ends[1]);
    if (pid < 0)
        close(ends[0]);
    else
        s->channel = ends[0];
    errno = saved;
    return pid;
}

/* The delay before the next try, which doubles the one after. The first worker that was stuck is replaced at once. */
static double slot_next_delay(struct slot *s, double lived)
{
    bool first = lived >= LIVED_WELL || s->backoff == 0;
    if (first) s->backoff = BACKOFF_FIRST;
    if (first && s->is_killed) return 0;
    double delay = s->backoff;
    s->backoff = delay * 2 < BACKOFF_MAX ? delay * 2 : BACKOFF_MAX;
    return delay;
}

static void slot_spawn(struct slot *s)
{
    assert(s->state == SLOT_EMPTY && slot_sane(s) && !s->owes_order);
    s->handed = 0;
    s->leaves = s->is_killed = false;
    s->watch = (struct watch){.turns = 0};
    heartbeat_begin(&s->crew->board->parts[s->part].heartbeat, s->crew->generation);
    offers_begin(s);
    s->closed_before = slot_closed(s);
    s->started = process_clock();
    pid_t pid = slot_fork(s);
    if (pid < 0) {
        double delay = slot_next_delay(s, 0);
        log_error("worker %u: not started: %s; next try in %g s", s->index, strerror(errno), delay);
        slot_set_timer(s, delay);
        return;
    }
    s->pid = s->crew->board->parts[s->part].pid = pid;
    s->spawns++;
    ev_child_set(&s->exit_watcher, pid, 0);
    ev_child_start(s->crew->loop, &s->exit_watcher);
    slot_enter(s, SLOT_STARTING);
    log_debug("worker %u[%d]: started", s->index, (int)pid);
}

/* --- replacing -------------------------------------------------------------------------------- */

static void slot_send_order(struct slot *s)
{
    if (!s->owes_order) return;
    int fd = s->order == CHANNEL_LOAD ? s->crew->trial_fd : -1;
    enum channel_status status = channel_send(s->channel, s->order, s->order_number, fd);
    s->owes_order = status == CHANNEL_AGAIN;
    if (status == CHANNEL_CLOSED) slot_abandon(s);
}

void crew_order(struct slot *s, enum channel_message_type type, uint32_t number)
{
    if (s->channel < 0) return;
    s->order = type;
    s->order_number = number;
    s->owes_order = true;
    slot_send_order(s);
    slot_watch(s);
}

/* Its successor is ready: it drains and gives its clients back. */
static void slot_retire(struct slot *s)
{
    assert(slot_serves(s) && slot_other(s)->state == SLOT_READY);
    double limit = s->crew->board->parts[s->part].wishes.drain_timeout;
    log_debug("worker %u[%d]: drains, at most %g s", s->index, (int)s->pid, limit);
    slot_enter(s, SLOT_DRAINING);
    slot_set_timer(s, limit + KILL_AFTER);
    crew_order(s, CHANNEL_RETIRE, (uint32_t)fmax(1, ceil(limit * 1000)));
    slot_tell(s, CREW_LEAVES, 0, "");
}

/* Starts the successor of s, unless the process before s still drains in that slot. */
static void slot_replace(struct slot *s)
{
    struct slot *next = slot_other(s);
    if (next->state == SLOT_EMPTY && !ev_is_active(&next->timer)) slot_spawn(next);
}

/* A worker has got SIGTERM. It serves on until its successor is ready. */
static void slot_wants_to_leave(struct slot *s)
{
    if (s->crew->retired || s->leaves || !slot_serves(s)) return;
    s->leaves = true;
    log_info("worker %u[%d]: SIGTERM: another one takes its place", s->index, (int)s->pid);
    slot_replace(s);
}

static void slot_is_ready(struct slot *s, uint32_t generation)
{
    struct slot *before = slot_other(s);
    if (s->state != SLOT_STARTING) return; /* reported twice, or it drains already */
    log_debug("worker %u[%d]: ready: generation %u", s->index, (int)s->pid, generation);
    slot_enter(s, SLOT_READY);
    slot_tell(s, CREW_READY, generation, "");
    if (before->leaves && slot_serves(before) && !s->crew->retired) slot_retire(before);
}

/* --- what the loop brings --------------------------------------------------------------------- */

static void slot_take_report(struct slot *s, const struct channel_message *m)
{
    switch (m->type) {
    case CHANNEL_READY: slot_is_ready(s, m->number); break;
    case CHANNEL_LEAVING: slot_wants_to_leave(s); break;
    case CHANNEL_TAKEN: offers_settle(s, true); break;
    case CHANNEL_LOADED: slot_tell(s, CREW_LOADED, m->number, ""); break;
    case CHANNEL_KEPT: slot_tell(s, CREW_KEPT, m->number, m->text); break;
    case CHANNEL_SWITCHED: slot_tell(s, CREW_SWITCHED, m->number, ""); break;
    default: log_warn("worker %u[%d]: report %u is unknown", s->index, (int)s->pid, m->type);
    }
}

/* I15: a client that a draining worker gave back goes to another one. */
static void slot_take_back(struct slot *s, int fd, uint32_t listener)
{
    if (fd >= 0)
        crew_hand(s->crew, fd, listener);
    else
        log_warn(
            "client: lost between two workers: no descriptor is free; raise the limit (ulimit -n)");
}

/* A report may make the owner give orders, and so close the channel: it is looked at each time. */
static void slot_take_reports(struct slot *s)
{
    while (s->channel >= 0) {
        struct channel_message message;
        int fd;
        enum channel_status status = channel_receive(s->channel, &message, &fd);
        if (status == CHANNEL_AGAIN) return;
        if (status == CHANNEL_CLOSED)
            slot_abandon(s);
        else if (message.type == CHANNEL_GIVEN)
            slot_take_back(s, fd, message.number);
        else
            slot_take_report(s, &message);
        if (fd >= 0 && message.type != CHANNEL_GIVEN) close(fd); /* reports have none */
    }
}

static void slot_on_channel(struct ev_loop *loop, ev_io *w, int events)
{
    struct slot *s = w->data;
    if (events & EV_ERROR && s->channel >= 0) slot_abandon(s); /* nothing would be heard of it */
    if (events & EV_READ) slot_take_reports(s);
    if (events & EV_WRITE && s->channel >= 0) {
        slot_send_order(s);
        slot_watch(s);
    }
    crew_hand_waiting(s->crew);
}

/* A process must be started in this slot: the worker has none, or the one in the other slot wants to end. */
bool slot_is_wanted(const struct slot *s)
{
    const struct slot *other = slot_other(s);
    return !s->crew->retired && (!slot_serves(other) || other->leaves);
}

/* Logs the end of a process, and starts another one later where one is wanted. */
static void slot_note_exit(struct slot *s, pid_t pid, int status)
{
    char how[32];
    process_status_print(status, how, sizeof how);
    if (slot_is_wanted(s)) {
        struct slot *other = slot_other(s);
        double delay = slot_next_delay(s, process_clock() - s->started);
        if (other->state == SLOT_EMPTY) ev_timer_stop(s->crew->loop, &other->timer);
        log_warn("worker %u[%d]: gone: %s; respawn in %g s", s->index, (int)pid, how, delay);
        slot_set_timer(s, delay);
    } else if (status == 0 && !s->crew->retired) {
        log_info("worker %u[%d]: gone: %s", s->index, (int)pid, how);
    } else if (status == 0) {
        log_debug("worker %u[%d]: gone: %s", s->index, (int)pid, how);
    } else {
        log_warn("worker %u[%d]: gone: %s", s->index, (int)pid, how);
    }
}

static void slot_on_exit(struct ev_loop *loop, ev_child *w, int events)
{
    struct slot *s = w->data;
    int status = w->rstatus;
    pid_t pid = s->pid;

    assert(slot_sane(s) && pid > 0);
    if (s->channel >= 0) slot_take_reports(s); /* what it still said before it went */
    ev_child_stop(loop, w);
    ev_timer_stop(loop, &s->timer);
    board_forget(s->crew->board, s->part, process_clock());
    s->pid = 0;
    slot_enter(s, SLOT_EMPTY);
    slot_note_exit(s, pid, status);
    slot_tell(s, CREW_GONE, (uint32_t)status, "");
    crew_hand_waiting(s->crew);
}

static void slot_on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    struct slot *s = w->data;
    if (s->state == SLOT_EMPTY) {
        if (slot_is_wanted(s)) slot_spawn(s);
    } else if (s->state == SLOT_DRAINING) {
        log_warn("worker %u[%d]: killed: not drained within the limit", s->index, (int)s->pid);
        kill(s->pid, SIGKILL);
    } else if (s->state == SLOT_LEAVING) {
        log_warn("worker %u[%d]: killed: its channel is closed but it lives", s->index,
                 (int)s->pid);
        kill(s->pid, SIGKILL);
    }
}

/* --- the crew --------------------------------------------------------------------------------- */

static void slot_init(struct slot *s, struct crew *crew, uint32_t part)
{
    s->crew = crew;
    s->index = part % crew->n;
    s->part = part;
    s->channel = -1;
    ev_init(&s->channel_watcher, slot_on_channel);
    ev_init(&s->timer, slot_on_timer);
    ev_child_init(&s->exit_watcher, slot_on_exit, 0, 0);
    s->channel_watcher.data = s->timer.data = s->exit_watcher.data = s;
}

struct crew *crew_create(struct ev_loop *loop, const struct options *o, struct board *board)
{
    struct crew *crew = calloc(1, sizeof *crew + board->parts_n * sizeof *crew->slots);
    if (!crew) return NULL;
    crew->loop = loop;
    crew->options = o;
    crew->board = board;
    crew->generation = 1;
    crew->script_fd = o->script_fd;
    crew->trial_fd = -1;
    crew->n = board->workers;
    crew->slots_n = board->parts_n;
    for (uint32_t i = 0; i < crew->slots_n; i++) slot_init(&crew->slots[i], crew, i);
    offers_init(crew);
    return crew;
}

void crew_start(struct crew *crew)
{
    for (uint32_t i = 0; i < crew->n; i++) slot_spawn(&crew->slots[i]);
}

void crew_retire(struct crew *crew)
{
    crew->retired = true;
    for (uint32_t i = 0; i < crew->slots_n; i++) ev_timer_stop(crew->loop, &crew->slots[i].timer);
}

void crew_kill(struct crew *crew)
{
    for (uint32_t i = 0; i < crew->slots_n; i++)
        if (crew->slots[i].pid > 0) kill(crew->slots[i].pid, SIGKILL);
}

uint64_t crew_clients(const struct crew *crew)
{
    uint64_t sum = crew->waiting.n;
    for (uint32_t i = 0; i < crew->slots_n; i++)
        if (crew->slots[i].channel >= 0) sum += slot_clients(&crew->slots[i]);
    return sum;
}

uint32_t crew_count(const struct crew *crew, enum slot_state state)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < crew->slots_n; i++) n += crew->slots[i].state == state;
    return n;
}

uint32_t crew_living(const struct crew *crew)
{
    return crew->slots_n - crew_count(crew, SLOT_EMPTY);
}

void crew_leave(struct crew *crew)
{
    offers_release(crew);
    for (uint32_t i = 0; i < crew->slots_n; i++) {
        struct slot *s = &crew->slots[i];
        ev_child_stop(crew->loop, &s->exit_watcher);
        ev_timer_stop(crew->loop, &s->timer);
        ev_io_stop(crew->loop, &s->channel_watcher);
        if (s->channel >= 0) close(s->channel);
        s->channel = -1;
    }
}

void crew_destroy(struct crew *crew)
{
    crew_leave(crew);
    free(crew);
}
