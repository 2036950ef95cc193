/* master: supervises: accepts clients and hands them to workers, reloads on SIGHUP, drains on
 * SIGTERM.
 *
 * Owns the default libev loop, the signals, the board and the crew. It never runs the user's script
 * and never blocks. The listeners and the line to the service manager stay main's; a drain closes
 * the listeners early.
 */
#ifndef MOONGATE_MASTER_MASTER_H
#define MOONGATE_MASTER_MASTER_H

#include "net/listener.h"
#include "net/notify.h"
#include "worker/options.h"

/* Runs until a signal ends it. Returns the process's exit code. */
int master_run(const struct options *o, struct listeners *listeners, struct notify *notify)
    __attribute__((warn_unused_result));

#endif
