/* test_tool: `moongate test`: its options, and what its processes say to each other.
 *
 * The parent finds the files, prints and counts. Each file runs in a child, which says what happens as struct test_message on a
 * pipe; a child that takes too long or dies costs one test, and another one goes on behind it.
 * The parent owns the pipes; the options are a plain value.
 */
#ifndef MOONGATE_TOOLS_TEST_TOOL_H
#define MOONGATE_TOOLS_TEST_TOOL_H

#include "worker/option_table.h"

/* field, type, letter, name, argument, default, meaning */
#define TEST_OPTIONS(X)                                                                            \
    X(tap, FLAG, 0, "tap", NULL, "", "print TAP, for programs")                                    \
    X(filter, STRING, 0, "filter", "TEXT", "", "only tests with TEXT in their name")               \
    X(timeout, SECONDS, 0, "timeout", "SECONDS", "10",                                             \
      "real time that one test may take (0.1..3600)")                                              \
    X(verbose, FLAG, 'v', "verbose", NULL, "", "show what is logged, of tests that pass too")      \
    X(no_jit, FLAG, 0, "no-jit", NULL, "", "interpret the scripts instead of compiling them")      \
    X(unsafe_lua, FLAG, 0, "unsafe-lua", NULL, "", UNSAFE_LUA_MEANING)                             \
    X(lua_dir, STRING, 0, "lua-dir", "PATH", "",                                                   \
      "read moongate's own Lua modules from here, for development")                                \
    X(help, FLAG, 'h', "help", NULL, "", "print this help and exit")

struct test_options {
    bool tap;
    const char *filter; /* NULL: all */
    double timeout;
    bool verbose;
    bool no_jit;
    bool unsafe_lua;
    const char *lua_dir;
    bool help;
    const char **words; /* files and folders */
    size_t words_n;
};

/* What a file's child says; X: its word in Lua. */
#define TEST_MESSAGES(X)                                                                           \
    X(BEGIN, "begin")   /* test `number` of the file begins; text: its name */                     \
    X(PASS, "pass")     /* it passed */                                                            \
    X(FAIL, "fail")     /* it failed; text: why */                                                 \
    X(SKIP, "skip")     /* it was not run, for a reason */                                         \
    X(NOTE, "note")     /* a line that it printed */                                               \
    X(BROKEN, "broken") /* the file itself does not load; text: why */                             \
    X(END, "end")       /* all tests of the file were run */

enum test_message_kind {
#define X(name, word) TEST_##name,
    TEST_MESSAGES(X)
#undef X
        TEST_MESSAGES_COUNT
};

struct test_message {
    uint32_t kind;
    uint32_t number; /* of the test in its file, 1.. */
    uint32_t len;    /* bytes of text behind this struct */
};

/* What is counted and printed over all files. */
struct test_score {
    const struct test_options *o;
    uint32_t passed, failed, skipped;
    const char *file;
    const char *shown; /* the file whose name was printed last */
};

/* The child: runs tests `from`.. of a file; log: what its standard error goes to. Returns its exit code. */
int test_child(const struct test_options *o, const char *path, uint32_t from, int out, int log);

/* The parent's printing. */
void test_print_result(struct test_score *score, enum test_message_kind kind, const char *name,
                       const char *text, size_t len);
void test_print_note(struct test_score *score, const char *text, size_t len);
void test_print_end(const struct test_score *score);

#endif
