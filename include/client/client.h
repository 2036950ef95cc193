/* client: a connection we accepted.
 *
 * Owned by its turn from client_create until the end of the turn in which it closed. Idle, it holds this struct and nothing
 * else: bytes are read into the turn's arena, and buffers exist only while a request is cut or a reply waits.
 */
#ifndef MOONGATE_CLIENT_CLIENT_H
#define MOONGATE_CLIENT_CLIENT_H

#include "client/reply.h"
#include "net/inbuf.h"
#include "net/outq.h"
#include "route/turn.h"

/* Written by client_set_state alone. */
enum client_state {
    CLIENT_OPEN,     /* reads requests and answers them */
    CLIENT_DRAINING, /* reads only what completes a request that it has begun */
    CLIENT_MOVING,   /* the same; then another worker gets it */
    CLIENT_ENDING, /* reads no more; closes once everything is answered (quit, end of its input) */
    CLIENT_LINGERING, /* answered and shut; what it still sends is dropped until it closes */
    CLIENT_CLOSED,    /* memory goes at the end of the turn */
};

/* Invariant (client_sane): fd >= 0 unless CLOSED; stored is the sum of its replies' stores. */
struct client {
    ev_io io;
    struct turn *turn;
    struct client *next, **prev; /* in turn->clients */
    struct client *next_dirty;   /* in turn->dirty, later in turn->closed */
    enum client_state state;
    bool dirty;
    bool is_known; /* its first bytes said what it speaks */
    int fd;
    uint32_t affinity;            /* its number */
    uint32_t listener;            /* by which it came: the place in --bind */
    struct client *next_numbered; /* in turn->numbered */
    uint64_t handover;            /* as which it was handed over; 0: it was accepted here */
    struct inbuf in;
    size_t unfinished; /* what in holds, as the turn has counted it */
    size_t progress;   /* bytes that it has sent since busy_at */
    double busy_at;    /* as turn.now; see unfinished */
    uint64_t swallow;  /* bytes of input to drop: the value of a refused store */
    struct outq out;
    struct reply *head, *tail; /* replies not yet in out, in order */
    uint32_t owed;             /* how many */
    size_t stored;             /* bytes held in them */
    size_t usual;              /* bytes of its larger replies of late: how much one more may cost */
    bool waiting;              /* in.kept holds whole requests, for which it was too early */
    const char *reason;        /* why it is ending */
};

/* Takes over fd (non-blocking). */
struct client *client_create(struct turn *t, int fd);

/* At once: what is owed is dropped. Its peer sees the end though other processes may still hold a copy of the descriptor. */
void client_close(struct client *c, const char *reason);

/* Reads no more, and closes once everything is answered. */
void client_end(struct client *c, const char *reason);

/* Answer what was received, then shut the connection (the worker drains). */
void client_drain(struct client *c);

/* Finish what it has begun, then give it to another worker, which reads on where this one stopped. */
void client_move(struct client *c);

/* A reply of n bytes is complete; more bytes are held for it. */
void client_note_reply(struct client *c, size_t n);
void client_check_held(struct client *c);

/* Asks that the turn's end looks at c: something to write, or a change of state. */
void client_mark_dirty(struct client *c);

/* For the turn's end: writes, closes what is done, derives the interest. */
void client_settle(struct client *c);

void client_destroy(struct client *c);

#endif
