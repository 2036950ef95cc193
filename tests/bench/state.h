/* state: the connections of a load run, what is asked on them, and what is counted.
 *
 * All of it belongs to the one thread of load.c, and lives until the process ends.
 */
#ifndef MOONGATE_BENCH_STATE_H
#define MOONGATE_BENCH_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "bytes.h"
#include "cputime.h"
#include "histogram.h"
#include "keys.h"
#include "options.h"

enum { LINE_LIMIT = 2048 };
enum { FRAME_HEAD = 24, FRAME_GET = 0x00, FRAME_SET = 0x01, FRAME_NOOP = 0x0a, FRAME_GETKQ = 0x0d };
static const uint64_t SECOND = 1000000000u;

/* What the connections do now. STORE ends when every key is stored, the next two by the clock, DRAIN when nothing
 * is outstanding. */
static enum phase { STORE, WARM, TIMED, DRAIN, DONE } phase;

/* A request whose reply has not come. Its keys are at numbers[group * its place in the ring]. */
struct ask {
    uint64_t sent; /* with a fixed rate: when it was due */
    uint32_t n;
    bool is_set, has_begun; /* the first byte of its reply is here */
};

/* A value of which not all bytes are here. */
struct value {
    const struct key *key; /* NULL: not a key that was asked for */
    size_t at, size;       /* bytes that are here, and all; of a line, CR LF follows */
    bool is_open, is_skipped, is_wrong;
};

struct conn {
    int fd;
    struct ssl_st *ssl; /* of OpenSSL; NULL: it is plain */
    struct bytes out;
    char line[LINE_LIMIT]; /* the begin of a line, whose end has not come */
    size_t line_len;
    struct value value;
    struct ask *asks;  /* ring of depth */
    uint32_t *numbers; /* of keys, `group` a slot */
    uint32_t head, outstanding;
    uint32_t next;  /* keys of the get at head that are settled */
    uint64_t turns; /* with a fixed rate: requests written since the rate began */
};

static struct key *keys;
static struct conn *conns;
static uint32_t stored, outstanding;
static uint64_t random_state, now, last_reply;
static struct histogram latency, first_byte;
static struct {
    uint64_t gets, sets, keys, misses, wrong, errors;
} count;

static struct {
    uint64_t due; /* when the phase ends, if by the clock */
    uint64_t from, to;
    struct cputime cpu_from[GROUPS_MAX], cpu_to[GROUPS_MAX];
} run;

static inline uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static inline uint64_t random_next(void)
{
    random_state += 0x9e3779b97f4a7c15u;
    return mix64(random_state);
}

static inline uint32_t random_below(uint32_t n)
{
    return (uint32_t)((random_next() >> 32) * n >> 32);
}

static inline bool random_is_below(double part)
{
    return part > 0 && (double)(random_next() >> 11) < part * 9007199254740992.0; /* of 2^53 */
}

#endif
