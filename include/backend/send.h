/* send: the way of a request to the connection that takes it, now or once that connection may write it.
 *
 * Owns nothing: a call that is made is owned by its connection. A request whose connection is not ready, or takes one call at a
 * time, is held back there; release_flush lets it go.
 */
#ifndef MOONGATE_BACKEND_SEND_H
#define MOONGATE_BACKEND_SEND_H

#include "backend/call.h"
#include "backend/data.h"

enum backend_status {
    BACKEND_OK,       /* a call was made: `done` gets its events */
    BACKEND_JOINED,   /* the key was added to the owner's call made just before */
    BACKEND_REFUSED,  /* no call: `reason` says why, with the backend's name */
    BACKEND_ANSWERED, /* no call: the server does not know such a command, and `done` was called with an error that says so */
};

struct backend_call {
    double deadline; /* as backends.now */
    uint8_t pool;    /* of the call, which see */
    bool streams;    /* call.may_stream */
    call_done_fn
        *done;   /* gets the call's events; not before backend_send returns, but for ANSWERED */
    void *owner; /* passed to it; NULL: the response is dropped */
};

/* Sends r, which is validated and whole (I4), to b on the connection that r->affinity picks. Keys of one get share a request
 * where they may. The bytes of r are copied, but a blob gets a reference instead. On REFUSED *reason, without CRLF, is valid
 * until the next call into this floor. Nothing is written before the turn ends. */
enum backend_status backend_send(struct backend *b, const struct request *r,
                                 const struct backend_call *how, const char **reason)
    __attribute__((warn_unused_result));

#endif
