/* viewers: who watches requests, and the slow ones that are kept, over a board that the test writes like workers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "master/viewers.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static struct board *board;
static struct ev_loop *loop;
static struct viewers viewers;

static int begin(void **state)
{
    board = board_create(2, 65536);
    loop = ev_loop_new(0);
    assert_true(board && loop && viewers_init(&viewers, loop, board));
    return 0;
}

static int end(void **state)
{
    viewers_stop(&viewers);
    viewers_release(&viewers);
    ev_loop_destroy(loop);
    board_destroy(board);
    return 0;
}

struct seen {
    uint64_t events, dropped, last_us;
    int leaves; /* the viewer to remove with the next event, or -1 */
};

static void sink(void *arg, const struct live_event *e, uint64_t dropped)
{
    struct seen *s = arg;
    s->dropped += dropped;
    if (!e) return;
    assert_int_equal(dropped, 0);
    s->events++;
    s->last_us = e->us;
    if (s->leaves >= 0) viewers_remove(&viewers, s->leaves);
    s->leaves = -1;
}

static void happens(uint32_t part, uint32_t watchers, uint64_t us, double at)
{
    struct live_event *e = live_place(&board->parts[part].live, watchers);
    if (!e) return;
    *e = (struct live_event){.us = us, .watchers = watchers, .at = at};
    live_written(&board->parts[part].live);
}

static const struct live_filters *filters(void)
{
    return &board->memory->filters[board->house];
}

static void each_viewer_gets_its_own_events(void **state)
{
    struct live_filter f = {.sample = UINT32_MAX};
    struct seen a = {.leaves = -1}, b = {.leaves = -1};
    assert_int_equal(viewers_add(&viewers, &f, sink, &a), 0);
    assert_int_equal(viewers_add(&viewers, &f, sink, &b), 1);
    assert_int_equal(filters()->active, 3);
    happens(0, 1, 10, 1);
    happens(3, 2, 11, 1);
    happens(2, 3, 12, 1);
    viewers_look(&viewers);
    assert_true(a.events == 2 && b.events == 2);
    viewers_remove(&viewers, 0);
    assert_int_equal(filters()->active, 2);
    happens(0, 3, 13, 1);
    viewers_look(&viewers);
    assert_true(a.events == 2 && b.events == 3 && b.last_us == 13);
}

static void what_happened_before_is_not_for_a_new_viewer(void **state)
{
    struct live_filter f = {.sample = UINT32_MAX};
    struct seen a = {.leaves = -1};
    for (int i = 0; i < LIVE_EVENTS + 5; i++) happens(0, 1, 1, 1);
    assert_int_equal(viewers_add(&viewers, &f, sink, &a), 0);
    viewers_look(&viewers);
    assert_true(a.events == 0 && a.dropped == 0);
}

static void what_was_lost_is_told_in_numbers(void **state)
{
    struct live_filter f = {.sample = UINT32_MAX};
    struct seen a = {.leaves = -1};
    (void)viewers_add(&viewers, &f, sink, &a);
    for (int i = 0; i < LIVE_EVENTS + 5; i++) happens(1, 1, 1, 1);
    viewers_look(&viewers);
    assert_true(a.events == LIVE_EVENTS && a.dropped == 5);
}

static void there_are_eight_and_no_more(void **state)
{
    struct live_filter f = {.sample = UINT32_MAX};
    struct seen s = {.leaves = -1};
    for (int i = 0; i < LIVE_WATCHERS; i++)
        assert_int_equal(viewers_add(&viewers, &f, sink, &s), i);
    assert_int_equal(viewers_add(&viewers, &f, sink, &s), -1);
    assert_int_equal(filters()->active, 0xff);
    viewers_remove(&viewers, 5);
    assert_int_equal(viewers_add(&viewers, &f, sink, &s), 5);
}

