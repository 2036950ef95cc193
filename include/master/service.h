/* service: what the service manager is told by the master: READY, RELOADING, STOPPING, a line about the state, signs of life. Once a second it
 * sends what the manager and the log had no room for.
 *
 * Owned by the master, one for its life. The line to the manager is main's. The master calls it whenever something changes; it decides
 * what is worth a message. Invariant: nothing of a reload is told before READY, and nothing after STOPPING.
 */
#ifndef MOONGATE_MASTER_SERVICE_H
#define MOONGATE_MASTER_SERVICE_H

#include "master/crew.h"
#include "master/reload.h"
#include "net/notify.h"
#include <ev.h>
#include <stdbool.h>

enum { SERVICE_STATUS_MAX = 200 };

struct service {
    const struct crew *crew;
    struct notify *notify;
    bool is_ready;
    bool reloads; /* the READY at its end brings the state */
    bool stops;
    bool runs_last_good;             /* and not what is in the script's file */
    char reload[64];                 /* how the last reload went */
    char status[SERVICE_STATUS_MAX]; /* the last line sent */
    ev_timer watchdog, catch_up;
};

/* Begins with the catching up. */
void service_init(struct service *s, const struct crew *crew, struct notify *notify);

/* Clients are let in. The signs of life begin, twice as often as the manager wants them. */
void service_is_ready(struct service *s);

/* A reload begins; has ended. */
void service_reloads(struct service *s);
void service_has_reloaded(struct service *s, enum reload_news news);

/* Tells the state, when it is not what was told last. */
void service_look(struct service *s);

/* A drain or a stop begins. */
void service_stops(struct service *s);

/* Another process is the service from now on: nothing more is told. */
void service_leaves_to(struct service *s, int pid);

/* Stops its timers: at the end, and in each forked child. */
void service_stop(struct service *s);

#endif
