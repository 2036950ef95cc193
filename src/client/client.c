/* The way of a client's bytes through this floor, and why replies keep their order.
 *
 * In. A readable client is read once a turn, 16 KiB at most beyond what completes a request that it has begun, so that no
 * client keeps the others waiting; the bytes go into the turn's arena. The first bytes show whether it speaks memcache at all
 * (stranger.c). Where clients must be users, it says first who it is (login.c). Then requests.c takes one request after the other:
 *
 *   about a key       gets a reply at the end of the client's list, and a slot of the turn, whose owner is that reply
 *   about several     gets one reply, which has a part for each key (parts.c), and a slot for each key
 *   any other         is answered at once (local.c, explain_stats.c), or by all servers together (gather.c)
 *   refused           gets its error as a reply, and its value, if any, is swallowed
 *
 * I4: a request becomes a slot only when it has come whole and is valid. What has come in part stays in the input buffer, the
 * only memory that input takes from turn to turn (I6: unfinished.c bounds it for all clients together).
 *
 * Before each request there must be room for one more reply (client_has_room). Where there is none, whole requests wait in the
 * input buffer, nothing more is read, and client_settle takes them once replies have gone. So a client that sends faster than
 * it reads is slowed down by TCP, and is closed only if replies turn out larger than they were before.
 *
 * Out. The turn routes and sends (route/turn.c), and outcomes come to the replies (reply.c), in this turn or a later one, in
 * any order: servers differ in speed, and moongate answers some requests itself. The protocol has no names for requests, so a
 * client knows answers by their order alone. I1: therefore replies are a list in the order of requests, and only the head's
 * answer may go into the client's output. An answer that comes early waits in its reply. When the head is complete, it and all
 * complete ones behind it go into the output together. The turn's end then settles the client: writes once, takes requests that
 * waited, decides whether it is finished, and derives what to watch for.
 *
 * A client closes in one way (client_close; client_move passes the connection on instead of shutting it). Its replies may still
 * be the owners of calls: those lose their client and free themselves when the calls end (I2: nobody else can get their
 * answers). The client itself is freed at the end of the turn, because callers up the stack still look at its state.
 *
 * The files, lowest first: state; streaming; reply and parts; local, gather, stranger, login and explain_stats; requests; client; unfinished;
 * clients. Each uses those before it. */
#include "client/client.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/slab.h"
#include "client/crowd.h"
#include "client/entry.h"
#include "client/relayed.h"
#include "client/reply.h"
#include "client/requests.h"
#include "client/state.h"
#include "client/streaming.h"
#include "net/keepalive.h"
#include "net/listener.h"
#include "net/socket.h"
#include "protocol/binary.h"

enum { DRAIN_READS = 64 }; /* reads for what has arrived when the drain begins */

static const double FIRST_WORD =
    1; /* seconds that a new client has for its first request while the worker drains */

/* --- state ------------------------------------------------------------------------------------- */

/* A request was read in part, or whole ones wait; or a record of TLS that has one. */
static __attribute__((noinline)) bool has_begun(const struct client *c)
{
    return c->in.kept || c->swallow > 0 ||
           (c->entry >= ENTRY_KNOCKS && stream_held(&c->stream) > 0);
}

/* It came just before the drain began, or while it does, and has sent nothing yet: its first request is on its way (I15). */
static bool is_awaited(const struct client *c)
{
    return c->state == CLIENT_DRAINING && c->entry <= ENTRY_KNOCKS &&
           c->turn->now < c->busy_at + FIRST_WORD;
}

/* Never while whole requests wait: their replies have no room, and more input would only take memory. */
static bool wants_input(const struct client *c)
{
    switch (c->state) {
    case CLIENT_OPEN:
        return !c->waiting && client_held(c) < CLIENT_HELD_AT_MOST && client_has_room(c);
    case CLIENT_DRAINING: return !c->waiting && (has_begun(c) || is_awaited(c));
    case CLIENT_MOVING: return !c->waiting && has_begun(c);
    case CLIENT_LINGERING: return true;
    default: return false;
    }
}

/* What stores answer is there at once, so a client that reads as fast as it asks could go on for ever: it does so once, and again when the
 * loop has looked at the others. */
static bool may_resume(const struct client *c)
{
    return c->waiting && client_held(c) < CLIENT_HELD_AT_MOST && client_has_room(c);
}