static void a_viewer_may_remove_viewers_while_it_takes_an_event(void **state)
{
    struct live_filter f = {.sample = UINT32_MAX};
    struct seen a = {.leaves = 0}, b = {.leaves = -1};
    (void)viewers_add(&viewers, &f, sink, &a);
    (void)viewers_add(&viewers, &f, sink, &b);
    happens(0, 3, 1, 1);
    happens(0, 3, 2, 1);
    viewers_look(&viewers);
    assert_true(a.events == 1 && b.events == 2);
}

static void the_timer_runs_while_there_are_viewers(void **state)
{
    struct live_filter f = {.sample = UINT32_MAX};
    struct seen a = {.leaves = -1};
    int number = viewers_add(&viewers, &f, sink, &a);
    happens(0, 1, 1, 1);
    while (a.events == 0) ev_run(loop, EVRUN_ONCE);
    viewers_remove(&viewers, number);
    ev_run(loop, 0); /* nothing is left */
}

static void the_last_slow_requests_are_kept_for_both_houses(void **state)
{
    static struct live_event last[LIVE_SLOW_KEPT];
    uint32_t slow = (uint32_t)1 << LIVE_SLOW;
    for (uint32_t i = 1; i <= 200; i++) {
        happens(i % 4, slow, i, i);
        viewers_look(&viewers);
    }
    struct live_slow *other = &board->memory->slow[1 - board->house];
    other->events[0] = (struct live_event){.us = 999, .at = 150.5};
    memset(other->events[0].text, 'x', LIVE_TEXT);
    other->kept = 1;
    assert_int_equal(viewers_slow(board, last), LIVE_SLOW_KEPT);
    assert_true(last[0].us == 200 && last[49].us == 151 && last[50].us == 999 &&
                last[51].us == 150);
    assert_int_equal(strlen(last[50].text), LIVE_TEXT - 1);
    assert_int_equal(last[LIVE_SLOW_KEPT - 1].us, 200 - LIVE_SLOW_KEPT + 2);
}

/* Its worker still goes by the filter of the viewer that had the number before, or is out of its mind. */
static void an_event_that_the_filter_does_not_let_through_is_not_shown(void **state)
{
    struct live_filter f = {.sample = UINT32_MAX, .slower_us = 100};
    struct seen a = {.leaves = -1};
    (void)viewers_add(&viewers, &f, sink, &a);
    happens(0, 0xff, 99, 1);
    happens(0, 0xff, 100, 1);
    viewers_look(&viewers);
    assert_true(a.events == 1 && a.last_us == 100);
}

/* As in a forked child, which closes its copies of the sessions. */
static void one_that_has_left_takes_no_filter_away(void **state)
{
    struct live_filter f = {.sample = UINT32_MAX};
    struct seen a = {.leaves = -1};
    int number = viewers_add(&viewers, &f, sink, &a);
    viewers_stop(&viewers);
    viewers_remove(&viewers, number);
    assert_int_equal(filters()->active, 1);
}

static void filters_of_a_master_that_is_gone_are_taken_away(void **state)
{
    struct live_filter f = {.sample = UINT32_MAX};
    struct viewers next;
    struct seen a = {.leaves = -1};
    (void)viewers_add(&viewers, &f, sink, &a);
    assert_true(viewers_init(&next, loop, board));
    assert_int_equal(filters()->active, 0);
    viewers_release(&next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define with_board(test) cmocka_unit_test_setup_teardown(test, begin, end)
        with_board(each_viewer_gets_its_own_events),
        with_board(what_happened_before_is_not_for_a_new_viewer),
        with_board(what_was_lost_is_told_in_numbers),
        with_board(there_are_eight_and_no_more),
        with_board(a_viewer_may_remove_viewers_while_it_takes_an_event),
        with_board(the_timer_runs_while_there_are_viewers),
        with_board(the_last_slow_requests_are_kept_for_both_houses),
        with_board(an_event_that_the_filter_does_not_let_through_is_not_shown),
        with_board(one_that_has_left_takes_no_filter_away),
        with_board(filters_of_a_master_that_is_gone_are_taken_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
