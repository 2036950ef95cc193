/* W-TinyLFU, which counts how often each key was asked for. */
#include <stdlib.h>

#include "lib/simulated_state.h"

/* --- W-TinyLFU, Einziger et al., ACM ToS 2017: a window of 1 %, a main part that is a segmented LRU - */

enum { ROWS = 4 };

static void tinylfu_init(struct simulated *s)
{
    s->sketch_n = simulated_power(s->items_most * 4); /* bytes, two counters each */
    s->sketch = calloc(s->sketch_n, 1);
    if (!s->sketch) abort();
    s->room -= s->sketch_n;
}

static uint64_t sketch_at(const struct simulated *s, uint64_t key, uint64_t row)
{
    return simulated_mixed(key + row * 0x9e3779b97f4a7c15u) & (s->sketch_n * 2 - 1);
}

static uint32_t sketch_get(const struct simulated *s, uint64_t key)
{
    uint32_t least = 15;
    for (uint64_t row = 0; row < ROWS; row++) {
        uint64_t at = sketch_at(s, key, row);
        uint32_t count = s->sketch[at / 2] >> (at % 2 * 4) & 15;
        if (count < least) least = count;
    }
    return least;
}

static void sketch_count(struct simulated *s, uint64_t key)
{
    uint32_t least = sketch_get(s, key);
    for (uint64_t row = 0; row < ROWS && least < 15; row++) {
        uint64_t at = sketch_at(s, key, row);
        if ((s->sketch[at / 2] >> (at % 2 * 4) & 15u) == least)
            s->sketch[at / 2] = (uint8_t)(s->sketch[at / 2] + (1 << (at % 2 * 4)));
    }
    if (++s->counted < s->items_most * 10) return;
    for (uint64_t i = 0; i < s->sketch_n; i++) s->sketch[i] = s->sketch[i] >> 1 & 0x77;
    s->counted /= 2;
}

static void tinylfu_hit(struct simulated *s, uint32_t n)
{
    sketch_count(s, s->nodes[n].key);
    if (s->nodes[n].queue == WINDOW)
        simulated_move(s, n, WINDOW);
    else
        simulated_slru_hit(s, n);
}

static void tinylfu_miss(struct simulated *s, uint32_t n)
{
    sketch_count(s, s->nodes[n].key);
    simulated_push(s, n, WINDOW);
    while (s->queues[WINDOW].bytes > s->room / 100 && s->queues[WINDOW].items > 1) {
        s->nodes[s->queues[WINDOW].oldest].uses = 1; /* has not been compared yet */
        simulated_move(s, s->queues[WINDOW].oldest, PROBATION);
    }
}

/* The item that came from the window last, or the one that was used longest ago: the one of which there are fewer uses goes. */
static void tinylfu_evict(struct simulated *s)
{
    struct queue *q = &s->queues[PROBATION];
    if (!q->items) {
        simulated_drop(s, s->queues[PROTECTED].items ? s->queues[PROTECTED].oldest
                                                     : s->queues[WINDOW].oldest);
        return;
    }
    uint32_t new = q->newest, old = q->oldest;
    bool stays =
        !s->nodes[new].uses || sketch_get(s, s->nodes[new].key) > sketch_get(s, s->nodes[old].key);
    s->nodes[new].uses = 0;
    simulated_drop(s, stays ? old : new);
}

const struct policy simulated_tinylfu = {"W-TinyLFU", tinylfu_init, tinylfu_hit, tinylfu_miss,
                                         tinylfu_evict};
