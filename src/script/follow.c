/* How explain follows the script.
 *
 * A function that does not wait is simply called (decide): it is asked as in script_route, alone, and what it returns is where the
 * request goes.
 *
 * A function that waits is run against a model of the servers (follow). It runs in its coroutine as always, but its calls are not
 * sent: model_call notes where the request would go, and answers it at once. In the first run every call misses, or, where a
 * command cannot miss, is a hit. Each further run answers one call in another way, and those before it as before: so all runs
 * together are the tree of what the function may do. Runs are made in the order of how much they differ from the first.
 *
 * A call that appears in every run is always made. For another one the runs tell under which answers of the calls before it: see
 * `conditions`. At the end each call's request is followed through the route that it was made through.
 *
 * What bounds it: RUNS_MOST runs, CALLS_MOST calls and WAITS_MOST waits of a run, and --script-timeout: for each run, and for all
 * functions of a request together, since the worker serves nobody meanwhile. After that no more is run. Sleeping takes no time.
 *
 * What must never happen: that a function which really waits is resumed meanwhile (the list `ready` is put aside), that an error is
 * counted or logged, or that a request is announced as a write (turn.is_explaining). */
#include "script/follow.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/flags.h"
#include "route/explain.h"
#include "script/coroutine.h"
#include "script/runs.h"
#include "script/state.h"

enum { WAITS_MOST = 200 };

/* What the calls of the function that runs meet. Invariant: one at a time, for a function that is followed below another is run
 * when that has ended. */
struct model {
    struct runs *runs; /* NULL: of a function that does not wait */
    struct walk *walk; /* for that: what it spawns goes here */
    struct walk_way way;
    uint32_t waits;
    unsigned result; /* of the run: enum result_kind; 0: it has not ended */
    char failure[PATH_FAILURE_MAX];
};

/* --- answers ------------------------------------------------------------------------------------ */

/* A hit, as a server would answer it. Returns its length. */
static size_t put_meta_hit(const struct request *r, const struct run_sample *sample, char *to,
                           size_t room)
{
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *flag;
    size_t len, n, flag_len;
    const char *value = sample ? sample->value : r->command_id == COMMAND_META_GET ? "x" : "1";
    bool has_value = r->command_id != COMMAND_META_SET && r->command_id != COMMAND_META_DELETE &&
                     request_find_flag(r, 'v', &flag, &len);
    n = has_value ? (size_t)snprintf(to, room, "VA %zu", strlen(value))
                  : (size_t)snprintf(to, room, "HD");
    while (request_next_flag(&at, end, &flag, &flag_len)) {
        if (*flag == 'f')
            n += (size_t)snprintf(to + n, room - n, " f%u", sample ? sample->flags : 0);
        if (*flag == 's') n += (size_t)snprintf(to + n, room - n, " s%zu", strlen(value));
        if (*flag == 'c') n += (size_t)snprintf(to + n, room - n, " c1");
        if (*flag == 't') n += (size_t)snprintf(to + n, room - n, " t-1");
        if (*flag == 'O')
            n += (size_t)snprintf(to + n, room - n, " %.*s", (int)flag_len, (const char *)flag);
    }
    n += (size_t)snprintf(to + n, room - n, "\r\n");
    if (has_value) n += (size_t)snprintf(to + n, room - n, "%s\r\n", value);
    return n;
}

static size_t put_hit(const struct request *r, const struct run_sample *sample, char *to,
                      size_t room)
{
    const char *value = sample ? sample->value : "x";
    bool has_cas = r->command_id == COMMAND_GETS || r->command_id == COMMAND_GATS;
    switch (command_info(r->command_id)->shape) {
    case SHAPE_RETRIEVE:
        return (size_t)snprintf(to, room, "VALUE %.*s %u %zu%s\r\n%s\r\n", (int)r->key_len,
                                (const char *)r->key_at, sample ? sample->flags : 0, strlen(value),
                                has_cas ? " 1" : "", value);
    case SHAPE_STORE: return (size_t)snprintf(to, room, "STORED\r\n");
    case SHAPE_DELETE: return (size_t)snprintf(to, room, "DELETED\r\n");
    case SHAPE_ARITHMETIC: return (size_t)snprintf(to, room, "1\r\n");
    case SHAPE_TOUCH: return (size_t)snprintf(to, room, "TOUCHED\r\n");
    default: return put_meta_hit(r, sample, to, room);
    }
}

