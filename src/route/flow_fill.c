#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "backend/written.h"
#include "placement/hash.h"
#include "protocol/flags.h"
#include "protocol/value.h"
#include "route/flow.h"

/* Fill: the child gets a copy of what was read elsewhere, unless its key was written since then. If the key is written while
 * the copy is on its way, the copy is taken back (base/writes.c says why). r->fill is the mark from when the read began. By
 * command:
 *
 *   add, ms that adds   sent, if no write came in between; taken back, if one comes before the answer does
 *   set and all others  the same; but if a write came in between, what the child has is taken back, since it is older still
 *   delete              sent. Without a mark it is not a copy: it counts as a write
 *
 * Taking back: a cache (near) just deletes the key. Where the child is the place that writes go to, a newer value must not be
 * lost: the flow looks at the item, and deletes it only if it is the copy, by its cas. Where that fails, reads of the slot are
 * in doubt for `seconds`: their hits may be the copy. */

/* Seconds that a copy may be on its way. */
static const double WAY_MOST = 0.5;

enum { PUT, LOOK, TAKE_BACK, MORE_LEGS = 2 };

struct own {
    writes_pair pair, copies;
    uint64_t hash; /* of the value, where the copy may have to be known again */
};

static const struct writer *writer_of(const struct flow *flow)
{
    return &flow->turn->backends->writer;
}

static void leg(struct flow *flow, uint32_t place, const struct request *r)
{
    flow_leg(flow, place, flow->route->children[0], r);
}

/* A request about the same key, without a value. flags: of a meta command, as text; they live as long as the request. */
static struct request about_key(const struct flow *flow, enum command command, const char *flags)
{
    const struct request *r = &flow->kept->r;
    return (struct request){.key_at = r->key_at,
                            .key_len = r->key_len,
                            .shown_key_at = r->shown_key_at,
                            .shown_key_len = r->shown_key_len,
                            .command_id = (uint8_t)command,
                            .meta = r->meta & META_BASE64,
                            .args_at = (uintptr_t)flags,
                            .args_len = (uint16_t)strlen(flags),
                            .affinity = r->affinity,
                            .depth = r->depth,
                            .fill = r->fill};
}

static bool is_base64(const struct flow *flow)
{
    return flow->kept->r.meta & META_BASE64;
}

/* Whatever the child has under the key. */
static void take_out(struct flow *flow)
{
    struct request r;
    written_forget(&flow->kept->r, &r);
    leg(flow, TAKE_BACK, &r);
}

/* With the cas: so that a value that comes after this look is not deleted in the copy's place. */
static void look(struct flow *flow)
{
    struct request r = about_key(flow, COMMAND_META_GET, is_base64(flow) ? "b v f c" : "v f c");
    leg(flow, LOOK, &r);
}

static void take_back(struct flow *flow)
{
    if (flow->route->options.near)
        take_out(flow);
    else
        look(flow);
}

/* The copy could not be taken back. */
static void stays(struct flow *flow)
{
    const struct own *own = flow->own;
    copies_doubt(writer_of(flow), own->copies, flow->turn->now + flow->route->options.seconds);
}

/* Whether what the child has is older than what r would have made of it: not where r adds, as it then has nothing. */
static bool leaves_older(const struct flow *flow)
{
    const struct request *r = &flow->kept->r;
    const uint8_t *mode;
    size_t len;
    if (r->command_id != COMMAND_META_SET) return r->command_id != COMMAND_ADD;
    return !request_find_flag(r, 'M', &mode, &len) || len != 1 || (*mode | 0x20) != 'e';
}

/* No write has begun or ended since the read began, but for those that the fill itself is a part of. */
static bool may_begin(const struct flow *flow)
{
    const struct own *own = flow->own;
    const struct writer *w = writer_of(flow);
    uint64_t fill = flow->kept->r.fill, mark = fill >> FILL_BITS;
    double now = flow->turn->now;
    return fill & FILL_SENDS ? sends_allow(w, own->pair, mark, now)
                             : writes_allow(w, own->pair, mark, fill & FILL_PLANS, now);
}

/* Nothing was written, and the copy came in time. */
static bool is_good(const struct flow *flow)
{
    const struct own *own = flow->own;
    const struct writer *w = writer_of(flow);
    uint64_t fill = flow->kept->r.fill;
    double now = flow->turn->now;
    uint64_t mark =
        fill & FILL_SENDS ? sends_mark(w, own->pair, now) : writes_mark(w, own->pair, now);
    return now - flow->began <= WAY_MOST && mark == fill >> FILL_BITS;
}

/* A slow child holds no memory beyond what its connection does. */
static void put(struct flow *flow)
{
    const struct request *r = &flow->kept->r;
    struct own *own = flow->own;
    if (!flow->route->options.near && r->value_at)
        own->hash = hash_bytes64(HASH_XXH3, (const void *)r->value_at, r->value_len, 0);
    leg(flow, PUT, r);
    kept_drop_value(flow->kept);
}

