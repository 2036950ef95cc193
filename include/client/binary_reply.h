/* binary_reply: outcomes as frames of the binary protocol: for replies with REPLY_IN_FRAMES.
 *
 * Owns nothing. One worker. An outcome is what a text client would be told; which status that is, and what a quiet frame leaves out, is
 * decided here alone.
 */
#ifndef MOONGATE_CLIENT_BINARY_REPLY_H
#define MOONGATE_CLIENT_BINARY_REPLY_H

#include "client/reply.h"
#include "protocol/binary.h"

/* The response of a server, or of a script. */
void binary_answered(struct reply *reply, const struct call_news *news);

/* A miss that no server has answered. */
void binary_missed(struct reply *reply);

/* There is no response, and that is why. */
void binary_failed(struct reply *reply, bool by_script, const char *text, size_t len);

/* A status alone. text: the body; NULL: the status' own. */
void binary_answer_status(struct reply *reply, enum binary_status status, const char *text,
                          size_t len);

/* CALL_BEGUN of a value that is passed on: all of its frame but the data. */
void binary_append_begun(const struct reply *reply, const struct call_news *news, struct outq *to);

/* The lines of an answer that moongate has made become frames, in their place. */
void binary_put_in_frames(const struct reply *reply, struct outq *lines);

#endif
