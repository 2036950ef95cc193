/* `moongate test`: what people and programs read. A line is flushed as soon as its test has ended, so that one that hangs can be
 * seen. TAP is version 12 of testanything.org: `ok N - name`, the plan at the end, as the number of tests is not known before,
 * and all else behind `#`.
 */
#include <assert.h>
#include <string.h>

#include "base/output.h"
#include "tools/test_tool.h"

/* Prints each line of a text, with `before` in front. */
static void print_lines(const char *before, const char *text, size_t len)
{
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t n = end ? (size_t)(end - text) : len;
        printf("%s%.*s\n", before, (int)n, text);
        text += end ? n + 1 : n;
        len -= end ? n + 1 : n;
    }
}

/* The file's name, once, above its first result or note. */
static void print_file(struct test_score *score)
{
    if (score->shown == score->file) return;
    score->shown = score->file;
    printf("%s%s\n", score->o->tap ? "# " : "", score->file);
}

static void print_tap(const struct test_score *score, enum test_message_kind kind, const char *name)
{
    uint32_t number = score->passed + score->failed + score->skipped;
    printf("%sok %u - ", kind == TEST_FAIL ? "not " : "", number);
    for (; *name; name++) {
        if (*name == '#' || *name == '\\') putchar('\\'); /* a bare # would begin a directive */
        putchar(*name);
    }
    puts(kind == TEST_SKIP ? " # SKIP" : "");
}

void test_print_result(struct test_score *score, enum test_message_kind kind, const char *name,
                       const char *text, size_t len)
{
    static const char *const words[TEST_MESSAGES_COUNT] = {
        [TEST_PASS] = "ok   ", [TEST_FAIL] = "FAIL ", [TEST_SKIP] = "skip "};
    assert(kind == TEST_PASS || kind == TEST_FAIL || kind == TEST_SKIP);
    score->passed += kind == TEST_PASS;
    score->failed += kind == TEST_FAIL;
    score->skipped += kind == TEST_SKIP;
    print_file(score);
    if (score->o->tap)
        print_tap(score, kind, name);
    else
        printf("  %s %s\n", words[kind], name);
    print_lines(score->o->tap ? "#   " : "        ", text, len);
    output_flush();
}

void test_print_note(struct test_score *score, const char *text, size_t len)
{
    print_file(score);
    print_lines(score->o->tap ? "# " : "        ", text, len);
    output_flush();
}

void test_print_end(const struct test_score *score)
{
    uint32_t n = score->passed + score->failed + score->skipped;
    if (score->o->tap)
        printf("1..%u\n", n);
    else if (score->skipped)
        printf("%u passed, %u failed, %u skipped\n", score->passed, score->failed, score->skipped);
    else
        printf("%u passed, %u failed\n", score->passed, score->failed);
}
