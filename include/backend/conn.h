/* conn: one connection to a backend, its state and its FIFO of calls. Owned by its backend; see connect for how it comes to be
 * ready, closing for how it closes, fifo for its calls, held for those whose bytes are held back. */
#ifndef MOONGATE_BACKEND_CONN_H
#define MOONGATE_BACKEND_CONN_H

#include "backend/call.h"
#include "backend/data.h"
#include "net/inbuf.h"
#include "net/outq.h"
#include "protocol/dialect.h"

/* Each value says where the connection's next event comes from; conn_set_state alone changes it. */
enum conn_state {
    CONN_IDLE,       /* nowhere: not started */
    CONN_RESOLVING,  /* the resolver: an address; calls queue up as in CONNECTING */
    CONN_CONNECTING, /* the kernel: connected or not; calls queue up unless the last try failed */
    CONN_PROBING,    /* the server: `version` was asked; calls queue up as above */
    CONN_LEARNING,   /* the server: `mn` was asked; likewise */
    CONN_READY,      /* calls and responses */
    CONN_WAITING,    /* the timer: try again; calls are refused at once */
};

/* Invariant (conn_sane): fd >= 0 in CONNECTING, PROBING, LEARNING and READY only; depth is the length of the FIFO; the last held_n
 * calls, from `held` on, are held back; held_n <= unwritten <= depth. */
struct conn {
    ev_io io;
    ev_timer timer;
    struct backend *backend;
    enum conn_state state;
    int fd;
    struct addr peer; /* the address tried last */
    uint32_t tried;   /* addresses that failed since one did well */
    struct inbuf in;
    struct outq out;
    struct dialect dialect; /* what the server understands, from READY on */
    bool is_apart;          /* one of backend->apart, which are not counted among its connections */
    bool is_unasked;        /* READY without `mn` having been asked */
    bool speaks_version;    /* it answered `version` as memcached does */
    struct call *head, *tail; /* calls in the order sent */
    struct call *held;        /* the first whose bytes are held back, or NULL */
    uint32_t held_n;
    int64_t last_client; /* whose call ended last since READY, by its number; below 0: none */
    size_t held_bytes;   /* of requests that are held back */
    uint32_t depth;
    uint32_t unwritten; /* the last so many calls: nothing of them was given to the socket yet */
    bool line_open;     /* the last call's get may take more keys */
    struct conn *next_unsent; /* in the set's list of connections with something new to write */
    bool unsent;              /* in that list */
    bool failed;              /* the last attempt did not become ready */
    uint32_t troubles; /* attempts and connections in a row that ended early: grows the back-off */
    double since;      /* when state was entered */
    double alarm;      /* when the timer goes off, or should have */
    bool put_off;      /* it was late itself, and is set once more */
    double progress;   /* when the server last sent a byte, or the FIFO stopped being empty */
    char reason[BACKEND_REASON_MAX]; /* why it was closed last */
};

static inline double conn_now(const struct conn *c)
{
    return c->backend->set->now;
}

/* True: the server has something to answer. */
static inline bool conn_awaits(const struct conn *c)
{
    return c->head != c->held;
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

/* --- state: each of these is called by the files of this floor alone */

/* The only writer of its state. The callers set interest and alarm next. */
void conn_set_state(struct conn *c, enum conn_state state);

/* Closes the descriptor; drops what was read from it and what was to be written to it. State and calls stay as they are. */
void conn_hang_up(struct conn *c);

/* Sets what the loop watches, from state and c->out: called after each change of state and after each write. */
void conn_watch(struct conn *c);

/* When something must be done though nothing happens, in seconds as backends.now; INFINITY: never. */
double conn_next_alarm(const struct conn *c);

/* When a READY connection that awaits nothing is due for a question, or one that is apart for its end; INFINITY: never. */
double conn_idle_end(const struct conn *c);

/* Sets the alarm to a time, as backends.now; INFINITY: none. */
void conn_set_alarm(struct conn *c, double at);

/* Sets the alarm to now, in WAITING: the server is back. */
void conn_wake(struct conn *c);

/* --- writing */

/* Puts c on the set's list of connections with something to write; takes it off. */
void conn_mark_unsent(struct conn *c);
void conn_forget_unsent(struct conn *c);

/* No more keys go into the last get. One that is held back gets its line end when it is written. */
void conn_end_line(struct conn *c);

/* Writes c->out to the socket. READY only. */
void conn_flush(struct conn *c);

/* --- news: see news.h */

void conn_tell(struct conn *c, enum conn_event event);

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
