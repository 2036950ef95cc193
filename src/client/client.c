#include "client/client.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/slab.h"
#include "client/reply.h"
#include "client/requests.h"
#include "client/state.h"
#include "net/keepalive.h"

enum { DRAIN_READS = 64 }; /* reads for what has arrived when the drain begins */

/* --- state ------------------------------------------------------------------------------------- */

/* Half a request was read, or whole ones wait. */
static bool has_begun(const struct client *c)
{
    return c->in.kept || c->swallow > 0;
}

static bool wants_input(const struct client *c)
{
    switch (c->state) {
    case CLIENT_OPEN:
        return !c->waiting && client_held(c) < CLIENT_HELD_AT_MOST && client_has_room(c);
    case CLIENT_DRAINING:
    case CLIENT_MOVING: return !c->waiting && has_begun(c);
    case CLIENT_LINGERING: return true;
    default: return false;
    }
}

/* Interest, derived: at the end of each turn in which something changed. */
static void client_watch(struct client *c)
{
    int events = (wants_input(c) ? EV_READ : 0) | (outq_is_empty(&c->out) ? 0 : EV_WRITE);
    if ((ev_is_active(&c->io) ? c->io.events & (EV_READ | EV_WRITE) : 0) == events) return;
    ev_io_stop(c->turn->loop, &c->io);
    if (events == 0) return;
    ev_io_set(&c->io, c->fd, events);
    ev_io_start(c->turn->loop, &c->io);
}

/* --- accept ------------------------------------------------------------------------------------ */

static void on_io(struct ev_loop *loop, ev_io *io, int events);

static struct client **place_of_number(struct clients *set, uint32_t number)
{
    return &set->numbered[number % CLIENTS_NUMBERS];
}

struct client *client_create(struct clients *set, int fd)
{
    struct turn *t = set->turn;
    struct client *c = slab_borrow(sizeof *c);
    *c = (struct client){
        .turn = t, .set = set, .fd = fd, .affinity = ++set->last_number, .next = set->all};
    c->usual = set->limits.client_buffer / CLIENT_OWED_AT_FIRST;
    c->prev = &set->all;
    if (c->next) c->next->prev = &c->next;
    set->all = c;
    c->next_numbered = *place_of_number(set, c->affinity);
    *place_of_number(set, c->affinity) = c;
    set->n++;
    t->row->curr_connections++;
    t->row->total_connections++;
    keepalive_set(fd, set->limits.keepalive); /* of no use to a unix socket */
    ev_io_init(&c->io, on_io, fd, EV_READ);
    c->io.data = c;
    ev_io_start(t->loop, &c->io);
    return c;
}

/* The connection goes on where there is another descriptor of it. */
static void client_part(struct client *c, const char *reason)
{
    struct turn *t = c->turn;
    struct clients *set = c->set;
    assert(client_sane(c) && c->state != CLIENT_CLOSED);
    log_debug("client %d: closed: %s (%u owed)", c->fd, reason, c->owed);
    ev_io_stop(t->loop, &c->io);
    set->shut(set->shuts_for, c->fd, c->handover);
    c->fd = -1;
    client_set_state(c, CLIENT_CLOSED, reason);
    replies_abandon(c);
    inbuf_release(&c->in);
    client_note_unfinished(c, 0);
    outq_release(&c->out);
    *c->prev = c->next;
    if (c->next) c->next->prev = c->prev;
    struct client **at = place_of_number(set, c->affinity);
    while (*at != c) at = &(*at)->next_numbered;
    *at = c->next_numbered;
    set->n--;
    t->row->curr_connections--;
    t->row->closed_connections++;
    if (c->dirty) { /* it leaves that list here, so that it can be in the other */
        struct client **p = &set->dirty;
        while (*p != c) p = &(*p)->next_dirty;
        *p = c->next_dirty;
        c->dirty = false;
    }
    c->next_dirty = set->closed;
    set->closed = c;
}

/* --- readable ---------------------------------------------------------------------------------- */

static void discard_input(struct client *c)
{
    uint8_t bytes[4096];
    ssize_t n = read(c->fd, bytes, sizeof bytes);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) client_close(c, "drained");
}

