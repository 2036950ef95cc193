/* value: what a response carries, for those who read it rather than pass it on. Pure; points into the response. */
#ifndef MOONGATE_PROTOCOL_VALUE_H
#define MOONGATE_PROTOCOL_VALUE_H

#include <stdbool.h>

#include "protocol/response.h"

struct response_value {
    const uint8_t *at; /* the data of a VALUE or VA, or NULL */
    size_t len;
    uint64_t flags;  /* of a VALUE; of a meta answer its f */
    uint64_t cas;    /* of a VALUE with one; of a meta answer its c; else 0 */
    uint64_t number; /* of what incr, decr answer */
    int64_t ttl;     /* seconds, of a meta answer its t: -1 = for ever, -2 = not known */
};

/* Reads a response that response_parse has found whole. */
struct response_value response_read(const struct response *r);

/* The flag with that letter of an answer to a meta command: what follows the letter. False when there is none. */
bool response_find_flag(const struct response *r, uint8_t letter, const uint8_t **token,
                        size_t *len);

/* A VALUE: whether its line has a cas. */
bool response_has_cas(const struct response *r);

/* Writes the same response with other data, flags and cas, to `room` bytes that response_rewrite_room gave; returns how many. The
 * others stay: what the line does not say is not added to it. v->at is where the data are, NULL where the response has none. */
size_t response_rewrite_room(const struct response *r, const struct response_value *v);
size_t response_rewrite(const struct response *r, const struct response_value *v, uint8_t *to);

#endif
