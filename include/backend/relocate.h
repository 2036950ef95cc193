/* relocate: what a change of a backend's addresses means for its connections.
 *
 * An address that is a host name holds a watch, which the backend owns. A connection whose address is gone from the answer takes
 * no new calls: it finishes those in flight as a backend by itself, that no pool names, and goes.
 */
#ifndef MOONGATE_BACKEND_RELOCATE_H
#define MOONGATE_BACKEND_RELOCATE_H

#include "backend/data.h"

/* Once, when the backend was made with its connections; and before it goes. */
void backend_locate(struct backend *b, const struct addr_spec *spec);
void backend_unlocate(struct backend *b);

#endif
