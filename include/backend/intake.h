/* intake: the bytes of a ready connection, as the responses to its calls.
 *
 * Owns nothing: works on the struct of conn. I3: what does not fit the calls is an anomaly, and the caller closes the connection.
 */
#ifndef MOONGATE_BACKEND_INTAKE_H
#define MOONGATE_BACKEND_INTAKE_H

#include "backend/conn.h"

/* Bytes of the longest value that is accepted from a server, whatever --max-value lets clients store. */
enum { INTAKE_VALUE_MAX = 128 * 1024 * 1024 };

/* Uses all whole responses of `input`, which runs the owners of calls, and keeps the start of a cut one in c->in. Returns
 * NULL, or what the anomaly is: then the rest of the bytes was not looked at and none is kept. *is_refusal becomes true when
 * the anomaly is that a request with a value was refused. */
const char *intake_take(struct conn *c, const struct inbuf_input *input, bool *is_refusal)
    __attribute__((warn_unused_result));

#endif
