/* fake_server: a small memcached over a store of this process alone: bytes of requests in, bytes of answers out, as memcached 1.6.18 answers
 * them (store/answer.h). No sockets.
 *
 * fake_server_init makes its store, and fake_server_release frees it; a struct fake_talk is what one connection of it has to remember. One
 * process. How it is known to answer rightly: tests/unit/replay/fake_server_test.c puts the same streams to memcached.
 */
#ifndef MOONGATE_REPLAY_FAKE_SERVER_H
#define MOONGATE_REPLAY_FAKE_SERVER_H

#include "base/arena.h"
#include "net/outq.h"
#include "protocol/request.h"
#include "store/answer.h"

#define FAKE_VERSION STORE_ANSWERS_AS

struct fake_server {
    struct store *store;          /* owned; the item that was used longest ago goes first */
    struct arena arena;           /* owned: of one call */
    int64_t now;                  /* seconds since 1970, which the owner sets */
    size_t max_value;             /* bytes */
    uint64_t requests;            /* about keys; a get of several is one */
    uint64_t hits, misses;        /* keys that were looked for */
    uint64_t bytes_in, bytes_out; /* of those requests and their answers */
};

struct fake_talk {
    uint64_t swallow; /* bytes to come that belong to a refused request */
    size_t need;      /* of the next request, as far as that is known; else 0 */
    bool is_closed;   /* nothing more is read from it */
};

/* With a store of `memory` bytes, at least STORE_LEAST. Ends the process when there is no memory. */
void fake_server_init(struct fake_server *s, uint64_t memory);
void fake_server_release(struct fake_server *s);

/* Answers the requests that are whole in bytes[0..len). Returns how many bytes they took; the rest comes again, with more behind it. */
size_t fake_server_take(struct fake_server *s, struct fake_talk *talk, const uint8_t *bytes,
                        size_t len, struct outq *out);

/* Stores an item that never expires. False: there is no room for it. */
bool fake_server_put(struct fake_server *s, const void *key, size_t key_len, const void *value,
                     size_t len);

#endif
