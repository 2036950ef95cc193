/* recording: what a recorder writes is read again; and a file that was cut or changed anywhere gives true requests alone, and says what
 * is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "record/block.h"
#include "record/header.h"
#include "record/recorder.h"
#include "unit/record/random_takes.h"
#include "unit/record/scratch.h"
#include <cmocka.h>
#include <unistd.h>

enum { TAKES = 40, BLOCK_OF = 8 };

static const struct recording_about about = {.version = "9.8.7",
                                             .begun_us = 1795933723000000,
                                             .number = 3,
                                             .mode = RECORDING_VALUES,
                                             .sample = 0.25,
                                             .hashed = true,
                                             .keep_prefix = ':'};

/* All that a reader sees of a file. */
struct seen {
    size_t takes, wrong, gaps, damaged, cuts;
    bool opens;
    uint64_t lost;
    char note[RECORDING_ERROR];
};

/* Takes must come in the order in which they were written; some may be missing. */
static struct seen read_all(const char *path, const struct random_take *written, size_t n)
{
    struct seen s = {.takes = 0};
    struct recording *r = recording_open(path, s.note);
    struct take t;
    size_t next = 0;
    if (!r) return s;
    s.opens = true;
    for (enum recording_event e; (e = recording_next(r, &t)) != RECORDING_END;) {
        s.gaps += e == RECORDING_GAP;
        s.damaged += e == RECORDING_DAMAGED;
        s.cuts += e == RECORDING_CUT;
        if (e == RECORDING_DAMAGED || e == RECORDING_CUT)
            snprintf(s.note, sizeof s.note, "%s", recording_note(r));
        if (e != RECORDING_TAKE) continue;
        while (next < n && take_difference(&t, &written[next].take)) next++;
        s.wrong += next == n;
        next += next < n;
        s.takes++;
    }
    s.lost = recording_lost(r);
    recording_close(r);
    return s;
}

/* A file of TAKES takes in blocks of BLOCK_OF, with a gap in the middle. Returns its length. */
static size_t write_file(int fd, const struct random_take *takes)
{
    struct recorder *r = recorder_create(fd, &about);
    for (size_t i = 0; i < TAKES; i++) {
        if (i == 2 * BLOCK_OF) assert_true(recorder_gap(r, 11, 22, "the service was upgraded"));
        if (i % BLOCK_OF == 0) assert_true(recorder_flush(r));
        if (i == 3) recorder_lost(r, 5);
        assert_true(recorder_take(r, &takes[i].take));
    }
    recorder_lost(r, 2);
    assert_true(recorder_finish(r));
    size_t bytes = recorder_bytes(r);
    recorder_destroy(r);
    return bytes;
}

/* Small ones. */
static struct random_take *takes_of_test(void)
{
    static struct random_take takes[TAKES];
    uint64_t seed = seed_of_test();
    for (size_t i = 0; i < TAKES; i++) {
        random_take(&takes[i], &seed);
        takes[i].take.args_len %= 20;
        takes[i].take.error_len %= 20;
        if (takes[i].take.value) takes[i].take.value_len %= 50;
    }
    return takes;
}

static uint8_t *bytes_of(const struct scratch *s, size_t len)
{
    uint8_t *bytes = malloc(len);
    assert_non_null(bytes);
    assert_int_equal(pread(s->fd, bytes, len, 0), len);
    return bytes;
}

static void a_file_is_read_as_it_was_written(void **state)
{
    struct random_take *takes = takes_of_test();
    struct scratch s = scratch_begins();
    (void)state;
    write_file(s.fd, takes);
    struct seen seen = read_all(s.path, takes, TAKES);
    assert_true(seen.opens);
    assert_int_equal(seen.takes, TAKES);
    assert_int_equal(seen.wrong + seen.damaged + seen.cuts, 0);
    assert_int_equal(seen.gaps, 1);
    assert_int_equal(seen.lost, 7);

    char error[RECORDING_ERROR];
    struct recording *r = recording_open(s.path, error);
    const struct recording_about *is = recording_about(r);
    assert_string_equal(is->version, about.version);
    assert_int_equal(is->begun_us, about.begun_us);
    assert_int_equal(is->number, about.number);
    assert_int_equal(is->mode, about.mode);
    assert_true(is->sample == about.sample && is->hashed && is->keep_prefix == ':');
    assert_int_equal(recording_size(r), lseek(s.fd, 0, SEEK_END));
    recording_close(r);
    close(s.fd);
}

