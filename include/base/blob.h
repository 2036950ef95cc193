/* blob: a counted block of bytes, for what is too large to copy: values and kept input.
 *
 * blob_create gives the first count to its caller; blob_take adds one, blob_give drops one and
 * frees the bytes with the last. Bytes that nobody wrote yet cost address space only, so a peer that announces
 * much and sends little holds little. One process, no locks. Out of memory ends the process (see slab).
 */
#ifndef MOONGATE_BASE_BLOB_H
#define MOONGATE_BASE_BLOB_H

#include <stddef.h>
#include <stdint.h>

struct blob {
    struct blob *next; /* in the one arena that adopted it */
    uint32_t counts;
    size_t len; /* bytes filled, <= cap */
    size_t cap;
    uint8_t bytes[];
};

struct blob *blob_create(size_t cap) __attribute__((returns_nonnull));
struct blob *blob_take(struct blob *blob);
void blob_give(struct blob *blob);

/* Makes room for `cap` bytes; only for a blob with one count. The bytes may move: returns the new place. */
struct blob *blob_grow(struct blob *blob, size_t cap)
    __attribute__((warn_unused_result, returns_nonnull));

#endif
