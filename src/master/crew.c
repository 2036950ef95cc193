/* What the loop brings to the crew: a worker's reports, the end of a process, a slot's timer. What follows from it for a slot is in slot.c,
 * for clients on their way in offers.c, and for the service in the master, which is told by an event.
 */
#include "master/crew.h"

#include "base/log.h"
#include "base/process.h"
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

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
    case CHANNEL_PIECE: slot_tell(s, CREW_PIECE, m->number, m->text); break;
    case CHANNEL_ANSWERED: slot_tell(s, CREW_ANSWERED, m->number, m->text); break;
    case CHANNEL_STEERED: slot_tell(s, CREW_STEERED, m->number, ""); break;
    default: log_warn("worker %u[%d]: report %u is unknown", s->index, (int)s->pid, m->type);
    }
}

/* I15: a client that a draining worker gave back goes to another one. */
static void slot_take_back(struct slot *s, const struct channel_message *m, int fd)
{
    if (fd >= 0)
        crew_hand(s->crew, crew_newcomer(s->crew, m, fd));
    else
        log_warn(
            "client: lost between two workers: no descriptor is free; raise the limit (ulimit -n)");
}

/* A report may make the owner give orders, and so close the channel: it is looked at each time. */
static void slot_take_reports(struct slot *s)
{
    while (slot_is_heard(s)) {
        struct channel_message message;
        int fd;
        enum channel_status status = channel_receive(s->channel, &message, &fd);
        if (status == CHANNEL_AGAIN) return;
        if (status == CHANNEL_CLOSED)
            slot_abandon(s);
        else if (message.type == CHANNEL_GIVEN)
            slot_take_back(s, &message, fd);
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
    if (events & EV_WRITE && s->channel >= 0) slot_send_order(s);
    slot_watch(s);
    crew_hand_waiting(s->crew);
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
    slot_take_reports(s); /* what it still said before it went */
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

void crew_order(struct slot *s, enum channel_message_type type, uint32_t number)
{
    if (s->channel < 0) return;
    s->order = type;
    s->order_number = number;
    s->owes_order = true;
    slot_send_order(s);
    slot_watch(s);
}

void crew_start(struct crew *crew)
{
    for (uint32_t i = 0; i < crew->n; i++) slot_spawn(&crew->slots[i]);
}

/* Not before the last client that waits is on its way to a worker: a worker that has drained is gone. */
void crew_send_drain(struct crew *crew)
{
    if (!crew->owes_drain || crew->waiting.n > 0) return;
    crew->owes_drain = false;
    for (uint32_t i = 0; i < crew->slots_n; i++)
        crew_order(&crew->slots[i], CHANNEL_DRAIN, crew->drain_ms);
}

void crew_drain(struct crew *crew, uint32_t ms)
{
    assert(crew->retired);
    crew->owes_drain = true;
    crew->drain_ms = ms;
    crew_send_drain(crew);
}

/* A worker that still loads its script has no clients: nothing of it is waited for. */
static void slot_kill_start(struct slot *s)
{
    log_info("worker %u[%d]: killed: it loads its script, and the service ends", s->index,
             (int)s->pid);
    kill(s->pid, SIGKILL);
}

void crew_retire(struct crew *crew)
{
    crew->retired = true;
    for (uint32_t i = 0; i < crew->slots_n; i++) {
        ev_timer_stop(crew->loop, &crew->slots[i].timer);
        if (crew->slots[i].state == SLOT_STARTING) slot_kill_start(&crew->slots[i]);
    }
    if (!crew->pass && crew_count(crew, SLOT_READY) == 0) crew_refuse_waiting(crew);
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
