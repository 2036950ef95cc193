#include "convert/mcrouter.h"

/* Shadows: some servers of a pool, or some children of ShadowRoute, have their requests copied to another route. In mcrouter a shadow
 * without index_range is of no server, and one without key_fraction_range of no key.
 *
 * Sources: mcrouter/routes/ShadowRoute-inl.h 55-160, ShadowSettings.cpp 26-95, ShadowSettings.h 105-190, as of 2026-08. */

enum { KEY_MOST = 250 };

struct shadow {
    struct mc_route target;
    int64_t from, to;             /* servers: the second is not among them */
    double least, most;           /* shares of the keys */
    double share;                 /* of the requests */
    const struct tree_node *keys; /* or a list of keys */
};

/* What is wrong with settings of a shadow is no error in mcrouter, which leaves that shadow out. False: it is left out. */
static bool read_range(struct mc *m, const struct tree_node *node, const char *name, double most,
                       double to[2])
{
    const struct tree_node *range = tree_get(node, name);
    if (!range) return true;
    bool is_pair = range->kind == TREE_LIST && range->n == 2 && mc_is_number(range->items[0]) &&
                   mc_is_number(range->items[1]);
    for (int i = 0; is_pair && i < 2; i++) to[i] = mc_real(range->items[i]);
    if (is_pair && to[0] >= 0 && to[0] <= to[1] && to[1] <= most) return true;
    mc_note(m, range, "this shadow copies nothing: '%s' is no [from, to] from 0 to %g", name, most);
    return false;
}

static bool read_keys(struct mc *m, const struct tree_node *node, struct shadow *to)
{
    const struct tree_node *keys = tree_get(node, "keys_to_shadow");
    bool is_list = keys && keys->kind == TREE_LIST;
    if (!keys || (is_list && keys->n == 0)) return true;
    for (uint32_t i = 0; is_list && i < keys->n; i++) is_list = keys->items[i]->kind == TREE_STRING;
    to->keys = keys;
    if (is_list && !tree_get(node, "index_range") && !tree_get(node, "key_fraction_range"))
        return true;
    mc_note(
        m, keys,
        "this shadow copies nothing: 'keys_to_shadow' is no list of strings, or stands beside a "
        "range");
    return false;
}

/* Whether the shadow counts. */
static bool read_settings(struct mc *m, const struct tree_node *node, struct shadow *to)
{
    const struct tree_node *share = tree_get(node, "requests_fraction");
    double servers[2] = {0, 0}, keys[2] = {0, 0};
    *to = (struct shadow){.share = 1};
    if (!read_range(m, node, "index_range", 1e6, servers) ||
        !read_range(m, node, "key_fraction_range", 1, keys) || !read_keys(m, node, to))
        return false;
    to->from = (int64_t)servers[0];
    to->to = (int64_t)servers[1];
    to->least = keys[0];
    to->most = keys[1];
    if (mc_is_number(share)) to->share = mc_real(share);
    to->share = to->share < 0 ? 0 : to->share > 1 ? 1 : to->share;
    return true;
}

/* A route over `route` that copies what the shadow asks for. `servers`: the pool's servers that count; NULL: all requests. `pool`: that
 * pool, where the route is another one; else NULL. */
static struct mc_route over(struct mc *m, struct mc_route route, const struct shadow *s,
                            const char *servers, const char *pool)
{
    struct mc_call c = mc_call(m, "mg.shadow");
    mc_child(&c, route);
    mc_option(&c, "to", s->target);
    if (s->least > 0 || (s->most < 1 && !s->keys))
        mc_item(&c, "keys = { %s, %s }", mc_number(m, s->least), mc_number(m, s->most));
    if (s->share < 1 || (!servers && c.n == 2)) mc_item(&c, "share = %s", mc_number(m, s->share));
    if (servers) mc_item(&c, "index_range = %s", servers);
    if (servers && pool) mc_item(&c, "pool = %s", pool);
    return mc_done(&c);
}

/* For certain keys: the function looks into a table. */
static struct mc_route for_keys(struct mc *m, struct mc_route route, const struct shadow *s)
{
    struct mc_call keys = mc_call(m, "");
    route = mc_once(m, route);
    struct mc_route copied = mc_once(m, over(m, route, s, NULL, NULL));
    for (uint32_t i = 0; i < s->keys->n; i++)
        if (s->keys->items[i]->text.len <= KEY_MOST)
            mc_item(&keys, "[%s] = true", mc_quoted(m, s->keys->items[i]->text));
    fprintf(m->routes, "routes[%u] = %s\n", ++m->routes_n, mc_done(&keys).text);
    m->has_routes = true;
    copied.text = mc_text(m,
                          "function(req)\n"
                          "    if routes[%u][req.key] then return %s end\n"
                          "    return %s\n"
                          "end",
                          m->routes_n, copied.text, route.text);
    return copied;
}

