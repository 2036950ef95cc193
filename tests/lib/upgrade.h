/* upgrade: the place where moongate's binary lies, for plays that put another one there.
 *
 * Belongs to the stage. From upgrade_begins on, MOONGATE names a link in a folder of the test; the test program is the reaper of
 * all processes below it, and what is left of them at the end of the play is killed and makes the play fail.
 */
#ifndef TESTS_LIB_UPGRADE_H
#define TESTS_LIB_UPGRADE_H

#include "lib/moongate.h"

/* Returns the path of the link. */
const char *upgrade_begins(void);

/* The same without a link: MOONGATE stays as it is. */
void upgrade_begins_without_link(void);

/* A script of that text lies there from now on; nothing does; a text that nobody may execute; the real binary again. */
void upgrade_puts_script(const char *text);
void upgrade_puts_nothing(void);
void upgrade_puts_text(const char *text);
void upgrade_puts_binary(void);

/* Waits until that process of the service has ended. */
void upgrade_sees_end(pid_t pid);

/* The path of the real binary. */
const char *upgrade_binary(void);

#endif
