#include "base/blob.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"

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
    assert(blob->counts > 0);
    if (--blob->counts == 0) free(blob);
}

struct blob *blob_grow(struct blob *blob, size_t cap)
{
    assert(blob->counts == 1);
    return cap <= blob->cap ? blob : resize(blob, cap);
}
