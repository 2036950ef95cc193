/* The bodies of abi.h for functions that wait. Nothing here may enter Lua. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/slab.h"
#include "protocol/value.h"
#include "script/state.h"

enum { NO_SLOT = UINT32_MAX };

/* Bytes that a rewritten key or value lies in. */
struct scrap {
    struct scrap *next;
    uint8_t bytes[];
};

struct async_call {
    struct kept_result result; /* kind 0: there is none yet */
    uint8_t command;
};

/* Invariant: `out` calls have no result yet; flow is NULL once it has ended, and then it goes with the last of them. */
struct async {
    struct script *script;
    struct flow *flow;
    uint32_t at; /* in the script's table */
    struct async_call *calls;
    uint32_t calls_n, room;
    uint32_t out;
    struct {
        bool is_on;
        uint32_t first, n, wait, needed;
    } until;
    int32_t tail; /* the call whose result is the function's, or -1 */
    struct scrap *scraps;
};

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
    return at;
}

static void give_slot(struct asyncs *all, uint32_t at)
{
    all->slots[at] =
        (struct async_slot){.serial = all->slots[at].serial + 1, .next_free = all->first_free};
    all->first_free = at;
}

static struct async *find(struct script *s, uint32_t at, uint32_t serial)
{
    if (at >= s->asyncs.n || s->asyncs.slots[at].serial != serial) return NULL;
    return s->asyncs.slots[at].async;
}

void asyncs_release(struct asyncs *all)
{
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
    a->flow = NULL;
    give_slot(&a->script->asyncs, a->at);
    if (a->out == 0) async_destroy(a);
}

static void go_on(struct async *a)
{
    a->until.is_on = false;
    flow_no_alarm(a->flow);
    flow_make_ready(a->flow);
}

static void on_time(struct flow *flow)
{
    go_on(flow->own);
}

static const struct flow_kind waiting = {.alarm = on_time, .release = release};

/* A route without children, for flows whose legs the script decides. */
static const struct route no_route = {.kind = ROUTE_ASYNC};

uint32_t mg_async_begin(struct script *s, uint32_t slot)
{
    const struct request *r = &s->batch.slots[slot];
    struct async *a = slab_borrow(sizeof *a);
    *a = (struct async){.script = s, .tail = -1};
    a->flow =
        flow_create(s->host.turn, &s->routes, &no_route, &waiting, kept_create(r), flow_end_of(r));
    a->flow->own = a;
    a->at = take_slot(&s->asyncs, a);
    s->batch.answers[slot].route = ANSWER_TAKEN;
    return a->at;
}

uint32_t mg_async_serial(struct script *s, uint32_t at)
{
    return s->asyncs.slots[at].serial;
}

struct request *mg_async_request(struct script *s, uint32_t at, uint32_t serial)
{
    struct async *a = find(s, at, serial);
    return a ? &a->flow->kept->r : NULL;
}

/* Bytes that live as long as it does. */
static uintptr_t keep_bytes(struct async *a, const char *bytes, size_t len)
{
    struct scrap *scrap = malloc(sizeof *scrap + len);
    if (!scrap) abort();
    memcpy(scrap->bytes, bytes, len);
    scrap->next = a->scraps;
    a->scraps = scrap;
    return (uintptr_t)scrap->bytes;
}

int mg_async_set_key(struct script *s, uint32_t at, uint32_t serial, const char *key, size_t len)
{
    struct async *a = find(s, at, serial);
    if (!a) return MG_EDIT_OVER;
    int status = script_edit_key(&a->flow->kept->r, key, len);
    if (status == MG_EDIT_OK) a->flow->kept->r.key_at = keep_bytes(a, key, len);
    return status;
}

int mg_async_set_value(struct script *s, uint32_t at, uint32_t serial, const char *value,
                       size_t len)
{
    struct async *a = find(s, at, serial);
    if (!a) return MG_EDIT_OVER;
    int status = script_edit_value(s, &a->flow->kept->r, value, len);
    if (status == MG_EDIT_OK) a->flow->kept->r.value_at = keep_bytes(a, value, len);
    return status;
}

int32_t mg_async_next(struct script *s)
{
    struct generation *g = &s->routes;
    struct flow *flow = g->ready;
    if (!flow) return -1;
    g->ready = flow->next;
    if (!g->ready) g->ready_end = &g->ready;
    return (int32_t)((struct async *)flow->own)->at;
}

/* --- waiting ----------------------------------------------------------------------------------- */

static bool is_met(const struct async *a)
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

