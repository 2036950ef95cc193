/* block: the head of a block of a recording, which says what the block is, how long, and what its bytes add up to. Pure functions; a
 * struct block is a plain value. For recorder.c and recording.c; the form is described in src/record/README.md.
 */
#ifndef MOONGATE_RECORD_BLOCK_H
#define MOONGATE_RECORD_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "record/take.h"

enum {
    BLOCK_HEAD = 64,                           /* bytes that this version writes */
    BLOCK_HEAD_MOST = 512,                     /* that a later one may write */
    BLOCK_FULL = 512 * 1024,                   /* plain bytes with which a block is written */
    BLOCK_PLAIN_MOST = BLOCK_FULL + TAKE_MOST, /* one take may follow */
    BLOCK_STORED_MOST =
        BLOCK_PLAIN_MOST + BLOCK_PLAIN_MOST / 128, /* what zstd makes of them at worst */
};

enum block_kind {
    BLOCK_TAKES = 1, /* takes, compressed */
    BLOCK_GAP = 2,   /* a line of text: why nothing was recorded from first_us to last_us */
    BLOCK_END = 3    /* the number of all takes of the file, in 8 bytes */
};

struct block {
    uint16_t head;              /* bytes of the head */
    uint16_t kind;              /* enum block_kind, or one of a later version */
    uint32_t stored;            /* bytes behind the head, <= BLOCK_STORED_MOST */
    uint32_t plain;             /* bytes of takes in them, <= BLOCK_PLAIN_MOST */
    uint32_t count;             /* takes */
    uint32_t share;             /* of UINT32_MAX: of the keys */
    uint64_t first_us, last_us; /* the times of its first and its last take, in order of time */
    uint64_t lost;              /* requests that could not be recorded since the block before */
    uint64_t checksum;          /* of the stored bytes */
};

/* The checksum of bytes, and the number of its kind in the header of a file. */
uint64_t block_checksum(const void *bytes, size_t len);

/* A number of n bytes, the lowest first. */
void block_put(uint8_t *to, uint64_t number, size_t n);
uint64_t block_get(const uint8_t *at, size_t n);

/* Writes a head of this version; b->head is not used. */
void block_write(const struct block *b, uint8_t to[BLOCK_HEAD]);

enum block_status {
    BLOCK_OK,
    BLOCK_SHORT, /* it may be one: more bytes must be seen, BLOCK_HEAD_MOST at most */
    BLOCK_NONE   /* no head begins here, or one that is damaged */
};

enum block_status block_read(const uint8_t *bytes, size_t len, struct block *to)
    __attribute__((warn_unused_result));

/* The offset of the first byte where a head may begin; len if there is none. */
size_t block_find(const uint8_t *bytes, size_t len);

#endif
