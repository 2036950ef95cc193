/* store: what it takes and keeps, how much memory an item costs, and what goes through the whole of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

enum { MIB = 1 << 20, NOW = 1000 };

static struct store *store;

static void make(uint64_t size, uint64_t max_value)
{
    struct store_settings settings = {.size = size, .max_value = max_value};
    store = store_create(&settings);
    assert_non_null(store);
}

static int forget(void **state)
{
    bool sane = !store || store_is_sane(store);
    store_destroy(store);
    store = NULL;
    return sane ? 0 : -1;
}

static bool set_until(const char *key, size_t len, int64_t expires, int64_t now)
{
    struct store_op op;
    store_begin(&op, store, key, strlen(key), now);
    struct store_item *made = store_make(&op, len);
    if (made) {
        for (size_t at = 0; at < len; at += 64)
            store_value_write(&op, made, at, key, len - at < 1 ? len - at : 1);
        store_set_expires(&op, made, expires);
        store_put(&op, made);
    }
    store_end(&op);
    return made != NULL;
}

static bool set(const char *key, size_t len)
{
    return set_until(key, len, 0, NOW);
}

/* The length of its value; -1: it is not there. */
static long long length_at(const char *key, int64_t now)
{
    struct store_op op;
    store_begin(&op, store, key, strlen(key), now);
    struct store_item *item = store_find(&op);
    long long len = item ? (long long)store_item_value_len(item) : -1;
    store_end(&op);
    return len;
}

static const char *numbered(const char *name, unsigned n)
{
    static char key[64];
    snprintf(key, sizeof key, "%s%u", name, n);
    return key;
}

/* --- memory ---------------------------------------------------------------------------------------- */

/* memcached 1.6.18 takes 240 bytes for it, and a place in its hash table. */
static void an_item_of_50_and_100_bytes_takes_at_most_216_with_everything(void **state)
{
    make(64 * MIB, MIB);
    char key[64];
    unsigned items = 0;
    for (; store_usage(store).evictions == 0; items++) {
        snprintf(key, sizeof key, "%050u", items);
        assert_true(set(key, 100));
    }
    assert_in_range(64 * MIB / items, 150, 216);
    for (unsigned i = 0; i < items; i++) {
        snprintf(key, sizeof key, "%050u", items + i);
        assert_true(set(key, 100));
    }
    assert_in_range(64 * MIB / store_usage(store).items, 150, 212);
}

/* I6 */
static void items_of_all_sizes_stay_within_the_size(void **state)
{
    make(4 * MIB, MIB);
    for (unsigned i = 0; i < 20000; i++) {
        assert_true(set(numbered("k", i), i % 100 == 0 ? i * 50 % 900000 : i * 7 % 700));
        struct store_usage usage = store_usage(store);
        assert_true(usage.bytes <= usage.size);
    }
    assert_true(store_usage(store).bytes > 3 * MIB);
}

/* --- sizes ----------------------------------------------------------------------------------------- */

static void a_value_may_have_half_of_the_store_again_and_again(void **state)
{
    static const uint64_t sizes[] = {STORE_LEAST, 100000, 4 * MIB, 64 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        make(sizes[i], UINT64_MAX);
        assert_int_equal(store_usage(store).max_value, sizes[i] / 2);
        for (unsigned n = 0; n < 1000; n++) set(numbered("small", n), n % 700);
        for (unsigned n = 0; n < 20; n++) {
            const char *key = numbered("half", n % 3);
            assert_true(set(key, sizes[i] / 2));
            assert_int_equal(length_at(key, NOW), sizes[i] / 2);
            for (unsigned k = 0; k < 50; k++) set(numbered("more", k + n), k * 20);
        }
        assert_false(set("more", sizes[i] / 2 + 1));
        assert_int_equal(store_usage(store).refused, 1);
        forget(NULL);
    }
}

static void a_value_of_max_value_finds_room_in_any_shard(void **state)
{
    make(64 * MIB, MIB);
    for (unsigned n = 0; n < 300; n++) assert_true(set(numbered("k", n), MIB));
    assert_false(set("k", MIB + 1));
    assert_in_range(store_usage(store).items, 30, 64);
}

static void keys_of_any_length_and_bytes_are_told_apart(void **state)
{
    make(MIB, MIB);
    uint8_t key[STORE_KEY_MAX] = {0};
    struct store_op op;
    for (size_t len = 1; len <= sizeof key; len++) {
        store_begin(&op, store, key, len, NOW);
        struct store_item *made = store_make(&op, len);
        assert_non_null(made);
        store_put(&op, made);
        store_end(&op);
    }
    for (size_t len = 1; len <= sizeof key; len++) {
        store_begin(&op, store, key, len, NOW);
        struct store_item *item = store_find(&op);
        assert_non_null(item);
        assert_int_equal(store_item_value_len(item), len);
        assert_int_equal(store_item_key_len(item), len);
        store_end(&op);
    }
    assert_int_equal(store_usage(store).items, STORE_KEY_MAX);
}

