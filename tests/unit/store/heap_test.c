/* heap: blocks out of a shard, beside a model: no two of them overlap, what is given back becomes one block again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "store/shard.h"
#include "store/undo.h"

enum { SIZE = 256 << 10, BLOCKS = 600, STEPS = 40000, WORD = 4 };

struct block {
    uint32_t ref;
    uint64_t bytes;
    uint8_t fill;
};

static struct store *store;
static struct store_shard *shard;
static struct block blocks[BLOCKS];
static uint32_t blocks_n, words_most;
static uint64_t seed = 5;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static uint8_t *bytes_of(const struct block *b)
{
    return (uint8_t *)shard_at(shard, b->ref) + WORD;
}

static void commit(void)
{
    if (shard->undo_n > words_most) words_most = shard->undo_n;
    undo_commit(shard);
}

static bool take(uint64_t bytes)
{
    struct block *b = &blocks[blocks_n];
    *b = (struct block){heap_take(shard, bytes), bytes, (uint8_t)random_below(256)};
    commit();
    if (!b->ref) return false;
    assert_true(heap_room(shard, b->ref) >= bytes);
    assert_true(heap_room(shard, b->ref) <= bytes + 2 * SHARD_UNIT + WORD);
    memset(bytes_of(b), b->fill, bytes);
    blocks_n++;
    return true;
}

/* Its bytes are as they were written: no other block lies there. */
static void give(uint32_t i)
{
    const struct block *b = &blocks[i];
    const uint8_t *bytes = bytes_of(b);
    for (uint64_t k = 0; k < b->bytes; k++) assert_int_equal(bytes[k], b->fill);
    heap_give(shard, b->ref);
    commit();
    blocks[i] = blocks[--blocks_n];
}

static void is_sane(void)
{
    uint64_t used;
    assert_true(heap_is_sane(shard, &used));
    assert_int_equal(used, blocks_n);
}

static uint64_t all_bytes(void)
{
    return (uint64_t)(shard->heap.end - shard->heap.begin) * SHARD_UNIT - WORD;
}

static uint64_t some_bytes(void)
{
    switch (random_below(8)) {
    case 0: return random_below(16000);
    case 1: return random_below(2000);
    case 2: return 200;
    default: return random_below(300);
    }
}

static void blocks_do_not_overlap_and_become_one_again(void **state)
{
    uint32_t refused = 0;
    for (uint32_t i = 0; i < STEPS; i++) {
        bool grows = random_below(1000) < (i / 2000 % 2 ? 350 : 650);
        if (grows && blocks_n < BLOCKS)
            refused += !take(some_bytes());
        else if (blocks_n > 0)
            give(random_below(blocks_n));
        if (i % 16 == 0) is_sane();
    }
    assert_true(refused > 10);
    while (blocks_n > 0) give(random_below(blocks_n));
    is_sane();
    assert_int_equal(shard->heap.used_units, 0);
    assert_int_equal(heap_largest(shard), all_bytes());
    assert_in_range(words_most, 5, HEAP_WORDS);
}

static void all_of_it_is_one_block(void **state)
{
    assert_int_equal(heap_largest(shard), all_bytes());
    assert_false(take(all_bytes() + 1));
    assert_true(take(all_bytes()));
    assert_int_equal(heap_largest(shard), 0);
    assert_false(take(1));
    is_sane();
    give(0);
    is_sane();
}

/* heap_largest keeps its word, however blocks lie. */
static void the_largest_can_be_had(void **state)
{
    while (blocks_n < BLOCKS && take(some_bytes())) continue;
    for (uint32_t i = 0; i < blocks_n; i++) give(i);
    for (uint64_t largest; (largest = heap_largest(shard)) > 0 && blocks_n < BLOCKS;)
        assert_true(take(largest));
    is_sane();
    while (blocks_n > 0) give(blocks_n - 1);
    assert_int_equal(heap_largest(shard), all_bytes());
}

/* A step that is taken back leaves no trace. */
static void what_is_undone_was_never(void **state)
{
    for (int i = 0; i < 300; i++) (void)take(some_bytes());
    for (uint32_t i = 0; i < 2000; i++) {
        if (random_below(2))
            (void)heap_take(shard, some_bytes());
        else
            heap_give(shard, blocks[random_below(blocks_n)].ref);
        undo_all(shard);
        if (i % 16 == 0) is_sane();
    }
    while (blocks_n > 0) give(blocks_n - 1);
    assert_int_equal(heap_largest(shard), all_bytes());
}

static int make(void **state)
{
    struct store_settings settings = {.size = SIZE, .max_value = SIZE};
    store = store_create(&settings);
    if (!store) return -1;
    shard = store_shard_at(store, 0);
    blocks_n = 0;
    return 0;
}

static int forget(void **state)
{
    store_destroy(store);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(blocks_do_not_overlap_and_become_one_again),
        TEST(all_of_it_is_one_block),
        TEST(the_largest_can_be_had),
        TEST(what_is_undone_was_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
