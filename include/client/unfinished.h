/* unfinished: what clients have sent in part: how much all of a worker hold, and who goes when it is too much.
 *
 * The sum is the set's, and client_note_unfinished keeps it. Over the limit those are closed that hold most and have been idle longest, until an eighth of it
 * is free. A client is idle while it has brought less than 4 KiB: a byte now and then is no progress.
 */
#ifndef MOONGATE_CLIENT_UNFINISHED_H
#define MOONGATE_CLIENT_UNFINISHED_H

#include "client/client.h"

/* At the end of each turn. */
void unfinished_look(struct clients *set);

#endif
