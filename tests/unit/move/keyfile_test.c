/* keyfile: keys come out in the order and form in which they went in. dump: what its lines say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "move/keyfile.h"
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* --- keyfile ------------------------------------------------------------------------------------ */

/* The nth key: of any length, and bytes that depend on n. */
static struct dump_key key_of(uint32_t n)
{
    struct dump_key key = {.exptime = (int64_t)n * 7 - 2};
    key.key.is_base64 = n % 3 == 0;
    key.key.len = (uint16_t)(n * 31 % KEY_MAX + 1);
    for (uint16_t i = 0; i < key.key.len; i++) key.key.bytes[i] = (uint8_t)(n + i * 5u);
    return key;
}

static void is_key(const struct dump_key *key, uint32_t n)
{
    struct dump_key expected = key_of(n);
    assert_int_equal(key->exptime, expected.exptime);
    assert_int_equal(key->key.is_base64, expected.key.is_base64);
    assert_true(tier_key_is(&key->key, &expected.key));
}

static void put(struct keyfile *f, uint32_t n)
{
    struct dump_key key = key_of(n);
    assert_int_equal(keyfile_put(f, &key), 0);
}

static void take(struct keyfile *f, uint32_t n)
{
    struct dump_key key;
    int error;
    assert_true(keyfile_take(f, &key, &error));
    assert_int_equal(error, 0);
    is_key(&key, n);
}

static void has_no_more(struct keyfile *f)
{
    struct dump_key key;
    int error;
    assert_false(keyfile_take(f, &key, &error));
    assert_int_equal(error, 0);
}

static void keys_come_out_as_they_went_in(void **state)
{
    enum { N = 20000 }; /* many buffers */
    struct keyfile f;
    assert_int_equal(keyfile_open(&f), 0);
    has_no_more(&f);
    for (uint32_t i = 0; i < N; i++) put(&f, i);
    assert_int_equal(f.keys, N);
    for (uint32_t i = 0; i < N; i++) take(&f, i);
    has_no_more(&f);
    keyfile_close(&f);
}

/* Whatever is between them: nothing, a part of a buffer, several. */
static void reading_follows_writing(void **state)
{
    struct keyfile f;
    uint32_t in = 0, out = 0;
    assert_int_equal(keyfile_open(&f), 0);
    for (uint32_t round = 1; round < 400; round++) {
        for (uint32_t i = 0; i < round * 13 % 700; i++) put(&f, in++);
        for (uint32_t i = 0; i < round * 17 % 500 && out < in; i++) take(&f, out++);
    }
    while (out < in) take(&f, out++);
    has_no_more(&f);
    put(&f, 1);
    take(&f, 1);
    keyfile_close(&f);
    keyfile_close(&f);
}

static void a_full_disk_is_an_error(void **state)
{
    struct keyfile f;
    struct dump_key key = key_of(1);
    struct rlimit before, small = {128 * 1024, RLIM_INFINITY};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(keyfile_open(&f), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int error = 0;
    for (uint32_t i = 0; i < 100000 && !error; i++) error = keyfile_put(&f, &key);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(error, EFBIG);
    keyfile_close(&f);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    struct keyfile f;
    setenv("TMPDIR", "/nonexistent", 1);
    assert_int_equal(keyfile_open(&f), ENOENT);
    unsetenv("TMPDIR");
}

/* --- lines of dumps ----------------------------------------------------------------------------- */

static void says(enum dump_kind kind, const char *line, const char *key, bool is_base64,
                 int64_t exptime)
{
    struct dump_key to;
    size_t len = strlen(line);
    assert_int_equal(dump_line_of(kind, (const uint8_t *)line, len), DUMP_LINE_KEY);
    assert_true(dump_read_line(kind, (const uint8_t *)line, len, &to));
    assert_int_equal(to.key.len, strlen(key));
    assert_memory_equal(to.key.bytes, key, to.key.len);
    assert_int_equal(to.key.is_base64, is_base64);
    assert_int_equal(to.exptime, exptime);
}

static void says_nothing(enum dump_kind kind, const char *line)
{
    struct dump_key to;
    assert_false(dump_read_line(kind, (const uint8_t *)line, strlen(line), &to));
}

static void lines_of_metadump_are_read(void **state)
{
    says(DUMP_META, "key=user%3A1 exp=-1 la=5 cas=2 fetch=no cls=1 size=67\n", "user:1", false, -1);
    says(DUMP_META, "key=a exp=1795933887 la=1 cas=5 fetch=yes cls=1 size=67 flags=5 \n", "a",
         false, 1795933887);
    says(DUMP_META, "key=bins%20key exp=7 la=1 cas=5 fetch=yes cls=1 size=67\n", "bins key", true,
         7);
    says(DUMP_META, "key=%c3%A9 exp=7 la=1 cas=5 fetch=yes cls=1 size=67\n", "\xc3\xa9", false, 7);
    says_nothing(DUMP_META, "key=a%2 exp=7 la=1\n");
    says_nothing(DUMP_META, "key=a%2x exp=7 la=1\n");
}

static void lines_of_mgdump_are_read(void **state)
{
    says(DUMP_MG, "mg user:1\r\n", "user:1", false, -2);
    says(DUMP_MG, "mg YmlucyBrZXk= b\r\n", "bins key", true, -2);
    says(DUMP_MG, "mg YWI= b\r\n", "ab", true, -2); /* stored so: it stays so */
    says_nothing(DUMP_MG, "mg YW!= b\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_out_as_they_went_in),
        cmocka_unit_test(reading_follows_writing),
        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
        cmocka_unit_test(lines_of_metadump_are_read),
        cmocka_unit_test(lines_of_mgdump_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
