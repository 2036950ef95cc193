#include <string.h>

#include "convert/mcrouter.h"

/* Route handles: the table of those that are built, and how the values of a configuration become routes: an object with a type, a list
 * (lists in lists become one), or a string: a name, "Type|what it is over", or "Type".
 *
 * Sources: mcrouter/lib/config/RouteHandleFactory-inl.h 70-150 (lists, strings, names), mcrouter/routes/McRouteHandleProvider.cpp
 * 252-308 (names of handles), as of 2026-08. */

struct handle {
    const char *name;
    mc_handle_fn *make;
    const char *options; /* as mc_check_options takes them; besides type and name */
};

#define FAILS_OVER                                                                                 \
    "failover_errors failover_limit failover_policy ~failover_tag ~enable_lease_pairing "
#define SHADOWS "shadows ~shadow_policy "

static const struct handle handles[] = {
    {"AllAsyncRoute", mc_all_async, "children"},
    {"AllFastestRoute", mc_all_fastest, "children"},
    {"AllInitialRoute", mc_all_initial, "children"},
    {"AllMajorityRoute", mc_all_majority, "children"},
    {"AllSyncRoute", mc_all_sync, "children"},
    {"DevNullRoute", mc_null_route, ""},
    {"ErrorRoute", mc_error_route, "response result ~enable_logging"},
    {"FailoverRoute", mc_failover, "children " FAILS_OVER},
    {"FailoverWithExptimeRoute", mc_failover_with_exptime,
     "normal failover failover_exptime " FAILS_OVER},
    {"HashRoute", mc_hash_route,
     "children hash_func salt weights tags !bucketize " FAILS_OVER
     "failover_count ~thread_local_failover"},
    {"HostIdRoute", mc_host_id, "children salt"},
    {"KeySplitRoute", mc_key_split, "destination replicas all_sync first_hit"},
    {"L1L2CacheRoute", mc_l1l2, "l1 l2 upgradingL1Exptime ncacheExptime ncacheUpdatePeriod"},
    {"LatencyInjectionRoute", mc_latency,
     "child before_latency_ms after_latency_ms !total_latency_ms"},
    {"LatestRoute", mc_latest,
     "children failover_count salt weights ~thread_local_failover " FAILS_OVER},
    {"LoggingRoute", mc_logging, "target"},
    {"MigrateRoute", mc_migrate, "from to start_time interval"},
    {"MissFailoverRoute", mc_miss_failover, "children return_best_on_error"},
    {"ModifyExptimeRoute", mc_modify_exptime, "target exptime action"},
    {"ModifyKeyRoute", mc_modify_key,
     "target ensure_key_prefix replace_key_prefix set_key_suffix modify_inplace "
     "~set_routing_prefix"},
    {"NullRoute", mc_null_route, ""},
    {"OperationSelectorRoute", mc_operation_selector, "default_policy operation_policies"},
    {"Pool", mc_pool_list, NULL},
    {"PoolRoute", mc_pool_route,
     "pool hash rates " SHADOWS "~max_outstanding !slow_warmup !shard_splits "
     "~split_shard_fanout ^asynclog ~asynclog_name !bucketize !useBucketHashSelector "
     "~distribution_enabled ~pool_id ~axonlog"},
    {"PrefixPolicyRoute", mc_operation_selector, "default_policy operation_policies"},
    {"RandomRoute", mc_random, "children"},
    {"RateLimitRoute", mc_rate_limit, "target rates fallback"},
    {"RoutingGroupRoute", mc_routing_group, "default_policy routing_group_policies"},
    {"ShadowRoute", mc_shadow_route, "children " SHADOWS "!bucketize"},
    {"StagingRoute", mc_staging, "warm staging"},
    {"WarmUpRoute", mc_warm_up, "cold warm exptime enable_metaget"},
};

