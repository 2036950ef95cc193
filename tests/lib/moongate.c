#include "lib/moongate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/backend.h"
#include "lib/moongate_state.h"
#include "lib/overtls.h"

/* --- the log -------------------------------------------------------------------------------- */

static struct moongate *moongate_of_log(struct actor *actor)
{
    return (struct moongate *)(void *)((char *)actor - offsetof(struct moongate, log_reader));
}

static void log_acts(struct actor *actor, short revents)
{
    struct moongate *m = moongate_of_log(actor);
    (void)revents;
    ssize_t n = read(actor->fd, octets_reserve(&m->log, 65536), 65536);
    if (n > 0) octets_grow(&m->log, (size_t)n);
    if (n > 0 || (n < 0 && errno == EAGAIN)) return;
    close(actor->fd);
    actor->fd = -1;
}

static short log_wants(struct actor *actor)
{
    return moongate_of_log(actor)->log_is_left ? 0 : POLLIN;
}

static bool log_leaves(struct actor *actor)
{
    struct moongate *m = moongate_of_log(actor);
    if (actor->fd >= 0) close(actor->fd);
    octets_release(&m->log);
    return true;
}

static void log_tells(struct actor *actor)
{
    struct moongate *m = moongate_of_log(actor);
    size_t n = octets_n(&m->log), shown = n > 8000 ? 8000 : n;
    fprintf(stderr, "  log of moongate (%s):\n%.*s", program_end(&m->program), (int)shown,
            octets_at(&m->log) + n - shown);
}

/* The nth whole line with that text, or NULL. */
static const char *find_line(const struct moongate *m, const char *text, size_t nth, size_t *length)
{
    const char *from = octets_at(&m->log);
    for (const char *found; (found = strstr(from, text));) {
        const char *begin = found, *end = strchr(found, '\n');
        if (!end) return NULL;
        while (begin > from && begin[-1] != '\n') begin--;
        *length = (size_t)(end - begin);
        if (--nth == 0) return begin;
        from = end + 1;
    }
    return NULL;
}

struct awaited_line {
    struct moongate *m;
    const char *text;
    size_t nth;
};

static bool has_line(void *what)
{
    const struct awaited_line *a = what;
    size_t length;
    return find_line(a->m, a->text, a->nth, &length) || a->m->log_reader.fd < 0;
}

void moongate_sees_log_times(struct moongate *m, const char *text, size_t times)
{
    struct awaited_line a = {m, text, times};
    size_t length;
    stage_waits(has_line, &a);
    if (!find_line(m, text, times, &length))
        stage_fails("the log does not say \"%s\"%s", text,
                    times > 1 ? textf(" %zu times", times) : "");
}

void moongate_sees_log(struct moongate *m, const char *text)
{
    moongate_sees_log_times(m, text, 1);
}

const char *moongate_log_nth_line(struct moongate *m, const char *text, size_t nth)
{
    size_t length = 0;
    moongate_sees_log_times(m, text, nth);
    const char *line = find_line(m, text, nth, &length);
    return textf("%.*s", (int)length, line);
}

const char *moongate_log_line(struct moongate *m, const char *text)
{
    return moongate_log_nth_line(m, text, 1);
}

size_t moongate_log_count(struct moongate *m, const char *text)
{
    size_t n = 0;
    stage_turns(0);
    for (const char *at = octets_at(&m->log); (at = strstr(at, text)) && (at = strchr(at, '\n'));
         at++)
        n++;
    return n;
}

void moongate_log_is_left(struct moongate *m)
{
    stage_turns(0);
    m->log_is_left = true;
    if (fcntl(m->log_reader.fd, F_SETPIPE_SZ, 4096) < 0)
        stage_fails("cannot make the log's pipe small: %s", strerror(errno));
}

void moongate_log_is_read(struct moongate *m)
{
    m->log_is_left = false;
}

/* --- its end -------------------------------------------------------------------------------- */

static bool is_log_over(void *what)
{
    return ((struct moongate *)what)->log_reader.fd < 0;
}

/* The log ends when the last process that could write to it has ended. */
static bool ends_whole(struct moongate *m)
{
    bool is_over = stage_waits(is_log_over, m);
    if (!is_over) fprintf(stderr, "a worker outlives its master\n");
    return is_over;
}

