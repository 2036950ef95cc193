/* requests: reads a client's bytes and takes the requests among them: each gets its reply, and goes into the turn's slots or
 * is answered by this floor.
 *
 * Owns nothing; the client's input buffer keeps a cut request. One worker. I4: only whole, valid requests become slots.
 */
#ifndef MOONGATE_CLIENT_REQUESTS_H
#define MOONGATE_CLIENT_REQUESTS_H

#include "client/client.h"

enum { REQUESTS_READ_AT_MOST = 16 * 1024 }; /* bytes a turn of one client: its fair share */

/* Reads once, `most` bytes at most beyond what completes a cut request, and takes whole requests as far as there is room for
 * their replies. c must take requests, and none may wait. May change c's state, but does not close it. IO_END: the client sends
 * no more. */
enum io_status requests_read(struct client *c, size_t most) __attribute__((warn_unused_result));

/* --- for every front */

/* Drops what must be dropped of the input (c->swallow): the value of a refused store may be of any length. Returns where the rest begins. */
const uint8_t *requests_swallow(struct client *c, const uint8_t *at, const uint8_t *end);

/* A request that is not about a key. */
void requests_take_local(struct client *c, const struct request *r);

/* --- */

/* Takes requests that have waited for room (c->waiting). */
void requests_resume(struct client *c);

#endif
