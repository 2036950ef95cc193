/* base64: RFC 4648's alphabet with padding, as meta commands write binary keys. Pure functions; own nothing. */
#ifndef MOONGATE_PROTOCOL_BASE64_H
#define MOONGATE_PROTOCOL_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that n bytes become. */
static inline size_t base64_encoded_len(size_t n)
{
    return (n + 2) / 3 * 4;
}

/* True for a whole number of groups of four, padded at the end only. */
bool base64_is_valid(const uint8_t *at, size_t len);

/* Decodes what base64_is_valid says yes to; `to` has len / 4 * 3 bytes. Returns how many it became. */
size_t base64_decode(const uint8_t *at, size_t len, uint8_t *to);

/* Encodes; `to` has base64_encoded_len(len) bytes. Returns how many. */
size_t base64_encode(const uint8_t *at, size_t len, uint8_t *to);

#endif
