/* What a lease does with all that is no plain read: a key whose item is a placeholder, or old, is absent to it.
 *
 *   PASSES  set, ms: what stores whatever is there is sent as it came
 *   TRIES   add, cas, incr ...: sent as it came. A placeholder makes them fail, and never changes for them; so only an answer that may
 *           come from one makes the flow look at the item
 *   LOOKS   replace, append, touch, delete ...: they would do something to a placeholder, so the flow looks first. Where old items are
 *           kept, TRIES looks first, too, as they would do something to those
 *
 * After a look: an item that is there gets the request, with the cas that was seen, where it must not fall upon what comes in between.
 * Without one, the answer is that of an absent key; what makes an item then (add) removes the placeholder, by its cas, and is sent again.
 * When the item changes all the time, the flow gives up after a few rounds; a delete then just deletes. */
#include <assert.h>
#include <string.h>

#include "protocol/flags.h"
#include "protocol/text.h"
#include "route/direct.h"
#include "route/lease_guard.h"
#include "route/lease_way.h"

enum { TRY, LOOK, CLEAR, ACT, MORE_LEGS = 3, ROUNDS = 8 };

struct own {
    uint8_t rounds;
    bool passes;      /* the answer to TRY counts, whatever it is */
    bool clears_away; /* after CLEAR the answer is that of an absent key; else TRY */
    bool has_won;     /* the look took a win that is not the flow's */
    bool has_touched; /* the request was carried out; the look finds out on what */
    uint64_t cas;     /* that was seen last */
};

/* --- what is sent ------------------------------------------------------------------------------- */

static struct own *own_of(const struct flow *flow)
{
    return flow->own;
}

static void leg(struct flow *flow, uint32_t place, const struct request *r)
{
    flow_leg(flow, place, flow->route->children[0], r);
}

static uint8_t *room_for(struct turn *t, const struct request *r)
{
    return arena_alloc(t->arena, (size_t)r->args_len + LEASE_MORE * 2);
}

/* r, which lives longer by what an item is kept. A delete says itself how long what it marks is to stay. */
static struct request prolonged(struct turn *t, const struct route *route, const struct request *r)
{
    struct lease_terms terms = lease_terms_of(route);
    struct request longer = *r;
    if (terms.stale && !lease_deletes(r)) lease_prolong(&longer, &terms, room_for(t, r));
    return longer;
}

static void try(struct flow *flow)
{
    struct request r = prolonged(flow->turn, flow->route, &flow->kept->r);
    leg(flow, TRY, &r);
}

static void pass(struct flow *flow)
{
    own_of(flow)->passes = true;
    try(flow);
}

static void look(struct flow *flow)
{
    struct lease_terms terms = lease_terms_of(flow->route);
    uint8_t args[LEASE_ARGS_ROOM];
    struct request r;
    lease_ask(&flow->kept->r, &terms, LEASE_LOOKS, &r, args);
    leg(flow, LOOK, &r);
}

static void clear(struct flow *flow, uint64_t cas, bool marks)
{
    uint8_t args[LEASE_ARGS_ROOM];
    struct request r;
    lease_remove(&flow->kept->r, cas, marks, 0, &r, args);
    leg(flow, CLEAR, &r);
}

static void finish_absent(struct flow *flow)
{
    struct lease_told told;
    flow_finish(flow, lease_tell_absent(flow->turn, &flow->kept->r, &told));
}

/* Again from the look on, as the item has changed meanwhile. */
static void again(struct flow *flow)
{
    static const char TEXT[] = "mg.lease: the item changes too often";
    if (own_of(flow)->rounds++ < ROUNDS)
        look(flow);
    else if (lease_deletes(&flow->kept->r))
        pass(flow);
    else
        flow_finish(flow, &(struct result){
                              .kind = RESULT_DENIED, .text = TEXT, .text_len = sizeof TEXT - 1});
}

