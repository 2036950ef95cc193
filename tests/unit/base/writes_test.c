/* writes: marks of slots, what is in flight in them, and what is left when a worker dies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/writes.h"
#include <cmocka.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct writes *table;
static struct writer one, two; /* two workers */
static writes_pair key;

static int make(void **state)
{
    table = writes_create(2, NULL);
    one = (struct writer){table, 0};
    two = (struct writer){table, 1};
    key = writes_pair_of("key", 3, NULL, 0);
    return table ? 0 : -1;
}

static int clear(void **state)
{
    writes_destroy(table);
    return 0;
}

#define test(f) cmocka_unit_test_setup_teardown(f, make, clear)

/* What worker one makes of a mark at a time. */
#define ALLOWED(mark, now)  assert_true(writes_allow(&one, key, mark, 0, now))
#define REFUSED(mark, now)  assert_false(writes_allow(&one, key, mark, 0, now))
#define MARK(now)           writes_mark(&one, key, now)
#define DOUBTFUL(mark, now) assert_true(copies_are_doubtful(&one, key, mark, now))
#define TRUSTED(mark, now)  assert_false(copies_are_doubtful(&one, key, mark, now))

static void a_write_of_any_worker_changes_the_mark_twice(void **state)
{
    uint64_t before = MARK(0);
    assert_int_not_equal(before, 0);
    ALLOWED(before, 0);
    writes_begin(&two, key);
    uint64_t within = MARK(0);
    REFUSED(before, 0);
    REFUSED(within, 0);
    writes_end(&two, key);
    REFUSED(before, 0);
    REFUSED(within, 0);
    ALLOWED(MARK(0), 0);
    assert_int_equal(MARK(0) - before, sends_of_one(key));
}

static void nor_may_a_copy_be_made_while_a_plan_runs_but_the_planners_own(void **state)
{
    uint64_t sends = sends_mark(&one, key, 0), before = MARK(0);
    plans_begin(&two, key);
    REFUSED(before, 0);
    REFUSED(MARK(0), 0);
    assert_true(writes_allow(&one, key, MARK(0), 1, 0));
    assert_true(sends_allow(&one, key, sends, 0));
    writes_begin(&two, key);
    assert_false(sends_allow(&one, key, sends_mark(&one, key, 0), 0));
    writes_end(&two, key);
    assert_true(sends_allow(&one, key, sends + sends_of_one(key), 0));
    plans_end(&two, key);
    REFUSED(before, 0);
    ALLOWED(MARK(0), 0);
}

static void other_keys_change_nothing_and_every_name_of_a_key_counts(void **state)
{
    writes_pair other = writes_pair_of("other", 5, NULL, 0);
    writes_pair both = writes_pair_of("sent", 4, "key", 3);
    uint64_t before = MARK(0);
    writes_begin(&two, other);
    ALLOWED(before, 0);
    writes_begin(&two, both);
    REFUSED(before, 0);
    writes_end(&two, both);
    ALLOWED(MARK(0), 0);
    assert_int_equal(writes_pair_of("key", 3, "key", 3), key);
    assert_int_equal(sends_of_one(both), 2 * sends_of_one(key));
    assert_int_equal(sends_of_one(WRITES_NONE), 0);
}

static void a_lost_write_keeps_its_slot_closed_for_a_while(void **state)
{
    writes_begin(&two, key);
    writes_lose(&two, key, 100.5);
    REFUSED(MARK(100.6), 100.6);
    REFUSED(MARK(101.5), 101.5);
    ALLOWED(MARK(102), 102);
}

static void what_nobody_ends_is_closed_until_its_time(void **state)
{
    uint64_t before = MARK(10);
    writes_close(&two, key, 12);
    REFUSED(before, 13);
    REFUSED(MARK(11.9), 11.9);
    ALLOWED(MARK(12), 12);
}

static void a_flush_counts_for_every_key(void **state)
{
    uint64_t before = MARK(0);
    writes_begin(&two, WRITES_ALL);
    REFUSED(MARK(0), 0);
    writes_end(&two, WRITES_ALL);
    REFUSED(before, 0);
    ALLOWED(MARK(0), 0);
}

