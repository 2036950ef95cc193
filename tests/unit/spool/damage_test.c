/* Files of deletes that are cut, spoilt or of another version: what is damaged costs what was there alone. */
#include "unit/spool/spool_host.h"

static size_t read_bytes(const char *path, unsigned char *to, size_t most)
{
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, to, most);
    assert_true(n > 0 && (size_t)n < most);
    close(fd);
    return (size_t)n;
}

static void write_bytes(const char *path, const unsigned char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    close(fd);
}

enum { RECORDS = 12 };

/* A file with some records; the bytes of it. */
static size_t make_file(char **path, unsigned char *bytes, size_t most)
{
    empty_folder();
    struct folder *f = opened();
    struct spool *s = spool_of(f, SERVER);
    for (unsigned i = 0; i < RECORDS; i++) keep(f, s, line_of(i));
    folder_destroy(f);
    *path = last_file();
    assert_non_null(*path);
    return read_bytes(*path, bytes, most);
}

static void a_file_that_is_cut_anywhere_gives_what_is_whole(void **state)
{
    static unsigned char bytes[4096];
    unsigned numbers[RECORDS + 2];
    char *path;
    size_t len = make_file(&path, bytes, sizeof bytes);
    size_t record = (len - SEGMENT_HEAD) / RECORDS;
    assert_int_equal(record * RECORDS + SEGMENT_HEAD, len);
    for (size_t cut = 0; cut <= len; cut++) {
        empty_folder();
        write_bytes(path, bytes, cut);
        struct folder *f = opened();
        struct spool *s = spool_of(f, SERVER);
        size_t whole = cut < SEGMENT_HEAD ? 0 : (cut - SEGMENT_HEAD) / record;
        assert_int_equal(spool_pending(s), whole);
        keep(f, s, line_of(100)); /* more comes, and the process ends again */
        folder_destroy(f);
        f = opened();
        s = spool_of(f, SERVER);
        assert_int_equal(replays(s, numbers, RECORDS + 2), whole + 1);
        for (unsigned i = 0; i < whole; i++) assert_int_equal(numbers[i], i);
        assert_int_equal(numbers[whole], 100);
        folder_destroy(f);
    }
    free(path);
}

static void a_byte_that_is_flipped_costs_its_record_alone(void **state)
{
    static unsigned char bytes[4096];
    unsigned numbers[RECORDS + 2];
    char *path;
    size_t len = make_file(&path, bytes, sizeof bytes);
    size_t record = (len - SEGMENT_HEAD) / RECORDS;
    for (size_t at = 0; at < len; at++) {
        empty_folder();
        bytes[at] ^= (unsigned char)(1u << at % 8);
        write_bytes(path, bytes, len);
        bytes[at] ^= (unsigned char)(1u << at % 8);
        struct folder *f = opened();
        struct spool *s = spool_of(f, SERVER);
        size_t n = replays(s, numbers, RECORDS + 2);
        size_t hurt = at < SEGMENT_HEAD ? RECORDS : (at - SEGMENT_HEAD) / record;
        /* a byte between two records belongs to neither */
        assert_true(n == (at < SEGMENT_HEAD ? 0 : RECORDS - 1) ||
                    (at >= SEGMENT_HEAD && n == RECORDS));
        for (size_t i = 0, next = 0; i < n; i++, next++) {
            if (n < RECORDS && next == hurt) next++;
            assert_int_equal(numbers[i], next);
        }
        keep(f, s, line_of(3)); /* a file that was put aside is not in the way */
        assert_replays(s, 3, 1);
        folder_destroy(f);
    }
    free(path);
}

static void random_bytes_in_place_of_a_file_do_no_harm(void **state)
{
    static unsigned char bytes[4096], spoilt[4096];
    unsigned numbers[RECORDS];
    char *path;
    size_t len = make_file(&path, bytes, sizeof bytes);
    srand48(7);
    for (int round = 0; round < 300; round++) {
        size_t from = (size_t)(drand48() * (double)len), n = (size_t)(drand48() * 300);
        memcpy(spoilt, bytes, len);
        for (size_t i = from; i < len && i < from + n; i++)
            spoilt[i] = round % 3 ? (unsigned char)lrand48() : 0;
        empty_folder();
        write_bytes(path, spoilt, len);
        struct folder *f = opened();
        size_t given_n = replays(spool_of(f, SERVER), numbers, RECORDS);
        for (size_t i = 1; i < given_n; i++) assert_true(numbers[i] > numbers[i - 1]);
        folder_destroy(f);
    }
    free(path);
}

static void a_file_of_another_version_stays_as_it_is(void **state)
{
    static unsigned char bytes[4096], after[4096];
    char *path;
    size_t len = make_file(&path, bytes, sizeof bytes);
    bytes[20]++; /* the version */
    write_bytes(path, bytes, len);
    struct folder *f = opened();
    assert_null(folder_find(f, SERVER, strlen(SERVER)));
    keep(f, spool_of(f, SERVER), line_of(1));
    folder_destroy(f);
    assert_int_equal(read_bytes(path, after, sizeof after), len);
    assert_memory_equal(bytes, after, len);
    free(path);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, folder_comes, folder_goes)
    const struct CMUnitTest tests[] = {
        test(a_file_that_is_cut_anywhere_gives_what_is_whole),
        test(a_byte_that_is_flipped_costs_its_record_alone),
        test(random_bytes_in_place_of_a_file_do_no_harm),
        test(a_file_of_another_version_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
