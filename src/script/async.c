#include "script/async.h"
#include "route/later.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/slab.h"
#include "protocol/flags.h"
#include "protocol/value.h"
#include "script/state.h"

enum { NO_SLOT = UINT32_MAX };

static const char SCRIPT_ERROR[] = "script error";

/* --- the table --------------------------------------------------------------------------------- */

static uint32_t take_slot(struct asyncs *all, struct async *a)
{
    if (all->n == 0) all->first_free = NO_SLOT;
    if (all->first_free == NO_SLOT) {
        if (all->n == all->room) {
            all->room = all->room ? all->room * 2 : 64;
            all->slots = reallocarray(all->slots, all->room, sizeof *all->slots);
            if (!all->slots) abort();
        }
        all->slots[all->n] = (struct async_slot){.next_free = NO_SLOT};
        all->first_free = all->n++;
    }
    uint32_t at = all->first_free;
    all->first_free = all->slots[at].next_free;
    all->slots[at].async = a;
    all->used++;
    return at;
}

static void give_slot(struct asyncs *all, uint32_t at)
{
    all->slots[at] =
        (struct async_slot){.serial = all->slots[at].serial + 1, .next_free = all->first_free};
    all->first_free = at;
    all->used--;
}

struct async *async_find(const struct script *s, uint32_t at, uint32_t serial)
{
    if (at >= s->asyncs.n || s->asyncs.slots[at].serial != serial) return NULL;
    struct async *a = s->asyncs.slots[at].async;
    return a && !a->is_told ? a : NULL;
}

void asyncs_release(struct asyncs *all)
{
    assert(all->used == 0);
    free(all->slots);
    *all = (struct asyncs){0};
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
}

/* Its end was told: Lua's handle is void from now on. */
static void release(struct flow *flow)
{
    struct async *a = flow->own;
    if (a->is_ready) flow_not_ready(flow);
    if (a->coroutine) coroutine_drop(a->script, a->coroutine);
    give_slot(&a->script->asyncs, a->at);
    a->is_over = true;
    flow->is_outlived = a->out > 0;
    if (a->out == 0) give_results(a);
}

/* A script may catch the error of a wait that could not be (in table.sort, say), and go on as if nothing were. */
void async_stop_waiting(struct async *a)
{
    a->is_waiting = false;
    flow_no_alarm(a->flow);
    if (a->is_ready) flow_not_ready(a->flow);
    a->is_ready = false;
}

void async_go_on(struct async *a)
{
    async_stop_waiting(a);
    a->is_ready = true;
    flow_make_ready(a->flow);
    __builtin_prefetch(a->coroutine);
}

static void on_time(struct flow *flow)
{
    async_go_on(flow->own);
}

/* What only reads is of no use to anybody then; what writes does what was asked for. */
static void drop(struct flow *flow)
{
    struct async *a = flow->own;
    unsigned command = flow->kept->r.command_id;
    bool reads = command_info(command)->shape == SHAPE_RETRIEVE || command == COMMAND_META_GET ||
                 command == COMMAND_META_DEBUG;
    if (!reads || a->is_dropped) return;
    if (!a->is_waiting) return; /* it will go on anyway, or its last call is out */
    a->is_dropped = true;
    async_go_on(a);
}

/* --- its own leg ------------------------------------------------------------------------------- */

bool async_send_own(struct async *a, const struct route *route, uint32_t slot)
{
    if (a->leg.route) return false;
    a->leg.route = route;
    a->leg.call = async_add_call(a, &a->flow->kept->r);
    a->calls[a->leg.call].is_own = true;
    flow_leg_later(a->flow, 0, slot);
    return true;
}

