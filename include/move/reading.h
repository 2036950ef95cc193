/* reading: what a server has under a key, in so few bytes that thousands can be kept: not the value, but its hash.
 *
 * A plain value. Requests that ask for it change nothing: neither the item's place in the LRU, nor who is to renew a stale item.
 */
#ifndef MOONGATE_MOVE_READING_H
#define MOONGATE_MOVE_READING_H

#include "move/tier.h"
#include "protocol/value.h"

enum reading_state { READING_NONE, READING_MISS, READING_HIT };

struct reading {
    enum reading_state state;
    bool is_stale; /* a client is to store it again */
    uint64_t hash, len, flags, cas;
    int64_t ttl; /* seconds; -1: without an end; -2: not known */
    double at;   /* as tier_now */
};

enum reading_kind { READING_WHOLE, READING_EXISTS };

/* The request. uses_get: the server knows no meta commands. flags has TIER_FLAGS bytes, and lives as long as the request. */
struct request reading_ask(enum reading_kind kind, const struct tier_key *key, bool uses_get,
                           char flags[TIER_FLAGS]);

/* A delete of the item that has that cas. */
struct request reading_delete(const struct tier_key *key, uint64_t cas, bool uses_get,
                              char flags[TIER_FLAGS]);

/* Reads the answer. False: it is an error. A right to renew the item that it has won is handed back. */
bool reading_take(struct reading *to, struct tier *t, uint32_t server, const struct tier_key *key,
                  const struct response *r);

/* The same item, and the same version of it. */
bool reading_is_unchanged(const struct reading *before, const struct reading *now);

/* The same value and flags, and the same lifetime to two seconds. What is about to end may be there or not. */
bool reading_is_same(const struct reading *one, const struct reading *other);

#endif
