/* process: what this process asks of the system: room for descriptors, the background, a pid file,
 * a user, children.
 *
 * Owns nothing; the pid file belongs to the process whose id stands in it. Called by main once at
 * start, and by whoever forks. Functions that fail print one line on stderr `moongate: what: what
 * to do` and return false.
 */
#ifndef MOONGATE_BASE_PROCESS_H
#define MOONGATE_BASE_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* Ignores the signals that would end a process and mean nothing to a server. SIGXCPU stays: who limits a process's time
 * wants it to end. */
void process_ignore_signals(void);

/* Raises the soft limit of open descriptors to the hard one. Where that fails, the log says so. */
void process_raise_files(void);

/* False: this descriptor is one of the last, which are kept for what a process needs itself (its servers, files). */
bool process_has_room(int fd);

/* Forks and lives on in the child, in its own session. The parent stays on the terminal until
 * the child calls process_detach (it exits 0 then) or ends (it exits with the same code), so
 * that what goes wrong in between is seen where the command was typed. The working directory
 * stays: relative paths keep their meaning. */
bool process_go_background(void) __attribute__((warn_unused_result));

/* Lets the terminal and the waiting parent go; from now on the log goes to syslog. */
bool process_detach(void) __attribute__((warn_unused_result));

/* The file belongs to `user` (NULL: to who runs this) where root writes it. */
bool pid_file_write(const char *path, const char *user) __attribute__((warn_unused_result));

/* Once this process has become another user: logs when it will not be able to remove the file, and the cure. */
void pid_file_check(const char *path);

/* Removes the file if this process's id still stands in it: a successor may have written its
 * own. One that cannot be removed is emptied, so that it names no process. */
void pid_file_remove(const char *path);

bool process_switch_user(const char *name) __attribute__((warn_unused_result));

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
