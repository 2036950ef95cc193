/* Plays a fuzz target with files, without a fuzzer: those given as arguments, or the corpus of the target that it is linked with
 * (tests/fuzz/corpus/NAME/, NAME being the program's). Runs where the tree's top is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz/fuzz.h"
#include <cmocka.h>
#include <errno.h>
#include <glob.h>

static char **files;
static size_t files_n;

/* The file's bytes, in memory that ends with them. */
static uint8_t *read_file(const char *path, size_t *len)
{
    uint8_t *bytes = malloc(1 << 20);
    FILE *file = fopen(path, "rbe");
    if (!file) fail_msg("%s: cannot be read", path);
    *len = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    uint8_t *exact = exact_copy(bytes, *len);
    free(bytes);
    return exact;
}

static void every_file_keeps_the_promises(void **state)
{
    assert_true(files_n > 0);
    for (size_t i = 0; i < files_n; i++) {
        size_t len;
        uint8_t *bytes = read_file(files[i], &len);
        print_message("%s: %zu bytes\n", files[i], len);
        LLVMFuzzerTestOneInput(bytes, len);
        free(bytes);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_file_keeps_the_promises)};
    char pattern[256];
    glob_t found = {0};
    snprintf(pattern, sizeof pattern, "tests/fuzz/corpus/%s/*", program_invocation_short_name);
    files = argv + 1;
    files_n = (size_t)argc - 1;
    if (argc == 1 && glob(pattern, 0, NULL, &found) == 0) {
        files = found.gl_pathv;
        files_n = found.gl_pathc;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    globfree(&found);
    return failed;
}