/* --- what must go, and what stays ------------------------------------------------------------------ */

static void an_item_that_is_kept_is_not_evicted(void **state)
{
    struct store_op op;
    make(STORE_LEAST, MIB);
    assert_true(set("kept", 5000)); /* the oldest: it would be the first to go */
    for (unsigned i = 0; store_usage(store).bytes < 48000; i++) set(numbered("k", i), 400);
    store_begin(&op, store, "kept", 4, NOW);
    struct store_item *kept = store_find(&op);
    assert_non_null(kept);
    store_keep(&op, kept);
    assert_non_null(store_make(&op, 30000));
    assert_true(store_usage(store).evictions > 10);
    assert_ptr_equal(store_find(&op), kept);
    store_end(&op);
    assert_int_equal(length_at("kept", NOW), 5000);
}

/* Every other item has gone: there is no piece that is longer than one, and no other needs to go. */
static void a_long_value_uses_the_gaps_that_others_left(void **state)
{
    make(MIB, MIB);
    unsigned items = 0;
    while (store_usage(store).bytes < MIB * 9 / 10) set(numbered("k", items++), 1000);
    for (unsigned i = 0; i < items; i += 2) {
        struct store_op op;
        const char *key = numbered("k", i);
        store_begin(&op, store, key, strlen(key), NOW);
        store_remove(&op, store_find(&op));
        store_end(&op);
    }
    assert_true(set("long", 400000));
    assert_int_equal(store_usage(store).evictions, 0);
    assert_int_equal(length_at("long", NOW), 400000);
}

static void there_may_be_no_room_beside_the_one_that_is_kept(void **state)
{
    make(STORE_LEAST, MIB);
    struct store_op op;
    set("kept", 32000);
    store_begin(&op, store, "kept", 4, NOW);
    store_keep(&op, store_find(&op));
    assert_null(store_make(&op, 32000));
    assert_null(store_make(&op, 25000));
    assert_non_null(store_make(&op, 100));
    store_end(&op);
    assert_int_equal(length_at("kept", NOW), 32000);
}

static void an_item_that_is_made_and_not_put_leaves_nothing(void **state)
{
    make(STORE_LEAST, MIB);
    struct store_op op;
    set("k", 10);
    uint64_t before = store_usage(store).bytes;
    store_begin(&op, store, "k", 1, NOW);
    assert_non_null(store_make(&op, 20000));
    assert_non_null(store_make(&op, 30));
    assert_true(store_usage(store).bytes > before);
    store_end(&op);
    assert_int_equal(store_usage(store).bytes, before);
    assert_int_equal(length_at("k", NOW), 10);
}

static void cas_numbers_go_up_over_all_shards(void **state)
{
    make(16 * MIB, 1000);
    uint64_t last = 0;
    for (unsigned i = 0; i < 1000; i++) {
        struct store_op op;
        const char *key = numbered("k", i);
        store_begin(&op, store, key, strlen(key), NOW);
        struct store_item *made = store_make(&op, 1);
        store_put(&op, made);
        assert_int_equal(store_item_cas(made), last + 1);
        last = store_item_cas(made);
        store_end(&op);
    }
}

/* --- time ------------------------------------------------------------------------------------------ */

static void an_item_is_gone_when_its_time_has_come(void **state)
{
    make(STORE_LEAST, MIB);
    set_until("k", 1, NOW + 10, NOW);
    set_until("long ago", 1, -1, NOW);
    set_until("in 10,000 years", 1, (int64_t)1 << 50, NOW);
    assert_int_equal(length_at("k", NOW + 9), 1);
    assert_int_equal(length_at("k", NOW + 10), -1);
    assert_int_equal(length_at("long ago", NOW), -1);
    assert_int_equal(length_at("in 10,000 years", UINT32_MAX - 1), 1);
    assert_int_equal(store_usage(store).expired, 2);
    assert_int_equal(store_usage(store).expired_unfetched, 2);
    assert_int_equal(store_usage(store).evictions, 0);
}

/* Within the calls of 20 seconds. */
static void the_crawler_reclaims_what_has_expired(void **state)
{
    make(16 * MIB, 10000);
    for (unsigned i = 0; i < 20000; i++) set_until(numbered("k", i), 50, i % 2 ? NOW + 5 : 0, NOW);
    assert_false(store_crawl(store, NOW + 4, UINT32_MAX));
    int calls = 0;
    while (store_crawl(store, NOW + 5, store_crawl_steps(store))) calls++;
    assert_in_range(calls, 100, 201);
    assert_int_equal(store_usage(store).items, 10000);
    assert_int_equal(store_usage(store).expired, 10000);
    assert_false(store_crawl(store, NOW + 1000, UINT32_MAX));
    set_until("k1", 50, NOW + 2000, NOW);
    assert_false(store_crawl(store, NOW + 1999, UINT32_MAX));
    assert_true(store_crawl(store, NOW + 2000, UINT32_MAX));
    while (store_crawl(store, NOW + 2000, UINT32_MAX)) continue;
    assert_int_equal(store_usage(store).items, 10000);
}

