/* The parent of a replay. It runs no Lua, so it always lives to show what was found: it watches the child, draws the progress, and takes the
 * results from memory that both share.
 *
 * Why a child: a script may not end, in something that no time limit can interrupt, or crash the process. The child's `beats` grow as long as
 * it goes on; where they stand still while it has used a lot of processor time, it is killed. A child that waits (for real servers, for a
 * processor) uses none. */
#include "replay/replay.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/process.h"
#include "base/progress.h"

/* Seconds. How long all requests of a turn of a worker may take together: so many times what one of them may; without a limit of scripts, and while
 * they are loaded, the next two. */
static const double STUCK_TIMES = 10, STUCK_LEAST = 0.5, STUCK_WITHOUT = 60, LOAD_SECONDS = 30;
static const double LOOK_EVERY = 0.05;

static volatile sig_atomic_t interrupts;

static void on_interrupt(int number)
{
    (void)number;
    interrupts++;
}

struct watched {
    const struct replay_how *how;
    struct replay_shared *shared;
    pid_t pid;
    struct progress progress;
    uint64_t beats; /* when it was looked at last */
    double cpu;     /* the child's, when the beats changed last */
    bool is_stuck;
    int status;
};

static bool start(struct watched *w)
{
    sigset_t mask;
    w->pid = process_fork(&mask);
    if (w->pid == 0) {
        process_begin(&mask, true); /* the parent tells it to stop */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(replay_child(w->how, w->shared));
    }
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return w->pid > 0;
}

static void draw(struct watched *w)
{
    const struct replay_shared *s = w->shared;
    uint64_t total = 0;
    if (s->size > 0 && s->at > 0)
        total = (uint64_t)((double)s->requests * (double)s->size / (double)s->at);
    progress_step(&w->progress, s->requests, total < s->requests ? s->requests : total, 0);
}

/* Kills it where it does not go on. */
static void judge(struct watched *w)
{
    double cpu = process_cpu(w->pid), timeout = w->how->options->script_timeout;
    double most = timeout > 0 ? STUCK_TIMES * timeout + STUCK_LEAST : STUCK_WITHOUT;
    if (!w->shared->is_loaded) most = LOAD_SECONDS;
    if (w->shared->beats != w->beats) {
        w->beats = w->shared->beats;
        w->cpu = cpu;
        return;
    }
    if (cpu - w->cpu < most) return;
    w->is_stuck = true;
    kill(w->pid, SIGKILL);
}

/* True: it has ended. */
static bool has_ended(struct watched *w)
{
    pid_t pid = waitpid(w->pid, &w->status, WNOHANG);
    return pid == w->pid || (pid < 0 && errno != EINTR);
}

static void watch(struct watched *w)
{
    int seen = 0;
    while (!has_ended(w)) {
        struct timespec time = {.tv_nsec = (long)(LOOK_EVERY * 1e9)};
        nanosleep(&time, NULL);
        if (interrupts > 0) w->shared->stop = 1;
        if (interrupts > 1 && seen < 2) kill(w->pid, SIGKILL);
        seen = interrupts;
        draw(w);
        judge(w);
    }
    progress_clear(&w->progress);
}

/* The results that are whole, and how it has ended, where the child could not say that itself. */
static void take_results(const struct watched *w, struct replay_results *r)
{
    const struct replay_shared *s = w->shared;
    uint32_t shown = __atomic_load_n(&s->shown, __ATOMIC_ACQUIRE);
    char how[64];
    if (shown) *r = s->results[shown - 1];
    if (WIFEXITED(w->status) && r->end != REPLAY_RUNNING) return;
    if (w->is_stuck) {
        r->end = REPLAY_STUCK;
        snprintf(r->trouble, sizeof r->trouble,
                 "a script does not end, in something that --script-timeout cannot interrupt");
    } else if (interrupts > 0) {
        r->end = REPLAY_STOPPED;
        snprintf(r->trouble, sizeof r->trouble, "stopped: what was found until then is shown");
    } else {
        r->end = REPLAY_DIED;
        snprintf(r->trouble, sizeof r->trouble, "the process that replayed has ended: %s",
                 process_status_print(w->status, how, sizeof how));
    }
}

static int run(struct watched *w, struct replay_results *r)
{
    struct sigaction action = {.sa_handler = on_interrupt}, old;
    sigemptyset(&action.sa_mask);
    interrupts = 0;
    sigaction(SIGINT, &action, &old);
    if (!start(w)) {
        sigaction(SIGINT, &old, NULL);
        fprintf(stderr, "moongate: replay: no process: %s: try again when the machine has room\n",
                strerror(errno));
        return EXIT_SYSTEM;
    }
    if (w->how->shows_progress)
        progress_begin(&w->progress, progress_terminal(), "replay", "requests");
    watch(w);
    sigaction(SIGINT, &old, NULL);
    if (w->shared->error[0]) {
        fprintf(stderr, "moongate: replay: %s\n", w->shared->error);
        return WIFEXITED(w->status) ? WEXITSTATUS(w->status) : EXIT_SYSTEM;
    }
    take_results(w, r);
    return EXIT_OK;
}

int replay_run(const struct replay_how *how, struct replay_results *r)
{
    struct watched w = {.how = how};
    w.shared =
        mmap(NULL, sizeof *w.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w.shared == MAP_FAILED) {
        fprintf(stderr, "moongate: replay: results: not mapped: %s: give the process more memory\n",
                strerror(errno));
        return EXIT_SYSTEM;
    }
    int code = run(&w, r);
    munmap(w.shared, sizeof *w.shared);
    return code;
}
