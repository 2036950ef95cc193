/* orders: what a worker is told to do: by its master over the channel, and by signals. Owns nothing.
 *
 * In a forked worker only SIGTERM counts; the rest of the signals is the master's business.
 */
#ifndef MOONGATE_WORKER_ORDERS_H
#define MOONGATE_WORKER_ORDERS_H

#include <stdbool.h>

struct worker;

/* Takes signals from here on. False with errno: they cannot be caught. */
bool orders_watch_signals(struct worker *w) __attribute__((warn_unused_result));

/* Takes the master's orders, and tells it that this worker is ready. */
void orders_watch_master(struct worker *w);

#endif
