/* echo: keys that a server would repeat in a way that breaks the lines of its response. Pure functions; they own nothing.
 *
 * A key that came as base64 may hold spaces and line ends. A server repeats it raw where the item was made by arithmetic, append
 * or a vivifying get, and some versions do so for `me`. So k is left out of the line that is sent, and the key is added to the
 * response here (I2).
 */
#ifndef MOONGATE_PROTOCOL_ECHO_H
#define MOONGATE_PROTOCOL_ECHO_H

#include "protocol/request.h"
#include "protocol/response.h"

enum { ECHO_LETTERS_MAX = 32 }; /* more flags than a meta command may have */

/* True when a key holds a space, a CR or an LF. */
bool echo_breaks_lines(const uint8_t *key, size_t len);

/* True when r has the flag k and such a key: the key must not come back from the server. */
static inline bool request_hides_key(const struct request *r)
{
    if ((r->meta & (META_KEY | META_BASE64)) != (META_KEY | META_BASE64)) return false;
    return echo_breaks_lines((const uint8_t *)r->key_at, r->key_len);
}

/* Writes the letters of r's flags before its k to `letters`, which has ECHO_LETTERS_MAX bytes. Returns their number. */
size_t echo_letters(const struct request *r, uint8_t *letters);

/* The bytes that echo_insert needs. */
static inline size_t echo_room(const struct response *r, size_t key_len)
{
    return r->len + key_len + sizeof " k b" - 1;
}

/* Writes the meta response r, with ` kKEY b` behind those of its flags that are among the n letters, to `to`, which has echo_room
 * bytes. r becomes the result and points into `to`. key: as it is on the wire. */
void echo_insert(struct response *r, const uint8_t *letters, size_t n, const uint8_t *key,
                 size_t key_len, uint8_t *to);

/* response_parse for the response to a `me` with the key raw[0..raw_len) (<= KEY_MAX bytes), which the server may have repeated
 * raw. */
enum response_status echo_parse_debug(const uint8_t *bytes, size_t len, const uint8_t *raw,
                                      size_t raw_len, struct response *r);

/* Writes the ME response r with another key to `to`, which has r->len + key_len bytes. r becomes the result and points into
 * `to`. */
void echo_replace_debug(struct response *r, const uint8_t *key, size_t key_len, uint8_t *to);

#endif
