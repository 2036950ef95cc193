/* flags: the words behind the key of a meta command: `v t T30 Oabc`.
 *
 * Pure functions; they own nothing. A request's flags point into bytes that its caller owns (args_at, args_len).
 */
#ifndef MOONGATE_PROTOCOL_FLAGS_H
#define MOONGATE_PROTOCOL_FLAGS_H

#include "protocol/request.h"

/* Makes text[0..len) (<= UINT16_MAX bytes) the flags of r, and sets what follows from them: meta, exptime, client_flags.
 * `tokens`: how many words stand before them. Returns NULL, or the error line that refuses them (static): a flag twice, too many
 * flags, control bytes; for ms also what every server refuses, as some servers would then run the value as commands. */
const char *request_take_flags(struct request *r, const uint8_t *text, size_t len, size_t tokens);

/* Finds the flag with that letter; *token is what follows the letter, *len its length. False when there is none. */
bool request_find_flag(const struct request *r, uint8_t letter, const uint8_t **token, size_t *len);

/* Writes r's flags without the one with that letter to `to`, which has args_len bytes. Returns their length. */
size_t request_flags_without(const struct request *r, uint8_t letter, uint8_t *to);

/* True when k, O and b of both are the same, so that a response to one is also a response to the other. */
bool request_echoes_alike(const struct request *a, const struct request *b);

/* True when r may have that key: with base64 any KEY_MAX_BASE64 bytes at most; else see request_key_is_valid. Never an empty
 * one. */
bool request_may_have_key(const struct request *r, const uint8_t *key, size_t len, bool strict);

#endif
