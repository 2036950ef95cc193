/* The bodies of abi.h for functions that wait: their calls, results and ends. Nothing here enters Lua.
 *
 * A call is checked first and sent later. The checks are here, since scripts write requests: a key, a number or a value
 * that may not be sent is an error of the script, and nothing was sent (I4). Sending is queued with the slot that is routed
 * (s->batch.at), so that calls of functions leave in the order of the requests that they are for; see route/later.h.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "protocol/flags.h"
#include "protocol/text.h"
#include "protocol/value.h"
#include "route/later.h"
#include "script/follow.h"
#include "script/state.h"

/* --- calls ------------------------------------------------------------------------------------- */

/* Requests that no script has written to are as they came, and were checked then: call_own leaves the checks out for those. */
void mg_async_touch(struct script *s)
{
    if (s->coroutines.running) s->coroutines.running->is_touched = true;
}

/* Takes over the caller's reference to kept. */
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

/* I4: what a script has written is checked before it is sent. exptime is the one field that Lua writes without a call of C. */
static int32_t check(const struct script *s, const struct request *r)
{
    if (!r || !r->key_at) return MG_CALL_OVER;
    if (!is_whole(r->exptime, INT32_MIN, INT32_MAX)) return MG_CALL_BAD_NUMBER;
    if (!request_may_have_key(r, (const uint8_t *)r->key_at, r->key_len, s->host.strict_keys))
        return MG_CALL_BAD_KEY;
    return r->value_len > s->host.max_value ? MG_CALL_TOO_LARGE : 0;
}

/* A copy of a request, which no slot and no client owns. It keeps the client's affinity, so that it goes the way of the
 * client's other requests, and the depth, which bounds functions below functions. */
static struct kept *keep(const struct request *r, uint32_t affinity, uint8_t depth)
{
    struct request copy = *r;
    copy.owner = 0;
    copy.part = 0;
    copy.function_id = 0;
    copy.affinity = affinity;
    copy.depth = depth;
    return kept_create(&copy);
}

/* What that copy takes, with its flow; a value that is shared counts as if it were not. */
static uint32_t copy_size(const struct request *r)
{
    return (uint32_t)(sizeof(struct flow) + sizeof(struct leg) + kept_size(r));
}

static int32_t check_route(const struct script *s, int32_t route)
{
    return route < 0 || (uint32_t)route >= s->routes.routes_n ? MG_CALL_OVER : 0;
}

/* I6: a function makes so many calls, and holds so many bytes of their results; all functions together so much memory. */
static int32_t check_call(const struct script *s, const struct async *a)
{
    if (!a) return MG_CALL_OVER;
    if (a->calls_n >= ASYNC_CALLS) return MG_CALL_TOO_MANY;
    if (a->held > async_held_most(s)) return MG_CALL_TOO_MUCH;
    return memory_lacks(&s->memory.of, sizeof(struct async_call)) ? MG_CALL_NO_MEMORY : 0;
}

int32_t mg_async_call(struct script *s, uint32_t at, uint32_t serial, int32_t route,
                      const struct request *r, double timeout)
{
    struct async *a = async_find(s, at, serial);
    int32_t wrong = check_call(s, a);
    if (!wrong) wrong = check(s, r);
    if (!wrong) wrong = check_route(s, route);
    if (!wrong && memory_lacks(&s->memory.of, copy_size(r))) wrong = MG_CALL_NO_MEMORY;
    s->memory.of.refused += wrong == MG_CALL_NO_MEMORY;
    if (wrong) return wrong;
    const struct request *own = &a->flow->kept->r;
    uint32_t number = async_add_call(a, r);
    if (s->model) {
        model_call(a, number, route, r);
        return (int32_t)number;
    }
    async_sends_copy(a, number, copy_size(r));
    send_kept(s, route, keep(r, own->affinity, own->depth), timeout,
              (struct flow_end){async_call_done, a, number, async_is_awaited, async_above, NULL});
    return (int32_t)number;
}

/* What coroutine.c calls for mg.call(route, req): the checks of mg_async_call, but a yes or no. After a no Lua makes the
 * call again by mg_async_call, and gets the reason. */
