/* locate: the addresses of a backend.
 *
 * They are the backend's own memory, from backend_set_addrs until backend_forget_addrs. What a change of them means for the
 * connections is relocate's.
 */
#ifndef MOONGATE_BACKEND_LOCATE_H
#define MOONGATE_BACKEND_LOCATE_H

#include "backend/data.h"

enum { BACKEND_ADDRS_MAX = 16 }; /* that are tried */

/* Copies the first BACKEND_ADDRS_MAX of n addresses, in place of those before. */
void backend_set_addrs(struct backend *b, const struct addr *addrs, uint32_t n);
void backend_forget_addrs(struct backend *b);

/* True: it is one of the backend's addresses. */
bool backend_has_addr(const struct backend *b, const struct addr *addr);

/* `before` if it still is one of the backend's addresses, else the first one; NULL: there is none yet. */
const struct addr *backend_addr(const struct backend *b, const struct addr *before);

/* The one after `before`, the first one after the last. There is one. */
const struct addr *backend_next_addr(const struct backend *b, const struct addr *before);

#endif
