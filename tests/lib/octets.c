#include "lib/octets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ESCAPED_HEAD = 1500, ESCAPED_TAIL = 500 };

const char *octets_at(const struct octets *o)
{
    return o->memory ? o->memory + o->begin : "";
}

size_t octets_n(const struct octets *o)
{
    return o->end - o->begin;
}

static void octets_move_to_front(struct octets *o)
{
    memmove(o->memory, o->memory + o->begin, octets_n(o));
    o->end -= o->begin;
    o->begin = 0;
}

char *octets_reserve(struct octets *o, size_t n)
{
    if (o->begin > 0 && (o->begin == o->end || o->begin > o->room / 2)) octets_move_to_front(o);
    if (o->end + n + 1 > o->room) {
        o->room = 2 * o->room + n + 1;
        o->memory = realloc(o->memory, o->room);
        if (!o->memory) abort();
    }
    return o->memory + o->end;
}

void octets_grow(struct octets *o, size_t n)
{
    o->end += n;
    o->memory[o->end] = '\0';
}

void octets_add(struct octets *o, const void *bytes, size_t n)
{
    if (n == 0) return;
    memcpy(octets_reserve(o, n), bytes, n);
    octets_grow(o, n);
}

void octets_take(struct octets *o, size_t n)
{
    o->begin += n;
}

void octets_release(struct octets *o)
{
    free(o->memory);
    *o = (struct octets){0};
}

static char *escape_one(char *to, unsigned char byte)
{
    if (byte == '\r') return stpcpy(to, "\\r");
    if (byte == '\n') return stpcpy(to, "\\n");
    if (byte == '"' || byte == '\\') *to++ = '\\';
    if (byte >= ' ' && byte < 0x7f) {
        *to++ = (char)byte;
        return to;
    }
    return to + sprintf(to, "\\%03o", byte);
}

char *octets_escape(const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    size_t left_out = n > ESCAPED_HEAD + ESCAPED_TAIL ? n - ESCAPED_HEAD - ESCAPED_TAIL : 0;
    char *text = malloc(4 * (n - left_out) + 64), *to = text;
    if (!text) abort();
    *to++ = '"';
    for (size_t i = 0; i < n; i++) {
        if (left_out > 0 && i == ESCAPED_HEAD) {
            to += sprintf(to, "\" ... %zu bytes ... \"", left_out);
            i += left_out;
        }
        to = escape_one(to, at[i]);
    }
    strcpy(to, "\"");
    return text;
}
