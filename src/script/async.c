#include "script/async.h"

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

static void async_destroy(struct async *a)
{
    for (uint32_t i = 0; i < a->calls_n; i++) result_release(&a->calls[i].result);
    free(a->calls);
    while (a->scraps) {
        struct scrap *scrap = a->scraps;
        a->scraps = scrap->next;
        free(scrap);
    }
    slab_return(a, sizeof *a);
}

/* Its end was told: Lua's handle is void from now on. */
static void release(struct flow *flow)
{
    struct async *a = flow->own;
    if (a->is_ready) flow_not_ready(flow);
    a->flow = NULL;
    give_slot(&a->script->asyncs, a->at);
    if (a->out == 0) async_destroy(a);
}

/* A script may catch the error of a wait that could not be (in table.sort, say), and go on as if nothing were. */
void async_stop_waiting(struct async *a)
{
    a->until.is_on = false;
    flow_no_alarm(a->flow);
    if (a->is_ready) flow_not_ready(a->flow);
    a->is_ready = false;
}

void async_go_on(struct async *a)
{
    async_stop_waiting(a);
    a->is_ready = true;
    flow_make_ready(a->flow);
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
    if (!a->until.is_on) return; /* it will go on anyway, or its last call is out */
    a->is_dropped = true;
    async_go_on(a);
}

static const struct flow_kind waiting = {.alarm = on_time, .release = release, .drop = drop};

/* A route without children, for flows whose legs the script decides. */
static const struct route no_route = {.kind = ROUTE_ASYNC};

struct async *async_create(struct script *s, uint32_t slot)
{
    const struct request *r = &s->batch.slots[slot];
    if (s->asyncs.used >= ASYNC_MOST) return NULL;
    struct async *a = slab_borrow(sizeof *a);
    *a = (struct async){.script = s, .tail = -1};
    a->flow =
        flow_create(s->host.turn, &s->routes, &no_route, &waiting, kept_create(r), flow_end_of(r));
    a->flow->own = a;
    a->at = take_slot(&s->asyncs, a);
    return a;
}

bool async_is_awaited(const void *owner)
{
    const struct async *a = owner;
    return a->flow && flow_is_awaited(a->flow);
}

/* --- what it holds ----------------------------------------------------------------------------- */

size_t async_held_most(const struct script *s)
{
    return s->host.turn->limits.client_buffer + s->host.max_value;
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

uint32_t async_add_call(struct async *a, const struct request *r)
{
    if (a->calls_n == a->room) {
        a->room = a->room ? a->room * 2 : 4;
        a->calls = reallocarray(a->calls, a->room, sizeof *a->calls);
        if (!a->calls) abort();
        /* A response stands beside the news that point to it. */
        for (uint32_t i = 0; i < a->calls_n; i++) {
            struct kept_result *kept = &a->calls[i].result;
            if (kept->news.response) kept->news.response = &kept->response;
        }
    }
    a->calls[a->calls_n] = (struct async_call){
        .command = r->command_id, .echoes_alike = request_echoes_alike(r, &a->flow->kept->r)};
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
static bool fits(const struct request *r, const struct async_call *call)
{
    enum response_kind kind = call->result.response.kind;
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
    news->key.sent = NULL;
}

void async_finish_with(struct async *a, uint32_t number)
{
    const struct request *r = &a->flow->kept->r;
    struct async_call *call = &a->calls[number];
    struct result result = result_of(&call->result);
    uint8_t key[KEY_WIRE_ROOM];
    if (result.news && !fits(r, call)) {
        char why[128];
        if (result.kind != RESULT_MISS) {
            int n = snprintf(why, sizeof why, "a result of %s is no answer to %s",
                             command_info(call->command)->text, command_info(r->command_id)->text);
            async_fail(a, why, (size_t)n);
            return;
        }
        result = (struct result){.kind = RESULT_MISS};
    }
    if (result.news && result.news->response->key) show_own_key(r, &call->result.news, key);
    async_finish(a, &result);
}

void async_call_done(void *owner, uint32_t number, const struct result *result)
{
    struct async *a = owner;
    a->out--;
    if (!a->flow) {
        if (a->out == 0) async_destroy(a);
        return;
    }
    result_keep(&a->calls[number].result, result);
    a->held += result->news ? result->news->response->len : result->text_len;
    if (a->tail == (int32_t)number) {
        async_finish_with(a, number);
    } else if (a->until.is_on && async_is_met(a)) {
        async_go_on(a);
    }
}

/* --- the end ----------------------------------------------------------------------------------- */

void async_finish(struct async *a, const struct result *result)
{
    struct flow *flow = a->flow;
    async_stop_waiting(a);
    a->is_told = true;
    flow_enter(flow);
    flow_finish(flow, result);
    flow_leave(flow);
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

bool async_fail_slot(struct script *s, uint32_t slot, const char *why)
{
    const struct request *r = &s->batch.slots[slot];
    if (s->batch.answers[slot].route != ANSWER_TAKEN) return false;
    for (uint32_t at = 0; at < s->asyncs.n; at++) {
        struct async *a = s->asyncs.slots[at].async;
        if (!a || a->is_told || a->flow->end.owner != (void *)r->owner ||
            a->flow->end.place != r->part)
            continue;
        async_fail(a, why, strlen(why));
        break;
    }
    return true;
}
