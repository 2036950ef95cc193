/* `moongate test`: finds test files, runs each in a child, prints and counts.
 *
 * Why two processes: tests run scripts, and a script may loop for ever, exhaust the memory or crash (I13 is for tests, too). The
 * parent runs no Lua, so it always lives to print which test it was. It reads messages from the child with a deadline: when a
 * test takes longer than --timeout in real time, the child is killed, the test counts as failed, and a new child goes on with the
 * next one. A child that dies is treated in the same way. Only real time counts here; the tests' own clock stands still in the
 * child.
 *
 * Which test it was is known because the child announces each one (BEGIN) before it runs it. What it logged is in a file without
 * a name that both processes share, so the lines of a dead child can still be shown.
 *
 * What must never happen: a child that outlives the parent (the kernel kills it, PR_SET_PDEATHSIG); a test that is neither
 * passed, failed nor skipped; a test that hangs or crashes and hides the results of others.
 *
 * Files run one after another, so that their output is in order.
 */
#include "tools/test_tool.h"

#include <assert.h>

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "tools/tool.h"
#include "worker/options.h"

/* --- options ----------------------------------------------------------------------------------- */

static const struct option_row rows[] = {
#define X(...) OPTION_ROW(struct test_options, __VA_ARGS__)
    TEST_OPTIONS(X)
#undef X
};

static const struct option_range ranges[] = {
    {offsetof(struct test_options, timeout), 0, 3600, "0..3600"},
};

static bool take_word(void *to, const char *word)
{
    struct test_options *o = to;
    option_add_word(&o->words, &o->words_n, word);
    return true;
}

static const struct option_table table = {
    .program = "moongate test",
    .rows = rows,
    .rows_n = sizeof rows / sizeof *rows,
    .ranges = ranges,
    .ranges_n = 1,
    .take = take_word,
};

/* --- files ------------------------------------------------------------------------------------- */

struct files {
    char **paths;
    size_t n;
};

static void add_file(struct files *files, const char *path)
{
    files->paths = reallocarray(files->paths, files->n + 1, sizeof *files->paths);
    if (!files->paths) abort();
    files->paths[files->n] = strdup(path);
    if (!files->paths[files->n++]) abort();
}

