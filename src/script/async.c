/* The life of a function that waits, without Lua.
 *
 * async_create takes the request out of its slot of the turn: a flow holds it from now on, a kind of flow like those of
 * policies (route/flow.c). Its one leg is for the function's own request; all other calls are flows beside it, which end in
 * async_call_done. The struct async is the flow's own block of memory.
 *
 * A function is in one of these states:
 *   runs     coroutine.c has resumed it
 *   waits    is_waiting: for the calls `until`, for a time, or for whichever comes first
 *   ready    is_ready: that has come; its flow is in the generation's list `ready`, and the next script_route resumes it
 *   decided  is_decided: its end is known, or is the result of the call `tail`; what its script still does has no effect
 *   over     is_over: the flow has given its result and ended; only calls that are out keep the block
 * A wait for calls that have ended already makes it ready at once: it goes on in the same turn.
 *
 * Its client gets one reply (I1): flow_finish gives a result once, and `decided` keeps a script from trying twice. Lua
 * finds a function by place and serial number (async_find), and finds none once the end is decided: a handle that a script
 * kept is an error there, never another function (I2).
 *
 * What it holds is bounded (I6): ASYNC_MOST functions, ASYNC_CALLS calls each, and bytes of rewritten keys and values, and
 * of results, by async_held_most. All of it counts as the script's memory (async_charge).
 */
#include "script/async.h"
#include "route/later.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/flags.h"
#include "protocol/value.h"
#include "script/follow.h"
#include "script/state.h"

static bool async_sane(const struct async *a)
{
    return !a->is_over && a->out <= a->calls_n && a->calls_n <= a->room &&
           a->tail < (int32_t)a->calls_n && !(a->is_waiting && a->is_ready);
}

/* --- its flow ---------------------------------------------------------------------------------- */

static void give_results(struct async *a)
{
    for (uint32_t i = 0; i < a->calls_n; i++) result_release(&a->calls[i].result);
    if (a->calls != a->first) free(a->calls);
    while (a->scraps) {
        struct scrap *scrap = a->scraps;
        a->scraps = scrap->next;
        free(scrap);
    }
    memory_give(&a->script->memory.of, a->charged);
}

/* The flow's kind->release: it has given its result, and its leg has ended. Lua's handle finds nothing from now on. Calls
 * beside the leg may be out; the last one frees the block then (async_call_done). */
static void release(struct flow *flow)
{
    struct async *a = flow->own;
    assert(!a->is_over && (a != a->script->coroutines.running || !a->coroutine));
    if (a->is_ready) flow_not_ready(flow);
    if (a->coroutine) coroutine_drop(a->script, a->coroutine);
    asyncs_give(&a->script->asyncs, a->at);
    a->is_over = true;
    flow->is_outlived = a->out > 0;
    if (a->out == 0) give_results(a);
}

/* Also for one that does not wait. A script may catch the error of a wait that cannot be (inside table.sort, say), and run
 * on while it is noted as waiting. */
void async_stop_waiting(struct async *a)
{
    a->is_waiting = false;
    flow_no_alarm(a->flow);
    if (a->is_ready) flow_not_ready(a->flow);
    a->is_ready = false;
}

/* Puts it on the ready list; it runs in the next script_route, not now: this may be a server's callback, or another
 * function. */
void async_go_on(struct async *a)
{
    assert(!a->is_over);
    async_stop_waiting(a);
    a->is_ready = true;
    flow_make_ready(a->flow);
    __builtin_prefetch(a->coroutine);
}

static void on_time(struct flow *flow)
{
    async_go_on(flow->own);
}

/* The flow's kind->drop: its client is gone. A read is of no use to anyone then, and ends where it waits. A function whose
 * request writes goes on: what it does was asked for. */
static void drop(struct flow *flow)
{
    struct async *a = flow->own;
    unsigned command = flow->kept->r.command_id;
    bool reads = command_info(command)->shape == SHAPE_RETRIEVE || command == COMMAND_META_GET ||
                 command == COMMAND_META_DEBUG;
    if (!reads || a->is_dropped) return;
    if (!a->is_waiting) return; /* it is ready, or waits for its last call only */
    a->is_dropped = true;
    async_go_on(a);
}

/* --- its own leg ------------------------------------------------------------------------------- */

/* The leg costs less than a flow beside it, and most functions need no more. `slot` is where the turn sends it: see
 * route/later.h. */
