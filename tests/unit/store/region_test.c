/* store: named stores in a region that processes share: who finds which, and that memory of those that no one names goes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

enum { MIB = 1 << 20, ROOM = 64 * MIB };

static struct store_region *region;
static int file;

static struct store *opened(const char *name, uint64_t size)
{
    const char *wrong;
    struct store_settings settings = {.size = size, .max_value = MIB};
    struct store *s = store_open(region, name, strlen(name), &settings, &wrong);
    if (!s) fail_msg("%s: %s", name, wrong);
    assert_null(wrong);
    return s;
}

static const char *refused(const char *name, uint64_t size)
{
    const char *wrong;
    struct store_settings settings = {.size = size, .max_value = MIB};
    assert_null(store_open(region, name, strlen(name), &settings, &wrong));
    return wrong;
}

static bool set(struct store *s, const char *key, const void *value, size_t len)
{
    struct store_op op;
    store_begin(&op, s, key, strlen(key), 1000);
    struct store_item *made = store_make(&op, len);
    if (made) {
        store_value_write(&op, made, 0, value, len);
        store_put(&op, made);
    }
    store_end(&op);
    return made != NULL;
}

static bool has(struct store *s, const char *key, const char *value)
{
    char got[100] = "";
    struct store_op op;
    store_begin(&op, s, key, strlen(key), 1000);
    struct store_item *item = store_find(&op);
    if (item) store_value_read(&op, item, 0, got, store_item_value_len(item));
    store_end(&op);
    return item && strcmp(got, value) == 0;
}

/* Bytes that the file takes. */
static uint64_t taken(void)
{
    struct stat about;
    assert_int_equal(fstat(file, &about), 0);
    return (uint64_t)about.st_blocks * 512;
}

static void fill(struct store *s, uint64_t bytes)
{
    static char value[100000];
    char key[20];
    for (uint64_t n = 0; n * sizeof value < bytes; n++) {
        snprintf(key, sizeof key, "fill%llu", (unsigned long long)n);
        assert_true(set(s, key, value, sizeof value));
    }
}

/* --- names ----------------------------------------------------------------------------------------- */

static void a_name_and_a_size_are_one_store(void **state)
{
    struct store *a = opened("a", 4 * MIB), *b = opened("b", 4 * MIB);
    assert_ptr_not_equal(a, b);
    assert_ptr_equal(opened("a", 4 * MIB), a);
    set(a, "k", "of a", 4);
    assert_true(has(a, "k", "of a"));
    assert_false(has(b, "k", "of a"));
}

static void another_size_is_a_new_and_empty_store_beside_the_old_one(void **state)
{
    struct store *old = opened("a", 4 * MIB);
    set(old, "k", "old", 3);
    struct store *new = opened("a", 5 * MIB);
    assert_ptr_not_equal(old, new);
    assert_false(has(new, "k", "old"));
    assert_true(has(old, "k", "old"));
    store_keep_only(region, &new, 1);
    assert_false(has(old, "k", "old"));
    set(new, "k", "new", 3);
    assert_true(has(new, "k", "new"));
}

static void there_is_no_more_than_the_region_has_room_for(void **state)
{
    assert_int_equal(store_region_room(region), ROOM);
    struct store *a = opened("a", ROOM / 2), *b = opened("b", ROOM / 2);
    set(b, "k", "v", 1);
    assert_non_null(strstr(refused("c", STORE_LEAST), "--store-memory"));
    store_keep_only(region, &b, 1);
    assert_non_null(strstr(refused("c", STORE_LEAST), "--store-memory"));
    store_keep_only(region, &b, 1); /* now the place of a is used again */
    struct store *c = opened("c", ROOM / 2);
    assert_ptr_equal(c, a);
    assert_false(has(c, "k", "v"));
    assert_true(has(b, "k", "v"));
}

static void there_are_at_most_64(void **state)
{
    char name[20];
    for (int i = 0; i < STORES_MAX; i++) {
        snprintf(name, sizeof name, "s%d", i);
        opened(name, STORE_LEAST + (uint64_t)i);
    }
    assert_non_null(strstr(refused("one more", STORE_LEAST), "64"));
}

/* --- memory ---------------------------------------------------------------------------------------- */

static void pages_are_taken_as_a_store_fills_and_go_back(void **state)
{
    uint64_t empty = taken();
    struct store *a = opened("a", 32 * MIB), *b = opened("b", 8 * MIB);
    assert_true(taken() < empty + MIB);
    fill(a, 20 * MIB);
    fill(b, 4 * MIB);
    assert_in_range(taken(), 24 * MIB, 27 * MIB);
    store_keep_only(region, &b, 1);
    assert_in_range(taken(), 4 * MIB, 6 * MIB);
    assert_true(store_is_sane(a) && store_is_sane(b));
    store_keep_only(region, NULL, 0);
    store_keep_only(region, NULL, 0);
    assert_true(taken() < empty + MIB / 8);
}

