/* bytes: what a connection has yet to send.
 *
 * A plain value: all zero bytes is empty. Bytes [start, end) are in use. The process's end frees it.
 */
#ifndef MOONGATE_BENCH_BYTES_H
#define MOONGATE_BENCH_BYTES_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

enum { FIRST_BUFFER = 16384 };

struct bytes {
    char *data;
    size_t start, end, cap;
};

/* Makes room for n bytes at the end. */
static inline char *bytes_room(struct bytes *b, size_t n)
{
    if (b->start == b->end) b->start = b->end = 0;
    if (b->cap - b->end >= n) return b->data + b->end;
    if (b->start) memmove(b->data, b->data + b->start, b->end - b->start);
    b->end -= b->start;
    b->start = 0;
    while (b->cap - b->end < n) b->cap = b->cap ? b->cap * 2 : FIRST_BUFFER;
    b->data = realloc(b->data, b->cap);
    if (!b->data) die(1, "out of memory");
    return b->data + b->end;
}

#endif