/* What other flows keep of the request is a copy: the function may rewrite it while they run on. */
static void start_leg(struct flow *flow)
{
    struct async *a = flow->own;
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

/* A route without children, for flows whose legs the script decides. */
static const struct route no_route = {.kind = ROUTE_ASYNC};

struct async *async_create(struct script *s, uint32_t slot)
{
    struct request *r = &s->batch.slots[slot];
    static const char TOO_MANY[] = "too many functions wait";
    if (s->asyncs.used >= ASYNC_MOST) {
        mg_refuse(s, slot, TOO_MANY, sizeof TOO_MANY - 1);
        return NULL;
    }
    struct flow *flow =
        flow_create(s->host.turn, &s->routes, &no_route, &waiting, kept_create(r), flow_end_of(r));
    turn_forget(r); /* its leg or its reply may end before the turn does */
    struct async *a = flow->own;
    *a = (struct async){
        .script = s, .flow = flow, .tail = -1, .handle = handle_take(&s->handle, HANDLE_REQUEST)};
    a->at = take_slot(&s->asyncs, a);
    a->calls = a->first;
    a->room = sizeof a->first / sizeof *a->first;
    return a;
}

struct async *async_next(struct script *s)
{
    struct generation *g = &s->routes;
    struct flow *flow = g->ready;
    if (!flow) return NULL;
    g->ready = flow->next;
    if (!g->ready) g->ready_end = &g->ready;
    struct async *a = flow->own;
    a->is_ready = false;
    return a;
}

bool async_is_awaited(const void *owner)
{
    const struct async *a = owner;
    return !a->is_over && flow_is_awaited(a->flow);
}

/* --- what it holds ----------------------------------------------------------------------------- */

size_t async_held_most(const struct script *s)
{
    return s->host.turn->limits.function_bytes + s->host.max_value;
}

const uint8_t *async_hold(struct script *s, uint32_t at, uint32_t serial, const char *bytes,
                          size_t len)
{
    struct async *a = async_find(s, at, serial);
    if (!a || a->held + len > async_held_most(s)) return NULL;
    struct scrap *scrap = malloc(sizeof *scrap + len);
    if (!scrap) abort();
    memcpy(scrap->bytes, bytes, len);
    scrap->next = a->scraps;
    a->scraps = scrap;
    a->held += sizeof *scrap + len;
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

bool async_is_met(const struct async *a)
{
    uint32_t done = 0, good = 0, hits = 0, n = a->until.n;
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
    a->room *= 4;
    struct async_call *to =
        reallocarray(a->calls == a->first ? NULL : a->calls, a->room, sizeof *a->calls);
    if (!to) abort();
    if (a->calls == a->first) memcpy(to, a->first, sizeof a->first);
    a->calls = to;
    /* A response stands beside the news that point to it. */
    for (uint32_t i = 0; i < a->calls_n; i++) {
        struct kept_result *kept = &to[i].result;
        if (kept->news.response) kept->news.response = &kept->response;
    }
}

uint32_t async_add_call(struct async *a, const struct request *r)
{
    if (a->calls_n == a->room) make_room(a);
    a->calls[a->calls_n] =
        (struct async_call){.handle = handle_take(&a->script->handle, HANDLE_RESPONSE),
                            .command = r->command_id,
                            .echoes_alike = request_echoes_alike(r, &a->flow->kept->r)};
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

/* The answer to one command may be the answer to another. */
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

/* The client's own key goes into the answer. */
static void show_own_key(const struct request *r, struct call_news *news, uint8_t *room)
{
    uintptr_t shown = r->shown_key_at ? r->shown_key_at : r->key_at;
    size_t len = r->shown_key_at ? r->shown_key_len : r->key_len;
    news->key.shown_len = (uint16_t)request_wire_key(r, (const uint8_t *)shown, len, room);
    news->key.shown = room;
    news->key.is_base64 = r->meta & META_BASE64;
    news->key.sent = NULL;
}

/* With the result of that call, kept or just come. */
static void finish_with(struct async *a, const struct async_call *call, struct result result)
{
    const struct request *r = &a->flow->kept->r;
    struct call_news news;
    uint8_t key[KEY_WIRE_ROOM];
    if (result.news && !fits(r, call, result.news->response->kind)) {
        char why[128];
        if (result.kind != RESULT_MISS) {
            int n = snprintf(why, sizeof why, "a result of %s is no answer to %s",
                             command_info(call->command)->text, command_info(r->command_id)->text);
            async_fail(a, why, (size_t)n);
            return;
        }
        result = (struct result){.kind = RESULT_MISS};
    }
    /* The client's own request knows what its key is shown as, also where the function has rewritten it. */
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
    a->out--;
    if (a->is_over) {
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
    a->held += result->news ? result->news->response->len : result->text_len;
    if (a->is_waiting && async_is_met(a)) async_go_on(a);
}

void async_wait(struct async *a, const struct async_wait *wait, double timeout)
{
    if (wait->first > a->calls_n || wait->n > a->calls_n - wait->first) return;
    async_stop_waiting(a);
    a->until = *wait;
    a->is_waiting = true;
    if (wait->n > 0 && async_is_met(a)) {
        async_go_on(a);
        return;
    }
    if (timeout > 0 || wait->n == 0) flow_alarm(a->flow, timeout);
    /* Its client may have gone before it began to wait. */
    if (!flow_is_awaited(a->flow)) a->script->host.turn->abandoned = true;
}

/* --- the end ----------------------------------------------------------------------------------- */

/* From now on nothing that its function holds is good any more. */
static void async_tells(struct async *a)
{
    struct script *s = a->script;
    a->is_told = true;
    if (a == s->coroutines.running) s->batch.request = NULL;
}

void async_finish(struct async *a, const struct result *result)
{
    struct flow *flow = a->flow;
    bool was_entered = flow->is_entered; /* by its leg's end */
    async_stop_waiting(a);
    async_tells(a);
    flow_enter(flow);
    flow_finish(flow, result);
    if (!was_entered) flow_leave(flow);
}

void async_finish_call(struct async *a, uint32_t number)
{
    async_stop_waiting(a);
    a->tail = (int32_t)number;
    async_tells(a);
    struct async_call *call = &a->calls[number];
    if (call->result.kind) finish_with(a, call, result_of(&call->result));
}

void async_fail(struct async *a, const char *why, size_t len)
{
    struct script *s = a->script;
    struct result result = {RESULT_SCRIPT, NULL, SCRIPT_ERROR, sizeof SCRIPT_ERROR - 1};
    s->host.row->script_errors++;
    if (log_allows(&s->log, s->host.backends->now))
        log_error("script %s: %.*s", s->path, (int)(len < 4096 ? len : 4096), why);
    async_finish(a, &result);
}
