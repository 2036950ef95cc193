/* echo: keys that a server would repeat in a way that breaks the lines of its answer.
 *
 * A key that came as base64 may hold spaces and line ends. A server repeats it raw where the item was made by arithmetic, append or
 * a vivifying get, and some versions do so for `me`. So such a key is not asked for (k is left out of the line that is sent) and is
 * put into the answer here. Pure functions; they own nothing.
 */
#ifndef MOONGATE_PROTOCOL_ECHO_H
#define MOONGATE_PROTOCOL_ECHO_H

#include "protocol/request.h"
#include "protocol/response.h"

enum { ECHO_LETTERS_MAX = 32 }; /* more flags than a meta command may have */

/* True when a key holds a space or a line end. */
bool echo_breaks_lines(const uint8_t *key, size_t len);

/* True when r asks for its key by k, and the key is one of those. */
static inline bool request_hides_key(const struct request *r)
{
    if ((r->meta & (META_KEY | META_BASE64)) != (META_KEY | META_BASE64)) return false;
    return echo_breaks_lines((const uint8_t *)r->key_at, r->key_len);
}

/* The letters of r's flags before its k, to `letters`, which has ECHO_LETTERS_MAX bytes. Returns how many. */
size_t echo_letters(const struct request *r, uint8_t *letters);

/* Bytes that echo_insert needs at most. */
static inline size_t echo_room(const struct response *r, size_t key_len)
{
    return r->len + key_len + sizeof " k b" - 1;
}

/* Writes a meta answer with ` kKEY b` behind those of its flags that have the first n letters, to `to`, which has echo_room
 * bytes, and makes r the result. key: as it is on the wire. */
void echo_insert(struct response *r, const uint8_t *letters, size_t n, const uint8_t *key,
                 size_t key_len, uint8_t *to);

/* As response_parse, of the answer to a `me` whose key is raw[0..raw_len) and may stand there as it is. */
enum response_status echo_parse_debug(const uint8_t *bytes, size_t len, const uint8_t *raw,
                                      size_t raw_len, struct response *r);

/* Writes an ME answer with another key to `to`, which has r->len + key_len bytes, and makes r the result. */
void echo_replace_debug(struct response *r, const uint8_t *key, size_t key_len, uint8_t *to);

#endif