/* --- an item that is there ------------------------------------------------------------------------ */

/* It fails where it meets a placeholder, or an old item: then it is looked at again. */
static bool tries(const struct request *r)
{
    return lease_way_of(r, &(struct lease_terms){0}) == LEASE_WAY_TRIES;
}

static void there(struct flow *flow, const struct lease_item *item)
{
    struct own *own = own_of(flow);
    struct lease_terms terms = lease_terms_of(flow->route);
    struct request r = prolonged(flow->turn, flow->route, &flow->kept->r), guarded;
    bool is_same = own->cas == item->v.cas;
    own->cas = item->v.cas;
    own->has_won = item->sight == LEASE_WON;
    if (flow->best && (!lease_counts(&r) || is_same || own->has_touched))
        flow_finish_best(flow);
    else if (flow->best)
        try(flow); /* what it counts may have come just now */
    else if (r.command_id == COMMAND_META_GET)
        try(flow);
    else if (lease_guard(flow->turn, &r, &terms, item->v.cas, &guarded))
        leg(flow, ACT, &guarded);
    else if (tries(&r))
        try(flow);
    else
        pass(flow);
}

/* --- an item that counts as absent ---------------------------------------------------------------- */

/* A placeholder has the cas of r, so its client has won it by a flag N or R of its own, and stores now. */
static bool stores_own(const struct request *r, const struct lease_item *item)
{
    const uint8_t *digits;
    size_t len;
    uint64_t cas = 0;
    if (item->sight != LEASE_TAKEN) return false;
    if (r->command_id == COMMAND_CAS) return r->number == item->v.cas;
    return r->command_id == COMMAND_META_SET && lease_mode_of(r) == 'S' &&
           request_find_flag(r, 'C', &digits, &len) && text_read_unsigned(digits, len, &cas) &&
           cas == item->v.cas;
}

/* A placeholder of another client stays, but where the key is deleted or stored. An old item stays, and the next read wins it. */
static void gone(struct flow *flow, const struct lease_item *item)
{
    const struct request *r = &flow->kept->r;
    struct lease_terms terms = lease_terms_of(flow->route);
    struct own *own = own_of(flow);
    bool is_there = item->sight != LEASE_ABSENT;
    own->cas = item->v.cas;
    if (lease_makes(r) && is_there) {
        clear(flow, item->v.cas, false);
    } else if (lease_makes(r)) {
        if (own->rounds < ROUNDS)
            try(flow);
        else
            pass(flow);
    } else if (stores_own(r, item)) {
        try(flow);
    } else if (is_there &&
               (own->has_touched || (lease_deletes(r) && (item->is_made || !terms.stale)))) {
        own->clears_away = true;
        clear(flow, item->v.cas, false);
    } else if (r->command_id == COMMAND_META_GET && !is_there && own->rounds < ROUNDS) {
        try(flow); /* the server may refuse its flags */
    } else {
        finish_absent(flow);
        if (item->sight == LEASE_WON && !flow->turn->is_ending) clear(flow, item->v.cas, true);
    }
}

/* --- answers ------------------------------------------------------------------------------------ */

/* Without the look a delete is what it is without the policy: it may be spooled, say. */
static void look_failed(struct flow *flow, const struct result *result)
{
    bool lacks = lease_is_lacking(result);
    if (lease_deletes(&flow->kept->r) || (lacks && flow->route->options.cap)) {
        pass(flow);
    } else if (lacks) {
        struct result error = lease_tell_lacking(flow->turn, result);
        flow_finish(flow, &error);
    } else {
        flow_finish(flow, result);
    }
}

static void look_done(struct flow *flow, const struct result *result)
{
    struct lease_terms terms = lease_terms_of(flow->route);
    struct lease_item item = {.sight = LEASE_ABSENT};
    if (result->kind & RESULT_ANY_ERROR) {
        look_failed(flow, result);
        return;
    }
    if (result->news) item = lease_see(result->news->response, &terms);
    if (item.sight == LEASE_ABSENT || !item.is_live)
        gone(flow, &item);
    else
        there(flow, &item);
}

