/* streaming: a reply whose value goes to its client while it comes from the server, see backend/streamed.h.
 *
 * Owns nothing. The head goes into the client's output when the value begins, its data as it comes, its end when the server's was
 * right; so only the client's first reply can be such a one. client.streamed is set meanwhile. One worker.
 */
#ifndef MOONGATE_CLIENT_STREAMING_H
#define MOONGATE_CLIENT_STREAMING_H

#include "client/reply.h"

/* Appends a response with the client's own key in place of the one that was sent. */
void streaming_append_shown(struct outq *to, const struct call_news *news);

/* CALL_BEGUN: takes the value, unless replies before it are not complete. */
void streaming_begin(struct reply *reply, const struct call_news *news);

/* CALL_DATA, of a value that it took. */
void streaming_pass(struct reply *reply, const struct call_news *news);

/* CALL_ANSWERED: the last bytes go into the client's output. Its client is there. */
void streaming_end(struct reply *reply, const struct call_news *news);

/* CALL_FAILED: the client has a part of its answer, so its connection will be closed. why: a call's failure. Its client is there. */
void streaming_cut(struct reply *reply, const char *why);

/* The output of c was written: there may be room for more. */
void streaming_note(struct client *c);

/* The client closes. */
void streaming_leave(struct client *c);

#endif
