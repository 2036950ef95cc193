/* send: the way of a request to the connection that takes it, now or once that connection may write it.
 *
 * Owns nothing: a call that is made is owned by its connection. A request whose connection is not ready, or takes one call at a time,
 * is held back there; send_flush lets it go.
 */
#ifndef MOONGATE_BACKEND_SEND_H
#define MOONGATE_BACKEND_SEND_H

#include "backend/call.h"
#include "backend/data.h"

enum backend_status {
    BACKEND_OK,      /* a call was made; `done` will hear of it */
    BACKEND_JOINED,  /* the key was added to the owner's call made just before */
    BACKEND_REFUSED, /* no call: `reason` says why, with the backend's name */
    BACKEND_ANSWERED, /* no call: the server does not know such a command, and `done` has heard ERROR */
};

struct backend_call {
    double deadline; /* as backends.now */
    call_done_fn *done;
    void *owner; /* NULL: the response is dropped */
};

/* Sends r (validated) to b on the connection that r->affinity picks. Joins keys of one get into one request. The bytes of r
 * are copied or counted. On REFUSED *reason is valid until the next call into this floor. */
enum backend_status backend_send(struct backend *b, const struct request *r,
                                 const struct backend_call *how, const char **reason)
    __attribute__((warn_unused_result));

/* Lets calls that c holds back go where they may: into c's stream or apart; a call whose command the server does not know is answered, one
 * that expired is dropped. Then writes what is queued. */
void send_flush(struct conn *c);

#endif
