/* Policies that know of items in the cache alone: LRU, segmented LRU, SIEVE. */
#include "lib/simulated_state.h"

/* --- LRU ---------------------------------------------------------------------------------------- */

static void lru_hit(struct simulated *s, uint32_t n)
{
    simulated_move(s, n, 0);
}

static void lru_miss(struct simulated *s, uint32_t n)
{
    simulated_push(s, n, 0);
}

static void lru_evict(struct simulated *s)
{
    simulated_drop(s, s->queues[0].oldest);
}

/* --- segmented LRU, as Karedla et al., 1994: new items on probation, a fifth of the bytes ---------- */

void simulated_slru_hit(struct simulated *s, uint32_t n)
{
    simulated_move(s, n, PROTECTED);
    while (s->queues[PROTECTED].bytes > s->room / 5 * 4)
        simulated_move(s, s->queues[PROTECTED].oldest, PROBATION);
}

static void slru_evict(struct simulated *s)
{
    simulated_drop(s, s->queues[PROBATION].items ? s->queues[PROBATION].oldest
                                                 : s->queues[PROTECTED].oldest);
}

/* --- SIEVE, Zhang et al., NSDI 2024 --------------------------------------------------------------- */

static void sieve_hit(struct simulated *s, uint32_t n)
{
    simulated_use(&s->nodes[n], 1);
}

static void sieve_evict(struct simulated *s)
{
    uint32_t n = s->hand ? s->hand : s->queues[0].oldest;
    while (s->nodes[n].uses) {
        s->nodes[n].uses = 0;
        n = s->nodes[n].newer ? s->nodes[n].newer : s->queues[0].oldest;
    }
    s->hand = n;
    simulated_drop(s, n);
}

const struct policy simulated_lru = {"LRU", NULL, lru_hit, lru_miss, lru_evict};

const struct policy simulated_slru = {"SLRU", NULL, simulated_slru_hit, lru_miss, slru_evict};

const struct policy simulated_sieve = {"SIEVE", NULL, sieve_hit, lru_miss, sieve_evict};
