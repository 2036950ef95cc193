/* spool: the way of a delete that its server did not carry out to where such deletes are kept: on the disk, by another process.
 *
 * A wait is a part of the flow of its delete, which frees it; from spool_keep until `done` or spool_forget it is in a list of the desk's.
 * The desk is the worker's (worker/keeping.h), and the turn has a pointer to it. Without one (tools, rehearsals) nothing is kept, and
 * no disk is touched. Worker only.
 */
#ifndef MOONGATE_ROUTE_SPOOL_H
#define MOONGATE_ROUTE_SPOOL_H

#include "backend/data.h"
#include "protocol/request.h"

struct spool_wait;

/* Waits in the order in which they came. Invariant: end points to the last `next`. */
struct spool_waits {
    struct spool_wait *first, **end;
    uint32_t n;
};

/* Invariant: `in` is NULL exactly while it is in no list. */
struct spool_wait {
    struct spool_wait *next, **prev;
    struct spool_waits *in;
    /* The delete is on the disk (why NULL); or it is not, and why, in text that lives during the call. It is in no list any more. Not
     * before spool_desk.keep returns. */
    void (*done)(struct spool_wait *wait, const char *why);
    void *owner;             /* for done */
    const struct request *r; /* as it was sent to the server; lives as long as the wait */
    uint64_t number;         /* the desk's */
    char server[BACKEND_NAME_MAX];
};

/* The worker's side. */
struct spool_desk {
    /* Takes a wait, for the spool in the folder dir. NULL, or why not: then the wait is in no list. The server is gated before it returns. */
    const char *(*keep)(void *about, const char *dir, struct spool_wait *wait);
    /* Some worker has said to a client that a delete is kept, since this one looked: learns for which servers deletes wait. */
    void (*look)(void *about);
    void *about;
    const uint64_t *news; /* shared by all workers: how often that was said */
    uint64_t seen;
};

void spool_waits_init(struct spool_waits *list);

/* Puts it at the end of the list, out of the one in which it is. */
void spool_waits_add(struct spool_waits *list, struct spool_wait *wait);

/* Nobody waits for it any more: takes it out of its list, if it is in one. The delete is kept anyway, if it was said to the spooler. */
void spool_forget(struct spool_wait *wait);

struct generation;

/* Calls take for the servers of the generation's pools whose deletes are kept in that folder; one may come more than once. */
void spool_servers(const struct generation *g, const char *dir,
                   void (*take)(void *about, const char *server), void *about);

/* Before requests are routed: what another worker has said to be deleted is not read here. */
static inline void spool_look(struct spool_desk *desk)
{
    uint64_t news = __atomic_load_n(desk->news, __ATOMIC_ACQUIRE);
    if (news == desk->seen) return;
    desk->seen = news;
    desk->look(desk->about);
}

#endif
