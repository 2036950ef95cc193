/* unfinished: bounds what all clients of a worker together hold of requests that they have sent in part (I6). Owns nothing.
 *
 * client_note_unfinished keeps the sum, set->unfinished. Over the limit, clients are closed, first those that hold most and
 * have been idle longest, until an eighth of the limit is free. A client counts as idle until it has sent 4 KiB more: a byte
 * now and then is no progress.
 */
#ifndef MOONGATE_CLIENT_UNFINISHED_H
#define MOONGATE_CLIENT_UNFINISHED_H

#include "client/client.h"

/* To be called at the end of each turn. */
void unfinished_look(struct clients *set);

#endif
