/* What must not reach clients is a script that loads and then fails. So before a reload uses it, it is asked about requests that
 * clients have sent: samples, which the workers keep on the board (client/sampling.h). This runs in the child that checks the
 * script, and uses what `moongate test` uses: a worker in memory (rehearsal.h), fake servers in Lua, a clock that stands still.
 *
 * The rule: a script is refused when more of the samples fail in it than in the script in use. So a script that errs in part can
 * be replaced by one that errs less, and no script by one that errs more. A sample fails when answering it raises an error of the
 * script: in a function, in one that waits, or in one that was spawned; a script timeout is one. What the script in use fails is
 * known from the service, where its errors mark the samples. But the rehearsal differs from the service: values are made up,
 * servers are empty. So where the script on trial fails and the mark is missing, the script in use is asked the same, here: what
 * fails in both is no reason to refuse.
 *
 * Servers are empty at first and keep what they are sent. Samples are asked in their order: a get after a set of its key is a hit.
 *
 * Lua (lua/moongate/exercise.lua) takes one request after the other from next_request, and sends it. Which script is to be asked,
 * and what came of it, is decided here: each call of next_request judges the request before.
 *
 * A request may also not end, in something that no error can interrupt, or crash the process. So the requests are asked in a
 * process of their own, and what is known of them lies in memory that both processes share. Where that process ends in the
 * middle, the request that it was asked has failed, and another process goes on behind it.
 *
 * Time: CHECK_SECONDS of master/check.h is the limit for all that the child does. After EXERCISE_SECONDS, in which the script is
 * loaded once more, no further request is asked, and what was asked decides. A request has --script-timeout and a second of
 * processor time. A script that loads for longer than LOADING_SECONDS is not rehearsed: it might not end in time.
 */
#include "worker/exercise.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bundle.h"
#include "base/heat.h"
#include "base/log.h"
#include "base/process.h"
#include "base/samples.h"
#include "base/utf8.h"
#include "client/sampling.h"
#include "protocol/command.h"
#include "script/script.h"
#include "worker/clock.h"
#include "worker/exercise_error.h"
#include "worker/rehearsal.h"
#include "worker/source.h"

/* Of the child's time: when no further request is asked, not even of the script in use, and a process that asks one ends. */
static const double EXERCISE_SECONDS = 4, LOADING_SECONDS = 1.5, LAST_SECONDS = 8;
static const double REQUEST_SECONDS = 1,
                    LEAST_SECONDS = 0.01; /* the first: beyond the script timeout */

enum {
    VALUE_MOST = 1024 * 1024, /* bytes of a made-up value */
    ERROR_ROOM = 1024,        /* of the first error, which is shown */
    NAME_ROOM = 4 * SAMPLE_KEY + 64,
    HOT_MOST = 100,
};

/* Of the process that asks, beside EXIT_OK; a script that has all of Lua may end it with others. */
enum { EXIT_STUCK = 64, EXIT_LATE, EXIT_BROKEN };

enum role { ON_TRIAL, IN_USE, ROLES };

/* In memory that is shared with the process that asks. Invariant: a request is_asked from when it is given to Lua until it is judged. */
struct exercise {
    struct options options;       /* of the one on trial */
    const struct sample *samples; /* the last one first */
    uint32_t n;                   /* that are to be asked: in the order in which they came */
    uint32_t generation;          /* in use */
    int script_fds[ROLES];
    const struct labels *labels;
    struct shared *shared;
    struct heat_row
        hot[HOT_MOST]; /* the service's hottest keys: scripts may treat them otherwise */
    uint32_t hot_n;
    double began, until, last_moment; /* of real_clock */
    uint32_t asked;                   /* samples */
    bool is_asked;                    /* the last of them, by the script `role` */
    bool is_stuck;                    /* the last of them did not end in the script on trial */
    bool asks_again;                  /* the last of them is to be put to the script in use */
    enum role role;
    uint32_t failed[ROLES];         /* samples */
    const struct sample *first;     /* that fails in the one on trial alone */
    char first_error[ERROR_ROOM];   /* its error */
    char error[ERROR_ROOM];         /* the last one */
    char pending_error[ERROR_ROOM]; /* of a sample that is put to the script in use, too */
    /* Of the process that asks alone: */
    struct rehearsal *rehearsals[ROLES]; /* NULL: not loaded yet, or it does not load */
    uint64_t errors;                     /* that the script had raised before the request */
    int log;                             /* a file, where lines go */
};

