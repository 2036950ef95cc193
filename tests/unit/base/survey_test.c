/* survey: sums over the parts of all workers and of both masters, whatever the names are and however many there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/process.h"
#include "base/survey.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SHARED = 65536 };

static struct board *adopt(const struct board *from, uint32_t workers)
{
    struct board_losses lost;
    struct board_files files = {dup(from->files.board), dup(from->files.shared),
                                dup(from->files.writes)};
    struct board *board = board_adopt(workers, SHARED, &files, 1 - from->house, &lost);
    assert_non_null(board);
    assert_false(lost.details);
    return board;
}

static struct survey *take(const struct board *board)
{
    struct survey *s = survey_take(board);
    assert_non_null(s);
    return s;
}

static const struct survey_entry *find(const struct survey *s, enum survey_kind kind,
                                       const char *name)
{
    const struct survey_entry *e = survey_find(s, kind, name);
    if (!e) fail_msg("no %s", name);
    return e;
}

/* Workers have the same names in another order, and some that others lack. */
static void entries_of_all_workers_are_added_by_their_names(void **state)
{
    struct board *board = board_create(2, SHARED);
    struct board_tables *one = &board->parts[0].tables, *other = &board->parts[3].tables;
    (void)state;
    board_server(one, "a:1")->hits = 1;
    board_server(one, "b:1")->hits = 20;
    board_server(other, "c:1")->hits = 300;
    board_server(other, "b:1")->hits = 2;
    struct board_server *a = board_server(other, "a:1");
    a->hits = 10;
    a->connections = 1;
    latency_note(&a->latency, 0.004);
    latency_note(&board_server(one, "a:1")->latency, 0.004);
    board->parts[1].row.requests = 5;
    struct survey *s = take(board);
    assert_int_equal(s->row.requests, 5);
    assert_true(s->uptime >= 0 && s->taken > 0);
    assert_int_equal(s->lists[SURVEY_SERVERS].n, 3);
    assert_int_equal(s->lists[SURVEY_POOLS].n, 0);
    const struct survey_entry *e = find(s, SURVEY_SERVERS, "a:1");
    assert_int_equal(e->cells[SURVEY_SERVER_hits], 11);
    assert_int_equal(survey_get(e, SURVEY_SERVERS, "hits"), 11);
    assert_int_equal(latency_count(&e->latency), 2);
    assert_true(e->is_used);
    assert_int_equal(find(s, SURVEY_SERVERS, "b:1")->cells[SURVEY_SERVER_hits], 22);
    assert_false(find(s, SURVEY_SERVERS, "b:1")->is_used);
    assert_int_equal(find(s, SURVEY_SERVERS, "c:1")->cells[SURVEY_SERVER_hits], 300);
    survey_destroy(s);
    board_destroy(board);
}

/* Counters and gauges of the old process and the new one add up; a level is the new one's. */
static void both_houses_count_and_levels_are_the_own(void **state)
{
    struct board *old = board_create_files(1, SHARED);
    struct board_pool *was = board_pool(&old->parts[0].tables, "p");
    (void)state;
    *was = (struct board_pool){.name = "p", .users = 1, .servers = 9, .in_ring = 8, .requests = 5};
    was->in_flight = 2;
    struct board *new = adopt(old, 1);
    struct survey *s = take(new);
    assert_int_equal(find(s, SURVEY_POOLS, "p")->cells[SURVEY_POOL_servers], 9);
    survey_destroy(s);
    struct board_pool *is = board_pool(&new->parts[1].tables, "p");
    is->users = 1;
    is->servers = 3;
    is->requests = 6;
    is->in_flight = 1;
    s = take(new);
    const struct survey_entry *e = find(s, SURVEY_POOLS, "p");
    assert_int_equal(s->lists[SURVEY_POOLS].n, 1);
    assert_int_equal(e->cells[SURVEY_POOL_servers], 3);
    assert_int_equal(e->cells[SURVEY_POOL_in_ring], 0);
    assert_int_equal(e->cells[SURVEY_POOL_requests], 11);
    assert_int_equal(e->cells[SURVEY_POOL_in_flight], 3);
    assert_int_equal(e->cells[SURVEY_POOL_users], 2);
    survey_destroy(s);
    s = take(old);
    assert_int_equal(find(s, SURVEY_POOLS, "p")->cells[SURVEY_POOL_servers], 9);
    survey_destroy(s);
    board_destroy(old);
    board_destroy(new);
}

