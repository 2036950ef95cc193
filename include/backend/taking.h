/* taking: what the files share that use the bytes of a ready connection: intake, translate.
 *
 * A struct intake lives on the stack of intake_take while it runs, and owns nothing.
 */
#ifndef MOONGATE_BACKEND_TAKING_H
#define MOONGATE_BACKEND_TAKING_H

#include "backend/conn.h"

enum taken {
    TAKEN_OK,
    TAKEN_NEED,  /* a cut response: more bytes are needed */
    TAKEN_WRONG, /* an anomaly */
};

/* The bytes at hand: `blob` holds them, or is NULL when they lie in the turn's arena. */
struct intake {
    struct conn *c;
    const uint8_t *end;
    struct blob *blob;
    const char *anomaly; /* not NULL: it says what is wrong */
    bool is_refusal;
};

/* TAKEN_WRONG, with that anomaly. */
enum taken taking_wrong(struct intake *in, const char *anomaly);

/* True: the cut value at hand, whose line has `line` bytes, is long, and its call's owner may take it. */
bool taking_may_stream(const struct intake *in, const struct response *r, size_t line);

/* Learns from the response to the first call which values are safe to share a connection. Returns dialect_in_step. */
bool taking_is_in_step(struct intake *in, const struct response *r);

#endif
