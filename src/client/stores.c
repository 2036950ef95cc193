/* Programs that read memcached's statistics find here the names that they look for. What a store does not have (slabs, an LRU that is
 * maintained, hash tables that grow) is left out. */
#include "client/stores.h"

#include <string.h>

#include "base/writes.h"
#include "protocol/text.h"
#include "route/generation.h"
#include "store/answer.h"
#include "store/counts.h"

static const int64_t THIRTY_DAYS = 60 * 60 * 24 * 30;

static bool is_noted(struct store *const *all, uint32_t n, const struct store *s)
{
    for (uint32_t i = 0; i < n; i++)
        if (all[i] == s) return true;
    return false;
}

uint32_t stores_of(const struct turn *t, struct store *to[STORES_MAX])
{
    const struct generation *g = t->generation;
    uint32_t n = 0;
    for (uint32_t i = 0; g && i < g->routes_n && n < STORES_MAX; i++) {
        struct store *s = g->routes[i]->store;
        if (s && !is_noted(to, n, s)) to[n++] = s;
    }
    return n;
}

/* --- flush_all --------------------------------------------------------------------------------- */

/* More than thirty days are a time since 1970; what lies behind is now. */
static int64_t after(int64_t delay, int64_t now)
{
    if (delay > THIRTY_DAYS) delay -= now;
    return delay > 0 ? delay : 0;
}

/* Also those of earlier scripts, which may come back: what was flushed must not come with them. */
void stores_flush(struct turn *t, int64_t delay)
{
    const struct writer *w = &t->backends->writer;
    struct store *s;
    uint32_t at = 0;
    if (!t->stores) return;
    int64_t now = store_clock(t->stores), wait = after(delay, now);
    writes_begin(w, WRITES_ALL);
    while ((s = store_region_next(t->stores, &at, NULL))) store_flush(s, now, wait);
    writes_end(w, WRITES_ALL);
    if (wait > 0) writes_flush_later(w, (double)wait, t->now);
}

/* --- statistics -------------------------------------------------------------------------------- */

static void add(struct totals *to, const char *name, uint64_t number)
{
    uint8_t text[TEXT_NUMBER_ROOM];
    totals_add(to, name, strlen(name), (const char *)text, text_write_unsigned(text, number));
}

static void add_text(struct totals *to, const char *name, const char *text)
{
    totals_add(to, name, strlen(name), text, strlen(text));
}

/* Sums over all stores that begin at zero again with `stats reset`: memcached's name, what it is. */
#define SUMS(X)                                                                                    \
    X(get_expired, counts[STORE_COUNT_get_expired])                                                \
    X(get_flushed, counts[STORE_COUNT_get_flushed])                                                \
    X(store_too_large, counts[STORE_COUNT_store_too_large])                                        \
    X(store_no_memory, counts[STORE_COUNT_store_no_memory])                                        \
    X(total_items, u.puts)                                                                         \
    X(expired_unfetched, u.expired_unfetched)                                                      \
    X(evicted_unfetched, u.evicted_unfetched)                                                      \
    X(evictions, u.evictions)                                                                      \
    X(reclaimed, u.expired + u.flushed)                                                            \
    X(crawler_reclaimed, u.expired + u.flushed)

enum {
#define X(name, value) SUM_##name,
    SUMS(X)
#undef X
        SUM_N
};
_Static_assert((int)SUM_N <= (int)BOARD_STORE_SUMS, "the board has room for them");

static void sum_up(const struct turn *t, uint64_t sums[SUM_N])
{
    struct store *all[STORES_MAX];
    uint32_t n = stores_of(t, all);
    memset(sums, 0, SUM_N * sizeof *sums);
    for (uint32_t i = 0; i < n; i++) {
        struct store_usage u = store_usage(all[i]);
        uint64_t counts[STORE_COUNT_N];
        store_counts(all[i], counts);
#define X(name, value) sums[SUM_##name] += value;
        SUMS(X)
#undef X
    }
}

void stores_reset(const struct turn *t, struct board *board)
{
    sum_up(t, board->memory->stores_before);
}

/* What was counted before belonged to stores that are gone, where it is more than there is now. */
static uint64_t since(uint64_t sum, uint64_t before)
{
    return sum >= before ? sum - before : sum;
}

