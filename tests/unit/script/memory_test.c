/* memory: a script's allocator gives blocks that do not overlap and keep their bytes, counts them, and gives memory back to the system. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "script/memory.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define GIVES_BACK 0 /* each block is a malloc, and freed ones are kept for a while */
#else
#define GIVES_BACK 1
#endif

static const size_t MIB = 1 << 20;

static struct memory m;
static int asked;

static void note_asked(struct memory *of)
{
    assert_ptr_equal(of, &m);
    asked++;
}

static int begin(void **state)
{
    (void)state;
    asked = 0;
    memory_init(&m, note_asked);
    return 0;
}

static int end(void **state)
{
    (void)state;
    assert_int_equal(m.used, 0);
    memory_release(&m);
    return 0;
}

static void *take(size_t size)
{
    return memory_allocate(&m, NULL, 0, size);
}

static void give(void *block, size_t size)
{
    assert_null(memory_allocate(&m, block, size, 0));
}

static size_t resident(void)
{
    unsigned long size, pages;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu %lu", &size, &pages), 2);
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Bytes that only this block has. */
static void mark(uint8_t *block, size_t size, uint32_t number)
{
    for (size_t i = 0; i < size; i++) block[i] = (uint8_t)(number * 31 + i);
}

static void assert_marked(const uint8_t *block, size_t size, uint32_t number)
{
    for (size_t i = 0; i < size; i++)
        if (block[i] != (uint8_t)(number * 31 + i)) fail_msg("block %u of %zu bytes", number, size);
}

/* Each size up to a little above those that have classes: aligned, as large as it says, and counted. */
static void each_size_has_room_and_is_aligned(void **state)
{
    (void)state;
    for (size_t size = 1; size <= MEMORY_LARGE + 100; size += size < 2000 ? 1 : 37) {
        uint8_t *a = take(size), *b = take(size);
        size_t room = memory_room(size);
        assert_true(room >= size && room <= size + (size < 1024 ? 15 : size / 4));
        assert_int_equal(m.used, 2 * room);
        assert_int_equal((uintptr_t)a % 16, 0);
        assert_true(a + size <= b || b + size <= a);
        mark(a, size, 1);
        mark(b, size, 2);
        assert_marked(a, size, 1);
        give(a, size);
        assert_marked(b, size, 2);
        give(b, size);
        assert_int_equal(m.used, 0);
    }
}

/* What was freed last is given out first; blocks of two to a chunk fill it. */
static void freed_blocks_are_used_again(void **state)
{
    (void)state;
    void *blocks[1000], *last;
    for (int i = 0; i < 1000; i++) blocks[i] = take(64);
    for (int i = 0; i < 1000; i += 2) give(blocks[i], 64);
    last = blocks[998];
    if (GIVES_BACK) assert_ptr_equal(take(64), last);
    if (!GIVES_BACK) blocks[998] = take(64);
    for (int i = 0; i < 998; i += 2) blocks[i] = take(64);
    for (int i = 0; i < 1000; i++) give(blocks[i], 64);
    void *a = take(32768), *b = take(32768);
    if (GIVES_BACK) assert_int_equal((uintptr_t)a >> 16, (uintptr_t)b >> 16);
    give(a, 32768);
    give(b, 32768);
}

/* 20,000 random steps against a list of what must be there. */
static void random_steps_keep_every_byte(void **state)
{
    enum { BLOCKS = 300, STEPS = 20000 };
    static struct {
        uint8_t *at;
        size_t size;
    } model[BLOCKS];
    (void)state;
    srand(1);
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t i = (uint32_t)rand() % BLOCKS;
        size_t most = (size_t)1 << (rand() % 18), size = (size_t)rand() % most;
        size_t kept = size < model[i].size ? size : model[i].size;
        if (model[i].at) assert_marked(model[i].at, model[i].size, i);
        uint8_t *at = memory_allocate(&m, model[i].at, model[i].size, size);
        assert_int_equal(at != NULL, size > 0);
        assert_marked(at, kept, i);
        if (at) mark(at, size, i);
        model[i].at = at;
        model[i].size = size;
        size_t used = 0;
        for (uint32_t j = 0; step % 100 == 0 && j < BLOCKS; j++) used += memory_room(model[j].size);
        if (step % 100 == 0) assert_int_equal(m.used, used);
    }
    for (uint32_t i = 0; i < BLOCKS; i++)
        if (model[i].at) give(model[i].at, model[i].size);
}