/* What to watch for follows from the state alone, at the end of each turn in which something changed; nobody else starts or
 * stops the watcher, so it cannot disagree with the buffers. */
static void client_watch(struct client *c)
{
    assert(c->state != CLIENT_CLOSED);
    bool wants_output = !outq_is_empty(&c->out) || (c->has_resumed && may_resume(c));
    int events = stream_events(&c->stream, wants_input(c), wants_output);
    if (__builtin_expect(c->is_shaking, 0)) events = 0; /* its step comes by itself */
    if ((ev_is_active(&c->io) ? c->io.events & (EV_READ | EV_WRITE) : 0) == events) return;
    ev_io_stop(c->turn->loop, &c->io);
    if (events == 0) return;
    ev_io_set(&c->io, c->stream.fd, events);
    ev_io_start(c->turn->loop, &c->io);
}

/* --- accept ------------------------------------------------------------------------------------ */

static void on_io(struct ev_loop *loop, ev_io *io, int events);

/* Scripts find the client of a request by its number, also when it has gone: then there is none. */
static struct client **place_of_number(struct clients *set, uint32_t number)
{
    return &set->numbered[number % CLIENTS_NUMBERS];
}

/* `usual` begins with what CLIENT_OWED_AT_FIRST replies may take at most, so a new client may not have more of them in flight
 * until the size of its replies is known. */
struct client *client_create(struct clients *set, struct newcomer n)
{
    struct turn *t = set->turn;
    int fd = n.fd;
    uint32_t listener = n.listener;
    assert(fd >= 0 && listener <= UINT16_MAX);
    struct client *c = slab_borrow(sizeof *c);
    *c = (struct client){.turn = t,
                         .set = set,
                         .stream = stream_open(fd),
                         .affinity = ++set->last_number,
                         .handover = n.handover,
                         .next = set->all};
    c->listener = (uint16_t)listener;
    c->by_listener = listener >= set->scripts_from;
    c->counts = listener < set->listeners_n ? set->listeners[listener] : NULL;
    if (!c->counts) c->counts = &set->no_listener;
    c->usual = set->limits.client_buffer / CLIENT_OWED_AT_FIRST;
    c->busy_at = c->since = t->now;
    c->prev = &set->all;
    if (c->next) c->next->prev = &c->next;
    set->all = c;
    c->next_numbered = *place_of_number(set, c->affinity);
    *place_of_number(set, c->affinity) = c;
    set->n++;
    t->row->curr_connections++;
    t->row->total_connections++;
    c->counts->curr_connections++;
    c->counts->total_connections++;
    keepalive_set(fd, set->limits.keepalive); /* of no use to a unix socket */
    ev_io_init(&c->io, on_io, fd, EV_READ);
    c->io.data = c;
    ev_io_start(t->loop, &c->io);
    entry_begin(c, &n);
    return c;
}

/* Everything but the connection itself, which goes on where another process has its descriptor. The struct stays until the end
 * of the turn, in set->closed. */
static void client_part(struct client *c, const char *reason)
{
    struct turn *t = c->turn;
    struct clients *set = c->set;
    assert(client_sane(c) && c->state != CLIENT_CLOSED && set->n > 0);
    log_debug("client %d: closed: %s (%u owed)", c->stream.fd, reason, c->owed);
    waits_forget(c);
    crowd_forget(c);
    ev_io_stop(t->loop, &c->io);
    if (c->stream.state == STREAM_SECURE) t->row->tls_connections--;
    set->shut(set->shuts_for, stream_release(&c->stream), c->handover);
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
    c->counts->curr_connections--;
    t->row->closed_connections++;
    if (c->dirty) { /* both lists use next_dirty */
        struct client **p = &set->dirty;
        while (*p != c) p = &(*p)->next_dirty;
        *p = c->next_dirty;
        c->dirty = false;
    }
    c->next_dirty = set->closed;
    set->closed = c;
}

/* --- readable ---------------------------------------------------------------------------------- */

/* Its socket or its TLS has failed, as errno says. */
static void broken(struct client *c)
{
    if (errno == EPROTO && c->stream.tls)
        handshake_broken(c);
    else
        client_close(c, strerror(errno));
}

