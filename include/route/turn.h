/* turn: what one turn of the loop gathers, and the only place where it is acted on.
 *
 * One a worker. Clients put requests into its slots while they read; turn_end routes them all with one call into the script,
 * sends them, writes to every backend and client that has something to write, and forgets the turn's memory.
 */
#ifndef MOONGATE_ROUTE_TURN_H
#define MOONGATE_ROUTE_TURN_H

#include <ev.h>

#include "backend/backend.h"
#include "base/arena.h"
#include "base/board.h"
#include "net/outq.h"
#include "protocol/foreign.h"
#include "route/routes.h"

struct client;
struct flow;

/* How many requests are routed at once: of clients, and of legs that are put to functions beside them. Buckets of clients' numbers. */
enum { TURN_SLOTS = 2048, TURN_CLIENT_SLOTS = TURN_SLOTS - 128, TURN_NUMBERS = 1024 };

/* Who may flush_all. */
enum turn_flush {
    FLUSH_NEAR,
    FLUSH_YES,
    FLUSH_NO
}; /* NEAR: who came over loopback or a unix socket */

/* Answers `stats what` (len bytes; none: the general ones) with whole lines into out, END included; or `stats reset`. False when
 * there are no such statistics. Owned by this floor, answered by the daemon's. */
typedef bool turn_stats_fn(void *about, const char *what, size_t len, struct outq *out);

/* Gives the descriptor of a client that is owed nothing, and has begun nothing, to another process. False: not now. Owned by
 * this floor, answered by the daemon's. */
typedef bool turn_give_fn(void *about, int fd, uint32_t listener);

/* Closes the descriptor of a client that was handed over as that number (0: it was not): the process that did may hold a copy
 * of it. Owned by this floor, answered by the daemon's. */
typedef void turn_shut_fn(void *about, int fd, uint64_t handover);

struct turn_limits {
    enum turn_flush allow_flush;
    size_t max_value;           /* bytes of a value that a client may store */
    size_t client_buffer;       /* bytes of replies held for a client, above one value */
    size_t input_buffer;        /* bytes of unfinished requests held for all clients */
    double keepalive;           /* of clients' sockets, see net/keepalive.h */
    const char *version_answer; /* what `version` says; NULL: the lowest version of a server */
    bool strict_keys;           /* no control bytes in keys */
};

struct turn {
    struct ev_loop *loop;
    struct backends *backends;
    struct board_row *row;
    struct arena *arena;
    struct turn_limits limits;
    struct generation *generation; /* the current one; then those that end */
    client_trace_fn *trace;
    turn_stats_fn *stats;
    void *about;
    turn_give_fn *give; /* NULL while clients stay */
    void *gives_for;
    turn_shut_fn *shut; /* close(2), where nobody hands clients over */
    void *shuts_for;
    struct request *slots; /* TURN_SLOTS; [0..used) wait for their route */
    struct answer *answers;
    uint32_t used;
    uint32_t next_affinity;
    double now;             /* as backends.now */
    struct client *clients; /* all */
    struct flow *flows;     /* all */
    struct flow *later,
        **later_end; /* made by the script while it was asked: begun with the slots */
    bool is_ending;  /* no call is made any more */
    bool abandoned;  /* a client went that was owed something: what only it wanted may end */
    struct client *numbered[TURN_NUMBERS]; /* all, by their numbers */
    struct client *dirty;                  /* those with something to write or to decide */
    struct client *closed;                 /* those whose memory goes at the end of the turn */
    uint32_t clients_n;
    size_t unfinished; /* bytes of requests that have come in part, of all clients */
    struct log_limit log;
    struct log_limit foreign_lines[FOREIGN_COUNT];
};

void turn_init(struct turn *t, struct ev_loop *loop, struct arena *arena, struct backends *backends,
               struct board_row *row, const struct turn_limits *limits);

/* Closes every client and every connection to a server, and lets the scripts it adopted go. */
void turn_release(struct turn *t);

/* Takes over the caller's count of g, whose routes decide from now on. */
void turn_adopt(struct turn *t, struct generation *g);

/* The request in a slot is decided: its bytes may go at any time. A script that kept it shall find none. */
void turn_forget(struct request *r);

/* The client with that number (request.affinity); NULL when it is gone. */
struct client *turn_client(const struct turn *t, uint32_t number);

/* Sends r to the pool's server for its key; done hears of what comes of it, also when it is refused, then before this returns. Where
 * the pool says that a failure is a miss, done_or_miss does in its place. */
enum backend_status turn_call(struct turn *t, struct pool *pool, const struct request *r,
                              call_done_fn *done, call_done_fn *done_or_miss, void *owner);

/* The next free slot; routes and sends what is there when all are taken. */
struct request *turn_slot(struct turn *t);

/* Routes and sends what the slots hold; nothing is written yet and the arena stays. */
void turn_route(struct turn *t);

/* Room in the arena for reading n bytes; routes early where there is none. */
void turn_make_room(struct turn *t, size_t n);

/* Everything: route, send, write, close, forget. Before the loop sleeps. */
void turn_end(struct turn *t);

#endif
