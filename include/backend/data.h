/* data: a server and the set of all servers of a worker, as the files of this floor share them.
 *
 * A backend is owned by its set: backends_get makes it, backends_sweep frees it once no pool names it and no call is left.
 * Each pool that names it holds a reference (backend_take, backend_give). One worker, one loop, no locks.
 */
#ifndef MOONGATE_BACKEND_DATA_H
#define MOONGATE_BACKEND_DATA_H

#include <ev.h>
#include <stdbool.h>

#include "backend/news.h"
#include "backend/settings.h"
#include "base/arena.h"
#include "base/board.h"
#include "base/log.h"
#include "base/writes.h"
#include "net/addr.h"

enum {
    BACKEND_NAME_MAX = 280,
    BACKEND_REASON_MAX = 360, /* a certificate has long names */
    BACKEND_VERSION_MAX = 32,
    BACKEND_APART = 8,                /* connections for requests that nobody may share one with */
    BACKEND_LARGE_VALUE = 512 * 1024, /* bytes: where large_value begins */
    BACKEND_NAMES = 1024              /* lists of servers, by a hash of their names */
};

struct backend;
struct backends;
struct conn;
struct discoveries;
struct ejection;
struct gate;
struct name_watch;
struct resolver;
struct secure;
struct steering;
struct tls_session;

/* Replaces socket and connect, where tests and tools reach a server otherwise than by its address. Returns 0 or errno; *fd is a
 * non-blocking socket that the caller owns from then on, or -1. */
typedef int backend_dial_fn(void *about, const struct backend *b, int *fd);

/* A gated server has a connection that serves: what waits for it may be replayed. See gate. */
typedef void backend_gated_fn(void *about, const struct backend *b);

/* Why its connections take no calls: not connected, calls passed their deadline, connections ended; deletes wait for it (see gate). */
enum backend_fall { FALL_CONNECT, FALL_TIMEOUT, FALL_CLOSED, FALL_SPOOLED };

/* The gets of the turn by their keys, for share.h; a slot says where a get for such a key was put last. */
struct share_slot {
    struct call *call;
    const struct conn *conn;
    uint64_t number; /* of the get, see below */
    uint32_t at;     /* of the key's record in the call */
};

enum { SHARE_SLOTS = 512, SHARE_CLIENTS = 256 };

/* Gets are numbered as they come. What has a number up to `written` may have been written, or freed, and is not looked at. A get of a
 * client joins only what has a higher number than the client's last other request to that server had. */
struct share {
    uint64_t number;
    uint64_t written;
    uint64_t others[SHARE_CLIENTS]; /* by a hash of the client and the connection */
    struct share_slot slots[SHARE_SLOTS];
};

/* Invariant (backend_sane): addrs is NULL as long as there is no address; one that leaves has one connection, no reference, no
 * watch and nothing apart; apart_held counts the calls that the connections apart hold back. I6: a request is refused while
 * its connection holds settings.depth calls, or too many bytes of requests. I9: `suspects` holds the clients that had calls on
 * each of the connections that ended since one was settled; as long as one is left, a client's requests may be the reason and
 * the server is not at fault. */
struct backend {
    struct backend *next;       /* in the set */
    struct backend *next_named; /* of those whose names have the same hash */
    struct backends *set;
    uint32_t counts;             /* references: one for each pool that names it */
    char name[BACKEND_NAME_MAX]; /* as shown to clients and in logs: host:port */
    struct addr *addrs;          /* owned; none before a host name is resolved */
    uint32_t addrs_n;
    struct name_watch *watch;            /* of a host name, else NULL */
    char unresolved[BACKEND_REASON_MAX]; /* why there is no address yet */
    struct backend_settings settings;
    char *host;                        /* owned: without the port; NULL: it is a unix socket */
    struct tls_session *session;       /* of its last TLS connection; NULL: none, see secure */
    struct conn **conns;               /* owned: settings.connections of them */
    struct conn *apart[BACKEND_APART]; /* owned: made when needed; see apart */
    uint32_t apart_held;               /* calls that they hold back */
    char version[BACKEND_VERSION_MAX]; /* from its last answer to `version`; "": not known */
    /* Bytes: the server may refuse a value so long or longer, if its version is none that we have tested. */
    uint32_t large_value;
    uint32_t noops_lost;     /* connections in a row that ended on `mn` */
    double shuns_noop_until; /* as now below; it ended those: none sends `mn` before that time */
    double
        knows_noop_until; /* likewise: it answered `mn` shortly before, so it has meta commands */
    double shuns_sessions_until; /* likewise: it refused one: none is offered before that time */
    double asks_get_until;       /* likewise: no get is asked as mg before that time; see wins */
    uint64_t suspects;           /* one bit of a hash for each client */
    uint32_t late;               /* calls in a row that passed their deadline */
    uint64_t faults; /* see ejection: all of them, and how many there were at its last answer */
    uint64_t forgiven;
    struct ejection *ejections; /* of the pools that count its faults */
    enum backend_fall cause;    /* what happened to one of its connections last */
    bool down; /* no connection takes calls, or it is gated; written by backend_note_health alone */
    bool is_gated;         /* deletes wait for it: written by gate.c alone */
    bool is_framed;        /* it is spoken to in the binary protocol; see framed */
    bool is_unusual;       /* it is gated or framed: what a call looks at first */
    bool leaves;           /* its one connection finishes its calls; then the sweep frees it */
    conn_news_fn *on_conn; /* takes the news of its connections */
    struct board_server *stats;
    struct board_trouble *trouble; /* NULL: it has no place on the board */
};

