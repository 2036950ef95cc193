/* Misses that moongate answers itself repeat what a server would have repeated. */
#include <string.h>

#include "base/slab.h"
#include "client/reply.h"

/* What k and O make an answer repeat, in the order of the flags: for misses that moongate answers itself. */
void reply_keep_echo(struct reply *reply, const struct request *r)
{
    uint8_t text[REPLY_ECHO_MAX], *p = text;
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *flag;
    size_t len;
    while (request_next_flag(&at, end, &flag, &len)) {
        if (*flag != 'k' && *flag != 'O') continue;
        *p++ = ' ';
        *p++ = *flag;
        if (*flag == 'k') {
            p += request_wire_key(r, (const uint8_t *)r->key_at, r->key_len, p);
        } else {
            memcpy(p, flag + 1, len - 1);
            p += len - 1;
        }
        if (*flag == 'k' && r->meta & META_BASE64) {
            *p++ = ' ';
            *p++ = 'b';
        }
    }
    reply->echo_len = (uint16_t)(p - text);
    reply->echo_room = reply->echo_len;
    reply->echo = slab_borrow(reply->echo_room);
    memcpy(reply->echo, text, reply->echo_len); // cppcheck-suppress uninitvar
}