bool async_call_own(struct async *a, int32_t route)
{
    struct script *s = a->script;
    const struct request *own = &a->flow->kept->r;
    if (check_call(s, a) || check_route(s, route) || (a->is_touched && check(s, own))) return false;
    if (!s->model) return async_send_own(a, s->routes.routes[route], s->batch.at);
    uint32_t number = async_add_call(a, own);
    a->calls[number].is_own = true;
    model_call(a, number, route, own);
    return true;
}

int32_t mg_async_answer(struct script *s, uint32_t at, uint32_t serial, const char *text,
                        size_t len)
{
    struct async *a = async_find(s, at, serial);
    int32_t wrong = check_call(s, a);
    if (wrong) return wrong;
    struct result result = {
        .kind = text ? RESULT_DENIED : RESULT_MISS, .text = text, .text_len = len};
    uint32_t number = async_add_call(a, &a->flow->kept->r);
    async_call_done(a, number, &result);
    return (int32_t)number;
}

/* The end of what mg.spawn sends: nobody gets the result. `place` is the size of what was sent. The script is there as long as its
 * flows are. */
static void drop_result(void *owner, uint32_t place, const struct result *result)
{
    struct script *s = owner;
    assert(s->spawned > 0);
    s->spawned--;
    memory_give(&s->memory.of, place);
}

/* I6: what is sent for nobody is bounded, too. */
static int32_t check_spawn(const struct script *s, const struct request *r)
{
    if (s->spawned >= ASYNC_SPAWNED) return MG_CALL_TOO_MANY_SPAWNED;
    return memory_lacks(&s->memory.of, copy_size(r)) ? MG_CALL_NO_MEMORY : 0;
}

/* It may be called by a function that waits, by one that does not, or by a timer: `of` is the request it is called for, if
 * any. */
int32_t mg_spawn(struct script *s, int32_t route, const struct request *r)
{
    const struct async *a = s->coroutines.running;
    const struct request *of = a                                 ? &a->flow->kept->r
                               : s->batch.at < s->batch.capacity ? &s->batch.slots[s->batch.at]
                                                                 : NULL;
    int32_t wrong = check(s, r);
    if (!wrong) wrong = check_route(s, route);
    if (!wrong) wrong = check_spawn(s, r);
    s->memory.of.refused += wrong == MG_CALL_NO_MEMORY;
    if (wrong) return wrong;
    if (s->model) {
        model_spawn(s, route, r);
        return 0;
    }
    /* Its depth goes on from there: a function that spawns a request to itself reaches the bound, and ends. */
    uint8_t depth = of && of->depth < UINT8_MAX ? of->depth : 0;
    uint32_t size = copy_size(r);
    s->spawned++;
    memory_hold(&s->memory.of, size);
    send_kept(s, route, keep(r, of ? of->affinity : 0, depth), 0,
              (struct flow_end){drop_result, s, size, NULL, NULL, NULL});
    return 0;
}

/* --- results ----------------------------------------------------------------------------------- */

/* The calls that Lua asks about are always those of the function that runs. */
static const struct kept_result *find_result(const struct script *s, uint32_t call)
{
    const struct async *a = s->coroutines.running;
    if (!a || a->is_decided || call >= a->calls_n) return NULL;
    if (!a->calls[call].result.kind) return NULL;
    return &a->calls[call].result;
}

/* An error's text is the response's line without its CRLF, or what moongate says itself. */
bool mg_async_result(struct script *s, uint32_t call, struct mg_result *out)
{
    const struct kept_result *kept = find_result(s, call);
    if (!kept) return false;
    *out = (struct mg_result){.kind = kept->kind,
                              .text_at = (uintptr_t)kept->text,
                              .text_len = kept->text_len,
                              .ttl = -2};
    if (!kept->news.response) return true;
    struct response_value v = response_read(&kept->response);
    out->value_at = (uintptr_t)v.at;
    out->value_len = (uint32_t)v.len;
    out->flags = v.flags;
    out->cas = v.cas;
    out->number = v.number;
    out->ttl = (double)v.ttl;
    if (kept->kind & RESULT_ANY_ERROR) {
        assert(kept->response.len >= 2);
        out->text_at = (uintptr_t)kept->response.bytes;
        out->text_len = (uint32_t)kept->response.len - 2;
    }
    return true;
}

