/* admin_sockets: the sockets of --admin, or the one in systemd's RUNTIME_DIRECTORY.
 *
 * Owns nothing; called by main, once each, before the process becomes the user of --user.
 */
#ifndef MOONGATE_MAIN_ADMIN_SOCKETS_H
#define MOONGATE_MAIN_ADMIN_SOCKETS_H

#include "net/listener.h"
#include "worker/options.h"

/* Makes them, or takes them out of `passed`, which the moongate before has left. They are the caller's, by listeners_destroy; NULL where
 * there are none. False after a complaint: one that --admin names cannot be made. */
bool admin_sockets_create(const struct options *o, struct passed *passed, struct listeners **to)
    __attribute__((warn_unused_result));

#endif
