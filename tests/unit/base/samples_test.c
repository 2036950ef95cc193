/* samples: a ring on the board that one process writes, another one reads, and that survives its writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/board.h"
#include "base/samples.h"
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 2, SIZE = 8, KILLS = 40, WRITES = 20000 };

static struct board *board;
static struct samples *ring, *other; /* of two workers */
static struct sample read_ones[SAMPLES_MOST];

static int make(void **state)
{
    board = board_create(WORKERS, 64 * 1024);
    if (!board) return -1;
    ring = &board->parts[0].samples;
    other = &board->parts[1].samples;
    samples_begin(ring, SIZE);
    samples_begin(other, SIZE);
    return 0;
}

static int clear(void **state)
{
    board_destroy(board);
    return 0;
}

#define test(f) cmocka_unit_test_setup_teardown(f, make, clear)

static struct sample sample_of(const char *key, double at)
{
    struct sample s = {.at = at, .command = 1, .key_len = (uint8_t)strlen(key)};
    memcpy(s.key, key, s.key_len);
    return s;
}

static bool add(struct samples *to, const char *key, double at)
{
    struct sample s = sample_of(key, at);
    return samples_add(to, &s);
}

static void add_numbered(int n, double at)
{
    char key[8];
    snprintf(key, sizeof key, "k%d", n);
    assert_true(add(ring, key, at));
}

/* The keys of all, the last one first. */
static const char *keys(uint32_t most)
{
    static char text[SAMPLES_MOST * 4];
    size_t len = 0;
    uint32_t n = samples_gather(board, read_ones, most);
    text[0] = '\0';
    for (uint32_t i = 0; i < n; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s", i ? " " : "",
                                read_ones[i].key_len, (char *)read_ones[i].key);
    return text;
}

static void the_oldest_makes_room_for_a_new_one(void **state)
{
    for (int i = 0; i < SIZE + 3; i++) {
        assert_int_equal(samples_are_full(ring), i >= SIZE);
        add_numbered(i, i);
    }
    assert_string_equal(keys(100), "k10 k9 k8 k7 k6 k5 k4 k3");
    assert_string_equal(keys(2), "k10 k9");
}

static void what_is_alike_is_kept_once_with_the_time_of_the_last(void **state)
{
    struct sample s;
    assert_true(add(ring, "a", 1));
    assert_true(add(ring, "b", 2));
    assert_false(add(ring, "a", 3));
    assert_string_equal(keys(100), "a b");
    s = sample_of("a", 4);
    s.command = 2;
    assert_true(samples_add(ring, &s));
    s = sample_of("a", 5);
    s.listener = 1;
    assert_true(samples_add(ring, &s));
    assert_string_equal(keys(100), "a a a b");
}

static void keys_are_compared_by_all_their_bytes(void **state)
{
    struct sample s = sample_of("ab", 1);
    s.key[1] = '\0';
    assert_true(samples_add(ring, &s));
    s.key_len = 1;
    assert_true(samples_add(ring, &s));
    memset(s.key, 0xff, SAMPLE_KEY);
    s.key_len = SAMPLE_KEY;
    assert_true(samples_add(ring, &s));
    s.key[SAMPLE_KEY - 1] = 'x';
    assert_true(samples_add(ring, &s));
    assert_false(samples_add(ring, &s));
}

static void samples_of_all_workers_are_gathered_by_time(void **state)
{
    add(ring, "a", 1);
    add(other, "b", 2);
    add(ring, "c", 3);
    add(other, "a", 4);
    assert_string_equal(keys(100), "a c b");
    assert_string_equal(keys(1), "a");
}

static void a_failure_is_noted_where_the_request_is_kept(void **state)
{
    add(ring, "a", 1);
    add(ring, "b", 2);
    samples_note_failure(ring, 1, "a", 1, 7);
    samples_note_failure(ring, 2, "b", 1, 7); /* another command */
    samples_note_failure(ring, 1, "c", 1, 7); /* not kept */
    assert_string_equal(keys(100), "b a");
    assert_int_equal(read_ones[0].failed, 0);
    assert_int_equal(read_ones[1].failed, 7);
    add(ring, "a", 3);
    assert_string_equal(keys(100), "a b");
    assert_int_equal(read_ones[0].failed, 7);
    add(other, "a", 4); /* the same in another worker, where it has not failed */
    assert_string_equal(keys(100), "a b");
    assert_int_equal(read_ones[0].failed, 7);
}

