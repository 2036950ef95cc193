#include "backend/question.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/conn.h"
#include "backend/locate.h"
#include "base/slab.h"
#include "net/socket.h"
#include "protocol/response.h"

/* Why not one of the server's other connections: what is asked behind a dump waits for its end, and a dump may take minutes. Nor
 * must a question of the operator's tools wait behind large values, or count against the server when it is late.
 *
 * Nothing is asked before the question: no `version`, since what comes is judged line by line by the owner, and nothing but this
 * answer ever comes on this connection.
 */

static bool question_sane(const struct question *l)
{
    return (l->fd >= 0) == (l->buffer != NULL) && l->used <= QUESTION_ROOM &&
           l->asked <= l->question_len && l->question_len <= QUESTION_MAX;
}

/* Interest is derived here alone. */
static void watch(struct question *l)
{
    bool writes = !l->is_connected || l->asked < l->question_len;
    int events = (writes ? EV_WRITE : 0) | (l->is_connected && !l->is_paused ? EV_READ : 0);
    if (ev_is_active(&l->io) && (l->io.events & (EV_READ | EV_WRITE)) == events) return;
    ev_io_stop(l->loop, &l->io);
    if (events == 0) return;
    ev_io_set(&l->io, l->fd, events);
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
    close(l->fd);
    slab_return(l->buffer, QUESTION_ROOM);
    l->fd = -1;
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

/* False: l is closed. What is left is the beginning of a line. */
static bool take_whole_lines(struct question *l)
{
    size_t at = 0;
    const uint8_t *newline;
    while ((newline = memchr(l->buffer + at, '\n', l->used - at))) {
        const uint8_t *line = l->buffer + at;
        size_t len = (size_t)(newline - line) + 1;
        if (len > RESPONSE_LINE_MAX) break;
        if (!l->take(l->owner, line, len)) return false;
        assert(question_sane(l) && question_is_open(l));
        at += len;
    }
    l->used -= at;
    memmove(l->buffer, l->buffer + at, l->used);
    if (l->used < RESPONSE_LINE_MAX) return true;
    lose(l, "sends a line that is too long");
    return false;
}

static void readable(struct question *l)
{
    ssize_t n = read(l->fd, l->buffer + l->used, QUESTION_ROOM - l->used);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        lose(l, n == 0 ? "closed by the server" : strerror(errno));
        return;
    }
    l->used += (size_t)n;
    be_patient(l);
    (void)take_whole_lines(l);
}

/* False: l is closed. */
static bool writable(struct question *l)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (!l->is_connected && getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error) {
        lose(l, strerror(error));
        return false;
    }
    l->is_connected = true;
    ssize_t n = write(l->fd, l->question + l->asked, l->question_len - l->asked);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        lose(l, strerror(errno));
        return false;
    }
    if (n > 0) l->asked += (size_t)n;
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
    if (events & EV_WRITE && !writable(l)) return;
    if (events & EV_READ && !l->is_paused) readable(l);
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
    if (set->dial) return set->dial(set->dials_for, b, &l->fd);
    return addr ? socket_connect(addr, b->settings.keepalive, &l->fd) : EADDRNOTAVAIL;
}

const char *question_open(struct question *l, struct backend *b, const char *question,
                          double patience)
{
    assert(b->set->loop && l->take && l->end && strlen(question) <= QUESTION_MAX - 3);
    l->loop = b->set->loop;
    l->fd = -1;
    int error = dial(l, b);
    if (error && error != EINPROGRESS) {
        if (l->fd >= 0) close(l->fd);
        l->fd = -1;
        return error == EADDRNOTAVAIL && b->addrs_n == 0 ? "is not resolved" : strerror(error);
    }
    l->buffer = slab_borrow(QUESTION_ROOM);
    l->used = l->asked = 0;
    l->is_connected = error == 0;
    l->is_paused = false;
    l->patience = patience;
    l->question_len = (size_t)snprintf(l->question, sizeof l->question, "%s\r\n", question);
    ev_init(&l->io, on_io);
    ev_init(&l->timer, on_timer);
    l->io.data = l->timer.data = l;
    watch(l);
    be_patient(l);
    assert(question_sane(l));
    return NULL;
}