/* A worker of an earlier script may still have it. */
static void one_that_still_has_a_closed_store_may_go_on(void **state)
{
    struct store *a = opened("a", 8 * MIB);
    fill(a, 4 * MIB);
    set(a, "k", "v", 1);
    store_keep_only(region, NULL, 0);
    uint64_t closed = taken();
    assert_false(has(a, "k", "v"));
    assert_false(set(a, "k", "v", 1));
    assert_true(store_is_sane(a));
    store_flush(a, 1000, 0);
    assert_false(store_crawl(a, 1000, 1000));
    assert_int_equal(store_walk(a, 0, 1000, NULL, NULL), (uint64_t)1 << 32);
    assert_int_equal(store_usage(a).items, 0);
    assert_int_equal(taken(), closed);
}

static void a_closed_store_that_is_named_again_is_empty_and_works(void **state)
{
    struct store *a = opened("a", 8 * MIB);
    set(a, "k", "v", 1);
    store_keep_only(region, NULL, 0);
    assert_ptr_equal(opened("a", 8 * MIB), a);
    assert_false(has(a, "k", "v"));
    fill(a, 20 * MIB);
    assert_true(store_is_sane(a));
    set(a, "k", "again", 5);
    assert_true(has(a, "k", "again"));
    assert_int_equal(store_usage(a).refused, 0);
}

/* --- another process ------------------------------------------------------------------------------- */

static int64_t clock_of_parent;

/* As a new binary does at an upgrade. */
static int adopted_in_a_child(void)
{
    const char *wrong;
    struct store_settings settings = {.size = 4 * MIB, .max_value = MIB};
    store_region_destroy(region);
    region = store_region_adopt(file);
    if (!region) return 1;
    struct store *s = store_open(region, "a", 1, &settings, &wrong);
    if (!s || !has(s, "k", "v") || !store_is_sane(s)) return 2;
    int64_t late = store_clock(region) - clock_of_parent;
    if (late < 0 || late > 5) return 3;
    return set(s, "k", "of the child", 12) ? 0 : 4;
}

static void another_process_adopts_it_with_its_items_and_its_clock(void **state)
{
    struct store *s = opened("a", 4 * MIB);
    int status;
    set(s, "k", "v", 1);
    clock_of_parent = store_clock(region);
    pid_t pid = fork();
    if (pid == 0) _exit(adopted_in_a_child());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(has(s, "k", "of the child"));
}

/* A child opens, fills and clears stores, and is killed while it does. */
static void open_and_clear_until_killed(uint32_t us)
{
    struct sigevent how = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    struct itimerspec when = {.it_value.tv_nsec = us * 1000L};
    timer_t timer;
    if (timer_create(CLOCK_MONOTONIC, &how, &timer) != 0) _exit(1);
    if (timer_settime(timer, 0, &when, NULL) != 0) _exit(1);
    for (uint64_t n = 0;; n++) {
        set(opened("a", 8 * MIB), "k", "v", 1);
        set(opened("b", 4 * MIB + n % 4), "k", "v", 1);
        store_keep_only(region, NULL, 0);
        if (n % 2) store_keep_only(region, NULL, 0);
    }
}

static void a_process_that_dies_while_it_clears_leaves_stores_that_work(void **state)
{
    static const char *const names[] = {"a", "b"};
    char key[20];
    for (uint32_t i = 0; i < 150; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0) open_and_clear_until_killed(1 + i * 7);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        for (size_t k = 0; k < 2; k++) {
            struct store *s = opened(names[k], k ? 4 * MIB : 8 * MIB);
            for (unsigned n = 0; n < 100; n++) {
                snprintf(key, sizeof key, "key%u", n);
                assert_true(set(s, key, "v", 1) && has(s, key, "v"));
            }
            assert_true(store_is_sane(s));
        }
    }
    store_keep_only(region, NULL, 0);
    store_keep_only(region, NULL, 0);
    opened("all of it", ROOM);
}

static void another_kind_of_file_is_not_adopted(void **state)
{
    int other = open("/dev/null", 0);
    assert_null(store_region_adopt(other));
    close(other);
    assert_int_equal(pwrite(file, "?", 1, 8), 1); /* in the layout's name */
    assert_null(store_region_adopt(file));
}

static void the_clock_counts_seconds_since_1970(void **state)
{
    int64_t now = (int64_t)time(NULL);
    assert_in_range(store_clock(region) - now + 100, 98, 102);
    assert_in_range(store_clock(NULL) - now + 100, 98, 102);
}

/* --------------------------------------------------------------------------------------------------- */

static int make(void **state)
{
    region = store_region_create(ROOM, &file);
    return region && file >= 0 ? 0 : -1;
}

static int forget(void **state)
{
    store_region_destroy(region);
    close(file);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_name_and_a_size_are_one_store),
        TEST(another_size_is_a_new_and_empty_store_beside_the_old_one),
        TEST(there_is_no_more_than_the_region_has_room_for),
        TEST(there_are_at_most_64),
        TEST(pages_are_taken_as_a_store_fills_and_go_back),
        TEST(one_that_still_has_a_closed_store_may_go_on),
        TEST(a_closed_store_that_is_named_again_is_empty_and_works),
        TEST(another_process_adopts_it_with_its_items_and_its_clock),
        TEST(a_process_that_dies_while_it_clears_leaves_stores_that_work),
        TEST(another_kind_of_file_is_not_adopted),
        TEST(the_clock_counts_seconds_since_1970),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