/* Workers report too, and their master goes on: a report anywhere in the log is a failure. */
static bool is_sane(const struct moongate *m)
{
    static const char *const reports[] = {"AddressSanitizer", "LeakSanitizer",
                                          "runtime error:", "Assertion"};
    for (size_t i = 0; i < sizeof reports / sizeof *reports; i++) {
        if (!strstr(octets_at(&m->log), reports[i])) continue;
        fprintf(stderr, "the log has a report: %s\n", reports[i]);
        return false;
    }
    return true;
}

static bool is_clean(struct moongate *m)
{
    if (m->may_fail || (WIFEXITED(m->program.status) && WEXITSTATUS(m->program.status) == 0))
        return true;
    fprintf(stderr, "moongate ended badly: %s\n", program_end(&m->program));
    return false;
}

static bool is_gone_after_sigterm(struct moongate *m)
{
    pid_t workers[64];
    if (m->program.is_gone) return true;
    kill(m->program.pid, SIGTERM);
    if (program_waits(&m->program)) return true;
    fprintf(stderr, "moongate does not end after a SIGTERM\n");
    size_t n = program_children(m->program.pid, workers, 64);
    for (size_t i = 0; i < n; i++) kill(workers[i], SIGKILL);
    return false;
}

static bool moongate_leaves(struct actor *actor)
{
    struct moongate *m = (struct moongate *)(void *)actor;
    bool is_well = is_gone_after_sigterm(m) && is_clean(m);
    program_kill(&m->program);
    is_well = ends_whole(m) && is_sane(m) && is_well;
    if (!is_well) log_tells(&m->log_reader);
    return is_well;
}

void moongate_ends(struct moongate *m)
{
    if (!program_waits(&m->program)) stage_fails("moongate does not end");
    m->may_fail = true; /* judged by the play */
}

bool moongate_runs_on(struct moongate *m)
{
    stage_turns(0);
    return !m->program.is_gone;
}

void moongate_exits(struct moongate *m, int code)
{
    moongate_ends(m);
    if (!WIFEXITED(m->program.status) || WEXITSTATUS(m->program.status) != code)
        stage_fails("moongate: exit %d expected, got %s", code, program_end(&m->program));
}

void moongate_becomes_new(struct moongate *m, size_t nth)
{
    static const char done[] = "upgrade: done: process ";
    const char *line = moongate_log_nth_line(m, done, nth);
    if (!program_waits(&m->program)) stage_fails("moongate does not end after an upgrade");
    if (!is_clean(m)) stage_fails("moongate ended badly after an upgrade");
    program_becomes(&m->program, (pid_t)strtol(strstr(line, done) + sizeof done - 1, NULL, 10));
}

struct program *moongate_program(struct moongate *m)
{
    return &m->program;
}

void moongate_signal(struct moongate *m, int number)
{
    kill(m->program.pid, number);
}

/* --- its beginning -------------------------------------------------------------------------- */

static const char *binary(void)
{
    const char *path = getenv("MOONGATE");
    if (!path || access(path, X_OK) < 0) stage_fails("MOONGATE must name the moongate binary");
    return path;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) stage_fails("cannot write %s", path);
}

const char *moongate_script_file(const char *text)
{
    text = over_tls_script(text);
    const char *path = textf("%s/script.lua", program_folder());
    write_file(path, text);
    return path;
}

struct run moongate_runs(const char *first, ...)
{
    const char *const before[] = {binary(), NULL};
    va_list rest;
    va_start(rest, first);
    const char **argv = program_arguments(before, first, rest);
    va_end(rest);
    return program_run(argv);
}

static void note_listeners(struct moongate *m)
{
    static const char says[] = "listening on ";
    const char *at = octets_at(&m->log);
    for (size_t i = 0; i < LISTENERS_MAX && (at = strstr(at, says)); i++) {
        at += sizeof says - 1;
        m->listeners[i] = textf("%.*s", (int)strcspn(at, " \"\n"), at);
        if (over_tls_clients() && strncmp(m->listeners[i], "unix:", 5) != 0)
            over_tls_at(m->listeners[i]);
    }
}

