/* fills: the part of the ABI for policies that copy what one route has into another. src/base/writes.c says why they mark
 * copies.
 *
 * Read by both compilers as a part of abi.h; the same rules hold. `at` and `serial` name the function that waits. The marks
 * lie in requests, and are freed with them.
 */
#ifndef MOONGATE_SCRIPT_FILLS_H
#define MOONGATE_SCRIPT_FILLS_H

#include "protocol/request.h"

#ifndef MOONGATE_CDEF
#include <stdbool.h>
#include <stdint.h>
#endif

struct script;

/* What a copy comes from: a read; a read by a function whose own work, and that of others like it, are plans of writes, which then do not
 * count; a write of the function's own. */
enum mg_fill { MG_FILL_READ, MG_FILL_READ_AMONG_PLANS, MG_FILL_WROTE };

/* Marks r (NULL: the function's own request) as a copy of what was read, or written, since fill_begin (coroutine.c), for a route of
 * ROUTE_FILL. from: enum mg_fill. */
void mg_fill_mark(struct script *s, uint32_t at, uint32_t serial, struct request *r, uint32_t from);

/* r does a part of what the function's own request does: it gets the same mark. */
void mg_fill_inherit(struct script *s, uint32_t at, uint32_t serial, struct request *r);

/* Whether r through that route, and `as` through the other one (their numbers), go to one server under one key. False where that cannot be
 * said beforehand: only pools and choosers that always choose the same are followed. */
bool mg_fill_is_same_place(struct script *s, uint32_t at, uint32_t serial, int32_t route,
                           const struct request *r, int32_t other, const struct request *as);

#endif
