/* share: a get that is asked already in this turn is not asked a second time.
 *
 * Owns nothing: works on the table in struct backends and on calls of connections. I11: a get joins a call only when that is a get
 * of one key with the same command, for the same key, on the same connection, of which no byte was given to the socket. What
 * happens to the call happens to it, but it keeps its own deadline, pool and function. See src/backend/share.c for the order.
 */
#ifndef MOONGATE_BACKEND_SHARE_H
#define MOONGATE_BACKEND_SHARE_H

#include <string.h>

#include "backend/conn.h"
#include "backend/send.h"

/* The slot for that key on c. */
static inline struct share_slot *share_slot(const struct conn *c, const uint8_t *key, size_t len)
{
    uint64_t first = 0, last = len, middle = 0;
    if (len >= 8) {
        memcpy(&first, key, 8);
        memcpy(&last, key + len - 8, 8);
        if (len > 16) memcpy(&middle, key + len / 2 - 4, 8);
    } else {
        for (size_t i = 0; i < len; i++) first = first << 8 | key[i];
    }
    uint64_t hash = (first ^ (uintptr_t)c) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ hash >> 29 ^ last ^ middle << 17) * 0xc2b2ae3d27d4eb4fu;
    return &c->backend->set->share.slots[hash >> 55];
}

/* Where the number of a client's last other request on c is kept. */
static inline uint64_t *share_other(const struct conn *c, uint32_t client)
{
    uint32_t place = client * 2654435769u >> 24 ^ (uint32_t)((uintptr_t)c >> 7);
    return &c->backend->set->share.others[place % SHARE_CLIENTS];
}

/* True: r may join a call on c, and others may join the call of r: a get or gets of one key with an owner, and c holds nothing
 * back. */
static inline bool share_takes(const struct conn *c, const struct request *r,
                               const struct backend_call *how)
{
    bool gets = r->command_id == COMMAND_GET || r->command_id == COMMAND_GETS;
    return gets && !r->multi && how->owner && !conn_holds(c);
}

/* True: r has joined the call that the slot of its key has. */
bool share_join_found(struct conn *c, const struct share_slot *slot, const struct request *r,
                      const struct backend_call *how);
static inline bool share_join(struct conn *c, const struct share_slot *slot,
                              const struct request *r, const struct backend_call *how)
{
    bool is_current = slot->number > c->backend->set->share.written && slot->conn == c;
    return __builtin_expect(is_current, 0) && share_join_found(c, slot, r, how);
}

/* One more owner for the key at that offset of a call on c. */
void share_add(struct conn *c, struct call *call, uint32_t at, const struct request *r,
               const struct backend_call *how);

/* The key of a get was put into a call on c, which others may join from now on. */
static inline void share_note(const struct conn *c, struct share_slot *slot, struct call *call,
                              uint32_t at)
{
    *slot = (struct share_slot){call, c, ++c->backend->set->share.number, at};
    call->marks |= CALL_SINGLE;
}

/* A client's request that is no such get was put on c: no later get of the client joins what is before it. */
static inline void share_pass(const struct conn *c, uint32_t client)
{
    *share_other(c, client) = c->backend->set->share.number;
}

#endif
