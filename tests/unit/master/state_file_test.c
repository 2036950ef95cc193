/* state_file: what is kept is read again, and nothing else is. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bundle.h"
#include "master/state_file.h"

static char dir[64], path[96], new_path[96];

static int set_up(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/state-test-XXXXXX");
    if (!mkdtemp(dir)) return -1;
    snprintf(path, sizeof path, "%s/last-good", dir);
    snprintf(new_path, sizeof new_path, "%s/last-good.%d.new", dir, (int)getpid());
    return 0;
}

static int tear_down(void **state)
{
    unlink(path);
    return rmdir(dir); /* nothing else is left */
}

static int source_with(const char *script, const char *text)
{
    struct bundle *b = bundle_create();
    struct bundle_file main = {BUNDLE_FILE, script, strlen(script), text, strlen(text)};
    struct bundle_file none = {BUNDLE_ABSENT, "none.lua", 8, "why", 3};
    struct bundle_file key = {BUNDLE_SECRET, "key.pem", 7, "not for the disk", 16};
    assert_true(bundle_add(b, &main) && bundle_add(b, &key) && bundle_add(b, &none));
    int fd = memfd_create("state-test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(bundle_write(b, fd), 0);
    bundle_give(b);
    return fd;
}

static void keeps(const char *script, const char *text, uint64_t saved)
{
    int fd = source_with(script, text);
    assert_int_equal(state_file_write(dir, fd, saved), 0);
    close(fd);
}

static int reads(const char *script, uint64_t *saved, char *why)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    int fd = state_file_read(file, script, saved, why);
    close(file);
    return fd;
}

static void what_is_kept_is_read_again(void **state)
{
    char why[STATE_WHY_MAX];
    const char *wrong;
    uint64_t saved;
    struct bundle_file file;
    keeps("shop.lua", "an earlier and longer one", 1);
    keeps("shop.lua", "return 1", 1234567890123);
    int fd = reads("shop.lua", &saved, why);
    assert_true(fd >= 0);
    assert_int_equal(saved, 1234567890123);
    struct bundle *b = bundle_read(fd, &wrong);
    assert_non_null(b);
    size_t at = 0;
    assert_true(bundle_next(b, &at, &file));
    assert_int_equal(file.len, 8);
    assert_memory_equal(file.bytes, "return 1", 8);
    assert_true(bundle_next(b, &at, &file));
    assert_int_equal(file.kind, BUNDLE_ABSENT);
    assert_false(bundle_next(b, &at, &file));
    bundle_give(b);
    close(fd);
}

static void it_is_for_its_owner_alone(void **state)
{
    struct stat about;
    keeps("shop.lua", "return 1", 1);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
}

static void what_a_killed_process_left_is_no_hindrance(void **state)
{
    char why[STATE_WHY_MAX];
    uint64_t saved;
    assert_int_equal(symlink("/etc/passwd", new_path), 0);
    keeps("shop.lua", "return 1", 1);
    int fd = reads("shop.lua", &saved, why);
    assert_true(fd >= 0);
    close(fd);
    struct stat about;
    assert_int_equal(lstat(path, &about), 0);
    assert_true(S_ISREG(about.st_mode));
}

static void another_script_is_refused(void **state)
{
    char why[STATE_WHY_MAX];
    uint64_t saved;
    keeps("shop.lua", "return 1", 1);
    assert_int_equal(reads("/etc/shop.lua", &saved, why), -1);
    assert_string_equal(why, "it is of the script shop.lua");
    assert_int_equal(reads("shop.lu", &saved, why), -1);
    assert_int_equal(reads("shot.lua", &saved, why), -1);
}

/* The file's bytes; the caller frees them. */
static char *kept_bytes(size_t *len)
{
    FILE *file = fopen(path, "rbe");
    assert_non_null(file);
    char *bytes = malloc(4096);
    assert_non_null(bytes);
    *len = fread(bytes, 1, 4096, file);
    fclose(file);
    return bytes;
}

