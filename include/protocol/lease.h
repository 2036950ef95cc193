/* lease: the words of a policy that lets one client of many renew an item: what is asked, and what the answers mean. Pure functions; they
 * own nothing, and what they return points into the bytes that they were given.
 *
 * The server holds all state, in the item: `mg KEY N30` makes an empty item where there is none, and the answer says who has made it (W);
 * later answers say that another client has (Z). That item is a placeholder. Where items are kept beyond their time (`stale`), one whose time is
 * over is old, and one that is marked by `md I` (X) is, too; elsewhere such a mark is a matter of meta clients alone. A placeholder has no bytes and no client flags, and an answer to mg about it has a mark. An
 * item that a client has stored has a mark only while it is old, or being renewed; so an empty one without flags that is being renewed
 * counts as a placeholder, which is safe: it is a miss.
 */
#ifndef MOONGATE_PROTOCOL_LEASE_H
#define MOONGATE_PROTOCOL_LEASE_H

#include <stdbool.h>

#include "protocol/request.h"
#include "protocol/response.h"
#include "protocol/value.h"

/* Seconds. */
struct lease_terms {
    uint32_t ttl;     /* a placeholder lives */
    uint32_t stale;   /* an item is kept beyond its time */
    uint32_t refresh; /* before the end of its time one client may renew it */
};

/* True: an answer must say how long the item has. */
static inline bool lease_is_timed(const struct lease_terms *t)
{
    return t->stale || t->refresh;
}

/* What an answer shows. */
enum lease_sight {
    LEASE_ABSENT,
    LEASE_LIVE,
    LEASE_DUE,   /* live, but soon over, and nobody renews it yet */
    LEASE_OVER,  /* old, and nobody renews it yet */
    LEASE_WON,   /* who asked is to renew it */
    LEASE_TAKEN, /* a placeholder of another one */
    LEASE_OLD,   /* old, and another one renews it */
};

struct lease_item {
    enum lease_sight sight;
    bool is_marked; /* stale, by `md I` */
    bool is_live;   /* WON: its value counts for everybody else */
    bool is_made;   /* WON: it is a placeholder */
    struct response_value v;
};

/* Of an answer to lease_ask or lease_ask_as, which is no error. */
struct lease_item lease_see(const struct response *r, const struct lease_terms *t);

/* True when an answer to mg may be about a placeholder of another client. */
bool lease_may_be_taken(const struct response *r);

/* True when an answer has a mark: W, X or Z. */
bool lease_has_marks(const struct response *r);

/* True when r, an mg, only reads, and takes no part in a lease of its own (N, R). */
bool lease_may_read(const struct request *r);

/* *to becomes what the server is asked about r's key: `mg KEY v f c t`, with makes N and R too; without a value when bare. args has
 * LEASE_ARGS_ROOM bytes and lives as long as *to. */
enum { LEASE_ARGS_ROOM = 80 };
enum lease_asks { LEASE_LOOKS, LEASE_READS, LEASE_MAKES };
void lease_ask(const struct request *r, const struct lease_terms *t, enum lease_asks what,
               struct request *to, uint8_t *args);

/* The same for an mg with the flags that it has. args has LEASE_MORE bytes more than r. */
enum { LEASE_MORE = 8 };
void lease_ask_as(const struct request *r, struct request *to, uint8_t *args);

/* *to becomes an md of r's key where it has that cas: it goes, or (marks) becomes stale and stays for `stays` seconds, 0: as long as it
 * would. args as for lease_ask. */
void lease_remove(const struct request *r, uint64_t cas, bool marks, uint32_t stays,
                  struct request *to, uint8_t *args);

/* r lives t->stale seconds longer; args has r->args_len + LEASE_MORE * 2 bytes. */
void lease_prolong(struct request *r, const struct lease_terms *t, uint8_t *args);

/* r, a meta command, gets those words more; args has r->args_len + words_len + 1 bytes. */
void lease_append(struct request *r, const char *words, size_t words_len, uint8_t *args);

/* --- answers for a client: bytes are written to `to` */

/* The VALUE of a get or gets, with END. */
size_t lease_value_room(const struct lease_item *item, size_t key_len);
struct response lease_put_value(const struct lease_item *item, const uint8_t *key, size_t key_len,
                                bool with_cas, uint8_t *to);

/* The answer va to lease_ask_as(r), as r alone would have got it: `to` has va->len + LEASE_STRIP_ROOM bytes. */
enum { LEASE_STRIP_ROOM = 24 };
struct response lease_strip(const struct response *va, const struct request *r,
                            const struct lease_terms *t, uint8_t *to);

/* What r gets where its key is absent. */
size_t lease_absent_room(const struct request *r);
struct response lease_put_absent(const struct request *r, uint8_t *to);

/* What a classic command gets for the answer to the meta command that was sent in its place: STORED, TOUCHED, DELETED, a number. */
struct response lease_put_done(const struct request *r, const struct response *answer, uint8_t *to);
enum { LEASE_DONE_ROOM = 32 };

#endif
