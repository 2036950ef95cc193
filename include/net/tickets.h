/* tickets: the keys with which TLS session tickets are sealed, in memory that all workers, and the next binary of an upgrade, share. So a
 * client resumes its session with any worker, whatever has been reloaded or started again since.
 *
 * The master creates the region, or adopts that of the process before, and destroys it; it alone writes (tickets_rotate), while it is the
 * service. Workers read. Three keys go round: tickets are sealed with the current one and opened with the one before, too; the
 * next one is there already, so that the round goes on by one store. A ticket is good for TICKETS_LIFE seconds, and a key goes
 * after twice that: what was recorded longer ago cannot be read with a key that is found here.
 */
#ifndef MOONGATE_NET_TICKETS_H
#define MOONGATE_NET_TICKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/tls.h"

enum { TICKETS_LIFE = 7200 /* seconds */ };

struct tickets;

/* NULL, with errno. *fd becomes its file (base/region.h), or -1; fd NULL: nobody else gets it. */
struct tickets *tickets_create(int *fd, double now);

/* What is in that file, which stays the caller's. NULL: it is of another build, or errno. */
struct tickets *tickets_adopt(int fd);

/* Unmaps it in this process. NULL is allowed. */
void tickets_destroy(struct tickets *t);

/* Seconds until tickets_rotate is due; 0: now. Times are those of process_clock. */
double tickets_due(const struct tickets *t, double now);

/* The next key becomes the current one. False: the kernel has no random bytes, and nothing has changed. */
bool tickets_rotate(struct tickets *t, double now);

/* A tls_tickets_fn; about: the struct tickets. A key that only opens tickets is TLS_TICKET_OLD. */
enum tls_ticket tickets_key(void *about, const uint8_t *name, struct tls_ticket_key *key);

#endif
