/* test_tool: `moongate test`: its options, and the messages between its processes.
 *
 * The parent finds the files, prints and counts. Each file runs in a child, which writes struct test_message to a pipe. A child
 * that takes too long or dies costs one test, and another child goes on behind that test. The parent owns the pipe and the file
 * of the log; the options are a plain value, released by test_tool. test_tool.c says why there are two processes.
 */
#ifndef MOONGATE_TOOLS_TEST_TOOL_H
#define MOONGATE_TOOLS_TEST_TOOL_H

#include "worker/converted.h"
#include "worker/option_table.h"

/* field, type, letter, name, argument, default, meaning */
#define TEST_OPTIONS(X)                                                                            \
    X(tap, FLAG, 0, "tap", NULL, "", "print TAP, for programs")                                    \
    X(filter, STRING, 0, "filter", "TEXT", "", "only tests with TEXT in their name")               \
    X(timeout, SECONDS, 0, "timeout", "SECONDS", "10",                                             \
      "real time that one test may take (0.1..3600)")                                              \
    X(wire, FLAG, 0, "wire", NULL, "", "servers get, and app.sent has, what would really be sent") \
    X(from, CHOICE, 0, "from", SCRIPT_KIND_WORDS, "auto",                                          \
      "what kind of files scripts are; auto: by their names' ends and their bytes")                \
    X(verbose, FLAG, 'v', "verbose", NULL, "", "show the log, of tests that pass too")             \
    X(no_jit, FLAG, 0, "no-jit", NULL, "", "interpret the scripts instead of compiling them")      \
    X(unsafe_lua, FLAG, 0, "unsafe-lua", NULL, "", UNSAFE_LUA_MEANING)                             \
    X(lua_dir, STRING, 0, "lua-dir", "PATH", "",                                                   \
      "read moongate's own Lua modules from here, for development")                                \
    X(help, FLAG, 'h', "help", NULL, "", "print this help and exit")

struct test_options {
    bool tap;
    const char *filter; /* NULL: all */
    double timeout;
    bool wire;
    int from; /* a place among SCRIPT_KIND_WORDS */
    bool verbose;
    bool no_jit;
    bool unsafe_lua;
    const char *lua_dir;
    bool help;
    const char **words; /* files and folders */
    size_t words_n;
};

/* Kinds of messages: name, the word for it in Lua. */
#define TEST_MESSAGES(X)                                                                           \
    X(BEGIN, "begin")   /* test `number` of the file begins; text: its name */                     \
    X(PASS, "pass")     /* the test passed */                                                      \
    X(FAIL, "fail")     /* the test failed; text: why */                                           \
    X(SKIP, "skip")     /* the test has no function, and is not run */                             \
    X(NOTE, "note")     /* text: a line that a test printed */                                     \
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
    uint32_t len;    /* bytes of text that follow this struct */
};

/* The results of all files, and what has been printed. */
struct test_score {
    const struct test_options *o;
    uint32_t passed, failed, skipped;
    const char *file;
    const char *shown; /* the file whose name was printed last, or NULL */
};

/* The child: runs the tests `from` (1..) and later of the file at path, and writes messages to `out`. log: the file that its
 * standard error goes to. Returns its exit code. */
int test_child(const struct test_options *o, const char *path, uint32_t from, int out, int log);

/* The parent's printing: the end of a test (PASS, FAIL or SKIP) with the len bytes of its text; a printed line; the sums. */
void test_print_result(struct test_score *score, enum test_message_kind kind, const char *name,
                       const char *text, size_t len);
void test_print_note(struct test_score *score, const char *text, size_t len);
void test_print_end(const struct test_score *score);

#endif