void mg_async_wait(struct script *s, uint32_t at, uint32_t serial, uint32_t first, uint32_t n,
                   uint32_t wait, uint32_t needed, double timeout)
{
    struct async *a = find(s, at, serial);
    if (!a || first > a->calls_n || n > a->calls_n - first) return;
    a->until.is_on = true;
    a->until.first = first;
    a->until.n = n;
    a->until.wait = wait;
    a->until.needed = needed;
    if (n > 0 && is_met(a))
        go_on(a);
    else if (timeout > 0 || n == 0)
        flow_alarm(a->flow, timeout);
}

/* --- calls ------------------------------------------------------------------------------------- */

static void finish(struct async *a, const struct result *result)
{
    struct flow *flow = a->flow;
    flow_enter(flow);
    flow_finish(flow, result);
    flow_leave(flow);
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
    if (r->command_id == call->command || kind & RESPONSE_ANY_ERROR) return true;
    if (is_retrieval(r->command_id) != is_retrieval(call->command)) return false;
    if (is_retrieval(r->command_id)) return has_cas(r->command_id) == has_cas(call->command);
    return (command_info(r->command_id)->responses & (unsigned)kind) &&
           command_info(r->command_id)->shape == command_info(call->command)->shape;
}

/* Ends the function with a call's result: as the client asked, with its own key. */
static void finish_with(struct async *a, uint32_t number)
{
    static const char TEXT[] = "script error";
    const struct request *r = &a->flow->kept->r;
    struct async_call *call = &a->calls[number];
    struct result result = result_of(&call->result);
    uint8_t key[KEY_WIRE_ROOM];
    if (result.news && !fits(r, call)) {
        bool missed = result.kind == RESULT_MISS;
        result = (struct result){.kind = RESULT_MISS};
        if (!missed) result = (struct result){RESULT_SCRIPT, NULL, TEXT, sizeof TEXT - 1};
        if (!missed)
            log_error("script %s: a result of %s is no answer to %s", a->script->path,
                      command_info(call->command)->text, command_info(r->command_id)->text);
    }
    if (result.news && result.news->response->key) {
        struct call_news *news = &call->result.news;
        uintptr_t shown = r->shown_key_at ? r->shown_key_at : r->key_at;
        size_t len = r->shown_key_at ? r->shown_key_len : r->key_len;
        news->key.shown_len = (uint16_t)request_wire_key(r, (const uint8_t *)shown, len, key);
        news->key.shown = key;
        news->key.sent = NULL;
    }
    finish(a, &result);
}

static void call_done(void *owner, uint32_t number, const struct result *result)
{
    struct async *a = owner;
    a->out--;
    if (!a->flow) {
        if (a->out == 0) async_destroy(a);
        return;
    }
    result_keep(&a->calls[number].result, result);
    if (a->tail == (int32_t)number) {
        a->out++; /* stays until it is through */
        finish_with(a, number);
        if (--a->out == 0) async_destroy(a);
    } else if (a->until.is_on && is_met(a)) {
        go_on(a);
    }
}

/* Takes over the count of kept. */
static void send_kept(struct script *s, int32_t route, struct kept *kept, double timeout,
                      struct flow_end end)
{
    flow_begin_later(s->host.turn, &s->routes, s->routes.routes[route], kept, timeout, s->batch.at,
                     end);
}

static bool is_whole(double number, double least, double most)
{
    return number >= least && number <= most && number == floor(number);
}

static int32_t check(const struct script *s, const struct request *r)
{
    if (!is_whole(r->exptime, INT32_MIN, INT32_MAX) || !is_whole(r->flags, 0, UINT32_MAX))
        return MG_CALL_BAD_NUMBER;
    if (!request_key_is_valid((const uint8_t *)r->key_at, r->key_len)) return MG_CALL_BAD_KEY;
    return r->value_len > s->host.max_value ? MG_CALL_TOO_LARGE : 0;
}

static int32_t make(const struct script *s, const struct mg_new_request *n, uint32_t affinity,
                    struct request *r)
{
    if (n->key_len > KEY_MAX) return MG_CALL_BAD_KEY;
    if (n->value_len > s->host.max_value) return MG_CALL_TOO_LARGE;
    if (!is_whole(n->number, 0, 9007199254740992.0)) return MG_CALL_BAD_NUMBER;
    *r = (struct request){.command_id = (uint8_t)n->command,
                          .key_at = (uintptr_t)n->key,
                          .key_len = (uint16_t)n->key_len,
                          .value_at = (uintptr_t)n->value,
                          .value_len = (uint32_t)n->value_len,
                          .exptime = n->exptime,
                          .flags = n->flags,
                          .number = (uint64_t)n->number,
                          .affinity = affinity};
    return check(s, r);
}

