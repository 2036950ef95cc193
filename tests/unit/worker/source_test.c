/* source: a script's text, read once and shared as a descriptor. */
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

static void the_text_stays_what_it_was_when_it_was_read(void **state)
{
    size_t len;
    write_script("return 1\0 \n", 11);
    int fd = source_open(path);
    assert_true(fd >= 0);
    write_script("other", 5);
    for (int i = 0; i < 2; i++) { /* it can be read again and again */
        char *text = source_read(fd, &len);
        assert_non_null(text);
        assert_int_equal(len, 11);
        assert_memory_equal(text, "return 1\0 \n", 11);
        free(text);
    }
    close(fd);
}

static void a_long_and_an_empty_text_come_whole(void **state)
{
    size_t n = 1000003, len;
    char *bytes = malloc(n);
    assert_non_null(bytes);
    memset(bytes, '-', n);
    write_script(bytes, n);
    int fd = source_open(path);
    char *text = source_read(fd, &len);
    assert_int_equal(len, n);
    assert_memory_equal(text, bytes, n);
    free(text);
    free(bytes);
    close(fd);
    write_script("", 0);
    fd = source_open(path);
    text = source_read(fd, &len);
    assert_non_null(text);
    assert_int_equal(len, 0);
    free(text);
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
        cmocka_unit_test_setup_teardown(a_missing_file_and_a_folder_say_why, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
