/* intake: the bytes of a ready connection, as the answers to its calls.
 *
 * Owns nothing. What does not fit the calls is an anomaly: whoever is told of one closes the connection (invariant I3).
 */
#ifndef MOONGATE_BACKEND_INTAKE_H
#define MOONGATE_BACKEND_INTAKE_H

#include "backend/conn.h"

/* The longest value believed of a server, whatever clients may store. */
enum { INTAKE_VALUE_MAX = 128 * 1024 * 1024 };

/* Uses all whole responses of what was read, and keeps the cut one. NULL, or the anomaly: then the rest of the bytes was not
 * looked at and none of it is kept. *is_refusal becomes true where it is that a request with a value was refused. */
const char *intake_take(struct conn *c, const struct inbuf_input *input, bool *is_refusal)
    __attribute__((warn_unused_result));

#endif