/* The other clocks stand still. */
static double real_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- what came of a request ---------------------------------------------------------------------- */

static uint64_t errors_of(const struct exercise *e, enum role role)
{
    return e->rehearsals[role] ? rehearsal_errors(e->rehearsals[role]) : 0;
}

static void note_first(struct exercise *e, const struct sample *s)
{
    if (e->first) return;
    e->first = s;
    memcpy(e->first_error, e->pending_error, sizeof e->first_error);
}

static const struct sample *asked_last(const struct exercise *e)
{
    assert(e->asked > 0 && e->asked <= e->n);
    return &e->samples[e->n - e->asked];
}

/* Judges the request that was asked last; e->error says why it fails. */
static void judge(struct exercise *e, bool fails)
{
    const struct sample *s = asked_last(e);
    bool is_marked = s->failed == e->generation;
    assert(e->is_asked);
    e->is_asked = e->asks_again = false;
    if (e->role == IN_USE) {
        e->failed[IN_USE] += fails;
        if (!fails) note_first(e, s);
        return;
    }
    e->failed[IN_USE] += is_marked;
    e->failed[ON_TRIAL] += fails;
    if (!fails || is_marked) return;
    snprintf(e->pending_error, sizeof e->pending_error, "%s", e->error);
    e->asks_again = true;
}

/* A request with its role, listener, and identity behind the number of its bytes, for exercise.lua. Its value is made up there. */
static char *print_request(const struct exercise *e, size_t *len)
{
    const struct sample *s = asked_last(e);
    struct request r = sampling_request(s);
    char head[SAMPLE_IDENTITY + 64];
    if (r.value_len > VALUE_MOST) r.value_len = VALUE_MOST;
    int head_len = snprintf(head, sizeof head, "%d %u %zu %s ", (int)e->role, s->listener,
                            strnlen(s->identity, SAMPLE_IDENTITY - 1), s->identity);
    char *text = malloc((size_t)head_len + request_line_room(&r));
    if (!text) abort();
    memcpy(text, head, (size_t)head_len);
    *len = (size_t)head_len + request_encode_line(&r, (uint8_t *)text + head_len);
    while (text[*len - 1] == '\n' || text[*len - 1] == '\r') --*len;
    return text;
}

/* --- time --------------------------------------------------------------------------------------- */

static void on_alarm(int number)
{
    _exit(number == SIGALRM ? EXIT_LATE : EXIT_STUCK);
}

/* 0: it is stopped. */
static void set_timer(__itimer_which_t which, double seconds)
{
    struct itimerval timer = {
        .it_value = {(time_t)seconds, (suseconds_t)((seconds - floor(seconds)) * 1e6)}};
    setitimer(which, &timer, NULL);
}

/* In processor time. Where scripts have no limit, only that of the whole ends a request. */
static void set_request_alarm(const struct exercise *e)
{
    double timeout = rehearsal_options(e->rehearsals[ON_TRIAL])->script_timeout;
    if (e->is_asked && timeout > 0) set_timer(ITIMER_PROF, timeout + REQUEST_SECONDS);
}

static void set_alarms(const struct exercise *e)
{
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGPROF, &action, NULL);
    double left = e->last_moment - real_clock();
    set_timer(ITIMER_REAL, left > LEAST_SECONDS ? left : LEAST_SECONDS);
}

/* No request is left, or no time for one. */
static bool is_over(const struct exercise *e)
{
    double now = real_clock();
    if (e->asks_again) return now > e->last_moment;
    return e->asked == e->n || now > e->until;
}

/* --- for Lua ------------------------------------------------------------------------------------- */

static void judge_by_errors(struct exercise *e)
{
    bool fails = errors_of(e, e->role) > e->errors;
    if (fails) exercise_error_read(e->log, e->options.script, e->error, sizeof e->error);
    judge(e, fails);
}

