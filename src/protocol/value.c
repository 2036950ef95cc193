/* Most responses are passed on as they came, and nobody reads more of them than response_parse did. This file is for those that a
 * policy or a script reads: flags, cas, number, time left. Here the response is known to be well framed, so a number that is not
 * there reads as 0 and is not an error. */
#include "protocol/value.h"

#include <assert.h>
#include <string.h>

#include "protocol/request.h"
#include "protocol/text.h"

/* The number behind the space at *at, or 0; moves *at behind it. */
static uint64_t next_number(const uint8_t **at, const uint8_t *end)
{
    uint64_t number = 0;
    const uint8_t *first = *at < end ? ++*at : *at;
    while (*at < end && **at != ' ') ++*at;
    text_read_digits(first, (size_t)(*at - first), &number);
    return number;
}

/* Where the line ends: at its CRLF. The key of a VALUE that was made of a frame may have one, too. */
static const uint8_t *line_end(const struct response *r)
{
    const uint8_t *from = r->kind == RESPONSE_VALUE ? r->rest : r->bytes;
    const uint8_t *last = r->bytes + r->len, *end = memchr(from, '\r', (size_t)(last - from));
    return end ? end : last;
}

/* t-1: the item never expires. */
static int64_t read_ttl(const uint8_t *at, size_t len)
{
    uint64_t seconds = 0;
    if (len == 2 && memcmp(at, "-1", 2) == 0) return -1;
    return text_read_digits(at, len, &seconds) ? (int64_t)seconds : -2;
}

static void read_meta_flags(struct response_value *v, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *flag;
    size_t len;
    uint64_t number;
    while (request_next_flag(&at, end, &flag, &len)) {
        number = 0;
        if (*flag == 't') v->ttl = read_ttl(flag + 1, len - 1);
        if (*flag != 'f' && *flag != 'c') continue;
        text_read_digits(flag + 1, len - 1, &number);
        if (*flag == 'f')
            v->flags = number;
        else
            v->cas = number;
    }
}

/* A VALUE has its numbers in a fixed order; a meta response has letters in the order of the request. */
struct response_value response_read(const struct response *r)
{
    assert(r->bytes && r->len > 0);
    struct response_value v = {.ttl = -2};
    const uint8_t *end = line_end(r), *at = r->rest;
    if (r->kind == RESPONSE_VALUE) {
        v.flags = next_number(&at, end);
        v.len = next_number(&at, end);
        v.cas = next_number(&at, end);
        v.at = end + 2;
    } else if (r->kind == RESPONSE_VA) {
        at = r->bytes + 2;
        v.len = next_number(&at, end);
        v.at = end + 2;
        read_meta_flags(&v, at, end);
    } else if (r->kind == RESPONSE_HD) {
        read_meta_flags(&v, r->bytes + 2, end);
    } else if (r->kind == RESPONSE_NUMBER) {
        text_read_digits(r->bytes, (size_t)(end - r->bytes), &v.number);
    }
    return v;
}

bool response_find_flag(const struct response *r, uint8_t letter, const uint8_t **token,
                        size_t *len)
{
    if (!(r->kind & META_RESPONSES)) return false;
    const uint8_t *at = r->bytes + 2, *end = line_end(r), *flag;
    if (r->kind == RESPONSE_VA) next_number(&at, end);
    while (request_next_flag(&at, end, &flag, len)) {
        if (*flag != letter) continue;
        *token = flag + 1;
        --*len;
        return true;
    }
    return false;
}

/* --- the same response with other contents ----------------------------------------------------- */

static uint8_t *put(uint8_t *to, const void *bytes, size_t len)
{
    if (len) memcpy(to, bytes, len);
    return to + len;
}

static uint8_t *put_number(uint8_t *to, char before, uint64_t number)
{
    *to++ = (uint8_t)before;
    return to + text_write_unsigned(to, number);
}

bool response_has_cas(const struct response *r)
{
    assert(r->kind == RESPONSE_VALUE);
    const uint8_t *end = line_end(r), *at = r->rest;
    next_number(&at, end);
    next_number(&at, end);
    return at < end;
}

static uint8_t *put_value_line(uint8_t *to, const struct response *r,
                               const struct response_value *v)
{
    to = put(to, r->bytes, (size_t)(r->rest - r->bytes));
    to = put_number(to, ' ', v->flags);
    to = put_number(to, ' ', v->len);
    return response_has_cas(r) ? put_number(to, ' ', v->cas) : to;
}

static uint8_t *put_meta_flags(uint8_t *to, const struct response_value *v, const uint8_t *at,
                               const uint8_t *end)
{
    const uint8_t *flag;
    size_t len;
    while (request_next_flag(&at, end, &flag, &len)) {
        *to++ = ' ';
        switch (*flag) {
        case 'f': to = put_number(to, 'f', v->flags); break;
        case 'c': to = put_number(to, 'c', v->cas); break;
        case 's': to = put_number(to, 's', v->len); break;
        default: to = put(to, flag, len); break;
        }
    }
    return to;
}

/* Each number that is replaced may become a longer one: the length and two more of a VALUE, the length and any flag of a meta
 * response. A server may send a flag more than once, so the flags are counted. */
size_t response_rewrite_room(const struct response *r, const struct response_value *v)
{
    const uint8_t *at = r->bytes + 2, *end = line_end(r), *flag;
    size_t numbers = 3, len;
    if (r->kind != RESPONSE_VALUE)
        while (request_next_flag(&at, end, &flag, &len)) numbers++;
    return r->len + v->len + numbers * (TEXT_NUMBER_ROOM + 1);
}

/* Line first, then the data, then what followed them: CRLF, and END where it is a part of the response. */
size_t response_rewrite(const struct response *r, const struct response_value *v, uint8_t *to)
{
    const uint8_t *begin = to, *end = line_end(r), *at = r->bytes + 2;
    struct response_value old = response_read(r);
    if (r->kind == RESPONSE_VALUE) {
        to = put_value_line(to, r, v);
    } else {
        to = put(to, r->bytes, 2);
        if (r->kind == RESPONSE_VA) {
            next_number(&at, end);
            to = put_number(to, ' ', v->len);
        }
        to = put_meta_flags(to, v, at, end);
    }
    const uint8_t *tail = end; /* what follows the data */
    if (old.at) {
        to = put(to, "\r\n", 2);
        to = put(to, v->at, v->len);
        tail = old.at + old.len;
    }
    to = put(to, tail, (size_t)(r->bytes + r->len - tail));
    assert((size_t)(to - begin) <= response_rewrite_room(r, v));
    return (size_t)(to - begin);
}