/* When values are passed on while they come; see streamed. */
struct stream_limits {
    size_t from;   /* bytes: longer values are */
    size_t window; /* bytes that a client may be behind; 0: each value is held until it is whole */
    bool splices;  /* through pipes, as far as there are any */
};

struct backends {
    struct ev_loop *loop;      /* NULL: nothing is ever connected (a script is only checked) */
    struct resolver *resolver; /* the worker's; NULL: host names are not resolved */
    struct discoveries *discoveries; /* the worker's; NULL: pools have fixed servers only */
    struct arena *arena;             /* the turn's */
    struct board_worker *part;       /* the worker's counters */
    struct board_row *row;           /* == &part->row */
    struct board_server unlisted;    /* counters of the servers that have no place on the board */
    struct latency_span span;        /* of the call that was answered last */
    struct board_pool no_pool;       /* of the calls that no pool sent */
    struct board_pool *pools[BOARD_POOLS + 1]; /* what call->pool says; the last one is no_pool */
    struct stream_limits streams;
    double now;           /* monotonic seconds, set by the worker when the loop wakes */
    struct writer writer; /* notes the keys that are written; private until the worker sets it */
    struct backend *first;
    struct backend *named[BACKEND_NAMES]; /* the same ones, to find them by their names */
    ev_timer pace;       /* runs while servers are left to be connected or freed: a few at a time */
    struct conn *unsent; /* connections with something to write, linked by next_unsent */
    struct conn *holding;   /* those whose streams hold bytes that came, linked by next_holding */
    ev_timer again;         /* runs while there are any */
    struct secure *secures; /* owned: what `tls` in settings counts, see secure */
    uint32_t secures_n;
    double begun_at; /* connections that were begun in the turn of that time */
    uint32_t begun;
    struct credential **credentials; /* owned: what `auth` in settings counts, see credential */
    uint32_t credentials_n;
    double shaken_at, shaken; /* the seconds that handshakes took in the turn of that time */
    /* The server whose answers or failures are being passed on, and when the connection that brings them became ready. */
    const struct board_server *from;
    double from_ready;
    bool asks_plainly;     /* servers are asked as clients ask, whatever `ask` says: for tools */
    backend_dial_fn *dial; /* not NULL: it replaces addresses, and no name is looked up */
    void *dials_for;       /* its `about` */
    struct gate *gates;    /* owned: the servers that are gated, by name */
    uint32_t gates_n;
    backend_gated_fn *on_gated;      /* NULL: nobody waits for that */
    void *gated_for;                 /* its `about` */
    const struct steering *steering; /* the worker's, what operators have decided; NULL: nothing */
    uint64_t steerings;              /* how often that has changed */
    /* How often that has changed, or a server went down or came back: pools compare it before they choose. */
    uint64_t changes;
    struct log_limit log;
    struct share share; /* the gets that others may join */
};

/* From now on no get joins a call that was made so far: it is written next, or lost. */
static inline void share_end(struct backends *set)
{
    set->share.written = set->share.number;
}

/* True: so many calls in a row passed their deadline that the server counts as down. twemproxy closes a connection with the first one. */
static inline bool backend_is_late(const struct backend *b)
{
    return b->late >= (b->settings.eject == EJECTS_NONE ? b->settings.failure_limit : 1);
}

#endif
