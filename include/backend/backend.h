/* backend: a memcached server that we talk to, with its connections; and the set of all of a worker's.
 *
 * A backend is counted: each pool that names it holds a count (backend_take, backend_give). A reload finds the unchanged ones
 * in the set and keeps their connections; one that no pool names any more finishes the calls in flight and goes.
 * One worker, one loop, no locks.
 */
#ifndef MOONGATE_BACKEND_BACKEND_H
#define MOONGATE_BACKEND_BACKEND_H

#include <ev.h>
#include <stdbool.h>

#include "backend/call.h"
#include "backend/settings.h"
#include "base/arena.h"
#include "base/board.h"
#include "base/log.h"
#include "base/writes.h"
#include "net/addr.h"

enum {
    BACKEND_NAME_MAX = 280,
    BACKEND_REASON_MAX = 160,
    BACKEND_VERSION_MAX = 32,
    BACKEND_APART = 8 /* connections for requests that nobody may share one with */
};

struct backends;
struct backend;
struct conn;
struct discoveries;
struct name_watch;
struct resolver;

/* Begins a connection to a server in some other way than to its address: in place of socket and connect. 0, or errno; *fd is
 * the non-blocking socket, whose owner is the caller, or -1. */
typedef int backend_dial_fn(void *about, const struct backend *b, int *fd);

/* Why its connections take no calls. */
enum backend_fall { FALL_CONNECT, FALL_TIMEOUT, FALL_CLOSED };

struct backend {
    struct backend *next; /* in the set */
    struct backends *set;
    uint32_t counts;
    char name[BACKEND_NAME_MAX]; /* as shown to clients and in logs: host:port */
    struct addr *addrs;          /* see locate; none before a host name is resolved */
    uint32_t addrs_n;
    struct name_watch *watch;            /* of a host name, else NULL */
    char unresolved[BACKEND_REASON_MAX]; /* why there is no address yet */
    struct backend_settings settings;
    struct conn **conns;               /* settings.connections of them */
    struct conn *apart[BACKEND_APART]; /* made when needed; see apart */
    uint32_t apart_held;               /* calls that they hold back */
    char version[BACKEND_VERSION_MAX]; /* as it last told one of its connections; "": not known */
    uint32_t
        large_value; /* bytes: so many or more may be too large for it, if nobody has looked at its version */
    uint32_t noops_lost;     /* connections in a row that ended on `mn` */
    double shuns_noop_until; /* it ended a connection that asked `mn`: none is asked before then */
    uint64_t
        suspects; /* clients, as bits of a hash, that had calls on each connection that ended early */
    uint32_t late;           /* calls in a row that passed their deadline */
    enum backend_fall cause; /* what befell one of its connections last */
    bool down;               /* no connection takes calls; written by backend_note_health alone */
    bool leaves;             /* its one connection finishes its calls and goes */
    struct board_server *stats;
};

struct backends {
    struct ev_loop *loop;      /* NULL: nothing is ever connected (a script is only checked) */
    struct resolver *resolver; /* the worker's; NULL: host names are not resolved */
    struct discoveries *discoveries; /* the worker's; NULL: pools have fixed servers only */
    struct arena *arena;
    struct board_worker *part;    /* the worker's counters */
    struct board_row *row;        /* == &part->row */
    struct board_server unlisted; /* counts for the servers that the board has no place for */
    double
        now; /* seconds, monotonic; the worker sets it when the loop wakes, so that a set clock times nothing out */
    struct writer
        writer; /* notes the keys that are written; until the worker says else, a private one */
    struct backend *first;
    struct conn *unsent;
    backend_dial_fn
        *dial;       /* NULL: servers are where their addresses say; else these are not looked up */
    void *dials_for; /* its `about` */
    uint64_t changes; /* how often a server went down or came back: pools that rehash look at it */
    struct log_limit log;
};

/* The defaults of all settings. */
struct backend_settings backend_settings_default(void);

void backends_init(struct backends *set, struct ev_loop *loop, struct arena *arena,
                   struct board_worker *part);

/* Closes all connections; outstanding calls fail. Nothing is connected any more. */
void backends_stop(struct backends *set);

/* Closes everything; outstanding calls fail. */
void backends_release(struct backends *set);

/* Finds or makes a backend (two pools share one when name, which says the address, and all settings are equal) and gives the caller a
 * count. It is looked up at once and connects only once backends_start is called. */
struct backend *backends_get(struct backends *set, const char *name, const struct addr_spec *spec,
                             const struct backend_settings *settings);
struct backend *backend_take(struct backend *b);
void backend_give(struct backend *b);

/* Connects every backend that is not yet, and forgets those that nobody counts and that have no calls left. */
void backends_start(struct backends *set);
void backends_sweep(struct backends *set);

/* Writes what calls have queued since the last time: one write a connection. At the end of each turn. */
void backends_flush(struct backends *set);

/* For its connections: one of them has begun or ceased to take calls. */
void backend_note_health(struct backend *b);

/* So many calls in a row passed their deadline that the server is taken for down. */
static inline bool backend_is_late(const struct backend *b)
{
    return b->late >= b->settings.failure_limit;
}

/* The lowest version among the servers that a pool names; NULL when none is known. */
const char *backends_lowest_version(const struct backends *set);

/* Calls without a response yet, over all backends. */
uint64_t backends_in_flight(const struct backends *set);

/* One of those may still be answered in time. */
bool backends_are_awaited(const struct backends *set);

enum backend_status {
    BACKEND_OK,      /* a call was made; `done` will hear of it */
    BACKEND_JOINED,  /* the key was added to the owner's call made just before */
    BACKEND_REFUSED, /* no call: `reason` says why, with the backend's name */
    BACKEND_ANSWERED, /* no call: the server does not know such a command, and `done` has heard ERROR */
};

struct backend_call {
    double deadline; /* as backends.now */
    call_done_fn *done;
    void *owner; /* NULL: the response is dropped */
};

/* Sends r (validated) to b on the connection that r->affinity picks. Joins keys of one get into one request. The bytes of r
 * are copied or counted. On REFUSED *reason is valid until the next call into this floor. */
enum backend_status backend_send(struct backend *b, const struct request *r,
                                 const struct backend_call *how, const char **reason)
    __attribute__((warn_unused_result));

#endif
