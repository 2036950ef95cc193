/* conn: one connection to a server: its state and its FIFO of calls.
 *
 * Owned by its backend, made and freed by events.h. It owns the descriptor and the calls. Here is what the files of this floor do
 * with its state, interest and alarm; see connect for its way to READY, fifo and held for its calls, closing for its end.
 */
#ifndef MOONGATE_BACKEND_CONN_H
#define MOONGATE_BACKEND_CONN_H

#include <math.h>

#include "backend/call.h"
#include "backend/data.h"
#include "net/inbuf.h"
#include "net/outq.h"
#include "net/stream.h"
#include "protocol/dialect.h"

/* Seconds until a connection in QUEUED is begun, unless it is too many again. */
#define CONN_PACE 0.002

/* Each value says what brings the connection's next event; conn_set_state alone changes it. */
enum conn_state {
    CONN_IDLE,      /* nothing: not started, or ended for good */
    CONN_RESOLVING, /* the resolver: there is no address yet; calls wait as in CONNECTING */
    CONN_QUEUED, /* the timer: enough others were begun in this turn; calls wait as in CONNECTING */
    CONN_CONNECTING, /* the kernel: connected or not; calls wait unless the last try failed */
    CONN_SECURING,   /* the server: the TLS handshake has begun; calls wait as above */
    CONN_LOGGING_IN, /* the server: user and password were sent, see credential; calls wait as above */
    CONN_PROBING,    /* the server: `version` was sent; calls wait as above */
    CONN_LEARNING, /* the server: `mn` was sent; calls wait as above */
    CONN_READY,    /* the server and the callers: calls and responses */
    CONN_WAITING,  /* the timer: try again; calls are refused at once */
};

/* Invariant (conn_sane): the stream is open in CONNECTING, SECURING, PROBING, LEARNING and READY only; depth is the length of the FIFO; the last
 * held_n calls, from `held` on, are held back, and held_bytes are theirs; held_n <= unwritten <= depth; is_paused only with `streamed`. I1: calls end in the
 * order of the FIFO, which is the order in which their requests were written. I2: the response at hand is that of the first
 * call. Without a call that was written (depth == unwritten) no byte is due. I3: a connection whose bytes do not fit its calls
 * is closed, and no byte after that is used. line_open: the last call is a get whose line has no end yet. I6: out.bytes + held_bytes and depth are bounded by backend_send; `in` keeps one
 * cut response at most. */
struct conn {
    ev_io io;
    ev_timer timer;
    struct backend *backend;
    enum conn_state state;
    struct stream stream;
    struct addr peer; /* the address tried last */
    uint32_t tried;   /* addresses that failed since one did not */
    struct inbuf in;
    struct outq out;
    struct dialect dialect; /* what the server understands, from READY on */
    bool is_apart;          /* one of backend->apart, which are not counted among its connections */
    bool is_unasked;        /* READY, but no `mn` was sent */
    bool offers_session;    /* its last handshake began with the session of an earlier connection */
    bool speaks_version;    /* it answered `version` as memcached does */
    struct call *head, *tail; /* calls in the order sent */
    struct call *held;        /* the first whose bytes are held back, or NULL */
    uint32_t held_n;
    int64_t
        last_client; /* number of the client whose call ended last since READY; below 0: none did */
    size_t held_bytes; /* of requests that are held back */
    uint32_t depth;
    uint32_t unwritten; /* no byte of the last so many calls was given to the socket yet */
    uint32_t frames_written, frames_taken; /* of a framed server: since it was connected */
    bool line_open;            /* the last call is a get whose line may take more keys */
    struct conn *next_unsent;  /* in the set's list of connections with something to write */
    bool unsent;               /* in that list */
    bool is_listed;            /* in the set's list of those that hold bytes */
    struct conn *next_holding; /* in that list */
    bool was_streamed;         /* the last answer was a value that was passed on while it came */
    bool is_paused;            /* its value's reader has no room: see streamed */
    struct streamed *streamed; /* the value of the first call, while it is passed on; or NULL */
    bool failed;               /* the last attempt did not become ready */
    bool fails;                /* its calls fail (fifo_fail): nothing is tried for a call */
    const void *tried_for;     /* the owner of the call for which an attempt failed at once */
    double tried_at;           /* and when: as backends.now */
    uint32_t troubles;         /* ends in a row that were too early; the back-off grows with them */
    double since;              /* when state was entered; this and the next ones as backends.now */
    double alarm;              /* when the timer is due */
    bool put_off;              /* the timer was late and was set once more */
    double progress;           /* when the server last sent a byte, or began to be awaited */
    char reason[BACKEND_REASON_MAX]; /* why it ended last */
};

