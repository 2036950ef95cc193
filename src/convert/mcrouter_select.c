#include <stdlib.h>
#include <string.h>

#include "convert/mcrouter.h"

/* Handles that choose: by operation, by prefix, at random, by host.
 *
 * Sources: mcrouter/routes/OperationSelectorRoute-inl.h 36-100 and OperationSelectorRoute.h 63-72 (an operation without a route is a
 * reply without a result), mcrouter/lib/network/AsciiSerialized.cpp 313-329 (its text), mcrouter/routes/RoutingGroupRoute-inl.h 34-90 with
 * lib/network/gen/MemcacheRoutingGroups.h, PrefixSelectorRoute.h 35-85,
 * RootRoute.h 222, RandomRouteFactory.h 24-33, HostIdRouteFactory.h 28-60, as of 2026-08. */

/* mcrouter's operations, with what mg.by_command calls them. `meta`: the meta command that does the same, which goes with it. */
struct operation {
    const char *name, *word, *meta;
};

static const struct operation operations[] = {
    {"add", "add", NULL},         {"append", "append", NULL},   {"cas", "cas", NULL},
    {"decr", "decr", NULL},       {"delete", "delete", NULL},   {"flushall", NULL, NULL},
    {"flushre", NULL, NULL},      {"gat", "gat", NULL},         {"gats", "gats", NULL},
    {"get", "get", NULL},         {"gets", "gets", NULL},       {"incr", "incr", "ma"},
    {"lease-get", NULL, NULL},    {"lease-set", NULL, NULL},    {"metaget", "me", NULL},
    {"prepend", "prepend", NULL}, {"replace", "replace", NULL}, {"set", "set", "ms"},
    {"touch", "touch", NULL},
};

enum { OPERATIONS = sizeof operations / sizeof *operations };

static const char operation_names[] =
    "add append cas decr delete flushall flushre gat gats get gets incr lease-get lease-set "
    "metaget prepend replace set touch";

static int find_operation(struct tree_text name)
{
    for (int i = 0; i < OPERATIONS; i++)
        if (mc_same(name, operations[i].name)) return i;
    return -1;
}

static bool make_operation(struct mc *m, const struct tree_member *member,
                           struct mc_route of[OPERATIONS])
{
    int i = find_operation(member->name);
    if (i < 0) {
        const char *nearest = mc_nearest(m, member->name, operation_names);
        return mc_fail(m, member->value, "there is no operation '%s': write %s%s",
                       member->name.bytes, nearest ? "" : "one of ",
                       nearest ? nearest : operation_names);
    }
    if (!operations[i].word)
        mc_note(m, member->value, "no client of moongate sends '%s'", member->name.bytes);
    return mc_make(m, member->value, &of[i]);
}

/* Routes are made in the order of the operations' names, which is that of the table. */
static bool make_operations(struct mc *m, const struct tree_node *policies,
                            struct mc_route of[OPERATIONS])
{
    for (int i = 0; i < OPERATIONS; i++) {
        const struct tree_member *member = tree_member(policies, operations[i].name);
        if (member && !make_operation(m, member, of)) return false;
    }
    for (uint32_t i = 0; i < policies->n; i++)
        if (find_operation(policies->members[i].name) < 0)
            return make_operation(m, &policies->members[i], of);
    return true;
}

static const struct mc_route *route_of(const struct mc_route of[OPERATIONS], const char *name)
{
    return &of[find_operation(mc_str(name))];
}

/* `get` and `touch` are groups here: what of them has another route in mcrouter is named. */
static void name_rest(struct mc_call *c, const struct mc_route of[OPERATIONS], const char *group,
                      const char *word, struct mc_route rest)
{
    if (route_of(of, group)->text && !route_of(of, word)->text) mc_option(c, word, rest);
}

