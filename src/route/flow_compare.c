#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "backend/streamed.h"
#include "base/compared.h"
#include "protocol/flags.h"
#include "route/chooser.h"
#include "route/elsewhere.h"
#include "route/look.h"
#include "route/seen.h"
#include "route/send.h"

/* Compare: the first child, the old one, gets the request, and its answer is the client's, at once. The second child, the new one, is
 * asked in the background, and both answers are compared: a hit or a miss, the value's length and digest, flags, and lifetimes where
 * the client has asked for them. A cas is never compared.
 *
 * Two flows. The client's own asks both children at the same time, and is finished when the old one has answered. Where the answers
 * differ, a write may have come in between: a second flow, for which nobody waits, asks both again after a pause (`seconds`), and only
 * a difference that stays counts.
 *
 * Only requests that change nothing come here, and the new child gets them in a form that changes nothing and asks for no cas (I12):
 * gets becomes get; of mg's flags the ones stay that say what is asked for (b, v, f, t). An mg that finds a stale item takes its
 * recache win: of a win that the client does not see the right is handed back.
 *
 * A long value goes on to the client while it comes, as from a plain pool: then its digest is not known, and the second flow asks
 * both at once. There values are held until they are whole, as in any flow; none is kept.
 *
 * I6: `most_in_flight` reads wait for a comparison, in each worker; those above are left out, and counted. */

enum { OLD, NEW, SIDES };

struct route_state {
    struct board_comparison *counts; /* the board's; NULL: no request has come yet */
    char name[BOARD_NAME];
};

/* Of both kinds of flow. */
struct own {
    struct look looks[SIDES];
    unsigned won;      /* answers that took a win, a bit each; but for the client's own */
    bool is_compared;  /* else it is only passed on */
    bool is_over;      /* counted, or the second flow does it */
    bool is_handed_on; /* the second flow counts as waiting */
    bool is_second;    /* the answers differed at first */
};

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    assert(n == 1 && route->children_n == SIDES);
    snprintf(route->state->name, sizeof route->state->name, "%.*s", (int)words[0].len,
             words[0].text);
}

static struct board_comparison *counts_of(const struct flow *flow)
{
    struct route_state *state = flow->route->state;
    if (!state->counts)
        state->counts = board_comparison(&flow->turn->backends->part->tables, state->name);
    return state->counts;
}

/* --- the form of the request -------------------------------------------------------------------- */

/* For a child whose answer no client gets. flags: room for them. */
static void in_background(const struct request *r, struct request *to, char flags[8])
{
    static const char kept[] = "bvft";
    const uint8_t *token;
    size_t len, n = 0;
    assert(request_only_reads(r));
    *to = *r;
    to->shown_key_at = to->args_at = 0;
    to->shown_key_len = to->args_len = 0;
    to->multi = 0;
    to->meta &= META_BASE64;
    if (r->command_id != COMMAND_META_GET) {
        to->command_id = COMMAND_GET;
        return;
    }
    for (const char *letter = kept; *letter; letter++) {
        if (!request_find_flag(r, (uint8_t)*letter, &token, &len)) continue;
        if (n > 0) flags[n++] = ' ';
        flags[n++] = *letter;
    }
    to->args_at = (uintptr_t)flags;
    to->args_len = (uint16_t)n;
}

static bool have_come(const struct own *own)
{
    return own->looks[OLD].kind && own->looks[NEW].kind;
}

/* --- counting ----------------------------------------------------------------------------------- */

static uint64_t *cell_of(struct board_comparison *counts, unsigned kind)
{
    switch (kind) {
#define X(name, is_error)                                                                          \
    case COMPARED_##name: return &counts->name;
        COMPARED_KINDS(X)
#undef X
    default: return NULL;
    }
}

/* With the key as the client knows it. */
static void keep_sample(const struct flow *flow, unsigned kind)
{
    static const struct look none = {.ttl = COMPARED_NO_TTL};
    const struct own *own = flow->own;
    const struct request *r = &flow->kept->r;
    const struct look *old = &own->looks[OLD],
                      *new = own->looks[NEW].kind ? &own->looks[NEW] : &none;
    struct compared_sample s = {.at = ev_now(flow->turn->loop), .kind = (uint8_t)kind};
    bool is_shown = r->shown_key_at && r->shown_key_len <= COMPARED_KEY;
    s.key_len = (uint8_t)(is_shown ? r->shown_key_len : r->key_len);
    memcpy(s.key, (const void *)(is_shown ? r->shown_key_at : r->key_at), s.key_len);
    memcpy(s.name, counts_of(flow)->name, sizeof s.name);
    look_show(old, &s.old);
    look_show(new, &s.new);
    memcpy(s.text, look_is_error(old) ? old->text : new->text, sizeof s.text);
    if (!look_is_error(old) && !look_is_error(new)) s.text[0] = '\0';
    compared_add(&flow->turn->backends->part->compared, &s);
}