/* A reader must be able to leave out a pool that is gone; its counters stay. */
static void of_a_worker_that_is_gone_counters_stay_and_gauges_do_not(void **state)
{
    struct board *board = board_create(1, SHARED);
    struct board_tables *t = &board->parts[0].tables;
    (void)state;
    board_pool(t, "p")->users = 1;
    board_pool(t, "p")->servers = 2;
    board_pool(t, "p")->requests = 3;
    board_listener(t, "l")->workers = 1;
    board_listener(t, "l")->curr_connections = 4;
    board_listener(t, "l")->total_connections = 5;
    board_command(t, "get")->requests = 6;
    board_comparison(t, "c")->requests = 9;
    board_comparison(t, "c")->waiting = 8;
    board_server(t, "s")->in_flight = 7;
    board_clear_gauges(&board->parts[0]);
    struct survey *s = take(board);
    const struct survey_entry *p = find(s, SURVEY_POOLS, "p"), *l = find(s, SURVEY_LISTENERS, "l");
    assert_true(!p->is_used && p->cells[SURVEY_POOL_servers] == 0);
    assert_int_equal(p->cells[SURVEY_POOL_requests], 3);
    assert_true(!l->is_used && l->cells[SURVEY_LISTENER_curr_connections] == 0);
    assert_int_equal(l->cells[SURVEY_LISTENER_total_connections], 5);
    assert_true(find(s, SURVEY_COMMANDS, "get")->is_used);
    assert_true(find(s, SURVEY_COMPARISONS, "c")->is_used);
    assert_int_equal(find(s, SURVEY_COMPARISONS, "c")->cells[SURVEY_COMPARISON_waiting], 0);
    assert_int_equal(find(s, SURVEY_SERVERS, "s")->cells[SURVEY_SERVER_in_flight], 0);
    survey_destroy(s);
    board_destroy(board);
}

/* A script may call a pool as it likes. */
static void names_that_are_too_long_are_cut(void **state)
{
    struct board *board = board_create(1, SHARED);
    struct board_tables *t = &board->parts[0].tables;
    char name[300];
    (void)state;
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    struct board_server *s = board_server(t, name);
    assert_int_equal(strlen(s->name), BOARD_NAME - 1);
    name[200] = 'y';
    assert_ptr_equal(board_server(t, name), s);
    name[BOARD_NAME - 1] = '\0'; /* as long as may be */
    assert_ptr_equal(board_server(t, name), s);
    name[BOARD_NAME - 2] = '\0';
    assert_ptr_not_equal(board_server(t, name), s);
    assert_string_equal(board_server(t, name)->name, name);
    assert_string_equal(board_pool(t, "")->name, "(no name)");
    struct survey *taken = take(board);
    assert_int_equal(taken->lists[SURVEY_SERVERS].n, 2);
    survey_destroy(taken);
    board_destroy(board);
}

