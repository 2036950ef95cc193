/* arrivals: clients that the master offers to this worker, and their descriptors as long as it has copies.
 *
 * Owned by its worker. The loop's epoll forgets a descriptor by itself only when its last copy is closed: events of one that
 * others still hold would make libev build its set again. So a client that is closed before the master has let go of its copy
 * keeps its descriptor until then; its peer has seen the end already.
 */
#ifndef MOONGATE_WORKER_ARRIVALS_H
#define MOONGATE_WORKER_ARRIVALS_H

#include "base/handover.h"
#include <stdbool.h>
#include <stdint.h>

struct arrivals {
    struct handover *handover; /* on the board */
    uint64_t offered;          /* the number of the last client that was offered */
    struct {
        int fd;
        uint64_t number;
    } closing[HANDOVERS];
    uint32_t closing_n;
};

void arrivals_init(struct arrivals *a, struct handover *handover);

/* The next client has come. True when it is this worker's: wanted, and not withdrawn. */
bool arrivals_take(struct arrivals *a, bool wanted);

/* A turn_shut_fn: about is the struct arrivals. No client has number 0. */
void arrivals_close(void *about, int fd, uint64_t number);

/* At the end of each turn. */
void arrivals_look(struct arrivals *a);

#endif
