/* background: what a daemon asks of the system once at start: to run in the background, a pid file, another user.
 *
 * Called by main alone. The pid file belongs to the process whose id stands in it. A function that fails prints one line on
 * stderr, `moongate: what: what to do`, and returns false.
 */
#ifndef MOONGATE_MAIN_BACKGROUND_H
#define MOONGATE_MAIN_BACKGROUND_H

#include <stdbool.h>

/* Forks and lives on in the child, in its own session. The parent stays on the terminal until
 * the child calls background_detach (it exits 0 then) or ends (it exits with the same code), so
 * that what goes wrong in between is seen where the command was typed. The working directory
 * stays: relative paths keep their meaning. */
bool background_enter(void) __attribute__((warn_unused_result));

/* Lets the terminal and the waiting parent go; from now on the log goes to syslog. */
bool background_detach(void) __attribute__((warn_unused_result));

/* The file belongs to `user` (NULL: to who runs this) where root writes it. */
bool pid_file_write(const char *path, const char *user) __attribute__((warn_unused_result));

/* Once this process has become another user: logs when it will not be able to remove the file, and the cure. */
void pid_file_check(const char *path);

/* Removes the file if this process's id still stands in it: a successor may have written its
 * own. One that cannot be removed is emptied, so that it names no process. */
void pid_file_remove(const char *path);

/* Becomes that user, with the groups that it has. Only root can become another one. */
bool user_switch(const char *name) __attribute__((warn_unused_result));

#endif
