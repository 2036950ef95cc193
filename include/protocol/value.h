/* value: what a response carries, for those who read it rather than pass it on. Pure; points into the response. */
#ifndef MOONGATE_PROTOCOL_VALUE_H
#define MOONGATE_PROTOCOL_VALUE_H

#include "protocol/response.h"

struct response_value {
    const uint8_t *at; /* the data of a VALUE or VA, or NULL */
    size_t len;
    uint32_t flags;  /* of a VALUE; of a meta answer its f */
    uint64_t cas;    /* of a VALUE with one; of a meta answer its c; else 0 */
    uint64_t number; /* of what incr, decr answer */
    int64_t ttl;     /* seconds, of a meta answer its t: -1 = for ever, -2 = not known */
};

/* Reads a response that response_parse has found whole. */
struct response_value response_read(const struct response *r);

#endif
