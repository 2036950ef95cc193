/* admin_link: the way to the admin socket of a running moongate, for the commands that use it.
 *
 * Owns nothing: a descriptor is its caller's. May wait, so it is for commands alone.
 */
#ifndef MOONGATE_TOOLS_ADMIN_LINK_H
#define MOONGATE_TOOLS_ADMIN_LINK_H

#include "net/addr.h"
#include <stdbool.h>

enum { ADMIN_LINK_ERROR = 512 };

/* The socket of --socket (NULL: admin.sock in RUNTIME_DIRECTORY or in /run/moongate). False: `error` says what is wrong with it. */
bool admin_link_find(const char *given, struct addr_spec *spec, char *error);

/* Connects, until `deadline` of process_clock. -1: `error` says why not, and what to do. option: the one that names another socket. */
int admin_link_connect(const struct addr_spec *spec, const char *option, double deadline,
                       char *error);

#endif