bool async_send_own(struct async *a, const struct route *route, uint32_t slot)
{
    assert(async_sane(a));
    if (a->leg.route) return false;
    a->leg.route = route;
    a->leg.call = async_add_call(a, &a->flow->kept->r);
    a->calls[a->leg.call].is_own = true;
    flow_leg_later(a->flow, 0, slot);
    return true;
}

/* The request goes on as a copy without its slot's owner: the function may rewrite its own while the leg runs. */
static void start_leg(struct flow *flow)
{
    struct async *a = flow->own;
    assert(a->leg.route);
    struct request r = flow->kept->r;
    r.owner = 0;
    r.part = 0;
    r.function_id = 0;
    leg_run(&flow->legs[0], a->leg.route, &r);
}

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    struct async *a = flow->own;
    (void)place;
    a->leg.route = NULL;
    async_call_done(a, a->leg.call, result);
}

static const struct flow_kind waiting = {.more_legs = 1,
                                         .own_size = sizeof(struct async),
                                         .start = start_leg,
                                         .leg_done = leg_done,
                                         .alarm = on_time,
                                         .release = release,
                                         .drop = drop};

/* The script decides what the leg does, so the flow's route has no children. */
static const struct route no_route = {.kind = ROUTE_ASYNC};

struct async *async_create(struct script *s, uint32_t slot)
{
    struct request *r = &s->batch.slots[slot];
    static const char TOO_MANY[] = "too many functions wait";
    size_t bytes = sizeof(struct flow) + sizeof(struct async) + kept_size(r);
    if (s->asyncs.used >= ASYNC_MOST || memory_lacks(&s->memory.of, bytes)) {
        s->memory.of.refused += s->asyncs.used < ASYNC_MOST;
        mg_refuse(s, slot, TOO_MANY, sizeof TOO_MANY - 1);
        return NULL;
    }
    struct flow *flow =
        flow_create(s->host.turn, &s->routes, &no_route, &waiting, kept_create(r), flow_end_of(r));
    turn_forget(r); /* its leg or its reply may end before the turn does */
    struct async *a = flow->own;
    memset(a, 0, offsetof(struct async, first)); /* its first call is written when it is made */
    a->script = s;
    a->flow = flow;
    a->tail = -1;
    a->handle = handle_take(&s->handle, HANDLE_REQUEST);
    async_charge(a, bytes);
    a->at = asyncs_take(&s->asyncs, a);
    a->calls = a->first;
    a->room = sizeof a->first / sizeof *a->first;
    return a;
}

/* Takes the head off the ready list. */
struct async *async_next(struct script *s)
{
    struct generation *g = &s->routes;
    struct flow *flow = g->ready;
    if (!flow) return NULL;
    g->ready = flow->next;
    if (!g->ready) g->ready_end = &g->ready;
    struct async *a = flow->own;
    assert(a->is_ready && async_sane(a));
    a->is_ready = false;
    return a;
}

const struct flow_end *async_above(const void *owner)
{
    static const struct flow_end nowhere = {0};
    const struct async *a = owner;
    return a->is_over ? &nowhere : &a->flow->end;
}

bool async_is_awaited(const void *owner)
{
    const struct async *a = owner;
    return !a->is_over && flow_is_awaited(a->flow);
}

/* --- what it holds ----------------------------------------------------------------------------- */

const uint8_t *async_hold(struct script *s, uint32_t at, uint32_t serial, const char *bytes,
                          size_t len)
{
    struct async *a = async_find(s, at, serial);
    if (!a || a->held + len > async_held_most(s) || memory_lacks(&s->memory.of, len)) return NULL;
    struct scrap *scrap = malloc(sizeof *scrap + len);
    if (!scrap) abort();
    memcpy(scrap->bytes, bytes, len);
    scrap->next = a->scraps;
    a->scraps = scrap;
    async_holds(a, sizeof *scrap + len);
    return scrap->bytes;
}

bool async_value(const struct script *s, uint32_t at, uint32_t serial, int32_t call,
                 struct async_value *out)
{
    struct async *a = async_find(s, at, serial);
    if (!a || call < -1 || call >= (int32_t)a->calls_n) return false;
    if (call < 0) {
        const struct request *r = &a->flow->kept->r;
        *out = (struct async_value){(const uint8_t *)r->value_at, r->value_len,
                                    (struct blob *)r->value_blob};
        return r->value_at != 0;
    }
    const struct kept_result *kept = &a->calls[call].result;
    if (!kept->news.response) return false;
    struct response_value v = response_read(&kept->response);
    *out = (struct async_value){v.at, (uint32_t)v.len, kept->blob};
    return v.at != NULL;
}

