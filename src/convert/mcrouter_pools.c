#include <ctype.h>
#include <string.h>

#include "convert/mcrouter.h"

/* Pools: each that a route uses becomes one mg.pool, with the hash of the first PoolRoute over it. Another PoolRoute with another hash or
 * a salt spreads the keys over the same servers by mg.hash, so that all of them share the pool's connections.
 *
 * Sources: mcrouter/PoolFactory.cpp 40-100 (names, inherit), mcrouter/routes/McRouteHandleProvider-inl.h 125-470 (options of a pool, its
 * weights) and 560-700 (PoolRoute), mcrouter/lib/fbi/cpp/ParsingUtil.cpp 17-33 (timeouts), as of 2026-08. */

enum { INHERIT_MOST = 100 };

static const char pool_options[] =
    "servers name inherit protocol keep_routing_prefix server_timeout connect_timeout region "
    "cluster "
    "weights tags error_on_empty hash security_mech use_ssl ~qos ~failure_domains ~hostnames "
    "~enable_compression ~pool_failover_policy ~disable_request_deadline_check ~pool_tko_config "
    "~additional_fanout ~services";

const struct tree_node *mc_pool_get(const struct mc_pool *p, const char *name)
{
    const struct tree_node *value = NULL;
    for (; p && !value; p = p->parent) value = tree_get(p->node, name);
    return value;
}

/* --- what a pool is -------------------------------------------------------------------------------------- */

/* Options that a pool has of its own: those that it inherits are looked at with the parent. */
static bool check(struct mc *m, struct mc_pool *p)
{
    struct tree_text text;
    if (!mc_check_options(m, p->node, "a pool", pool_options)) return false;
    if (tree_get(p->node, "hash"))
        mc_note(m, tree_get(p->node, "hash"),
                "a pool's hash has no effect: 'hash' counts in PoolRoute");
    return mc_get_text(m, p->node, "a pool", "protocol", &text) &&
           mc_get_text(m, p->node, "a pool", "inherit", &text);
}

/* Also in capitals, as mcrouter reads it. */
static struct tree_text protocol_of(struct mc *m, const struct mc_pool *p)
{
    const struct tree_node *node = mc_pool_get(p, "protocol");
    if (!node) return (struct tree_text){NULL, 0};
    char *text = memcpy(mc_alloc(m, node->text.len + 1), node->text.bytes, node->text.len);
    for (char *c = text; *c; c++) *c = (char)tolower((unsigned char)*c);
    return (struct tree_text){text, node->text.len};
}

/* Keys would not be found where mcrouter has put them, with their prefixes: that is no case for a note. */
static bool check_keys(struct mc *m, const struct mc_pool *p)
{
    const struct tree_node *keep = mc_pool_get(p, "keep_routing_prefix");
    if (!keep || keep->kind == TREE_NULL || (keep->kind == TREE_BOOL && !keep->truth)) return true;
    return mc_fail(m, keep,
                   "'keep_routing_prefix': servers get keys without their routing prefix here, and "
                   "would not find what they have: leave it out if no client sends keys with a "
                   "prefix");
}

/* use_ssl, and security_mech, which wins; for servers that do not say it themselves. */
static bool read_tls(struct mc *m, const struct mc_pool *p, bool *tls)
{
    const struct tree_node *use = mc_pool_get(p, "use_ssl"), *how = mc_pool_get(p, "security_mech");
    *tls = false;
    if (how && how->kind == TREE_STRING) return mc_read_security(m, how, how->text, tls);
    if (how && how->kind != TREE_NULL)
        return mc_fail(m, how, "'security_mech' is %s: write \"ssl\" or \"plain\"",
                       tree_kind_name(how->kind));
    if (!use || use->kind == TREE_NULL || (use->kind == TREE_BOOL && !use->truth)) return true;
    if (use->kind != TREE_BOOL)
        return mc_fail(m, use, "'use_ssl' is %s: write true or false", tree_kind_name(use->kind));
    return mc_read_security(m, use, mc_str("ssl"), tls);
}

