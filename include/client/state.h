/* state: what a client is about to do, and what it holds: the part of a client that its replies and answers use too. Owns nothing. */
#ifndef MOONGATE_CLIENT_STATE_H
#define MOONGATE_CLIENT_STATE_H

#include "client/client.h"

enum {
    CLIENT_HELD_AT_MOST = 256 * 1024, /* bytes of replies from which on a client must read first */
    CLIENT_OWED_AT_MOST = 1024,       /* replies from which on likewise */
    CLIENT_OWED_AT_FIRST = 16,        /* the same while it is not known how large its replies are */
};

/* For assertions: what struct client promises. */
bool client_sane(const struct client *c);

void client_set_state(struct client *c, enum client_state state, const char *reason);

/* Reads no more, and closes once everything is answered. */
void client_end(struct client *c, const char *reason);

/* Asks that the turn's end looks at c: something to write, or a change of state. */
void client_mark_dirty(struct client *c);

/* Bytes of replies that are held for it; and whether they are more than it may have: then it is closed. */
static inline size_t client_held(const struct client *c)
{
    return c->out.bytes + c->stored;
}

static inline bool client_holds_too_much(const struct client *c)
{
    return client_held(c) > c->set->limits.client_buffer + c->set->limits.rules.max_value;
}

/* One more request may be sent: its reply will most likely find room. A client that pipelines large values faster than
 * it reads them is so slowed down to its own pace, not closed. */
static inline bool client_has_room(const struct client *c)
{
    if (c->owed == 0) return true;
    return c->owed < CLIENT_OWED_AT_MOST &&
           client_held(c) + (c->owed + (size_t)1) * c->usual <= c->set->limits.client_buffer;
}

/* It still uses what it reads as requests. */
static inline bool client_takes_requests(const struct client *c)
{
    return c->state == CLIENT_OPEN || c->state == CLIENT_DRAINING || c->state == CLIENT_MOVING;
}

/* A reply of n bytes is complete; more bytes are held for it. */
void client_note_reply(struct client *c, size_t n);
void client_check_held(struct client *c);

/* What its input buffer holds has changed; came: bytes that it has just sent. */
void client_note_unfinished(struct client *c, size_t came);

/* Its address as text: ADDR_TEXT_MAX bytes. Returns text. */
const char *client_address(const struct client *c, char *text);

#endif