/* What the options say about processes, and how many connections each backend is going to get. */
static unsigned read_options(struct moongate *m, const char *const *argv)
{
    unsigned connections = 1;
    for (size_t i = 0; argv[i]; i++) {
        if (strcmp(argv[i], "--single-process") == 0) m->is_single = true;
        if (strcmp(argv[i], "-j") == 0) m->workers = (unsigned)strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "-n") == 0) connections = (unsigned)strtoul(argv[i + 1], NULL, 10);
    }
    return connections * (m->workers > 1 ? m->workers : 1);
}

static size_t count(const char *const *argv)
{
    size_t n = 0;
    while (argv[n]) n++;
    return n;
}

static void start_process(struct moongate *m, const char **argv)
{
    int log[2];
    size_t n = count(argv);
    if (!m->workers && !m->is_single && !m->is_by_default) {
        argv[n++] = "-j";
        argv[n++] = "1";
        m->workers = 1;
    }
    argv[n] = m->script_path;
    if (pipe2(log, O_CLOEXEC) < 0) stage_fails("cannot make a pipe");
    fcntl(log[0], F_SETFL, O_NONBLOCK);
    m->log_reader = (struct actor){.fd = log[0],
                                   .rank = RANK_PROGRAM,
                                   .wants = log_wants,
                                   .acts = log_acts,
                                   .leaves = log_leaves,
                                   .tells = log_tells};
    stage_enter(&m->log_reader);
    m->program.actor.rank = RANK_MOONGATE;
    m->program.actor.leaves = moongate_leaves;
    program_start(&m->program, argv, -1, log[1]);
    close(log[1]);
    stage_enter(&m->program.actor);
}

/* The NULL-ended options behind `last`, with a free port before them. Stage memory. */
static const char **with_port(va_list options)
{
    const char *before[] = {binary(), "-p", "0", NULL, NULL, NULL};
    const char *first = va_arg(options, const char *);
    if (over_tls_clients()) {
        before[3] = "--tls-cert";
        before[4] = over_tls_pair();
    }
    return program_arguments(before, first, options);
}

static struct moongate *begin(struct moongate *m, const char *script, const char **argv,
                              unsigned links)
{
    m->generation = 1;
    if (script) m->script_path = moongate_script_file(script);
    start_process(m, argv);
    moongate_sees_log(m, "ready: ");
    note_listeners(m);
    if (!m->listeners[0]) stage_fails("moongate is ready, but has not said where it listens");
    if (script) backends_have_links(script, links);
    return m;
}

struct moongate *moongate_start(const char *script, ...)
{
    struct moongate *m = stage_memory(sizeof *m);
    va_list options;
    va_start(options, script);
    const char **argv = with_port(options);
    va_end(options);
    return begin(m, script, argv, read_options(m, argv));
}

struct moongate *moongate_start_by_default(const char *script, unsigned workers)
{
    struct moongate *m = stage_memory(sizeof *m);
    const char **argv = stage_memory(8 * sizeof *argv);
    argv[0] = binary();
    argv[1] = "-p";
    argv[2] = "0";
    m->is_by_default = true;
    m->workers = workers;
    return begin(m, script, argv, workers);
}

struct moongate *moongate_start_as(const char *path, ...)
{
    struct moongate *m = stage_memory(sizeof *m);
    const char *const before[] = {path, NULL};
    va_list rest;
    va_start(rest, path);
    const char *first = va_arg(rest, const char *);
    const char **argv = program_arguments(before, first, rest);
    va_end(rest);
    m->is_by_default = true;
    return begin(m, NULL, argv, 0);
}

void moongate_gets_script(struct moongate *m, const char *text)
{
    const char *fresh = textf("%s.new", m->script_path);
    write_file(fresh, over_tls_script(text));
    if (rename(fresh, m->script_path) < 0) stage_fails("cannot replace the script");
}

void moongate_reloads(struct moongate *m, const char *text)
{
    moongate_gets_script(m, text);
    moongate_signal(m, SIGHUP);
    m->generation++;
    if (m->is_single)
        moongate_sees_log(m, textf("generation %u loaded", m->generation));
    else
        moongate_sees_log(m, textf("reloaded: generation %u", m->generation));
}