/* What finds no room counts as "other"; of servers it does not count. A pool may have that very name. */
static void full_tables_count_the_rest_together(void **state)
{
    struct board *board = board_create(1, SHARED);
    struct board_tables *t = &board->parts[0].tables;
    (void)state;
    for (unsigned i = 0; i < 2 * BOARD_SERVERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%u", i);
        assert_true((board_server(t, name) != NULL) == (i < BOARD_SERVERS));
        board_pool(t, name)->requests++;
        board_listener(t, name)->requests++;
        board_command(t, name)->requests++;
        board_comparison(t, name)->left_out++;
    }
    board_pool(t, "other")->requests++;
    board_pool(t, "n5")->requests++;
    struct survey *s = take(board);
    assert_int_equal(s->lists[SURVEY_SERVERS].n, BOARD_SERVERS);
    assert_int_equal(s->lists[SURVEY_POOLS].n, BOARD_POOLS);
    assert_int_equal(s->lists[SURVEY_LISTENERS].n, BOARD_LISTENERS);
    assert_int_equal(find(s, SURVEY_POOLS, "n5")->cells[SURVEY_POOL_requests], 2);
    assert_int_equal(find(s, SURVEY_POOLS, "other")->cells[SURVEY_POOL_requests],
                     2 * BOARD_SERVERS - (BOARD_POOLS - 1) + 1);
    assert_int_equal(find(s, SURVEY_LISTENERS, "other")->cells[SURVEY_LISTENER_requests],
                     2 * BOARD_SERVERS - (BOARD_LISTENERS - 1));
    const struct survey_entry *rest = find(s, SURVEY_COMPARISONS, "other");
    assert_int_equal(rest->cells[SURVEY_COMPARISON_left_out],
                     2 * BOARD_SERVERS - (BOARD_COMPARISONS - 1));
    assert_true(rest->is_used);
    survey_destroy(s);
    board_destroy(board);
}

/* Of two processes, each with a table of its own: more names than one table holds. */
static void the_lists_grow_with_the_names(void **state)
{
    struct board *board = board_create(4, SHARED);
    (void)state;
    for (unsigned i = 0; i < 8 * BOARD_SERVERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%u", i * 7919 % (8 * BOARD_SERVERS));
        board_server(&board->parts[i / BOARD_SERVERS].tables, name)->requests = 1;
    }
    struct survey *s = take(board);
    assert_int_equal(s->lists[SURVEY_SERVERS].n, 8 * BOARD_SERVERS);
    for (size_t i = 0; i < s->lists[SURVEY_SERVERS].n; i++)
        assert_int_equal(s->lists[SURVEY_SERVERS].entries[i].cells[SURVEY_SERVER_requests], 1);
    survey_destroy(s);
    board_destroy(board);
}

/* The number of entries lies in memory that other processes write. */
static void a_number_of_entries_that_cannot_be_is_not_trusted(void **state)
{
    struct board *board = board_create(1, SHARED);
    (void)state;
    board_server(&board->parts[0].tables, "a");
    for (unsigned kind = 0; kind < BOARD_TABLE_COUNT; kind++)
        board->parts[0].tables.used[kind] = UINT32_MAX;
    memset(board->parts[0].tables.pools[7].name, 'z', BOARD_NAME);
    survey_destroy(take(board));
    board_destroy(board);
}

/* A survey each second must not be felt, nor grow with the square of the servers. */
static void four_workers_with_a_hundred_servers_are_read_quickly(void **state)
{
    enum { SERVERS = 100, ROUNDS = 20 };
    struct board *board = board_create(4, SHARED);
    (void)state;
    for (unsigned w = 0; w < 4; w++)
        for (unsigned i = 0; i < SERVERS; i++) {
            char name[32];
            snprintf(name, sizeof name, "10.0.0.%u:11211", (i + w) % SERVERS);
            board_server(&board->parts[2 * w].tables, name)->requests = i;
        }
    double least = 1000;
    for (int i = 0; i < ROUNDS; i++) {
        double before = process_cpu(getpid());
        survey_destroy(take(board));
        double took = process_cpu(getpid()) - before;
        if (took < least) least = took;
    }
    print_message("a survey of 4 workers with %d servers: %.0f us\n", SERVERS, least * 1e6);
    assert_true(least < 0.02);
    board_destroy(board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_of_all_workers_are_added_by_their_names),
        cmocka_unit_test(both_houses_count_and_levels_are_the_own),
        cmocka_unit_test(of_a_worker_that_is_gone_counters_stay_and_gauges_do_not),
        cmocka_unit_test(names_that_are_too_long_are_cut),
        cmocka_unit_test(full_tables_count_the_rest_together),
        cmocka_unit_test(the_lists_grow_with_the_names),
        cmocka_unit_test(a_number_of_entries_that_cannot_be_is_not_trusted),
        cmocka_unit_test(four_workers_with_a_hundred_servers_are_read_quickly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