/* A mark says that the item may have been no live one when its time was changed. */
static bool is_doubtful(const struct flow *flow, const struct result *result)
{
    if (flow->kept->r.command_id != COMMAND_META_GET || result->kind != RESULT_HIT || !result->news)
        return false;
    return flow->route->options.after > 0 ? lease_has_marks(result->news->response)
                                          : lease_may_be_taken(result->news->response);
}

/* The win of an item that meta clients have marked, which the look has taken, and that nothing has changed since. */
static void give_back(struct flow *flow)
{
    if (own_of(flow)->has_won && !flow->turn->is_ending) clear(flow, own_of(flow)->cas, true);
}

static void try_done(struct flow *flow, const struct result *result)
{
    struct own *own = own_of(flow);
    if (own->passes || own->rounds >= ROUNDS) {
        flow_finish(flow, result);
        if (flow->kept->r.command_id == COMMAND_META_DEBUG) give_back(flow);
        if (lease_has_failed(&flow->kept->r, result) && !flow->turn->is_ending) look(flow);
    } else if (is_doubtful(flow, result)) {
        own->has_touched = true;
        flow_keep_best(flow, result);
        again(flow);
    } else if (tries(&flow->kept->r) && lease_is_suspicious(&flow->kept->r, result)) {
        flow_keep_best(flow, result);
        again(flow);
    } else {
        flow_finish(flow, result);
    }
}

static void clear_done(struct flow *flow, const struct result *result)
{
    if (result->kind & RESULT_ANY_ERROR)
        flow_finish(flow, result);
    else if (result->kind == RESULT_REFUSED)
        again(flow);
    else if (own_of(flow)->clears_away)
        finish_absent(flow);
    else
        try(flow);
}

static void touched(struct flow *flow, const struct result *result)
{
    struct lease_terms terms = lease_terms_of(flow->route);
    struct lease_item item = lease_see(result->news->response, &terms);
    struct lease_told told;
    if (item.is_live) {
        flow_finish(flow, lease_tell(flow->turn, &flow->kept->r,
                                     lease_put_done(&flow->kept->r, NULL, NULL), NULL, &told));
        give_back(flow);
    } else {
        own_of(flow)->clears_away = true;
        clear(flow, item.v.cas, false);
    }
}

static bool is_own_answer(const struct request *r)
{
    unsigned shape = command_info(r->command_id)->shape;
    return shape == SHAPE_META || shape == SHAPE_META_STORE || r->command_id == COMMAND_REPLACE;
}

static void act_done(struct flow *flow, const struct result *result)
{
    const struct request *r = &flow->kept->r;
    struct lease_told told;
    if (result->kind == RESULT_REFUSED) {
        again(flow);
    } else if (result->kind == RESULT_MISS || !result->news) {
        if (lease_makes(r) && result->kind == RESULT_MISS)
            again(flow);
        else if (result->kind == RESULT_MISS)
            finish_absent(flow);
        else
            flow_finish(flow, result);
    } else if (result->kind != RESULT_HIT || is_own_answer(r)) {
        flow_finish(flow, result);
    } else if (r->command_id == COMMAND_TOUCH) {
        touched(flow, result);
    } else {
        uint8_t text[LEASE_DONE_ROOM];
        struct response done = lease_put_done(r, result->news->response, text);
        flow_finish(flow, lease_tell(flow->turn, r, done, NULL, &told));
    }
}

