/* flags: what stands behind the key of a meta command: `v t T30 Oabc`.
 *
 * Pure; a request's flags point into bytes that somebody else owns (args_at, args_len).
 */
#ifndef MOONGATE_PROTOCOL_FLAGS_H
#define MOONGATE_PROTOCOL_FLAGS_H

#include "protocol/request.h"

/* Lets r have the flags in text[0..len) and notes what they mean here. `tokens` stand before them. NULL, or the line that
 * refuses them: a flag twice, too many, control bytes; of ms also what every server refuses, as some of them would then take the
 * value for commands. */
const char *request_take_flags(struct request *r, const uint8_t *text, size_t len, size_t tokens);

/* Finds the flag with that letter: what follows the letter. False when there is none. */
bool request_find_flag(const struct request *r, uint8_t letter, const uint8_t **token, size_t *len);

/* Writes r's flags without the one with that letter to `to`, which has args_len bytes. Returns how many. */
size_t request_flags_without(const struct request *r, uint8_t letter, uint8_t *to);

/* True when k, O and b of both are the same, so that an answer to one reads as an answer to the other. */
bool request_echoes_alike(const struct request *a, const struct request *b);

/* True when r may have that key: any 1..186 bytes where it goes as base64; else see request_key_is_valid. */
bool request_may_have_key(const struct request *r, const uint8_t *key, size_t len, bool strict);

#endif
