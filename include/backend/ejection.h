/* ejection: eject = "twemproxy": a server leaves the ring of a pool by its errors, and comes back when a time is over.
 *
 * Each member of such a pool owns one, made by ejection_create and freed by ejection_destroy; its server lists it. The worker that has the
 * pool has it, and nobody else: so errors are counted by each worker, as by each process of twemproxy.
 */
#ifndef MOONGATE_BACKEND_EJECTION_H
#define MOONGATE_BACKEND_EJECTION_H

#include "backend/data.h"

struct ejection {
    struct ejection *next; /* of the same server */
    struct backend *backend;
    const void *pool; /* whose member it is: its identity, never followed */
    double retry;     /* seconds out of the ring */
    double until;     /* as backends.now: it is out of the ring before that time */
    uint64_t from;    /* faults of the server that count no more */
};

/* `pool` keeps what it knows of a server when its members are made a second time. */
struct ejection *ejection_create(struct backend *b, const void *pool, double retry);
void ejection_destroy(struct ejection *e);

/* The server is at fault once more: a connection ended, or a call found none that could be made. */
void ejection_fault(struct backend *b);

static inline bool ejection_is_out(const struct ejection *e, double now)
{
    return e->until > now;
}

#endif
