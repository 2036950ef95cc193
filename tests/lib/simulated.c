#include "lib/simulated.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/simulated_state.h"

/* --- items and queues --------------------------------------------------------------------------- */

uint64_t simulated_mixed(uint64_t x)
{
    x = (x ^ (x >> 31)) * 0x7fb5d329728ea185u;
    x = (x ^ (x >> 27)) * 0x81dadef4bc2dd44du;
    return x ^ (x >> 33);
}

void simulated_push(struct simulated *s, uint32_t n, uint8_t queue)
{
    struct queue *q = &s->queues[queue];
    struct node *e = &s->nodes[n];
    e->queue = queue;
    e->newer = NONE;
    e->older = q->newest;
    if (q->newest) s->nodes[q->newest].newer = n;
    q->newest = n;
    if (!q->oldest) q->oldest = n;
    q->items++;
    q->bytes += e->bytes;
}

static void pull(struct simulated *s, uint32_t n)
{
    struct node *e = &s->nodes[n];
    struct queue *q = &s->queues[e->queue];
    if (s->hand == n) s->hand = e->newer;
    *(e->newer ? &s->nodes[e->newer].older : &q->newest) = e->older;
    *(e->older ? &s->nodes[e->older].newer : &q->oldest) = e->newer;
    q->items--;
    q->bytes -= e->bytes;
}

void simulated_move(struct simulated *s, uint32_t n, uint8_t queue)
{
    pull(s, n);
    simulated_push(s, n, queue);
}

void simulated_drop(struct simulated *s, uint32_t n)
{
    struct node *e = &s->nodes[n];
    pull(s, n);
    uint32_t *at = &s->heads[simulated_mixed(e->key) & (s->heads_n - 1)];
    while (*at != n) at = &s->nodes[*at].chain;
    *at = e->chain;
    s->used -= e->bytes;
    e->chain = s->unused;
    s->unused = n;
}

static uint32_t found(const struct simulated *s, uint64_t key)
{
    uint32_t n = s->heads[simulated_mixed(key) & (s->heads_n - 1)];
    while (n && s->nodes[n].key != key) n = s->nodes[n].chain;
    return n;
}

void simulated_use(struct node *e, uint8_t most)
{
    if (e->uses < most) e->uses++;
}

uint32_t simulated_power(uint64_t least)
{
    uint32_t n = 64;
    while (n < least) n *= 2;
    return n;
}

/* --- a cache ------------------------------------------------------------------------------------ */

static const struct policy *const policies[SIM_POLICIES] = {
    [SIM_LRU] = &simulated_lru,
    [SIM_SLRU] = &simulated_slru,
    [SIM_2Q] = &simulated_2q,
    [SIM_SIEVE] = &simulated_sieve,
    [SIM_TINYLFU] = &simulated_tinylfu,
    [SIM_S3FIFO] = &simulated_s3fifo,
    [SIM_ADAPTIVE] = &simulated_adaptive,
};

const char *simulated_name(enum simulated_policy policy)
{
    return policies[policy]->name;
}

struct simulated *simulated_create(enum simulated_policy policy, uint64_t bytes, uint32_t item_mean)
{
    struct simulated *s = calloc(1, sizeof *s);
    if (!s) abort();
    s->policy = policies[policy];
    s->room = bytes;
    s->items_most = bytes / item_mean + 1;
    s->heads_n = simulated_power(s->items_most);
    s->heads = calloc(s->heads_n, sizeof *s->heads);
    s->nodes = calloc(bytes / 32 + 2, sizeof *s->nodes);
    if (!s->heads || !s->nodes) abort();
    s->begun = 1;
    if (s->policy->init) s->policy->init(s);
    return s;
}

void simulated_destroy(struct simulated *s)
{
    if (!s) return;
    free(s->heads);
    free(s->nodes);
    free(s->ghosts);
    free(s->sketch);
    free(s);
}

static uint32_t made(struct simulated *s, uint64_t key, uint32_t bytes)
{
    uint32_t n = s->unused;
    if (n) {
        s->unused = s->nodes[n].chain;
    } else {
        n = s->begun++;
    }
    uint32_t *head = &s->heads[simulated_mixed(key) & (s->heads_n - 1)];
    s->nodes[n] = (struct node){.key = key, .bytes = bytes, .chain = *head};
    *head = n;
    s->used += bytes;
    return n;
}

bool simulated_get(struct simulated *s, uint64_t key, uint32_t item_bytes)
{
    assert(item_bytes >= 32);
    uint32_t n = found(s, key);
    if (n) {
        s->policy->hit(s, n);
        return true;
    }
    if (item_bytes > s->room / 2) return false;
    while (s->used + item_bytes > s->room) s->policy->evict(s);
    s->policy->miss(s, made(s, key, item_bytes));
    return false;
}

bool simulated_is_sane(const struct simulated *s)
{
    uint64_t bytes = 0;
    for (const struct queue *q = s->queues; q < s->queues + QUEUES; q++) {
        uint64_t sum = 0;
        uint32_t items = 0;
        for (uint32_t n = q->newest; n; n = s->nodes[n].older, items++) {
            if (s->nodes[n].queue != q - s->queues || found(s, s->nodes[n].key) != n) return false;
            sum += s->nodes[n].bytes;
        }
        if (sum != q->bytes || items != q->items) return false;
        bytes += sum;
    }
    return bytes == s->used && s->used <= s->room;
}
