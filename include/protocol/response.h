/* response: what a backend answers, parsed one line (or one value) at a time.
 *
 * Pure: bytes in, words and a struct out. Pointers point into the bytes that were parsed.
 * Backends are trusted to be memcached and to frame their bytes; anything else is INVALID, and
 * the connection it came on must be closed (invariant I3).
 */
#ifndef MOONGATE_PROTOCOL_RESPONSE_H
#define MOONGATE_PROTOCOL_RESPONSE_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/command.h"

enum { RESPONSE_LINE_MAX = 2048 }; /* bytes, CRLF included */

enum response_status {
    RESPONSE_AGAIN,   /* not whole yet */
    RESPONSE_DONE,    /* one line, or one VALUE or VA with its data */
    RESPONSE_INVALID, /* no response of memcached */
};

struct response {
    enum response_kind kind;
    uint16_t key_len;
    uint16_t opaque_len;
    const uint8_t *bytes; /* all of it, CRLF included; for a VALUE or VA its data and CRLF too */
    size_t len;
    const uint8_t *
        key; /* VALUE, ME: its key; an answer to a meta command: the key that k asked for, or NULL */
    const uint8_t *rest;   /* where there is a key: what follows it */
    const uint8_t *opaque; /* an answer to a meta command: what O gave, or NULL */
    size_t need;           /* AGAIN: how long it will be in all, 0 = not known */
};

/* Parses the first response in bytes[0..len). Values over max_value bytes are INVALID. */
enum response_status response_parse(const uint8_t *bytes, size_t len, size_t max_value,
                                    struct response *r);

#endif
