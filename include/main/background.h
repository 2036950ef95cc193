/* background: what a daemon needs once, at its start: to run in the background, and a pid file.
 *
 * Called by main alone, in the order of main.c. Owns the pipe to the parent that waits; the pid file belongs to the process whose
 * id it holds. A function that fails prints one line on stderr, `moongate: what: what to do`, and returns false.
 */
#ifndef MOONGATE_MAIN_BACKGROUND_H
#define MOONGATE_MAIN_BACKGROUND_H

#include <stdbool.h>
#include <sys/types.h>

/* Forks and returns in the child, which leads its own session. The parent stays on the terminal until the child calls
 * background_detach, and then exits with 0; or until the child ends, and then exits with its code. The working directory stays:
 * relative paths keep their meaning. */
bool background_enter(void) __attribute__((warn_unused_result));

/* After background_enter: ends the parent, and leaves the terminal. From here on the log goes to syslog, if to_syslog says so, and the
 * descriptors 0, 1 and 2 are /dev/null. */
bool background_detach(bool to_syslog) __attribute__((warn_unused_result));

/* In a daemon that an upgrade has started, in place of background_detach: standard error, a pipe to the process before, becomes /dev/null. */
void background_close_stderr(void);

/* Writes this process's id to the file at path, not through a link. When root writes it, it belongs to `user` (NULL: to root). When
 * the file names another moongate that runs, and that is not `before`, the log says so. */
bool pid_file_write(const char *path, const char *user, pid_t before)
    __attribute__((warn_unused_result));

/* After user_switch: logs a warning with its cure when this process may not remove the file. */
void pid_file_check(const char *path);

/* Removes the file if it holds this process's id: a successor may have written its own. One that cannot be removed is emptied, so
 * that it names no process. */
void pid_file_remove(const char *path);

#endif
