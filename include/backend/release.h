/* release: calls that a connection holds back, let go once it may write them.
 *
 * Owns nothing: the calls are the connection's. See held for their bytes, and send for how they came to be held back.
 */
#ifndef MOONGATE_BACKEND_RELEASE_H
#define MOONGATE_BACKEND_RELEASE_H

#include "backend/conn.h"

/* Lets calls that c holds back go where they may: into its stream, or apart. A call whose command the server does not know is said in
 * other words or answered, and one whose deadline passed is dropped. Then writes what is queued, if c is READY. */
void release_flush(struct conn *c);

#endif
