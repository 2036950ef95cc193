/* heat: what a reader sees that looks at any moment, also after the worker has died in the middle, and at numbers that cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/board.h"
#include "base/heat.h"
#include <cmocka.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* LOOKS: at which names are there. */
enum { MOST = 300, KILLS = 30, LOOKS = 40 };

static struct board *board;
static struct heat_writer writer;
static struct heat_row rows[MOST];
static uint32_t rows_n;
static double now;

static int make(void **state)
{
    board = board_create(1, 64 * 1024);
    if (!board) return -1;
    now = 1000;
    heat_begin(&writer, &board->parts[0].heat, now, 1);
    return 0;
}

static int clear(void **state)
{
    board_destroy(board);
    return 0;
}

#define test(f) cmocka_unit_test_setup_teardown(f, make, clear)

static void read_all(void)
{
    rows_n = heat_merge(board, HEAT_KEYS, now, rows, MOST);
}

static void add_often(const void *name, size_t len, int times)
{
    for (int i = 0; i < times; i++) heat_add(&writer, HEAT_KEYS, name, len, 1);
}

/* Names that show whether they are whole: the first byte says how long they are, and all others are alike. There are far more of
 * them than places. */
static size_t make_name(uint8_t name[HEAT_NAME], uint8_t first, uint8_t others)
{
    size_t len = 2 + first % (HEAT_NAME - 1);
    memset(name, others, len);
    name[0] = first;
    return len;
}

static void all_rows_are_whole(void)
{
    read_all();
    for (uint32_t i = 0; i < rows_n; i++) {
        uint8_t name[HEAT_NAME];
        assert_int_equal(rows[i].len, make_name(name, rows[i].name[0], rows[i].name[1]));
        assert_memory_equal(rows[i].name, name, rows[i].len);
        assert_true(rows[i].share > 0 && rows[i].share <= 1);
    }
}

static _Noreturn void write_for_ever(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    writer.heat->least = 0; /* every name is shown */
    for (uint32_t i = 0;; i++) {
        uint8_t name[HEAT_NAME];
        size_t len = make_name(name, (uint8_t)(i * 7919 >> 3), (uint8_t)(i >> 5));
        heat_add(&writer, HEAT_KEYS, name, len, 1 + i);
        if (i % 64 == 0) {
            now += 0.2;
            heat_first(&writer, now);
            writer.heat->least = 0;
        }
    }
}

/* A reader looks while the worker writes, and after it was killed in the middle; then another one begins. */
static void a_reader_sees_whole_names_while_they_are_written(void **state)
{
    for (int kill_n = 0; kill_n < KILLS; kill_n++) {
        heat_begin(&writer, &board->parts[0].heat, now, (uint64_t)kill_n);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) write_for_ever();
        for (int i = 0; i<LOOKS; i += rows_n> 0) all_rows_are_whole();
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        now += 1000; /* about as far as the child's own clock */
        board->parts[0].heat.decayed = now;
        all_rows_are_whole();
    }
}

static void a_place_whose_writer_has_died_is_not_read_and_a_successor_begins_with_none(void **state)
{
    struct heat_sketch *s = &writer.heat->sketches[HEAT_KEYS];
    add_often("a", 1, 10);
    add_often("b", 1, 10);
    for (int i = 0; i < HEAT_PLACES; i++)
        if (s->places[i].len && s->places[i].name[0] == 'b') s->places[i].sequence |= 1;
    writer.heat->sequence |= 1; /* and it has died while it decayed */
    read_all();
    assert_int_equal(rows_n, 1);
    assert_int_equal(rows[0].name[0], 'a');
    heat_begin(&writer, &board->parts[0].heat, now, 5);
    read_all();
    assert_int_equal(rows_n, 0);
    assert_true(heat_share(writer.heat, "a", 1) == 0);
    assert_int_equal(writer.heat->sequence & 1, 0);
    add_often("b", 1, 10);
    read_all();
    assert_int_equal(rows_n, 1);
    assert_true(rows[0].share > 0.999);
}

/* A worker whose script has all of Lua may write anything. */
static void a_reader_trusts_no_number(void **state)
{
    struct heat_sketch *s = &writer.heat->sketches[HEAT_KEYS];
    add_often("a", 1, 10);
    for (uint32_t i = 0; i < HEAT_PLACES; i++) {
        if (s->places[i].len) continue;
        s->places[i].sequence = 2;
        s->places[i].len = i % 3 == 0 ? 255 : 1;
        s->counts[i] = i % 3 == 1 ? (double)NAN : i % 3 == 2 ? (double)-INFINITY : 100;
    }
    read_all();
    assert_int_equal(rows_n, 1);
    s->total = 0.5;
    read_all();
    assert_true(rows[0].share == 1);
    s->total = (double)NAN;
    read_all();
    assert_int_equal(rows_n, 0);
    s->total = 10;
    writer.heat->decayed = (double)NAN;
    read_all();
    for (uint32_t i = 0; i < rows_n; i++) assert_true(isfinite(rows[i].rate));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_reader_sees_whole_names_while_they_are_written),
        test(a_place_whose_writer_has_died_is_not_read_and_a_successor_begins_with_none),
        test(a_reader_trusts_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
