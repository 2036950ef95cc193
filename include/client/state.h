/* state: a client's state, and how much it holds: the part of a client that its replies and answers use, too. Owns nothing; one
 * worker. */
#ifndef MOONGATE_CLIENT_STATE_H
#define MOONGATE_CLIENT_STATE_H

#include "client/client.h"

enum {
    CLIENT_HELD_AT_MOST = 256 * 1024, /* bytes of replies: over that, a client must read first */
    CLIENT_OWED_AT_MOST = 1024,       /* replies: likewise */
    CLIENT_OWED_AT_FIRST = 16,        /* the same, while the size of its replies is not known */
};

/* For assertions: what struct client promises. */
bool client_sane(const struct client *c);

/* The only place that writes c->state. Nothing comes after CLOSED, and nothing goes back to OPEN. */
void client_set_state(struct client *c, enum client_state state, const char *reason);

/* Lets the client end: it reads no more, and closes once everything is answered. */
void client_end(struct client *c, const char *reason);

/* Makes the end of the turn settle c, because there is something to write, or its state has changed. */
void client_mark_dirty(struct client *c);

/* I6: bytes of replies that are held for c; and whether they are more than it may have: then it is closed. */
static inline size_t client_held(const struct client *c)
{
    return c->out.bytes + c->stored;
}

static inline bool client_holds_too_much(const struct client *c)
{
    return client_held(c) > c->set->limits.client_buffer + c->turn->limits.rules.max_value;
}

/* Whether one more request may be taken, because its reply will most likely find room. So a client that pipelines large values
 * faster than it reads them is slowed down to its own pace, not closed. */
static inline bool client_has_room(const struct client *c)
{
    if (c->owed == 0) return true;
    return c->owed < CLIENT_OWED_AT_MOST &&
           client_held(c) + (c->owed + (size_t)1) * c->usual <= c->set->limits.client_buffer;
}

/* After how many requests, which it has sent at once, they are to be routed. What stores answer is there at once, and each answer may be as
 * long as a value: so it is seen in time that there is no more room. 0: it must read first. */
uint32_t client_batch_for_stores(const struct client *c);
static inline uint32_t client_batch(const struct client *c)
{
    return __builtin_expect(c->turn->has_stores, 0) ? client_batch_for_stores(c) : UINT32_MAX;
}

/* So many were taken: routes them. Returns how many more may be taken until the next time; 0: their answers have left no room. */
uint32_t client_routes(struct client *c);

/* Whether what it sends is still taken for requests. */
static inline bool client_takes_requests(const struct client *c)
{
    return c->state == CLIENT_OPEN || c->state == CLIENT_DRAINING || c->state == CLIENT_MOVING;
}

/* To be called when a reply of n bytes is complete: learns how large replies are. */
void client_note_reply(struct client *c, size_t n);

/* The kernel has taken n bytes of its answers. */
static inline void client_note_written(struct client *c, size_t n)
{
    c->turn->row->bytes_written += n;
    c->bytes_written += n;
    c->counts->bytes_written += n;
}

/* Writes its output as far as the kernel takes it. */
static inline enum io_status client_write(struct client *c)
{
    size_t before = c->out.bytes;
    enum io_status status = outq_write(&c->out, &c->stream);
    client_note_written(c, before - c->out.bytes);
    return status;
}

/* To be called when more bytes are held for c: marks it dirty when they are too many. */
void client_check_held(struct client *c);

/* To be called when what c's input buffer holds may have changed: keeps the sums. came: bytes that it has just sent. */
void client_note_unfinished(struct client *c, size_t came);

/* Puts its address into text, ADDR_TEXT_MAX bytes: the one that a PROXY header has told, or that of its socket, which is asked: a client keeps
 * no address, since few need it. False: it has gone. */
bool client_has_address(const struct client *c, char *text);

/* The same for the log, "(gone)" where it has gone. Returns text. */
const char *client_address(const struct client *c, char *text);

/* What scripts call the listener that it came through; "" where listeners have no names. */
const char *client_listener(const struct client *c);
/* Whether it may do what an option allows to some clients. near: those that came over loopback or a unix socket, by our end of the
 * connection, which a client cannot choose. */
bool client_is_allowed(const struct client *c, enum clients_allow whom);

#endif
