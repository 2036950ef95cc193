/* framed: connections to servers that are spoken to in the binary protocol (options `protocol` and `auth` of pools): their way to READY, and
 * their calls, as frames.
 *
 * Owns nothing: works on the structs of conn and call. Owners of calls get responses of the text and meta protocol, as of other servers.
 * A frame is made when its call is: what such a server understands does not depend on its version. Its opaque is the number of
 * its place in the stream, and is written when it goes there: the n-th frame of a server must have the n-th one (I3).
 */
#ifndef MOONGATE_BACKEND_FRAMED_H
#define MOONGATE_BACKEND_FRAMED_H

#include "backend/taking.h"
#include "backend/translate.h"
#include "protocol/binary_words.h"

/* True: such a server has these settings. Not where it is none of its own (set->dial). */
bool framed_is_wanted(const struct backends *set, const struct backend_settings *settings);

/* --- the way to READY: see connect.c */

/* Sends what comes first: user and password, or the version. */
void framed_greet(struct conn *c);

/* Bytes that came before READY. */
void framed_take_probe(struct conn *c, struct span span);

/* --- calls */

/* True: *words is the frame for r. False: the answer for r's client is *answer. */
bool framed_say(const struct backend *b, const struct request *r, struct binary_words *words,
                struct own_answer *answer);

/* Writes the frame to c, or into the call where c holds it back. Returns how many bytes it has. */
size_t framed_write(struct conn *c, struct call *call, const struct request *r,
                    const struct binary_words *words);

/* Moves the frame of a call that was held back into the stream of c. */
void framed_let_go(struct conn *c, struct call *call);

/* Makes the frame of a get once more, for a second time. */
void framed_write_again(const struct call *call, struct outq *to);

/* A question to which any answer will do, for an idle connection. */
void framed_probe_idle(struct conn *c);

/* Uses the frame at `at`, for the first call. As take_next in intake.c. */
enum taken framed_take(struct intake *in, const uint8_t *at, struct response *r);

#endif
