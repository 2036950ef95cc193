/* Lease: of many reads that miss a key one gets the miss, and the others wait for its set. All state is in the server's item (see
 * protocol/lease.h), so this holds for any number of workers and machines.
 *
 * The first leg only reads. Where nothing has to be known about an item's time, it is the request as it came, and a hit costs what it
 * costs without the policy, but that an empty value may be a placeholder. Else it is an mg that also says how long the item has. What is
 * no plain hit is asked for again, with N and R: the answer says whether this read has won, which is then a miss, or another one has. Then
 * it waits, see lease_wait.c. An mg of a client, whose flags only the server can answer, is sent once more when the value is there.
 *
 * A win that no client gets to know is handed back: the placeholder is removed by its cas, an old item is marked again. */
#include <assert.h>
#include <string.h>

#include "route/lease_read.h"
#include "route/lease_wait.h"

enum { FIRST = LEASE_FIRST, BEYOND, ASK, BACK, MORE_LEGS = 2 }; /* legs */
enum { READS, PASSES, AGAIN, TOUCHES }; /* stages: what the first leg is doing */

/* What has a result already is counted. */
static void finish(struct flow *flow, const struct result *result)
{
    if (!flow_is_finished(flow)) {
        lease_count(flow->route, result->kind);
        lease_wait_ends(flow, result->kind);
    }
    flow_finish(flow, result);
}

static void finish_absent(struct flow *flow)
{
    struct lease_told told;
    finish(flow, lease_tell_absent(flow->turn, &flow->kept->r, &told));
}

static void shed(struct flow *flow)
{
    lease_tally(flow->route)->shed++;
    finish_absent(flow);
}

/* --- what is sent ------------------------------------------------------------------------------- */

static void leg(struct flow *flow, uint32_t place, const struct request *r)
{
    flow_leg(flow, place, flow->route->children[LEASE_CHILD], r);
}

static void read_again(struct flow *flow)
{
    struct request r;
    lease_waiter_of(flow)->stage = AGAIN;
    leg(flow, FIRST, lease_first_request(flow->turn, flow->route, &flow->kept->r, true, &r));
}

static void pass(struct flow *flow)
{
    lease_waiter_of(flow)->stage = PASSES;
    leg(flow, FIRST, &flow->kept->r);
}

void lease_look(struct flow *flow)
{
    struct lease_terms terms = lease_terms_of(flow->route);
    uint8_t args[LEASE_ARGS_ROOM];
    struct request r;
    lease_ask(&flow->kept->r, &terms, LEASE_MAKES, &r, args);
    leg(flow, ASK, &r);
}

/* gat: the item is there, and gets its time. Its answer shows whether it still was. */
static void touch(struct flow *flow)
{
    struct lease_terms terms = lease_terms_of(flow->route);
    uint8_t args[LEASE_ARGS_ROOM + LEASE_MORE], longer[LEASE_ARGS_ROOM + LEASE_MORE];
    struct request timed = flow->kept->r, r;
    lease_ask(&timed, &terms, LEASE_READS, &r, args);
    lease_append(&r, "T0", 2, longer);
    lease_prolong(&timed, &terms, NULL);
    r.meta |= META_EXPTIME;
    r.exptime = timed.exptime;
    r.asked_exptime = timed.asked_exptime;
    lease_waiter_of(flow)->stage = TOUCHES;
    leg(flow, FIRST, &r);
}

static void remove_item(struct flow *flow, uint64_t cas, bool marks)
{
    uint8_t args[LEASE_ARGS_ROOM];
    struct request r;
    if (flow->turn->is_ending || flow->legs[BACK].is_out) return;
    lease_remove(&flow->kept->r, cas, marks, 0, &r, args);
    leg(flow, BACK, &r);
}

/* A value that is only soon over stays: it would have to be made stale. */
static void hand_back(struct flow *flow, const struct lease_item *item)
{
    if (item->is_made || !item->is_live) remove_item(flow, item->v.cas, !item->is_made);
}

/* --- what is answered --------------------------------------------------------------------------- */

static void finish_with(struct flow *flow, struct lease_saying *saying)
{
    struct lease_told told;
    const struct result *result = lease_say(flow, saying, &told);
    struct blob *blob = told.news.blob ? blob_take(told.news.blob) : NULL;
    finish(flow, result);
    if (blob) blob_give(blob);
}

/* An item that is there, to a flow that is in no group. */
static void serve(struct flow *flow, struct lease_saying *saying)
{
    if (lease_is_mg(&flow->kept->r))
        read_again(flow);
    else if (lease_touches(&flow->kept->r))
        touch(flow);
    else
        finish_with(flow, saying);
}

