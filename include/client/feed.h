/* feed: how a worker gives the requests that it records to their reader: which keys, in which datagrams (record/datagram.h), and at what cost.
 *
 * A part of the set of clients, which owns it. Worker only. It never waits for its reader: what finds no room is dropped and counted. While
 * nothing is recorded it is all zero but for its owner's things, and costs nothing. See src/client/feed.c.
 */
#ifndef MOONGATE_CLIENT_FEED_H
#define MOONGATE_CLIENT_FEED_H

#include <ev.h>
#include <string.h>

#include "base/board.h"
#include "client/budget.h"
#include "protocol/request.h"
#include "record/datagram.h"
#include "record/file.h"
#include "record/take.h"

enum {
    FEED_TEXT = 512,
    FEED_KEEPS = 16384,                  /* requests that wait for their outcomes */
    FEED_KEEPS_BYTES = 16 * 1024 * 1024, /* of their values */
    FEED_BLOCKS = 80 /* datagrams that wait for the reader: the longest take fits */
};

/* What is to be recorded. */
struct feed_settings {
    enum recording_mode mode;
    uint32_t share; /* of UINT32_MAX keys; above 0 */
    uint8_t prefix_len;
    uint8_t prefix[TAKE_KEY]; /* of the keys; 0 bytes: all keys */
};

/* Writes the settings as a text, which feed_settings_read reads. */
void feed_settings_print(const struct feed_settings *s, char text[FEED_TEXT]);
bool feed_settings_read(struct feed_settings *s, const char *text);

/* Makes the socket over which all workers send to one reader; both ends are the caller's. False, with errno; EMSGSIZE: the kernel's limit for
 * buffers, net.core.wmem_max, is too small. */
bool feed_create_socket(int *workers, int *reader) __attribute__((warn_unused_result));

/* Written by feed_enter alone. */
enum feed_state {
    FEED_OFF,
    FEED_ON,
    FEED_ENDS, /* takes nothing more; sends what it has */
};

/* What is timed: one of FEED_TIMED in detail, and the others cost as much. */
enum feed_work { FEED_NOTES, FEED_TAKES, FEED_WORKS };

struct feed_block;

/* Invariant (feed_sane): fd >= 0, and is owned, unless OFF; queued is how many blocks there are from first on. I6: at most FEED_BLOCKS,
 * and the last one. */
struct feed {
    struct ev_loop *loop;
    struct board_row *row;
    uint32_t worker;
    enum feed_state state;
    int fd;
    struct feed_settings settings;
    struct budget budget;
    struct feed_block *open;         /* that is being filled, or NULL */
    struct feed_block *first, *last; /* that are to be sent */
    uint32_t queued;
    bool is_full; /* the socket was, when it was last tried */
    uint32_t
        number; /* of this recording in this worker: what was noted for another one is dropped */
    uint64_t datagrams, lost;
    uint64_t time; /* of take_encode */
    double offset; /* the clock of people less that of the turn, in seconds */
    double offset_at;
    double ends_at; /* ENDS: not later */
    uint32_t kept;  /* requests that are noted until they end, and bytes of their values */
    size_t kept_bytes;
    uint32_t looked;  /* keys, in this turn */
    double look_time; /* seconds that may be spent on looking at keys; below 0: too many were */
    double worked,
        worked_at;   /* seconds of processor time of this worker, when it was looked at last */
    bool rests;      /* no key is looked at, until there is time for it again */
    uint64_t unseen; /* the row's keys_routed when that began */
    bool has_lost;
    uint64_t bytes;                                 /* made since the last look at the budget */
    double spent;                                   /* nanoseconds, likewise */
    double cost[FEED_WORKS], clock_cost, look_cost; /* nanoseconds of one */
    uint32_t timed[FEED_WORKS];
    uint32_t mark;
    ev_io writable;
    ev_timer tick;
};

/* OFF. row: where it counts. */
void feed_init(struct feed *f, struct ev_loop *loop, struct board_row *row);

/* Records from now on as worker number `worker`, and sends to fd, which it takes over; an earlier recording is over. */
void feed_begin(struct feed *f, int fd, const struct feed_settings *s, uint32_t worker, double now);

/* Records nothing more. What is there is sent in the turns that come, for a second at most. */
void feed_end(struct feed *f, double now);

/* Sends what the socket takes at once, and closes it. */
void feed_release(struct feed *f);

/* To be called at the end of each turn, while it is not OFF. */
void feed_turn(struct feed *f, double now);

/* Whether requests that come now are looked at. */
static inline bool feed_looks(const struct feed *f)
{
    return f->state == FEED_ON && !f->rests;
}

static inline uint64_t feed_word(const uint8_t *at, size_t n)
{
    uint64_t word = 0;
    memcpy(&word, at, n);
    return word;
}

/* A product of 128 bits, folded: each bit of it depends on nearly all of both. */
static inline uint64_t feed_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The hash that says which keys are recorded: always the same, so that two recordings have the same keys. Sixteen bytes at a time; some of the
 * last ones are read twice. */
static inline uint32_t feed_hash(const uint8_t *key, size_t len)
{
    static const uint64_t odd = 0x9e3779b97f4a7c15u, other = 0xd6e8feb86659fd93u;
    const uint8_t *end = key + len;
    uint64_t hash = (len + 1) * odd, a = 0, b = 0;
    for (; end - key > 16; key += 16)
        hash = feed_mix(feed_word(key, 8) ^ other, feed_word(key + 8, 8) ^ hash);
    if (len >= 16)
        a = feed_word(end - 16, 8), b = feed_word(end - 8, 8);
    else if (len >= 8)
        a = feed_word(key, 8), b = feed_word(end - 8, 8);
    else if (len >= 4)
        a = feed_word(key, 4), b = feed_word(end - 4, 4);
    else if (len > 0)
        a = key[0] | (uint64_t)key[len / 2] << 8, b = end[-1];
    return (uint32_t)(feed_mix(feed_mix(a ^ other, b ^ hash), odd) >> 16);
}

/* Whether requests of that key are recorded. Inline, as it is asked for each request. */
static inline bool feed_takes_key(struct feed *f, const uint8_t *key, size_t len, uint32_t *hash)
{
    const struct feed_settings *s = &f->settings;
    f->looked++;
    if (s->prefix_len && (len < s->prefix_len || memcmp(key, s->prefix, s->prefix_len) != 0))
        return false;
    *hash = feed_hash(key, len);
    return *hash <= f->budget.share;
}

/* The same for a request with one key: false for most, at little cost. */
static inline bool feed_wants(struct feed *f, const struct request *r)
{
    uint32_t hash;
    return r->key_len > 0 && feed_takes_key(f, (const uint8_t *)r->key_at, r->key_len, &hash);
}

/* One take, whose worker is set here; hash: as feed_takes_key has given it. Dropped when it is not recorded any more. */
void feed_add(struct feed *f, struct take *t, uint32_t hash);

/* So many of the requests that are counted as recorded are not. */
void feed_lose(struct feed *f, uint32_t n);

/* Microseconds since 1970 of a time of the turn's clock. */
static inline uint64_t feed_time(const struct feed *f, double at)
{
    return (uint64_t)((at + f->offset) * 1e6);
}

/* Times a piece of work: from feed_starts to feed_spent. always: it may take much longer than others do. */
double feed_starts(struct feed *f, enum feed_work work, bool always);
void feed_spent(struct feed *f, enum feed_work work, double began, bool always);

/* For assertions. */
bool feed_sane(const struct feed *f);

#endif
