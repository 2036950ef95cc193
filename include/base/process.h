/* process: what every process of moongate needs from the system: exit codes, signals, room for descriptors, children, a clock.
 *
 * Owns nothing. Called at start, and by each function that forks.
 */
#ifndef MOONGATE_BASE_PROCESS_H
#define MOONGATE_BASE_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum exit_code { EXIT_OK = 0, EXIT_SCRIPT = 1, EXIT_USAGE = 2, EXIT_BIND = 3, EXIT_SYSTEM = 4 };

/* Ignores the signals that would end a process and mean nothing to a server. SIGXCPU is not ignored: a limit of processor time is
 * there to end the process. */
void process_ignore_signals(void);

/* Holds SIGHUP back, or lets it come: one that comes before there is a handler waits for it. */
void process_hold_hangup(bool hold);

/* Raises the soft limit of open descriptors to the hard one. Where that fails, the log says so. */
void process_raise_files(void);

/* False when fd is one of the last descriptors, which are kept for the process's own needs: connections to servers, files. */
bool process_has_room(int fd);

/* fork(2). stdio is flushed first, so that no text is written twice. All signals are blocked in the child until it calls
 * process_begin, so a handler of the parent never runs in the child. *mask: the signals that were blocked before. -1 with
 * errno. */
pid_t process_fork(sigset_t *mask) __attribute__((warn_unused_result));

/* In the child, after it has stopped the parent's watchers: sets TERM and CHLD to their defaults, and INT, HUP and QUIT too, or
 * ignores those three when the child takes its orders from the parent and not from the terminal. Then unblocks the signals; mask
 * as above. */
void process_begin(const sigset_t *mask, bool ignore_terminal);

/* For a child that runs what nobody trusts yet: it may map only so many bytes more than it has now, and when the machine runs out of
 * memory, it is the first to be killed. Where the system does not let it, nothing changes. */
void process_be_expendable(uint64_t more);

/* Seconds of a clock that never jumps (CLOCK_MONOTONIC). All processes of a host see the same time. */
double process_clock(void);

/* The state of a process, as /proc shows it: R runs, S sleeps, D waits for a disk, T and t are stopped. 0: not known. */
char process_state(pid_t pid);

/* Seconds of processor time that a process has had; 0 when that is not known. */
double process_cpu(pid_t pid);

/* Prints `exit 1` or `signal 9`, from the status of wait(2), to text, which has n bytes. Returns text. */
const char *process_status_print(int status, char *text, size_t n);

#endif
