/* handshake: clients that are in their TLS handshake: a step of it when their bytes have come, and what is known of them when it is done.
 *
 * Embedded in the set of clients, which owns it. A step may take the processor a millisecond (a signature by an RSA key), so a turn does
 * only what fits into a few, and the others wait in the order in which they were ready. One worker.
 */
#ifndef MOONGATE_CLIENT_HANDSHAKE_H
#define MOONGATE_CLIENT_HANDSHAKE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

struct client;
struct clients;

struct handshakes {
    uint32_t *
        ready; /* owned: a ring of `room` clients' numbers, n from `first` on: their bytes have come */
    uint32_t room, first, n;
    ev_idle more; /* keeps the loop from sleeping while there are any */
    struct log_limit lines;
};

void handshakes_init(struct clients *set);
void handshakes_release(struct clients *set);

/* c, at ENTRY_TLS, may be read: its next step comes at the end of the turn, or in a later one. Until then it is not watched. */
void handshake_ready(struct client *c);

/* Before a turn ends: the steps for which there is time. Clients pass, or are closed. */
void handshakes_go_on(struct clients *set);

/* Its stream has failed after the handshake: it is closed, and the log says why. */
void handshake_broken(struct client *c);

#endif
