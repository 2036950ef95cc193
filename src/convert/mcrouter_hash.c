#include <string.h>

#include "convert/mcrouter.h"

/* How keys are spread: HashRoute, and `hash` of PoolRoute.
 *
 * Sources: mcrouter/routes/HashRouteFactory.h 105-265, mcrouter/lib/WeightedChHashFuncBase.cpp 18-49, WeightedRendezvousHashFunc.cpp
 * 20-45, mcrouter/routes/RendezvousRouteHelpers.cpp 16-40, as of 2026-08. */

static const char funcs[] = "Ch3 Crc32 WeightedCh3 Rendezvous WeightedRendezvous Latest";

bool mc_read_hash(struct mc *m, const struct tree_node *node, struct mc_hash *to)
{
    const struct tree_node *func = node, *found;
    struct tree_text text;
    to->at = node;
    if (node->kind == TREE_OBJECT) {
        if (!mc_get_text(m, node, "hash", "hash_func", &text) ||
            !mc_get_name(m, node, "hash", "salt", &text) ||
            !mc_get_list(m, node, "hash", "tags", &found))
            return false;
        func = tree_get(node, "hash_func");
        if ((found = tree_get(node, "weights"))) to->weights = found;
        if ((found = tree_get(node, "tags"))) to->tags = found;
        if ((found = tree_get(node, "salt"))) to->salt = found;
    } else if (node->kind != TREE_STRING) {
        return mc_fail(m, node, "'hash' is %s: write a string or an object",
                       tree_kind_name(node->kind));
    }
    if (func) to->func = func;
    return true;
}

static bool says(const struct mc_hash *hash, const char *name)
{
    return hash->func ? tree_says(hash->func, name) : strcmp(name, "Ch3") == 0;
}

bool mc_counts_weights(const struct mc_hash *hash)
{
    return says(hash, "WeightedCh3") || says(hash, "WeightedRendezvous");
}

static const struct tree_node *place_of(const struct mc_hash *hash)
{
    return hash->func ? hash->func : hash->at;
}

static bool refuse(struct mc *m, const struct mc_hash *hash)
{
    struct tree_text text = hash->func->text;
    const char *nearest = mc_nearest(m, text, funcs);
    if (mc_same(text, "ConstShard") || mc_same(text, "WeightedCh3RV") ||
        mc_same(text, "WeightedCh3Rv") || mc_same(text, "LoadBalancer"))
        return mc_fail(m, hash->func, "the hash function %s is not built yet: use Ch3", text.bytes);
    return mc_fail(m, hash->func, "there is no hash function '%s': write %s", text.bytes,
                   nearest ? nearest : "Ch3, WeightedCh3, Crc32, Rendezvous or WeightedRendezvous");
}

/* --- weights and tags --------------------------------------------------------------------------------- */

double mc_weight(const struct tree_node *weights, uint32_t i)
{
    return weights && i < weights->n ? mc_real(weights->items[i]) : 0.5;
}

static bool check_weights(struct mc *m, const struct mc_hash *hash, uint32_t n)
{
    const struct tree_node *weights = hash->weights;
    double most = says(hash, "WeightedCh3") ? 1 : 1e6;
    if (!weights)
        return mc_fail(m, place_of(hash),
                       "the hash function %s without 'weights': give it one for each route",
                       hash->func->text.bytes);
    if (weights->kind != TREE_LIST)
        return mc_fail(m, weights, "'weights' is %s: write a list", tree_kind_name(weights->kind));
    for (uint32_t i = 0; i < weights->n && i < n; i++) {
        const struct tree_node *weight = weights->items[i];
        if (!mc_is_number(weight) || !(mc_real(weight) >= 0 && mc_real(weight) <= most))
            return mc_fail(m, weight, "a weight is no number from 0 to %g: write one", most);
    }
    if (weights->n == n) return true;
    if (most > 1)
        return mc_fail(m, weights, "%u weights for %u routes: give one for each", weights->n, n);
    mc_note(m, weights, "%u weights for %u servers: those without one have 0.5", weights->n, n);
    return true;
}

