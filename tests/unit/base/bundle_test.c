/* bundle: what goes in comes out, and no other bytes pass for a bundle. */
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
#include <unistd.h>

#include <cmocka.h>

#include "base/bundle.h"

static bool add(struct bundle *b, enum bundle_kind kind, const char *path, const char *bytes,
                size_t len)
{
    struct bundle_file file = {kind, path, strlen(path), bytes, len};
    return bundle_add(b, &file);
}

static void has(const struct bundle_file *file, enum bundle_kind kind, const char *path,
                const char *bytes, size_t len)
{
    assert_int_equal(file->kind, kind);
    assert_int_equal(file->path_len, strlen(path));
    assert_memory_equal(file->path, path, file->path_len);
    assert_int_equal(file->len, len);
    if (len) assert_memory_equal(file->bytes, bytes, len);
}

static struct bundle *three_files(void)
{
    struct bundle *b = bundle_create();
    assert_true(add(b, BUNDLE_FILE, "main.lua", "return 1\0 \n", 11));
    assert_true(add(b, BUNDLE_ABSENT, "a/no.lua", "no such file", 12));
    assert_true(add(b, BUNDLE_WATCHED, "/etc/servers", NULL, 0));
    assert_true(add(b, BUNDLE_FILE, "", "", 0));
    return b;
}

static void has_three_files(const struct bundle *b)
{
    struct bundle_file file;
    size_t at = 0;
    assert_true(bundle_next(b, &at, &file));
    has(&file, BUNDLE_FILE, "main.lua", "return 1\0 \n", 11);
    assert_true(bundle_next(b, &at, &file));
    has(&file, BUNDLE_ABSENT, "a/no.lua", "no such file", 12);
    assert_true(bundle_next(b, &at, &file));
    has(&file, BUNDLE_WATCHED, "/etc/servers", NULL, 0);
    assert_true(bundle_next(b, &at, &file));
    has(&file, BUNDLE_FILE, "", "", 0);
    assert_false(bundle_next(b, &at, &file));
}