/* NULL: that was all. */
static char *next_request(void *about, size_t *len)
{
    struct exercise *e = about;
    if (e->is_asked) judge_by_errors(e);
    if (is_over(e)) return NULL;
    e->role = e->asks_again ? IN_USE : ON_TRIAL;
    if (!e->asks_again) {
        e->asked++;
        e->is_stuck = false;
    }
    e->errors = errors_of(e, e->role);
    e->is_asked = true;
    set_request_alarm(e);
    return print_request(e, len);
}

/* mg.options of a script says how many of the samples it is asked itself, unless the command line does. */
static void note_wish(struct exercise *e)
{
    uint32_t wanted = rehearsal_options(e->rehearsals[ON_TRIAL])->rehearse;
    if (e->asked == 0 && e->n > wanted) e->n = wanted;
}

/* script->path says which of the two; the one on trial is opened first. Where the one in use does not load, only its marks count. */
static struct rehearsal *open_rehearsal(void *about, const struct tester_script *script,
                                        char *error)
{
    struct exercise *e = about;
    const struct options *o = &e->options;
    enum role role = script->path[0] == '0' ? ON_TRIAL : IN_USE;
    struct rehearsal_how how = {
        .options = o, .labels = e->labels, .shared = e->shared, .hot = e->hot, .hot_n = e->hot_n};
    struct tester_script own = {
        .path = o->script, .servers = o->servers.items, .servers_n = o->servers.n};
    struct bundle_file main;
    own.bundle = source_read(o->script, e->script_fds[role], &main, error);
    set_timer(ITIMER_PROF, 0); /* loading is not the request's */
    if (own.bundle) {
        own.text = main.bytes;
        own.len = main.len;
        e->rehearsals[role] = rehearsal_create(&how, &own, error);
    }
    bundle_give(own.bundle);
    if (role == ON_TRIAL && e->rehearsals[role]) note_wish(e);
    if (role == IN_USE) set_request_alarm(e);
    exercise_error_forget(e->log); /* those lines are no request's */
    return e->rehearsals[role];
}

static void no_log(void *about, FILE *to)
{
}

static void no_report(void *about, const struct tester_report *report)
{
}

/* --- all of it ----------------------------------------------------------------------------------- */

/* The command and the key, made printable. */
static const char *name_of(const struct sample *s, char name[NAME_ROOM])
{
    char key[4 * SAMPLE_KEY + 1];
    utf8_show(key, sizeof key, s->key, s->key_len);
    snprintf(name, NAME_ROOM, "'%s %s'", command_info(s->command)->text, key);
    return name;
}

/* Where nothing fails in it alone, the errors that count were the script's in use, or came to nothing. */
static int tell(const struct exercise *e, FILE *to)
{
    char name[NAME_ROOM];
    if (e->n == 0) {
        fprintf(to, EXERCISE_MARK "left out: the script sets rehearse to 0\n");
        return EXIT_OK;
    }
    if (e->asked == 0) {
        fprintf(to, EXERCISE_MARK "left out: no processor was free for it\n");
        return EXIT_OK;
    }
    if (e->failed[ON_TRIAL] <= e->failed[IN_USE]) {
        fprintf(to, EXERCISE_MARK "%u requests asked, %u failed, %u with the script in use\n",
                e->asked, e->failed[ON_TRIAL], e->failed[IN_USE]);
        return EXIT_OK;
    }
    assert(e->first);
    fprintf(to,
            EXERCISE_MARK
            "%u of %u requests fail, %u with the script in use (--rehearse); first %s: %s\n",
            e->failed[ON_TRIAL], e->asked, e->failed[IN_USE], name_of(e->first, name),
            e->first_error);
    return EXIT_SCRIPT;
}

/* The process that asks. Its lines of the log go to a file, as text. */
static _Noreturn void ask_all(struct exercise *e)
{
    static const struct tester_tools own = {
        .open = open_rehearsal, .logged = no_log, .report = no_report, .line = next_request};
    struct tester_tools tools = rehearsal_tools_with(&own);
    struct tester tester = {.tools = &tools, .about = e, .lua_dir = e->options.lua_dir};
    const char *arguments[] = {NULL};
    char error[SCRIPT_ERROR_MAX];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    e->rehearsals[ON_TRIAL] = e->rehearsals[IN_USE] = NULL;
    e->log = memfd_create("moongate-log", MFD_CLOEXEC);
    if (e->log < 0 || dup2(e->log, STDERR_FILENO) < 0) _exit(EXIT_SYSTEM);
    log_setup((enum log_format)e->options.log_format, 0);
    set_alarms(e);
    clock_hold();
    bool good = tester_run(&tester, "moongate.exercise", arguments, error);
    if (!good) snprintf(e->error, sizeof e->error, "%.*s", ERROR_ROOM - 1, error);
    _exit(good ? EXIT_OK : EXIT_BROKEN);
}

