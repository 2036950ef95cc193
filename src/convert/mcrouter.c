#include "convert/mcrouter.h"

#include <string.h>

/* mcrouter's configuration as a script: the reader. mcrouter_pools.c has its pools, mcrouter_handles.c the table of its route
 * handles; src/convert/README.md says what each is turned into.
 *
 * Sources: mcrouter/ProxyConfig-inl.h 25-110 (named_handles, route, routes), ProxyConfigBuilder.cpp 55-75, as of 2026-08. */

/* As lua/moongate/routes/by_route_prefix.lua says. */
enum { PREFIX_MOST = 200, ROUTES_MOST = 62 };

static const char root_options[] =
    "pools route routes named_handles macros ~routing_options ~stats_enabled_pools";

/* Two names without stars between three slashes. */
static bool is_prefix(struct tree_text text)
{
    const char *middle;
    if (text.len < 5 || text.len > PREFIX_MOST || memchr(text.bytes, '*', text.len)) return false;
    if (text.bytes[0] != '/' || text.bytes[text.len - 1] != '/') return false;
    for (size_t i = 0; i < text.len; i++) /* what no key can have */
        if ((unsigned char)text.bytes[i] <= ' ' || text.bytes[i] == 0x7f) return false;
    middle = memchr(text.bytes + 1, '/', text.len - 2);
    if (!middle || middle == text.bytes + 1 || middle == text.bytes + text.len - 2) return false;
    return !memchr(middle + 1, '/', (size_t)(text.bytes + text.len - 1 - (middle + 1)));
}

/* -R as it counts: with its slashes. */
static bool default_prefix(struct mc *m, struct tree_text *to)
{
    const char *given = m->flags->route_prefix;
    if (!given || !*given) given = "/././";
    const char *first = *given == '/' ? "" : "/";
    const char *last = *given && given[strlen(given) - 1] == '/' ? "" : "/";
    *to = mc_str(mc_text(m, "%s%s%s", first, given, last));
    return is_prefix(*to) ||
           mc_fail(m, NULL, "the route prefix '%s' is no /region/cluster/: write one", given);
}

/* --- routes ------------------------------------------------------------------------------------------------ */

struct alias {
    struct tree_text prefix;
    struct mc_route route;
};

struct aliases {
    struct alias *items;
    uint32_t n, room;
};

