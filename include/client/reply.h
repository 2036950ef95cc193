/* reply: a client's ordered slot that will be answered.
 *
 * Owned by its client's FIFO from reply_create until it is written out; when the client goes first, by the calls that will
 * still tell it something. Invariant I1: a client's replies leave in the order in which they were created, each once.
 */
#ifndef MOONGATE_CLIENT_REPLY_H
#define MOONGATE_CLIENT_REPLY_H

#include "client/client.h"
#include "route/receiver.h"

struct reply_part;

/* Invariant: waiting > 0 exactly while it is not complete. */
struct reply {
    struct reply *next;
    struct client *client;    /* NULL: nobody reads it any more */
    uint32_t waiting;         /* keys not yet sent, and calls not yet ended */
    uint32_t parts_n;         /* keys of a multi-key get, or 0 */
    struct reply_part *parts; /* see parts */
    size_t held;              /* bytes counted in client->stored for it */
    struct outq
        store; /* the finished answer, while replies before it are not; before, what parts point to */
    char *failure; /* the line that ends a multi-key get instead of END, or NULL */
    char *
        echo; /* key and opaque that an answer to a meta command repeats; of stats, its word; or NULL */
    uint32_t failure_len;
    uint16_t echo_len;
    uint16_t echo_room;
    uint8_t command; /* enum command */
    bool
        silent; /* noreply: it keeps its place, so that writes wait for their turn, and says nothing */
    bool quiet; /* a meta command's q: its common answer is not sent */
};

/* A reply at the end of c's FIFO. r: the request, its key as the client sent it; or NULL. keys: 1, or how many keys a get has. */
struct reply *reply_create(struct client *c, const struct request *r, uint32_t keys);

/* Answers `len` bytes (whole lines) in c's order, now or when what is before it is complete. */
void reply_at_once(struct client *c, const char *bytes, size_t len);

/* Answers `stats what` when everything before it is answered, so that it counts that too. */
void reply_stats(struct client *c, const struct request *r, const char *what, size_t len);

/* Completes a reply of one key with `answer`, which is empty afterwards. */
void reply_finish(struct reply *reply, struct outq *answer);

/* A reply as what a routed request's outcome goes to; owner: struct reply. */
extern const struct receiver reply_receiver;

/* The client is gone: complete replies of its FIFO are destroyed, the others once their calls end. */
void replies_abandon(struct client *c);

/* --- for its parts */

/* Counts n bytes as held for the client. */
void reply_hold(struct reply *reply, size_t n);

/* Counts n answers of a kind: hits and misses under memcached's names. */
void reply_count(const struct reply *reply, enum response_kind kind, uint32_t n);

#endif
