/* texts: what a client learns about a call that failed: the server and the reason, or what twemproxy or mcrouter would say.
 *
 * Pure functions; they own nothing. The log, statistics and those who watch requests get the reason itself.
 */
#ifndef MOONGATE_BACKEND_TEXTS_H
#define MOONGATE_BACKEND_TEXTS_H

#include "backend/data.h"

enum { FAILURE_ROOM = BACKEND_NAME_MAX + BACKEND_REASON_MAX + 2 };

/* Puts the text for a call to b that has failed into `text`, which it returns. */
const char *failure_text(const struct backend *b, const char *reason, char text[FAILURE_ROOM]);

/* The same for a call that is refused: it is not sent, as the server is down or has too many calls. */
const char *refusal_text(const struct backend *b, const char *reason, char text[FAILURE_ROOM]);

/* The reason in twemproxy's words: where it has none, as it is. */
const char *failure_as_twemproxy(const char *reason);

/* True: the failure of one of several keys is the whole answer, as in twemproxy and in mcrouter. */
static inline bool failures_are_whole(const struct backend_settings *s)
{
    return s->texts != TEXTS_SERVER;
}

static inline bool failure_is_whole(const struct backend *b)
{
    return failures_are_whole(&b->settings);
}

#endif
