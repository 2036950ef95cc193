/* master: supervises: accepts clients and hands them to workers, reloads on SIGHUP, drains on
 * SIGTERM, is replaced by a new binary on SIGUSR2.
 *
 * Owns the default libev loop, the signals, the board and the crew. It never runs the user's script
 * and never blocks. The listeners and the line to the service manager stay main's; a drain closes
 * the listeners early.
 */
#ifndef MOONGATE_MASTER_MASTER_H
#define MOONGATE_MASTER_MASTER_H

#include "master/takeover.h"
#include "master/upgrade.h"
#include "net/listener.h"
#include "net/notify.h"
#include "worker/options.h"

/* What main has prepared, and owns. */
struct master_seat {
    const struct options *options;
    struct listeners *listeners;
    struct listeners *admin;   /* the admin sockets; NULL: none */
    struct listeners *metrics; /* those of --metrics; NULL: none */
    struct listeners *stats;   /* those of --nutcracker-stats; NULL: none */
    struct notify *notify;
    struct inherited *inherited;
    const struct upgrade_command *command;
    bool (*claim)(const struct options *o,
                  pid_t before); /* the pid file names this process from now on, and not `before` */
};

/* Runs until a signal ends it. Returns the process's exit code. */
int master_run(const struct master_seat *seat) __attribute__((warn_unused_result));

#endif