/* Up to its last whole block. */
static void a_file_that_is_cut_gives_its_whole_blocks(void **state)
{
    struct random_take *takes = takes_of_test();
    struct scratch s = scratch_begins();
    (void)state;
    size_t len = write_file(s.fd, takes), before = 0;
    uint8_t *bytes = bytes_of(&s, len);
    for (size_t cut = 0; cut < len; cut++) {
        scratch_becomes(&s, bytes, cut);
        struct seen seen = read_all(s.path, takes, TAKES);
        assert_int_equal(seen.wrong + seen.damaged, 0);
        assert_int_equal(seen.cuts, seen.opens);
        if (!seen.opens) assert_non_null(strstr(seen.note, cut == 0 ? "empty" : "header"));
        assert_int_equal(seen.takes % BLOCK_OF, 0);
        assert_true(seen.takes >= before);
        before = seen.takes;
    }
    assert_int_equal(before, TAKES); /* without its end mark, all are there */
    free(bytes);
    close(s.fd);
}

static void no_changed_byte_gives_a_wrong_request(void **state)
{
    static const uint8_t changes[] = {0x01, 0x80, 0xff, 0x20};
    struct random_take *takes = takes_of_test();
    struct scratch s = scratch_begins();
    (void)state;
    size_t len = write_file(s.fd, takes);
    uint8_t *bytes = bytes_of(&s, len);
    for (size_t i = 0; i < len; i++) {
        uint8_t was = bytes[i];
        bytes[i] ^= changes[i % sizeof changes];
        scratch_becomes(&s, bytes, len);
        bytes[i] = was;
        struct seen seen = read_all(s.path, takes, TAKES);
        assert_int_equal(seen.wrong, 0);
        bool is_whole = seen.opens && seen.takes == TAKES && seen.lost == 7 && seen.gaps == 1;
        bool is_said = seen.damaged + seen.cuts > 0;
        if (!is_whole && !is_said && seen.opens) fail_msg("byte %zu: nothing was said", i);
        if (seen.opens) assert_true(seen.takes >= TAKES - BLOCK_OF);
    }
    free(bytes);
    close(s.fd);
}

static void bytes_that_are_missing_or_added_are_found(void **state)
{
    struct random_take *takes = takes_of_test();
    struct scratch s = scratch_begins();
    uint64_t seed = seed_of_test();
    (void)state;
    size_t len = write_file(s.fd, takes);
    uint8_t *bytes = bytes_of(&s, len), *other = malloc(2 * len);
    assert_non_null(other);
    const char *more = getenv("RECORDINGS_SECONDS");
    time_t end = time(NULL) + (more ? atol(more) : 0);
    for (int round = 0; round < 500 || time(NULL) < end; round++) {
        size_t from = random_number(&seed) % len, n = 1 + random_number(&seed) % (len - from);
        size_t rest = len - from - (round % 2 ? n : 0), added = round % 2 ? 0 : n;
        memcpy(other, bytes, from);
        for (size_t i = 0; i < added; i++) other[from + i] = (uint8_t)random_number(&seed);
        memcpy(other + from + added, bytes + len - rest, rest);
        scratch_becomes(&s, other, from + added + rest);
        struct seen seen = read_all(s.path, takes, TAKES);
        assert_int_equal(seen.wrong, 0);
        if (seen.opens) assert_true(seen.damaged + seen.cuts > 0);
    }
    free(bytes);
    free(other);
    close(s.fd);
}

static void a_damaged_block_is_named(void **state)
{
    struct random_take *takes = takes_of_test();
    struct scratch s = scratch_begins();
    (void)state;
    size_t len = write_file(s.fd, takes), used = 0;
    uint8_t *bytes = bytes_of(&s, len);
    struct header header;
    char error[RECORDING_ERROR], expected[64];
    struct block b;
    assert_int_equal(header_read((char *)bytes, len, &header, &used, error), HEADER_OK);
    assert_int_equal(block_read(bytes + used, len - used, &b), BLOCK_OK);
    bytes[used + b.head + b.stored / 2] ^= 1;
    scratch_becomes(&s, bytes, len);
    struct seen seen = read_all(s.path, takes, TAKES);
    assert_int_equal(seen.takes, TAKES - BLOCK_OF);
    assert_int_equal(seen.damaged, 2); /* the block, and what the end mark says */

    char note[RECORDING_ERROR];
    struct take t;
    struct recording *r = recording_open(s.path, note);
    assert_int_equal(recording_next(r, &t), RECORDING_DAMAGED);
    snprintf(expected, sizeof expected, "the block at byte %zu is damaged (its checksum is wrong)",
             used);
    assert_non_null(strstr(recording_note(r), expected));
    recording_close(r);
    free(bytes);
    close(s.fd);
}

