/* watchdog: finds workers that do not turn, asks each what it is in, says so in the log, and kills it.
 *
 * The master owns it, one for its life. It looks with a timer, reads heartbeats on the board, and keeps what it knows of a
 * process in the slot (struct watch), which the crew clears for each new process. What it kills the crew replaces.
 */
#ifndef MOONGATE_MASTER_WATCHDOG_H
#define MOONGATE_MASTER_WATCHDOG_H

#include "master/crew.h"
#include <ev.h>
#include <stdbool.h>

struct watchdog {
    struct crew *crew;
    double timeout; /* --script-timeout of the script in use; 0: nobody is watched */
    double every;   /* seconds between two looks */
    double last;    /* when it looked */
    ev_timer look;
};

/* Looks from now on, by that --script-timeout. */
void watchdog_init(struct watchdog *d, struct crew *crew, double timeout);

/* The script in use has another --script-timeout. Only after watchdog_init. */
void watchdog_set(struct watchdog *d, double timeout);

void watchdog_stop(struct watchdog *d);

/* True while a turn of the worker runs, and not because it loads a script or is stopped: what it does is the script's in use. */
bool watchdog_is_busy(const struct slot *s);

/* The generation of the script that a worker was in when it was killed, as far as it could say. */
uint32_t watchdog_blamed(const struct slot *s);

/* True when that is so and the worker is watched: it is killed, unless it turns. */
bool watchdog_decides(const struct watchdog *d, const struct slot *s);

#endif
