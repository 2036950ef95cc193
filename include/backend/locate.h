/* locate: where a backend is: its addresses, fixed or as the resolver says, and what a change of them means for its connections.
 *
 * The addresses are the backend's own; one that is a host name holds a watch. A connection whose address is gone from the answer
 * takes no new calls: it finishes those in flight as a backend of its own, that no pool names, and goes.
 */
#ifndef MOONGATE_BACKEND_LOCATE_H
#define MOONGATE_BACKEND_LOCATE_H

#include "backend/data.h"

enum { BACKEND_ADDRS_MAX = 16 }; /* that are tried */

/* Once, when the backend was made with its connections; and before it goes. */
void backend_locate(struct backend *b, const struct addr_spec *spec);
void backend_unlocate(struct backend *b);

/* `before` if it still is one of the backend's addresses, else the first one; NULL: there is none yet. */
const struct addr *backend_addr(const struct backend *b, const struct addr *before);

/* The one behind `before`, the first one behind the last. There is one. */
const struct addr *backend_next_addr(const struct backend *b, const struct addr *before);

#endif
