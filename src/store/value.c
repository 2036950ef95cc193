/* The bytes of a value, in one piece or in extents. An operation remembers the extent that it was in last, so that one who goes through a
 * value of many extents follows each link once. */
#include <assert.h>
#include <string.h>

#include "store/shard.h"
#include "store/undo.h"

enum { EXTENT_HEAD = 8 }; /* the heap's word, and the link */

/* The piece that has byte `at`, which the value has. */
static uint8_t *extent_span(struct store_op *op, struct store_item *item, size_t at, size_t *len)
{
    if (op->span_item != item || at < op->span_from) {
        op->span_item = item;
        op->span_extent = *item_extents(item);
        op->span_from = 0;
    }
    for (;;) {
        size_t room = heap_room(op->shard, op->span_extent) + sizeof(uint32_t) - EXTENT_HEAD;
        size_t offset = at - op->span_from;
        if (offset < room) {
            size_t left = item->value_len - at;
            *len = room - offset < left ? room - offset : left;
            return (uint8_t *)shard_at(op->shard, op->span_extent) + EXTENT_HEAD + offset;
        }
        op->span_from += room;
        op->span_extent = shard_item(op->shard, op->span_extent)->next;
        assert(op->span_extent); /* the extents are as long as the value */
    }
}

static uint8_t *span(struct store_op *op, const struct store_item *item, size_t at, size_t *len)
{
    assert(at <= item->value_len);
    uint32_t ref = shard_ref(op->shard, item);
    struct store_item *it = shard_item(op->shard, ref);
    *len = item->value_len - at;
    if (!(item->links.marks & STORE_EXTENTS)) return it->bytes + it->links.key_len + at;
    return *len == 0 ? it->bytes : extent_span(op, it, at, len);
}

size_t store_value_span(struct store_op *op, const struct store_item *item, size_t at,
                        const uint8_t **to)
{
    size_t len;
    *to = span(op, item, at, &len);
    return len;
}

void store_value_read(struct store_op *op, const struct store_item *item, size_t at, void *to,
                      size_t len)
{
    uint8_t *out = to;
    assert(len <= item->value_len - at);
    while (len > 0) {
        size_t n;
        const uint8_t *piece = span(op, item, at, &n);
        if (n > len) n = len;
        memcpy(out, piece, n);
        out += n;
        at += n;
        len -= n;
    }
}

void store_value_write(struct store_op *op, struct store_item *made, size_t at, const void *bytes,
                       size_t len)
{
    const uint8_t *from = bytes;
    assert(op->shard->making == shard_ref(op->shard, made) && len <= made->value_len - at);
    while (len > 0) {
        size_t n;
        uint8_t *piece = span(op, made, at, &n);
        if (n > len) n = len;
        memcpy(piece, from, n);
        from += n;
        at += n;
        len -= n;
    }
}

void store_value_change(struct store_op *op, struct store_item *item, size_t at, const void *bytes,
                        size_t len)
{
    const uint8_t *from = bytes;
    assert(len <= STORE_CHANGE_MOST && len <= item->value_len - at);
    for (size_t i = 0; i < len; i++) {
        size_t n;
        uint8_t *byte = span(op, item, at + i, &n);
        if (i == 0 || ((uintptr_t)byte & 3) == 0)
            undo_note(op->shard, (undo_word *)(void *)(byte - ((uintptr_t)byte & 3)));
        *byte = from[i];
    }
}
