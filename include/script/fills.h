/* fills: the part of the ABI for policies that copy what one route has into another. See src/base/writes.c for why.
 *
 * Read by both compilers as a part of abi.h; the same rules hold. `at` and `serial`: of the function that waits, whose request
 * is meant where none is named.
 */
#ifndef MOONGATE_SCRIPT_FILLS_H
#define MOONGATE_SCRIPT_FILLS_H

#include "protocol/request.h"

#ifndef MOONGATE_CDEF
#include <stdbool.h>
#include <stdint.h>
#endif

struct script;

/* r (NULL: the function's own request) puts a copy of what was read since its read began (coroutine.c: fill_begin); `own` writes of the key were the function's. For a
 * route of ROUTE_FILL. */
void mg_fill_mark(struct script *s, uint32_t at, uint32_t serial, struct request *r, uint32_t own);

/* r does a part of what the function's own request does: it is a copy if that is one. */
void mg_fill_inherit(struct script *s, uint32_t at, uint32_t serial, struct request *r);

#endif
