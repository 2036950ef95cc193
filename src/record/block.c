#include "record/block.h"

#include <assert.h>
#include <string.h>
#include <xxhash.h>

/* No text begins so, and no byte of it comes twice: after damage, the next head is found by it. */
static const uint8_t MARK[4] = {0xd6, 'm', 'g', 0x1a};

enum { CHECKSUM = 8 };

uint64_t block_checksum(const void *bytes, size_t len)
{
    return XXH64(bytes, len, 0);
}

void block_put(uint8_t *to, uint64_t number, size_t n)
{
    for (size_t i = 0; i < n; i++) to[i] = (uint8_t)(number >> 8 * i);
}

uint64_t block_get(const uint8_t *at, size_t n)
{
    uint64_t number = 0;
    for (size_t i = 0; i < n; i++) number |= (uint64_t)at[i] << 8 * i;
    return number;
}

void block_write(const struct block *b, uint8_t to[BLOCK_HEAD])
{
    assert(b->stored <= BLOCK_STORED_MOST && b->plain <= BLOCK_PLAIN_MOST);
    memcpy(to, MARK, sizeof MARK);
    block_put(to + 4, BLOCK_HEAD, 2);
    block_put(to + 6, b->kind, 2);
    block_put(to + 8, b->stored, 4);
    block_put(to + 12, b->plain, 4);
    block_put(to + 16, b->count, 4);
    block_put(to + 20, b->share, 4);
    block_put(to + 24, b->first_us, 8);
    block_put(to + 32, b->last_us, 8);
    block_put(to + 40, b->lost, 8);
    block_put(to + 48, b->checksum, 8);
    block_put(to + BLOCK_HEAD - CHECKSUM, block_checksum(to, BLOCK_HEAD - CHECKSUM), CHECKSUM);
}

enum block_status block_read(const uint8_t *bytes, size_t len, struct block *to)
{
    size_t seen = len < sizeof MARK ? len : sizeof MARK;
    if (memcmp(bytes, MARK, seen) != 0) return BLOCK_NONE;
    if (len < BLOCK_HEAD) return BLOCK_SHORT;
    size_t head = block_get(bytes + 4, 2);
    if (head < BLOCK_HEAD || head > BLOCK_HEAD_MOST) return BLOCK_NONE;
    if (len < head) return BLOCK_SHORT;
    if (block_get(bytes + head - CHECKSUM, CHECKSUM) != block_checksum(bytes, head - CHECKSUM))
        return BLOCK_NONE;
    *to = (struct block){.head = (uint16_t)head,
                         .kind = (uint16_t)block_get(bytes + 6, 2),
                         .stored = (uint32_t)block_get(bytes + 8, 4),
                         .plain = (uint32_t)block_get(bytes + 12, 4),
                         .count = (uint32_t)block_get(bytes + 16, 4),
                         .share = (uint32_t)block_get(bytes + 20, 4),
                         .first_us = block_get(bytes + 24, 8),
                         .last_us = block_get(bytes + 32, 8),
                         .lost = block_get(bytes + 40, 8),
                         .checksum = block_get(bytes + 48, 8)};
    return to->stored <= BLOCK_STORED_MOST && to->plain <= BLOCK_PLAIN_MOST ? BLOCK_OK : BLOCK_NONE;
}

size_t block_find(const uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at < len; at++) {
        const uint8_t *mark = memchr(bytes + at, MARK[0], len - at);
        if (!mark) return len;
        at = (size_t)(mark - bytes);
        size_t seen = len - at < sizeof MARK ? len - at : sizeof MARK;
        if (memcmp(mark, MARK, seen) == 0) return at;
    }
    return len;
}