static bool is_same(struct tree_text a, struct tree_text b)
{
    return a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

/* The last route of a prefix counts. */
static bool add_alias(struct mc *m, struct aliases *to, const struct tree_node *at,
                      struct tree_text prefix, struct mc_route route)
{
    if (!is_prefix(prefix))
        return mc_fail(m, at, "the alias '%s' is no /region/cluster/: write one", prefix.bytes);
    for (uint32_t i = 0; i < to->n; i++) {
        if (!is_same(to->items[i].prefix, prefix)) continue;
        to->items[i].route = route;
        return true;
    }
    if (to->n == to->room) {
        uint32_t room = to->room ? 2 * to->room : 4;
        struct alias *items = mc_alloc(m, room * sizeof *items);
        if (to->n) memcpy(items, to->items, to->n * sizeof *items);
        to->items = items;
        to->room = room;
    }
    to->items[to->n++] = (struct alias){prefix, route};
    return true;
}

static bool add_policy(struct mc *m, const struct tree_node *node, struct aliases *to)
{
    const struct tree_node *route = mc_want(m, node, "an item of 'routes'", "route"), *aliases;
    struct mc_route made;
    if (!route || !(aliases = mc_want(m, node, "an item of 'routes'", "aliases"))) return false;
    if (aliases->kind != TREE_LIST)
        return mc_fail(m, aliases, "'aliases' is %s: write a list of strings",
                       tree_kind_name(aliases->kind));
    if (!mc_check_options(m, node, "an item of 'routes'", "route aliases") ||
        !mc_make_top(m, route, &made))
        return false;
    if (aliases->n > 1) made = mc_once(m, made);
    for (uint32_t i = 0; i < aliases->n; i++) {
        const struct tree_node *alias = aliases->items[i];
        if (alias->kind != TREE_STRING)
            return mc_fail(m, alias, "an alias is %s: write a string", tree_kind_name(alias->kind));
        if (!add_alias(m, to, alias, alias->text, made)) return false;
    }
    return true;
}

static bool make_routes(struct mc *m, const struct tree_node *routes, struct aliases *to)
{
    if (routes->kind == TREE_LIST) {
        for (uint32_t i = 0; i < routes->n; i++)
            if (!add_policy(m, routes->items[i], to)) return false;
        return true;
    }
    if (routes->kind != TREE_OBJECT)
        return mc_fail(m, routes, "'routes' is %s: write a list or an object",
                       tree_kind_name(routes->kind));
    for (uint32_t i = 0; i < routes->n; i++) {
        struct mc_route made;
        const struct tree_member *member = &routes->members[i];
        if (!mc_make_top(m, member->value, &made) ||
            !add_alias(m, to, member->value, member->name, made))
            return false;
    }
    return true;
}

/* Whether one of the aliases before has the same route. */
static bool has_before(const struct aliases *aliases, uint32_t i)
{
    for (uint32_t j = 0; j < i; j++)
        if (strcmp(aliases->items[j].route.text, aliases->items[i].route.text) == 0) return true;
    return false;
}

static bool by_route_prefix(struct mc *m, const struct tree_node *at, const struct aliases *aliases,
                            struct tree_text usual, struct mc_route *to)
{
    struct mc_call c = mc_call(m, "mg.by_route_prefix"), table = mc_call(m, "");
    bool has_usual = false;
    uint32_t different = 0;
    for (uint32_t i = 0; i < aliases->n; i++) {
        const struct alias *alias = &aliases->items[i];
        different += !has_before(aliases, i);
        has_usual = has_usual || is_same(alias->prefix, usual);
        mc_option(&table, mc_text(m, "[%s]", mc_quoted(m, alias->prefix)), alias->route);
    }
    if (different > ROUTES_MOST)
        return mc_fail(m, at, "%u different routes with aliases: here there are %d at most",
                       different, ROUTES_MOST);
    if (!has_usual)
        return mc_fail(m, at,
                       "no route has the alias '%s', the default route prefix: give it to one, or "
                       "start with --route-prefix and one that is there%s%s",
                       usual.bytes, aliases->n ? ", such as " : "",
                       aliases->n ? aliases->items[0].prefix.bytes : "");
    mc_child(&c, mc_done(&table));
    mc_item(&c, "default = %s", mc_quoted(m, usual));
    if (m->flags->invalid_to_default) mc_item(&c, "unknown_to_default = true");
    *to = mc_done(&c);
    return true;
}

static bool make_root(struct mc *m, struct mc_route *to)
{
    const struct tree_node *route = tree_get(m->root, "route"),
                           *routes = tree_get(m->root, "routes");
    struct aliases aliases = {0};
    struct tree_text usual;
    struct mc_route made;
    if (!default_prefix(m, &usual)) return false;
    if (route && routes)
        return mc_fail(m, routes, "both 'route' and 'routes' are there: leave one out");
    if (!route && !routes)
        return mc_fail(m, m->root, "neither 'route' nor 'routes' is there: write one");
    if (routes && !make_routes(m, routes, &aliases)) return false;
    if (route && (!mc_make_top(m, route, &made) || !add_alias(m, &aliases, route, usual, made)))
        return false;
    return by_route_prefix(m, route ? route : routes, &aliases, usual, to);
}

/* --- the script --------------------------------------------------------------------------------------------- */

static void write_block(FILE *to, const char *text)
{
    if (*text) fprintf(to, "\n%s", text);
}

static void write_head(struct mc *m, FILE *to)
{
    fputs("-- From mcrouter's configuration ", to);
    convert_quote(to, m->in->path, strlen(m->in->path));
    fprintf(to, ".\n%s\nlocal mg = require \"moongate\"\n", mc_close(m, m->notes));
    mc_write_defaults(m, to);
    if (m->has_unexpected)
        fputs("\n-- What mcrouter answers where default_policy is missing.\n"
              "local function unexpected(req)\n"
              "    return mg.reply.error(\"unexpected result mc_res_unknown (0) for \" .. "
              "req.command)\n"
              "end\n",
              to);
}

static void write_script(struct mc *m, struct mc_route route)
{
    FILE *to = m->out->script;
    const char *servers = mc_close(m, m->servers), *routes = mc_close(m, m->routes);
    write_head(m, to);
    fprintf(to, "\nlocal pools%s%s = {}%s%s\n", *servers ? ", servers" : "",
            m->has_routes ? ", routes" : "", *servers ? ", {}" : "", m->has_routes ? ", {}" : "");
    fputs(mc_close(m, m->pools), to);
    write_block(to, servers);
    write_block(to, routes);
    fprintf(to, "\nreturn %s\n", route.text);
}

static bool check_root(struct mc *m)
{
    const struct tree_node *pools = tree_get(m->root, "pools");
    if (pools && pools->kind != TREE_OBJECT)
        return mc_fail(m, pools, "'pools' is %s: write an object", tree_kind_name(pools->kind));
    return mc_check_options(m, m->root, "the configuration", root_options);
}

static bool read_all(struct mc *m, struct tree *tree)
{
    struct mc_route route;
    m->root = tree_of_mcrouter(tree, m->in, m->out);
    if (!m->root || !check_root(m) || !mc_register_handles(m) || !make_root(m, &route) ||
        !mc_write_pools(m))
        return false;
    write_script(m, route);
    if (m->out->expanded) tree_print_most(m->out->expanded, m->root, CONVERT_EXPANDED_MAX);
    return true;
}

bool mcrouter_read(const struct convert_input *in, struct convert_output *out)
{
    static const struct convert_flags none;
    struct mc m = {.in = in, .out = out, .flags = in->flags ? in->flags : &none};
    struct tree *tree = tree_create();
    if (!tree) return convert_fail(out, in->path, 0, "no memory");
    m.pools = mc_open(&m);
    m.servers = mc_open(&m);
    m.routes = mc_open(&m);
    m.notes = mc_open(&m);
    bool ok = read_all(&m, tree);
    mc_release(&m);
    tree_destroy(tree);
    return ok;
}
