/* streamed: a long value that goes to the client while it comes from the server.
 *
 * Made by streamed_begin for the first call of a connection, which owns it until the call ends; streamed_drop frees it then. Its
 * reader (the call's owner, who took it) has a pointer to it up to the call's last event, or until streamed_leave. One worker.
 */
#ifndef MOONGATE_BACKEND_STREAMED_H
#define MOONGATE_BACKEND_STREAMED_H

#include "backend/conn.h"

/* Invariant (streamed_sane): tail_len > 0. I6: `queued` is at most the window, and what one reading brings, unless is_spooled. */
struct streamed {
    struct conn *c;
    uint64_t left;           /* bytes of data that have not come yet */
    size_t queued;           /* bytes that wait for the client, as its reader says */
    const char *tail, *end;  /* what must come behind the data, and what the client gets then */
    enum response_kind kind; /* of the answer that the client gets */
    struct pipe *pipe;       /* NULL: the bytes are read */
    uint8_t tail_len;
    bool is_taken;    /* by a reader: else the value is held until it is whole */
    bool splices;     /* its reader takes pipes */
    bool is_left;     /* the reader has gone: the rest is dropped */
    bool is_spooled;  /* the rest is read whatever the client does */
    double paused_at; /* as backends.now */
    double paused;    /* seconds, in all */
};

/* --- for the reader, who is the owner of the call */

/* During CALL_BEGUN: it takes the value, and will get CALL_DATA. splices: in pipes, too. */
void streamed_take(struct streamed *s, bool splices);

/* So many bytes wait for the client now. */
void streamed_note(struct streamed *s, size_t queued);

/* The rest is not wanted. No event but the call's last one follows; s must not be used any more. */
void streamed_leave(struct streamed *s);

/* --- for the connection */

/* What stands around the data of a value: `head` is written to the client; `tail` must come from the server; then `end` is written to
 * the client. */
struct streamed_shape {
    const struct response *head;
    const char *tail, *end; /* constants */
};

/* r is the first call's value, which is cut: r->len bytes are its head, r->need those up to its CRLF. True: its owner has taken it. */
bool streamed_begin(struct conn *c, const struct response *r, const struct streamed_shape *shape,
                    const struct call_key *key);

/* Data at hand: passes it on, n bytes at most. Returns how many belonged to the value. */
size_t streamed_pass(struct conn *c, const uint8_t *at, size_t n);

/* Reads data from the socket and passes it on. `came`: bytes that were read. As inbuf_read otherwise. */
enum io_status streamed_read(struct conn *c, size_t *came) __attribute__((warn_unused_result));

/* True: data is still to come. */
static inline bool streamed_lacks(const struct conn *c)
{
    return c->streamed && c->streamed->left > 0;
}

/* Decides again whether the connection is read; to be called when a call was added behind the value. */
void streamed_look(struct conn *c);

/* The call's owner is about to be told that its deadline has passed. */
void streamed_expire(struct conn *c);

/* The call ends, or its connection: then its last event follows before anything else of this floor runs. */
void streamed_drop(struct conn *c);

#endif
