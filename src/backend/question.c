#include "backend/question.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/conn.h"
#include "backend/credential.h"
#include "backend/locate.h"
#include "backend/secure.h"
#include "base/slab.h"
#include "net/socket.h"
#include "protocol/binary.h"
#include "protocol/response.h"

/* Why not one of the server's other connections: what is asked behind a dump waits for its end, and a dump may take minutes. Nor
 * must a question of the operator's tools wait behind large values, or count against the server when it is late.
 *
 * With TLS the stream is SHAKING from the beginning, so that it does not need its server later, which may be freed. Its handshake
 * is a few among many, so it is not put off.
 *
 * Nothing is asked before the question: no `version`, since what comes is judged line by line by the owner, and nothing but this
 * answer ever comes on this connection.
 */

static bool question_sane(const struct question *l)
{
    return (l->stream.fd >= 0) == (l->buffer != NULL) && l->used <= QUESTION_ROOM &&
           l->asked <= l->question_len && l->login_len <= l->question_len &&
           l->question_len <= QUESTION_MAX;
}

/* Bytes that may be sent now. memcached refuses to list keys when the command that logs in came with that one: "cannot pipeline other
 * commands before metadump". */
static size_t due_of(const struct question *l)
{
    return l->logs_in ? l->login_len : l->question_len;
}

/* Interest is derived here alone. */
static void watch(struct question *l)
{
    bool writes = l->asked < due_of(l);
    int waits = stream_events(&l->stream, !l->is_paused, writes);
    int events =
        (waits & STREAM_WAITS_WRITE ? EV_WRITE : 0) | (waits & STREAM_WAITS_READ ? EV_READ : 0);
    if (!l->is_connected) events = EV_WRITE;
    if (l->is_connected && !l->is_paused && stream_holds(&l->stream))
        ev_timer_start(l->loop, &l->again);
    else
        ev_timer_stop(l->loop, &l->again);
    if (ev_is_active(&l->io) && (l->io.events & (EV_READ | EV_WRITE)) == events) return;
    ev_io_stop(l->loop, &l->io);
    if (events == 0) return;
    ev_io_set(&l->io, l->stream.fd, events);
    ev_io_start(l->loop, &l->io);
}

static void be_patient(struct question *l)
{
    ev_timer_stop(l->loop, &l->timer);
    if (l->is_paused) return;
    ev_timer_set(&l->timer, l->patience, 0);
    ev_timer_start(l->loop, &l->timer);
}

void question_close(struct question *l)
{
    if (!question_is_open(l)) return;
    assert(question_sane(l));
    ev_io_stop(l->loop, &l->io);
    ev_timer_stop(l->loop, &l->timer);
    ev_timer_stop(l->loop, &l->again);
    stream_say_end(&l->stream);
    stream_close(&l->stream);
    slab_return(l->buffer, QUESTION_ROOM);
    credential_wipe(l->question, sizeof l->question); /* it may have a password */
    l->buffer = NULL;
    l->used = 0;
}

static void lose(struct question *l, const char *reason)
{
    question_close(l);
    l->end(l->owner, reason);
}

void question_pause(struct question *l, bool pause)
{
    if (!question_is_open(l) || l->is_paused == pause) return;
    l->is_paused = pause;
    be_patient(l);
    watch(l);
}

/* --- what the loop brings ---------------------------------------------------------------------- */

/* False: it is not, and l is closed. */
static bool is_let_in(struct question *l, const uint8_t *line, size_t len)
{
    l->logs_in = false;
    if (len == strlen("STORED\r\n") && memcmp(line, "STORED\r\n", len) == 0) return true;
    lose(l, "authentication failed");
    return false;
}

/* False: l is closed. What is left is the beginning of a line. */
static bool take_whole_lines(struct question *l)
{
    size_t at = 0;
    const uint8_t *newline;
    while ((newline = memchr(l->buffer + at, '\n', l->used - at))) {
        const uint8_t *line = l->buffer + at;
        size_t len = (size_t)(newline - line) + 1;
        if (len > RESPONSE_LINE_MAX) break;
        if (!(l->logs_in ? is_let_in(l, line, len) : l->take(l->owner, line, len))) return false;
        assert(question_sane(l) && question_is_open(l));
        at += len;
    }
    l->used -= at;
    memmove(l->buffer, l->buffer + at, l->used);
    if (l->used < RESPONSE_LINE_MAX) return true;
    lose(l, "sends a line that is too long");
    return false;
}

/* The stream has its reason no longer than it is open. */
static void lose_to(struct question *l, int error)
{
    char text[BACKEND_REASON_MAX];
    lose(l, secure_explain(&l->stream, error, text));
}

