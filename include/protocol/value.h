/* value: what a response carries, for code that reads it and does not only pass it on. Pure functions; they own nothing, and
 * pointers point into the response. */
#ifndef MOONGATE_PROTOCOL_VALUE_H
#define MOONGATE_PROTOCOL_VALUE_H

#include <stdbool.h>

#include "protocol/response.h"

struct response_value {
    const uint8_t *at; /* the data of a VALUE or VA, or NULL */
    size_t len;
    uint64_t flags;  /* of a VALUE, or f of a meta response; else 0 */
    uint64_t cas;    /* of a VALUE that has one, or c of a meta response; else 0 */
    uint64_t number; /* of a response to incr or decr; else 0 */
    int64_t ttl;     /* seconds, t of a meta response; -1: it never expires; -2: not known */
};

/* Reads a whole response, one for which response_parse has returned RESPONSE_DONE. */
struct response_value response_read(const struct response *r);

/* Finds the flag with that letter in a meta response; *token is what follows the letter, *len its length. False when there is
 * none. */
bool response_find_flag(const struct response *r, uint8_t letter, const uint8_t **token,
                        size_t *len);

/* True when the line of a VALUE has a cas. */
bool response_has_cas(const struct response *r);

/* Writes r with v's data, flags and cas to `to`, which has response_rewrite_room bytes. Returns their number. Only what the line
 * has already is replaced; nothing is added to it. v->at: the data, NULL when r has none. */
size_t response_rewrite_room(const struct response *r, const struct response_value *v);
size_t response_rewrite(const struct response *r, const struct response_value *v, uint8_t *to);

#endif
