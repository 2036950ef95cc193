/* The child that loads a script on trial. It loads it as a worker would, but connects nowhere, adds to the source what the script reads,
 * rehearses it (worker/exercise.c), and ends. What it says on stderr comes
 * through a pipe and becomes the reason in the master's log; the child is killed when it takes longer than CHECK_SECONDS, or when
 * the process that waits for it dies.
 */
#include "master/check.h"

#include "base/bundle.h"
#include "base/log.h"
#include "base/output.h"
#include "base/process.h"
#include "script/spools.h"
#include "worker/source.h"
#include "worker/store_memory.h"
#include "worker/worker_tools.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child may map beside what it has from its parent: bytes, and so many times the memory for dictionaries, and that for stores. */
enum { CHECK_REGIONS = 4, CHECK_STORES = 2 };
static const uint64_t CHECK_MEMORY = 1ull << 30;

const char *check_script_name(const struct options *o)
{
    return o->script ? o->script : "(built-in)";
}

/* What the script prints while it loads goes nowhere here: the workers print it when they load it. */
static void child_redirect(int pipe_end)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) dup2(null, STDOUT_FILENO);
    dup2(pipe_end, STDERR_FILENO);
    log_to_stderr(true);
}

struct loading {
    const struct options *options;
    bool quiet;
};

/* The folders of mg.spool_deletes: a script that cannot have them is refused. Only where it is to be served, and in this child alone: a
 * disk may keep it waiting. */
static bool try_spools(const struct script *s, const struct options *o)
{
    const int32_t masters[2] = {getppid(), o->before};
    const struct spool_place *p;
    char why[SPOOL_WHY_MAX];
    for (uint32_t i = 0; (p = script_spool(s, i)); i++) {
        if (spool_place_try(p->dir, masters, why)) continue;
        fprintf(stderr, "%s\n", why);
        return false;
    }
    return true;
}

static int load_here(void *arg, const struct script_host *host, struct turn *turn)
{
    const struct loading *l = arg;
    char error[SCRIPT_ERROR_MAX];
    struct script_file file = options_script(l->options);
    struct script *s = source_try(host, &file, l->options->script_fd, 1, error);
    (void)turn;
    if (!s) {
        fprintf(stderr, "%s\n", error);
        return EXIT_SCRIPT;
    }
    if (!l->quiet) script_describe(s, stdout);
    bool good = !l->quiet || try_spools(s, l->options);
    script_destroy(s);
    return good ? EXIT_OK : EXIT_SCRIPT;
}

static _Noreturn void child_run(const struct options *o, bool quiet,
                                const struct exercise_service *service, int pipe_end)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a looping script must not outlive who asked */
    if (quiet) child_redirect(pipe_end);
    struct loading l = {o, quiet};
    double began = process_clock();
    process_be_expendable(CHECK_MEMORY + CHECK_REGIONS * o->shared_memory +
                          CHECK_STORES * store_memory_room(o));
    int code = worker_rehearse(o, load_here, &l);
    if (code == EXIT_OK && service && o->script && o->rehearse)
        code = exercise(o, service, process_clock() - began);
    if (!quiet) code = output_finish(code);
    fflush(NULL);
    _exit(code);
}

bool check_start(struct check *k, const struct options *o, bool quiet,
                 const struct exercise_service *service, check_leave *leave, void *arg)
{
    int ends[2];
    sigset_t mask;

    *k = (struct check){.pipe = -1, .source = o->script_fd};
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    pid_t pid = process_fork(&mask);
    if (pid == 0) {
        close(ends[0]);
        if (leave) leave(arg);
        process_begin(&mask, false);
        child_run(o, quiet, service, ends[1]);
    }
    int saved = errno;
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        errno = saved;
        return false;
    }
    k->pid = pid;
    k->pipe = ends[0];
    return true;
}

bool check_read(struct check *k)
{
    char rest[512] = "";
    for (;;) {
        size_t room = sizeof k->text - 1 - k->len;
        ssize_t n = read(k->pipe, room ? k->text + k->len : rest, room ? room : sizeof rest);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 && errno == EAGAIN;
        if (!room) continue; /* read on, so that the child does not block in write */
        k->len += (size_t)n;
        k->text[k->len] = '\0';
    }
}

