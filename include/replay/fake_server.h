/* fake_server: a small memcached over a fake_store: bytes of requests in, bytes of answers out, as memcached 1.6.18 answers them. No sockets.
 *
 * A struct fake_server is the owner's, which creates and destroys its store; a struct fake_talk is what one connection of it has to
 * remember. One process. How it is known to answer rightly: tests/unit/replay/fake_server_test.c puts the same streams to memcached.
 */
#ifndef MOONGATE_REPLAY_FAKE_SERVER_H
#define MOONGATE_REPLAY_FAKE_SERVER_H

#include "net/outq.h"
#include "protocol/request.h"
#include "replay/fake_store.h"

#define FAKE_VERSION "1.6.18"

struct fake_server {
    struct fake_store *store;
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

/* Answers the requests that are whole in bytes[0..len). Returns how many bytes they took; the rest comes again, with more behind it. */
size_t fake_server_take(struct fake_server *s, struct fake_talk *talk, const uint8_t *bytes,
                        size_t len, struct outq *out);

/* --- for the files of the server: */

/* A meta command, whole and valid. */
void fake_meta_answer(struct fake_server *s, const struct request *r, struct outq *out);

/* Stores as the command says (add, append ...); cas 0: none is asked for. What it became: the words of the answer are the caller's. */
enum fake_stored { FAKE_STORED, FAKE_NOT_STORED, FAKE_EXISTS, FAKE_NOT_FOUND, FAKE_NO_ROOM };
struct fake_storing {
    const uint8_t *value;
    size_t value_len;
    uint64_t cas;
    int64_t expires; /* as fake_item.expires */
    uint32_t flags;
    uint8_t command; /* COMMAND_SET, ADD, REPLACE, APPEND, PREPEND or CAS */
    bool
        may_be_stale; /* a CAS that is lower than the item's stores, too, and leaves the item stale */
    uint8_t marks;    /* of the new item */
    struct fake_item *item; /* it, when STORED */
};
enum fake_stored fake_store_as(struct fake_store *s, const uint8_t *key, size_t len,
                               struct fake_storing *how);

/* Counts up or down; *number: the result. */
enum fake_counted { FAKE_COUNTED, FAKE_NO_NUMBER, FAKE_NO_ITEM, FAKE_NO_MEMORY };
enum fake_counted fake_count(struct fake_store *s, struct fake_item **item, bool down,
                             uint64_t delta, uint64_t *number);

#endif
