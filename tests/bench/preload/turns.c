/* What a process does between two sleeps of its loop, for tests/bench/start: loaded before libev, it writes a line for each turn that took
 * a quarter of a millisecond or more to $TURNS/PID: when it ended, its processor time and its time, in ms. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

typedef int wait_fn(int, struct epoll_event *, int, int);

static const double LEAST = 0.25; /* ms */
static double processor, real;    /* when the turn began; 0: none has */
static pid_t of;                  /* the process whose turn that is */

static double ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void note(double at, double took, double passed)
{
    char path[512], line[128];
    snprintf(path, sizeof path, "%s/%d", getenv("TURNS") ? getenv("TURNS") : ".", (int)getpid());
    int n = snprintf(line, sizeof line, "%.3f %.3f %.3f\n", at, took, passed);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return;
    if (write(fd, line, (size_t)n) != n) abort();
    close(fd);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the C library's names are reserved */
int epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
    static wait_fn *real_wait;
    if (!real_wait) real_wait = (wait_fn *)dlsym(RTLD_NEXT, "epoll_wait");
    double now = ms(CLOCK_MONOTONIC), took = ms(CLOCK_THREAD_CPUTIME_ID) - processor;
    if (of == getpid() && processor > 0 && took >= LEAST) note(now, took, now - real);
    int got = real_wait(fd, events, n, timeout);
    of = getpid();
    processor = ms(CLOCK_THREAD_CPUTIME_ID);
    real = ms(CLOCK_MONOTONIC);
    return got;
}
