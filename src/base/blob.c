#include "base/blob.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* Freed blobs, the last one behind the others. malloc gives large blocks back to the system as they come, and the page faults of the next
 * one cost more than what is done with it. Smaller ones it keeps by itself. */
enum { KEPT_LEAST = 32 * 1024, KEPT_BYTES = 4 << 20, KEPT_MOST = 32 };
#if defined(__SANITIZE_ADDRESS__)
#define KEEPS_NONE 1 /* so that a use of what was given back is seen */
#else
#define KEEPS_NONE 0
#endif
static struct {
    struct blob *blobs[KEPT_MOST];
    unsigned n;
    size_t bytes; /* their caps */
} kept;

/* Allocates, or moves. The log names the size: a value is the largest thing that a worker allocates. */
static struct blob *resize(struct blob *blob, size_t cap)
{
    struct blob *sized = realloc(blob, sizeof *sized + cap);
    if (!sized) {
        log_error("memory: exhausted: a value of %zu bytes has no room; lower --max-value", cap);
        abort();
    }
    sized->cap = cap;
    return sized;
}

/* The bytes are not cleared, as a page that nobody writes takes no memory. */
struct blob *blob_create(size_t cap)
{
    struct blob *blob = resize(NULL, cap);
    blob->next = NULL;
    blob->counts = 1;
    blob->is_warm = false;
    blob->len = 0;
    return blob;
}

static struct blob *take_out(unsigned i)
{
    struct blob *blob = kept.blobs[i];
    kept.bytes -= blob->cap;
    kept.n--;
    memmove(&kept.blobs[i], &kept.blobs[i + 1], (kept.n - i) * sizeof kept.blobs[0]);
    return blob;
}

static void keep(struct blob *blob)
{
    while (kept.n == KEPT_MOST || kept.bytes + blob->cap > KEPT_BYTES) free(take_out(0));
    kept.blobs[kept.n++] = blob;
    kept.bytes += blob->cap;
}

/* The last one is most likely in the processor's cache. One that is up to a quarter too large will do. */
struct blob *blob_reuse(size_t cap)
{
    if (cap < KEPT_LEAST) return blob_create(cap);
    for (unsigned i = kept.n; i-- > 0;) {
        size_t has = kept.blobs[i]->cap;
        if (has < cap || has - cap > cap / 4) continue;
        struct blob *blob = take_out(i);
        blob->next = NULL;
        blob->counts = 1;
        blob->is_warm = true;
        blob->len = 0;
        return blob;
    }
    return blob_create(cap + cap / 8);
}

struct blob *blob_take(struct blob *blob)
{
    assert(blob->counts > 0);
    blob->counts++;
    return blob;
}

void blob_give(struct blob *blob)
{
    assert(blob->counts > 0 && blob->len <= blob->cap);
    if (--blob->counts > 0) return;
    if (KEEPS_NONE || blob->cap < KEPT_LEAST || blob->cap > KEPT_BYTES)
        free(blob);
    else
        keep(blob);
}

struct blob *blob_grow(struct blob *blob, size_t cap)
{
    assert(blob->counts == 1); /* the bytes may move: nobody else may point at them */
    assert(blob->len <= blob->cap);
    return cap <= blob->cap ? blob : resize(blob, cap);
}

struct blob *blob_shrink(struct blob *blob, size_t cap)
{
    assert(blob->counts == 1 && blob->len <= cap);
    return cap >= blob->cap ? blob : resize(blob, cap);
}
