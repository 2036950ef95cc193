/* binary: where the binary lies that an upgrade starts.
 *
 * Owns nothing. Called once, at start.
 */
#ifndef MOONGATE_MAIN_BINARY_H
#define MOONGATE_MAIN_BINARY_H

#include "master/upgrade.h"

/* Stores the path by which this process was started, and argv, which must live as long. */
void binary_find(struct upgrade_command *command, char **argv);

#endif
