#include "protocol/value.h"

#include <string.h>

#include "protocol/request.h"
#include "protocol/text.h"

/* The number behind the space at *at; moves *at behind it. */
static uint64_t next_number(const uint8_t **at, const uint8_t *end)
{
    uint64_t number = 0;
    const uint8_t *first = *at < end ? ++*at : *at;
    while (*at < end && **at != ' ') ++*at;
    text_read_digits(first, (size_t)(*at - first), &number);
    return number;
}

static const uint8_t *line_end(const struct response *r)
{
    const uint8_t *end = memchr(r->bytes, '\r', r->len);
    return end ? end : r->bytes + r->len;
}

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
            v->flags = (uint32_t)number;
        else
            v->cas = number;
    }
}

struct response_value response_read(const struct response *r)
{
    struct response_value v = {.ttl = -2};
    const uint8_t *end = line_end(r), *at = r->rest;
    if (r->kind == RESPONSE_VALUE) {
        v.flags = (uint32_t)next_number(&at, end);
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
