#include "base/blob.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"

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
    blob->len = 0;
    return blob;
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
    if (--blob->counts == 0) free(blob);
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