/* The client is done when it closes; what it still sends is not worth a parser. */
static void discard_input(struct client *c)
{
    uint8_t bytes[4096];
    ssize_t n = stream_read(&c->stream, bytes, sizeof bytes);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) client_close(c, "drained");
}

/* From a client that moves, only what it has begun: the rest must stay in the kernel, for the next worker to read. */
static size_t read_at_most(const struct client *c)
{
    if (c->state != CLIENT_MOVING) return REQUESTS_READ_AT_MOST;
    if (c->swallow)
        return c->swallow < REQUESTS_READ_AT_MOST ? (size_t)c->swallow : REQUESTS_READ_AT_MOST;
    if (c->front == FRONT_BINARY && c->in.kept && !c->in.need)
        return BINARY_HEAD - c->in.kept->len; /* which says how much more */
    return inbuf_missing(&c->in, &c->stream, LINE_MAX_BYTES);
}

/* Before it has come in, its bytes are no requests. */
static enum io_status client_read(struct client *c, size_t most)
{
    if (__builtin_expect(c->entry < ENTRY_KNOCKS, 0)) {
        if (c->entry == ENTRY_PROXY) {
            enum io_status status = relayed_read(c);
            if (status != IO_OK || c->entry == ENTRY_PROXY || !client_takes_requests(c))
                return status;
        }
        if (c->entry == ENTRY_TLS) {
            handshake_ready(c);
            return IO_AGAIN;
        }
    }
    return requests_read(c, most);
}

/* The socket will not say that more of a TLS client's input is there already. */
static void look_held(struct client *c)
{
    if (stream_holds(&c->stream)) client_mark_dirty(c);
}

static inline __attribute__((always_inline)) void client_readable(struct client *c)
{
    if (c->state == CLIENT_LINGERING) {
        discard_input(c);
        return;
    }
    /* Events are older than what has happened in this turn: replies may have taken the room since. */
    if (!wants_input(c)) {
        client_mark_dirty(c);
        return;
    }
    switch (client_read(c, read_at_most(c))) {
    case IO_END:
        /* Whole requests are answered; what was sent in part is dropped, as memcached does. */
        inbuf_release(&c->in);
        client_note_unfinished(c, 0);
        client_set_state(c, CLIENT_ENDING, "closed by the client");
        client_mark_dirty(c);
        break;
    case IO_ERROR: broken(c); break;
    default:
        if (!wants_input(c))
            client_mark_dirty(c);
        else
            look_held(c);
        break;
    }
}

/* --- writable ---------------------------------------------------------------------------------- */

/* I6: the last resort. Reading has stopped long before, but the replies that were owed then have turned out too large. */
static void shed(struct client *c)
{
    c->turn->row->clients_shed++;
    if (log_allows(&c->set->log, c->turn->now))
        log_warn("client %d: closed: does not read its replies (%zu bytes held; --client-buffer)",
                 c->stream.fd, client_held(c));
    client_close(c, "does not read its replies");
}

/* To another worker. Where that is not possible now, the client stays as it is, MOVING, until the next turn in which it is
 * settled. */
static void give(struct client *c)
{
    const struct clients *set = c->set;
    char who[WHO_TEXT_MAX];
    struct newcomer n;
    if (!set->give) return;
    entry_describe(c, &n, who);
    if (!set->give(set->gives_for, &n)) return;
    c->turn->row->moved_connections++;
    client_part(c, "moved to another worker");
}

/* One that has not come in has nothing that could be lost. */
static void linger(struct client *c)
{
    stream_say_end(&c->stream);
    if (!stream_is_drained(&c->stream)) return;
    if (c->entry < ENTRY_KNOCKS || shutdown(c->stream.fd, SHUT_WR) < 0) client_close(c, c->reason);
}

/* All replies are written. A client that drains is shut in one direction only: it may have sent more meanwhile, and a close
 * with unread input would reset the connection, and could destroy replies on their way. */
static void finished(struct client *c)
{
    assert(!c->head && outq_is_empty(&c->out));
    if (c->state == CLIENT_ENDING) {
        client_close(c, c->reason);
    } else if (c->state == CLIENT_DRAINING && !has_begun(c) && !is_awaited(c)) {
        client_set_state(c, CLIENT_LINGERING, c->reason);
        linger(c);
    } else if (c->state == CLIENT_LINGERING) {
        linger(c); /* close_notify has gone only now */
    } else if (c->state == CLIENT_MOVING && !has_begun(c) && c->in_doubt) {
        client_close(
            c, "where its request ends is not known"); /* I10: who gets it would not know that */
    } else if (c->state == CLIENT_MOVING && !has_begun(c)) {
        give(c);
    }
}