/* From here until release, copies of the slot count as being on their way, for every worker. */
static void start(struct flow *flow)
{
    static const struct result miss = {.kind = RESULT_MISS};
    const struct request *r = &flow->kept->r;
    struct own *own = flow->own;
    assert(flow->legs_n == TAKE_BACK + 1);
    own->pair = written_pair(r);
    own->copies = copies_pair(own->pair, flow->route->options.place);
    own->hash = 0;
    copies_begin(writer_of(flow), own->copies);
    if (!r->fill || may_begin(flow))
        put(flow);
    else if (leaves_older(flow))
        take_back(flow);
    else
        flow_finish(flow, &miss);
}

/* A delete or a copy has ended. A copy without an answer may still arrive at the server: the caller does not wait for that, but
 * the copy is taken back. */
static void put_done(struct flow *flow, const struct result *result)
{
    bool is_error = result->kind & RESULT_ANY_ERROR;
    bool is_unsent = result->kind & (RESULT_DOWN | RESULT_BUSY);
    if (!flow->kept->r.fill) {
        if (is_error) stays(flow);
        flow_finish(flow, result);
    } else if (is_unsent || (!is_error && is_good(flow))) {
        if (is_unsent && leaves_older(flow)) stays(flow);
        flow_finish(flow, result);
    } else {
        if (is_error) flow_finish(flow, result);
        take_back(flow);
    }
}

/* Some servers keep 32 bits of what a client calls flags. */
static bool are_flags_of(uint64_t flags, const struct request *r)
{
    return flags == r->client_flags || flags == (uint32_t)r->client_flags;
}

/* Whether the child's value is the copy: the value itself is gone by now, so its hash and length stand for it. */
static bool is_the_copy(const struct flow *flow, const struct response_value *v)
{
    const struct request *r = &flow->kept->r;
    const struct own *own = flow->own;
    return v->at && v->len == r->value_len && are_flags_of(v->flags, r) &&
           hash_bytes64(HASH_XXH3, v->at, v->len, 0) == own->hash;
}

/* Something else is there: a newer value, or nothing; either is better than the copy. Where the child did not answer, it may
 * have it. */
static void look_done(struct flow *flow, const struct result *result)
{
    static const struct result miss = {.kind = RESULT_MISS};
    struct response_value v = {0};
    char flags[32];
    if (result->kind & RESULT_ANY_ERROR) stays(flow);
    if (result->kind == RESULT_HIT && result->news) v = response_read(result->news->response);
    if (!is_the_copy(flow, &v)) {
        flow_finish(flow, &miss);
        return;
    }
    snprintf(flags, sizeof flags, "%sC%llu", is_base64(flow) ? "b " : "",
             (unsigned long long)v.cas);
    struct request r = about_key(flow, COMMAND_META_DELETE, flags);
    leg(flow, TAKE_BACK, &r);
}

/* When moongate ends nothing can be taken back any more, so the slot stays in doubt for the other workers. */
static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    static const struct result miss = {.kind = RESULT_MISS};
    if (flow->turn->is_ending) {
        stays(flow);
        flow_finish(flow, result);
        return;
    }
    switch (place) {
    case PUT: put_done(flow, result); return;
    case LOOK: look_done(flow, result); return;
    default:
        if (result->kind & RESULT_ANY_ERROR) stays(flow);
        flow_finish(flow, &miss);
    }
}

static void release(struct flow *flow)
{
    const struct own *own = flow->own;
    copies_end(writer_of(flow), own->copies);
}

/* For explain. A copy may be taken back, which takes other commands: they are shown where they go to other servers. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    const struct route *child = route->children[0];
    bool is_near = route->options.near;
    struct request look = *r, take = *r;
    unsigned known = walk_route(w, child, r, way);
    way =
        walk_on(w, way, WALK_BACKGROUND, "to take back a copy when the key was written meanwhile");
    look.command_id = COMMAND_META_GET;
    look.args_at = (uintptr_t) "v f c";
    look.args_len = 5;
    take.command_id = is_near ? COMMAND_DELETE : COMMAND_META_DELETE;
    take.args_len = 0;
    look.meta = take.meta = 0;
    look.value_at = take.value_at = 0;
    look.value_len = take.value_len = 0;
    if (!is_near) walk_aftermath(w, child, &look, way);
    walk_aftermath(w, child, &take, way);
    return known;
}

const struct flow_kind flow_fill = {.more_legs = MORE_LEGS,
                                    .own_size = sizeof(struct own),
                                    .start = start,
                                    .leg_done = leg_done,
                                    .release = release,
                                    .walk = walk};
