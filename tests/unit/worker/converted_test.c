/* converted: what a check has made of a configuration is in the bundle, and who loads from there takes it. */
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
#include "script/script.h"
#include "worker/converted.h"

static const char config[] = "{\"route\": \"NullRoute\"}", made[] = "return 1 -- made before",
                  expanded[] = "{\n  \"route\": \"NullRoute\"\n}";
static const struct script_file file = {
    .path = "a.json", .guess = GUESS_NOT, .kind = CONVERT_MCROUTER};

/* The script that is made of config from this bundle; the caller frees it. */
static char *script_from(struct bundle *b)
{
    struct converted c;
    char error[SCRIPT_ERROR_MAX] = "";
    assert_true(converted_make(&c, &file, config, sizeof config - 1, b, error));
    assert_int_equal(c.kind, CONVERT_MCROUTER);
    assert_string_equal(c.name, "a.json (converted)");
    char *text = strndup(c.text, c.len);
    assert_non_null(text);
    converted_release(&c);
    return text;
}

static void put(struct bundle *b, enum bundle_kind kind, const char *path, const char *bytes)
{
    struct bundle_file entry = {kind, path, strlen(path), bytes, strlen(bytes)};
    assert_true(bundle_add(b, &entry));
}

static void what_is_made_is_in_the_bundle_and_taken_from_there(void **state)
{
    struct bundle *b = bundle_create();
    struct bundle_file entry;
    size_t at = 0;
    put(b, BUNDLE_FILE, "a.json", config);
    b->records = true;
    char *first = script_from(b);
    assert_true(bundle_next(b, &at, &entry) && bundle_next(b, &at, &entry));
    assert_int_equal(entry.kind, BUNDLE_CONVERTED);
    assert_int_equal(entry.path_len, strlen("mcrouter"));
    assert_memory_equal(entry.path, "mcrouter", entry.path_len);
    assert_int_equal(entry.len, strlen(first));
    assert_memory_equal(entry.bytes, first, entry.len);
    assert_true(bundle_next(b, &at, &entry));
    assert_int_equal(entry.kind, BUNDLE_EXPANDED);
    assert_int_equal(entry.len, strlen(expanded));
    assert_memory_equal(entry.bytes, expanded, entry.len);
    assert_false(bundle_next(b, &at, &entry));
    assert_false(bundle_find(b, "mcrouter", strlen("mcrouter"), &entry)); /* it is no file */
    bundle_give(b);
    b = bundle_create();
    put(b, BUNDLE_FILE, "a.json", config);
    put(b, BUNDLE_FILE, "mcrouter", "a file of that name");
    put(b, BUNDLE_CONVERTED, "mcrouter", made);
    char *again = script_from(b);
    assert_string_equal(again, made);
    free(again);
    b->records = true; /* who records makes it again */
    again = script_from(b);
    assert_string_equal(again, first);
    free(again);
    free(first);
    bundle_give(b);
}

static void what_was_made_of_another_kind_of_file_is_not_taken(void **state)
{
    struct bundle *b = bundle_create();
    put(b, BUNDLE_FILE, "a.json", config);
    put(b, BUNDLE_CONVERTED, "twemproxy", made);
    put(b, BUNDLE_CONVERTED, "mcroute", made);
    char *text = script_from(b), *alone = script_from(NULL);
    assert_string_equal(text, alone);
    assert_string_not_equal(text, made);
    free(text);
    free(alone);
    bundle_give(b);
}

/* 300 times 300 times a text of 10,000 bytes. */
static void what_macros_make_is_kept_as_far_as_it_can_be_asked_for(void **state)
{
    struct bundle *b = bundle_create();
    struct bundle_file entry;
    struct converted c;
    char error[SCRIPT_ERROR_MAX], *text;
    size_t len, at = 0;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    fprintf(f, "{\"macros\": {\"a\": {\"type\": \"constDef\", \"result\": \"%010000d\"}, ", 0);
    fputs("\"b\": {\"type\": \"constDef\", \"result\": [\"%a%\"", f);
    for (int i = 1; i < 300; i++) fputs(",\"%a%\"", f);
    fputs("]}}, \"route\": \"NullRoute\", \"routing_options\": [\"%b%\"", f);
    for (int i = 1; i < 300; i++) fputs(",\"%b%\"", f);
    fputs("]}", f);
    assert_int_equal(fclose(f), 0);
    b->records = true;
    assert_true(converted_make(&c, &file, text, len, b, error));
    do assert_true(bundle_next(b, &at, &entry));
    while (entry.kind != BUNDLE_EXPANDED);
    assert_int_equal(entry.len, CONVERT_EXPANDED_MAX + 1);
    converted_release(&c);
    bundle_give(b);
    free(text);
}

/* Nobody writes to the pipe: to open it as a file would wait for ever. */
static void another_file_that_is_no_file_is_refused(void **state)
{
    static const struct script_file program = {
        .path = "a.lua", .guess = GUESS_NOT, .kind = CONVERT_ROUTELIB};
    char folder[] = "/tmp/converted-test-XXXXXX", path[64], text[128], error[SCRIPT_ERROR_MAX];
    char error_of_program[SCRIPT_ERROR_MAX];
    struct converted c;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    int n = snprintf(text, sizeof text, "{\"macros\": \"@import(%s)\"}", path);
    bool good = converted_make(&c, &file, text, (size_t)n, NULL, error);
    n = snprintf(text, sizeof text, "\nlocal_zone_from_file \"%s\"", path);
    good = converted_make(&c, &program, text, (size_t)n, NULL, error_of_program) || good;
    assert_int_equal(unlink(path), 0);
    assert_false(good);
    assert_non_null(strstr(error, "/pipe\": it is not a regular file: correct the path"));
    assert_ptr_equal(strstr(error_of_program, "a.lua:2: local_zone_from_file: /tmp/"),
                     error_of_program);
    assert_non_null(strstr(error_of_program, "/pipe: it is not a regular file"));
    n = snprintf(text, sizeof text, "{\"macros\": \"@import(%s)\"}", folder);
    assert_false(converted_make(&c, &file, text, (size_t)n, NULL, error));
    assert_non_null(strstr(error, ": Is a directory: correct the path"));
    assert_int_equal(rmdir(folder), 0);
}

/* The script, too, counts for the bytes that a bundle may have. */
static void a_script_without_room_for_it_is_refused(void **state)
{
    struct bundle *b = bundle_create();
    char error[SCRIPT_ERROR_MAX] = "";
    struct converted c;
    size_t len = BUNDLE_MOST - b->len - 128;
    char *bytes = calloc(1, len);
    assert_non_null(bytes);
    struct bundle_file entry = {BUNDLE_FILE, "a.json", 6, bytes, len};
    assert_true(bundle_add(b, &entry));
    free(bytes);
    b->records = true;
    assert_false(converted_make(&c, &file, config, sizeof config - 1, b, error));
    assert_string_equal(error,
                        "a.json: it is larger than 64 MiB, with its files and the script that it "
                        "was converted to: make it smaller");
    bundle_give(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_is_in_the_bundle_and_taken_from_there),
        cmocka_unit_test(what_was_made_of_another_kind_of_file_is_not_taken),
        cmocka_unit_test(what_macros_make_is_kept_as_far_as_it_can_be_asked_for),
        cmocka_unit_test(another_file_that_is_no_file_is_refused),
        cmocka_unit_test(a_script_without_room_for_it_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
