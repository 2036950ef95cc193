/* The reader of recordings. The file is read from its beginning to its end, through a window of bytes, so a pipe will do.
 *
 * Nothing is believed that its checksum does not confirm: heads have one of their own, and with it the length of what follows; and that
 * has one, too. So a damaged block is skipped by its head, and behind a damaged head the next head is searched for. What is left
 * out is told, each time, by an event.
 *
 * A block is decompressed into memory of its own, and its takes are decoded one after the other, as the caller asks for them. */
#include "record/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "record/block.h"
#include "record/header.h"

enum { WINDOW = BLOCK_HEAD_MOST + BLOCK_STORED_MOST };

/* Invariant: at <= have <= WINDOW; base + at is the offset in the file of the next byte; next <= end, both in `plain`. */
struct recording {
    int fd;
    uint8_t *window;
    size_t at, have;
    uint64_t base, size;
    bool is_over; /* no more bytes come */
    int error;    /* why, if it is not the file's end */
    bool has_end; /* its BLOCK_END was read */
    bool is_done; /* RECORDING_CUT or RECORDING_END was told */
    struct header header;
    ZSTD_DCtx *zstd;
    uint8_t *plain;
    const uint8_t *next, *end;
    uint64_t time;
    uint32_t left; /* takes of the block that are to come */
    struct block block;
    uint64_t block_at; /* where the block begins */
    uint64_t lost, takes;
    uint8_t command, result; /* of the last take, as the file has them */
    char note[RECORDING_NOTE];
};

/* --- bytes ------------------------------------------------------------------------------------- */

/* Sees to it that n bytes are at hand, or all that are left. Returns how many there are. */
static size_t see(struct recording *r, size_t n)
{
    assert(n <= WINDOW);
    if (r->at + n > WINDOW) {
        memmove(r->window, r->window + r->at, r->have - r->at);
        r->base += r->at;
        r->have -= r->at;
        r->at = 0;
    }
    while (r->have - r->at < n && !r->is_over) {
        ssize_t got = read(r->fd, r->window + r->have, WINDOW - r->have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) r->error = errno;
        if (got <= 0) r->is_over = true;
        if (got > 0) r->have += (size_t)got;
    }
    return r->have - r->at;
}

static const uint8_t *here(const struct recording *r)
{
    return r->window + r->at;
}

static uint64_t offset(const struct recording *r)
{
    return r->base + r->at;
}