static bool is_test_file(const char *name)
{
    static const char END[] = "_test.lua";
    size_t len = strlen(name);
    return len >= sizeof END - 1 && strcmp(name + len - (sizeof END - 1), END) == 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Adds a file, whatever its name; for a folder, all *_test.lua in it and below, by name. False after a complaint. */
static bool find_files(struct files *files, const char *path)
{
    struct stat about;
    char *paths[] = {(char *)path, NULL};
    if (stat(path, &about) < 0) {
        fprintf(stderr, "moongate: %s: %s: give test files, or folders of them\n", path,
                strerror(errno));
        return false;
    }
    if (!S_ISDIR(about.st_mode)) {
        add_file(files, path);
        return true;
    }
    size_t before = files->n;
    FTS *tree = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    if (!tree) abort();
    for (FTSENT *at; (at = fts_read(tree));) {
        if (at->fts_info == FTS_F && is_test_file(at->fts_name)) add_file(files, at->fts_path);
    }
    fts_close(tree);
    if (files->n > before) return true;
    fprintf(stderr, "moongate: %s: no tests: their files are called SOMETHING_test.lua\n", path);
    return false;
}

static void release_files(struct files *files)
{
    for (size_t i = 0; i < files->n; i++) free(files->paths[i]);
    free(files->paths);
}

/* --- one child --------------------------------------------------------------------------------- */

enum { NAME_ROOM = 512 };

/* A child, and the parent's state of it. */
struct running {
    struct test_score *score;
    pid_t pid;
    int in;       /* the pipe from the child */
    int log;      /* the file that its standard error goes to */
    double until; /* process_clock() at which it is late */
    bool is_late;
    bool has_ended;  /* it has sent END or BROKEN */
    bool is_testing; /* between BEGIN and the result */
    uint32_t number; /* of the test that began last */
    char name[NAME_ROOM];
};

static bool start(struct running *run, uint32_t from)
{
    const struct test_options *o = run->score->o;
    int ends[2];
    assert(from > 0 && !run->has_ended);
    if (pipe2(ends, O_CLOEXEC) < 0) return false;
    fflush(stdout);
    run->pid = fork();
    if (run->pid == 0) {
        close(ends[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* an endless loop must not outlive us */
        if (!o->verbose) dup2(run->log, STDERR_FILENO);
        exit(test_child(o, run->score->file, from, ends[1], run->log));
    }
    close(ends[1]);
    run->in = ends[0];
    return run->pid > 0;
}

/* Reads n bytes. False: the child has ended, or is late. */
static bool read_all(struct running *run, void *to, size_t n)
{
    for (size_t at = 0; at < n;) {
        double left = run->until - process_clock();
        struct pollfd ready = {.fd = run->in, .events = POLLIN};
        if (left <= 0) {
            run->is_late = true;
            return false;
        }
        if (poll(&ready, 1, (int)(left * 1000) + 1) <= 0) continue;
        ssize_t got = read(run->in, (char *)to + at, n - at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += (size_t)got;
    }
    return true;
}

/* One message. BEGIN starts the test's time, so the time to load the file does not count for the first test. */
static void take(struct running *run, const struct test_message *m, const char *text)
{
    switch (m->kind) {
    case TEST_BEGIN:
        run->is_testing = true;
        run->number = m->number;
        run->until = process_clock() + run->score->o->timeout;
        snprintf(run->name, sizeof run->name, "%.*s", (int)m->len, text);
        break;
    case TEST_PASS:
    case TEST_FAIL:
    case TEST_SKIP:
        run->is_testing = false;
        test_print_result(run->score, (enum test_message_kind)m->kind, run->name, text, m->len);
        break;
    case TEST_NOTE: test_print_note(run->score, text, m->len); break;
    case TEST_BROKEN:
        test_print_result(run->score, TEST_FAIL, run->score->file, text, m->len);
        run->has_ended = true;
        break;
    default: run->has_ended = true; break;
    }
}

/* Reads messages until the child has ended, or is late. */
static void read_messages(struct running *run)
{
    struct test_message m;
    while (!run->has_ended && read_all(run, &m, sizeof m)) {
        char *text = malloc(m.len + 1);
        if (!text) abort();
        if (read_all(run, text, m.len)) take(run, &m, text);
        free(text);
    }
}

/* The child was killed, or died: the test that ran fails (or the file, when none did), with the lines that it logged. */
static void fail_running(struct running *run, int status)
{
    char how[64], text[16 * 1024];
    size_t n;
    if (run->is_late)
        n = (size_t)snprintf(text, sizeof text, "no end within %g s: an endless loop? (--timeout)",
                             run->score->o->timeout);
    else
        n = (size_t)snprintf(text, sizeof text, "moongate itself ended: %s\n",
                             process_status_print(status, how, sizeof how));
    ssize_t logged = run->is_late ? 0 : pread(run->log, text + n, sizeof text - n, 0);
    if (logged > 0) n += (size_t)logged;
    if (ftruncate(run->log, 0) < 0) log_warn("log: not emptied: %s", strerror(errno));
    test_print_result(run->score, TEST_FAIL, run->is_testing ? run->name : run->score->file, text,
                      n);
}

/* Runs the tests `from` and later of the file. Returns the number of the test with which another child must go on, or 0. */
static uint32_t run_from(struct test_score *score, int log, uint32_t from)
{
    struct running run = {.score = score, .log = log};
    int status = 0;
    if (!start(&run, from)) {
        log_error("tests: no process: %s: try again when the machine has room", strerror(errno));
        score->failed++;
        return 0;
    }
    run.until = process_clock() + score->o->timeout;
    read_messages(&run);
    if (!run.has_ended) kill(run.pid, SIGKILL);
    close(run.in);
    while (waitpid(run.pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (run.has_ended && status == 0) return 0;
    fail_running(&run, status);
    return run.is_testing ? run.number + 1 : 0;
}

/* --- the tool ---------------------------------------------------------------------------------- */

/* No test was run. */
static void complain_of_nothing(const struct test_options *o, const struct files *files)
{
    if (o->filter) {
        fprintf(stderr, "moongate: no test's name has '%s' in it\n", o->filter);
        return;
    }
    for (size_t i = 0; i < files->n; i++)
        fprintf(stderr, "moongate: %s: no test: a test is t.it(\"name\", function() ... end)\n",
                files->paths[i]);
}

static int run_files(const struct test_options *o, const struct files *files)
{
    struct test_score score = {.o = o};
    int log = memfd_create("log", MFD_CLOEXEC);
    if (log < 0) return EXIT_SYSTEM;
    for (size_t i = 0; i < files->n; i++) {
        score.file = files->paths[i];
        for (uint32_t from = 1; from;) from = run_from(&score, log, from);
    }
    close(log);
    test_print_end(&score);
    if (score.passed + score.failed + score.skipped == 0) {
        complain_of_nothing(o, files);
        return EXIT_SCRIPT;
    }
    return score.failed ? EXIT_SCRIPT : EXIT_OK;
}

static int run_tests(const struct test_options *o)
{
    struct files files = {.n = 0};
    int code = EXIT_OK;
    if (o->help) {
        printf("  %s [options] FILE-or-FOLDER ...\n\n", table.program);
        option_table_print(&table, stdout);
        return EXIT_OK;
    }
    if (o->words_n == 0) {
        fputs("moongate: test: nothing to test: give files, or folders with *_test.lua\n", stderr);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < o->words_n && code == EXIT_OK; i++)
        if (!find_files(&files, o->words[i])) code = EXIT_SCRIPT;
    if (code == EXIT_OK) code = run_files(o, &files);
    release_files(&files);
    return code;
}

int test_tool(int argc, char **argv)
{
    struct test_options o = {.tap = false};
    int code = option_table_read(&table, &o, argc, argv) ? run_tests(&o) : EXIT_USAGE;
    free(o.words);
    return code;
}
