/* Memory: why there are four kinds of it, and which one to use.
 *
 * A worker works in turns of its loop: it reads from every ready connection, routes what it has parsed, and writes. Nearly all
 * bytes that it touches are of no use after that turn. So the common case has no owner, no reference count and no free:
 *
 *   arena    Bytes that live for one turn: input as it was read, keys and values that a script or a policy rewrote. A pointer
 *            moves up; arena_reset moves it back for all of them at once. One block for the process, so an idle client owns no
 *            buffer.
 *   blob     Bytes that outlive the turn or are too large to copy: the cut end of a message, a value that several queues send. It
 *            has a reference count: "take" adds a reference, "give" drops one, and the last give frees the bytes.
 *   slab     Structs that come and go with a request: calls, replies, flows, segments of queues. Each has one owner, which
 *            returns it with the size that was borrowed.
 *   shared   Memory that the master maps before it forks: counters (board.h), dictionaries of scripts (shared.h), the table of
 *            writes in flight (writes.h). It has no pointers to other memory and outlives every worker.
 *
 * What happens in which order. A turn allocates from the arena while it reads, and adopts the blobs whose messages are whole, so
 * that a parsed request may point into either without a difference. At its end the turn routes, flushes the servers' connections
 * and settles the clients; only then does it reset the arena. To keep bytes, copy them or take a reference to their blob before
 * that. Within a turn, a reader of a server's connection goes back to its own mark (arena_rewind) when the responses are passed
 * on: without that, a turn with many responses would fill the arena.
 *
 * What must never happen: a struct that outlives the turn keeps a pointer into the arena; a blob grows, which moves its bytes,
 * while there is more than one reference to it; a blob is adopted twice.
 *
 * I6: the arena has a fixed size. What does not fit becomes a blob of the exact size, so one large request costs its own bytes
 * and nothing after the turn. The bound on all such bytes is the clients' and servers' business: they stop reading.
 *
 * Memory that runs out ends the process. A worker is a process of its own and is started again, while code for half-made requests
 * would never be tested. So none of the allocators returns NULL, and no caller checks. */
#include "base/arena.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

static bool arena_sane(const struct arena *a)
{
    return a->bytes && a->used <= a->cap;
}

void arena_init(struct arena *a, size_t cap)
{
    assert(cap > 0);
    *a = (struct arena){.cap = cap};
    a->bytes = malloc(cap);
    if (!a->bytes) abort();
}

void arena_release(struct arena *a)
{
    arena_reset(a);
    free(a->bytes);
    *a = (struct arena){0};
}

uint8_t *arena_alloc(struct arena *a, size_t n)
{
    assert(arena_sane(a));
    if (n > arena_room(a)) { /* rare: the room is made for a turn of common size */
        struct blob *blob = blob_reuse(n);
        arena_adopt(a, blob);
        return blob->bytes;
    }
    uint8_t *p = a->bytes + a->used;
    a->used += n;
    return p;
}

void arena_trim(struct arena *a, const uint8_t *end_of_allocation, size_t n)
{
    assert(arena_sane(a));
    if (end_of_allocation == a->bytes + a->used) a->used -= n; /* else it came from a blob */
}

void arena_adopt(struct arena *a, struct blob *blob)
{
    assert(blob->counts > 0 && !blob->next && a->adopted != blob); /* nobody has adopted it */
    blob->next = a->adopted;
    a->adopted = blob;
}

void arena_reset(struct arena *a)
{
    assert(arena_sane(a));
    while (a->adopted) {
        struct blob *blob = a->adopted;
        a->adopted = blob->next;
        blob->next = NULL;
        blob_give(blob);
    }
    a->used = 0;
}