/* Of a TLS client: what the socket will not say is there. */
static __attribute__((noinline)) void read_held(struct client *c)
{
    if (stream_holds(&c->stream) && wants_input(c)) client_readable(c);
}

/* Writing comes first: it makes the room that the rest of the decisions are about. */
void client_settle(struct client *c)
{
    assert(client_sane(c) && c->state != CLIENT_CLOSED);
    if (c->is_cut) {
        client_close(c, "its answer was cut");
        return;
    }
    if (client_write(c) == IO_ERROR) {
        broken(c);
        return;
    }
    if (client_holds_too_much(c)) {
        shed(c);
        return;
    }
    streaming_note(c);
    if (may_resume(c) && !c->has_resumed) {
        c->has_resumed = c->turn->has_stores;
        requests_resume(c);
    }
    if (outq_is_empty(&c->out) && !c->head && stream_is_drained(&c->stream)) finished(c);
    if (__builtin_expect(c->stream.tls != NULL, 0)) read_held(c);
    if (c->state != CLIENT_CLOSED) client_watch(c);
}

/* libev has stopped the watcher, and the client would wait for ever (I15). It is refused like one for whom there is no descriptor. */
static void refuse(struct client *c)
{
    c->turn->row->rejected_connections++;
    if (log_allows(&c->set->log, c->turn->now))
        log_warn("client %d: refused: %s", c->stream.fd, SOCKET_NOT_WATCHED);
    if (!c->head && outq_is_empty(&c->out) && !c->stream.tls) listener_tell_refused(c->stream.fd);
    client_close(c, SOCKET_NOT_WATCHED);
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct client *c = io->data;
    (void)loop;
    assert(client_sane(c) && c->state != CLIENT_CLOSED);
    if (events & EV_ERROR) {
        refuse(c);
        return;
    }
    c->has_resumed = false;
    if (events & EV_WRITE) client_mark_dirty(c);
    if (events & EV_READ) client_readable(c);
}

/* --- close ------------------------------------------------------------------------------------- */

static bool wants_more(const struct client *c)
{
    return c->state == CLIENT_DRAINING && !c->waiting && client_has_room(c);
}

/* Requests that have arrived before the drain began are answered, so what the kernel has is read now; more would go on for ever
 * with a client that sends without end. */
void client_drain(struct client *c)
{
    assert(client_sane(c));
    if (c->state != CLIENT_OPEN && c->state != CLIENT_MOVING) return;
    client_set_state(c, CLIENT_DRAINING, "drained");
    for (int i = 0; i < DRAIN_READS && wants_more(c); i++) {
        enum io_status status = client_read(c, REQUESTS_READ_AT_MOST);
        if (status == IO_END) client_set_state(c, CLIENT_ENDING, "closed by the client");
        if (status == IO_ERROR) broken(c);
        if (status != IO_OK) break;
    }
    client_mark_dirty(c);
}

void client_move(struct client *c)
{
    assert(client_sane(c));
    if (!stream_is_fresh(&c->stream)) {
        client_drain(c);
        client_mark_dirty(c); /* one that is awaited may have had its time */
        return;
    }
    if (c->state != CLIENT_OPEN && c->state != CLIENT_MOVING) return;
    client_set_state(c, CLIENT_MOVING, "moved to another worker");
    client_mark_dirty(c);
}

/* A TLS client whose answers have all gone is told, so that it sees a whole answer from a cut one. shutdown, because a process that handed the connection over may still hold a descriptor of it, and close alone would not end
 * it. */
void client_close(struct client *c, const char *reason)
{
    if (!c->head && outq_is_empty(&c->out)) stream_say_end(&c->stream);
    (void)shutdown(c->stream.fd, SHUT_RDWR);
    client_part(c, reason);
}

void client_destroy(struct client *c)
{
    assert(c->state == CLIENT_CLOSED && !c->dirty && !c->head && !c->in.kept &&
           outq_is_empty(&c->out));
    entry_end(c);
    slab_return(c, sizeof *c);
}
