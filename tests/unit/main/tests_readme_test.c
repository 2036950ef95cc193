/* tests/README.md shows the play that it explains as it is, and names every kind, floor and subject. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { TEXT = 1 << 16 };

static char readme[TEXT];

static void read_file(const char *path, char text[TEXT])
{
    FILE *from = fopen(path, "re");
    assert_non_null(from);
    size_t n = fread(text, 1, TEXT - 1, from);
    fclose(from);
    assert_in_range(n, 1, TEXT - 2);
    text[n] = '\0';
}

static void the_play_is_shown_as_it_is(void **state)
{
    static char play[TEXT];
    read_file("tests/README.md", readme);
    read_file("tests/e2e/routes/gutter_test.c", play);
    assert_non_null(strstr(readme, play));
}

/* As in `unit/base` or `unit/base/...`. */
static bool names(const char *folder)
{
    for (const char *at = readme; (at = strchr(at, '`')); at++) {
        size_t n = strlen(folder);
        if (strncmp(at + 1, folder, n) == 0 && strchr("`/", at[1 + n])) return true;
    }
    return false;
}

static void names_all(const char *pattern)
{
    glob_t folders;
    assert_int_equal(glob(pattern, GLOB_MARK, NULL, &folders), 0);
    for (size_t i = 0; i < folders.gl_pathc; i++) {
        char name[128];
        const char *path = folders.gl_pathv[i] + strlen("tests/"), *end = strrchr(path, '/');
        if (!end || end[1]) continue; /* a file */
        snprintf(name, sizeof name, "%.*s", (int)(end - path), path);
        if (!names(name)) fail_msg("tests/README.md does not name %s", name);
    }
    globfree(&folders);
}

static void every_folder_is_named(void **state)
{
    read_file("tests/README.md", readme);
    names_all("tests/*");
    names_all("tests/unit/*");
    names_all("tests/e2e/*");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_play_is_shown_as_it_is),
        cmocka_unit_test(every_folder_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
