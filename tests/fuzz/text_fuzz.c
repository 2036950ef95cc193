/* Any bytes as a number: text.c reads them as the C library does, by the rules in text.h. */
#include "fuzz/fuzz.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

#include "protocol/text.h"

/* True when a number of the C library ended well at `end`, with the bytes' end or white space behind it. */
static bool ended_well(const char *text, const char *end, size_t size)
{
    if (errno == ERANGE || end == text) return false;
    return end == text + size || isspace((unsigned char)*end);
}

static bool naive_signed(const char *text, size_t size, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return ended_well(text, end, size);
}

static bool naive_unsigned(const char *text, size_t size, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    if (!ended_well(text, end, size)) return false;
    return (int64_t)*out >= 0 || !memchr(text, '-', (size_t)(end - text));
}

static bool naive_digits(const char *text, size_t size, uint64_t *out)
{
    errno = 0;
    *out = strtoull(text, NULL, 10);
    return size > 0 && strspn(text, "0123456789") == size && errno != ERANGE;
}

static void check_reading(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    uint8_t *bytes = exact_copy(data, size);
    int64_t n = 0, naive_n;
    uint64_t u = 0, naive_u, d = 0, naive_d;
    check(text);
    if (size) memcpy(text, data, size);
    text[size] = 0;
    bool is_signed = text_read_signed(bytes, size, &n);
    bool is_unsigned = text_read_unsigned(bytes, size, &u);
    bool is_digits = text_read_digits(bytes, size, &d);
    check(is_signed == naive_signed(text, size, &naive_n));
    check(!is_signed || n == naive_n);
    check(is_unsigned == naive_unsigned(text, size, &naive_u));
    check(!is_unsigned || u == naive_u);
    check(is_digits == naive_digits(text, size, &naive_d));
    check(!is_digits || d == naive_d);
    free(bytes);
    free(text);
}

/* The first bytes as a number: written as printf writes it, and read back. */
static void check_writing(uint64_t number)
{
    char wanted[32];
    uint64_t u;
    int64_t n;
    uint8_t *room = malloc(TEXT_NUMBER_ROOM);
    check(room);
    size_t len = text_write_unsigned(room, number);
    check(len == (size_t)sprintf(wanted, "%" PRIu64, number) && memcmp(room, wanted, len) == 0);
    check(text_read_digits(room, len, &u) && u == number);
    check(text_read_unsigned(room, len, &u) && u == number);
    len = text_write_signed(room, (int64_t)number);
    check(len == (size_t)sprintf(wanted, "%" PRId64, (int64_t)number) &&
          memcmp(room, wanted, len) == 0);
    check(text_read_signed(room, len, &n) && n == (int64_t)number);
    free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t number = 0;
    if (size) memcpy(&number, data, size < sizeof number ? size : sizeof number);
    check_reading(data, size);
    check_writing(number);
    check_writing(number >> (size % 64));
    return 0;
}