/* Those that mcrouter has besides, and those of the table once more: what a misspelt one may have been. */
static const char not_built[] =
    "AsynclogRoute BigValueRoute BlackholeRoute CarbonLookasideRoute DistributionRoute "
    "HashStopAllowListRoute KeyParseRoute L1L2SizeSplitRoute LoadBalancerRoute "
    "OriginalClientHashRoute OutstandingLimitRoute SRRoute SaltedFailoverRoute "
    "SetDistributionTargetRoute SlowWarmUpRoute";

static const char names[] =
    "AllAsyncRoute AllFastestRoute AllInitialRoute AllMajorityRoute AllSyncRoute ErrorRoute "
    "FailoverRoute FailoverWithExptimeRoute HashRoute HostIdRoute KeySplitRoute L1L2CacheRoute "
    "LatestRoute LoggingRoute MigrateRoute MissFailoverRoute ModifyExptimeRoute ModifyKeyRoute "
    "NullRoute OperationSelectorRoute Pool PoolRoute PrefixPolicyRoute PrefixSelectorRoute "
    "RandomRoute RateLimitRoute RoutingGroupRoute ShadowRoute StagingRoute WarmUpRoute";

/* --- named handles ---------------------------------------------------------------------------------- */

/* A name that is known, of an object that has one or of an entry of named_handles, with what it stands for. */
struct mc_named {
    struct mc_named *next;
    struct tree_text name;
    struct mc_list list;
};

