/* base64: keys of meta commands in RFC 4648's alphabet with padding. Pure functions of any process; they own nothing. */
#ifndef MOONGATE_PROTOCOL_BASE64_H
#define MOONGATE_PROTOCOL_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length in base64 of n bytes. */
static inline size_t base64_encoded_len(size_t n)
{
    return (n + 2) / 3 * 4;
}

/* True when the text is base64: groups of four, at least one, with padding at the end only. */
bool base64_is_valid(const uint8_t *at, size_t len);

/* Decodes a text for which base64_is_valid is true, to len / 4 * 3 bytes at most. Returns their number. */
size_t base64_decode(const uint8_t *at, size_t len, uint8_t *to);

/* Encodes to base64_encoded_len(len) bytes. Returns their number. */
size_t base64_encode(const uint8_t *at, size_t len, uint8_t *to);

#endif
