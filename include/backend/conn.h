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

/* In IDLE. conn_destroy comes after conn_release. */
struct conn *conn_create(struct backend *b);
void conn_destroy(struct conn *conn);

/* Writes what is queued. */
void conn_flush(struct conn *conn);

/* True when a call would be refused; then conn->reason says why. */
bool conn_refuses(const struct conn *conn);

/* Requests are not written yet: the connection is not ready, or takes one call at a time. */
static inline bool conn_holds(const struct conn *conn)
{
    return conn->state != CONN_READY || conn->held || conn->is_apart ||
           conn->backend->settings.requests == REQUESTS_ONE;
}

/* Puts a call at the end of the FIFO; its bytes are already in conn->out, or in call->wire, then it is held back. */
void conn_push(struct conn *conn, struct call *call);

/* Puts conn on the list of those that have something to write; takes it off. */
void conn_mark_unsent(struct conn *conn);
void conn_forget_unsent(struct conn *conn);

/* --- for connect */

bool conn_sane(const struct conn *conn);

/* The only writer of its state. */
void conn_set_state(struct conn *conn, enum conn_state state);

/* Interest, derived: called after each change of state and after each write. */
void conn_watch(struct conn *conn);

/* When something must be done though nothing happens, INFINITY: never; and sets the alarm to a time. */
double conn_next_alarm(const struct conn *conn);
void conn_set_alarm(struct conn *conn, double at);

static inline double conn_now(const struct conn *conn)
{
    return conn->backend->set->now;
}

#endif
