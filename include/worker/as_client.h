/* as_client: what clients in memory are for a script: the addresses and the listeners that a test gives them.
 *
 * Owned by a rehearsal, which releases it after its worker: clients and scripts point into it. One process.
 */
#ifndef MOONGATE_WORKER_AS_CLIENT_H
#define MOONGATE_WORKER_AS_CLIENT_H

#include <stdint.h>

enum { AS_LISTENERS = 129 };

struct as_address;

/* Listener 0 has no name: clients come by it unless told otherwise. Names are filled in from 1 on, and stay. */
struct as_client {
    char *listeners[AS_LISTENERS];
    struct as_address *addresses;
};

void as_client_release(struct as_client *as);

/* A copy of the address that lives as long as *as. */
const char *as_client_address(struct as_client *as, const char *address);

/* The number of the listener with that name, a new one if need be; -1: there are too many. */
int32_t as_client_listener(struct as_client *as, const char *name);

#endif
