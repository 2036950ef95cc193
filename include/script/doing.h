/* doing: what a script is in, for a signal handler: the process may be anywhere inside of it.
 *
 * Owns nothing: it reads the script's and the turn's memory, allocates nothing, and writes to the caller's. Only for the script
 * that `turn.in` names, while it does: requests that are being routed, and what they point to, stay as they are that long.
 */
#ifndef MOONGATE_SCRIPT_DOING_H
#define MOONGATE_SCRIPT_DOING_H

#include "base/heartbeat.h"

/* router: a struct script. */
void script_doing(const void *router, struct heartbeat_doing *doing);

#endif
