/* upgrades: SIGUSR2, one after the other, and how each ends: the new process is ready, or it cannot start and the old one serves on.
 *
 * Owned by the soak. While one is under way, the daemon's children are those of two processes: leave them alone.
 */
#ifndef TESTS_SOAK_UPGRADES_H
#define TESTS_SOAK_UPGRADES_H

#include "lib/moongate.h"
#include "lib/stage.h"
#include <signal.h>

enum { UPGRADE_MOST = 60 }; /* seconds */

struct upgrades {
    bool is_on;
    size_t done, failed;
    double began, looked; /* when */
};

static void upgrades_begin(struct upgrades *u, struct moongate *m)
{
    u->is_on = true;
    u->began = stage_now();
    moongate_signal(m, SIGUSR2);
}

/* Takes the new process for the daemon as soon as the old one has ended. A look at the log is one at all of it. */
static void upgrades_go_on(struct upgrades *u, struct moongate *m)
{
    if (!u->is_on || stage_now() - u->looked < 0.1) return;
    u->looked = stage_now();
    if (moongate_log_count(m, "upgrade: done: process ") > u->done) {
        moongate_becomes_new(m, ++u->done);
        u->is_on = false;
    } else if (moongate_log_count(m, "upgrade: not done: ") > u->failed) {
        u->failed++;
        u->is_on = false;
    } else if (stage_now() - u->began > UPGRADE_MOST) {
        stage_fails("an upgrade has no end");
    }
}

#endif