/* 64 MiB of small blocks and 64 MiB of large ones; then every block but one in 10,000 is freed. */
static void what_is_freed_goes_back_to_the_system(void **state)
{
    enum { SMALL = 500000, LARGE = 64 };
    static void *small[SMALL], *large[LARGE];
    (void)state;
    size_t before = resident();
    for (int i = 0; i < SMALL; i++) memset(small[i] = take(128), 1, 128);
    for (int i = 0; i < LARGE; i++) memset(large[i] = take(MIB), 1, MIB);
    assert_true(resident() > before + 100 * MIB);
    for (int i = 0; i < SMALL; i++)
        if (i % 10000) give(small[i], 128);
    for (int i = 0; i < LARGE; i++) give(large[i], MIB);
    memory_trim(&m);
    if (GIVES_BACK) assert_true(resident() < before + 10 * MIB);
    for (int i = 0; i < SMALL; i += 10000) assert_int_equal(*(uint8_t *)small[i], 1);
    for (int i = 0; i < SMALL; i++)
        if (i % 10000) memset(small[i] = take(128), 2, 128);
    for (int i = 0; i < SMALL; i++) give(small[i], 128);
    if (GIVES_BACK) assert_true(resident() < before + 10 * MIB);
}

/* What is still taken goes with the rest. */
static void the_end_gives_everything_back(void **state)
{
    (void)state;
    if (!GIVES_BACK) skip();
    size_t before = resident();
    for (int i = 0; i < 500000; i++) memset(take(128), 1, 128);
    assert_true(resident() > before + 50 * MIB);
    memory_release(&m);
    assert_true(resident() < before + 10 * MIB);
    m.used = 0;
}

/* Above the mark the script is to look; nothing small is refused. */
static void above_its_limit_it_asks(void **state)
{
    (void)state;
    memory_set_limit(&m, MIB);
    m.may_refuse = true;
    void *a = take(MIB / 2), *b;
    assert_false(m.is_asked);
    assert_false(memory_lacks(&m, MIB / 4 * 3));
    assert_true(memory_lacks(&m, MIB));
    b = take(MIB);
    assert_non_null(b);
    assert_true(m.is_asked);
    assert_int_equal(asked, 1);
    give(a, MIB / 2);
    give(b, MIB);
    m.is_asked = false;
    memory_hold(&m, MIB);
    assert_false(m.is_asked);
    memory_hold(&m, 1);
    assert_true(m.is_asked);
    memory_give(&m, MIB + 1);
}

/* Huge blocks are refused, but where nothing would catch the error, and but for the table of Lua's strings. */
static void huge_blocks_above_the_limit_are_refused(void **state)
{
    (void)state;
    memory_set_limit(&m, 4 * MIB);
    void *a = take(6 * MIB), *b;
    assert_non_null(a);
    m.may_refuse = true;
    assert_null(take(2 * MIB + 1));
    assert_null(memory_allocate(&m, a, 6 * MIB, 8 * MIB));
    assert_int_equal(m.refused, 2);
    b = take(2 * MIB);
    assert_non_null(b);
    a = memory_allocate(&m, a, 6 * MIB, 5 * MIB); /* to shrink is never refused */
    assert_non_null(a);
    give(a, 5 * MIB);
    give(b, 2 * MIB);
    a = take(5 * MIB - 1); /* a quarter more is for garbage */
    assert_non_null(a);
    give(a, 5 * MIB - 1);
    memory_set_limit(&m, 0);
    a = take(64 * MIB + 1);
    assert_non_null(a);
    give(a, 64 * MIB + 1);
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        test(each_size_has_room_and_is_aligned),
        test(freed_blocks_are_used_again),
        test(random_steps_keep_every_byte),
        test(what_is_freed_goes_back_to_the_system),
        test(the_end_gives_everything_back),
        test(above_its_limit_it_asks),
        test(huge_blocks_above_the_limit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
