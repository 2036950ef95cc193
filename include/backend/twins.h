/* twins: servers that a pool has twice, by their names or by their addresses.
 *
 * Owns nothing. The sentences are valid until the next call.
 */
#ifndef MOONGATE_BACKEND_TWINS_H
#define MOONGATE_BACKEND_TWINS_H

#include "backend/pool.h"

/* Two servers of one name, where names decide, or whose addresses differ: a sentence that continues after "a pool"; NULL: there are none. */
const char *twins_refused(const struct pool *p);

/* A server that a pool has twice otherwise, where that may be meant: a sentence that continues after "a pool"; NULL: there is none. */
const char *twins_warned(const struct pool *p);

#endif