static bool is_same(struct tree_text a, struct tree_text b)
{
    return a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

static struct mc_named *find_named(struct mc *m, struct tree_text name)
{
    struct mc_named *n = m->first_named;
    while (n && !is_same(n->name, name)) n = n->next;
    return n;
}

static bool make_object(struct mc *m, const struct tree_node *node, struct mc_list *to);

/* A route that has a name is written once, and so is each of several. */
static void keep_named(struct mc *m, struct mc_named *named, const struct mc_list *list)
{
    named->list = *list;
    for (uint32_t i = 0; list->n > 1 && i < list->n; i++)
        list->items[i] = mc_once(m, list->items[i]);
    if (list->n != 1 || list->items[0].depth == 0) return;
    const char *field = mc_field(m, named->name);
    fprintf(m->routes, "routes%s = %s\n", field, list->items[0].text);
    struct mc_route *route = mc_alloc(m, sizeof *route);
    *route =
        (struct mc_route){.text = mc_text(m, "routes%s", field), .denies = list->items[0].denies};
    named->list = (struct mc_list){route, 1, 1};
    m->has_routes = true;
}

static void add_list(struct mc *m, struct mc_list *to, const struct mc_list *list)
{
    for (uint32_t i = 0; i < list->n; i++) mc_add(m, to, list->items[i]);
}

/* An object or any value under a name. The name is known from its end on: a handle cannot stand in itself. */
static bool make_named(struct mc *m, struct tree_text name, const struct tree_node *node,
                       struct mc_list *to)
{
    struct mc_list list = {0};
    struct mc_named *named = mc_alloc(m, sizeof *named);
    if (name.len > MC_NAME_MAX)
        return mc_fail(m, node, "a handle's name of %zu bytes: write up to %d", name.len,
                       MC_NAME_MAX);
    bool ok =
        node->kind == TREE_OBJECT ? make_object(m, node, &list) : mc_make_list(m, node, &list);
    if (!ok) return false;
    named->name = name;
    named->next = m->first_named;
    m->first_named = named;
    keep_named(m, named, &list);
    add_list(m, to, &named->list);
    return true;
}

/* The entry of the object named_handles, once. */
static const struct tree_node *take_registered(struct mc *m, struct tree_text name)
{
    for (uint32_t i = 0; m->named_handles && i < m->named_handles->n; i++) {
        const struct tree_member *member = &m->named_handles->members[i];
        if (!is_same(member->name, name) || m->is_taken[i]) continue;
        m->is_taken[i] = true;
        return member->value;
    }
    return NULL;
}

bool mc_register_handles(struct mc *m)
{
    const struct tree_node *node = tree_get(m->root, "named_handles");
    struct mc_list unused = {0};
    if (!node) return true;
    if (node->kind == TREE_LIST) {
        for (uint32_t i = 0; i < node->n; i++, unused.n = 0)
            if (!mc_make_list(m, node->items[i], &unused)) return false;
        return true;
    }
    if (node->kind != TREE_OBJECT)
        return mc_fail(m, node, "named_handles is %s: write a list or an object",
                       tree_kind_name(node->kind));
    for (uint32_t i = 0; i < node->n; i++) {
        const struct tree_node *value = node->members[i].value, *name = tree_get(value, "name");
        if (name && (name->kind != TREE_STRING || !is_same(name->text, node->members[i].name)))
            return mc_fail(m, name, "the handle '%s' has another name in itself: give it one",
                           node->members[i].name.bytes);
    }
    m->named_handles = node;
    m->is_taken = mc_alloc(m, node->n * sizeof *m->is_taken);
    return true;
}

/* --- values ----------------------------------------------------------------------------------------- */

void mc_add(struct mc *m, struct mc_list *to, struct mc_route route)
{
    if (to->n == to->room) {
        uint32_t room = to->room ? 2 * to->room : 4;
        struct mc_route *items = mc_alloc(m, room * sizeof *items);
        if (to->n) memcpy(items, to->items, to->n * sizeof *items);
        to->items = items;
        to->room = room;
    }
    to->items[to->n++] = route;
    m->items_n++;
}

static bool fits(struct mc *m, const struct tree_node *at, const struct mc_list *list)
{
    if (list->n > MC_LIST_MAX)
        return mc_fail(m, at, "a list of more than %d routes: write fewer", MC_LIST_MAX);
    if (m->items_n > MC_ITEMS_MAX)
        return mc_fail(m, at, "more than %d routes: write fewer", MC_ITEMS_MAX);
    return true;
}

static bool refuse_type(struct mc *m, const struct tree_node *at, struct tree_text type)
{
    struct tree_text word = type;
    for (const char *list = not_built; *list; list += *list == ' ') {
        word.bytes = list;
        word.len = strcspn(list, " ");
        list += word.len;
        if (is_same(word, type))
            return mc_fail(m, at, "the route handle %s is not built yet: use another one",
                           type.bytes);
    }
    if (mc_same(type, "PrefixSelectorRoute"))
        return mc_fail(m, at,
                       "PrefixSelectorRoute stands at the top of a route alone: move it there");
    const char *nearest = mc_nearest(m, type, names);
    if (nearest)
        return mc_fail(m, at, "there is no route handle '%s': write '%s'", type.bytes, nearest);
    return mc_fail(m, at,
                   "there is no route handle '%s': write another one, or name it in named_handles",
                   type.bytes);
}

static const struct handle *find_handle(struct tree_text type)
{
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
        if (mc_same(type, handles[i].name)) return &handles[i];
    return NULL;
}

static bool make_type(struct mc *m, const struct tree_node *at, struct tree_text type,
                      const struct tree_node *node, struct mc_list *to)
{
    const struct handle *handle = find_handle(type);
    struct mc_list list = {0};
    if (!handle) return refuse_type(m, at, type);
    if (handle->options &&
        !mc_check_options(m, node, handle->name, mc_text(m, "type name %s", handle->options)))
        return false;
    if (!handle->make(m, node, &list) || !fits(m, at, &list)) return false;
    add_list(m, to, &list);
    return true;
}

static bool make_object(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    const struct tree_node *type = tree_get(node, "type");
    if (!type) return mc_fail(m, node, "a route handle without a 'type': give it one");
    if (type->kind != TREE_STRING)
        return mc_fail(m, type, "'type' is %s: write a string", tree_kind_name(type->kind));
    return make_type(m, type, type->text, node, to);
}

/* A string that is no name: "Type|rest", or "Type". */
static bool make_short(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    struct tree_text text = node->text;
    struct tree_node *rest = mc_alloc(m, sizeof *rest);
    const char *bar = memchr(text.bytes, '|', text.len);
    *rest = (struct tree_node){.kind = TREE_NULL, .weight = 1, .place = node->place};
    if (bar) {
        rest->kind = TREE_STRING;
        rest->text = (struct tree_text){bar + 1, text.len - (size_t)(bar + 1 - text.bytes)};
        text.len = (size_t)(bar - text.bytes);
        text.bytes = mc_text(m, "%.*s", (int)text.len, text.bytes);
    }
    return make_type(m, node, text, rest, to);
}

static bool make_string(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    if (node->text.len == 0) return true; /* no route, where one may be left out */
    struct mc_named *named = find_named(m, node->text);
    if (named) {
        add_list(m, to, &named->list);
        return true;
    }
    const struct tree_node *registered = take_registered(m, node->text);
    if (registered) return make_named(m, node->text, registered, to);
    return make_short(m, node, to);
}

static bool make_value(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    if (node->kind == TREE_STRING) return make_string(m, node, to) && fits(m, node, to);
    if (node->kind == TREE_OBJECT) {
        const struct tree_node *name = tree_get(node, "name");
        if (!name || name->kind != TREE_STRING) return make_object(m, node, to);
        struct mc_named *named = find_named(m, name->text);
        if (named) {
            add_list(m, to, &named->list);
            return fits(m, node, to);
        }
        const struct tree_node *registered = take_registered(m, name->text);
        return make_named(m, name->text, registered ? registered : node, to) && fits(m, node, to);
    }
    if (node->kind != TREE_LIST)
        return mc_fail(m, node, "a route is %s: write a string, an object or a list",
                       tree_kind_name(node->kind));
    for (uint32_t i = 0; i < node->n; i++)
        if (!mc_make_list(m, node->items[i], to)) return false;
    return true;
}

/* Names lead from one entry of named_handles to the next, so the depth of the file is no bound. */
bool mc_make_list(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    if (m->depth == MC_DEPTH_MAX)
        return mc_fail(m, node, "routes in more than %d routes: write fewer", MC_DEPTH_MAX);
    m->depth++;
    bool ok = make_value(m, node, to);
    m->depth--;
    return ok;
}

bool mc_make(struct mc *m, const struct tree_node *node, struct mc_route *to)
{
    struct mc_list list = {0};
    if (!mc_make_list(m, node, &list)) return false;
    if (list.n != 1)
        return mc_fail(
            m, node, "%u routes where one is wanted: put one over them, such as HashRoute", list.n);
    *to = list.items[0];
    return true;
}

bool mc_make_option(struct mc *m, const struct tree_node *node, const char *of, const char *name,
                    struct mc_route *to)
{
    const struct tree_node *value = mc_want(m, node, of, name);
    return value && mc_make(m, value, to);
}

bool mc_make_children(struct mc *m, const struct tree_node *node, const char *of, uint32_t most,
                      struct mc_list *to)
{
    const struct tree_node *children =
        node->kind == TREE_OBJECT ? tree_get(node, "children") : node;
    if (children && children->kind == TREE_NULL && node == children)
        return mc_fail(
            m, node, "%s is over nothing: write \"%s|...\", or an object with 'children'", of, of);
    if (children && !mc_make_list(m, children, to)) return false;
    if (to->n > most)
        return mc_fail(m, node, "%s is over %u routes: here it takes %u at most", of, to->n, most);
    return true;
}

bool mc_is_plain(struct mc *m, const struct mc_list *list, struct mc_list *to)
{
    if (list->n > 1) return false;
    mc_add(m, to, list->n ? list->items[0] : mc_null());
    return true;
}