static struct async_call *new_call(struct async *a, unsigned command)
{
    if (a->calls_n == a->room) {
        a->room = a->room ? a->room * 2 : 4;
        a->calls = reallocarray(a->calls, a->room, sizeof *a->calls);
        if (!a->calls) abort();
    }
    a->calls[a->calls_n] = (struct async_call){.command = (uint8_t)command};
    return &a->calls[a->calls_n++];
}

int32_t mg_async_call(struct script *s, uint32_t at, uint32_t serial, int32_t route,
                      const struct mg_new_request *n, double timeout)
{
    struct async *a = find(s, at, serial);
    if (!a || route < 0 || (uint32_t)route >= s->routes.routes_n) return MG_CALL_OVER;
    struct request r = a->flow->kept->r;
    int32_t wrong = n ? make(s, n, r.affinity, &r) : check(s, &r);
    if (wrong) return wrong;
    if (n) r.depth = a->flow->kept->r.depth;
    uint32_t number = a->calls_n;
    new_call(a, r.command_id);
    a->out++;
    send_kept(s, route, kept_create(&r), timeout, (struct flow_end){call_done, a, number});
    return (int32_t)number;
}

static void nobody(void *owner, uint32_t place, const struct result *result)
{
}

int32_t mg_spawn(struct script *s, int32_t route, const struct request *slot,
                 const struct mg_new_request *n)
{
    struct request r = {0};
    int32_t wrong = MG_CALL_OVER;
    if (n) {
        wrong = make(s, n, 0, &r);
    } else if (slot && slot->key_at) {
        r = *slot;
        wrong = check(s, &r);
    }
    if (wrong || route < 0 || (uint32_t)route >= s->routes.routes_n) return wrong;
    send_kept(s, route, kept_create(&r), 0, (struct flow_end){nobody, NULL, 0});
    return 0;
}

bool mg_async_result(struct script *s, uint32_t at, uint32_t serial, uint32_t call,
                     struct mg_result *out)
{
    struct async *a = find(s, at, serial);
    if (!a || call >= a->calls_n || !a->calls[call].result.kind) return false;
    const struct kept_result *kept = &a->calls[call].result;
    *out = (struct mg_result){.kind = kept->kind,
                              .text_at = (uintptr_t)kept->text,
                              .text_len = kept->text_len,
                              .ttl = -2};
    if (!kept->news.response) return true;
    struct response_value v = response_read(&kept->response);
    out->value_at = (uintptr_t)v.at;
    out->value_len = (uint32_t)v.len;
    out->flags = v.flags;
    out->cas = (double)v.cas;
    out->number = (double)v.number;
    out->ttl = (double)v.ttl;
    if (kept->kind & RESULT_ANY_ERROR) {
        out->text_at = (uintptr_t)kept->response.bytes;
        out->text_len = (uint32_t)kept->response.len - 2;
    }
    return true;
}

void mg_async_finish(struct script *s, uint32_t at, uint32_t serial, uint32_t what, int32_t number,
                     const char *text, size_t len)
{
    static const char ERROR[] = "script error";
    struct async *a = find(s, at, serial);
    struct result result = {.kind = RESULT_MISS};
    if (!a) return;
    if (what == MG_FINISH_ROUTE) {
        number = mg_async_call(s, at, serial, number, NULL, 0);
        what = number < 0 ? MG_FINISH_ERROR : MG_FINISH_CALL;
        text = "the request may not be sent as it was rewritten";
        len = strlen(text);
    }
    if (what == MG_FINISH_CALL && (uint32_t)number < a->calls_n) {
        a->tail = number;
        a->out++;
        if (a->calls[number].result.kind) finish_with(a, (uint32_t)number);
        if (--a->out == 0 && !a->flow) async_destroy(a);
        return;
    }
    if (what == MG_FINISH_FAIL) result = (struct result){RESULT_DENIED, NULL, text, len};
    if (what == MG_FINISH_ERROR) {
        result = (struct result){RESULT_SCRIPT, NULL, ERROR, sizeof ERROR - 1};
        s->host.row->script_errors++;
        if (log_allows(&s->log, s->host.backends->now))
            log_error("script %s: %.*s", s->path, (int)(len < 4096 ? len : 4096), text);
    }
    finish(a, &result);
}

int32_t mg_find_command(const char *name, size_t len)
{
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        const char *known = command_info(i)->text;
        if (strlen(known) == len && memcmp(known, name, len) == 0) return (int32_t)i;
    }
    return -1;
}