bool mg_async_flag(struct script *s, uint32_t call, uint32_t letter, struct mg_bytes *out)
{
    const struct kept_result *kept = find_result(s, call);
    const uint8_t *token;
    size_t len;
    if (!kept || !kept->news.response) return false;
    if (!response_find_flag(&kept->response, (uint8_t)letter, &token, &len)) return false;
    *out = (struct mg_bytes){(uintptr_t)token, (uint32_t)len};
    return true;
}

/* True when the line of a response shows that number, so that it can be replaced. */
static bool shows(const struct response *r, uint8_t letter)
{
    const uint8_t *token;
    size_t len;
    if (r->kind == RESPONSE_VALUE) return letter == 'f' || response_has_cas(r);
    return response_find_flag(r, letter, &token, &len);
}

/* Rewritten bytes count as held, also those that they replace: a loop that rewrites for ever ends with an error (I6). */
int32_t mg_async_rewrite(struct script *s, uint32_t call, uint32_t what, const char *text,
                         size_t len, uint64_t number)
{
    if (!find_result(s, call)) return MG_EDIT_OVER;
    struct async *a = s->coroutines.running;
    struct kept_result *kept = &a->calls[call].result;
    if (!kept->news.response || kept->kind != RESULT_HIT) return MG_EDIT_NO_VALUE;
    struct response_value v = response_read(&kept->response);
    if (what == MG_RESULT_VALUE) {
        if (!v.at) return MG_EDIT_NO_VALUE;
        if (len > s->host.max_value) return MG_EDIT_TOO_LARGE;
        v.at = (const uint8_t *)text;
        v.len = len;
    } else if (what == MG_RESULT_FLAGS) {
        if (!shows(&kept->response, 'f')) return MG_EDIT_NO_NUMBER;
        v.flags = number;
    } else {
        if (!shows(&kept->response, 'c')) return MG_EDIT_NO_NUMBER;
        v.cas = number;
    }
    if (a->held + len > async_held_most(s) || memory_lacks(&s->memory.of, len))
        return MG_EDIT_TOO_MUCH;
    async_holds(a, len);
    result_rewrite(kept, &v);
    return MG_EDIT_OK;
}

/* --- ends -------------------------------------------------------------------------------------- */

/* A function that returns a route ends as if its last act were to call that. */
static void finish_through(struct async *a, int32_t route)
{
    static const char WRONG[] = "the request may not be sent as it was rewritten";
    struct script *s = a->script;
    uint32_t serial = s->asyncs.slots[a->at].serial;
    uint32_t number = a->calls_n;
    int32_t call = async_call_own(a, route)
                       ? (int32_t)number
                       : mg_async_call(s, a->at, serial, route, &a->flow->kept->r, 0);
    if (call < 0)
        async_fail(a, WRONG, sizeof WRONG - 1);
    else
        async_finish_call(a, (uint32_t)call);
}

void mg_async_finish(struct script *s, uint32_t at, uint32_t serial, uint32_t what, int32_t route,
                     const char *text, size_t len)
{
    struct async *a = async_find(s, at, serial);
    struct result result = {.kind = RESULT_MISS};
    assert(what == MG_FINISH_ROUTE || what == MG_FINISH_MISS || what == MG_FINISH_FAIL);
    if (!a) return;
    if (what == MG_FINISH_ROUTE) {
        finish_through(a, route);
        return;
    }
    if (what == MG_FINISH_FAIL) result = (struct result){RESULT_DENIED, NULL, text, len};
    async_finish(a, &result);
}

int32_t mg_find_command(const char *name, size_t len)
{
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        const char *known = command_info(i)->text;
        if (strlen(known) == len && memcmp(known, name, len) == 0) return (int32_t)i;
    }
    return -1;
}
