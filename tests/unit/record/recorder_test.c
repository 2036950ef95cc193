/* recorder: what it writes of what it gets, and what it does when the disk is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "record/block.h"
#include "record/recorder.h"
#include "unit/record/random_takes.h"
#include "unit/record/scratch.h"
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

enum { TAKES = 40 };

static const struct recording_about about = {
    .version = "9.8.7", .number = 1, .mode = RECORDING_VALUES, .sample = 1};

static void values_are_kept_only_where_they_were_asked_for(void **state)
{
    const struct take t = {.parts = 1, .value = (uint8_t *)"secret", .value_len = 6, .cut = true};
    (void)state;
    for (int mode = 0; mode < RECORDING_MODE_COUNT; mode++) {
        struct recording_about other = about;
        struct scratch s = scratch_begins();
        char error[RECORDING_ERROR];
        struct take back;
        other.mode = (enum recording_mode)mode;
        struct recorder *r = recorder_create(s.fd, &other);
        assert_true(recorder_take(r, &t) && recorder_finish(r));
        recorder_destroy(r);
        struct recording *file = recording_open(s.path, error);
        assert_int_equal(recording_next(file, &back), RECORDING_TAKE);
        assert_int_equal(back.value_len, mode == RECORDING_KEYS ? 0 : 6);
        assert_int_equal(!back.value, mode != RECORDING_VALUES);
        recording_close(file);
        close(s.fd);
    }
}

static void the_share_stands_at_each_request(void **state)
{
    static const uint32_t shares[] = {UINT32_MAX, UINT32_MAX / 2, UINT32_MAX / 2, 1000};
    struct scratch s = scratch_begins();
    struct take t = {.parts = 1};
    char error[RECORDING_ERROR];
    (void)state;
    struct recorder *r = recorder_create(s.fd, &about);
    for (size_t i = 0; i < 4; i++) {
        assert_true(recorder_share(r, shares[i]));
        t.at_us = 10 + i;
        assert_true(recorder_take(r, &t));
    }
    assert_true(recorder_finish(r));
    recorder_destroy(r);
    struct recording *file = recording_open(s.path, error);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(recording_next(file, &t), RECORDING_TAKE);
        assert_int_equal(recording_share(file), shares[i]);
    }
    assert_int_equal(recording_next(file, &t), RECORDING_END);
    recording_close(file);
    close(s.fd);
}

/* Takes until it is full, of random values that do not become smaller. */
static size_t fills(struct recorder *r, struct random_take *takes, size_t most)
{
    uint64_t seed = 99;
    size_t n = 0;
    while (n < most) {
        struct take *t = &takes[n % TAKES].take;
        for (size_t i = 0; i < 4000; i++) takes[n % TAKES].bytes[i] = (uint8_t)random_number(&seed);
        *t = (struct take){.parts = 1, .value = takes[n % TAKES].bytes, .value_len = 4000};
        if (!recorder_take(r, t)) break;
        n++;
    }
    return n;
}

static void a_full_disk_leaves_whole_blocks(void **state)
{
    static struct random_take takes[TAKES];
    const struct rlimit limit = {3 * BLOCK_FULL, RLIM_INFINITY};
    struct rlimit was;
    struct scratch s = scratch_begins();
    char error[RECORDING_ERROR];
    struct take t;
    size_t found = 0;
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &was);
    setrlimit(RLIMIT_FSIZE, &limit);
    struct recorder *r = recorder_create(s.fd, &about);
    size_t n = fills(r, takes, 10000);
    assert_int_equal(errno, EFBIG);
    assert_in_range(n, 2 * BLOCK_FULL / 4200, 9999);
    assert_false(recorder_flush(r));
    assert_false(recorder_finish(r));
    assert_int_equal(errno, EFBIG);
    recorder_destroy(r);
    setrlimit(RLIMIT_FSIZE, &was);
    struct recording *file = recording_open(s.path, error);
    enum recording_event e;
    while ((e = recording_next(file, &t)) == RECORDING_TAKE) found++;
    assert_int_equal(e, RECORDING_CUT);
    assert_non_null(
        strstr(recording_note(file), "without its end mark")); /* and no part of a block */
    assert_in_range(found, 2 * BLOCK_FULL / 4200, n);
    recording_close(file);
    close(s.fd);
}

/* As the standard output may have, of a shell that appends. */
static void what_a_file_had_before_is_not_cut(void **state)
{
    static struct random_take takes[TAKES];
    static char before[BLOCK_FULL];
    const struct rlimit limit = {2 * BLOCK_FULL, RLIM_INFINITY};
    struct rlimit was;
    struct scratch s = scratch_begins();
    (void)state;
    memset(before, 'x', sizeof before);
    scratch_becomes(&s, before, sizeof before);
    lseek(s.fd, 0, SEEK_END);
    getrlimit(RLIMIT_FSIZE, &was);
    setrlimit(RLIMIT_FSIZE, &limit);
    struct recorder *r = recorder_create(s.fd, &about);
    assert_in_range(fills(r, takes, 10000), 100, 9999);
    recorder_destroy(r);
    setrlimit(RLIMIT_FSIZE, &was);
    assert_true(lseek(s.fd, 0, SEEK_END) >= (off_t)sizeof before);
    char *after = malloc(sizeof before);
    assert_non_null(after);
    assert_int_equal(pread(s.fd, after, sizeof before, 0), sizeof before);
    assert_memory_equal(after, before, sizeof before);
    free(after);
    close(s.fd);
}

static void the_longest_takes_are_written_and_read(void **state)
{
    static uint8_t value[TAKE_VALUE];
    struct take t = {.parts = 1, .value = value, .value_len = TAKE_VALUE};
    struct scratch s = scratch_begins();
    uint64_t seed = seed_of_test();
    char error[RECORDING_ERROR];
    (void)state;
    for (size_t i = 0; i < sizeof value; i += 8) {
        uint64_t n = random_number(&seed);
        memcpy(value + i, &n, 8);
    }
    struct recorder *r = recorder_create(s.fd, &about);
    for (int i = 0; i < 3; i++) assert_true(recorder_take(r, &t));
    assert_true(recorder_finish(r));
    recorder_destroy(r);
    struct recording *file = recording_open(s.path, error);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(recording_next(file, &t), RECORDING_TAKE);
        assert_memory_equal(t.value, value, TAKE_VALUE);
    }
    assert_int_equal(recording_next(file, &t), RECORDING_END);
    recording_close(file);
    close(s.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_kept_only_where_they_were_asked_for),
        cmocka_unit_test(the_share_stands_at_each_request),
        cmocka_unit_test(a_full_disk_leaves_whole_blocks),
        cmocka_unit_test(what_a_file_had_before_is_not_cut),
        cmocka_unit_test(the_longest_takes_are_written_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
