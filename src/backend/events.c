#include "backend/events.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "backend/connect.h"
#include "backend/fifo.h"
#include "backend/framed.h"
#include "backend/intake.h"
#include "backend/streamed.h"
#include "net/socket.h"

/* The callbacks of a connection, in the order in which events meet it: bytes, the alarm, room in the socket. A report that may
 * end the connection is the last act of the function that makes it: after it c may be connecting again, or waiting.
 *
 * The alarm goes through what may be late, the most general first: calls past their deadline, an address that does not come, a
 * server that is late with call after call, an attempt that takes too long, a stream that stands still, an idle connection.
 */

enum {
    READ_AT_MOST = 64 * 1024, /* bytes, so that other connections get their turn */
    READ_BEHIND = 4 * 1024    /* bytes behind a value that was passed on: see read_at_most */
};

/* Seconds: an alarm that comes so late shows that moongate itself stood still. */
static const double LAG = 0.02;

/* --- reading ----------------------------------------------------------------------------------- */

/* I3: nothing of an input is used after an anomaly. */
static void take_input(struct conn *c, const struct inbuf_input *input)
{
    c->progress = conn_now(c);
    if (c->state != CONN_READY) {
        connect_take_probe(c, input->rest);
        return;
    }
    bool is_refusal = false;
    const char *anomaly = intake_take(c, input, &is_refusal);
    if (anomaly && is_refusal)
        conn_refused(c, anomaly);
    else if (anomaly)
        conn_anomaly(c, anomaly);
}

/* Behind a long value there may be another one. What is read with its head is copied once more than the rest of it, so only
 * a little is read. */
static size_t read_at_most(const struct conn *c)
{
    return c->was_streamed ? READ_BEHIND : READ_AT_MOST;
}

/* The data of a value that is passed on while it comes. True: the bytes behind it may be read now. */
static bool read_data(struct conn *c)
{
    size_t came;
    enum io_status status = streamed_read(c, &came);
    c->backend->stats->bytes_read += came;
    if (came > 0) c->progress = conn_now(c);
    if (status == IO_END) conn_closed(c);
    if (status == IO_ERROR) conn_broken(c, errno);
    return status == IO_OK && !streamed_lacks(c);
}

static void read_once(struct conn *c)
{
    struct arena *arena = c->backend->set->arena;
    size_t mark = arena_mark(arena);
    struct inbuf_input input;
    conn_speaks(c);
    if (c->is_paused || (streamed_lacks(c) && !read_data(c))) return;
    enum io_status status = inbuf_read(&c->in, &c->stream, arena, read_at_most(c), &input);
    if (status == IO_OK) c->backend->stats->bytes_read += input.bytes;
    if (status == IO_OK) take_input(c, &input);
    if (status == IO_END) conn_closed(c);
    if (status == IO_ERROR) conn_broken(c, errno);
    arena_rewind(arena, mark);
}

/* What came may have made a TLS stream write, and it may hold more than was read. */
static void conn_readable(struct conn *c)
{
    read_once(c);
    if (__builtin_expect(c->stream.tls != NULL, 0)) conn_watch(c);
}

/* --- alarms ------------------------------------------------------------------------------------ */

/* True: moongate stood still, and answers may have come that are not read yet. They get LAG seconds, once, before anything
 * fails. */
static bool is_put_off(struct conn *c)
{
    c->put_off = !c->put_off && conn_now(c) - c->alarm > LAG;
    if (c->put_off) conn_set_alarm(c, conn_now(c) + LAG);
    return c->put_off;
}

static const char *unready_reason(const struct conn *c)
{
    if (c->state == CONN_SECURING) return "tls: no answer to the handshake";
    if (c->state == CONN_LOGGING_IN) return "no answer to user and password";
    if (c->state == CONN_PROBING) return "no answer to version";
    return c->state == CONN_LEARNING ? "no answer to mn" : "connect timeout";
}

static const char PROBE_LINE[] = "version\r\n";

/* The call has no owner, and its deadline is now so that no drain waits for the answer. When no answer comes the connection
 * stalls. */
static void probe_idle(struct conn *c)
{
    struct request r = {.command_id = COMMAND_VERSION};
    outq_append(&c->out, PROBE_LINE, sizeof PROBE_LINE - 1);
    fifo_add(c, call_create(&r, conn_now(c), NULL, NULL));
    conn_mark_unsent(c);
}

/* True: the state has lasted for connect_timeout. */
static bool has_waited(const struct conn *c)
{
    return conn_now(c) - c->since >= c->backend->settings.connect_timeout;
}

static bool is_stalled(const struct conn *c)
{
    return c->state == CONN_READY && conn_awaits(c) && !c->is_paused &&
           conn_now(c) >= conn_stall_end(c);
}

