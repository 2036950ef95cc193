/* blob: a block of bytes with a reference count, for what is too large to copy: values and kept input.
 *
 * blob_create gives its caller the first reference; blob_take adds one; blob_give drops one and frees the bytes with the last
 * one. All references are held by one process, so there are no locks. Bytes that nobody has written yet cost address space only,
 * so a peer that announces a large value and sends little of it holds little memory. Out of memory ends the process (see slab.h).
 */
#ifndef MOONGATE_BASE_BLOB_H
#define MOONGATE_BASE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Invariant: counts > 0, len <= cap. */
struct blob {
    struct blob *next; /* in the list of the arena that adopted it */
    uint32_t counts;   /* references */
    bool is_warm;      /* it was used before: all of its pages may be memory */
    size_t len;        /* bytes filled; the owner of the first reference sets it */
    size_t cap;        /* bytes of room */
    uint8_t bytes[];
};

/* A blob with room for cap bytes and one reference, the caller's. */
struct blob *blob_create(size_t cap) __attribute__((returns_nonnull));

/* The same for what is filled soon, to its end: it may be a blob that was freed, and its pages memory already (is_warm). */
struct blob *blob_reuse(size_t cap) __attribute__((returns_nonnull));

/* Adds a reference. Returns blob. */
struct blob *blob_take(struct blob *blob);

/* Drops a reference; the last one frees the blob. */
void blob_give(struct blob *blob);

/* Makes room for at least cap bytes. Only for a blob with one reference, as its bytes may move: returns the new blob, which
 * replaces the old pointer. */
struct blob *blob_grow(struct blob *blob, size_t cap)
    __attribute__((warn_unused_result, returns_nonnull));

/* The same for less room, of which the filled bytes take a part: for a blob that will be kept. */
struct blob *blob_shrink(struct blob *blob, size_t cap)
    __attribute__((warn_unused_result, returns_nonnull));

#endif