/* Who was to store the item has failed to: the next one is asked at once, and need not wait for the end of the placeholder. */
static void look_behind(struct flow *flow, const struct result *result)
{
    struct lease_terms terms = lease_terms_of(flow->route);
    if (result->kind != RESULT_HIT || !result->news) return;
    struct lease_item item = lease_see(result->news->response, &terms);
    if (item.is_made)
        clear(flow, item.v.cas, false);
    else if (item.sight == LEASE_WON || item.sight == LEASE_OLD)
        clear(flow, item.v.cas, true);
}

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    if (flow_is_finished(flow)) {
        if (place == LOOK && !flow->turn->is_ending) look_behind(flow, result);
        return;
    }
    switch (place) {
    case TRY: try_done(flow, result); break;
    case LOOK: look_done(flow, result); break;
    case CLEAR: clear_done(flow, result); break;
    default: act_done(flow, result); break;
    }
}

static void start(struct flow *flow)
{
    struct lease_terms terms = lease_terms_of(flow->route);
    enum lease_way way = lease_way_of(&flow->kept->r, &terms);
    *own_of(flow) = (struct own){.passes = way == LEASE_WAY_PASSES};
    if (way == LEASE_WAY_LOOKS)
        look(flow);
    else
        try(flow);
}

/* --- without a flow ------------------------------------------------------------------------------ */

static bool begin_direct(struct turn *t, struct generation *g, const struct route *route,
                         const struct request *r)
{
    struct lease_terms terms = lease_terms_of(route);
    enum lease_way way = lease_way_of(r, &terms);
    if (way == LEASE_WAY_LOOKS) return false;
    struct request longer = prolonged(t, route, r);
    struct direct *d =
        direct_create(t, g, route, r, way == LEASE_WAY_TRIES ? DIRECT_KEEPS_ALL : DIRECT_KEEPS_KEY);
    d->own[0] = way;
    direct_send(d, route->children[0], &longer);
    return true;
}

/* Of a store that fails no value is needed any more: its flow only looks. */
static void direct_done(struct direct *d, const struct result *result)
{
    bool passes = d->own[0] == LEASE_WAY_PASSES;
    bool goes_on =
        passes ? lease_has_failed(&d->kept.r, result) : lease_is_suspicious(&d->kept.r, result);
    if (d->turn->is_ending || !goes_on) {
        direct_finish(d, result);
        return;
    }
    struct flow *flow = direct_flow(d);
    *own_of(flow) = (struct own){.passes = passes};
    leg_result(&flow->legs[TRY], TRY, result);
}

static const struct direct_kind direct = {.begin = begin_direct, .done = direct_done};

/* For explain. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    struct lease_terms terms = lease_terms_of(route);
    enum lease_way kind = lease_way_of(r, &terms);
    const struct route *child = route->children[0];
    struct request sent = prolonged(w->e->turn, route, r), guarded;
    if (kind == LEASE_WAY_LOOKS) {
        lease_walk(w, route, r, LEASE_LOOKS, way);
        if (lease_guard(w->e->turn, &sent, &terms, 0, &guarded)) sent = guarded;
        way = lease_makes(r) || lease_deletes(r) ? walk_as(way, WALK_MAIN)
                                                 : walk_after(w, way, WALK_MAIN, RESULT_HIT, child);
        way.is_first = false;
    }
    unsigned known = walk_route(w, child, &sent, way);
    if (kind == LEASE_WAY_PASSES && lease_stores(r))
        lease_walk(w, route, r, LEASE_LOOKS,
                   walk_after(w, way, WALK_BACKGROUND, RESULT_ANY_ERROR, child));
    if (kind == LEASE_WAY_TRIES)
        lease_walk(w, route, r, LEASE_LOOKS,
                   walk_after(w, way, WALK_MAIN,
                              RESULT_REFUSED | (lease_counts(r) ? RESULT_CLIENT_ERROR : 0), child));
    return kind == LEASE_WAY_PASSES ? known : 0;
}

const struct flow_kind flow_lease_write = {.more_legs = MORE_LEGS,
                                           .own_size = sizeof(struct own),
                                           .start = start,
                                           .leg_done = leg_done,
                                           .direct = &direct,
                                           .walk = walk};
