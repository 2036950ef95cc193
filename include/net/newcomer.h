/* newcomer: a client on its way to the process that serves it: its connection, how it came, and what is known of it already.
 *
 * A plain value that owns what it names; who has it last gives it to a client, or calls newcomer_close. One process.
 */
#ifndef MOONGATE_NET_NEWCOMER_H
#define MOONGATE_NET_NEWCOMER_H

#include <stdint.h>

#include "net/rules.h"

struct newcomer {
    int fd;
    uint32_t listener;   /* its number, see net/listener.h */
    struct rules *rules; /* of its listener when it came, a reference; NULL: nothing is asked */
    uint64_t handover;   /* the number of its hand-over; 0: it was accepted here */
    char *who;           /* of one that was served elsewhere before: see net/who.h; else NULL */
};

/* Drops all but the descriptor. */
void newcomer_forget(struct newcomer *n);

/* Drops all, and closes the descriptor. */
void newcomer_close(struct newcomer *n);

#endif