/* The outcome of a read whose answers have come, or whose old answer is an error. */
static void count(const struct flow *flow, unsigned kind)
{
    struct own *own = flow->own;
    struct board_comparison *counts = counts_of(flow);
    assert(!own->is_over);
    own->is_over = true;
    if (kind != COMPARED_KIND_COUNT) {
        ++*cell_of(counts, kind);
        keep_sample(flow, kind);
    } else if (own->is_second) {
        counts->settled++;
    } else if (own->looks[OLD].kind == RESULT_HIT) {
        counts->equal_hits++;
    } else {
        counts->equal_misses++;
    }
}

static bool is_difference(unsigned kind)
{
    return kind != COMPARED_KIND_COUNT && kind != COMPARED_old_errors &&
           kind != COMPARED_new_errors;
}

/* The flow has ended: one less that waits, unless another flow goes on with it. */
static void release(struct flow *flow)
{
    const struct own *own = flow->own;
    if (own->is_compared && !own->is_handed_on) counts_of(flow)->waiting--;
}

/* --- the second flow ---------------------------------------------------------------------------- */

static void ask_both(struct flow *flow)
{
    struct own *own = flow->own;
    own->looks[OLD].kind = own->looks[NEW].kind = 0;
    for (uint32_t side = 0; side < SIDES; side++)
        flow_leg(flow, side, flow->route->children[side], &flow->kept->r);
}

/* Wins are handed back when nothing more is asked. */
static void again_done(struct flow *flow, uint32_t place, const struct result *result)
{
    struct own *own = flow->own;
    if (flow->legs[place].hands_back) return; /* the answer to what handed a win back */
    if (flow->turn->is_ending) {
        flow_finish(flow, result);
        return;
    }
    own->won |= (unsigned)elsewhere_has_won(flow, place, result) << place;
    look_take(&own->looks[place], flow->turn, flow->route->children[place], result);
    if (!have_come(own)) return;
    unsigned kind = looks_judge(&own->looks[OLD], &own->looks[NEW]);
    double pause = flow->route->options.seconds;
    if (is_difference(kind) && !own->is_second && pause > 0) {
        own->is_second = true;
        flow_alarm(flow, pause);
        return;
    }
    count(flow, kind);
    flow_finish(flow, result);
    for (uint32_t side = 0; side < SIDES; side++)
        if (own->won >> side & 1) elsewhere_hand_back(flow, side);
}

static void dropped(void *owner, uint32_t place, const struct result *result)
{
    (void)owner;
    (void)place;
    (void)result;
}

static const struct flow_kind again = {
    .own_size = sizeof(struct own), .leg_done = again_done, .alarm = ask_both, .release = release};

/* Goes on with what the client's flow has begun. pause 0: at once, and what both have counts as the first look. */
static void look_again(struct flow *flow, double pause)
{
    struct own *own = flow->own;
    struct request r;
    char flags[8];
    in_background(&flow->kept->r, &r, flags);
    r.shown_key_at = flow->kept->r.shown_key_at; /* for the sample */
    r.shown_key_len = flow->kept->r.shown_key_len;
    struct flow *next = flow_create(flow->turn, flow->generation, flow->route, &again,
                                    kept_create(&r), (struct flow_end){.on_result = dropped});
    struct own *other = next->own;
    *other = (struct own){.is_compared = true, .is_second = pause > 0};
    own->is_over = own->is_handed_on = true;
    flow_enter(next);
    if (pause > 0)
        flow_alarm(next, pause);
    else
        ask_both(next);
    flow_leave(next);
}

/* --- the client's flow -------------------------------------------------------------------------- */

/* I2: only a request whose own end gets the result may have a long value passed on: below another policy, and in a function that
 * waits, the end is a leg, whatever receiver the request came with. */
static bool is_own_end(const struct flow *flow)
{
    const struct request *r = &flow->kept->r;
    const struct receiver *receiver = receiver_of(r);
    return receiver && flow->end.on_result == receiver->on_result &&
           flow->end.owner == (void *)r->owner;
}

static bool may_stream(const struct flow *flow)
{
    return is_own_end(flow) && receiver_of(&flow->kept->r)->takes_streamed;
}

/* Events of the call to the old child, where that is a pool: a long value is passed on. */
static void on_news(void *owner, const struct call_news *news)
{
    struct leg *leg = owner;
    struct flow *flow = leg->flow;
    struct own *own = flow->own;
    const struct receiver *receiver = receiver_of(&flow->kept->r);
    if (news->event == CALL_BEGUN || news->event == CALL_DATA) {
        assert(is_own_end(flow));
        receiver->on_news(flow->end.owner, news);
        if (news->event == CALL_BEGUN) own->looks[OLD].is_long = news->streamed->is_taken;
        return;
    }
    struct result result = result_from_news(news);
    leg_result(leg, OLD, &result);
}

