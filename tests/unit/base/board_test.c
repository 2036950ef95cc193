/* board: two masters with one memory: what each writes, what both see, and what is left when one is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/board.h"
#include "base/region.h"
#include "base/shared.h"
#include "base/writes.h"
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHARED = 65536 };

/* As a process that has inherited the files. */
static struct board *adopt(const struct board *from, uint32_t workers, struct board_losses *lost)
{
    struct board_files files = {dup(from->files.board), dup(from->files.shared),
                                dup(from->files.writes)};
    struct board *board = board_adopt(workers, SHARED, &files, 1 - from->house, lost);
    assert_non_null(board);
    return board;
}

static void nothing_is_lost(const struct board_losses *lost)
{
    assert_false(lost->counters || lost->details || lost->dictionaries || lost->writes);
}

static void both_count_and_both_see_the_sum(void **state)
{
    struct board_losses lost;
    struct board *old = board_create_files(2, SHARED);
    old->parts[3].row.requests = 5;
    old->master->rejected_connections = 2;
    old->parts[0].row.curr_connections = 7;
    struct board *new = adopt(old, 2, &lost);
    nothing_is_lost(&lost);
    assert_int_equal(new->house, 1);
    for (uint32_t i = 0; i < new->parts_n; i++) assert_int_equal(new->parts[i].row.requests, 0);
    new->parts[0].row.requests = 10;
    new->master->rejected_connections = 1;
    assert_int_equal(board_sum(old).requests, 15);
    assert_int_equal(board_sum(new).requests, 15);
    assert_int_equal(board_sum(new).rejected_connections, 3);
    assert_int_equal(board_sum(new).curr_connections, 7);
    board_reset(old);
    new->parts[1].row.requests = 1;
    assert_int_equal(board_sum(new).requests, 1);
    assert_true(board_uptime(new) >= 0 && board_uptime(new) < 1000);
    board_destroy(old);
    assert_int_equal(board_sum(new).requests, 1);
    board_destroy(new);
}

/* A generation is no sum: of two workers, nor of two processes. Each process knows its own. */
static void a_level_is_that_of_the_own_house(void **state)
{
    struct board_losses lost;
    struct board *old = board_create_files(2, SHARED);
    old->parts[0].row.generation = 7;
    old->parts[2].row.generation = 6;
    struct board *new = adopt(old, 2, &lost);
    assert_int_equal(board_sum(old).generation, 7);
    assert_int_equal(board_sum(new).generation, 7);
    new->parts[1].row.generation = 2;
    assert_int_equal(board_sum(old).generation, 7);
    assert_int_equal(board_sum(new).generation, 2);
    board_clear_gauges(&new->parts[1]);
    assert_int_equal(board_sum(new).generation, 7);
    for (uint32_t i = 0; i < 4; i++) board_clear_gauges(&old->parts[i]);
    assert_int_equal(board_sum(new).generation, 0);
    board_destroy(old);
    board_destroy(new);
}

/* The third lives where the first did, and goes on counting there. */
static void houses_take_turns(void **state)
{
    struct board_losses lost;
    struct board *one = board_create_files(1, SHARED);
    one->parts[1].row.requests = 3;
    struct board *two = adopt(one, 1, &lost);
    board_destroy(one);
    two->parts[1].row.requests = 4;
    struct board *three = adopt(two, 1, &lost);
    nothing_is_lost(&lost);
    assert_int_equal(three->house, 0);
    assert_int_equal(three->parts[1].row.requests, 3);
    assert_int_equal(board_sum(three).requests, 7);
    board_destroy(two);
    board_destroy(three);
}

static pid_t neighbour(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    return pid;
}