static int memory_with(const void *bytes, size_t len)
{
    int fd = memfd_create("bundle-test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    return fd;
}

static void what_is_written_is_read(void **state)
{
    const char *why;
    struct bundle *b = three_files();
    int fd = memory_with("what was here before, and is longer than all that is written over it: "
                         "................................................................"
                         "................................................................",
                         190);
    has_three_files(b);
    assert_int_equal(bundle_write(b, fd), 0);
    bundle_give(b);
    for (int i = 0; i < 2; i++) {
        b = bundle_read(fd, &why);
        assert_non_null(b);
        assert_null(why);
        has_three_files(b);
        bundle_give(b);
    }
    close(fd);
}

static void an_empty_one_is_one(void **state)
{
    struct bundle *b = bundle_create();
    struct bundle_file file;
    size_t at = 0;
    assert_null(bundle_wrong(b->bytes, b->len));
    assert_false(bundle_next(b, &at, &file));
    assert_false(bundle_find(b, "", 0, &file));
    bundle_give(b);
}

static void the_first_file_of_a_path_is_found_unless_it_is_only_watched(void **state)
{
    struct bundle *b = three_files();
    struct bundle_file file;
    assert_true(add(b, BUNDLE_FILE, "main.lua", "again", 5));
    assert_true(bundle_find(b, "main.lua", 8, &file));
    has(&file, BUNDLE_FILE, "main.lua", "return 1\0 \n", 11);
    assert_true(bundle_find(b, "a/no.lua", 8, &file));
    assert_int_equal(file.kind, BUNDLE_ABSENT);
    assert_false(bundle_find(b, "/etc/servers", 12, &file));
    assert_false(bundle_find(b, "main.lu", 7, &file));
    assert_false(bundle_find(b, "main.lua2", 9, &file));
    assert_true(add(b, BUNDLE_FILE, "/etc/servers", "read, too", 9));
    assert_true(bundle_find(b, "/etc/servers", 12, &file));
    has(&file, BUNDLE_FILE, "/etc/servers", "read, too", 9);
    bundle_give(b);
}

static void references_are_counted(void **state)
{
    struct bundle *b = three_files();
    assert_ptr_equal(bundle_take(b), b);
    bundle_give(b);
    has_three_files(b);
    bundle_give(b);
    bundle_give(NULL);
}

/* Each beginning stands in memory of its own, so that a sanitizer sees who reads on. */
static void no_beginning_of_a_bundle_is_one(void **state)
{
    struct bundle *b = three_files();
    for (size_t n = 0; n < b->len; n++) {
        char *bytes = malloc(n + 1);
        const char *why;
        assert_non_null(bytes);
        memcpy(bytes, b->bytes, n);
        assert_non_null(bundle_wrong(bytes, n));
        int fd = memory_with(bytes, n);
        assert_null(bundle_read(fd, &why));
        assert_non_null(why);
        close(fd);
        free(bytes);
    }
    bundle_give(b);
}

/* What has the right length and lies: a bundle either is refused, or all of its files lie within it. */
static void every_changed_byte_is_refused_or_harmless(void **state)
{
    struct bundle *b = three_files();
    char *bytes = malloc(b->len);
    assert_non_null(bytes);
    for (size_t at = 0; at < b->len; at++) {
        for (int to = 0; to < 256; to++) {
            memcpy(bytes, b->bytes, b->len);
            bytes[at] = (char)to;
            if (bundle_wrong(bytes, b->len)) continue;
            struct bundle changed = {.bytes = bytes, .len = b->len, .references = 1};
            struct bundle_file file;
            for (size_t next = 0; bundle_next(&changed, &next, &file);) {
                assert_true(file.path >= bytes && file.bytes >= file.path);
                assert_true(file.bytes + file.len <= bytes + b->len);
            }
        }
    }
    free(bytes);
    bundle_give(b);
}

static void says_of(size_t at, const char *bytes, size_t n, const char *expected)
{
    struct bundle *b = three_files();
    memcpy(b->bytes + at, bytes, n);
    assert_string_equal(bundle_wrong(b->bytes, b->len), expected);
    bundle_give(b);
}

static void what_is_wrong_is_said(void **state)
{
    static const char garbage[200] = "return 1 -- a script and no bundle";
    assert_string_equal(bundle_wrong(garbage, sizeof garbage), "it is not a bundle of a script");
    assert_string_equal(bundle_wrong("", 0), "it is cut short");
    says_of(0, "M", 1, "it is not a bundle of a script");
    says_of(8, "\1\2\3\4", 4, "it comes from another kind of machine");
    says_of(12, "\2", 1, "it comes from another version of moongate");
    says_of(16, "\377\377\377\377\377\377\377\377", 8, "it is cut short");
    says_of(16, "\40\0", 2, "something follows it");
    says_of(24, "\3", 1, "it is damaged");
    says_of(24, "\5", 1, "it is damaged");
    says_of(24, "\377\377\377\377\377\377\377\377", 8, "it is damaged");
    says_of(32, &(const char){BUNDLE_KINDS}, 1, "it is damaged");
    says_of(36, "\377\377\377\377", 4, "it is damaged");                 /* length of a path */
    says_of(40, "\377\377\377\377\377\377\377\377", 8, "it is damaged"); /* of a file */
    says_of(40, "\377\377\377\377\377\377\377\177", 8, "it is damaged");
}

static void more_than_64_mib_are_refused(void **state)
{
    struct bundle *b = three_files();
    size_t n = BUNDLE_MOST - 1000, before;
    char *bytes = calloc(1, n);
    assert_non_null(bytes);
    assert_true(add(b, BUNDLE_FILE, "large", bytes, n));
    before = b->len;
    assert_false(add(b, BUNDLE_FILE, "more", bytes, 1000));
    assert_false(add(b, BUNDLE_FILE, "more", bytes, SIZE_MAX));
    assert_int_equal(b->len, before);
    assert_null(bundle_wrong(b->bytes, b->len));
    assert_true(add(b, BUNDLE_FILE, "little", bytes, 10));
    free(bytes);
    bundle_give(b);
}

static void a_descriptor_that_fails_says_why(void **state)
{
    const char *why;
    struct bundle *b = three_files();
    int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    assert_true(full >= 0);
    assert_int_equal(bundle_write(b, full), ENOSPC);
    close(full);
    assert_int_equal(bundle_write(b, -1), EBADF);
    bundle_give(b);
    assert_null(bundle_read(-1, &why));
    assert_string_equal(why, strerror(EBADF));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(an_empty_one_is_one),
        cmocka_unit_test(the_first_file_of_a_path_is_found_unless_it_is_only_watched),
        cmocka_unit_test(references_are_counted),
        cmocka_unit_test(no_beginning_of_a_bundle_is_one),
        cmocka_unit_test(every_changed_byte_is_refused_or_harmless),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(more_than_64_mib_are_refused),
        cmocka_unit_test(a_descriptor_that_fails_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