static void readable(struct question *l)
{
    ssize_t n = stream_read(&l->stream, l->buffer + l->used, QUESTION_ROOM - l->used);
    enum io_status status = io_status_of(n);
    if (status == IO_END) {
        lose(l, "closed by the server");
    } else if (status == IO_ERROR) {
        lose_to(l, errno);
    } else if (status == IO_OK) {
        l->used += (size_t)n;
        be_patient(l);
        if (!take_whole_lines(l)) return;
    }
    if (status == IO_OK || status == IO_AGAIN) watch(l);
}

/* False: l is closed, or the handshake goes on. */
static bool is_shaken(struct question *l)
{
    if (l->stream.state != STREAM_SHAKING) return true;
    switch (stream_shake(&l->stream)) {
    case STREAM_SHAKE_DONE: return true;
    case STREAM_SHAKE_AGAIN: watch(l); break;
    case STREAM_SHAKE_FAILED: lose_to(l, EPROTO); break;
    }
    return false;
}

/* False: l is closed. */
static bool connects(struct question *l)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (!l->is_connected && getsockopt(l->stream.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error) {
        lose(l, strerror(error));
        return false;
    }
    l->is_connected = true;
    return true;
}

/* False: l is closed, or the handshake goes on. */
static bool ask(struct question *l)
{
    struct iovec rest = {l->question + l->asked, due_of(l) - l->asked};
    if (!is_shaken(l)) return false;
    ssize_t n = rest.iov_len > 0 ? stream_writev(&l->stream, &rest, 1) : 0;
    if (n > 0) l->asked += (size_t)n;
    if ((n < 0 && io_status_of(n) == IO_ERROR) || stream_flush(&l->stream) == IO_ERROR) {
        lose_to(l, errno);
        return false;
    }
    watch(l);
    return true;
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct question *l = io->data;
    (void)loop;
    assert(question_sane(l) && question_is_open(l));
    if (events & EV_ERROR) { /* libev has stopped the watcher */
        lose(l, SOCKET_NOT_WATCHED);
        return;
    }
    if (!l->is_connected && !connects(l)) return;
    if (!ask(l)) return;
    if (events & EV_READ && !l->is_paused) readable(l);
}

static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    readable(timer->data);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct question *l = timer->data;
    (void)loop;
    (void)events;
    lose(l, l->is_connected ? "is silent for too long" : "cannot be connected in time");
}

/* --- opening ----------------------------------------------------------------------------------- */

/* The address that its usual connection has, or tried last. Returns 0, EINPROGRESS, or why there is no connection. */
static int dial(struct question *l, struct backend *b)
{
    struct backends *set = b->set;
    const struct addr *addr = backend_addr(b, &b->conns[0]->peer);
    int fd = -1, error = EADDRNOTAVAIL;
    if (set->dial)
        error = set->dial(set->dials_for, b, &fd);
    else if (addr)
        error = socket_connect(addr, b->settings.keepalive, &fd);
    l->stream = stream_open(fd);
    return error;
}

/* A question is text. A memcached that speaks the binary protocol alone waits for the bytes of a frame's head, and closes if they are
 * something else: so the question has as many. */
static void put_question(struct question *l, const struct backend *b, const char *question)
{
    size_t at = 0;
    l->logs_in = credential_is_ascii(b);
    if (l->logs_in) at = credential_write_ascii(b, l->question);
    l->login_len = at;
    at += (size_t)snprintf(l->question + at, sizeof l->question - at, "%-*s\r\n",
                           b->is_framed ? BINARY_HEAD - 2 : 0, question);
    l->question_len = at;
    assert(at < QUESTION_MAX);
}

const char *question_open(struct question *l, struct backend *b, const char *question,
                          double patience)
{
    assert(b->set->loop && l->take && l->end && strlen(question) <= QUESTION_MOST);
    if (credential_is_sasl(b)) return "speaks the binary protocol alone";
    l->loop = b->set->loop;
    int error = dial(l, b);
    if (error && error != EINPROGRESS) {
        stream_close(&l->stream);
        return error == EADDRNOTAVAIL && b->addrs_n == 0 ? "is not resolved" : strerror(error);
    }
    if (secure_is_wanted(b)) (void)secure_begin(b, &l->stream);
    l->buffer = slab_borrow(QUESTION_ROOM);
    l->used = l->asked = 0;
    l->is_connected = error == 0 && !l->stream.tls; /* its first message is written by the loop */
    l->is_paused = false;
    l->patience = patience;
    put_question(l, b, question);
    ev_init(&l->io, on_io);
    ev_init(&l->timer, on_timer);
    ev_timer_init(&l->again, on_again, 0, 0);
    l->io.data = l->timer.data = l->again.data = l;
    watch(l);
    be_patient(l);
    assert(question_sane(l));
    return NULL;
}