static void alarm_resolving(struct conn *c)
{
    if (!c->failed && has_waited(c))
        conn_report(c, NEWS_NO_ADDRESS);
    else
        conn_set_alarm(c, conn_next_alarm(c));
}

static void alarm_queued(struct conn *c)
{
    if (conn_now(c) - c->since >= CONN_PACE)
        conn_report(c, NEWS_RETRY);
    else
        conn_set_alarm(c, conn_next_alarm(c));
}

/* A NAT or a firewall may drop an idle connection without a word, so the server is sent a question now and then (setting
 * idle_probe). A connection apart is closed instead. */
static void alarm_idle(struct conn *c)
{
    if (c->is_apart) {
        conn_release(c, "not needed");
        return;
    }
    if (c->backend->is_framed)
        framed_probe_idle(c);
    else
        probe_idle(c);
    conn_set_alarm(c, conn_next_alarm(c));
}

static void conn_alarm(struct conn *c)
{
    assert(conn_sane(c));
    if (c->state == CONN_WAITING) {
        conn_report(c, NEWS_RETRY);
        return;
    }
    if (is_put_off(c)) return;
    fifo_expire(c);
    if (c->state == CONN_RESOLVING)
        alarm_resolving(c);
    else if (c->state == CONN_QUEUED)
        alarm_queued(c);
    else if (backend_is_late(c->backend))
        conn_report(c, NEWS_LATE);
    else if (c->state != CONN_READY && has_waited(c))
        conn_close(c, unready_reason(c));
    else if (is_stalled(c))
        conn_close(c, "stalled");
    else if (c->state == CONN_READY && conn_now(c) >= conn_idle_end(c))
        alarm_idle(c);
    else
        conn_set_alarm(c, conn_next_alarm(c));
}

/* --- from the loop ----------------------------------------------------------------------------- */

/* A TLS stream may have to write while it proves its server. */
static bool flushes(struct conn *c)
{
    if (c->state == CONN_CONNECTING || c->state == CONN_SECURING) return true;
    enum io_status status = stream_flush(&c->stream);
    if (status == IO_ERROR)
        conn_broken(c, errno);
    else if (status == IO_OK)
        return true;
    else
        conn_watch(c);
    return false;
}

static void conn_writable(struct conn *c)
{
    if (c->stream.tls && !flushes(c)) return;
    if (c->state == CONN_CONNECTING || c->state == CONN_SECURING)
        connect_go_on(c);
    else if (c->state != CONN_READY)
        conn_watch(c);
    else if (c->held)
        conn_report(c, NEWS_ROOM);
    else
        conn_flush(c);
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct conn *c = io->data;
    (void)loop;
    assert(c->stream.fd >= 0 && c->held_n <= c->unwritten && c->unwritten <= c->depth);
    if (events & EV_ERROR) { /* libev has stopped the watcher */
        conn_close(c, SOCKET_NOT_WATCHED);
        return;
    }
    if (c->state == CONN_SECURING) {
        connect_go_on(c);
        return;
    }
    if (events & EV_WRITE) {
        conn_writable(c);
        if (c->state != CONN_READY) return;
    }
    if (events & EV_READ) conn_readable(c);
}

/* Each of them once: a stream that holds more yet is in the list again, for the next turn. */
void events_read_held(struct backends *set)
{
    struct conn *c = set->holding;
    set->holding = NULL;
    while (c) {
        struct conn *next = c->next_holding;
        c->is_listed = false;
        if (stream_holds(&c->stream)) conn_readable(c);
        c = next;
    }
}

static void on_alarm(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    conn_alarm(timer->data);
}

/* --- life -------------------------------------------------------------------------------------- */

struct conn *conn_create(struct backend *b)
{
    struct conn *c =
        malloc(sizeof *c); /* a server has few, and keeps them: the slab would round up */
    if (!c) abort();
    *c = (struct conn){.backend = b, .stream = STREAM_NONE, .state = CONN_IDLE};
    ev_init(&c->io, on_io);
    ev_init(&c->timer, on_alarm);
    ev_set_priority(&c->timer, -1); /* what has come is read before anything counts as late */
    c->io.data = c->timer.data = c;
    return c;
}

void conn_destroy(struct conn *c)
{
    assert(c->state == CONN_IDLE && !c->unsent && !c->is_listed);
    free(c);
}

void conn_release(struct conn *c, const char *reason)
{
    assert(conn_sane(c));
    if (c->state == CONN_IDLE) return;
    if (c->streamed) streamed_drop(c);
    conn_hang_up(c);
    c->failed = false;
    conn_set_state(c, CONN_IDLE);
    fifo_fail(c, reason);
}