/* --- calls ------------------------------------------------------------------------------------- */

/* The first line is the frequent case: one call. */
bool async_is_met(const struct async *a)
{
    uint32_t done = 0, good = 0, hits = 0, n = a->until.n;
    assert(a->until.first <= a->calls_n && n <= a->calls_n - a->until.first);
    if (n == 1) return a->calls[a->until.first].result.kind != 0;
    for (uint32_t i = a->until.first; i < a->until.first + n; i++) {
        unsigned kind = a->calls[i].result.kind;
        done += kind != 0;
        good += kind && !(kind & RESULT_ANY_ERROR);
        hits += kind == RESULT_HIT;
    }
    if (done == n) return true;
    switch (a->until.wait) {
    case MG_WAIT_FIRST: return good > 0;
    case MG_WAIT_HIT: return hits > 0;
    case MG_WAIT_MAJORITY: return good * 2 > n;
    case MG_WAIT_COUNT: return good >= a->until.needed;
    default: return false;
    }
}

static void make_room(struct async *a)
{
    async_charge(a, a->room * 3 * sizeof *a->calls);
    a->room *= 4;
    struct async_call *to =
        reallocarray(a->calls == a->first ? NULL : a->calls, a->room, sizeof *a->calls);
    if (!to) abort();
    if (a->calls == a->first) memcpy(to, a->first, sizeof a->first);
    a->calls = to;
    /* news.response of a kept result points into the same struct, which has moved. */
    for (uint32_t i = 0; i < a->calls_n; i++) {
        struct kept_result *kept = &to[i].result;
        if (kept->news.response) kept->news.response = &kept->response;
    }
}

uint32_t async_add_call(struct async *a, const struct request *r)
{
    assert(async_sane(a) && a->calls_n < ASYNC_CALLS);
    if (a->calls_n == a->room) make_room(a);
    struct async_call *call = &a->calls[a->calls_n];
    result_init(&call->result);
    call->handle = handle_take(&a->script->handle, HANDLE_RESPONSE);
    call->command = r->command_id;
    call->echoes_alike = request_echoes_alike(r, &a->flow->kept->r);
    call->is_own = false;
    call->copy = 0;
    a->out++;
    return a->calls_n++;
}

static bool is_retrieval(unsigned command)
{
    return command_info(command)->shape == SHAPE_RETRIEVE;
}

static bool has_cas(unsigned command)
{
    return command == COMMAND_GETS || command == COMMAND_GATS;
}

/* True when the client that sent r can read the response to that call. A function may answer a get with the response to a
 * gat, but not with one to a gets, which has a cas that get has not. */
static bool fits(const struct request *r, const struct async_call *call, enum response_kind kind)
{
    const struct command_info *wanted = command_info(r->command_id);
    if (kind & RESPONSE_ANY_ERROR) return true;
    if (wanted->shape == SHAPE_META || wanted->shape == SHAPE_META_STORE)
        return r->command_id == call->command && call->echoes_alike;
    if (r->command_id == call->command) return true;
    if (is_retrieval(r->command_id) != is_retrieval(call->command)) return false;
    if (is_retrieval(r->command_id)) return has_cas(r->command_id) == has_cas(call->command);
    return (wanted->responses & (unsigned)kind) &&
           wanted->shape == command_info(call->command)->shape;
}

/* The reply shows the key that the client sent, whatever the script asked for. */
static void show_own_key(const struct request *r, struct call_news *news, uint8_t *room)
{
    uintptr_t shown = r->shown_key_at ? r->shown_key_at : r->key_at;
    size_t len = r->shown_key_at ? r->shown_key_len : r->key_len;
    news->key.shown_len = (uint16_t)request_wire_key(r, (const uint8_t *)shown, len, room);
    news->key.shown = room;
    news->key.is_base64 = r->meta & META_BASE64;
    news->key.sent = NULL;
}

/* Ends the function with the result of a call, which was kept or has just come. A miss fits every command; another response
 * that does not fit is an error of the script. */
