/* async: a function of the script that waits: the C side of mg.async, without Lua (see the head of async.c).
 *
 * One stands for each request whose function waits. It lies in the block of its flow. The flow ends when it has given its
 * result and its leg is not out; the block is freed then, or after the last call that is still out. Whatever it holds
 * (rewritten keys, results of calls) is freed with it. Lua names one by a handle, a place in the script's table and a
 * serial number, so that a handle which a script kept too long finds nothing. One process.
 */
#ifndef MOONGATE_SCRIPT_ASYNC_H
#define MOONGATE_SCRIPT_ASYNC_H

#include "route/flow.h"
#include "script/abi.h"
#include "script/threads.h"

/* I6: the most functions of a script that wait at once, in one worker; the most calls of one function; and the most requests that
 * are sent for nobody (mg.spawn) and have not ended. */
enum { ASYNC_MOST = 65536, ASYNC_CALLS = 4096, ASYNC_SPAWNED = 65536 };

/* Bytes of a rewritten key, value or flags. */
struct scrap {
    struct scrap *next;
    uint8_t bytes[];
};

struct async_call {
    struct kept_result result; /* kind 0: it has not ended */
    uint64_t handle;           /* of its response: see handle.h; they grow with the call's number */
    uint8_t command;
    bool echoes_alike; /* k, O and b are as in the client's request */
    bool is_own;       /* it is the client's request itself */
    uint32_t copy;     /* bytes of the copy that is sent, while it has not ended */
};

/* What a function waits for. */
struct async_wait {
    uint32_t first, n;     /* calls first..first+n-1; n 0: only for the time */
    uint32_t wait, needed; /* enum mg_wait; how many for MG_WAIT_COUNT */
    uint32_t gives;        /* enum mg_gives */
};

/* Invariant (async_sane): of calls_n calls, `out` have not ended; it does not wait and is ready at once. Once is_over the
 * flow is only the block that this lies in. I1: is_decided is set once, and the flow gives one result. I6: calls_n and held
 * are bounded. */
struct async {
    struct script *script;
    struct flow *flow;
    struct coroutine *coroutine; /* NULL: the function has returned, or failed */
    struct async_call *calls;    /* `first`, or memory for `room` of them */
    uint64_t handle;             /* of its request: see handle.h */
    uint32_t at;                 /* in the script's table */
    uint32_t calls_n, room;
    uint32_t out;
    struct {
        const struct route *route; /* NULL: the leg is free */
        uint32_t call;
    } leg; /* of its flow: its own request goes through it, if mg.call is given nothing else */
    struct {
        writes_pair pair, in_place;
        uint64_t mark, sends, copies; /* see async_fill_begin */
    } fill;
    size_t held;    /* bytes of results and scraps */
    size_t charged; /* bytes that count as the script's memory: those, and the rest */
    struct async_wait until;
    bool is_waiting; /* for `until` */
    bool is_touched; /* the script may have written to its request */
    bool is_ready;   /* it is in its generation's list */
    bool is_dropped; /* its client is gone: it must not run on */
    bool is_decided; /* its end is known, or is the result of `tail` */
    bool is_over;    /* its flow has ended */
    int32_t tail;    /* the call whose result is the function's, or -1 */
    struct scrap *scraps;
    struct async_call first[1];
};

/* --- the table */

struct async_slot {
    struct async *async; /* NULL: free */
    uint32_t serial;
    uint32_t next_free;
};

/* Of a script, which owns it. Invariant: `used` slots have an async; the others are a list from first_free on. */
struct asyncs {
    struct async_slot *slots;
    uint32_t n, room;
    uint32_t first_free;
    uint32_t used;
};

/* Frees the table, which is empty: the flows of the script's generation have ended. */
void asyncs_release(struct asyncs *all);

/* A place for a, with a serial number that no other had there; and frees that place. */
uint32_t asyncs_take(struct asyncs *all, struct async *a);
void asyncs_give(struct asyncs *all, uint32_t at);

/* The one with that handle. NULL: it is over, or its end is decided. */
struct async *async_find(const struct script *s, uint32_t at, uint32_t serial);

/* --- life */

/* Makes one of the request in a slot of the turn, which is forgotten there. NULL: too many wait, and the slot is refused. */
struct async *async_create(struct script *s, uint32_t slot);

/* Ends it with that result. a may be gone afterwards. */
void async_finish(struct async *a, const struct result *result);

/* Ends it with a call's result, now or when the call ends: as the client asked, and with the key that it sent. */
void async_finish_call(struct async *a, uint32_t number);

/* Ends it with `SERVER_ERROR script error`, a count, and a line of the log. */
void async_fail(struct async *a, const char *why, size_t len);

/* True while a client, or a policy above it, wants its result. owner: struct async. */
bool async_is_awaited(const void *owner);

/* Where its result goes. owner: struct async. */
const struct flow_end *async_above(const void *owner);

/* --- waiting */

/* Waits until enough of its calls first..first+n-1 have ended well, or for `timeout` seconds (0: no limit; n 0: for the
 * time alone). A range that is not all calls: nothing is done, and coroutine.c finds out that it does not wait. */
void async_wait(struct async *a, const struct async_wait *wait, double timeout);

/* Ends its wait; the first also makes it ready. */
void async_go_on(struct async *a);
void async_stop_waiting(struct async *a);

/* True when the calls that it waits for have ended as it wants. */
bool async_is_met(const struct async *a);

/* The next that is ready, taken off the list; NULL: none is. */
struct async *async_next(struct script *s);

/* --- calls */

/* The number of one more call, for r, which is out from now on. The caller has looked at ASYNC_CALLS. */
uint32_t async_add_call(struct async *a, const struct request *r);

/* A call has ended (a result_fn). owner: struct async. */
void async_call_done(void *owner, uint32_t number, const struct result *result);

/* Sends its own request through a route, by its leg, when the turn comes to slot `slot`. False: the leg is not free. The
 * second form checks the route and the request first; false also when they may not be. */
bool async_send_own(struct async *a, const struct route *route, uint32_t slot);
bool async_call_own(struct async *a, int32_t route);

/* --- what it holds */

/* The most bytes that it may hold: the limit of --client-buffer, and one value. */
size_t async_held_most(const struct script *s);

/* Counts bytes as the script's memory, until its block is freed; likewise those that it holds; and those of the copy of a request
 * that call `number` sends: 0 when that has ended. */
void async_charge(struct async *a, size_t bytes);
void async_holds(struct async *a, size_t bytes);
void async_sends_copy(struct async *a, uint32_t number, uint32_t bytes);

/* A copy of those bytes that lives as long as the function. NULL: it is over, or holds too much. */
const uint8_t *async_hold(struct script *s, uint32_t at, uint32_t serial, const char *bytes,
                          size_t len);

struct async_value {
    const uint8_t *at;
    uint32_t len;
    struct blob *blob; /* in which it lies, or NULL */
};

/* The value of a call's result, or, for call -1, of its request; it stays the function's. False: there is none. */
bool async_value(const struct script *s, uint32_t at, uint32_t serial, int32_t call,
                 struct async_value *out);

/* Notes that it begins to read its request's key, whose value may be copied to `place` (see route_options), or be such a
 * copy. The second: a hit since then may be an old copy that is about to be taken back. See src/base/writes.c. */
void async_fill_begin(struct async *a, uint32_t place);
bool async_fill_is_doubtful(const struct async *a);

#endif
