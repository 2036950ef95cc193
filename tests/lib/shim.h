/* shim: between moongate and the C library, for what a test cannot do to a real system: a clock that jumps, system calls that fail,
 * the quota of a container.
 *
 * Belongs to the stage. shim_begin builds tests/lib/preload/shim.c and lets programs that start after it load that library
 * (LD_PRELOAD). The memory that both share is struct shim: what is written there counts at once, in all processes.
 */
#ifndef TESTS_LIB_SHIM_H
#define TESTS_LIB_SHIM_H

#include <stdint.h>
#include <sys/types.h>

/* name, the call */
#define SHIM_CALLS(X)                                                                              \
    X(ACCEPT, "accept4")                                                                           \
    X(SOCKET, "socket")                                                                            \
    X(SOCKETPAIR, "socketpair")                                                                    \
    X(CONNECT, "connect")                                                                          \
    X(EPOLL, "epoll_ctl")                                                                          \
    X(SENDMSG, "sendmsg")                                                                          \
    X(PIPE, "pipe2")                                                                               \
    X(MEMFD, "memfd_create")                                                                       \
    X(FORK, "fork")                                                                                \
    X(INOTIFY, "inotify_init1")

enum shim_call {
#define X(name, call) SHIM_##name,
    SHIM_CALLS(X)
#undef X
        SHIM_CALLS_N
};

struct shim_fault {
    volatile pid_t process; /* whose calls fail; 0: everybody's */
    volatile int32_t left;  /* so many more calls fail */
    volatile int32_t error; /* with this errno */
    volatile int32_t met;   /* so many did */
};

struct shim {
    volatile int64_t wall;        /* seconds that CLOCK_REALTIME is ahead */
    volatile int64_t boot;        /* the same of CLOCK_BOOTTIME, as after a suspend */
    volatile uint32_t boot_asked; /* how often that clock was read */
    volatile int64_t
        steady; /* not 0: CLOCK_MONOTONIC stands still at that second, until it is written again */
    int32_t processors; /* of the affinity; 0: the real ones */
    char root
        [256]; /* /proc/self/cgroup, mountinfo and /sys/fs/cgroup are read below it; "": the real ones */
    struct shim_fault faults[SHIM_CALLS_N];
};

/* The memory is zero: the shim changes nothing. */
struct shim *shim_begin(void);

/* Programs that start from now on are without it. */
void shim_is_left(void);

/* The next calls of the process (0: all) fail. */
void shim_fails(struct shim *s, enum shim_call call, pid_t process, int times, int error);

/* Waits until as many calls have failed as were to. */
void shim_has_failed(struct shim *s, enum shim_call call);

#endif