static bool read_servers(struct mc *m, struct mc_pool *p, const struct tree_node *at)
{
    struct tree_text protocol = protocol_of(m, p);
    bool tls;
    if (!read_tls(m, p, &tls)) return false;
    p->servers = mc_pool_get(p, "servers");
    if (!p->servers)
        return mc_fail(m, p->node ? p->node : at, "pool '%s' has no 'servers': give it a list",
                       p->name.bytes);
    if (p->servers->kind != TREE_LIST)
        return mc_fail(m, p->servers, "'servers' of pool '%s' is %s: write a list", p->name.bytes,
                       tree_kind_name(p->servers->kind));
    if (p->servers->n > MC_LIST_MAX)
        return mc_fail(m, p->servers, "pool '%s' has %u servers: here it takes %d at most",
                       p->name.bytes, p->servers->n, MC_LIST_MAX);
    p->texts = mc_alloc(m, (p->servers->n + 1) * sizeof *p->texts);
    p->tls = mc_alloc(m, (p->servers->n + 1) * sizeof *p->tls);
    for (uint32_t i = 0; i < p->servers->n; i++) {
        const struct tree_node *server = p->servers->items[i];
        if (server->kind == TREE_OBJECT)
            return mc_fail(m, server,
                           "a route among the servers of a pool is not built yet: use HashRoute");
        if (server->kind != TREE_STRING)
            return mc_fail(m, server, "a server is %s: write \"host:port\"",
                           tree_kind_name(server->kind));
        p->tls[i] = tls;
        if (!mc_server(m, server, protocol, &p->texts[i], &p->tls[i])) return false;
    }
    return true;
}

