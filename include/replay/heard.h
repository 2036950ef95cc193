/* heard: what a client hears for a request: where its answer ends, and what it says. Pure functions.
 *
 * A struct hearing belongs to the connection, all zero before each answer; it owns nothing.
 */
#ifndef MOONGATE_REPLAY_HEARD_H
#define MOONGATE_REPLAY_HEARD_H

#include "protocol/value.h"
#include "replay/asked.h"

enum heard_what {
    HEARD_NOTHING, /* a quiet or noreply request, and no word of it */
    HEARD_VALUES,  /* of a get: each key is found or not */
    HEARD_DONE,    /* anything else but an error */
    HEARD_ERROR
};

/* How far an answer was read. */
struct hearing {
    size_t at;    /* bytes */
    uint32_t key; /* the next that may be found */
    enum heard_what what;
    const uint8_t *error; /* the line, as an offset until the answer is whole */
    size_t error_len;
};

enum heard_status { HEARD_AGAIN, HEARD_WHOLE, HEARD_BROKEN };

/* Gets each value that is found. */
typedef void heard_value_fn(void *about, const struct asked_key *key,
                            const struct response_value *v);

/* Reads on in bytes, which begin with the answer to a, and sets `found` of its keys for that side. WHOLE: h->at bytes are the answer, h->what says
 * what it is, and h->error points to the line of an error. AGAIN: *need bytes, if it is not 0, bring it further. BROKEN: no client would
 * understand this. */
enum heard_status heard_read(struct asked *a, unsigned side, struct hearing *h,
                             const uint8_t *bytes, size_t len, size_t *need,
                             heard_value_fn *on_value, void *about);

#endif
