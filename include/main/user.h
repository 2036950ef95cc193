/* user: the user of --user: becomes it, and opens files with its rights before.
 *
 * Called by main alone, in the order of main.c. Owns nothing. A function that fails prints one line on stderr, `moongate: what: what to
 * do`, but for user_open.
 */
#ifndef MOONGATE_MAIN_USER_H
#define MOONGATE_MAIN_USER_H

#include <stdbool.h>

/* Before the listeners are bound, whose files may go to that user: false after a complaint. */
bool user_is_known(const char *name) __attribute__((warn_unused_result));

/* Becomes that user, with its groups. Only root can become another user. */
bool user_switch(const char *name) __attribute__((warn_unused_result));

/* open(2) of a file that exists, with the rights of that user: the process has them meanwhile, if it is root and name is not NULL. -1
 * with errno. */
int user_open(const char *name, const char *path, int flags) __attribute__((warn_unused_result));

/* Gives an open file to that user, if the process is root and name is not NULL. False, with errno. */
bool user_gets(const char *name, int fd) __attribute__((warn_unused_result));

/* A reload reads the script as that user, so what it may not read is refused at start. False after a complaint. */
bool user_may_read(const char *name, const char *script) __attribute__((warn_unused_result));

/* After exec(2): other processes of this user may not look into this one, as if it had become that user itself (ptrace, core dumps). */
void user_hides(void);

#endif
