/* binary_request: a frame of the binary protocol as the request that a client of the text protocol would have sent. Pure functions; they
 * own nothing.
 *
 *     reads                 gets KEY                     for its cas
 *     get and touch         gats EXPTIME KEY
 *     touch                 mg KEY f c TEXPTIME
 *     stores                ms KEY LEN c [MMODE] [CCAS]  flags and exptime are the request's
 *     incr, decr            ma KEY v c DDELTA [MD] [NEXPTIME JINITIAL] [CCAS]
 *     delete                delete KEY, or with a cas md KEY CCAS
 *
 * With a key that lines cannot carry, all of them are meta commands, and the key is base64 on the wire.
 */
#ifndef MOONGATE_PROTOCOL_BINARY_REQUEST_H
#define MOONGATE_PROTOCOL_BINARY_REQUEST_H

#include "protocol/binary.h"
#include "protocol/request.h"

enum {
    BINARY_WORDS_ROOM = 128
}; /* bytes of a request's flags or words, but for those of BINARY_STATS */

/* The exptime of incr and decr that forbids to make an item. */
#define BINARY_MAKES_NOTHING UINT32_MAX

/* Fills all of r for f, which is whole; `words` has BINARY_WORDS_ROOM bytes that live as long as r. False: the key cannot be sent, because
 * it is not allowed, or too long for base64. */
bool binary_to_request(const struct binary_frame *f, bool strict_keys, struct request *r,
                       uint8_t *words);

/* What incr and decr say of an item that is not there. */
struct binary_count {
    uint64_t delta, initial;
    uint32_t exptime;
};
struct binary_count binary_read_count(const struct binary_frame *f);

#endif