static void no_beginning_of_it_is_taken(void **state)
{
    size_t len;
    keeps("shop.lua", "return 1", 1);
    char *bytes = kept_bytes(&len);
    for (size_t n = 0; n < len; n++) {
        char *cut = malloc(n + 1);
        assert_non_null(cut);
        memcpy(cut, bytes, n);
        assert_string_equal(state_file_wrong(cut, n), "it is cut short");
        free(cut);
    }
    bytes[len] = 0;
    assert_string_equal(state_file_wrong(bytes, len + 1), "something follows it");
    assert_null(state_file_wrong(bytes, len));
    free(bytes);
}

static void no_changed_byte_is_taken(void **state)
{
    size_t len;
    keeps("shop.lua", "return 1", 1);
    char *bytes = kept_bytes(&len);
    for (size_t at = 0; at < len; at++) {
        char was = bytes[at];
        for (int i = 1; i < 256; i++) {
            bytes[at] = (char)(was ^ i);
            if (!state_file_wrong(bytes, len)) fail_msg("byte %zu may be %d", at, bytes[at]);
        }
        bytes[at] = was;
    }
    free(bytes);
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        size_t at;
        const char *byte, *expected;
    } rows[] = {
        {0, "M", "it is no script that moongate has kept"},
        {16, "\1", "it comes from another kind of machine"},
        {20, "\2", "it comes from another version of moongate"},
        {24, "x", "it is damaged"},
        {40, "x", "it is damaged"},
        {100, "x", "it is damaged"},
    };
    size_t len;
    keeps("shop.lua", "return 1", 1);
    char *bytes = kept_bytes(&len);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char was = bytes[rows[i].at];
        bytes[rows[i].at] = *rows[i].byte;
        assert_string_equal(state_file_wrong(bytes, len), rows[i].expected);
        bytes[rows[i].at] = was;
    }
    free(bytes);
    assert_string_equal(
        state_file_wrong("return 1 -- a script, and longer than the head of a file", 56),
        "it is no script that moongate has kept");
}

static void a_folder_and_a_file_of_the_wrong_size_are_refused(void **state)
{
    char why[STATE_WHY_MAX];
    uint64_t saved;
    int fd = open(dir, O_RDONLY | O_CLOEXEC);
    assert_int_equal(state_file_read(fd, "shop.lua", &saved, why), -1);
    assert_string_equal(why, "it is not a file");
    close(fd);
    keeps("shop.lua", "return 1", 1);
    assert_int_equal(truncate(path, 2 * (off_t)BUNDLE_MOST), 0);
    assert_int_equal(reads("shop.lua", &saved, why), -1);
    assert_string_equal(why, "it is too large");
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(reads("shop.lua", &saved, why), -1);
    assert_string_equal(why, "it is cut short");
}

static void a_folder_that_cannot_be_written_says_why(void **state)
{
    int fd = source_with("shop.lua", "return 1");
    assert_int_equal(state_file_write("/nowhere/at/all", fd, 1), ENOENT);
    assert_int_equal(state_file_write("/dev/null", fd, 1), ENOTDIR);
    assert_int_equal(state_file_write("/proc", fd, 1), ENOENT);
    close(fd);
    assert_int_not_equal(state_file_write(dir, -1, 1), 0);
    assert_false(state_file_can_be_written("/nowhere/at/all"));
    assert_int_equal(errno, ENOENT);
    assert_false(state_file_can_be_written("/proc"));
    assert_true(state_file_can_be_written(dir));
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        test(what_is_kept_is_read_again),
        test(it_is_for_its_owner_alone),
        test(what_a_killed_process_left_is_no_hindrance),
        test(another_script_is_refused),
        test(no_beginning_of_it_is_taken),
        test(no_changed_byte_is_taken),
        test(what_is_wrong_is_said),
        test(a_folder_and_a_file_of_the_wrong_size_are_refused),
        test(a_folder_that_cannot_be_written_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