static void note(struct recording *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note(struct recording *r, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(r->note, sizeof r->note, format, arguments);
    va_end(arguments);
}

/* --- blocks ------------------------------------------------------------------------------------ */

enum step { GOES_ON = -1 }; /* else an enum recording_event */

static void print_time(uint64_t us, char to[32])
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    if (!gmtime_r(&seconds, &tm) || strftime(to, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(to, 32, "?");
}

/* What is missing, in the words of the block's head. */
static int damaged(struct recording *r, const char *why)
{
    char from[32], to[32];
    print_time(r->block.first_us, from);
    print_time(r->block.last_us, to);
    note(r, "the block at byte %llu is damaged (%s): %u requests of %s to %s are left out",
         (unsigned long long)r->block_at, why, r->left ? r->left : r->block.count, from, to);
    r->left = 0;
    return RECORDING_DAMAGED;
}

/* No head is here: to where there may be one. */
static int skip(struct recording *r)
{
    uint64_t from = offset(r);
    struct block b;
    r->at++;
    while (see(r, BLOCK_HEAD_MOST) > 0) {
        r->at += block_find(here(r), r->have - r->at);
        if (see(r, BLOCK_HEAD_MOST) == 0 || block_read(here(r), r->have - r->at, &b) == BLOCK_OK)
            break;
        r->at++;
    }
    unsigned long long last = offset(r) - 1;
    note(r, "bytes %llu to %llu are damaged: what they had is left out", (unsigned long long)from,
         last);
    return RECORDING_DAMAGED;
}

static int cut(struct recording *r, const char *what)
{
    unsigned long long all = r->base + r->have;
    r->is_done = true;
    if (r->error)
        note(r, "reading stops at byte %llu: %s", (unsigned long long)offset(r),
             strerror(r->error));
    else
        note(r, "the file ends at byte %llu %s: what came behind is missing", all, what);
    return RECORDING_CUT;
}

/* Text for people from a file: no byte that a terminal obeys. */
static int gap(struct recording *r, const uint8_t *text)
{
    size_t n = r->block.stored < sizeof r->note - 1 ? r->block.stored : sizeof r->note - 1;
    for (size_t i = 0; i < n; i++)
        r->note[i] = text[i] >= ' ' && text[i] < 127 ? (char)text[i] : '?';
    r->note[n] = '\0';
    return RECORDING_GAP;
}

static int begin_takes(struct recording *r, const uint8_t *stored)
{
    const struct block *b = &r->block;
    size_t n = ZSTD_decompressDCtx(r->zstd, r->plain, BLOCK_PLAIN_MOST, stored, b->stored);
    r->left = b->count;
    if (ZSTD_isError(n) || n != b->plain) return damaged(r, "it cannot be decompressed");
    r->next = r->plain;
    r->end = r->plain + n;
    r->time = 0;
    return GOES_ON;
}

static int take_end(struct recording *r, const uint8_t *stored)
{
    uint64_t all = r->block.stored >= 8 ? block_get(stored, 8) : r->takes;
    r->has_end = true;
    if (all == r->takes) return GOES_ON;
    note(r, "the file had %llu requests when it was written, and has %llu now",
         (unsigned long long)all, (unsigned long long)r->takes);
    return RECORDING_DAMAGED;
}

/* The block whose head was read, and whose bytes are at hand. */
static int open_block(struct recording *r)
{
    const uint8_t *stored = here(r) + r->block.head;
    r->at += r->block.head + r->block.stored;
    r->left = 0;
    if (block_checksum(stored, r->block.stored) != r->block.checksum)
        return damaged(r, "its checksum is wrong");
    r->lost += r->block.lost;
    switch (r->block.kind) {
    case BLOCK_TAKES: return begin_takes(r, stored);
    case BLOCK_GAP: return gap(r, stored);
    case BLOCK_END: return take_end(r, stored);
    default: return GOES_ON; /* of a later version */
    }
}

static int next_block(struct recording *r)
{
    struct block b;
    if (r->next != r->end) {
        r->next = r->end;
        return damaged(r, "it has more than its head says");
    }
    size_t n = see(r, BLOCK_HEAD_MOST);
    if (n == 0 && r->has_end && !r->error) return r->is_done = true, RECORDING_END;
    if (n == 0) return cut(r, "without its end mark");
    enum block_status status = block_read(here(r), n, &b);
    if (status == BLOCK_SHORT) return cut(r, "in the head of a block");
    if (status == BLOCK_NONE) return skip(r);
    if (see(r, b.head + b.stored) < b.head + b.stored) {
        char what[64];
        snprintf(what, sizeof what, "in a block of %u requests", b.count);
        return cut(r, what);
    }
    r->block = b;
    r->block_at = offset(r);
    return open_block(r);
}

/* --- takes ------------------------------------------------------------------------------------- */

/* From the numbers of the file to those of this build. */
static void translate(struct recording *r, struct take *t)
{
    const struct header_names *commands = &r->header.commands, *results = &r->header.results;
    r->command = t->command;
    r->result = t->result;
    t->command = t->command < commands->n ? commands->number[t->command] : 0;
    t->result = t->result < results->n ? results->number[t->result] : 0;
}

static int next_take(struct recording *r, struct take *to)
{
    if (take_decode(&r->next, r->end, &r->time, to) != TAKE_OK)
        return damaged(r, "its requests cannot be read");
    r->left--;
    r->takes++;
    translate(r, to);
    return RECORDING_TAKE;
}

enum recording_event recording_next(struct recording *r, struct take *to)
{
    int event = r->is_done ? RECORDING_END : GOES_ON;
    while (event == GOES_ON) event = r->left > 0 ? next_take(r, to) : next_block(r);
    return (enum recording_event)event;
}

/* --- opening ----------------------------------------------------------------------------------- */

static const char *open_file(struct recording *r, const char *path)
{
    struct stat about;
    bool is_input = strcmp(path, "-") == 0;
    r->fd = is_input ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0 || fstat(r->fd, &about) != 0) return strerror(errno);
    if (S_ISDIR(about.st_mode)) return "it is a folder";
    if (S_ISREG(about.st_mode)) r->size = (uint64_t)about.st_size;
    return NULL;
}

static const char *read_header(struct recording *r, char *error)
{
    size_t used, n = see(r, HEADER_MOST);
    if (r->error) return strerror(r->error);
    if (n == 0) return "it is empty";
    switch (header_read((const char *)here(r), n, &r->header, &used, error)) {
    case HEADER_OK: r->at += used; return NULL;
    case HEADER_SHORT: return "it ends within its header: nothing was recorded";
    case HEADER_BAD: return error;
    }
    return error;
}

struct recording *recording_open(const char *path, char error[RECORDING_ERROR])
{
    char why[RECORDING_ERROR];
    struct recording *r = calloc(1, sizeof *r);
    if (!r) abort();
    r->fd = -1;
    r->window = malloc(WINDOW);
    r->plain = malloc(BLOCK_PLAIN_MOST);
    r->zstd = ZSTD_createDCtx();
    if (!r->window || !r->plain || !r->zstd) abort();
    const char *wrong = open_file(r, path);
    if (!wrong) wrong = read_header(r, why);
    if (!wrong) return r;
    snprintf(error, RECORDING_ERROR, "%.120s: %.130s", path, wrong);
    recording_close(r);
    return NULL;
}

void recording_close(struct recording *r)
{
    if (!r) return;
    if (r->fd >= 0) close(r->fd);
    ZSTD_freeDCtx(r->zstd);
    free(r->window);
    free(r->plain);
    free(r);
}

/* --- what is known ----------------------------------------------------------------------------- */

const struct recording_about *recording_about(const struct recording *r)
{
    return &r->header.about;
}

const char *recording_note(const struct recording *r)
{
    return r->note;
}

void recording_span(const struct recording *r, uint64_t *from_us, uint64_t *to_us)
{
    *from_us = r->block.first_us;
    *to_us = r->block.last_us;
}

static const char *name_in(const struct header_names *names, unsigned number)
{
    return number < names->n ? names->text[number] : "?";
}

const char *recording_command(const struct recording *r)
{
    return name_in(&r->header.commands, r->command);
}

const char *recording_result(const struct recording *r)
{
    return name_in(&r->header.results, r->result);
}

uint32_t recording_share(const struct recording *r)
{
    return r->block.share;
}

uint64_t recording_lost(const struct recording *r)
{
    return r->lost;
}

uint64_t recording_at(const struct recording *r)
{
    return offset(r);
}

uint64_t recording_size(const struct recording *r)
{
    return r->size;
}
