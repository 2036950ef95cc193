/* route: how the client's side asks where requests go. Owned by this floor, answered by the script's.
 *
 * Read by LuaJIT's FFI too (through script/abi.h, with MOONGATE_CDEF).
 */
#ifndef MOONGATE_ROUTE_ROUTE_H
#define MOONGATE_ROUTE_ROUTE_H

#ifndef MOONGATE_CDEF
#include "protocol/request.h"
#include "route/path.h"
#include <stdint.h>
#endif

/* Where one request goes: the number of a route, or one of these. */
enum answer_kind {
    ANSWER_MISS = -1,   /* as if the server did not have it */
    ANSWER_REFUSE = -2, /* `SERVER_ERROR text` */
    ANSWER_NONE = -3,   /* not decided */
    ANSWER_TAKEN = -4,  /* a function of the script waits, and will answer later */
    ANSWER_WAITS = -5 /* the script's, for a moment: the request's function is one that may wait */
};

struct answer {
    int32_t route; /* >= 0: a route's number; else enum answer_kind */
    uint32_t text_len;
    uintptr_t text_at; /* REFUSE: the text, valid until the turn ends; no CR, no LF */
};

#ifndef MOONGATE_CDEF

/* Decides for slots[0..n), which may begin anywhere among the turn's (rewriting them where the script says so) and fills answers[0..n). No answer is NONE
 * afterwards. Then goes on with what is on the generation's ready list, which is empty afterwards. Called once a turn or
 * little more often. */
typedef void client_route_fn(void *router, struct request *slots, struct answer *answers,
                             uint32_t n);

/* Decides for slots[at] alone, as the above would, and says by which way. Nothing is counted or logged; what a script itself
 * counts or remembers, it does. May not be called while the router decides. Returns the route, NULL for an answer of its own. */
struct route;
typedef const struct route *client_trace_fn(void *router, struct request *slots,
                                            struct answer *answers, uint32_t at, struct path *path);

#endif
#endif
