/* steer: what operators have decided about servers, kept by the master and told to every worker.
 *
 * Owned by the master, one for its life. Decisions survive reloads and replaced workers; an upgrade takes them along. Invariant: each worker
 * has the table as it was at a change that its slot knows (steered), and gets the later changes in their order: a process that starts has all
 * of them in its memory, and one that does not read its channel gets them when it does.
 */
#ifndef MOONGATE_MASTER_STEER_H
#define MOONGATE_MASTER_STEER_H

#include "backend/steering.h"
#include "master/crew.h"
#include <ev.h>
#include <stdbool.h>

struct steers {
    struct crew *crew;
    struct steering table; /* with decisions that were taken back, until all workers know */
    ev_timer again;        /* a channel was full */
};

/* inherited: what the master before has decided; or NULL. */
void steers_init(struct steers *steers, struct crew *crew, const struct steering *inherited);

/* Decides, and tells the workers. Returns the number of the change; 0: the table is full. */
uint64_t steers_set(struct steers *steers, const struct steer *steer);

/* A worker has made changes up to that number. */
void steers_take(struct steers *steers, struct slot *s, uint32_t number);

/* How many workers that serve have not made that change yet. */
uint32_t steers_missing(const struct steers *steers, uint64_t number);

void steers_stop(struct steers *steers);

#endif