/* No miss can be told to a client that has a part of the value. */
static void on_news_or_miss(void *owner, const struct call_news *news)
{
    static const struct result miss = {.kind = RESULT_MISS};
    struct leg *leg = owner;
    const struct own *own = leg->flow->own;
    if (news->event == CALL_FAILED && !own->looks[OLD].is_long)
        leg_result(leg, OLD, &miss);
    else
        on_news(owner, news);
}

static void ask_old(struct flow *flow)
{
    struct turn *t = flow->turn;
    const struct route *child = flow->route->children[OLD];
    struct request r = flow->kept->r;
    struct leg *leg = flow_take_leg(flow, OLD);
    if (route_is_chooser(child)) child = route_follow(t, child, &r);
    if (child->kind != ROUTE_POOL) {
        leg_run(leg, child, child == flow->route->children[OLD] ? &flow->kept->r : &r);
        return;
    }
    if (t->seen) seen_for(t, flow->end);
    (void)send_to_pool(t, child->pool, &r, on_news, on_news_or_miss, leg, may_stream(flow));
}

static void ask_new(struct flow *flow)
{
    struct request r;
    char flags[8];
    in_background(&flow->kept->r, &r, flags);
    flow_leg(flow, NEW, flow->route->children[NEW], &r);
}

/* An error of the old child says all: the new one is not asked. */
static void start(struct flow *flow)
{
    struct own *own = flow->own;
    struct board_comparison *counts = counts_of(flow);
    memset(own, 0, sizeof *own);
    own->is_compared = counts->waiting < flow->route->options.most_in_flight;
    if (own->is_compared) {
        counts->requests++;
        counts->waiting++;
    } else {
        counts->left_out++;
    }
    ask_old(flow);
    if (own->is_compared && !own->is_over && !flow->turn->is_ending) ask_new(flow);
}

/* Both answers have come. */
static void conclude(struct flow *flow)
{
    const struct own *own = flow->own;
    double pause = flow->route->options.seconds;
    unsigned kind = looks_judge(&own->looks[OLD], &own->looks[NEW]);
    if (own->looks[OLD].is_long && !look_is_error(&own->looks[NEW]))
        look_again(flow, 0);
    else if (is_difference(kind) && pause > 0)
        look_again(flow, pause);
    else
        count(flow, kind);
}

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    struct own *own = flow->own;
    if (flow->legs[place].hands_back) return;
    if (!own->is_compared || flow->turn->is_ending) {
        flow_finish(flow, result);
        return;
    }
    look_take(&own->looks[place], flow->turn, flow->route->children[place], result);
    if (place == NEW) {
        own->won |= elsewhere_has_won(flow, place, result);
        if (!look_is_error(&own->looks[NEW]))
            latency_note(&counts_of(flow)->latency, flow->turn->now - flow->began);
    } else {
        flow_finish(flow, result);
        if (look_is_error(&own->looks[OLD])) count(flow, COMPARED_old_errors);
    }
    if (!own->is_over && have_come(own)) conclude(flow);
    if (own->won && flow_is_finished(flow)) {
        own->won = 0;
        elsewhere_hand_back(flow, NEW);
    }
}

static bool is_same(const struct request *a, const struct request *b)
{
    return a->command_id == b->command_id && a->args_len == b->args_len &&
           (!a->args_len ||
            memcmp((const void *)a->args_at, (const void *)b->args_at, a->args_len) == 0);
}

/* For explain. The old child is asked again in words of another form, or as before: then it is shown once. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    struct request other;
    char flags[8];
    unsigned known = walk_route(w, route->children[OLD], r, way);
    if (!request_only_reads(r)) return known;
    in_background(r, &other, flags);
    way.is_first = false;
    struct walk_way behind =
        walk_on(w, way, WALK_BACKGROUND, "to compare its answer with that of %s",
                walk_name(route->children[OLD]));
    (void)walk_route(w, route->children[NEW], &other, behind);
    walk_hand_back(w, route->children[NEW], &other, behind);
    way = walk_on(w, way, WALK_BACKGROUND, "again, when the answers differ");
    if (is_same(&other, r))
        walk_aftermath(w, route->children[OLD], &other, way);
    else
        (void)walk_route(w, route->children[OLD], &other, way);
    walk_hand_back(w, route->children[OLD], &other, way);
    return known;
}

const struct flow_kind flow_compare = {.own_size = sizeof(struct own),
                                       .state_size = sizeof(struct route_state),
                                       .build = build,
                                       .start = start,
                                       .leg_done = leg_done,
                                       .release = release,
                                       .walk = walk};