void stores_add_stats(const struct turn *t, const struct board *board, struct totals *to)
{
    struct store *all[STORES_MAX];
    uint64_t sums[SUM_N];
    uint32_t n = stores_of(t, all);
    if (n == 0) return;
    sum_up(t, sums);
#define X(name, value)                                                                             \
    add(to, #name, since(sums[SUM_##name], board->memory->stores_before[SUM_##name]));
    SUMS(X)
#undef X
    for (uint32_t i = 0; i < n; i++) {
        struct store_usage u = store_usage(all[i]);
        add(to, "limit_maxbytes", u.size);
        add(to, "bytes", u.bytes);
        add(to, "curr_items", u.items);
    }
}

void stores_add_settings(const struct turn *t, struct totals *to)
{
    struct store *all[STORES_MAX];
    uint32_t n = stores_of(t, all);
    for (uint32_t i = 0; i < n; i++) {
        add(to, "maxbytes", store_usage(all[i]).size);
        add_text(to, "evictions", "on");
        add_text(to, "cas_enabled", "yes");
        add_text(to, "lru_crawler", "yes");
        add_text(to, "hash_algorithm", "xxh3");
        add(to, "client_flags_size", sizeof(uint32_t));
    }
}

static void add_items(struct store *s, struct totals *to)
{
    struct store_usage u = store_usage(s);
    if (u.items == 0) return; /* as memcached, which leaves out a class without items */
    add(to, "items:1:number", u.items);
    add(to, "items:1:age", 0);
    add(to, "items:1:mem_requested", u.bytes);
    add(to, "items:1:evicted", u.evictions);
    add(to, "items:1:evicted_nonzero", 0);
    add(to, "items:1:evicted_time", 0);
    add(to, "items:1:outofmemory", u.refused);
    add(to, "items:1:tailrepairs", 0);
    add(to, "items:1:reclaimed", u.expired + u.flushed);
    add(to, "items:1:expired_unfetched", u.expired_unfetched);
    add(to, "items:1:evicted_unfetched", u.evicted_unfetched);
    add(to, "items:1:crawler_reclaimed", u.expired + u.flushed);
}

void stores_add_items(const struct turn *t, struct totals *to)
{
    struct store *all[STORES_MAX];
    uint32_t n = stores_of(t, all);
    for (uint32_t i = 0; i < n; i++) add_items(all[i], to);
}

/* A page is what the whole store has: so a reader sees that it is full when all of its chunks are used. */
static void add_slabs(struct store *s, struct totals *to)
{
    struct store_usage u = store_usage(s);
    uint64_t counts[STORE_COUNT_N];
    store_counts(s, counts);
    if (u.items > 0) {
        add(to, "1:chunk_size", 8);
        add(to, "1:chunks_per_page", u.size / 8);
        add(to, "1:total_pages", 1);
        add(to, "1:total_chunks", u.size / 8);
        add(to, "1:used_chunks", u.bytes / 8);
        add(to, "1:free_chunks", (u.size - u.bytes) / 8);
        add(to, "1:get_hits", counts[STORE_COUNT_get_hits]);
        add(to, "1:cmd_set", counts[STORE_COUNT_cmd_set]);
        add(to, "1:delete_hits", counts[STORE_COUNT_delete_hits]);
        add(to, "1:incr_hits", counts[STORE_COUNT_incr_hits]);
        add(to, "1:decr_hits", counts[STORE_COUNT_decr_hits]);
        add(to, "1:cas_hits", counts[STORE_COUNT_cas_hits]);
        add(to, "1:cas_badval", counts[STORE_COUNT_cas_badval]);
        add(to, "1:touch_hits", counts[STORE_COUNT_touch_hits]);
    }
    add(to, "active_slabs", u.items > 0);
    add(to, "total_malloced", u.size);
}

void stores_add_slabs(const struct turn *t, struct totals *to)
{
    struct store *all[STORES_MAX];
    uint32_t n = stores_of(t, all);
    for (uint32_t i = 0; i < n; i++) add_slabs(all[i], to);
}

/* As a memcached without -o track_sizes. */
void stores_add_sizes(const struct turn *t, struct totals *to)
{
    struct store *all[STORES_MAX];
    if (stores_of(t, all) > 0) add_text(to, "sizes_status", "disabled");
}
