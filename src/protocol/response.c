/* Framing what a server sends: one line, or one VALUE or VA line with its data.
 *
 * I3: responses have no number that says which call they answer; only their order does. So one byte too many or too few gives
 * every later client somebody else's response (I2). This parser therefore takes exactly the forms that memcached writes, and
 * nothing near them: CRLF, plain digits, known words. Anything else is INVALID, and the caller closes the connection.
 *
 * I9: an error line is a response like any other. It ends its call, not the connection; dialect.c says when it does both. */
#include "protocol/response.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "protocol/request.h"
#include "protocol/text.h"

/* Whole lines, and beginnings of lines that have more behind them. */
static const struct {
    const char *text;
    uint8_t len;
    bool more; /* anything may stand behind it */
    enum response_kind kind;
} texts[] = {
#define LINE(text, more, kind)                                                                     \
    {                                                                                              \
        text, sizeof text - 1, more, kind                                                          \
    }
    LINE("END", false, RESPONSE_END),
    LINE("STORED", false, RESPONSE_STORED),
    LINE("NOT_STORED", false, RESPONSE_NOT_STORED),
    LINE("EXISTS", false, RESPONSE_EXISTS),
    LINE("NOT_FOUND", false, RESPONSE_NOT_FOUND),
    LINE("DELETED", false, RESPONSE_DELETED),
    LINE("TOUCHED", false, RESPONSE_TOUCHED),
    LINE("VERSION ", true, RESPONSE_VERSION),
    LINE("ERROR", false, RESPONSE_ERROR),
    LINE("ERROR ", true, RESPONSE_ERROR),
    LINE("CLIENT_ERROR", true, RESPONSE_CLIENT_ERROR),
    LINE("SERVER_ERROR", true, RESPONSE_SERVER_ERROR),
    LINE("HD", false, RESPONSE_HD),
    LINE("HD ", true, RESPONSE_HD),
    LINE("EN", false, RESPONSE_EN),
    LINE("EN ", true, RESPONSE_EN),
    LINE("NS", false, RESPONSE_NS),
    LINE("NS ", true, RESPONSE_NS),
    LINE("EX", false, RESPONSE_EX),
    LINE("EX ", true, RESPONSE_EX),
    LINE("NF", false, RESPONSE_NF),
    LINE("NF ", true, RESPONSE_NF),
    LINE("ME ", true, RESPONSE_ME),
    LINE("STAT ", true, RESPONSE_STAT),
    LINE("OK", false, RESPONSE_OK),
    LINE("RESET", false, RESPONSE_RESET),
#undef LINE
};

/* The kind of a line that is neither VALUE nor VA; 0 when it is not a response. */
static unsigned classify(const uint8_t *line, size_t len)
{
    uint64_t number;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t n = texts[i].len;
        bool fits = texts[i].more ? len >= n : len == n;
        if (fits && memcmp(line, texts[i].text, n) == 0) return texts[i].kind;
    }
    return text_read_digits(line, len, &number) ? RESPONSE_NUMBER : 0;
}

/* Reads ` digits` at *at, and moves *at behind them. The first digits cannot overflow; a number with more of them is read once
 * more. */
static bool take_number(const uint8_t **at, const uint8_t *end, uint64_t *number)
{
    const uint8_t *p = *at;
    if (p == end || *p != ' ') return false;
    const uint8_t *first = ++p;
    uint64_t n = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++) n = n * 10 + (*p - '0');
    if (p < end && *p != ' ') return false;
    *at = p;
    *number = n;
    size_t digits = (size_t)(p - first);
    return digits > TEXT_DIGITS_SAFE ? text_read_digits(first, digits, number) : digits > 0;
}

/* The data of a VALUE or VA line that ends at `end`: behind its CRLF `length` bytes and another CRLF. */
static enum response_status take_data(const uint8_t *end, size_t len, size_t length,
                                      struct response *r)
{
    size_t whole = (size_t)(end + 2 - r->bytes) + length + 2;
    assert(whole > length);
    r->need = whole;
    if (len < whole) return RESPONSE_AGAIN;
    r->len = whole;
    return memcmp(r->bytes + whole - 2, "\r\n", 2) == 0 ? RESPONSE_DONE : RESPONSE_INVALID;
}

