/* requests: what a client has sent, read and taken: each request gets its reply and goes into the turn's slots, or is answered here.
 *
 * Owns nothing; the client's input buffer keeps what is cut.
 */
#ifndef MOONGATE_CLIENT_REQUESTS_H
#define MOONGATE_CLIENT_REQUESTS_H

#include "client/client.h"

enum { REQUESTS_READ_AT_MOST = 16 * 1024 }; /* bytes a turn of one client: its fair share */

/* Reads once, `most` bytes at most, and takes the whole requests among them as far as there is room for their replies. It may
 * change c's state, but does not close it. IO_END: the client sends no more. */
enum io_status requests_read(struct client *c, size_t most) __attribute__((warn_unused_result));

/* There is room again for requests that had to wait (c->waiting): takes them. */
void requests_resume(struct client *c);

#endif
