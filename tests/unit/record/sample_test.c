/* A recording of each format that there was is read by every later version, field by field: tests/unit/record/v1.mgrec.
 *
 * With WRITE=PATH the program writes such a file, of this version, in place of its test. Runs where the tree's top is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "record/recorder.h"
#include "unit/record/random_takes.h"
#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

static const struct recording_about about = {.version = "0.1.0",
                                             .begun_us = 1795933723000000,
                                             .number = 2,
                                             .mode = RECORDING_VALUES,
                                             .sample = 0.5,
                                             .hashed = true,
                                             .keep_prefix = ':'};

#define TEXT(field, text) .field = (const uint8_t *)(text), .field##_len = sizeof(text) - 1

static const struct take takes[] = {
    {.at_us = 1795933723000100,
     .worker = 1,
     .client = 300,
     .parts = 1,
     .command = COMMAND_SET,
     .result = LIVE_STORED,
     .us = 250,
     .bytes = 8,
     .exptime = -1,
     .client_flags = 4294967296,
     TEXT(key, "user:42"),
     TEXT(value, "\0a\xff"),
     TEXT(listener, "web")},
    {.at_us = 1795933723000099,
     .client = 1,
     .part = 1,
     .parts = 3,
     .command = COMMAND_GETS,
     .result = LIVE_HIT,
     .us = 99999999,
     .bytes = 1048600,
     TEXT(key, "\x80\xff key")},
    {.at_us = 1795933724000000,
     .parts = 1,
     .command = COMMAND_META_GET,
     .result = LIVE_MISS,
     .base64 = true,
     .noreply = true,
     TEXT(key, "b"),
     TEXT(args, " v t Oabc q N30 b")},
    {.at_us = 1795933725000000,
     .worker = 4294967295,
     .client = 4294967295,
     .parts = 1,
     .command = COMMAND_CAS,
     .result = LIVE_ERROR,
     .number = UINT64_MAX,
     .exptime = INT64_MAX,
     .cut = true,
     .value_len = 4294967295,
     TEXT(key, "k"),
     TEXT(error, "SERVER_ERROR 10.0.0.1:11211 timeout")},
    {.at_us = 1795933725000001,
     .parts = 1,
     .command = COMMAND_STATS,
     .result = LIVE_ANSWERED,
     TEXT(args, "slabs")},
    {.at_us = 1795933726000000, .parts = 1, .command = COMMAND_NONE, .result = LIVE_GONE},
};

enum { TAKES = sizeof takes / sizeof *takes, BEFORE_GAP = 4 };

static const uint64_t gap_from = 1795933725500000, gap_to = 1795933725900000;
static const uint32_t shares[] = {UINT32_MAX, UINT32_MAX / 2};
static const char why[] = "another process has taken over the service";

static bool write_sample(int fd)
{
    struct recorder *r = recorder_create(fd, &about);
    bool done = true;
    for (size_t i = 0; i < TAKES; i++) {
        if (i == BEFORE_GAP) done &= recorder_share(r, shares[1]);
        if (i == BEFORE_GAP) done &= recorder_gap(r, gap_from, gap_to, why);
        done &= recorder_take(r, &takes[i]);
    }
    recorder_lost(r, 7);
    done &= recorder_finish(r);
    recorder_destroy(r);
    return done;
}

static void about_is_the_same(const struct recording_about *is)
{
    assert_string_equal(is->version, about.version);
    assert_int_equal(is->begun_us, about.begun_us);
    assert_int_equal(is->number, about.number);
    assert_int_equal(is->mode, about.mode);
    assert_true(is->sample == about.sample);
    assert_true(is->hashed);
    assert_int_equal(is->keep_prefix, about.keep_prefix);
}

static void gap_is_the_same(struct recording *r)
{
    struct take t;
    uint64_t from, to;
    assert_int_equal(recording_next(r, &t), RECORDING_GAP);
    recording_span(r, &from, &to);
    assert_int_equal(from, gap_from);
    assert_int_equal(to, gap_to);
    assert_string_equal(recording_note(r), why);
}

static void is_as_it_was_written(const char *path)
{
    char error[RECORDING_ERROR] = "";
    struct recording *r = recording_open(path, error);
    struct take t;
    if (!r) fail_msg("%s", error);
    about_is_the_same(recording_about(r));
    for (size_t i = 0; i < TAKES; i++) {
        if (i == BEFORE_GAP) gap_is_the_same(r);
        assert_int_equal(recording_next(r, &t), RECORDING_TAKE);
        const char *field = take_difference(&t, &takes[i]);
        if (field) fail_msg("take %zu: %s differs", i, field);
        assert_int_equal(recording_share(r), shares[i >= BEFORE_GAP]);
        if (t.command) assert_string_equal(recording_command(r), command_info(t.command)->text);
        assert_string_equal(recording_result(r), live_result_text(t.result));
    }
    assert_int_equal(recording_next(r, &t), RECORDING_END);
    assert_int_equal(recording_lost(r), 7);
    recording_close(r);
}

static void a_recording_of_format_1_is_read(void **state)
{
    (void)state;
    is_as_it_was_written("tests/unit/record/v1.mgrec");
}

static void what_this_version_writes_is_read(void **state)
{
    char path[] = "/tmp/moongate-test-XXXXXX";
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0 && write_sample(fd));
    is_as_it_was_written(path);
    unlink(path);
    close(fd);
}

int main(void)
{
    const char *to = getenv("WRITE");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_of_format_1_is_read),
        cmocka_unit_test(what_this_version_writes_is_read),
    };
    if (!to) return cmocka_run_group_tests(tests, NULL, NULL);
    return write_sample(open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) ? 0 : 1;
}