static struct mc_route by_command(struct mc *m, const struct mc_route of[OPERATIONS],
                                  struct mc_route rest)
{
    struct mc_call c = mc_call(m, "mg.by_command");
    rest = mc_once(m, rest);
    for (int i = 0; i < OPERATIONS; i++) {
        if (!of[i].text || !operations[i].word) continue;
        struct mc_route route = operations[i].meta ? mc_once(m, of[i]) : of[i];
        mc_option(&c, operations[i].word, route);
        if (operations[i].meta) mc_option(&c, operations[i].meta, route);
    }
    if (c.n == 0) return rest;
    name_rest(&c, of, "get", "gets", rest);
    name_rest(&c, of, "touch", "gat", rest);
    name_rest(&c, of, "touch", "gats", rest);
    mc_option(&c, "default", rest);
    return mc_done(&c);
}

bool mc_operation_selector(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    static const char of[] = "OperationSelectorRoute";
    struct mc_route routes[OPERATIONS] = {{0}}, rest = mc_plain("unexpected"), only;
    if (node->kind != TREE_OBJECT) {
        if (!mc_make(m, node, &only)) return false;
        mc_add(m, to, only);
        return true;
    }
    const struct tree_node *policy = tree_get(node, "default_policy");
    const struct tree_node *policies = tree_get(node, "operation_policies");
    if (!policy && !policies)
        return mc_fail(m, node, "%s has neither default_policy nor operation_policies: give it one",
                       of);
    if (policy && !mc_make(m, policy, &rest)) return false;
    if (policies && policies->kind != TREE_OBJECT)
        return mc_fail(m, policies, "operation_policies is %s: write an object",
                       tree_kind_name(policies->kind));
    if (policies && !make_operations(m, policies, routes)) return false;
    m->has_unexpected = m->has_unexpected || !policy;
    mc_add(m, to, by_command(m, routes, rest));
    return true;
}

/* mcrouter's groups, in the order of their names, with what mg.by_command calls their commands. */
static const struct {
    const char *name, *words[3];
} groups[] = {{"arithmetic_like", {"arithmetic"}},
              {"delete_like", {"delete"}},
              {"get_like", {"get", "gat", "gats"}},
              {"update_like", {"update"}}};

static const char group_names[] = "arithmetic_like delete_like get_like update_like";

static bool make_groups(struct mc *m, const struct tree_node *policies, struct mc_call *c)
{
    struct mc_route route;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        const struct tree_node *value = tree_get(policies, groups[i].name);
        if (!value) continue;
        if (!mc_make(m, value, &route)) return false;
        if (groups[i].words[1]) route = mc_once(m, route);
        for (int k = 0; k < 3 && groups[i].words[k]; k++) mc_option(c, groups[i].words[k], route);
    }
    for (uint32_t i = 0; i < policies->n; i++) {
        struct tree_text name = policies->members[i].name;
        bool is_known = false;
        for (size_t k = 0; k < sizeof groups / sizeof *groups; k++)
            is_known = is_known || mc_same(name, groups[k].name);
        if (!is_known)
            return mc_fail(m, policies->members[i].value, "there is no group '%s': write one of %s",
                           name.bytes, group_names);
    }
    return true;
}

bool mc_routing_group(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    static const char of[] = "RoutingGroupRoute";
    struct mc_call c = mc_call(m, "mg.by_command");
    struct mc_route rest = mc_plain("unexpected"), only;
    if (node->kind != TREE_OBJECT) {
        if (!mc_make(m, node, &only)) return false;
        mc_add(m, to, only);
        return true;
    }
    const struct tree_node *policy = tree_get(node, "default_policy");
    const struct tree_node *policies = tree_get(node, "routing_group_policies");
    if (!policy && !policies)
        return mc_fail(m, node,
                       "%s has neither default_policy nor routing_group_policies: give it one", of);
    if (policy && !mc_make(m, policy, &rest)) return false;
    if (policies && policies->kind != TREE_OBJECT)
        return mc_fail(m, policies, "routing_group_policies is %s: write an object",
                       tree_kind_name(policies->kind));
    if (policies && !make_groups(m, policies, &c)) return false;
    m->has_unexpected = m->has_unexpected || !policy;
    bool is_plain = c.n == 0;
    mc_option(&c, "default", rest);
    mc_add(m, to, is_plain ? rest : mc_done(&c));
    return true;
}