static void a_neighbour_lives_until_it_has_ended(void **state)
{
    struct board_losses lost;
    struct board *old = board_create_files(1, SHARED), *new = adopt(old, 1, &lost);
    assert_false(board_has_neighbours(new));
    pid_t pid = old->parts[1].pid = neighbour();
    assert_true(pid > 0 && board_has_neighbours(new));
    assert_false(board_has_neighbours(old));
    kill(pid, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_false(board_has_neighbours(new)); /* though nobody has waited for it */
    waitpid(pid, NULL, 0);
    board_destroy(old);
    board_destroy(new);
}

/* It was killed with a client and in the middle of a write, and nobody has tidied up. */
static void what_neighbours_leave_is_cleared(void **state)
{
    struct board_losses lost;
    struct board *old = board_create_files(1, SHARED), *new = adopt(old, 1, &lost);
    struct writer writes = {old->writes, old->first_writer + 1};
    struct writer reads = {new->writes, new->first_writer};
    writes_pair key = writes_pair_of("key", 3, NULL, 0);
    old->parts[1].pid = 1;
    old->parts[1].row.curr_connections = 1;
    old->parts[1].row.requests = 9;
    writes_begin(&writes, key);
    assert_false(writes_allow(&reads, key, writes_mark(&reads, key, 10), 0, 10));
    board_clear_neighbours(new, 10);
    assert_int_equal(board_sum(new).curr_connections, 0);
    assert_int_equal(board_sum(new).requests, 9);
    assert_int_equal(old->parts[1].pid, 0);
    double later = 10 + WRITES_LINGER + 1;
    assert_true(writes_allow(&reads, key, writes_mark(&reads, key, later), 0, later));
    board_destroy(old);
    board_destroy(new);
}

static void a_write_through_one_is_seen_through_the_other(void **state)
{
    struct board_losses lost;
    struct board *old = board_create_files(3, SHARED), *new = adopt(old, 3, &lost);
    writes_pair key = writes_pair_of("key", 3, NULL, 0);
    assert_int_equal(old->first_writer, 0);
    assert_int_equal(new->first_writer, 6);
    struct writer writes = {new->writes, new->first_writer + 5}, reads = {old->writes, 5};
    uint64_t mark = writes_mark(&reads, key, 0);
    writes_begin(&writes, key);
    writes_end(&writes, key);
    assert_false(writes_allow(&reads, key, mark, 0, 0));
    board_forget(new, 5, 0);
    board_destroy(old);
    board_destroy(new);
}

static void dictionaries_are_the_same(void **state)
{
    struct board_losses lost;
    const char *wrong;
    char text[SHARED_TEXT_MAX];
    struct board *old = board_create_files(1, SHARED), *new = adopt(old, 1, &lost);
    struct shared_value value = {.kind = SHARED_NUMBER, .number = 42};
    struct shared_key key = {"k", 1};
    struct shared_dict *d = shared_open(old->shared, "seen", 4, 8192, &wrong);
    assert_int_equal(shared_set(old->shared, d, key, &value, 0), SHARED_OK);
    board_destroy(old);
    d = shared_open(new->shared, "seen", 4, 8192, &wrong);
    assert_non_null(d);
    assert_int_equal(shared_get(new->shared, d, key, 1, &value, text), SHARED_OK);
    assert_true(value.number == 42);
    board_destroy(new);
}

/* Another number of workers, another layout, no file, and what is no region at all. */
static void what_does_not_fit_begins_again(void **state)
{
    struct board_losses lost;
    struct board *old = board_create_files(2, SHARED);
    old->parts[0].row.requests = 5;
    struct board *fewer = adopt(old, 1, &lost);
    nothing_is_lost(&lost);
    assert_int_equal(board_sum(fewer).requests, 5);
    board_destroy(fewer);
    struct board *more = adopt(old, 3, &lost);
    assert_true(!lost.counters && lost.details && lost.writes && !lost.dictionaries);
    assert_int_equal(board_sum(more).requests, 5);
    assert_true(more->files.board >= 0 && more->files.writes >= 0);
    board_destroy(more);

    old->memory->head.layout[0]++;
    struct board *other = adopt(old, 2, &lost);
    assert_true(lost.counters && lost.details && !lost.writes && !lost.dictionaries);
    board_destroy(other);
    struct board_files none = {-1, open("/dev/null", O_RDWR), -1};
    other = board_adopt(1, SHARED, &none, 1, &lost);
    assert_true(lost.counters && lost.writes && lost.dictionaries);
    assert_int_equal(other->house, 1);
    board_destroy(other);
    board_destroy(old);
}

/* The old build does not know one of this build's counters, and has another one in its place. */
static void counters_of_another_build_go_on_by_their_names(void **state)
{
    struct board_losses lost;
    struct board *old = board_create_files(1, SHARED);
    char *name = strstr(old->memory->plan.names, "COUNTER:requests ");
    assert_non_null(name);
    name[strlen("COUNTER:req")] = 'X';
    old->memory->head.layout[strlen("board 1: ")]++;
    old->memory->plan.started -= 5000;
    old->parts[0].row.cmd_get = 100;
    old->parts[1].row.cmd_get = 10;
    old->parts[1].row.requests = 7;
    old->parts[1].row.curr_connections = 2;
    old->parts[1].row.generation = 9;
    old->master->rejected_connections = 3;
    board_reset(old);
    old->parts[0].row.cmd_get = 104;
    old->parts[1].row.requests = 9;
    struct board *new = adopt(old, 1, &lost);
    assert_true(!lost.counters && lost.details);
    assert_true(board_uptime(new) >= 5000);
    new->parts[0].row.cmd_get = 1;
    new->parts[0].row.requests = 1;
    struct board_row sum = board_sum(new);
    assert_int_equal(sum.cmd_get, 5);
    assert_int_equal(sum.requests, 1);
    assert_int_equal(sum.rejected_connections, 0);
    assert_int_equal(sum.curr_connections, 2);
    assert_int_equal(sum.generation, 9); /* the only one, as long as the new process has none */
    new->parts[1].row.generation = 1;
    assert_int_equal(board_sum(new).generation, 1);
    old->parts[1].row.cmd_get++; /* it still drains */
    assert_int_equal(board_sum(new).cmd_get, 6);
    pid_t pid = old->parts[1].pid = neighbour();
    assert_true(board_has_neighbours(new));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_false(board_has_neighbours(new));
    board_clear_neighbours(new, 10);
    old->parts[1].row.cmd_get++; /* nobody does that any more */
    assert_int_equal(board_sum(new).cmd_get, 6);
    assert_int_equal(board_sum(new).curr_connections, 0);
    assert_int_equal(board_sum(new).generation, 1);
    board_destroy(old);
    struct board *next = adopt(new, 1, &lost);
    nothing_is_lost(&lost);
    board_destroy(new);
    assert_int_equal(board_sum(next).cmd_get, 6);
    next->memory->head.layout[strlen("board 1: ")]++;
    struct board *last = adopt(next, 1, &lost);
    assert_int_equal(board_sum(last).cmd_get, 6);
    board_destroy(next);
    board_destroy(last);
}

/* Whatever a broken one says, nothing beyond its end is read. */
static void a_plan_that_does_not_fit_is_not_used(void **state)
{
    struct board_losses lost;
    struct board *old = board_create_files(1, SHARED);
    struct board_plan *plan = &old->memory->plan, good = *plan;
    old->memory->head.layout[strlen("board 1: ")]++;
    for (int way = 0; way < 8; way++) {
        *plan = good;
        if (way == 0) plan->parts_n = UINT32_MAX;
        if (way == 1) plan->part_bytes = 8;
        if (way == 2) plan->parts_at = UINT64_MAX - 7;
        if (way == 3) plan->masters_at++;
        if (way == 4) plan->before_at = old->memory->head.bytes;
        if (way == 5) plan->pid_at = plan->part_bytes;
        if (way == 6) memset(plan->names, 'a', sizeof plan->names);
        if (way == 7) plan->names[0] = '\0';
        struct board *new = adopt(old, 1, &lost);
        assert_true(lost.counters);
        board_destroy(new);
    }
    board_destroy(old);
}

/* ulimit -f: the service works, and an upgrade takes over nothing. */
static void without_room_for_files_there_are_none(void **state)
{
    struct rlimit had, small;
    getrlimit(RLIMIT_FSIZE, &had);
    small = had;
    small.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    struct board *board = board_create_files(1, SHARED);
    setrlimit(RLIMIT_FSIZE, &had);
    assert_non_null(board);
    assert_true(board->files.board == -1 && board->files.shared == -1 && board->files.writes == -1);
    board->parts[1].row.requests = 1;
    assert_int_equal(board_sum(board).requests, 1);
    board_destroy(board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_count_and_both_see_the_sum),
        cmocka_unit_test(a_level_is_that_of_the_own_house),
        cmocka_unit_test(houses_take_turns),
        cmocka_unit_test(a_neighbour_lives_until_it_has_ended),
        cmocka_unit_test(what_neighbours_leave_is_cleared),
        cmocka_unit_test(a_write_through_one_is_seen_through_the_other),
        cmocka_unit_test(dictionaries_are_the_same),
        cmocka_unit_test(what_does_not_fit_begins_again),
        cmocka_unit_test(counters_of_another_build_go_on_by_their_names),
        cmocka_unit_test(a_plan_that_does_not_fit_is_not_used),
        cmocka_unit_test(without_room_for_files_there_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