/* Calls `act` for each of a group's members, which are in none any more. `self` is running, and is freed by its caller. */
static void for_all(struct flow *self, struct flow *all, void (*act)(struct flow *flow, void *what),
                    void *what)
{
    while (all) {
        struct flow *flow = all;
        all = flow->next;
        flow->next = NULL;
        if (flow == self) {
            act(flow, what);
        } else {
            flow_enter(flow);
            act(flow, what);
            flow_leave(flow);
        }
    }
}

static void act_serve(struct flow *flow, void *saying)
{
    serve(flow, saying);
}

static void act_finish(struct flow *flow, void *result)
{
    if (result)
        finish(flow, result);
    else
        finish_absent(flow);
}

static void act_pass(struct flow *flow, void *nothing)
{
    (void)nothing;
    pass(flow);
}

static void serve_all(struct flow *self, struct flow *all, const struct lease_item *item)
{
    struct lease_saying saying = {.item = *item};
    for_all(self, all, act_serve, &saying);
    lease_unsay(&saying);
}

static void serve_alone(struct flow *flow, const struct lease_item *item)
{
    struct lease_saying saying = {.item = *item};
    finish_with(flow, &saying);
    lease_unsay(&saying);
}

/* A server without meta commands: to its clients the pool is a plain one, or nothing at all. */
static void lacks(struct flow *flow, const struct result *result, struct flow *all)
{
    struct result error = lease_tell_lacking(flow->turn, result);
    if (flow->route->options.cap)
        for_all(flow, all, act_pass, NULL);
    else
        for_all(flow, all, act_finish, &error);
}

static void show_mg(struct flow *flow, const struct result *result)
{
    struct lease_told told;
    struct blob *blob;
    lease_tell_stripped(flow->turn, flow->route, &flow->kept->r, result, &told, &blob);
    finish(flow, &told.result);
    if (blob) blob_give(blob);
}

void lease_in_vain(struct flow *flow, struct lease_saying *old)
{
    lease_waiter_of(flow)->is_old = old != NULL;
    if (old && lease_is_mg(&flow->kept->r))
        read_again(flow);
    else if (old && !lease_touches(&flow->kept->r))
        finish_with(flow, old);
    else
        finish_absent(flow);
}

/* --- the first answer --------------------------------------------------------------------------- */

static void won(struct flow *flow, const struct lease_item *item)
{
    struct board_lease *counts = lease_tally(flow->route);
    bool is_in_vain = !flow_is_awaited(flow) || !flow_goes_on(flow);
    lease_waiter_of(flow)->is_won = !is_in_vain;
    if (!is_in_vain) ++*(item->is_live ? &counts->refreshes : &counts->wins);
    finish_absent(flow);
    if (is_in_vain) hand_back(flow, item);
}

static void ask(struct flow *flow)
{
    switch (lease_join(flow, false, NULL)) {
    case LEASE_ASKS: lease_look(flow); break;
    case LEASE_WAITS: break;
    case LEASE_SHED: shed(flow); break;
    }
}

static void wait_for_set(struct flow *flow, const struct result *old)
{
    if (lease_join(flow, true, old) == LEASE_SHED) shed(flow);
}

/* What may be shown to a client that waits in vain. */
static const struct result *if_old(const struct lease_terms *terms, const struct lease_item *item,
                                   const struct result *result)
{
    return terms->stale && item->sight == LEASE_OLD ? result : NULL;
}

/* The answer to a read that says all. */
static void first_seen(struct flow *flow, const struct result *result)
{
    struct lease_terms terms = lease_terms_of(flow->route);
    struct lease_item item = lease_see(result->news->response, &terms);
    const struct request *r = &flow->kept->r;
    switch (item.sight) {
    case LEASE_LIVE:
        if (lease_touches(r))
            touch(flow);
        else if (lease_is_mg(r))
            show_mg(flow, result);
        else
            serve_alone(flow, &item);
        break;
    case LEASE_WON: won(flow, &item); break;
    case LEASE_TAKEN:
    case LEASE_OLD:
        wait_for_set(flow, lease_is_mg(r) ? NULL : if_old(&terms, &item, result));
        break;
    default: ask(flow);
    }
}

static void again_done(struct flow *flow, const struct result *result)
{
    struct lease_terms terms = lease_terms_of(flow->route);
    struct lease_item item = lease_see(result->news->response, &terms);
    bool is_shown = item.is_live || (terms.stale && item.sight == LEASE_OLD);
    lease_waiter_of(flow)->is_old = !item.is_live;
    if (result->news->response->kind == RESPONSE_EN || !is_shown)
        finish_absent(flow);
    else
        show_mg(flow, result);
    if (item.sight == LEASE_WON) hand_back(flow, &item);
}

/* What was touched may be a placeholder that came just before: it goes, so that nobody waits for so long. */
static void touch_done(struct flow *flow, const struct result *result)
{
    struct lease_terms terms = lease_terms_of(flow->route);
    struct lease_item item = lease_see(result->news->response, &terms);
    if (item.sight == LEASE_LIVE || item.sight == LEASE_DUE) {
        serve_alone(flow, &item);
        return;
    }
    finish_absent(flow);
    if (item.sight != LEASE_ABSENT) remove_item(flow, item.v.cas, false);
}