static inline double conn_now(const struct conn *c)
{
    return c->backend->set->now;
}

/* What comes to the owners of calls from now on is about this connection. */
static inline void conn_speaks(const struct conn *c)
{
    c->backend->set->from = c->backend->stats;
    c->backend->set->from_ready = c->state == CONN_READY ? c->since : c->backend->set->now;
}

/* True: the server has something to answer. */
static inline bool conn_awaits(const struct conn *c)
{
    return c->head != c->held;
}

/* When a READY connection whose server is awaited has stalled; INFINITY: never. */
static inline double conn_stall_end(const struct conn *c)
{
    double after = c->backend->settings.stall_timeout;
    return after > 0 ? c->progress + after : INFINITY;
}

/* The first call whose deadline runs; NULL while the server waits for a client. */
static inline struct call *conn_first_awaited(const struct conn *c)
{
    return c->is_paused ? NULL : c->head;
}

/* True: a request would be held back, as the connection is not ready or takes one call at a time. */
static inline bool conn_holds(const struct conn *c)
{
    return c->state != CONN_READY || c->held || c->is_apart ||
           c->backend->settings.requests == REQUESTS_ONE;
}

/* True: a call would be refused; then c->reason says why. */
bool conn_refuses(const struct conn *c);

bool conn_sane(const struct conn *c);

/* --- state: for the files of this floor */

/* The only writer of its state. The callers set interest and alarm next. */
void conn_set_state(struct conn *c, enum conn_state state);

/* Closes the descriptor; drops what was read from it and what was to be written to it. State and calls stay as they are. */
void conn_hang_up(struct conn *c);

/* Sets what the loop watches, from state and c->out: called after each change of state and after each write. */
void conn_watch(struct conn *c);

/* When something must be done though nothing happens, in seconds as backends.now; INFINITY: never. */
double conn_next_alarm(const struct conn *c);

/* When a READY connection without calls is to be used again: probed, or closed if it is apart; INFINITY: never. */
double conn_idle_end(const struct conn *c);

/* Sets the alarm to a time, as backends.now; INFINITY: none. */
void conn_set_alarm(struct conn *c, double at);

/* Sets the alarm to now, in WAITING: the server is back. */
void conn_wake(struct conn *c);

/* --- writing */

/* Puts c on the set's list of connections with something to write; takes it off. */
void conn_mark_unsent(struct conn *c);
void conn_forget_unsent(struct conn *c);
void conn_forget_holding(struct conn *c);

/* Ends the line of the last get if it is open in c->out, so that another request may follow. */
static inline void conn_close_line(struct conn *c)
{
    if (c->line_open) outq_append(&c->out, "\r\n", 2);
    c->line_open = false;
}

/* The value of a request ends here. memcached before 1.6.39 reads a value alone, and then waits for its socket even if the TLS record that the
 * value was in has another request behind it. So none has. */
static inline void conn_end_value(struct conn *c)
{
    if (__builtin_expect(c->stream.tls != NULL, 0)) outq_end_record(&c->out);
}

/* No more keys go into the last get. One that is held back gets its line end when it is written. */
void conn_end_line(struct conn *c);

/* Writes c->out to the socket. READY only. */
void conn_flush(struct conn *c);

/* --- reading */

/* Puts c on the set's list of connections to be read although the loop will not say so, if it is one. Plain ones are not. */
void conn_look_held(struct conn *c);

/* --- news: see news.h */

void conn_report(struct conn *c, enum conn_event event);

/* The connection must go, because of something that did not happen in time. */
void conn_close(struct conn *c, const char *reason);

/* The server closed it, or the kernel ended it with that errno. */
void conn_closed(struct conn *c);
void conn_broken(struct conn *c, int error);

/* Bytes came that should not have (invariant I3). */
void conn_anomaly(struct conn *c, const char *what);

/* The server refused a request with a value, and may have left the value in the stream: no fault of the server. */
void conn_refused(struct conn *c, const char *what);

#endif
