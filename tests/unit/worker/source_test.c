/* source: a script's files, read once and shared as a descriptor. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bundle.h"
#include "worker/source.h"

static char dir[64], path[96];

static int set_up(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/source-test-XXXXXX");
    if (!mkdtemp(dir)) return -1;
    snprintf(path, sizeof path, "%s/script.lua", dir);
    return 0;
}

static int tear_down(void **state)
{
    unlink(path);
    return rmdir(dir);
}

static void write_script(const char *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* The only file in the source; the caller gives the bundle back. */
static struct bundle *only_file(int fd, struct bundle_file *file)
{
    const char *why;
    size_t at = 0;
    struct bundle *b = bundle_read(fd, &why);
    assert_non_null(b);
    assert_true(bundle_next(b, &at, file));
    assert_int_equal(file->kind, BUNDLE_FILE);
    assert_int_equal(file->path_len, strlen(path));
    assert_memory_equal(file->path, path, strlen(path));
    struct bundle_file other;
    assert_false(bundle_next(b, &at, &other));
    return b;
}

static void the_text_stays_what_it_was_when_it_was_read(void **state)
{
    struct bundle_file file;
    write_script("return 1\0 \n", 11);
    int fd = source_open(path);
    assert_true(fd >= 0);
    write_script("other", 5);
    for (int i = 0; i < 2; i++) { /* it can be read again and again */
        struct bundle *b = only_file(fd, &file);
        assert_int_equal(file.len, 11);
        assert_memory_equal(file.bytes, "return 1\0 \n", 11);
        bundle_give(b);
    }
    close(fd);
}

static void a_long_and_an_empty_text_come_whole(void **state)
{
    struct bundle_file file;
    size_t n = 1000003;
    char *bytes = malloc(n);
    assert_non_null(bytes);
    memset(bytes, '-', n);
    write_script(bytes, n);
    int fd = source_open(path);
    struct bundle *b = only_file(fd, &file);
    assert_int_equal(file.len, n);
    assert_memory_equal(file.bytes, bytes, n);
    bundle_give(b);
    free(bytes);
    close(fd);
    write_script("", 0);
    fd = source_open(path);
    b = only_file(fd, &file);
    assert_int_equal(file.len, 0);
    bundle_give(b);
    close(fd);
}

static void a_text_beyond_64_mib_is_refused(void **state)
{
    write_script("", 0);
    assert_int_equal(truncate(path, BUNDLE_MOST), 0);
    assert_int_equal(source_open(path), -1);
    assert_int_equal(errno, EFBIG);
}

static void nobody_changes_what_is_sealed(void **state)
{
    struct bundle_file file;
    write_script("return 1", 8);
    int fd = source_open(path);
    struct bundle *b = only_file(fd, &file);
    assert_int_equal(bundle_write(b, fd), 0);
    source_seal(fd);
    assert_int_equal(bundle_write(b, fd), EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    bundle_give(b);
    bundle_give(only_file(fd, &file));
    source_seal(-1);
    close(fd);
}

static void count(void *arg, const struct bundle_file *file)
{
    unsigned *n = arg;
    assert_int_equal(file->kind, BUNDLE_FILE);
    assert_memory_equal(file->path, path, file->path_len);
    ++*n;
}

static void files_are_listed_and_none_of_what_is_no_source(void **state)
{
    unsigned n = 0;
    write_script("return 1", 8);
    int fd = source_open(path);
    source_files(fd, count, &n);
    assert_int_equal(n, 1);
    assert_int_equal(ftruncate(fd, 20), 0);
    source_files(fd, count, &n);
    source_files(-1, count, &n);
    assert_int_equal(n, 1);
    close(fd);
}

static void a_missing_file_and_a_folder_say_why(void **state)
{
    assert_int_equal(source_open(path), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(source_open(dir), -1);
    assert_int_equal(errno, EISDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_text_stays_what_it_was_when_it_was_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_long_and_an_empty_text_come_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_text_beyond_64_mib_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_changes_what_is_sealed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_are_listed_and_none_of_what_is_no_source, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_missing_file_and_a_folder_say_why, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
