/* offers: clients on their way from the master to its workers, and who gets which.
 *
 * Owned by the crew. The master keeps its copy of a client's descriptor until the worker has taken the client, because what
 * lies in the channel of a process that dies is lost. A worker that is slow to take clients loses them to another one; one
 * that dies does, too. Clients for whom no worker has room wait here, in order.
 */
#ifndef MOONGATE_MASTER_OFFERS_H
#define MOONGATE_MASTER_OFFERS_H

#include "base/handover.h"
#include "net/newcomer.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel_message;
struct crew;
struct slot;

struct offer {
    struct newcomer client;
    double since; /* as process_clock */
};

/* A slot's. Invariant: settled <= made <= settled + HANDOVERS. */
struct offers {
    struct offer items[HANDOVERS]; /* by number, as in the handover */
    uint64_t made, settled;        /* numbers of the last one made, of the last one decided */
    bool is_late; /* it left a client waiting: others come first, until it takes clients again */
};

/* Clients for whom there was no room. */
struct offers_queue {
    struct offer *items;
    size_t n, room;
};

/* A new process is about to be started: nothing is offered to it yet. */
void offers_begin(struct slot *s);

/* Looks what the worker has decided. reported: it says that it has. */
void offers_settle(struct slot *s, bool reported);

/* All that the worker has not taken goes back to the queue: it is gone, or late. */
void offers_withdraw(struct slot *s);

/* Before the channel of a process is closed: the clients that it gave back go to the queue, too. */
void offers_rescue(struct slot *s);

/* I15. Gives a client to the ready worker that has the fewest, or lets it wait. Takes over what n owns. */
void crew_hand(struct crew *crew, struct newcomer n);

/* The client in a message of a worker, or of the process before: the receiver's from here on. */
struct newcomer crew_newcomer(struct crew *crew, const struct channel_message *m, int fd);

/* There may be room again for those that wait. Tells the owner when none does any more. Refuses them when no worker will come. */
void crew_hand_waiting(struct crew *crew);

bool crew_has_waiting(const struct crew *crew);

/* Those that wait are refused: no worker will come. */
void crew_refuse_waiting(struct crew *crew);

/* Begins to look, now and then, for offers that are late. */
void offers_init(struct crew *crew);

/* Stops that and closes all that was not taken: at the end, and in a forked child. */
void offers_release(struct crew *crew);

#endif