static bool is_same(struct tree_text a, struct tree_text b)
{
    return a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

/* The definition of a pool of that name: of the configuration's pools, or the object itself. Its parents first. */
static struct mc_pool *define(struct mc *m, struct tree_text name, const struct tree_node *at,
                              const struct tree_node *given, uint32_t depth)
{
    const struct tree_node *pools = tree_get(m->root, "pools"), *node = given;
    for (uint32_t i = 0; pools && pools->kind == TREE_OBJECT && i < pools->n; i++)
        if (is_same(pools->members[i].name, name)) node = pools->members[i].value;
    if (!node) {
        mc_fail(m, at, "there is no pool '%s': name one of 'pools'", name.bytes);
        return NULL;
    }
    if (node->kind != TREE_OBJECT) {
        mc_fail(m, node, "pool '%s' is %s: write an object with 'servers'", name.bytes,
                tree_kind_name(node->kind));
        return NULL;
    }
    struct mc_pool *p = mc_alloc(m, sizeof *p);
    *p = (struct mc_pool){
        .name = name,
        .node = node,
    };
    if (!check(m, p)) return NULL;
    const struct tree_node *inherit = tree_get(node, "inherit");
    if (!inherit) return p;
    if (depth == INHERIT_MOST) {
        mc_fail(m, inherit, "pool '%s' inherits from itself, or from very many: give it servers",
                name.bytes);
        return NULL;
    }
    p->parent = define(m, inherit->text, inherit, NULL, depth + 1);
    return p->parent ? p : NULL;
}

struct mc_pool *mc_find_pool(struct mc *m, const struct tree_node *node)
{
    const struct tree_node *name = node->kind == TREE_OBJECT ? tree_get(node, "name") : node;
    if (!name || name->kind != TREE_STRING) {
        mc_fail(m, node, "a pool is neither a name nor an object with a name: write its name");
        return NULL;
    }
    if (name->text.len > MC_NAME_MAX) {
        mc_fail(m, name, "a pool's name of %zu bytes: write up to %d", name->text.len, MC_NAME_MAX);
        return NULL;
    }
    for (struct mc_pool *p = m->first_pool; p; p = p->next)
        if (is_same(p->name, name->text)) return p;
    const struct tree_node *given = node->kind == TREE_OBJECT ? node : NULL;
    struct mc_pool *p = define(m, name->text, node, given, 0);
    if (!p || !check_keys(m, p) || !read_servers(m, p, node)) return NULL;
    p->route = mc_text(m, "pools%s", mc_field(m, p->name));
    p->next = m->first_pool;
    m->first_pool = p;
    return p;
}

/* --- as routes --------------------------------------------------------------------------------------------- */

/* The list is a table of its own, which the pools are followed by. */
void mc_pool_servers(struct mc *m, struct mc_pool *p, struct mc_list *to)
{
    uint32_t n = p->servers->n;
    const char *field = mc_field(m, p->name);
    if (!p->each && n > 0) {
        p->each = mc_text(m, "servers%s", field);
        fprintf(m->servers, "servers%s = mg.each(%s)\n", field, p->route);
    }
    for (uint32_t i = 0; i < n; i++)
        mc_add(
            m, to,
            (struct mc_route){
                .text = mc_text(m, "%s[%u]", p->each, i + 1), .each = p->each, .at = i, .of = n});
}

bool mc_pool_list(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    struct mc_pool *p = mc_find_pool(m, node);
    if (!p) return false;
    mc_pool_servers(m, p, to);
    return true;
}

/* The weights of a hash that counts them, as text: two hashes with the same text place keys the same. */
static const char *weights_of(struct mc *m, const struct mc_hash *hash, const char *options,
                              uint32_t n)
{
    FILE *to = mc_open(m);
    for (uint32_t i = 0; mc_counts_weights(hash) && i < n; i++)
        fprintf(to, "%s ", mc_number(m, mc_weight(hash->weights, i)));
    for (uint32_t i = 0; strstr(options, "rendezvous") && i < n; i++)
        convert_quote(to, hash->tags->items[i]->text.bytes, hash->tags->items[i]->text.len);
    return mc_close(m, to);
}

static struct mc_route empty_pool(struct mc *m, const struct mc_pool *p)
{
    const struct tree_node *strict = mc_pool_get(p, "error_on_empty");
    if (strict && strict->kind == TREE_BOOL && !strict->truth) return mc_null();
    const char *text = mc_text(m, "HashRoute with empty children, name: %s", p->name.bytes);
    return mc_error(m, mc_str(text));
}

/* mcrouter keeps them unless it is told not to; moongate where it is told where to. Source: createAsynclogRoute in
 * mcrouter/routes/McRouteHandleProvider-inl.h. */
bool mc_keeps_deletes(struct mc *m, const struct tree_node *node, bool *keeps)
{
    bool asynclog = true;
    if (m->flags->async_dir && !mc_get_truth(m, node, "PoolRoute", "asynclog", &asynclog))
        return false;
    *keeps = m->flags->async_dir && asynclog;
    return true;
}

static struct mc_route keeping(struct mc *m, struct mc_route route)
{
    struct mc_call c = mc_call(m, "mg.spool_deletes");
    mc_child(&c, route);
    mc_item(&c, "dir = %s", mc_quoted(m, mc_str(m->flags->async_dir)));
    return mc_done(&c);
}

/* The pool's own is made once. */
struct mc_route mc_keeping(struct mc *m, struct mc_pool *p, struct mc_route route)
{
    if (route.text != p->route) return keeping(m, route);
    if (!p->spooled) p->spooled = mc_once(m, keeping(m, route)).text;
    return (struct mc_route){.text = p->spooled};
}

/* Whether the pool itself spreads keys as this hash does: the first of its PoolRoutes decides. False: refused. */
static bool fits_pool(struct mc *m, struct mc_pool *p, struct mc_hash *hash, bool *fits)
{
    const char *options = "", *weights = "";
    bool refused = false;
    if (!mc_pool_options(m, hash, p->servers->n, &options, &refused)) return false;
    if (!refused) weights = weights_of(m, hash, options, p->servers->n);
    if (!refused && !p->options) {
        p->options = options;
        p->weights = weights;
        p->hash = *hash;
    }
    *fits = !refused && !strcmp(p->options, options) && !strcmp(p->weights, weights);
    return true;
}

/* keeps: deletes, of the pool or of each of its servers. */
static bool spread(struct mc *m, struct mc_pool *p, struct mc_hash *hash, bool keeps,
                   struct mc_route *to)
{
    uint32_t n = p->servers->n;
    bool fits = true;
    struct mc_list list = {0};
    *to = (struct mc_route){.text = p->route};
    if (n == 0) *to = empty_pool(m, p);
    if (n > 1 && !fits_pool(m, p, hash, &fits)) return false;
    if (n > 0 && fits && keeps) *to = mc_keeping(m, p, *to);
    if (fits) return true;
    mc_pool_servers(m, p, &list);
    for (uint32_t i = 0; keeps && i < n; i++) list.items[i] = mc_keeping(m, p, list.items[i]);
    return mc_spread(m, hash, hash->at, &list, to);
}

/* What a PoolRoute without options of its own spreads keys by: the pool's weights and tags. */
static bool hash_of_pool(struct mc *m, const struct mc_pool *p, const struct tree_node *node,
                         struct mc_hash *to)
{
    static const struct tree_node weighted = {.kind = TREE_STRING, .text = {"WeightedCh3", 11}};
    const struct tree_node *hash = tree_get(node, "hash");
    *to = (struct mc_hash){
        .at = node, .weights = mc_pool_get(p, "weights"), .tags = mc_pool_get(p, "tags")};
    if (to->weights) to->func = &weighted;
    return !hash || mc_read_hash(m, hash, to);
}

bool mc_pool_route(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    struct mc_hash hash;
    struct mc_route route;
    bool keeps;
    const struct tree_node *name = node;
    if (node->kind == TREE_OBJECT && !(name = mc_want(m, node, "PoolRoute", "pool"))) return false;
    struct mc_pool *p = mc_find_pool(m, name);
    if (!p || !hash_of_pool(m, p, node, &hash) || !mc_keeps_deletes(m, node, &keeps)) return false;
    if (!spread(m, p, &hash, keeps, &route)) return false;
    if (tree_get(node, "shadows") && !mc_shadow_pool(m, node, p, &hash, keeps, &route))
        return false;
    const struct tree_node *rates = tree_get(node, "rates");
    if (rates && !mc_limit_rates(m, node, rates, route, NULL, &route)) return false;
    mc_add(m, to, route);
    return true;
}
