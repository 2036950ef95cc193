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
#include "master/slot.h"

#include "base/log.h"
#include "base/process.h"
#include "master/crew.h"
#include "worker/worker.h"
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double BACKOFF_FIRST = 0.1, BACKOFF_MAX = 10; /* seconds; it doubles */
static const double LIVED_WELL = 10; /* a worker that got this old died of something new */
static const double LEAVE_LIMIT = 1; /* between closing the channel and the end of the process */
static const double KILL_AFTER = 1;  /* how long a process may outlive the limit of its drain */

/* --- its state -------------------------------------------------------------------------------- */

bool slot_sane(const struct slot *s)
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

struct slot *slot_other(const struct slot *s)
{
    return &s->crew->slots[s->part == s->index ? s->index + s->crew->n : s->index];
}

bool slot_serves(const struct slot *s)
{
    return s->state == SLOT_STARTING || s->state == SLOT_READY;
}

bool slot_is_heard(const struct slot *s)
{
    return s->channel >= 0 && (s->state != SLOT_DRAINING || s->crew->waiting.n < HANDOVERS);
}

void slot_watch(struct slot *s)
{
    struct ev_loop *loop = s->crew->loop;
    int events = (slot_is_heard(s) ? EV_READ : 0) | (s->owes_order ? EV_WRITE : 0);
    if (ev_is_active(&s->channel_watcher) &&
        (s->channel_watcher.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(loop, &s->channel_watcher);
    if (!events) return;
    ev_io_set(&s->channel_watcher, s->channel, events);
    ev_io_start(loop, &s->channel_watcher);
}

void slot_enter(struct slot *s, enum slot_state state)
{
    s->state = state;
    if (s->channel >= 0 && (state == SLOT_EMPTY || state == SLOT_LEAVING)) {
        ev_io_stop(s->crew->loop, &s->channel_watcher);
        offers_rescue(s);
        close(s->channel);
        s->channel = -1;
        s->owes_order = false;
        offers_withdraw(s);
    }
    assert(slot_sane(s));
    slot_watch(s);
}

void slot_set_timer(struct slot *s, double seconds)
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

void slot_tell(struct slot *s, enum crew_event_type type, uint32_t number, const char *text)
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
                               .relieves = slot_serves(slot_other(s)),
                               .labels = crew->labels,
                               .steering = crew->steering,
                               .tickets = crew->tickets,
                               .stores = crew->stores,
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

double slot_next_delay(struct slot *s, double lived)
{
    bool first = lived >= LIVED_WELL || s->backoff == 0;
    if (first) s->backoff = BACKOFF_FIRST;
    if (first && s->is_killed) return 0;
    double delay = s->backoff;
    s->backoff = delay * 2 < BACKOFF_MAX ? delay * 2 : BACKOFF_MAX;
    return delay;
}

void slot_spawn(struct slot *s)
{
    assert(s->state == SLOT_EMPTY && slot_sane(s) && !s->owes_order);
    s->handed = 0;
    s->leaves = s->is_killed = false;
    s->watch = (struct watch){.turns = 0};
    s->steered = s->has_steered = s->crew->steered;
    s->recorded = 0;
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

bool slot_is_wanted(const struct slot *s)
{
    const struct slot *other = slot_other(s);
    return !s->crew->retired && (!slot_serves(other) || other->leaves);
}

/* --- replacing -------------------------------------------------------------------------------- */

void slot_send_order(struct slot *s)
{
    if (!s->owes_order) return;
    int fd = s->order == CHANNEL_LOAD ? s->crew->trial_fd : -1;
    enum channel_status status = channel_send(s->channel, s->order, s->order_number, fd);
    s->owes_order = status == CHANNEL_AGAIN;
    if (status == CHANNEL_CLOSED) slot_abandon(s);
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

void slot_wants_to_leave(struct slot *s)
{
    if (s->crew->retired || s->leaves || !slot_serves(s)) return;
    s->leaves = true;
    log_info("worker %u[%d]: SIGTERM: another one takes its place", s->index, (int)s->pid);
    slot_replace(s);
}

void slot_is_ready(struct slot *s, uint32_t generation)
{
    struct slot *before = slot_other(s);
    if (s->state != SLOT_STARTING) return; /* reported twice, or it drains already */
    log_debug("worker %u[%d]: ready: generation %u", s->index, (int)s->pid, generation);
    slot_enter(s, SLOT_READY);
    slot_tell(s, CREW_READY, generation, "");
    if (before->leaves && slot_serves(before) && !s->crew->retired) slot_retire(before);
}
