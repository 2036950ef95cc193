/* sharers: the further owners of a get that several ask at once.
 *
 * Owned by its call, which destroys it. A call has one owner, and most have no other. When several ask for the same key, or when the
 * keys of several are merged into one line, the call's own fields are those of the first owner, and each further one is a sharer: it
 * has its own function, deadline, pool and shown key. What happens to the call happens to all of them, but for the deadline.
 */
#ifndef MOONGATE_BACKEND_SHARERS_H
#define MOONGATE_BACKEND_SHARERS_H

#include "backend/call.h"

/* done NULL: its key was answered. owner NULL: that, or its deadline passed. */
struct sharer {
    call_done_fn *done;
    void *owner;
    double deadline;
    double sent;
    uint8_t *shown; /* owned: what its client sees, where a script rewrote the key; else NULL */
    uint32_t next;  /* the next sharer of its key; that of the last is the first. Counted from 1 */
    uint32_t part;
    uint32_t affinity;
    uint16_t shown_len;
    uint8_t pool;
};

struct sharers {
    struct sharer *all; /* in the order in which they came */
    uint32_t n;
    uint32_t room;
};

/* What a sharer is made of. */
struct sharer_terms {
    call_done_fn *done;
    void *owner;
    double deadline;
    double sent;
    uint8_t pool;
};

/* One more for the key of r, whose record is at that offset in the call. Copies what r shows. */
void sharers_add(struct call *call, uint32_t at, const struct request *r,
                 const struct sharer_terms *terms);

/* Frees what they hold; no one is called. */
void sharers_destroy(struct sharers *sharers);

/* True: one of them still waits. */
bool sharers_await(const struct sharers *sharers);

/* The first deadline of those that wait; INFINITY: none waits. The last one of all. */
double sharers_first_deadline(const struct sharers *sharers);
double sharers_last_deadline(const struct sharers *sharers);

/* True: one of them is of that client. */
bool sharers_have(const struct sharers *sharers, uint32_t affinity);

/* The last event for those who asked for the key at hand (call_key), the call's own owner among them. */
void sharers_tell_key(struct call *call, const struct call_news *news);

/* The same for all whose key was not answered yet. */
void sharers_tell_rest(struct call *call, const struct call_news *news);

/* The event for those whose deadline has passed; they wait no more. `late` is called with the pool of each, before its own function. */
typedef void sharers_late_fn(void *about, uint8_t pool);
void sharers_expire(struct call *call, double now, const struct call_news *news,
                    sharers_late_fn *late, void *about);

/* --- for those who count and those who ask again ----------------------------------------------- */

/* The sharers of the key at hand, one after the other: NULL starts; NULL ends. */
struct sharer *sharers_of_key(const struct call *call, const struct sharer *before);

#endif
