/* Signals and fork. The master forks workers, and a child that checks a script before a reload. Right after fork(2) the child
 * still has the parent's handlers, and libev's handler writes into a pipe that the parent reads. So all signals are blocked
 * across the fork, and the child unblocks them when its handlers are right. A signal that comes meanwhile waits; none is lost.
 *
 * The rest is about a service that must not die of small things: a signal that a terminal or a limit sends, or its last
 * descriptor (I15). */
#include "base/process.h"

#include "base/log.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* SIGXFSZ comes when a log file is at its limit, SIGTTOU when the log goes to a terminal that stops background jobs. */
void process_ignore_signals(void)
{
    static const int numbers[] = {SIGUSR1, SIGUSR2, SIGALRM,   SIGVTALRM, SIGPROF, SIGIO,
                                  SIGPWR,  SIGPIPE, SIGSTKFLT, SIGXFSZ,   SIGTTOU};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) signal(numbers[i], SIG_IGN);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) signal(number, SIG_IGN);
}

void process_hold_hangup(bool hold)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* A connection takes a descriptor, and the soft limit is 1024 on most systems. */
void process_raise_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    if (files.rlim_cur == files.rlim_max) return;
    rlim_t had = files.rlim_cur;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0)
        log_warn("descriptors: limit stays at %llu: %s", (unsigned long long)had, strerror(errno));
    else
        log_debug("descriptors: limit raised from %llu to %llu", (unsigned long long)had,
                  (unsigned long long)files.rlim_max);
}

/* The kernel gives out the lowest free descriptor, so a high number means that few are left. An eighth is kept, 64 at most: with
 * the last descriptor given to a client, no server could be connected and no script loaded. */
bool process_has_room(int fd)
{
    assert(fd >= 0);
    enum { KEPT_MOST = 64 };
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return true;
    rlim_t kept = files.rlim_cur / 8;
    if (kept > KEPT_MOST) kept = KEPT_MOST;
    return (rlim_t)fd < files.rlim_cur - kept;
}

/* --- children --------------------------------------------------------------------------------- */

/* In the parent the signals are as before when it returns; in the child they stay blocked. */
pid_t process_fork(sigset_t *mask)
{
    sigset_t all;
    sigfillset(&all);
    fflush(NULL);
    sigprocmask(SIG_BLOCK, &all, mask);
    pid_t pid = fork();
    if (pid == 0) return 0;
    int saved = errno;
    sigprocmask(SIG_SETMASK, mask, NULL);
    errno = saved;
    return pid;
}

/* A terminal sends INT, HUP and QUIT to the whole group. A worker ignores them: the master gets them, too, and says what to
 * do. */
void process_begin(const sigset_t *mask, bool ignore_terminal)
{
    signal(SIGTERM, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGUSR1, SIG_IGN); /* the master's alone: it opens the log file again */
    signal(SIGUSR2, SIG_IGN); /* likewise: it starts an upgrade */
    signal(SIGINT, ignore_terminal ? SIG_IGN : SIG_DFL);
    signal(SIGHUP, ignore_terminal ? SIG_IGN : SIG_DFL);
    signal(SIGQUIT, ignore_terminal ? SIG_IGN : SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
}

/* Bytes of address space that the process has; 0: not known. */
static uint64_t mapped(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return 0;
    if (fscanf(file, "%llu", &pages) != 1) pages = 0;
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void process_be_expendable(uint64_t more)
{
    struct rlimit limit;
    uint64_t has = mapped();
    FILE *file = fopen("/proc/self/oom_score_adj", "we");
    if (file) {
        fputs("1000", file);
        fclose(file);
    }
    if (!has || getrlimit(RLIMIT_AS, &limit) != 0) return;
    if (limit.rlim_cur > has + more) limit.rlim_cur = has + more;
    setrlimit(RLIMIT_AS, &limit);
}

double process_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The state stands behind the name, which is in brackets and may hold any byte. */
char process_state(pid_t pid)
{
    char path[32], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    const char *end = strrchr(text, ')');
    return end && end[1] == ' ' ? end[2] : 0;
}

double process_cpu(pid_t pid)
{
    clockid_t clock;
    struct timespec had;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &had) != 0) return 0;
    return (double)had.tv_sec + (double)had.tv_nsec / 1e9;
}

const char *process_status_print(int status, char *text, size_t n)
{
    assert(n > 0);
    if (WIFSIGNALED(status))
        snprintf(text, n, "signal %d", WTERMSIG(status));
    else
        snprintf(text, n, "exit %d", WEXITSTATUS(status));
    return text;
}
