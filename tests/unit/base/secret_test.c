/* secret: where a key's bytes come from, and that they do not get to the disk. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bundle.h"
#include "base/secret.h"

static char dir[] = "/tmp/secret_test.XXXXXX", path[64];

static void write_file(const char *text)
{
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    fputs(text, to);
    assert_int_equal(fclose(to), 0);
}

static void is_read(struct bundle *b, const char *text)
{
    struct secret s;
    assert_null(secret_read(&s, b, path));
    assert_int_equal(s.len, strlen(text));
    assert_string_equal(s.bytes, text);
    secret_release(&s);
    assert_null(s.bytes);
    secret_release(&s);
}

static void is_refused(struct bundle *b, const char *at, const char *why)
{
    struct secret s;
    const char *wrong = secret_read(&s, b, at);
    assert_non_null(wrong);
    assert_string_equal(wrong, why);
    assert_null(s.bytes);
}

static void the_bundle_keeps_what_the_check_has_read(void **state)
{
    struct bundle *b = bundle_create();
    write_file("one");
    is_read(b, "one");
    write_file("two");
    is_read(b, "two"); /* it does not record: the disk has it */
    b->records = true;
    is_read(b, "two");
    write_file("three");
    is_read(b, "two");
    b->records = false;
    is_read(b, "two");
    is_read(NULL, "three");
    bundle_give(b);
}

static void what_cannot_be_read_says_why_and_is_noted(void **state)
{
    struct bundle *b = bundle_create();
    struct bundle_file file;
    b->records = true;
    unlink(path);
    is_refused(b, path, strerror(ENOENT));
    assert_true(bundle_find_secret(b, path, &file));
    assert_int_equal(file.len, 0);
    write_file("late");
    is_refused(b, path, "it could not be read when the script was checked");
    is_read(NULL, "late");
    is_refused(NULL, dir, "it is not a regular file");
    write_file("");
    is_refused(NULL, path, "it is empty");
    assert_int_equal(truncate(path, SECRET_MOST + 1), 0);
    is_refused(NULL, path, "it is larger than 4 MiB");
    assert_int_equal(truncate(path, SECRET_MOST), 0);
    struct secret s;
    struct bundle *full = bundle_create();
    full->records = true;
    assert_null(secret_read(&s, full, path));
    secret_release(&s);
    bundle_give(full);
    bundle_give(b);
}

static void a_copy_for_the_disk_has_no_secret(void **state)
{
    struct bundle *b = bundle_create();
    struct bundle_file file, script = {BUNDLE_FILE, "s.lua", 5, "return 1", 8};
    size_t at = 0;
    b->records = true;
    write_file("the key");
    is_read(b, "the key");
    assert_true(bundle_add(b, &script));
    is_read(b, "the key");
    assert_false(bundle_find(b, path, strlen(path), &file)); /* nor does a script find it */
    struct bundle *kept = bundle_without_secrets(b);
    assert_null(memmem(kept->bytes, kept->len, "the key", 7));
    assert_true(bundle_next(kept, &at, &file));
    assert_int_equal(file.kind, BUNDLE_FILE);
    assert_memory_equal(file.bytes, "return 1", 8);
    assert_false(bundle_next(kept, &at, &file));
    assert_null(bundle_wrong(kept->bytes, kept->len));
    bundle_give(kept);
    bundle_give(b);
}

static int make_dir(void **state)
{
    snprintf(path, sizeof path, "%s/key", mkdtemp(dir) ? dir : "");
    return 0;
}

static int remove_dir(void **state)
{
    unlink(path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bundle_keeps_what_the_check_has_read),
        cmocka_unit_test(what_cannot_be_read_says_why_and_is_noted),
        cmocka_unit_test(a_copy_for_the_disk_has_no_secret),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
