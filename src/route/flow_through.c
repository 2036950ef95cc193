#include "backend/written.h"
#include "route/flow.h"

/* Through: a set goes to the source first. Where that has stored it, the cache gets it as well, as a copy: marked with the writes since
 * the request began, of which one is its own (base/writes.c says why). Where it has not, the cache forgets the key. The source's result
 * is the flow's, once the cache has answered. */
enum { SOURCE, COPY, FORGET };

struct own {
    writes_pair pair;
    uint64_t sends; /* the mark of the writes of its key when it began */
};

static void leg(struct flow *flow, uint32_t child, const struct request *r)
{
    flow_leg(flow, child, flow->route->children[child], r);
}

static void start(struct flow *flow)
{
    struct own *own = flow->own;
    own->pair = written_pair(&flow->kept->r);
    own->sends = sends_mark(&flow->turn->backends->writer, own->pair, flow->turn->now);
    leg(flow, SOURCE, &flow->kept->r);
}

static void copy(struct flow *flow)
{
    const struct own *own = flow->own;
    struct request r = flow->kept->r;
    r.fill = (own->sends + sends_of_one(own->pair)) << FILL_BITS | FILL_SENDS;
    leg(flow, COPY, &r);
}

static void leg_done(struct flow *flow, uint32_t place, const struct result *result)
{
    struct request forget;
    if (place != SOURCE) {
        flow_finish_best(flow);
        return;
    }
    flow_keep_best(flow, result);
    if (result->kind == RESULT_HIT) {
        copy(flow);
    } else {
        written_forget(&flow->kept->r, &forget);
        leg(flow, FORGET, &forget);
    }
}

/* For explain. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    struct request forget;
    const struct route *source = route->children[SOURCE];
    unsigned known = walk_route(w, source, r, way);
    written_forget(r, &forget);
    if (!known || known & RESULT_HIT)
        (void)walk_route(w, route->children[COPY], r,
                         known ? way : walk_after(w, way, WALK_ALSO, RESULT_HIT, source));
    if (!known || !(known & RESULT_HIT))
        (void)walk_route(w, route->children[FORGET], &forget,
                         known ? way : walk_after(w, way, WALK_ALSO, RESULT_ANY_ERROR, source));
    return known;
}

const struct flow_kind flow_through = {
    .own_size = sizeof(struct own), .start = start, .leg_done = leg_done, .walk = walk};
