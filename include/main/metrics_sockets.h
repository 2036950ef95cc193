/* metrics_sockets: the sockets of --metrics and of --nutcracker-stats.
 *
 * Owns nothing; called by main, once each, before the process becomes the user of --user.
 */
#ifndef MOONGATE_MAIN_METRICS_SOCKETS_H
#define MOONGATE_MAIN_METRICS_SOCKETS_H

#include "net/listener.h"
#include "worker/options.h"

/* Checks what the option of that name says. False after a complaint. */
bool metrics_sockets_check(const char *text, const char *option)
    __attribute__((warn_unused_result));

/* Binds what text (NULL: nothing) says, or takes it out of `passed`, which the moongate before has left. They are the caller's, by
 * listeners_destroy; NULL where there are none. False after a complaint. */
bool metrics_sockets_create(const struct options *o, const char *text, enum listeners_use use,
                            struct passed *passed, struct listeners **to)
    __attribute__((warn_unused_result));

#endif