/* --- by prefix ------------------------------------------------------------------------------------------ */

static int compare_members(const void *a, const void *b)
{
    const struct tree_member *const *x = a, *const *y = b;
    size_t n = (*x)->name.len < (*y)->name.len ? (*x)->name.len : (*y)->name.len;
    int order = memcmp((*x)->name.bytes, (*y)->name.bytes, n);
    return order ? order : ((*x)->name.len > (*y)->name.len) - ((*x)->name.len < (*y)->name.len);
}

/* Fills the table of prefixes. An empty prefix, which every key has, becomes *rest. */
static bool make_prefixes(struct mc *m, const struct tree_node *policies, struct mc_call *table,
                          struct mc_route *rest)
{
    const struct tree_member **sorted = mc_alloc(m, policies->n * sizeof *sorted);
    for (uint32_t i = 0; i < policies->n; i++) sorted[i] = &policies->members[i];
    qsort(sorted, policies->n, sizeof *sorted, compare_members);
    for (uint32_t i = 0; i < policies->n; i++) {
        struct mc_route route;
        struct tree_text prefix = sorted[i]->name;
        if (!mc_make(m, sorted[i]->value, &route)) return false;
        if (prefix.len > 250)
            return mc_fail(m, sorted[i]->value, "a prefix of %zu bytes: keys have 250 at most",
                           prefix.len);
        if (prefix.len == 0)
            *rest = route;
        else
            mc_option(table, mc_text(m, "[%s]", mc_quoted(m, prefix)), route);
    }
    return true;
}

bool mc_make_top(struct mc *m, const struct tree_node *node, struct mc_route *to)
{
    struct mc_call c = mc_call(m, "mg.by_prefix"), table = mc_call(m, "");
    struct mc_route rest = {0}, empty = {0};
    if (node->kind != TREE_OBJECT || !tree_says(tree_get(node, "type"), "PrefixSelectorRoute"))
        return mc_make(m, node, to);
    const struct tree_node *policies = tree_get(node, "policies"),
                           *wildcard = tree_get(node, "wildcard");
    if (!mc_check_options(m, node, "PrefixSelectorRoute", "type name policies wildcard"))
        return false;
    if (!policies && !wildcard)
        return mc_fail(m, node,
                       "PrefixSelectorRoute has neither policies nor wildcard: give it one");
    if (policies && policies->kind != TREE_OBJECT)
        return mc_fail(m, policies,
                       "'policies' is %s: write an object with a route for each prefix",
                       tree_kind_name(policies->kind));
    if (policies && !make_prefixes(m, policies, &table, &empty)) return false;
    if (wildcard && !mc_make(m, wildcard, &rest)) return false;
    if (empty.text) rest = empty;
    if (!rest.text) rest = mc_error(m, mc_str("RootRoute: No rh found"));
    *to = rest;
    if (table.n == 0) return true;
    mc_child(&c, mc_done(&table));
    mc_option(&c, "default", rest);
    *to = mc_done(&c);
    return true;
}

/* --- others ---------------------------------------------------------------------------------------------- */

bool mc_random(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    struct mc_list list = {0};
    if (!mc_make_children(m, node, "RandomRoute", MC_LIST_MAX, &list)) return false;
    if (!mc_is_plain(m, &list, to)) mc_add(m, to, mc_over(m, "mg.random", &list));
    return true;
}

/* One route for each host, always the same. */
bool mc_host_id(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    struct mc_call c = mc_call(m, "mg.latest");
    struct mc_list list = {0};
    struct tree_text salt = {NULL, 0};
    if (!mc_make_children(m, node, "HostIdRoute", 32, &list) ||
        !mc_get_name(m, node, "HostIdRoute", "salt", &salt))
        return false;
    if (mc_is_plain(m, &list, to)) return true;
    mc_children(&c, &list);
    if (salt.len) mc_item(&c, "salt = %s", mc_quoted(m, salt));
    mc_item(&c, "tries = 1");
    mc_add(m, to, mc_done(&c));
    return true;
}