/* What is put while a pass is under way is not forgotten, whether the crawler has been there or not. */
static void a_lifetime_that_begins_within_a_pass_is_seen(void **state)
{
    for (unsigned i = 0; i < 20; i++) {
        make(STORE_LEAST, MIB);
        for (unsigned k = 0; k < 20; k++) set_until(numbered("k", k), 50, 0, NOW);
        set_until("begin", 50, NOW + 5, NOW);
        assert_true(store_crawl(store, NOW + 5, 170)); /* about half of the index */
        set_until(numbered("k", i), 50, NOW + 9, NOW + 5);
        while (store_crawl(store, NOW + 6, 40)) continue;
        assert_int_equal(store_usage(store).items, 20);
        while (store_crawl(store, NOW + 9, 40)) continue;
        assert_int_equal(store_usage(store).items, 19);
        forget(NULL);
    }
}

/* --- flushes --------------------------------------------------------------------------------------- */

static void a_flush_takes_what_was_stored_before(void **state)
{
    make(4 * MIB, 10000);
    set("old", 1);
    store_flush(store, NOW, 0);
    set("new", 1);
    assert_int_equal(length_at("old", NOW), -1);
    assert_int_equal(length_at("new", NOW), 1);
    assert_int_equal(store_usage(store).flushed, 1);
}

static void a_later_flush_takes_what_was_stored_until_then(void **state)
{
    make(4 * MIB, 10000);
    set("a", 1);
    store_flush(store, NOW, 10);
    set_until("b", 1, 0, NOW + 9);
    assert_int_equal(length_at("a", NOW + 9), 1);
    assert_int_equal(length_at("a", NOW + 10), -1);
    set_until("c", 1, 0, NOW + 10);
    assert_int_equal(length_at("b", NOW + 10), -1);
    assert_int_equal(length_at("c", NOW + 30), 1);
    store_flush(store, NOW + 30, 10);
    store_flush(store, NOW + 40, 10); /* the first one is due already */
    assert_int_equal(length_at("c", NOW + 40), -1);
}

/* An item's epoch has 8 bits. No one looks at the items in between. */
static void a_thousand_flushes_bring_nothing_back(void **state)
{
    make(4 * MIB, 10000);
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(set(numbered("k", i), 10));
        store_flush(store, NOW, 0);
        assert_int_equal(length_at(numbered("k", i >= 255 ? i - 255 : i), NOW), -1);
    }
    while (store_crawl(store, NOW, 1000)) continue;
    assert_int_equal(store_usage(store).items, 0);
    assert_int_equal(store_usage(store).bytes, 0);
    assert_int_equal(store_usage(store).flushed, 1000);
}

/* --- walks ----------------------------------------------------------------------------------------- */

static unsigned seen;

static void see(void *context, const struct store_item *item)
{
    seen++;
    assert_true(store_item_key_len(item) > 1 && store_item_key(item)[0] == 'k');
    assert_false(store_item_key(item)[1] == 'x');
}

static void a_walk_sees_each_item_once(void **state)
{
    uint64_t cursor = 0;
    make(16 * MIB, 10000);
    for (unsigned i = 0; i < 5000; i++) set(numbered("k", i), 10);
    for (unsigned i = 0; i < 100; i++) set_until(numbered("kx", i), 10, NOW + 1, NOW);
    seen = 0;
    do {
        cursor = store_walk(store, cursor, NOW + 1, see, NULL);
    } while (cursor);
    assert_int_equal(seen, 5000);
    assert_int_equal(store_walk(store, UINT64_MAX, NOW, see, NULL), 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_item_of_50_and_100_bytes_takes_at_most_216_with_everything),
        TEST(items_of_all_sizes_stay_within_the_size),
        TEST(a_value_may_have_half_of_the_store_again_and_again),
        TEST(a_value_of_max_value_finds_room_in_any_shard),
        TEST(keys_of_any_length_and_bytes_are_told_apart),
        TEST(an_item_that_is_kept_is_not_evicted),
        TEST(a_long_value_uses_the_gaps_that_others_left),
        TEST(there_may_be_no_room_beside_the_one_that_is_kept),
        TEST(an_item_that_is_made_and_not_put_leaves_nothing),
        TEST(cas_numbers_go_up_over_all_shards),
        TEST(an_item_is_gone_when_its_time_has_come),
        TEST(the_crawler_reclaims_what_has_expired),
        TEST(a_lifetime_that_begins_within_a_pass_is_seen),
        TEST(a_flush_takes_what_was_stored_before),
        TEST(a_later_flush_takes_what_was_stored_until_then),
        TEST(a_thousand_flushes_bring_nothing_back),
        TEST(a_walk_sees_each_item_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