static void a_torn_sample_is_not_read_and_its_place_is_used_again(void **state)
{
    struct sample s;
    add(ring, "a", 1);
    add(ring, "b", 2);
    ring->places[1].sequence |= 1; /* its writer has died in the middle */
    assert_false(samples_read(ring, 1, &s));
    assert_string_equal(keys(100), "a");
    samples_note_failure(ring, 1, "b", 1, 7);
    samples_begin(ring, SIZE); /* the next worker */
    assert_true(add(ring, "b", 3));
    assert_string_equal(keys(100), "b a");
    for (int i = 0; i < SIZE; i++) add_numbered(i, 4 + i);
    assert_true(samples_read(ring, 1, &s));
    assert_string_equal(keys(100), "k7 k6 k5 k4 k3 k2 k1 k0");
}

static void what_cannot_be_a_sample_is_not_read(void **state)
{
    struct sample s;
    add(ring, "a", 1);
    ring->places[0].sample.key_len = SAMPLE_KEY + 1;
    assert_false(samples_read(ring, 0, &s));
    ring->places[0].sample.key_len = 0;
    assert_false(samples_read(ring, 0, &s));
    ring->places[0].sample.key_len = 1;
    ring->places[0].sample.args_len = SAMPLE_ARGS + 1;
    assert_false(samples_read(ring, 0, &s));
    ring->size = UINT32_MAX; /* whatever stands there */
    assert_string_equal(keys(100), "");
}

/* All bytes of a sample say which one it is. */
static void write_for_ever(void)
{
    for (unsigned i = 1;; i++) {
        struct sample s = {.at = i, .command = 1, .key_len = SAMPLE_KEY, .args_len = SAMPLE_ARGS};
        memset(s.key, (int)(i % 251), sizeof s.key);
        memset(s.args, (int)(i % 251), sizeof s.args);
        memcpy(s.key, &i, sizeof i);
        s.number = i;
        samples_add(ring, &s);
    }
}

static uint64_t written(void)
{
    return __atomic_load_n(&ring->taken, __ATOMIC_RELAXED);
}

static void is_whole(const struct sample *s)
{
    uint32_t i = (uint32_t)s->number;
    assert_memory_equal(s->key, &i, sizeof i);
    assert_true(s->at == i);
    for (size_t at = sizeof i; at < SAMPLE_KEY; at++) assert_int_equal(s->key[at], i % 251);
    for (size_t at = 0; at < SAMPLE_ARGS; at++) assert_int_equal(s->args[at], i % 251);
}

static void nothing_torn_is_read_while_a_writer_runs_and_after_it_was_killed(void **state)
{
    struct sample s;
    unsigned whole = 0;
    for (int kill_n = 0; kill_n < KILLS; kill_n++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) write_for_ever();
        uint64_t until = written() + WRITES;
        for (uint32_t at = 0; written() < until; at = (at + 1) % SIZE)
            if (samples_read(ring, at, &s)) {
                is_whole(&s);
                whole++;
            }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        uint32_t n = samples_gather(board, read_ones, SAMPLES_MOST);
        for (uint32_t i = 0; i < n; i++) is_whole(&read_ones[i]);
        samples_begin(ring, SIZE);
    }
    assert_true(whole > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(the_oldest_makes_room_for_a_new_one),
        test(what_is_alike_is_kept_once_with_the_time_of_the_last),
        test(keys_are_compared_by_all_their_bytes),
        test(samples_of_all_workers_are_gathered_by_time),
        test(a_failure_is_noted_where_the_request_is_kept),
        test(a_torn_sample_is_not_read_and_its_place_is_used_again),
        test(what_cannot_be_a_sample_is_not_read),
        test(nothing_torn_is_read_while_a_writer_runs_and_after_it_was_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
