/* saver: of the scripts that pass while another one is written, the last is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bundle.h"
#include "master/saver.h"

static char dir[64], path[96];

static int set_up(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/saver-test-XXXXXX");
    if (!mkdtemp(dir)) return -1;
    snprintf(path, sizeof path, "%s/last-good", dir);
    return 0;
}

static int tear_down(void **state)
{
    unlink(path);
    return rmdir(dir);
}

static int source_with(const char *text)
{
    struct bundle *b = bundle_create();
    struct bundle_file main = {BUNDLE_FILE, "s.lua", 5, text, strlen(text)};
    assert_true(bundle_add(b, &main));
    int fd = memfd_create("saver-test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(bundle_write(b, fd), 0);
    bundle_give(b);
    return fd;
}

static void nothing_to_leave(void *arg)
{
}

static void saves(struct saver *s, const char *text)
{
    int fd = source_with(text);
    saver_save(s, fd);
    close(fd);
}

static bool kept_file_has(const char *text)
{
    char bytes[4096];
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return memmem(bytes, n, text, strlen(text));
}

static void the_last_of_those_that_come_while_one_is_written_is_kept(void **state)
{
    struct ev_loop *loop = ev_default_loop(0);
    struct saver s;
    assert_non_null(loop);
    saver_init(&s, loop, dir, nothing_to_leave, NULL);
    saves(&s, "the first");
    saves(&s, "the second"); /* the loop has not run: the first one's child is not done */
    saves(&s, "the third");
    ev_run(loop, 0); /* until no child is waited for */
    assert_true(kept_file_has("the third"));
    assert_false(kept_file_has("the second"));
    saves(&s, "the fourth");
    ev_run(loop, 0);
    assert_true(kept_file_has("the fourth"));
    saver_stop(&s);
    ev_loop_destroy(loop);
}

static void without_a_folder_nothing_is_done(void **state)
{
    struct ev_loop *loop = ev_default_loop(0);
    struct saver s;
    saver_init(&s, loop, NULL, nothing_to_leave, NULL);
    saves(&s, "any");
    assert_false(ev_is_active(&s.exit_watcher));
    saver_stop(&s);
    ev_loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_last_of_those_that_come_while_one_is_written_is_kept,
                                        set_up, tear_down),
        cmocka_unit_test(without_a_folder_nothing_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
