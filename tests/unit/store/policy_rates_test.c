/* The policy, and the store with it, hit as often as the simulated cache of the same bytes, for each stream of requests. */
#include "unit/store/policy_host.h"

#include <stdio.h>

#include "lib/simulated.h"
#include "lib/trace.h"
#include "store/store.h"

enum { CACHE = 4 << 20, MEAN = 400, REQUESTS = 200000, TABLE = 1 << 18 };

static struct store_item **cached(struct store_item **table, uint32_t key)
{
    uint32_t i = key * 2654435761u >> 14;
    while (table[i] && table[i]->flags != key) i = (i + 1) % TABLE;
    return &table[i];
}

/* Takes the key out of the table, and puts those behind it where they are found. */
static void forget(struct store_item **table, uint32_t key)
{
    struct store_item **at = cached(table, key);
    uint32_t i = (uint32_t)(at - table);
    *at = NULL;
    for (i = (i + 1) % TABLE; table[i]; i = (i + 1) % TABLE) {
        struct store_item *item = table[i];
        table[i] = NULL;
        *cached(table, item->flags) = item;
    }
}

static bool got(struct store_item **table, uint32_t key, uint32_t value_len)
{
    struct store_item **at = cached(table, key);
    if (*at) {
        policy_use(shard, *at);
        undo_commit(shard);
        return true;
    }
    *at = added(key, value_len);
    while (used > room) forget(table, evicted());
    return false;
}

static void hit_rates_are_those_of_the_simulated_cache(void **state)
{
    static const struct {
        enum store_policy kind;
        enum simulated_policy simulated;
    } pairs[] = {{STORE_POLICY_DEFAULT, SIM_ADAPTIVE}, {STORE_POLICY_LRU, SIM_LRU}};
    for (size_t i = 0; i < traces_n() * 2; i++) {
        struct trace *t = trace_create(i / 2, CACHE / MEAN, 1);
        struct simulated *s = simulated_create(pairs[i % 2].simulated, CACHE, MEAN);
        struct store_item **table = calloc(TABLE, sizeof *table);
        int hits = 0, hits_simulated = 0;
        assert_non_null(table);
        shard_make(pairs[i % 2].kind, CACHE);
        for (int n = 0; n < REQUESTS; n++) {
            uint64_t key = trace_next(t);
            uint32_t len = (uint32_t)(trace_key_len(key) + trace_value_len(key));
            hits += got(table, (uint32_t)key, len);
            hits_simulated += simulated_get(s, key, (STORE_ITEM_HEAD + KEY_LEN + len + 7) / 8 * 8);
        }
        assert_true(simulated_is_sane(s));
        if (abs(hits - hits_simulated) > REQUESTS / 100)
            fail_msg("%s, %s: %d hits, simulated %d", trace_kind(i / 2)->name,
                     simulated_name(pairs[i % 2].simulated), hits, hits_simulated);
        free(table);
        shard_free();
        simulated_destroy(s);
        trace_destroy(t);
    }
}

/* --- the whole store ------------------------------------------------------------------------------ */

/* A get, and after a miss the set. */
static bool store_got(struct store *s, uint64_t number)
{
    static const uint8_t value[TRACE_VALUE_MOST];
    char key[TRACE_KEY_MOST];
    struct store_op op;
    store_begin(&op, s, key, trace_key(number, key), NOW);
    struct store_item *item = store_find(&op);
    bool is_hit = item;
    if (item) {
        assert_int_equal(store_item_value_len(item), trace_value_len(number));
        store_use(&op, item);
    } else if ((item = store_make(&op, trace_value_len(number)))) {
        store_value_write(&op, item, 0, value, trace_value_len(number));
        store_put(&op, item);
    }
    store_end(&op);
    return is_hit;
}

/* The store has metadata, gaps and values that lie in pieces: so much worse than a cache without them may it be. */
static void hit_rates_of_the_store_are_near_those_of_the_simulated_cache(void **state)
{
    static const struct store_settings settings = {CACHE, 1 << 20, STORE_POLICY_DEFAULT};
    for (size_t i = 0; i < traces_n(); i++) {
        struct trace *t = trace_create(i, CACHE / MEAN, 1);
        struct simulated *s = simulated_create(SIM_ADAPTIVE, CACHE, MEAN);
        struct store *store = store_create(&settings);
        int hits = 0, hits_simulated = 0;
        assert_non_null(store);
        for (int n = 0; n < REQUESTS; n++) {
            uint64_t key = trace_next(t);
            size_t bytes = STORE_ITEM_HEAD + trace_key_len(key) + trace_value_len(key);
            hits += store_got(store, key);
            hits_simulated += simulated_get(s, key, (uint32_t)((bytes + 7) / 8 * 8) + 4);
        }
        assert_true(store_is_sane(store));
        if (hits_simulated - hits > REQUESTS / 50 || hits - hits_simulated > REQUESTS / 100)
            fail_msg("%s: %d hits, simulated %d", trace_kind(i)->name, hits, hits_simulated);
        store_destroy(store);
        simulated_destroy(s);
        trace_destroy(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hit_rates_are_those_of_the_simulated_cache),
        cmocka_unit_test(hit_rates_of_the_store_are_near_those_of_the_simulated_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
