/* route: how this floor asks a script where requests go: plain values and two function types, which the script floor implements.
 * Nothing here is freed; the answers' texts live until the turn ends. One worker.
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
    ANSWER_TAKEN = -4,  /* a function of the script has it: it has answered, or waits and will */
    ANSWER_WAITS = -5   /* used inside the script's floor only: the function is one that may wait */
};

struct answer {
    int32_t route; /* >= 0: a route's number; else enum answer_kind */
    uint32_t text_len;
    uintptr_t text_at; /* REFUSE: the text, valid until the turn ends; no CR, no LF */
};

#ifndef MOONGATE_CDEF

/* Decides for slots[0..n), which may begin anywhere among the turn's, and fills answers[0..n); rewrites requests where the
 * script does. Afterwards each answer is a route's number, MISS, REFUSE or TAKEN. Then resumes the functions on the
 * generation's ready list, which is empty afterwards. Called once a turn, or a little more often. I7: an error in the script
 * makes a REFUSE of one slot. */
typedef void route_ask_fn(void *router, struct request *slots, struct answer *answers, uint32_t n);

/* What explain asks a router. Both count, log and send nothing; but the script runs, with its own side effects. Must not be called
 * from within route_ask_fn.
 *
 * decide: for slots[at] alone, as route_ask_fn would, up to the first route that C runs; steps are added to the way's path, and what
 * the script spawns is noted in the walk. follow: a function that waits (its number), with r. It is run several times, its calls are
 * answered in each way that they may be, and each call's request goes on through the walk. Returns as walk_route. */
struct route;
struct walk;
struct walk_way;
struct route_tracer {
    void (*decide)(void *router, struct request *slots, struct answer *answers, uint32_t at,
                   struct walk *w, const struct walk_way *way);
    unsigned (*follow)(void *router, uint32_t function, const struct request *r, struct walk *w,
                       const struct walk_way *way);
};

#endif
#endif