static void finish_with(struct async *a, const struct async_call *call, struct result result)
{
    const struct request *r = &a->flow->kept->r;
    struct call_news news;
    uint8_t key[KEY_WIRE_ROOM];
    if (result.news && !fits(r, call, result.news->response->kind)) {
        char why[128];
        if (result.kind != RESULT_MISS) {
            int n = snprintf(why, sizeof why, "the response to %s cannot answer %s",
                             command_info(call->command)->text, command_info(r->command_id)->text);
            async_fail(a, why, (size_t)n);
            return;
        }
        result = (struct result){.kind = RESULT_MISS};
    }
    /* The call of the client's own request knows the key to show, also after the function has rewritten it. */
    if (result.news && result.news->response->key && !call->is_own) {
        news = *result.news;
        show_own_key(r, &news, key);
        result.news = &news;
    }
    async_finish(a, &result);
}

void async_call_done(void *owner, uint32_t number, const struct result *result)
{
    struct async *a = owner;
    assert(a->out > 0 && number < a->calls_n && result->kind);
    assert(a->is_over || !a->calls[number].result.kind); /* each call ends once */
    a->out--;
    if (a->is_over) { /* nobody waits; the last call frees the block */
        if (a->out > 0) return;
        give_results(a);
        flow_free(a->flow);
        return;
    }
    if (a->tail == (int32_t)number) {
        finish_with(a, &a->calls[number], *result);
        return;
    }
    result_keep(&a->calls[number].result, result);
    async_sends_copy(a, number, 0);
    async_holds(a, result->news ? result->news->response->len : result->text_len);
    if (a->is_waiting && async_is_met(a)) async_go_on(a);
}

void async_wait(struct async *a, const struct async_wait *wait, double timeout)
{
    assert(async_sane(a));
    if (wait->first > a->calls_n || wait->n > a->calls_n - wait->first) return;
    async_stop_waiting(a);
    a->until = *wait;
    a->is_waiting = true;
    if (a->script->model) { /* every call has ended, and time does not count */
        a->is_dropped = !model_waits(a);
        async_go_on(a);
        return;
    }
    if (wait->n > 0 && async_is_met(a)) {
        async_go_on(a);
        return;
    }
    if (timeout > 0 || wait->n == 0) flow_alarm(a->flow, timeout);
    /* Its client may have gone before it began to wait: flows_drop looks at it again. */
    if (!flow_is_awaited(a->flow)) a->script->host.turn->abandoned = true;
}

/* --- the end ----------------------------------------------------------------------------------- */

/* From now on whatever its script still holds of it is over: async_find finds it no more, and neither does Lua
 * (batch.request). */
static void decide_end(struct async *a)
{
    struct script *s = a->script;
    a->is_decided = true;
    if (a == s->coroutines.running) s->batch.request = NULL;
}

/* a may be gone afterwards, unless this is called below its leg's end: then the engine of flows frees it. */
void async_finish(struct async *a, const struct result *result)
{
    struct flow *flow = a->flow;
    assert(!a->is_over);
    bool was_entered = flow->is_entered; /* by its leg's end */
    async_stop_waiting(a);
    decide_end(a);
    flow_enter(flow);
    flow_finish(flow, result);
    if (!was_entered) flow_leave(flow);
}

/* The function returns before the call has ended; its result becomes the reply without another entry into Lua. */
void async_finish_call(struct async *a, uint32_t number)
{
    assert(async_sane(a) && number < a->calls_n);
    async_stop_waiting(a);
    a->tail = (int32_t)number;
    decide_end(a);
    struct async_call *call = &a->calls[number];
    if (call->result.kind) finish_with(a, call, result_of(&call->result));
}

/* I7: the client of this request gets an error, and no other does. One line of the log, cut at 4096 bytes. */
void async_fail(struct async *a, const char *why, size_t len)
{
    struct script *s = a->script;
    struct result result = {RESULT_SCRIPT, NULL, RESULT_SCRIPT_TEXT, RESULT_SCRIPT_TEXT_LEN};
    if (s->model)
        model_fails(s, why, len);
    else
        failure_count(s, &a->flow->kept->r);
    if (!s->model && log_allows(&s->log, s->host.backends->now))
        log_error("script %s: %.*s", s->path, (int)(len < 4096 ? len : 4096), why);
    async_finish(a, &result);
}
