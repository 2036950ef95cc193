/* program: a program that the test runs; it never outlives the test program.
 *
 * The child dies with us (PR_SET_PDEATHSIG) and is killed by its id when the test ends. A
 * struct program is embedded in its owner (moongate, memcached), which enters the stage with it.
 */
#ifndef TESTS_LIB_PROGRAM_H
#define TESTS_LIB_PROGRAM_H

#include "lib/octets.h"
#include "lib/stage.h"
#include <sys/types.h>

struct program {
    struct actor actor; /* its descriptor is a pidfd */
    pid_t pid;
    int status; /* as waitpid has it, once gone */
    bool is_gone;
};

/* Starts argv[0] with standard output and error on these descriptors (-1: /dev/null). Fails the
 * test if it cannot. */
void program_start(struct program *p, const char *const argv[], int out, int err);

/* Waits until it is gone; false at the deadline. */
bool program_waits(struct program *p);

/* p has ended. From now on it is another process, which one that has ended as well has started; the test program must be its reaper
 * (PR_SET_CHILD_SUBREAPER). Waits until it is. */
void program_becomes(struct program *p, pid_t pid);

/* Ends it now, whatever it does, and gives its descriptor back. */
void program_kill(struct program *p);

/* "exit 3", "signal 11 (Segmentation fault)" */
const char *program_end(const struct program *p);

/* What ran to its end. */
struct run {
    int code; /* exit code, or -1 for a signal or the deadline */
    const char *out;
    const char *err;
};

struct run program_run(const char *const argv[]);

/* Children of pid, at most max, ascending. Returns how many. */
size_t program_children(pid_t pid, pid_t *children, size_t max);

/* All its threads are stopped. */
bool program_is_stopped(pid_t pid);

/* Resident memory now and at its peak, in KiB; 0 when the process is gone. */
size_t program_rss_kib(pid_t pid);
size_t program_peak_kib(pid_t pid);

/* Descriptors whose name in /proc begins so: "" for all; those that are sockets. */
size_t program_descriptors(pid_t pid, const char *start);
size_t program_sockets(pid_t pid);

/* A folder for the test's files: readable to all, removed with its content at the end of the
 * test. */
const char *program_folder(void);

/* The file gets that text: it is written beside and renamed, so that nobody reads half of it. */
void file_becomes(const char *path, const char *text);

/* A NULL-ended list from a variable one: first, then the rest; `before` (NULL-ended) goes ahead.
 * Stage memory. */
const char **program_arguments(const char *const before[], const char *first, va_list rest);

#endif
