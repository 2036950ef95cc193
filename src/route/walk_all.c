/* For explain: where a request goes through ROUTE_ALL. flow_all.c says what happens, and why. */
#include "route/all.h"

#include <assert.h>

#include "route/explain.h"
#include "route/flow.h"

/* At once: what the answer of a child means. */
static enum walk_role role_of(const struct route *route, uint32_t child)
{
    switch (route->options.wait) {
    case WAIT_NONE: return WALK_BACKGROUND;
    case WAIT_INITIAL: return child == 0 ? WALK_MAIN : WALK_BACKGROUND;
    case WAIT_HIT: return WALK_MAIN;
    default: return child == 0 ? WALK_MAIN : WALK_ALSO;
    }
}

static unsigned walk_at_once(struct walk *w, const struct route *route, const struct request *r,
                             struct walk_way way)
{
    unsigned known = 0;
    for (uint32_t i = 0; i < route->children_n; i++) {
        unsigned one = walk_route(w, route->children[i], r, walk_as(way, role_of(route, i)));
        way.is_first = false;
        if (i == 0 && (route->children_n == 1 || route->options.wait == WAIT_INITIAL)) known = one;
    }
    for (uint32_t i = 0; i < route->children_n; i++) walk_hand_back(w, route->children[i], r, way);
    return route->options.wait == WAIT_NONE ? RESULT_MISS : known;
}

/* The children from `first` on get what is for copies; false: there is none. */
static bool walk_copies(struct walk *w, const struct route *route, const struct request *r,
                        uint32_t first, struct walk_way way)
{
    struct request copy;
    uint8_t *args = arena_alloc(w->e->arena, (size_t)r->args_len + PLACE_ARGS_LEAST);
    if (!request_for_copies(r, &copy, args)) return false;
    for (uint32_t i = first; i < route->children_n; i++)
        (void)walk_route(w, route->children[i], &copy, way);
    return true;
}

/* The role of a copy whose result counts, or does not. */
static enum walk_role role_of_copies(const struct route *route, const struct request *r)
{
    bool counts = request_place(r) & PLACE_COMPARES && r->command_id != COMMAND_META_GET &&
                  all_copies_count(route);
    return counts ? WALK_ALSO : WALK_BACKGROUND;
}

/* An mg that makes, where another child may have the item. */
static const struct request *form_for(struct walk *w, const struct route *route,
                                      const struct request *r, uint32_t child,
                                      struct request *looks)
{
    bool is_looking = request_place(r) & PLACE_MAKES && route->options.wait == WAIT_HIT &&
                      child + 1 < route->children_n;
    if (!is_looking) return r;
    request_without_making(r, looks, arena_alloc(w->e->arena, (size_t)r->args_len + 1));
    return looks;
}

/* After which results of a child the next one gets the request. */
static unsigned goes_on_after(const struct route *route, const struct request *r)
{
    if (request_place(r) & PLACE_COMPARES) return 0;
    switch (route->options.wait) {
    case WAIT_HIT: return RESULT_MISS | RESULT_REFUSED | RESULT_ANY_ERROR;
    case WAIT_FASTEST: return RESULT_ANY_ERROR;
    default: return 0;
    }
}

static unsigned walk_led(struct walk *w, const struct route *route, const struct request *r,
                         struct walk_way way)
{
    unsigned on = goes_on_after(route, r);
    enum walk_role role = on & RESULT_MISS ? WALK_ON_MISS : WALK_INSTEAD;
    struct walk_way next = way;
    for (uint32_t i = 0; i < route->children_n && (i == 0 || on); i++) {
        struct request looks;
        const struct route *child = route->children[i];
        unsigned known = walk_route(w, child, form_for(w, route, r, i, &looks), next);
        bool may_hit = !known || known == RESULT_HIT;
        if (may_hit && i + 1 < route->children_n)
            (void)walk_copies(w, route, r, i + 1,
                              walk_after(w, next, role_of_copies(route, r), RESULT_HIT, child));
        if (known && !(known & on)) return i == 0 ? known : 0;
        if (!known) next = walk_after(w, way, role, on ? on : RESULT_HIT, child);
    }
    return 0;
}

unsigned walk_all(struct walk *w, const struct route *route, const struct request *r,
                  struct walk_way way)
{
    unsigned place = request_place(r);
    bool is_none = route->options.wait == WAIT_NONE;
    assert(route->children_n > 0);
    if (!place || !all_is_led(r, place)) return walk_at_once(w, route, r, way);
    if (is_none) way = walk_as(way, WALK_BACKGROUND);
    if (is_none && !(place & PLACE_COMPARES))
        (void)walk_copies(w, route, r, 0, way);
    else
        (void)walk_led(w, route, r, way);
    return is_none ? RESULT_MISS : 0;
}
