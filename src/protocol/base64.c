/* Meta commands carry keys with arbitrary bytes as base64. They are decoded once, so that routing and scripts see the key itself:
 * the same key goes to the same server in either form. Source: RFC 4648, section 4. */
#include "protocol/base64.h"

#include <assert.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of a digit, 0..63, or -1. */
static int digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    return c == '/' ? 63 : -1;
}

/* How many '=' stand at the end, at most two: a group has two digits at least. */
static size_t padding(const uint8_t *at, size_t len)
{
    if (len == 0 || at[len - 1] != '=') return 0;
    return at[len - 2] == '=' ? 2 : 1;
}

bool base64_is_valid(const uint8_t *at, size_t len)
{
    if (len == 0 || len % 4 != 0) return false;
    for (size_t i = 0; i < len - padding(at, len); i++) {
        if (digit(at[i]) < 0) return false;
    }
    return true;
}

/* Four digits of six bits make three bytes; the last group may make one or two. */
size_t base64_decode(const uint8_t *at, size_t len, uint8_t *to)
{
    assert(len % 4 == 0); /* base64_is_valid has said yes */
    size_t n = 0, digits = len - padding(at, len);
    uint32_t bits = 0;
    for (size_t i = 0; i < digits; i++) {
        bits = bits << 6 | (uint32_t)digit(at[i]);
        if (i % 4 != 0) to[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    return n;
}

size_t base64_encode(const uint8_t *at, size_t len, uint8_t *to)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t has = len - i < 3 ? len - i : 3;
        uint32_t bits = (uint32_t)at[i] << 16;
        if (has > 1) bits |= (uint32_t)at[i + 1] << 8;
        if (has > 2) bits |= at[i + 2];
        to[n++] = (uint8_t)alphabet[bits >> 18 & 63];
        to[n++] = (uint8_t)alphabet[bits >> 12 & 63];
        to[n++] = has > 1 ? (uint8_t)alphabet[bits >> 6 & 63] : '=';
        to[n++] = has > 2 ? (uint8_t)alphabet[bits & 63] : '=';
    }
    return n;
}