static int code_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Why the process that asks has ended in the middle. */
static void explain_end(struct exercise *e, int status)
{
    char how[32];
    int code = code_of(status);
    if (code == EXIT_BROKEN) return; /* it has said it itself */
    if (code == EXIT_STUCK || code == EXIT_LATE)
        snprintf(e->error, sizeof e->error,
                 "does not end, and cannot be interrupted: look for a pattern match");
    else
        snprintf(e->error, sizeof e->error, "its process ended with %s",
                 process_status_print(status, how, sizeof how));
}

/* Asks in another process, as far as that comes. False: what is wrong is no request's, and e->error says it. */
static bool ask_in_process(struct exercise *e)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) ask_all(e);
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        snprintf(e->error, sizeof e->error, "%s", strerror(errno));
        return false;
    }
    bool is_late = code_of(status) == EXIT_LATE;
    explain_end(e, status);
    if (!e->is_asked) return status == 0 || is_late;
    if (e->role == ON_TRIAL) e->is_stuck = is_late || code_of(status) == EXIT_STUCK;
    if (e->role == IN_USE && is_late) {
        e->is_asked = false; /* what it does is not known: asks_again stays */
        e->asks_again = true;
    } else {
        judge(e, true);
    }
    return true;
}

/* The machine had no time for this: so a request that did not end in time says nothing. */
static bool is_starved(const struct exercise *e)
{
    struct rusage used;
    if (getrusage(RUSAGE_CHILDREN, &used) < 0) return false;
    double had = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    return had < (real_clock() - e->began) / 2;
}

/* There was no time to ask the script in use about the last sample. */
static void judge_alone(struct exercise *e)
{
    if (e->is_stuck && is_starved(e)) {
        e->failed[ON_TRIAL]--;
        e->asked--;
    } else {
        note_first(e, asked_last(e));
    }
}

static int exercise_for(struct exercise *e, double loading)
{
    if (loading > LOADING_SECONDS) {
        fprintf(stderr, EXERCISE_MARK "left out: loading takes %.1f s\n", loading);
        return EXIT_OK;
    }
    e->began = real_clock();
    e->until = real_clock() - loading + EXERCISE_SECONDS;
    e->last_moment = real_clock() - loading + LAST_SECONDS;
    while (!is_over(e)) {
        if (ask_in_process(e)) continue;
        fprintf(stderr, EXERCISE_MARK "not done: %s\n", e->error);
        return EXIT_SCRIPT;
    }
    if (e->asks_again) judge_alone(e);
    return tell(e, stderr);
}

int exercise(const struct options *o, const struct exercise_service *in_use, double loading)
{
    struct sample *samples = calloc(SAMPLES_MOST, sizeof *samples);
    struct exercise *e =
        mmap(NULL, sizeof *e, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!samples || e == MAP_FAILED) {
        free(samples);
        return EXIT_SYSTEM;
    }
    *e = (struct exercise){.options = *o,
                           .samples = samples,
                           .generation = in_use->generation,
                           .labels = in_use->labels,
                           .script_fds = {o->script_fd, in_use->script_fd},
                           .shared = shared_create(o->shared_memory, NULL)};
    e->options.log_format = LOG_AS_TEXT; /* for exercise_error_read */
    e->options.verbose = 0;
    e->options.makes_contexts = false; /* nobody connects */
    if (!e->shared) return EXIT_SYSTEM;
    e->n = samples_gather(in_use->board, samples, SAMPLES_MOST);
    if (e->n > 0) shared_copy(e->shared, in_use->board->shared);
    e->hot_n = heat_merge(in_use->board, HEAT_KEYS, process_clock(), e->hot, HOT_MOST);
    board_destroy(in_use->board);
    return e->n > 0 ? exercise_for(e, loading) : EXIT_OK;
}
