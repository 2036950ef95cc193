/* hasher: recorded requests whose keys nobody may read: each key becomes a hash of it by a secret, the same each time.
 *
 * Embedded in its owner, which calls hasher_release; it owns its copy of the secret, inside OpenSSL. One process.
 */
#ifndef MOONGATE_RECORD_HASHER_H
#define MOONGATE_RECORD_HASHER_H

#include <stddef.h>
#include <stdint.h>

#include "record/take.h"

enum {
    HASHER_SECRET_LEAST = 16, /* bytes */
    HASHER_HASH = 22          /* bytes of a key's hash: 128 bits in base64url */
};

struct hasher {
    struct evp_mac_ctx_st *mac;
    char keep_prefix;
    uint8_t key[TAKE_KEY], args[TAKE_ARGS + 1];
};

/* keep_prefix: what stands before the first such character of a key, and it, stays, so that routes by prefix still work; '\0': nothing
 * does. */
void hasher_init(struct hasher *h, const void *secret, size_t len, char keep_prefix);
void hasher_release(struct hasher *h);

/* Takes out of t what may tell its key: the key becomes its prefix and HASHER_HASH letters, digits, '-' and '_'; of meta flags stay those
 * whose tokens are numbers or modes (an opaque token may be the key); words of commands without a key go; of an error's text the
 * first word stays, as scripts write such texts. The new texts are in h until the next call. */
void hasher_apply(struct hasher *h, struct take *t);

#endif