static bool check_tags(struct mc *m, const struct mc_hash *hash, uint32_t n)
{
    const struct tree_node *tags = hash->tags;
    if (!tags || tags->kind != TREE_LIST || tags->n != n)
        return mc_fail(
            m, tags ? tags : place_of(hash),
            "the hash function %s wants 'tags', a list with one for each of %u routes: write it",
            hash->func->text.bytes, n);
    for (uint32_t i = 0; i < n; i++)
        if (tags->items[i]->kind != TREE_STRING || tags->items[i]->text.len == 0 ||
            tags->items[i]->text.len > MC_NAME_MAX)
            return mc_fail(m, tags->items[i], "a tag is no string of 1 to %d bytes: write a name",
                           MC_NAME_MAX);
    return true;
}

bool mc_add_weights(struct mc_call *c, const struct tree_node *weights, uint32_t n,
                    bool may_be_zero)
{
    struct mc_call list = mc_call(c->m, "");
    for (uint32_t i = 0; i < n; i++) {
        const struct tree_node *weight = i < weights->n ? weights->items[i] : NULL;
        if (weight && (!mc_is_number(weight) || !(mc_real(weight) > 0 || may_be_zero)))
            return mc_fail(c->m, weight, "a weight is no number above 0: write one");
        mc_item(&list, "%s", mc_number(c->m, mc_weight(weights, i)));
    }
    mc_item(c, "weights = %s", mc_done(&list).text);
    return true;
}

/* --- as options of mg.pool and mg.hash ------------------------------------------------------------------ */

/* False: there is no such function, or what it wants is missing. */
static bool distribution_of(struct mc *m, const struct mc_hash *hash, uint32_t n,
                            const char **options)
{
    *options = "";
    if (says(hash, "Ch3")) return true;
    if (says(hash, "Crc32")) {
        *options = "distribution = \"modula\"";
        return true;
    }
    if (says(hash, "WeightedCh3")) {
        *options = "distribution = \"weighted_ch3\"";
        return check_weights(m, hash, n);
    }
    bool weighted = says(hash, "WeightedRendezvous");
    if (!weighted && !says(hash, "Rendezvous")) return refuse(m, hash);
    *options = "distribution = \"rendezvous\"";
    return check_tags(m, hash, n) && (!weighted || check_weights(m, hash, n));
}

bool mc_pool_options(struct mc *m, const struct mc_hash *hash, uint32_t n, const char **options,
                     bool *refused)
{
    *refused = says(hash, "Latest") || (hash->salt && hash->salt->text.len);
    return *refused || distribution_of(m, hash, n, options);
}

bool mc_spread(struct mc *m, const struct mc_hash *hash, const struct tree_node *from,
               const struct mc_list *list, struct mc_route *to)
{
    struct mc_call c = mc_call(m, "mg.hash"), names = mc_call(m, "");
    const char *options;
    if (says(hash, "Latest")) {
        struct mc_list one = {0};
        if (!mc_latest_over(m, from, list, &one)) return false;
        *to = one.items[0];
        return true;
    }
    if (!distribution_of(m, hash, list->n, &options)) return false;
    mc_children(&c, list);
    mc_item(&c, "%s", *options ? options : "distribution = \"ch3\"");
    if (says(hash, "Crc32")) mc_item(&c, "hash = \"crc31\"");
    mc_item(&c, "hash_stop = \"|#|\"");
    if (hash->salt && hash->salt->text.len)
        mc_item(&c, "salt = %s", mc_quoted(m, hash->salt->text));
    if (says(hash, "Rendezvous") || says(hash, "WeightedRendezvous")) {
        for (uint32_t i = 0; hash->tags && i < list->n; i++)
            mc_item(&names, "%s", mc_quoted(m, hash->tags->items[i]->text));
        mc_item(&c, "names = %s", mc_done(&names).text);
    }
    if (mc_counts_weights(hash) && hash->weights &&
        !mc_add_weights(&c, hash->weights, list->n, true))
        return false;
    *to = mc_done(&c);
    return true;
}

bool mc_hash_route(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    struct mc_hash hash = {.at = node};
    struct mc_list list = {0};
    struct mc_route route;
    if (!mc_make_children(m, node, "HashRoute", MC_LIST_MAX, &list)) return false;
    if (list.n == 0) {
        mc_add(m, to, mc_error(m, mc_str("HashRoute with empty children, name: ")));
        return true;
    }
    if (mc_is_plain(m, &list, to)) return true;
    if (node->kind == TREE_OBJECT && !mc_read_hash(m, node, &hash)) return false;
    if (!mc_spread(m, &hash, node, &list, &route)) return false;
    mc_add(m, to, route);
    return true;
}
