/* relayed: clients that come through a balancer, which tells by a PROXY header (net/proxy.h) whose connection it is.
 *
 * Owns nothing; one worker. What is known of the client is in c->who afterwards.
 */
#ifndef MOONGATE_CLIENT_RELAYED_H
#define MOONGATE_CLIENT_RELAYED_H

#include <stdbool.h>

#include "client/client.h"
#include "net/io.h"

/* Whether its connection must begin with a header: it comes from an address whose headers are believed. */
bool relayed_is_awaited(const struct client *c);

/* Reads of the header what is there, and no byte more. OK: it is whole, and c has passed, or some of it has come; else as a read. It may
 * close c. */
enum io_status relayed_read(struct client *c);

#endif
