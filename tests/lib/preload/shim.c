/* The library that lib/shim.h speaks of: functions of the C library, changed as the shared memory says. It is loaded into moongate by
 * LD_PRELOAD, and is no part of a test program.
 *
 * moongate's own clock_gettime (src/worker/clock.c) asks the next one, which is this one.
 */
#include "lib/shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static struct shim none, *shim = &none;

__attribute__((constructor)) static void shim_open(void)
{
    const char *path = getenv("MOONGATE_SHIM");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *memory = mmap(NULL, sizeof *shim, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory != MAP_FAILED) shim = memory;
    close(fd);
}

/* The function that would be called without this library. */
#define REAL(name)                                                                                 \
    static __typeof__(&name) real;                                                                 \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name)

static bool fails(enum shim_call call)
{
    struct shim_fault *f = &shim->faults[call];
    if (f->left <= 0 || (f->process != 0 && f->process != getpid())) return false;
    f->left--;
    f->met++;
    errno = f->error;
    return true;
}

/* --- clocks ----------------------------------------------------------------------------------- */

int clock_gettime(clockid_t clock_id, struct timespec *tp)
{
    REAL(clock_gettime);
    int result = real(clock_id, tp);
    switch (clock_id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI: tp->tv_sec += shim->wall; break;
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        tp->tv_sec += shim->boot;
        shim->boot_asked++;
        break;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
        if (shim->steady) *tp = (struct timespec){.tv_sec = shim->steady};
        break;
    default: break;
    }
    return result;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    REAL(gettimeofday);
    int result = real(tv, tz);
    tv->tv_sec += shim->wall;
    return result;
}

time_t time(time_t *timer)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (timer) *timer = now.tv_sec;
    return now.tv_sec;
}

/* --- processors ------------------------------------------------------------------------------- */

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    REAL(sched_getaffinity);
    if (shim->processors == 0) return real(pid, size, set);
    CPU_ZERO_S(size, set);
    for (int i = 0; i < shim->processors; i++) CPU_SET_S((size_t)i, size, set);
    return 0;
}

static bool is_of_cgroups(const char *path)
{
    return strcmp(path, "/proc/self/cgroup") == 0 || strcmp(path, "/proc/self/mountinfo") == 0 ||
           strncmp(path, "/sys/fs/cgroup", 14) == 0;
}

FILE *fopen(const char *restrict filename, const char *restrict modes)
{
    char other[4096];
    REAL(fopen);
    if (!shim->root[0] || !is_of_cgroups(filename)) return real(filename, modes);
    snprintf(other, sizeof other, "%s%s", shim->root, filename);
    return real(other, modes);
}

/* --- calls that fail -------------------------------------------------------------------------- */

int accept4(int fd, __SOCKADDR_ARG addr, socklen_t *restrict len, int flags)
{
    REAL(accept4);
    return fails(SHIM_ACCEPT) ? -1 : real(fd, addr, len, flags);
}

int socket(int domain, int type, int protocol)
{
    REAL(socket);
    return fails(SHIM_SOCKET) ? -1 : real(domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
    REAL(socketpair);
    return fails(SHIM_SOCKETPAIR) ? -1 : real(domain, type, protocol, fds);
}

int connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
    REAL(connect);
    return fails(SHIM_CONNECT) ? -1 : real(fd, addr, len);
}

int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
    REAL(epoll_ctl);
    int result = real(epfd, op, fd, event);
    if (op != EPOLL_CTL_ADD || result < 0 || !fails(SHIM_EPOLL)) return result;
    int error = errno; /* what is watched already is refused as such first: EEXIST */
    real(epfd, EPOLL_CTL_DEL, fd, NULL);
    errno = error;
    return -1;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    REAL(sendmsg);
    return fails(SHIM_SENDMSG) ? -1 : real(fd, message, flags);
}

int pipe2(int pipedes[2], int flags)
{
    REAL(pipe2);
    return fails(SHIM_PIPE) ? -1 : real(pipedes, flags);
}

int memfd_create(const char *name, unsigned flags)
{
    REAL(memfd_create);
    return fails(SHIM_MEMFD) ? -1 : real(name, flags);
}

int inotify_init1(int flags)
{
    REAL(inotify_init1);
    return fails(SHIM_INOTIFY) ? -1 : real(flags);
}

pid_t fork(void)
{
    REAL(fork);
    return fails(SHIM_FORK) ? -1 : real();
}