static void a_flush_with_a_delay_counts_when_its_time_comes(void **state)
{
    writes_flush_later(&two, 10, 100);
    uint64_t before = MARK(107.9);
    ALLOWED(before, 107.9);
    REFUSED(before, 108.1);
    REFUSED(MARK(108.1), 108.1);
    REFUSED(MARK(110.9), 110.9);
    REFUSED(before, 111);
    ALLOWED(MARK(111), 111);
    before = MARK(111);
    writes_flush_later(
        &two, 10, 111); /* takes the other's place: the phase falls, the mark does not come back */
    REFUSED(before, 111);
}

static void a_copy_on_its_way_is_in_doubt(void **state)
{
    uint64_t before = copies_mark(&one, key);
    TRUSTED(before, 0);
    copies_begin(&two, key);
    DOUBTFUL(before, 0);
    DOUBTFUL(copies_mark(&one, key), 0);
    copies_end(&two, key);
    DOUBTFUL(before, 0);
    TRUSTED(copies_mark(&one, key), 0);
    copies_doubt(&two, key, 50);
    DOUBTFUL(copies_mark(&one, key), 49);
    copies_doubt(&two, key, 20); /* the longer one holds */
    DOUBTFUL(copies_mark(&one, key), 49);
    TRUSTED(copies_mark(&one, key), 50);
}

static void what_a_dead_worker_had_in_flight_is_lost(void **state)
{
    uint64_t before = MARK(100);
    pid_t pid = fork();
    if (pid == 0) { /* it dies with all three in its hands */
        writes_begin(&two, key);
        plans_begin(&two, key);
        copies_begin(&two, key);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    writes_begin(&one, key);
    uint64_t copies = copies_mark(&one, key);
    REFUSED(before, 100);
    writes_forget(table, 1, 100);
    REFUSED(MARK(100), 100);
    REFUSED(MARK(102), 102); /* what the other worker has in flight stays */
    writes_end(&one, key);
    REFUSED(MARK(100.9), 100.9);
    ALLOWED(MARK(102), 102);
    DOUBTFUL(copies, 102);
    DOUBTFUL(copies_mark(&one, key), 3699);
    TRUSTED(copies_mark(&one, key), 3700);
}

static void one_that_was_forgotten_too_early_takes_nothing_off(void **state)
{
    writes_begin(&two, key);
    copies_begin(&two, key);
    writes_forget(table, 1, 0);
    writes_end(&two, key);
    copies_end(&two, key);
    ALLOWED(MARK(5000), 5000);
    TRUSTED(copies_mark(&one, key), 5000);
    writes_begin(&two, key);
    REFUSED(MARK(5000), 5000);
    writes_end(&two, key);
    ALLOWED(MARK(5000), 5000);
}

static void marks_hold_while_many_processes_write(void **state)
{
    enum { PROCESSES = 4, TIMES = 20000 };
    uint64_t before = MARK(0);
    for (uint32_t i = 0; i < PROCESSES; i++) {
        if (fork() > 0) continue;
        struct writer w = {table, i % 2};
        for (int n = 0; n < TIMES; n++) {
            writes_begin(&w, key);
            writes_end(&w, key);
        }
        _exit(0);
    }
    while (wait(NULL) > 0) {
    }
    assert_int_equal(MARK(0) - before, PROCESSES * TIMES * sends_of_one(key));
    ALLOWED(MARK(0), 0);
}

static void a_private_table_is_the_same_for_all_of_a_process(void **state)
{
    struct writer a = writer_private(), b = writer_private();
    uint64_t before = writes_mark(&a, key, 0);
    writes_begin(&b, key);
    writes_end(&b, key);
    assert_false(writes_allow(&a, key, before, 0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_write_of_any_worker_changes_the_mark_twice),
        test(nor_may_a_copy_be_made_while_a_plan_runs_but_the_planners_own),
        test(other_keys_change_nothing_and_every_name_of_a_key_counts),
        test(a_lost_write_keeps_its_slot_closed_for_a_while),
        test(what_nobody_ends_is_closed_until_its_time),
        test(a_flush_counts_for_every_key),
        test(a_flush_with_a_delay_counts_when_its_time_comes),
        test(a_copy_on_its_way_is_in_doubt),
        test(what_a_dead_worker_had_in_flight_is_lost),
        test(one_that_was_forgotten_too_early_takes_nothing_off),
        test(marks_hold_while_many_processes_write),
        test(a_private_table_is_the_same_for_all_of_a_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