/* Of one that moves nothing but what it has begun: the rest is the next worker's. */
static size_t read_at_most(const struct client *c)
{
    if (c->state != CLIENT_MOVING) return REQUESTS_READ_AT_MOST;
    if (c->swallow)
        return c->swallow < REQUESTS_READ_AT_MOST ? (size_t)c->swallow : REQUESTS_READ_AT_MOST;
    return inbuf_missing(&c->in, c->fd, LINE_MAX_BYTES);
}

static void client_readable(struct client *c)
{
    if (c->state == CLIENT_LINGERING) {
        discard_input(c);
        return;
    }
    /* What came before in this turn may have taken the room: then nothing may be read. */
    if (!wants_input(c)) {
        client_mark_dirty(c);
        return;
    }
    switch (requests_read(c, read_at_most(c))) {
    case IO_END:
        /* What it has asked is answered; what it has only begun is dropped, as memcached does. */
        inbuf_release(&c->in);
        client_note_unfinished(c, 0);
        client_set_state(c, CLIENT_ENDING, "closed by the client");
        client_mark_dirty(c);
        break;
    case IO_ERROR: client_close(c, strerror(errno)); break;
    default:
        if (!wants_input(c)) client_mark_dirty(c);
        break;
    }
}

/* --- writable ---------------------------------------------------------------------------------- */

static void shed(struct client *c)
{
    c->turn->row->clients_shed++;
    if (log_allows(&c->set->log, c->turn->now))
        log_warn("client %d: closed: does not read its replies (%zu bytes held; --client-buffer)",
                 c->fd, client_held(c));
    client_close(c, "does not read its replies");
}

static void give(struct client *c)
{
    const struct clients *set = c->set;
    if (!set->give || !set->give(set->gives_for, c->fd, c->listener)) return;
    c->turn->row->moved_connections++;
    client_part(c, "moved to another worker");
}

/* Everything asked for is answered and written: what follows depends on why it is ending. */
static void finished(struct client *c)
{
    if (c->state == CLIENT_ENDING) {
        client_close(c, c->reason);
    } else if (c->state == CLIENT_DRAINING && !has_begun(c)) {
        client_set_state(c, CLIENT_LINGERING, c->reason);
        if (shutdown(c->fd, SHUT_WR) < 0) client_close(c, c->reason);
    } else if (c->state == CLIENT_MOVING && !has_begun(c)) {
        give(c);
    }
}

void client_settle(struct client *c)
{
    assert(client_sane(c));
    size_t before = c->out.bytes;
    enum io_status status = outq_write(&c->out, c->fd);
    c->turn->row->bytes_written += before - c->out.bytes;
    if (status == IO_ERROR) {
        client_close(c, strerror(errno));
        return;
    }
    if (client_holds_too_much(c)) {
        shed(c);
        return;
    }
    if (c->waiting && client_held(c) < CLIENT_HELD_AT_MOST && client_has_room(c))
        requests_resume(c);
    if (outq_is_empty(&c->out) && !c->head) finished(c);
    if (c->state != CLIENT_CLOSED) client_watch(c);
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct client *c = io->data;
    (void)loop;
    assert(client_sane(c) && c->state != CLIENT_CLOSED);
    if (events & EV_WRITE) client_mark_dirty(c);
    if (events & EV_READ) client_readable(c);
}

/* --- close ------------------------------------------------------------------------------------- */

static bool wants_more(const struct client *c)
{
    return c->state == CLIENT_DRAINING && !c->waiting && client_has_room(c);
}

void client_drain(struct client *c)
{
    if (c->state != CLIENT_OPEN && c->state != CLIENT_MOVING) return;
    client_set_state(c, CLIENT_DRAINING, "drained");
    for (int i = 0; i < DRAIN_READS && wants_more(c); i++) {
        enum io_status status = requests_read(c, REQUESTS_READ_AT_MOST);
        if (status == IO_END) client_set_state(c, CLIENT_ENDING, "closed by the client");
        if (status == IO_ERROR) client_close(c, strerror(errno));
        if (status != IO_OK) break;
    }
    client_mark_dirty(c);
}

void client_move(struct client *c)
{
    if (c->state != CLIENT_OPEN) return;
    client_set_state(c, CLIENT_MOVING, "moved to another worker");
    client_mark_dirty(c);
}

void client_close(struct client *c, const char *reason)
{
    (void)shutdown(c->fd, SHUT_RDWR);
    client_part(c, reason);
}

void client_destroy(struct client *c)
{
    assert(c->state == CLIENT_CLOSED);
    slab_return(c, sizeof *c);
}