/* The function gets the result in mg_async_call already, before it waits: that is when a server could answer at the earliest. */
static void answer(struct async *a, uint32_t number, const struct request *r, enum run_answer how,
                   const struct run_sample *sample)
{
    static const char TIMEOUT[] = "timeout";
    char bytes[LINE_MAX_BYTES + KEY_WIRE_ROOM + RUN_SAMPLE_MOST + 64];
    struct response response;
    struct call_news news = {.event = CALL_ANSWERED, .response = &response};
    if (how == RUN_ERROR) {
        async_call_done(a, number,
                        &(struct result){RESULT_TIMEOUT, NULL, TIMEOUT, sizeof TIMEOUT - 1});
        return;
    }
    const char *miss = command_info(r->command_id)->miss;
    size_t len = how == RUN_NO ? (size_t)snprintf(bytes, sizeof bytes, "%s", miss)
                               : put_hit(r, how == RUN_SAMPLE ? sample : NULL, bytes, sizeof bytes);
    news.key = (struct call_key){.sent = (const uint8_t *)r->key_at,
                                 .shown = (const uint8_t *)r->key_at,
                                 .sent_len = r->key_len,
                                 .shown_len = r->key_len};
    enum response_status status =
        response_parse((const uint8_t *)bytes, len, sizeof bytes, &response);
    assert(status == RESPONSE_DONE);
    (void)status;
    struct result result = result_from_news(&news);
    async_call_done(a, number, &result);
}

/* A route that answers by itself: the kind of result; 0: servers decide. */
static unsigned known_result(const struct route *route)
{
    if (route->kind == ROUTE_MISS) return RESULT_MISS;
    if (route->kind == ROUTE_FAIL) return RESULT_DENIED;
    if (route->kind == ROUTE_ALL && route->options.wait == WAIT_NONE) return RESULT_MISS;
    return 0;
}

void model_call(struct async *a, uint32_t number, int32_t route, const struct request *r)
{
    struct script *s = a->script;
    struct runs *runs = s->model->runs;
    unsigned known = known_result(s->routes.routes[route]);
    enum run_answer how = runs_call(runs, route, r, known != 0);
    if (known && known != RESULT_MISS) how = RUN_ERROR;
    answer(a, number, r, how, runs->sample);
}

void model_spawn(struct script *s, int32_t route, const struct request *r)
{
    struct model *m = s->model;
    if (m->runs)
        runs_spawn(m->runs, route, r);
    else
        walk_later(m->walk, s->routes.routes[route], r, m->way);
}

bool model_waits(struct async *a)
{
    struct model *m = a->script->model;
    if (m->runs) runs_wait(m->runs);
    return ++m->waits <= WAITS_MOST;
}

void model_fails(struct script *s, const char *why, size_t len)
{
    struct model *m = s->model;
    if (!m->failure[0])
        snprintf(m->failure, sizeof m->failure, "%.*s", (int)(len < INT16_MAX ? len : INT16_MAX),
                 why);
}

/* --- time --------------------------------------------------------------------------------------- */

/* A function has run since then. */
static void note_time(const struct script *s, struct walk *w, double began)
{
    double limit = s->host.script_timeout;
    w->took += script_time_now(s) - began;
    w->is_late = limit > 0 && w->took > limit;
}

/* --- one run ------------------------------------------------------------------------------------ */

static void take_result(void *owner, uint32_t place, const struct result *result)
{
    struct model *m = owner;
    (void)place;
    assert(!m->result);
    m->result = result->kind;
}

static bool always(const void *owner)
{
    (void)owner;
    return true;
}

static const struct receiver model_receiver = {.on_result = take_result, .is_awaited = always};

/* In the slot that explain may use: the function takes the request out of it. */
static void run(struct script *s, uint32_t function, const struct request *r, uint32_t at)
{
    struct generation *g = &s->routes;
    struct flow *ready = g->ready, **ready_end = g->ready_end;
    struct request *slot = &s->batch.slots[at];
    struct answer *a = &s->batch.answers[at];
    g->ready = NULL;
    g->ready_end = &g->ready;
    *slot = *r;
    slot->function_id = function;
    slot->owner = (uintptr_t)s->model;
    slot->receiver = (uintptr_t)&model_receiver;
    *a = (struct answer){.route = ANSWER_WAITS};
    s->batch.at = at;
    s->host.turn->in = s;
    coroutine_begin(s, at);
    coroutines_go_on(s);
    if (s->is_turned) handle_turn_ends(s);
    script_time_end(s);
    script_memory_end(s);
    s->batch.at = s->batch.capacity;
    s->host.turn->in = NULL;
    if (a->route == ANSWER_REFUSE) model_fails(s, (const char *)a->text_at, a->text_len);
    assert(s->model->result || a->route == ANSWER_REFUSE);
    g->ready = ready;
    g->ready_end = ready ? ready_end : &g->ready;
}

