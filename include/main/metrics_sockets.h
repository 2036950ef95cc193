/* metrics_sockets: the sockets of --metrics.
 *
 * Owns nothing; called by main, once each, before the process becomes the user of --user.
 */
#ifndef MOONGATE_MAIN_METRICS_SOCKETS_H
#define MOONGATE_MAIN_METRICS_SOCKETS_H

#include "net/listener.h"
#include "worker/options.h"

/* Checks what --metrics says. False after a complaint. */
bool metrics_sockets_check(const char *text) __attribute__((warn_unused_result));

/* Binds them, or takes them out of `passed`, which the moongate before has left. They are the caller's, by listeners_destroy; NULL without
 * --metrics. False after a complaint. */
bool metrics_sockets_create(const struct options *o, struct passed *passed, struct listeners **to)
    __attribute__((warn_unused_result));

#endif
