/* `moongate test`: the process in which the tests of one file run.
 *
 * Lua does the work (lua/moongate/test/run.lua): it loads the file, runs each test and reports. Here are the functions that it
 * calls for what Lua cannot do: a worker in memory (rehearsal.h), the clock, the log, and messages to the parent. Each test
 * begins at the same time of a clock that stands still, so that no test depends on the day, or on the tests before it.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "script/script.h"
#include "tools/test_tool.h"
#include "worker/clock.h"
#include "worker/rehearsal.h"
#include "worker/source.h"

static const double BEGIN = 1767225600; /* seconds since 1970 when a test begins: the year 2026 */

enum { TEXT_MOST = 1024 * 1024 }; /* bytes of a message; a longer text is cut */

struct child {
    struct options options;
    bool rewords;
    int out;
    int log;
};

/* --- for Lua ----------------------------------------------------------------------------------- */

static struct rehearsal *open_rehearsal(void *about, const struct tester_script *script,
                                        char *error)
{
    const struct child *child = about;
    return rehearsal_create(
        &(struct rehearsal_how){.options = &child->options, .rewords = child->rewords}, script,
        error);
}

/* What was logged since the last call. The file is emptied, so it holds one test's lines. */
static void read_log(void *about, FILE *to)
{
    const struct child *child = about;
    char bytes[4096];
    off_t at = 0;
    ssize_t n;
    while ((n = pread(child->log, bytes, sizeof bytes, at)) > 0) {
        fwrite(bytes, 1, (size_t)n, to);
        at += n;
    }
    if (ftruncate(child->log, 0) < 0) log_warn("log: not emptied: %s", strerror(errno));
    lseek(child->log, 0, SEEK_SET);
}

/* An unknown word counts as BROKEN. */
static uint32_t kind_of(const char *word)
{
    static const char *const words[] = {
#define X(name, word) word,
        TEST_MESSAGES(X)
#undef X
    };
    uint32_t kind = 0;
    while (kind < TEST_BROKEN && strcmp(words[kind], word) != 0) kind++;
    return kind;
}

static void write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) _exit(EXIT_SYSTEM); /* the parent is gone */
        bytes += n;
        len -= (size_t)n;
    }
}

/* One message. */
static void send_message(int out, uint32_t kind, uint32_t number, const char *text, size_t len)
{
    struct test_message m = {kind, number, (uint32_t)len};
    assert(kind < TEST_MESSAGES_COUNT && len <= UINT32_MAX);
    write_all(out, (const char *)&m, sizeof m);
    write_all(out, text, len);
}

/* Passes a report on to the parent. The clock goes back to its beginning for each test. */
static void report(void *about, const struct tester_report *r)
{
    const struct child *child = about;
    send_message(child->out, kind_of(r->kind), r->number, r->text,
                 r->len < TEXT_MOST ? r->len : TEXT_MOST);
    if (kind_of(r->kind) == TEST_BEGIN) clock_take(BEGIN);
}

/* Tests read no input. */
static char *no_line(void *about, size_t *len)
{
    return NULL;
}

/* --- the file ---------------------------------------------------------------------------------- */

int test_child(const struct test_options *o, const char *path, uint32_t from, int out, int log)
{
    struct child child = {.rewords = o->wire, .out = out, .log = log};
    static const struct tester_tools own = {
        .open = open_rehearsal, .logged = read_log, .report = report, .line = no_line};
    struct tester_tools tools = rehearsal_tools_with(&own);
    struct tester tester = {.tools = &tools, .about = &child, .lua_dir = o->lua_dir};
    char error[SCRIPT_ERROR_MAX], number[16];
    if (!options_default(&child.options)) return EXIT_SYSTEM;
    child.options.guess = GUESS_ANY; /* t.load takes configurations of other proxies, too */
    options_set_kind(&child.options, o->from);
    child.options.no_jit = o->no_jit;
    child.options.unsafe_lua = o->unsafe_lua;
    child.options.lua_dir = o->lua_dir;
    snprintf(number, sizeof number, "%u", from);
    clock_take(BEGIN);
    const char *arguments[] = {path, number, o->filter ? o->filter : "",
                               o->unsafe_lua ? "unsafe" : "safe", NULL};
    if (tester_run(&tester, "moongate.test.run", arguments, error))
        send_message(out, TEST_END, 0, "", 0);
    else
        send_message(out, TEST_BROKEN, 0, error, strlen(error));
    return EXIT_OK;
}
