/* A value that is held until it is whole costs memory, and its client the time. So a long one (backends.streams.from) is passed on
 * while it comes, if it has one client and that can take it at once: the owner of the call says by CALL_STREAMS that it may, and
 * takes it at CALL_BEGUN, or not; then it is held as others are. A leg of a flow never does: a policy decides on whole answers.
 *
 * Head, data, tail. Of what the server sends only the data is passed on as it comes. The head goes to the reader as a response of
 * its own, so that the reader writes its own head (with the client's key). The tail is compared with what it must be, CRLF and for a
 * get END, and only then the call is answered and the reader writes its own tail (I3). So a client never sees a value with a right
 * ending that the server did not give: it has the data at most, and its connection is closed.
 *
 * Who is waited for. The reader says how many bytes wait for its client. From the window on the server's connection is paused: not
 * read, and neither deadlines nor the stall timeout run; the times of its calls are moved by the pause. As soon as another client
 * waits for that connection (is_alone), the rest is spooled: read as fast as it comes, and the client's own bound
 * (--client-buffer) decides how much it may be behind. Once it was spooled it stays so: the next call would be there soon.
 *
 * When the reader has gone the rest is read and dropped, READ_AT_MOST bytes a turn. It is bounded by the longest value that intake
 * accepts, and the stall timeout runs. A new connection would cost the other clients more.
 *
 * Two ways. Copying: each read has a blob of its own, which the client's queue refers to: one copy in, one out. Splicing: the bytes go
 * through a pipe and are never seen, so not what a TLS stream could do. A pipe that takes no more, or does not suit the socket,
 * leaves that reading to the copying way; the queue keeps both in order. A value that is spooled is copied: a pipe has an end.
 */
#include "backend/streamed.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "backend/meter.h"
#include "base/slab.h"

enum {
    PIPE_ROOM = 1024 * 1024,
    READ_AT_MOST = 256 * 1024
}; /* bytes a turn: other connections get theirs */

static bool streamed_sane(const struct streamed *s)
{
    return s->c->streamed == s && s->c->head && s->tail_len > 0;
}

/* --- whether the connection is read ------------------------------------------------------------ */

static size_t room(const struct streamed *s)
{
    size_t window = s->c->backend->set->streams.window;
    if (s->is_left || s->is_spooled) return READ_AT_MOST;
    return s->queued < window ? window - s->queued : 0;
}

/* Nobody else waits for the value to end: no call behind it but those of the same client, whose answers must come later anyway; none
 * of the connections apart. A leg of a flow has its own `done`: others may wait for it. */
static bool is_alone(const struct conn *c)
{
    const struct call *first = c->head;
    if (c->backend->apart_held > 0) return false;
    for (const struct call *call = first->next; call; call = call->next)
        if (call->affinity != first->affinity || call->done != first->done || call_is_shared(call))
            return false;
    return true;
}

static void pause_reading(struct conn *c)
{
    c->streamed->paused_at = conn_now(c);
    c->is_paused = true;
}

/* The time of the pause is the client's: for the server's latency, for deadlines and for the stall it has not passed. */
static void go_on(struct conn *c)
{
    double now = conn_now(c), since = c->streamed->paused_at;
    c->is_paused = false;
    c->streamed->paused += now - since;
    for (struct call *call = c->head; call; call = call->next) {
        double paused = now - (call->sent > since ? call->sent : since);
        call->deadline += paused;
        call->sent += paused;
    }
    c->progress = now;
    conn_set_alarm(c, conn_next_alarm(c));
}

void streamed_look(struct conn *c)
{
    struct streamed *s = c->streamed;
    assert(streamed_sane(s));
    if (!s->is_taken) return;
    if (s->left > 0 && room(s) == 0 && !is_alone(c)) {
        s->is_spooled = true;
        c->backend->set->row->streamed_spooled++;
    }
    bool pauses = s->left > 0 && room(s) == 0;
    if (pauses == c->is_paused) return;
    if (pauses)
        pause_reading(c);
    else
        go_on(c);
    conn_watch(c);
}

/* --- the reader -------------------------------------------------------------------------------- */

void streamed_take(struct streamed *s, bool splices)
{
    assert(streamed_sane(s));
    s->is_taken = true;
    s->splices = splices;
}

void streamed_note(struct streamed *s, size_t queued)
{
    assert(s->is_taken && !s->is_left);
    s->queued = queued;
    streamed_look(s->c);
}