/* --- all runs ----------------------------------------------------------------------------------- */

static const struct run_sample *sample_of(const struct script *s, uint32_t function)
{
    for (uint32_t i = 0; i < s->samples_n; i++) {
        if (s->run_samples[i].function == function) return &s->run_samples[i];
    }
    return NULL;
}

/* What the script spawns comes last: nobody waits for it. */
static void follow_calls(struct script *s, const struct runs *runs, const struct request *r,
                         struct walk *w, struct walk_way way)
{
    bool is_first = way.is_first;
    for (uint32_t i = 0; i < runs->rows_n; i++) {
        const struct run_row *row = &runs->rows[i];
        const struct route *route = s->routes.routes[row->route];
        char text[RUN_CONDITION_MOST];
        runs_condition(runs, i, s->routes.routes, w, text, sizeof text);
        struct walk_way to = walk_as(way, runs_role(runs, i, r));
        if (text[0]) to = walk_on(w, to, to.role, "%s", text);
        to.is_first = is_first && !row->is_spawned;
        if (row->is_spawned)
            walk_later(w, route, &row->kept->r, to);
        else
            (void)walk_route(w, route, &row->kept->r, to);
        is_first = is_first && row->is_spawned;
    }
}

/* A failure of the first run is the script's. One of another run may be due to what the model answers: the calls before it are
 * what counts. */
static unsigned follow(void *router, uint32_t function, const struct request *r, struct walk *w,
                       const struct walk_way *way)
{
    struct script *s = router;
    struct runs *runs = runs_create(r, sample_of(s, function & ~(uint32_t)MG_WAITS));
    struct kept *kept = kept_create(r); /* r may lie in the slot */
    unsigned known = 0;
    assert(!s->model);
    s->host.turn->is_explaining = true;
    while (!w->is_late && runs_next(runs)) {
        struct model m = {.runs = runs};
        double began = script_time_now(s);
        s->model = &m;
        run(s, function, &kept->r, w->e->at);
        s->model = NULL;
        note_time(s, w, began);
        if (runs->n == 1 && !runs->rows_n) known = m.failure[0] ? RESULT_SCRIPT : m.result;
        if (runs->n == 1 && m.failure[0] && !w->path.failure[0])
            memcpy(w->path.failure, m.failure, sizeof m.failure);
    }
    s->host.turn->is_explaining = false;
    w->is_cut |= runs->is_cut || w->is_late;
    follow_calls(s, runs, &kept->r, w, *way);
    kept_give(kept);
    runs_destroy(runs);
    return known;
}

/* --- functions that do not wait ----------------------------------------------------------------- */

static void fail(struct answer *a, struct path *path, const char *why)
{
    static const char TEXT[] = "script error";
    *a = (struct answer){ANSWER_REFUSE, sizeof TEXT - 1, (uintptr_t)TEXT};
    snprintf(path->failure, sizeof path->failure, "%s", why);
}

/* mg_step adds the functions that Lua goes through to the path. */
static void decide(void *router, struct request *slots, struct answer *answers, uint32_t at,
                   struct walk *w, const struct walk_way *way)
{
    struct script *s = router;
    struct answer *a = &answers[at];
    struct path *path = walk_path(w, *way);
    struct model m = {.walk = w, .way = *way};
    lua_State *L = s->L;
    double began = script_time_now(s);
    assert(at < s->batch.capacity && lua_gettop(L) == STACK_TOP && !s->model);
    a->route = script_first_answer(s, &slots[at], a);
    if (a->route >= 0 || a->route == ANSWER_REFUSE) return;
    a->route = ANSWER_NONE;
    s->path_taken = path;
    s->model = &m;
    s->host.turn->in = s;
    script_time_begin(s);
    handle_of_slot(s, at);
    lua_pushvalue(L, STACK_TRACE);                    /* [..., trace] */
    lua_pushinteger(L, (lua_Integer)at);              /* [..., trace, at] */
    if (script_memory_call(s, 1, 0, STACK_HANDLER)) { /* [...] or [..., message] */
        fail(a, path, script_memory_explain(s, lua_tostring(L, -1)));
        lua_settop(L, STACK_TOP); /* [...] */
    }
    handle_turn_ends(s);
    script_memory_end(s);
    script_time_end(s);
    s->path_taken = NULL;
    s->model = NULL;
    s->host.turn->in = NULL;
    s->batch.at = s->batch.capacity; /* what a timer sends belongs to no slot */
    note_time(s, w, began);
}

const struct route_tracer script_tracer = {.decide = decide, .follow = follow};
