/* heartbeat: a worker's part of the watchdog: it shows the master that it turns, and answers what it is in when it does not.
 *
 * The worker owns its heartbeat, a part of the board (base/heartbeat.h); the handler of HEARTBEAT_SIGNAL reads this process's
 * memory and writes to the board only. One worker a process answers. The master's side is master/watchdog.h.
 */
#ifndef MOONGATE_WORKER_HEARTBEAT_H
#define MOONGATE_WORKER_HEARTBEAT_H

#include "worker/worker_state.h"
#include <signal.h>

/* Ignored by a process that has no handler for it: so it may come at any time. */
enum { HEARTBEAT_SIGNAL = SIGURG };

/* A turn of the loop begins; the loop is about to sleep. */
static inline void heartbeat_wakes(struct worker *w)
{
    if (!heartbeat_is_awake(w->heartbeat->turns)) w->heartbeat->turns++;
}

static inline void heartbeat_sleeps(struct worker *w)
{
    if (heartbeat_is_awake(w->heartbeat->turns)) w->heartbeat->turns++;
}

/* It loads a script, which may take longer than a turn; 0: it is loaded, or failed to. */
void heartbeat_loads(struct worker *w, uint32_t generation);

/* From now on this process answers the master's question what it is in. */
void heartbeat_answers(struct worker *w);

#endif
