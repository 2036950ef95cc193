/* process: what every process of moongate asks of the system: exit codes, signals, room for descriptors, children, a clock.
 *
 * Owns nothing. Called at start, and by each function that forks.
 */
#ifndef MOONGATE_BASE_PROCESS_H
#define MOONGATE_BASE_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

enum exit_code { EXIT_OK = 0, EXIT_SCRIPT = 1, EXIT_USAGE = 2, EXIT_BIND = 3, EXIT_SYSTEM = 4 };

/* Ignores the signals that would end a process and mean nothing to a server. SIGXCPU stays: who limits a process's time
 * wants it to end. */
void process_ignore_signals(void);

/* Raises the soft limit of open descriptors to the hard one. Where that fails, the log says so. */
void process_raise_files(void);

/* False: this descriptor is one of the last, which are kept for what a process needs itself (its servers, files). */
bool process_has_room(int fd);

/* fork(2), with stdio flushed, so that no text is written twice, and all signals blocked in the
 * child until it calls process_begin: a handler of the parent never runs in the child. */
pid_t process_fork(sigset_t *mask) __attribute__((warn_unused_result));

/* In the child, once it has let go of the parent's watchers: TERM and CHLD at their defaults,
 * and INT, HUP and QUIT too, or ignored when the child takes its orders from the parent rather
 * than from the terminal. */
void process_begin(const sigset_t *mask, bool ignore_terminal);

/* Seconds of a clock that never jumps. */
double process_clock(void);

/* `exit 1` or `signal 9`, from the status of wait(2), into text of n bytes. Returns text. */
const char *process_status_print(int status, char *text, size_t n);

#endif
