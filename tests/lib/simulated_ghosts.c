/* Policies that remember keys of items that went: 2Q, S3-FIFO, and S3-FIFO with a queue that adapts, as in the store. */
#include <stdlib.h>

#include "lib/simulated_state.h"

/* --- ghosts: keys that went lately ---------------------------------------------------------------- */

/* As the store itself has them: from which of two queues a key went, 15 bits of its hash, and when, in sets of WAYS. Each queue has a
 * clock, which counts what went. */
enum { STEPS = 256 }; /* of the ghosts' time, in what they keep */

static void ghosts_init(struct simulated *s, uint64_t kept)
{
    s->ghosts_n = simulated_power(kept);
    s->ghosts_kept = kept;
    s->ghosts = calloc(s->ghosts_n, sizeof *s->ghosts);
    if (!s->ghosts) abort();
    s->room -= s->ghosts_n * sizeof *s->ghosts;
}

static uint32_t *ghosts_of(const struct simulated *s, uint64_t hash)
{
    return s->ghosts + (hash >> 16 & (s->ghosts_n / WAYS - 1)) * WAYS;
}

static uint16_t ghost_time(const struct simulated *s, uint32_t from)
{
    return (uint16_t)(s->clocks[from] / (s->ghosts_kept / STEPS + 1));
}

static uint32_t ghost_age(const struct simulated *s, uint32_t ghost)
{
    return ghost ? (uint16_t)(ghost_time(s, ghost >> 31) - ghost) : UINT32_MAX;
}

static void ghost_add(struct simulated *s, uint64_t key, uint32_t from)
{
    uint64_t h = simulated_mixed(key);
    uint32_t *set = ghosts_of(s, h), *oldest = set;
    for (uint32_t *e = set; e < set + WAYS; e++)
        if (ghost_age(s, *e) > ghost_age(s, *oldest)) oldest = e;
    *oldest = from << 31 | (uint32_t)(h & 0x7fff) << 16 | ghost_time(s, from);
    s->clocks[from]++;
}

struct ghost {
    bool is_found;
    uint32_t from, age;
};

static struct ghost ghost_take(struct simulated *s, uint64_t key)
{
    uint64_t h = simulated_mixed(key);
    for (uint32_t *e = ghosts_of(s, h), *end = e + WAYS; e < end; e++)
        if ((*e >> 16 & 0x7fff) == (h & 0x7fff) && ghost_age(s, *e) <= STEPS) {
            struct ghost found = {true, *e >> 31, ghost_age(s, *e)};
            *e = 0;
            return found;
        }
    return (struct ghost){false};
}

/* --- 2Q, Johnson and Shasha, VLDB 1994: Kin 25 %, Kout 50 % --------------------------------------- */

static void twoq_init(struct simulated *s)
{
    ghosts_init(s, s->items_most / 2);
}

static void twoq_hit(struct simulated *s, uint32_t n)
{
    if (s->nodes[n].queue == MAIN) simulated_move(s, n, MAIN);
}

static void ghost_miss(struct simulated *s, uint32_t n)
{
    simulated_push(s, n, ghost_take(s, s->nodes[n].key).is_found ? MAIN : IN);
}

static void twoq_evict(struct simulated *s)
{
    bool from_in = s->queues[IN].bytes > s->room / 4 || !s->queues[MAIN].items;
    uint32_t n = s->queues[from_in ? IN : MAIN].oldest;
    if (from_in) ghost_add(s, s->nodes[n].key, IN);
    simulated_drop(s, n);
}

/* --- S3-FIFO, Yang et al., SOSP 2023: a small queue of 10 % ---------------------------------------- */

static void s3fifo_init(struct simulated *s)
{
    ghosts_init(s, s->items_most * 9 / 10);
    s->small = s->room / 10;
}

static void s3fifo_hit(struct simulated *s, uint32_t n)
{
    simulated_use(&s->nodes[n], 3);
}

static void s3fifo_small(struct simulated *s, uint32_t n)
{
    if (s->nodes[n].uses) {
        s->nodes[n].uses = 0;
        simulated_move(s, n, MAIN);
        return;
    }
    ghost_add(s, s->nodes[n].key, IN);
    simulated_drop(s, n);
}

static void s3fifo_evict(struct simulated *s)
{
    if (s->queues[IN].bytes >= s->small || !s->queues[MAIN].items) {
        s3fifo_small(s, s->queues[IN].oldest);
        return;
    }
    uint32_t n = s->queues[MAIN].oldest;
    if (!s->nodes[n].uses) {
        if (s->policy->has_ghosts_of_main) ghost_add(s, s->nodes[n].key, MAIN);
        simulated_drop(s, n);
        return;
    }
    s->nodes[n].uses--;
    simulated_move(s, n, MAIN);
}

/* --- the same, and the size of the small queue follows what a larger one would have hit (as S3-FIFO-D of that paper; how: src/store) */

static void adaptive_miss(struct simulated *s, uint32_t n)
{
    struct ghost g = ghost_take(s, s->nodes[n].key);
    uint64_t step = 8 * (uint64_t)s->nodes[n].bytes;
    if (step > s->room / 64) step = s->room / 64;
    if (g.is_found && g.age <= STEPS / 8) {
        if (g.from == IN && s->small + step < s->room / 10 * 9) s->small += step;
        if (g.from == MAIN && s->small > s->room / 50 + step) s->small -= step;
    }
    simulated_push(s, n, g.is_found ? MAIN : IN);
}

const struct policy simulated_2q = {"2Q", twoq_init, twoq_hit, ghost_miss, twoq_evict};

const struct policy simulated_s3fifo = {"S3-FIFO", s3fifo_init, s3fifo_hit, ghost_miss,
                                        s3fifo_evict};

const struct policy simulated_adaptive = {"adaptive",    s3fifo_init,  s3fifo_hit,
                                          adaptive_miss, s3fifo_evict, true};