/* `VALUE key flags bytes[ cas]`, and then its data. end: where the line's CRLF stands. */
static enum response_status parse_value(const uint8_t *end, size_t len, size_t max_value,
                                        struct response *r)
{
    uint64_t flags, length, cas;
    const uint8_t *p = r->bytes + 6;
    r->key = p;
    while (p < end && *p != ' ') p++;
    r->rest = p;
    r->key_len = (uint16_t)(p - r->key);
    if (r->key_len == 0 || r->key_len > KEY_MAX) return RESPONSE_INVALID;
    if (!take_number(&p, end, &flags) || !take_number(&p, end, &length)) return RESPONSE_INVALID;
    if (p < end && !take_number(&p, end, &cas)) return RESPONSE_INVALID;
    if (p != end || length > max_value) return RESPONSE_INVALID;
    r->kind = RESPONSE_VALUE;
    return take_data(end, len, length, r);
}

/* Finds the key and the opaque among the flags of a response to a meta command: the caller compares them with the call's. */
static void find_meta_flags(const uint8_t *at, const uint8_t *end, struct response *r)
{
    const uint8_t *flag;
    size_t len;
    while (request_next_flag(&at, end, &flag, &len)) {
        if (*flag == 'k') {
            r->key = flag + 1;
            r->key_len = (uint16_t)(len - 1);
            r->rest = flag + len;
        } else if (*flag == 'O') {
            r->opaque = flag + 1;
            r->opaque_len = (uint16_t)(len - 1);
        }
    }
}

/* `VA bytes flag*`, and then its data. */
static enum response_status parse_va(const uint8_t *end, size_t len, size_t max_value,
                                     struct response *r)
{
    uint64_t length;
    const uint8_t *p = r->bytes + 2;
    if (!take_number(&p, end, &length) || length > max_value) return RESPONSE_INVALID;
    r->kind = RESPONSE_VA;
    find_meta_flags(p, end, r);
    return take_data(end, len, length, r);
}

/* `ME key word=value*` */
static void find_debug_key(const uint8_t *end, struct response *r)
{
    const uint8_t *p = r->bytes + strlen("ME ");
    r->key = p;
    while (p < end && *p != ' ') p++;
    r->key_len = (uint16_t)(p - r->key);
    r->rest = p;
}

/* The longest line has RESPONSE_LINE_MAX bytes: a server that sends more without an end is not waited for (I6). VALUE and VA come
 * first, as they are nearly all of what is read. */
enum response_status response_parse(const uint8_t *bytes, size_t len, size_t max_value,
                                    struct response *r)
{
    size_t seen = len < RESPONSE_LINE_MAX ? len : RESPONSE_LINE_MAX;
    const uint8_t *newline = memchr(bytes, '\n', seen);
    *r = (struct response){.bytes = bytes};
    if (!newline) return len < RESPONSE_LINE_MAX ? RESPONSE_AGAIN : RESPONSE_INVALID;
    size_t line = (size_t)(newline - bytes);
    if (line == 0 || bytes[line - 1] != '\r') return RESPONSE_INVALID;
    line--;
    if (line > 6 && memcmp(bytes, "VALUE ", 6) == 0)
        return parse_value(bytes + line, len, max_value, r);
    if (line > 3 && memcmp(bytes, "VA ", 3) == 0) return parse_va(bytes + line, len, max_value, r);
    unsigned kind = classify(bytes, line);
    r->kind = kind;
    r->len = line + 2;
    if (kind == RESPONSE_ME) find_debug_key(bytes + line, r);
    if (kind & META_RESPONSES) find_meta_flags(bytes + 2, bytes + line, r);
    return kind ? RESPONSE_DONE : RESPONSE_INVALID;
}