static void first_done(struct flow *flow, const struct result *result)
{
    uint32_t stage = lease_waiter_of(flow)->stage;
    bool is_error = result->kind & RESULT_ANY_ERROR;
    struct lease_terms terms = lease_terms_of(flow->route);
    if (flow_is_finished(flow)) return;
    if (stage != PASSES && lease_is_lacking(result))
        lacks(flow, result, flow);
    else if (stage == PASSES || is_error)
        finish(flow, result);
    else if (!result->news)
        finish_absent(flow); /* a failure that counts as a miss */
    else if (stage == AGAIN)
        again_done(flow, result);
    else if (stage == TOUCHES)
        touch_done(flow, result);
    else if (lease_is_timed(&terms) || lease_touches(&flow->kept->r))
        first_seen(flow, result);
    else if (lease_is_plain_hit(&flow->kept->r, result->news->response))
        finish(flow, result);
    else
        ask(flow);
}

/* --- the answer to a look ----------------------------------------------------------------------- */

static void ask_won(struct flow *flow, const struct lease_item *item)
{
    if (item->is_live) {
        struct flow *all = lease_disband(flow), **at = &all;
        while (*at != flow) at = &(*at)->next;
        *at = flow->next;
        flow->next = NULL;
        serve_all(flow, all, item);
    } else {
        lease_leave_waiting(flow);
    }
    won(flow, item);
}

/* A flow whose time was over meanwhile has nobody to give a win to. */
static void ask_done(struct flow *flow, const struct result *result)
{
    struct lease_terms terms = lease_terms_of(flow->route);
    struct lease_item item = {.sight = LEASE_ABSENT};
    bool is_error = result->kind & RESULT_ANY_ERROR;
    if (result->news && !is_error) item = lease_see(result->news->response, &terms);
    if (flow_is_finished(flow) || !lease_waiter_of(flow)->group) {
        if (item.sight == LEASE_WON) hand_back(flow, &item);
        return;
    }
    if (lease_is_lacking(result)) {
        lacks(flow, result, lease_disband(flow));
    } else if (is_error) {
        struct result error = *result;
        for_all(flow, lease_disband(flow), act_finish, &error);
    } else if (item.sight == LEASE_WON) {
        ask_won(flow, &item);
    } else if (item.is_live) {
        serve_all(flow, lease_disband(flow), &item);
    } else if (item.sight == LEASE_ABSENT) {
        for_all(flow, lease_disband(flow), act_finish, NULL);
    } else {
        lease_wait_on(flow, if_old(&terms, &item, result));
    }
}

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    switch (place) {
    case FIRST: first_done(flow, result); break;
    case ASK: ask_done(flow, result); break;
    case BACK: break;
    default: flow_finish(flow, result); break; /* BEYOND: takes no part */
    }
}

static void start(struct flow *flow)
{
    const struct request *r = &flow->kept->r;
    struct request first;
    lease_init(flow);
    if (lease_is_beyond(r)) {
        flow_leg(flow, BEYOND, flow->route->children[LEASE_WRITES], r);
        return;
    }
    lease_tally(flow->route)->requests++;
    leg(flow, FIRST, lease_first_request(flow->turn, flow->route, r, false, &first));
}

/* One that nobody has finished is ended with moongate. */
static void release(struct flow *flow)
{
    lease_wait_ends(flow, RESULT_LOST);
    lease_leave(flow);
}

/* The alarm finds out. */
static void drop(struct flow *flow)
{
    if (lease_waiter_of(flow)->group) flow_alarm(flow, 0);
}

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    assert(route->children_n == LEASE_CHILDREN && n == 1);
    (void)n;
    lease_wait_build(route, &words[0]);
}

/* For explain. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    struct request first;
    if (lease_is_beyond(r)) return walk_route(w, route->children[LEASE_WRITES], r, way);
    struct turn *t = w->e->turn;
    (void)walk_route(w, route->children[LEASE_CHILD],
                     lease_first_request(t, route, r, false, &first), way);
    lease_walk(w, route, r, LEASE_MAKES,
               walk_after(w, way, WALK_ON_MISS, RESULT_MISS, route->children[LEASE_CHILD]));
    return 0;
}

const struct flow_kind flow_lease = {.more_legs = MORE_LEGS,
                                     .own_size = sizeof(struct lease_waiter),
                                     .build = build,
                                     .in_use = lease_wait_in_use,
                                     .start = start,
                                     .leg_done = leg_done,
                                     .alarm = lease_alarm,
                                     .release = release,
                                     .drop = drop,
                                     .direct = &lease_direct,
                                     .walk = walk};