static bool is_empty(const struct shadow *s, int64_t n)
{
    bool no_server = s->from >= s->to || s->from >= n;
    return s->share <= 0 || (!s->keys && (no_server || s->most <= s->least));
}

/* The next of the shadows, if it copies anything of n servers. False: refused. */
static bool next_shadow(struct mc *m, const struct tree_node *node, uint32_t n, struct shadow *to,
                        bool *copies)
{
    *copies = false;
    if (node->kind != TREE_OBJECT || !tree_get(node, "target")) {
        mc_note(m, node, "a shadow that is no object with a target copies nothing");
        return true;
    }
    if (!mc_check_options(m, node, "a shadow",
                          "target index_range key_fraction_range keys_to_shadow requests_fraction "
                          "~key_fraction_range_rv ~index_range_rv ~validate_replies"))
        return false;
    if (!read_settings(m, node, to)) return true;
    *copies = !is_empty(to, n);
    if (!*copies)
        mc_note(m, node, "this shadow copies nothing: it wants index_range and key_fraction_range");
    if (!*copies || mc_make_option(m, node, "a shadow", "target", &to->target)) return true;
    mc_note(m, node, "this shadow copies nothing: %s", m->out->error);
    *m->out->error = 0;
    *copies = false;
    return true;
}

static bool shadows_of(struct mc *m, const struct tree_node *node, const struct tree_node **to)
{
    *to = tree_get(node, "shadows");
    if (*to && (*to)->kind == TREE_LIST) return true;
    if (*to) mc_note(m, *to, "'shadows' is no list, and copies nothing");
    return false;
}

/* Wraps those of the routes that each shadow is of. */
static bool wrap(struct mc *m, const struct tree_node *shadows, struct mc_list *list)
{
    for (uint32_t i = 0; i < shadows->n; i++) {
        struct shadow s;
        bool copies;
        if (!next_shadow(m, shadows->items[i], list->n, &s, &copies)) return false;
        for (uint32_t j = 0; copies && j < list->n; j++) {
            if (s.keys)
                list->items[j] = for_keys(m, list->items[j], &s);
            else if (j >= s.from && j < s.to)
                list->items[j] = over(m, list->items[j], &s, NULL, NULL);
        }
    }
    return true;
}

/* A pool as it is, in mg.shadow. *fits: false: some shadow is of some servers, and mg.shadow does not see them. */
static bool wrap_pool(struct mc *m, const struct tree_node *shadows, const struct mc_pool *p,
                      struct mc_route *route, bool *fits)
{
    uint32_t n = p->servers->n;
    for (uint32_t i = 0; i < shadows->n && *fits; i++) {
        struct shadow s;
        bool copies;
        if (!next_shadow(m, shadows->items[i], n, &s, &copies)) return false;
        if (!copies) continue;
        bool all = s.keys || (s.from == 0 && s.to >= n);
        const char *servers = mc_text(m, "{ %lld, %lld }", (long long)s.from, (long long)s.to);
        bool keeps = route->text == p->spooled;
        *fits = all || keeps || route->text == p->route;
        *route = s.keys ? for_keys(m, *route, &s)
                        : over(m, *route, &s, all ? NULL : servers, keeps ? p->route : NULL);
    }
    return true;
}

bool mc_shadow_pool(struct mc *m, const struct tree_node *node, struct mc_pool *p,
                    const struct mc_hash *hash, bool keeps, struct mc_route *route)
{
    const struct tree_node *shadows;
    struct mc_list list = {0};
    bool fits = true;
    if (!shadows_of(m, node, &shadows) || p->servers->n == 0) return true;
    if (!wrap_pool(m, shadows, p, route, &fits)) return false;
    if (fits) return true;
    mc_pool_servers(m, p, &list);
    for (uint32_t i = 0; keeps && i < list.n; i++) list.items[i] = mc_keeping(m, p, list.items[i]);
    if (!wrap(m, shadows, &list)) return false;
    *route = list.items[0];
    return list.n == 1 || mc_spread(m, hash, node, &list, route);
}

bool mc_shadow_route(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    const struct tree_node *children = mc_want(m, node, "ShadowRoute", "children"), *shadows;
    if (!children || !mc_make_list(m, children, to)) return false;
    return !shadows_of(m, node, &shadows) || wrap(m, shadows, to);
}
