/* Requests by the time at which they came: a recording has those of several workers some milliseconds out of order, since each worker sends its
 * own on when it has gathered some. A heap: the earliest stands first, and of those that came together the one that was recorded first. */
#include "replay/engine.h"

#include <assert.h>

static const double WINDOW = 0.2; /* seconds of the recording; a worker gathers for less */

static bool is_before(const struct asked *a, const struct asked *b)
{
    return a->at < b->at || (a->at == b->at && a->number < b->number);
}

static void swap(struct ordering *o, uint32_t i, uint32_t k)
{
    struct asked *a = o->heap[i];
    o->heap[i] = o->heap[k];
    o->heap[k] = a;
}

bool order_wants(const struct ordering *o)
{
    return o->n < ORDER_MOST && (o->n == 0 || o->latest <= o->heap[0]->at + WINDOW);
}

void order_put(struct ordering *o, struct asked *a)
{
    uint32_t i = o->n++;
    assert(o->n <= ORDER_MOST);
    a->number = o->numbers++;
    if (a->at > o->latest) o->latest = a->at;
    o->heap[i] = a;
    for (; i > 0 && is_before(o->heap[i], o->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(o, i, (i - 1) / 2);
}

struct asked *order_take(struct ordering *o)
{
    if (o->n == 0) return NULL;
    struct asked *first = o->heap[0];
    o->heap[0] = o->heap[--o->n];
    for (uint32_t i = 0;;) {
        uint32_t least = i;
        for (uint32_t k = 2 * i + 1; k <= 2 * i + 2 && k < o->n; k++)
            if (is_before(o->heap[k], o->heap[least])) least = k;
        if (least == i) return first;
        swap(o, i, least);
        i = least;
    }
}
