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
    BACKEND_REASON_MAX = 160,
    BACKEND_VERSION_MAX = 32,
    BACKEND_APART = 8,               /* connections for requests that nobody may share one with */
    BACKEND_LARGE_VALUE = 512 * 1024 /* bytes: where large_value begins */
};

struct backend;
struct backends;
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
    conn_news_fn *on_conn;   /* takes the news of its connections */
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

/* So many calls in a row passed their deadline that the server is taken for down. */
static inline bool backend_is_late(const struct backend *b)
{
    return b->late >= b->settings.failure_limit;
}

#endif