/* --- other versions ---------------------------------------------------------------------------- */

/* A header of other numbers and names, then one take. */
static void write_other(const struct scratch *s, const char *first, const char *results)
{
    char header[2000], checksum[40];
    uint8_t bytes[4096];
    struct take t = {.parts = 1, .command = 1, .result = 2, .key = (uint8_t *)"k", .key_len = 1};
    int n = snprintf(header, sizeof header,
                     "%s\nversion 77\nbegun 5\nfile 1\nvalues sizes\nsample 1\nkeys plain\n"
                     "weather fine\ncommands ? vanish get\n%s",
                     first, results);
    snprintf(checksum, sizeof checksum, "checksum %016llx\n\n",
             (unsigned long long)block_checksum(header, (size_t)n));
    assert_int_equal(ftruncate(s->fd, 0) + (int)lseek(s->fd, 0, SEEK_SET), 0);
    struct recorder *r = recorder_create(s->fd, &about);
    size_t begin = recorder_bytes(r);
    struct block later = {.kind = 99, .stored = 3, .checksum = block_checksum("abc", 3)};
    assert_true(recorder_take(r, &t));
    t.command = 2;
    t.result = 1;
    assert_true(recorder_take(r, &t));
    assert_true(recorder_finish(r));
    size_t len = recorder_bytes(r) - begin;
    recorder_destroy(r);
    assert_int_equal(pread(s->fd, bytes, len, (off_t)begin), len);
    uint8_t head[BLOCK_HEAD];
    block_write(&later, head);
    FILE *out = fopen(s->path, "we");
    fprintf(out, "%s%s", header, checksum);
    fwrite(head, 1, sizeof head, out);
    fputs("abc", out);
    fwrite(bytes, 1, len, out);
    fclose(out);
}

static void names_of_another_version_are_read_by_their_text(void **state)
{
    struct scratch s = scratch_begins();
    char error[RECORDING_ERROR];
    struct take t;
    (void)state;
    write_other(&s, "moongate recording 1", "results answered miss lost_in_space\n");
    struct recording *r = recording_open(s.path, error);
    assert_non_null(r);
    assert_int_equal(recording_next(r, &t), RECORDING_TAKE);
    assert_int_equal(t.command, COMMAND_NONE);
    assert_string_equal(recording_command(r), "vanish");
    assert_int_equal(t.result, LIVE_ANSWERED);
    assert_string_equal(recording_result(r), "lost_in_space");
    assert_int_equal(recording_next(r, &t), RECORDING_TAKE);
    assert_int_equal(t.command, COMMAND_GET);
    assert_int_equal(t.result, LIVE_MISS);
    assert_int_equal(recording_next(r, &t), RECORDING_END);
    recording_close(r);
    close(s.fd);
}

static void another_format_or_another_file_is_refused_by_name(void **state)
{
    struct scratch s = scratch_begins();
    char error[RECORDING_ERROR];
    (void)state;
    write_other(&s, "moongate recording 2", "results answered\n");
    assert_null(recording_open(s.path, error));
    assert_non_null(strstr(error, "it has format 2, and this moongate reads format 1"));
    write_other(&s, "moongate recording 1", "");
    assert_null(recording_open(s.path, error));
    assert_non_null(strstr(error, "its header lacks a line"));
    assert_null(recording_open("/nonexistent/file", error));
    assert_string_equal(error, "/nonexistent/file: No such file or directory");
    assert_null(recording_open("/tmp", error));
    assert_string_equal(error, "/tmp: it is a folder");
    scratch_becomes(&s, "return mg.pool { }\n", 19);
    assert_null(recording_open(s.path, error));
    assert_non_null(strstr(error, "it is not a recording of moongate"));
    close(s.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_as_it_was_written),
        cmocka_unit_test(a_file_that_is_cut_gives_its_whole_blocks),
        cmocka_unit_test(no_changed_byte_gives_a_wrong_request),
        cmocka_unit_test(bytes_that_are_missing_or_added_are_found),
        cmocka_unit_test(a_damaged_block_is_named),
        cmocka_unit_test(names_of_another_version_are_read_by_their_text),
        cmocka_unit_test(another_format_or_another_file_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
