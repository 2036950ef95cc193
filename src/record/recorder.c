/* Takes are gathered as they are encoded, and are written as a block when there are BLOCK_FULL bytes, when the owner flushes, and where
 * something changes that a head says of a whole block. A block is written by one call with its head; where that fails, the file is cut
 * back to where the block began: what was written before stays a readable file. */
#include "record/recorder.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "record/block.h"
#include "record/header.h"

/* The fastest of zstd's usual levels: it makes a third to a tenth of what it gets, at several hundred megabytes a second. */
enum { LEVEL = 1, GAP_TEXT = 200 };

/* Invariant: `plain` has `len` bytes, which are `count` takes; written is the file's length, a whole number of blocks. */
struct recorder {
    int fd;
    bool is_ours; /* the file was empty when it was begun: it may be cut back */
    int error;    /* errno of the write that failed; 0: none has */
    enum recording_mode mode;
    ZSTD_CCtx *zstd;
    uint8_t *plain, *stored; /* BLOCK_PLAIN_MOST bytes; BLOCK_HEAD + BLOCK_STORED_MOST */
    size_t len;
    uint64_t time; /* of the last take in `plain` */
    struct block block;
    uint64_t written, takes, lost;
};

/* --- writing ----------------------------------------------------------------------------------- */

static bool fail(struct recorder *r)
{
    errno = r->error;
    return false;
}

/* All of it, or nothing. A pipe cannot be cut back, and a file that had other content must not be. */
static bool write_whole(struct recorder *r, const void *bytes, size_t len)
{
    if (r->error) return fail(r);
    for (size_t at = 0; at < len;) {
        ssize_t n = write(r->fd, (const uint8_t *)bytes + at, len - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            r->error = n < 0 ? errno : EIO;
            if (r->is_ours && ftruncate(r->fd, (off_t)r->written) == 0)
                (void)lseek(r->fd, (off_t)r->written, SEEK_SET);
            return fail(r);
        }
        at += (size_t)n;
    }
    r->written += len;
    return true;
}

/* Writes the bytes that stand behind the room of a head in r->stored. */
static bool write_block(struct recorder *r, struct block *b, size_t stored)
{
    b->stored = (uint32_t)stored;
    b->checksum = block_checksum(r->stored + BLOCK_HEAD, stored);
    block_write(b, r->stored);
    return write_whole(r, r->stored, BLOCK_HEAD + stored);
}

/* What is counted in a head begins again: lost requests, and times. */
static void begin_block(struct recorder *r)
{
    r->block = (struct block){.kind = BLOCK_TAKES, .share = r->block.share, .first_us = UINT64_MAX};
    r->len = 0;
    r->time = 0;
}

bool recorder_flush(struct recorder *r)
{
    if (r->error) return fail(r);
    if (r->block.count == 0 && r->block.lost == 0) return true;
    size_t n = ZSTD_compressCCtx(r->zstd, r->stored + BLOCK_HEAD, BLOCK_STORED_MOST, r->plain,
                                 r->len, LEVEL);
    assert(!ZSTD_isError(n)); /* there is room for the worst */
    r->block.plain = (uint32_t)r->len;
    if (r->block.count == 0) r->block.first_us = r->block.last_us = 0;
    bool done = write_block(r, &r->block, n);
    if (done) r->takes += r->block.count;
    if (done) r->lost += r->block.lost;
    begin_block(r);
    return done;
}

bool recorder_take(struct recorder *r, const struct take *t)
{
    struct take kept = *t;
    if (r->mode != RECORDING_VALUES) kept.value = NULL;
    if (r->mode != RECORDING_VALUES) kept.cut = false;
    if (r->mode == RECORDING_KEYS) kept.value_len = 0;
    if (r->error) return fail(r);
    size_t n = take_encode(&kept, &r->time, r->plain + r->len, BLOCK_PLAIN_MOST - r->len);
    assert(n > 0); /* for r->len < BLOCK_FULL */
    r->len += n;
    r->block.count++;
    if (t->at_us < r->block.first_us) r->block.first_us = t->at_us;
    if (t->at_us > r->block.last_us) r->block.last_us = t->at_us;
    return r->len < BLOCK_FULL || recorder_flush(r);
}

bool recorder_share(struct recorder *r, uint32_t share)
{
    if (share == r->block.share) return true;
    if (!recorder_flush(r)) return false;
    r->block.share = share;
    return true;
}

void recorder_lost(struct recorder *r, uint64_t requests)
{
    r->block.lost += requests;
}

bool recorder_gap(struct recorder *r, uint64_t from_us, uint64_t to_us, const char *why)
{
    struct block b = {
        .kind = BLOCK_GAP, .share = r->block.share, .first_us = from_us, .last_us = to_us};
    size_t len = strnlen(why, GAP_TEXT);
    if (!recorder_flush(r)) return false;
    memcpy(r->stored + BLOCK_HEAD, why, len);
    return write_block(r, &b, len);
}

bool recorder_finish(struct recorder *r)
{
    struct block b = {.kind = BLOCK_END, .share = r->block.share};
    if (!recorder_flush(r)) return false;
    block_put(r->stored + BLOCK_HEAD, r->takes, 8);
    return write_block(r, &b, 8);
}

/* --- the recorder ------------------------------------------------------------------------------ */

struct recorder *recorder_create(int fd, const struct recording_about *about)
{
    char header[HEADER_MOST];
    struct stat file;
    struct recorder *r = calloc(1, sizeof *r);
    if (!r) abort();
    *r = (struct recorder){.fd = fd,
                           .mode = about->mode,
                           .zstd = ZSTD_createCCtx(),
                           .plain = malloc(BLOCK_PLAIN_MOST),
                           .stored = malloc(BLOCK_HEAD + BLOCK_STORED_MOST),
                           .block = {.share = UINT32_MAX}};
    if (!r->zstd || !r->plain || !r->stored) abort();
    r->is_ours = fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && file.st_size == 0;
    assert(ZSTD_compressBound(BLOCK_PLAIN_MOST) <= BLOCK_STORED_MOST);
    begin_block(r);
    (void)write_whole(r, header, header_write(about, header));
    return r;
}

void recorder_destroy(struct recorder *r)
{
    if (!r) return;
    ZSTD_freeCCtx(r->zstd);
    free(r->plain);
    free(r->stored);
    free(r);
}

uint64_t recorder_bytes(const struct recorder *r)
{
    return r->written + r->len;
}
