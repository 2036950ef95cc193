/* noted: what is kept of a request that is recorded, from its coming to its outcome.
 *
 * A note belongs to the sights of its reply (client/sight.h), and is freed with them; each key of a get has its own. Worker only. Only while
 * the set's feed is on. What is recorded, and of which requests: src/client/noted.c.
 */
#ifndef MOONGATE_CLIENT_NOTED_H
#define MOONGATE_CLIENT_NOTED_H

#include "base/live.h"
#include "protocol/request.h"

struct client;
struct clients;
struct feed;
struct noted;
struct reply;

/* Makes the note of r, in front of next; next alone: it is not to be recorded. */
struct noted *noted_create(const struct reply *reply, const struct request *r, uint32_t keys,
                           struct noted *next);

/* What is known of a request when it ends. */
struct noted_end {
    double began, end;
    enum live_result result;
    const char *text; /* of an error */
    size_t bytes;     /* of its answer */
};

/* The outcome of all of them; or of each key of a get by what its part has brought: then end->result is that of keys without a value, MISS or
 * ERROR. Frees them. */
void noted_finish(struct noted *first, const struct reply *reply, struct feed *f,
                  const struct noted_end *end);
void noted_finish_parts(struct noted *first, const struct reply *reply, struct feed *f,
                        const struct noted_end *end);

/* A request that is refused has no reply: the client gets end->text. */
void noted_refused(struct client *c, const struct request *r, const struct noted_end *end);

#endif
