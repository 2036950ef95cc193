/* response: what a server answers, parsed one line (or one value) at a time. Pure functions.
 *
 * A struct response is a plain value that owns nothing; its pointers point into the bytes that were parsed, and live as long as
 * those do. I3: whatever memcached would not send is INVALID, and the connection that it came on must be closed.
 */
#ifndef MOONGATE_PROTOCOL_RESPONSE_H
#define MOONGATE_PROTOCOL_RESPONSE_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/command.h"

enum { RESPONSE_LINE_MAX = 2048 }; /* bytes, CRLF included */

enum response_status {
    RESPONSE_AGAIN,   /* not whole yet: parse it again when there are more bytes */
    RESPONSE_DONE,    /* one line, or one VALUE or VA with its data */
    RESPONSE_INVALID, /* not a response of memcached: the stream is out of step */
};

struct response {
    enum response_kind kind;
    uint16_t key_len;
    uint16_t opaque_len;
    const uint8_t *bytes; /* all of it, CRLF included; for a VALUE or VA its data and CRLF too */
    size_t len;
    const uint8_t *key;    /* of VALUE, of ME, and of a meta response with k; else NULL */
    const uint8_t *rest;   /* with a key: the byte behind it */
    const uint8_t *opaque; /* of a meta response with O; else NULL */
    size_t need;           /* AGAIN: its length in all; 0: not known */
};

/* Parses the first response in bytes[0..len) and fills r. A value of more than max_value bytes is INVALID (I6). */
enum response_status response_parse(const uint8_t *bytes, size_t len, size_t max_value,
                                    struct response *r);

#endif
