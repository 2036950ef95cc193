/* async: functions of the script that wait: the C side of mg.async.
 *
 * One is made for a request whose function waits, and known to Lua by a handle: a place in the script's table and a serial number,
 * so that a handle that Lua kept too long is found out. It lies in the block of its flow, which ends when its end was told and its leg
 * is not out; other calls may outlive the flow. Whatever it holds (rewritten keys, results of calls) goes with the last of all.
 */
#ifndef MOONGATE_SCRIPT_ASYNC_H
#define MOONGATE_SCRIPT_ASYNC_H

#include "route/flow.h"
#include "script/abi.h"
#include "script/threads.h"

enum {
    ASYNC_MOST = 65536, /* that wait at once, of a script in one worker */
    ASYNC_CALLS = 4096, /* calls of one function */
};

/* Bytes that a rewritten key or value lies in. */
struct scrap {
    struct scrap *next;
    uint8_t bytes[];
};

struct async_call {
    struct kept_result result; /* kind 0: there is none yet */
    uint64_t handle;           /* of its response: see handle.h; they grow with its number */
    uint8_t command;
    bool echoes_alike; /* k, O and b were as in the client's request */
    bool is_own;       /* of the client's request itself */
};

/* What a function waits for. */
struct async_wait {
    uint32_t first, n;
    uint32_t wait, needed; /* enum mg_wait; how many of MG_WAIT_COUNT */
    uint32_t gives;        /* enum mg_gives */
};

/* Invariant: `out` calls have no result yet; flow is only the block that it lies in once is_over, and that goes with the last of
 * them. */
struct async {
    struct script *script;
    struct flow *flow;
    struct coroutine *coroutine; /* NULL once the function has returned */
    struct async_call *calls;    /* `first`, or room for more of them */
    uint64_t handle;             /* of its request: see handle.h */
    uint32_t at;                 /* in the script's table */
    uint32_t calls_n, room;
    uint32_t out;
    struct {
        const struct route *route; /* NULL: it is free */
        uint32_t call;
    } leg; /* of its flow, through which its own request goes where nothing else is asked for */
    struct {
        writes_pair pair, in_place;
        uint64_t mark, sends, copies; /* see async_fill_begin */
    } fill;
    size_t held; /* bytes of results and scraps */
    struct async_wait until;
    bool is_waiting; /* for that */
    bool is_touched; /* the script may have written to its request */
    bool is_ready;   /* in its generation's list */
    bool is_dropped; /* nobody waits for it: the script shall not go on with it */
    bool is_decided; /* the script has said how it ends */
    bool is_over;    /* its flow has ended */
    int32_t tail;    /* the call whose result is the function's, or -1 */
    struct scrap *scraps;
    struct async_call first[1];
};

struct async_slot {
    struct async *async; /* NULL: free */
    uint32_t serial;
    uint32_t next_free;
};

/* The script's table of them. */
struct asyncs {
    struct async_slot *slots;
    uint32_t n, room;
    uint32_t first_free;
    uint32_t used;
};

/* Frees the table, which is empty: the flows of the script's generation have ended. */
void asyncs_release(struct asyncs *all);

/* A place for a, with a serial number that it has not had yet; and frees that place. */
uint32_t asyncs_take(struct asyncs *all, struct async *a);
void asyncs_give(struct asyncs *all, uint32_t at);

/* A new one for the request in a slot of the turn, which it takes over; NULL: too many wait, and the request is refused. */
struct async *async_create(struct script *s, uint32_t slot);

/* The one with that handle; NULL: it has ended, or the script has said how it will. */
struct async *async_find(const struct script *s, uint32_t at, uint32_t serial);

/* The function may go on; it waits for nothing any more (it has ended, or begins to wait for something else). */
void async_go_on(struct async *a);
void async_stop_waiting(struct async *a);

/* What it waits for has come. */
bool async_is_met(const struct async *a);

/* Ends it; with a call's result, which may still be out: as the client asked, with its own key. */
void async_finish(struct async *a, const struct result *result);
void async_finish_call(struct async *a, uint32_t number);

/* Sends its own request through a route, when the turn comes to slot `slot`. False: its leg is not free. The second one checks
 * first that the function may: false as well when not. */
bool async_send_own(struct async *a, const struct route *route, uint32_t slot);
bool async_call_own(struct async *a, int32_t route);

/* Waits until enough of its calls first..first+n-1 are good, or `timeout` seconds (0: no limit; n 0: for the time alone). */
void async_wait(struct async *a, const struct async_wait *wait, double timeout);

/* The next one that may go on; NULL: there is none. */
struct async *async_next(struct script *s);

/* A place for one more call, of r, which is out; its number. */
uint32_t async_add_call(struct async *a, const struct request *r);

/* A call's end (result_fn). owner: struct async. */
void async_call_done(void *owner, uint32_t number, const struct result *result);

/* True while somebody waits for it. owner: struct async. */
bool async_is_awaited(const void *owner);

/* How many bytes it may hold. */
size_t async_held_most(const struct script *s);

/* A copy of those bytes that lives as long as the function; NULL when it has ended or holds too much. */
const uint8_t *async_hold(struct script *s, uint32_t at, uint32_t serial, const char *bytes,
                          size_t len);

struct async_value {
    const uint8_t *at;
    uint32_t len;
    struct blob *blob; /* in which it lies, or NULL */
};

/* The value of a call's result, or, call -1, of its request; false when there is none. */
bool async_value(const struct script *s, uint32_t at, uint32_t serial, int32_t call,
                 struct async_value *out);

/* A read of its request begins whose value may be copied to a place (see route_options), or be such a copy. And true when a hit since
 * then may be a copy that is about to be taken back: its source knows better. */
void async_fill_begin(struct async *a, uint32_t place);
bool async_fill_is_doubtful(const struct async *a);

/* What an error costs the request, and the log's line. */
void async_fail(struct async *a, const char *why, size_t len);

#endif
