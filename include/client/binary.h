/* binary: the front of memcache's binary protocol: takes a client's frames for requests.
 *
 * Owns nothing. A frame becomes the request that a text client would have sent (protocol/binary_request.h), with a reply in the client's
 * order; its outcome becomes a frame in binary_reply. client.framing is that of the frame that is being taken: replies copy it
 * when they are made. One worker.
 */
#ifndef MOONGATE_CLIENT_BINARY_H
#define MOONGATE_CLIENT_BINARY_H

#include "client/client.h"
#include "protocol/binary.h"

/* Takes whole frames from at .. end while there is room for their replies, and returns where the first one begins that is not taken.
 * *cut: it is not whole; then *need is how many bytes it takes in all, or 0. blob: what the bytes lie in; NULL: the arena. */
const uint8_t *binary_take(struct client *c, const uint8_t *at, const uint8_t *end,
                           struct blob *blob, bool *cut, size_t *need);

/* Fills all of r for f, but who it is for; what it points to lives as long as the turn's arena. False: its key cannot be sent. */
bool binary_fill_request(struct client *c, const struct binary_frame *f, struct request *r);

/* r, which is in the turn's next slot, is sent for that reply. */
struct reply;
void binary_own_request(struct reply *reply, struct request *r);

/* Answers the frame that is being taken, in c's order. text: the body; NULL: the status' own. */
void binary_answer(struct client *c, enum binary_status status, const char *text, size_t len);

#endif
