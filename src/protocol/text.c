/* Two readers of numbers. A client's number is read as memcached reads it, so that moongate refuses exactly what memcached
 * refuses. A server's number is read strictly (text_read_digits): any other form means that the stream is out of step. */
#include "protocol/text.h"

#include <assert.h>
#include <string.h>

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Sign and magnitude of a number; false without digits, with more than 64 bits, or with anything but white space behind them. */
static bool read_magnitude(const uint8_t *at, size_t len, bool *negative, uint64_t *magnitude)
{
    const uint8_t *end = at + len;
    while (at < end && is_space(*at)) at++;
    *negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    if (at == end || !is_digit(*at)) return false;
    uint64_t n = 0;
    for (; at < end && is_digit(*at); at++) {
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *at - '0', &n))
            return false;
    }
    *magnitude = n;
    return at == end || is_space(*at);
}

bool text_read_signed(const uint8_t *at, size_t len, int64_t *out)
{
    bool negative;
    uint64_t n;
    if (!read_magnitude(at, len, &negative, &n)) return false;
    if (n > (uint64_t)INT64_MAX + negative) return false;
    *out = negative ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

/* memcached reads with strtoull(3), which wraps a negative number, and then refuses what is negative. In effect `-0` passes, and
 * so does a number so far below zero that it wraps to a small one. */
bool text_read_unsigned(const uint8_t *at, size_t len, uint64_t *out)
{
    bool negative;
    uint64_t n;
    if (!read_magnitude(at, len, &negative, &n)) return false;
    if (negative) n = 0 - n;
    if (negative && n > INT64_MAX) return false;
    *out = n;
    return true;
}

/* On the path of every value: the first 19 digits are read without a check for overflow. */
bool text_read_digits(const uint8_t *at, size_t len, uint64_t *out)
{
    uint64_t n = 0;
    size_t safe = len < TEXT_DIGITS_SAFE ? len : TEXT_DIGITS_SAFE;
    if (len == 0) return false;
    for (size_t i = 0; i < safe; i++) {
        if (!is_digit(at[i])) return false;
        n = n * 10 + (uint64_t)(at[i] - '0');
    }
    for (size_t i = safe; i < len; i++) {
        if (!is_digit(at[i])) return false;
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, at[i] - '0', &n))
            return false;
    }
    *out = n;
    return true;
}

/* One digit is the most common number: flags, exptime, a short length. */
size_t text_write_unsigned(uint8_t *to, uint64_t number)
{
    if (number < 10) {
        *to = (uint8_t)('0' + number);
        return 1;
    }
    uint8_t digits[TEXT_NUMBER_ROOM];
    size_t n = 0;
    for (; number > 0; number /= 10) digits[n++] = (uint8_t)('0' + number % 10);
    assert(n <= TEXT_NUMBER_ROOM);
    for (size_t i = 0; i < n; i++) to[i] = digits[n - 1 - i];
    return n;
}

size_t text_write_signed(uint8_t *to, int64_t number)
{
    if (number >= 0) return text_write_unsigned(to, (uint64_t)number);
    *to = '-';
    return 1 + text_write_unsigned(to + 1, 0 - (uint64_t)number);
}