void check_kill_late(struct check *k)
{
    k->late = true;
    kill(k->pid, SIGKILL);
}

const char *check_rehearsal(const struct check *k)
{
    static const char name[] = "moongate: ";
    const char *at = strstr(k->text, EXERCISE_MARK);
    return at ? at + sizeof name - 1 : NULL;
}

/* What the child said, without the program's name at the beginning and the newline at the end: it becomes part of a log line. A rehearsal
 * comes last, and counts alone. */
static const char *check_reason(struct check *k)
{
    static const char name[] = "moongate: ";
    const char *rehearsal = check_rehearsal(k);
    while (k->len > 0 && strchr("\r\n ", k->text[k->len - 1])) k->text[--k->len] = '\0';
    if (k->len == 0) return NULL;
    if (rehearsal) return rehearsal;
    return strncmp(k->text, name, sizeof name - 1) == 0 ? k->text + sizeof name - 1 : k->text;
}

const char *check_end(struct check *k, int status)
{
    char how[32];

    assert(k->pid > 0 && k->pipe >= 0);
    check_read(k);
    close(k->pipe);
    k->pipe = -1;
    k->pid = 0;
    if (k->late) {
        snprintf(k->text, sizeof k->text,
                 "no end within %d s: look for an endless loop or a slow name look-up",
                 CHECK_SECONDS);
        return k->text;
    }
    const char *reason = check_reason(k);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_OK) {
        source_seal(k->source);
        return NULL;
    }
    if (WIFEXITED(status) && reason) return reason;
    snprintf(k->text, sizeof k->text, "loading it ended with %s",
             process_status_print(status, how, sizeof how));
    return k->text;
}

/* A source_file_fn. arg: where to print to; NULL: the log. */
static void tell_note(void *arg, const struct bundle_file *file)
{
    if (file->kind != BUNDLE_NOTE) return;
    if (arg)
        fprintf(arg, "%.*s: warning: %.*s\n", (int)file->path_len, file->path, (int)file->len,
                file->bytes);
    else
        log_warn("%.*s: %.*s", (int)file->path_len, file->path, (int)file->len, file->bytes);
}

void check_log_notes(const struct check *k)
{
    source_files(k->source, tell_note, NULL);
}

void check_cancel(struct check *k)
{
    if (k->pid == 0) return;
    kill(k->pid, SIGKILL);
    close(k->pipe);
    k->pipe = -1;
    k->pid = 0;
}

/* Reads what the child says until it ends or is late. */
static void check_wait(struct check *k)
{
    double until = process_clock() + CHECK_SECONDS;
    while (check_read(k)) {
        double left = until - process_clock();
        if (left <= 0) {
            check_kill_late(k);
            return;
        }
        struct pollfd ready = {.fd = k->pipe, .events = POLLIN};
        (void)poll(&ready, 1,
                   (int)(left * 1000) + 1); /* whatever it answers, check_read finds out */
    }
}

int check_run(const struct options *o, bool quiet, check_leave *leave, void *arg)
{
    struct check k;
    int status = W_EXITCODE(EXIT_SYSTEM, 0);

    if (!check_start(&k, o, quiet, NULL, leave, arg)) {
        fprintf(stderr, "moongate: script check: %s: try again when the machine has room\n",
                strerror(errno));
        return EXIT_SYSTEM;
    }
    check_wait(&k);
    while (waitpid(k.pid, &status, 0) < 0 && errno == EINTR) {
    }
    bool spoke = k.len > 0 || !quiet; /* without quiet it has our stderr */
    bool ended = WIFEXITED(status) && !k.late;
    if (k.len > 0) fprintf(stderr, "%s%s", k.text, k.text[k.len - 1] == '\n' ? "" : "\n");
    const char *wrong = check_end(&k, status);
    if (!wrong) {
        source_files(o->script_fd, tell_note, quiet ? NULL : stderr);
        return EXIT_OK;
    }
    if (!spoke || !ended)
        fprintf(stderr, "moongate: script %s: not loaded: %s\n", check_script_name(o), wrong);
    return ended && WEXITSTATUS(status) == EXIT_SYSTEM ? EXIT_SYSTEM : EXIT_SCRIPT;
}
