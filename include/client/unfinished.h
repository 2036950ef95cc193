/* unfinished: what clients have sent in part: how much all of a worker hold, and who goes when it is too much.
 *
 * The sum is the turn's. Over the limit those are closed that hold most and have been idle longest, until an eighth of it
 * is free. A client is idle while it has brought less than 4 KiB: a byte now and then is no progress.
 */
#ifndef MOONGATE_CLIENT_UNFINISHED_H
#define MOONGATE_CLIENT_UNFINISHED_H

#include "client/client.h"

/* What c holds has changed; came: bytes that it has just sent. */
void unfinished_note(struct client *c, size_t came);

/* At the end of each turn. */
void unfinished_look(struct turn *t);

#endif