static void drop_pipe(struct streamed *s)
{
    if (s->pipe) pipe_give(s->pipe);
    s->pipe = NULL;
}

void streamed_expire(struct conn *c)
{
    c->streamed->is_left = true;
    drop_pipe(c->streamed);
}

void streamed_leave(struct streamed *s)
{
    assert(s->is_taken && !s->is_left);
    streamed_expire(s->c);
    streamed_look(s->c);
}

/* --- begin and end ----------------------------------------------------------------------------- */

bool streamed_begin(struct conn *c, const struct response *r, const struct streamed_shape *shape,
                    const struct call_key *key)
{
    const struct stream_limits *limits = &c->backend->set->streams;
    assert(!c->streamed && r->need > r->len + 2 && !c->in.need);
    struct streamed *s = slab_borrow(sizeof *s);
    *s = (struct streamed){.c = c,
                           .left = r->need - r->len - 2,
                           .tail = shape->tail,
                           .tail_len = (uint8_t)strlen(shape->tail),
                           .end = shape->end,
                           .kind = shape->head->kind};
    struct call_news news = {
        .event = CALL_BEGUN, .response = shape->head, .key = *key, .streamed = s};
    c->streamed = s;
    c->head->may_stream = false;
    call_tell(c->head, &news);
    if (!s->is_taken) {
        streamed_drop(c);
        return false;
    }
    meter_pool(c->backend->set, c->head)->bytes_read += r->len;
    if (limits->splices && s->splices && stream_splices(&c->stream))
        s->pipe = pipe_borrow(PIPE_ROOM);
    c->backend->set->row->streamed_values++;
    return true;
}

void streamed_drop(struct conn *c)
{
    struct streamed *s = c->streamed;
    c->streamed = NULL;
    c->was_streamed = s->is_taken;
    c->is_paused = false;
    drop_pipe(s);
    slab_return(s, sizeof *s);
}

/* --- data -------------------------------------------------------------------------------------- */

/* The owner is gone, too, once its deadline has passed. */
static void tell(struct streamed *s, const struct call_news *news, size_t n)
{
    assert(n <= s->left);
    s->left -= n;
    meter_pool(s->c->backend->set, s->c->head)->bytes_read += n;
    if (!s->is_left) call_tell(s->c->head, news);
}

size_t streamed_pass(struct conn *c, const uint8_t *at, size_t n)
{
    struct streamed *s = c->streamed;
    if (n > s->left) n = (size_t)s->left;
    struct call_news news = {.event = CALL_DATA, .data = {at, n}};
    tell(s, &news, n);
    return n;
}

/* Into a blob that the reader may keep: it then has no more room than bytes, as a slow server may fill many. */
static enum io_status read_copy(struct streamed *s, size_t most, size_t *came)
{
    struct blob *blob = blob_create(most);
    ssize_t n = stream_read(&s->c->stream, blob->bytes, most);
    int error = errno;
    *came = n > 0 ? (size_t)n : 0;
    blob->len = *came;
    blob = blob_shrink(blob, *came);
    struct call_news news = {.event = CALL_DATA, .blob = blob, .data = {blob->bytes, blob->len}};
    if (n > 0) tell(s, &news, *came);
    blob_give(blob);
    errno = error;
    return io_status_of(n);
}

/* False: the pipe takes nothing now, or never from such a socket. */
static bool read_pipe(struct streamed *s, size_t most, size_t *came, enum io_status *status)
{
    *status = pipe_fill(s->pipe, s->c->stream.fd, most, came);
    if (*status == IO_ERROR && errno == EINVAL) drop_pipe(s);
    if (*status == IO_AGAIN || !s->pipe) return false;
    struct call_news news = {.event = CALL_DATA, .pipe = s->pipe, .piped = *came};
    if (*came > 0) tell(s, &news, *came);
    return true;
}

enum io_status streamed_read(struct conn *c, size_t *came)
{
    struct streamed *s = c->streamed;
    size_t most = room(s);
    enum io_status status;
    assert(streamed_sane(s) && s->left > 0 && most > 0 && !c->is_paused);
    if (most > READ_AT_MOST) most = READ_AT_MOST;
    if (most > s->left) most = (size_t)s->left;
    if (!s->pipe || !read_pipe(s, most, came, &status)) status = read_copy(s, most, came);
    return status;
}
