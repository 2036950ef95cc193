#include <string.h>

#include "convert/mcrouter.h"

/* Handles that ask one route after the other: FailoverRoute, FailoverWithExptimeRoute, MissFailoverRoute, LatestRoute.
 *
 * Sources: mcrouter/routes/FailoverRoute.h 201-361 and FailoverRoute-inl.h 22-240, FailoverRateLimiter.cpp 22-42,
 * FailoverWithExptimeRouteFactory.h 23-95, MissFailoverRoute.h 58-120, LatestRoute.h 26-165, mcrouter/lib/FailoverErrorsSettingsBase.cpp
 * 35-132, mcrouter/lib/McResUtil.h 79-100, as of 2026-08. */

enum { ROUTES_MOST = 32, CAP_MOST = 60 * 60 * 24 * 30 };

/* mcrouter's errors, by what here has them. An empty one is an error that no server of ours gives. */
static const struct {
    const char *name, *results;
} errors[] = {
    {"aborted", "lost"},
    {"bad_cas_id", "client_error"},
    {"bad_command", "client_error"},
    {"bad_exptime", "client_error"},
    {"bad_flags", "client_error"},
    {"bad_key", "client_error"},
    {"bad_lease_id", ""},
    {"bad_value", "client_error"},
    {"busy", "server_error"},
    {"client_error", "client_error"},
    {"connect_error", "down"},
    {"connect_timeout", "down"},
    {"deadline_exceeded", ""},
    {"hot_key", ""},
    {"local_error", "busy denied"},
    {"ooo", "lost"},
    {"overloaded", ""},
    {"permission_denied", ""},
    {"remote_error", "server_error lost"},
    {"shutdown", "server_error"},
    {"timeout", "timeout"},
    {"tko", "down"},
    {"try_again", "server_error"},
};

static const char error_names[] =
    "aborted bad_cas_id bad_command bad_exptime bad_flags bad_key bad_lease_id bad_value busy "
    "client_error connect_error connect_timeout deadline_exceeded hot_key local_error ooo "
    "overloaded permission_denied remote_error shutdown timeout tko try_again";

/* In the order in which a list names them. */
static const char *const results[] = {"down",         "busy",         "timeout", "lost",
                                      "server_error", "client_error", "denied"};
enum { RESULTS_N = sizeof results / sizeof *results };

static bool find_error(struct mc *m, const struct tree_node *node, const char *of, const char **to)
{
    if (node->kind != TREE_STRING)
        return mc_fail(m, node, "%s: an error of failover_errors is %s: write a string", of,
                       tree_kind_name(node->kind));
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        *to = errors[i].results;
        if (mc_same(node->text, errors[i].name)) return true;
    }
    const char *nearest = mc_nearest(m, node->text, error_names);
    return mc_fail(m, node, "%s: there is no error '%s': write %s%s", of, node->text.bytes,
                   nearest ? "" : "one of ", nearest ? nearest : error_names);
}

static void mark(bool *set, const char *words)
{
    for (const char *at = words; *at; at += *at == ' ') {
        size_t n = strcspn(at, " ");
        for (int i = 0; i < RESULTS_N; i++)
            if (strlen(results[i]) == n && memcmp(results[i], at, n) == 0) set[i] = true;
        at += n;
    }
}

/* A list of errors as a list of results: `{ "down", "timeout" }`; `{}`, after which nothing goes on, for none of ours. */
static bool read_list(struct mc *m, const struct tree_node *node, const char *of, const char **to)
{
    bool set[RESULTS_N] = {0};
    if (node->kind != TREE_LIST)
        return mc_fail(m, node, "%s: failover_errors has %s where a list is wanted", of,
                       tree_kind_name(node->kind));
    for (uint32_t i = 0; i < node->n; i++) {
        const char *words = "";
        if (!find_error(m, node->items[i], of, &words)) return false;
        mark(set, words);
    }
    struct mc_call c = mc_call(m, "");
    for (int i = 0; i < RESULTS_N; i++)
        if (set[i]) mc_item(&c, "\"%s\"", results[i]);
    *to = c.n ? mc_done(&c).text : "{}";
    return true;
}

bool mc_read_errors(struct mc *m, const struct tree_node *node, const char *of, bool denies,
                    struct mc_errors *to)
{
    static const char *const classes[] = {"gets", "updates", "deletes"};
    const char **places[] = {&to->gets, &to->updates, &to->deletes};
    const struct tree_node *given = tree_get(node, "failover_errors");
    const char *usual = denies ? "{ \"error\", \"denied\" }" : "\"error\"";
    *to = (struct mc_errors){usual, usual, usual, usual};
    if (!given) return true;
    if (given->kind == TREE_LIST) {
        if (!read_list(m, given, of, &to->gets)) return false;
        to->updates = to->deletes = to->gets;
        return true;
    }
    if (given->kind != TREE_OBJECT)
        return mc_fail(m, given, "%s: failover_errors is %s: write a list or an object", of,
                       tree_kind_name(given->kind));
    for (int i = 0; i < 3; i++) {
        const struct tree_node *list = tree_get(given, classes[i]);
        if (list && !read_list(m, list, of, places[i])) return false;
    }
    return mc_check_options(m, given, "failover_errors", "gets updates deletes");
}

/* The option `on`, where it is not the one that mg.failover has by itself. */
static void add_errors(struct mc_call *c, const struct mc_errors *e)
{
    struct mc_call on = mc_call(c->m, "");
    const char *gets = e->gets, *updates = e->updates, *deletes = e->deletes;
    bool one = !strcmp(gets, updates) && !strcmp(gets, deletes) && !strcmp(gets, e->others);
    if (one && !strcmp(gets, "\"error\"")) return;
    if (one) {
        mc_item(c, "on = %s", gets);
        return;
    }
    mc_item(&on, "get = %s, gat = %s, gats = %s", gets, gets, gets);
    mc_item(&on, "update = %s, delete = %s, default = %s", updates, deletes, e->others);
    mc_item(c, "on = %s", mc_done(&on).text);
}

/* --- FailoverRoute ------------------------------------------------------------------------------------ */

static bool add_limit(struct mc *m, const struct tree_node *node, const char *of, struct mc_call *c)
{
    const struct tree_node *limit = tree_get(node, "failover_limit");
    double rate = 1, burst = 1000;
    if (!limit) return true;
    if (limit->kind != TREE_OBJECT)
        return mc_fail(m, limit, "%s: failover_limit is %s: write an object with rate and burst",
                       of, tree_kind_name(limit->kind));
    if (!mc_want(m, limit, "failover_limit", "rate") ||
        !mc_get_real(m, limit, "failover_limit", "rate", &rate) ||
        !mc_get_real(m, limit, "failover_limit", "burst", &burst) ||
        !mc_check_options(m, limit, "failover_limit", "rate burst"))
        return false;
    rate = rate < 0 ? 0 : rate > 1 ? 1 : rate;
    burst = burst < 1 ? 1 : burst > 1e9 ? 1e9 : burst;
    if (rate < 1) mc_item(c, "share = %s, burst = %s", mc_number(m, rate), mc_number(m, burst));
    return true;
}

static bool add_policy(struct mc *m, const struct tree_node *node, uint32_t n, struct mc_call *c)
{
    const struct tree_node *policy = tree_get(node, "failover_policy");
    int64_t tries = n;
    if (!policy) return true;
    if (policy->kind != TREE_OBJECT)
        return mc_fail(m, policy, "failover_policy is %s: write an object with a type",
                       tree_kind_name(policy->kind));
    const struct tree_node *type = mc_want(m, policy, "failover_policy", "type");
    if (!type) return false;
    if (tree_says(type, "DeterministicOrderPolicy") || tree_says(type, "RendezvousPolicy"))
        return mc_fail(m, type,
                       "the failover_policy %s is not built yet: use LeastFailuresPolicy, "
                       "or leave it out",
                       type->text.bytes);
    if (!tree_says(type, "LeastFailuresPolicy")) {
        mc_note(m, type,
                "routes are tried in their order: there is no failover_policy of this type");
        return true;
    }
    if (!mc_want(m, policy, "LeastFailuresPolicy", "max_tries") ||
        !mc_get_whole(m, policy, "LeastFailuresPolicy", "max_tries", 1, UINT32_MAX, &tries) ||
        !mc_check_options(m, policy, "LeastFailuresPolicy", "type max_tries"))
        return false;
    mc_item(c, "order = \"least_failures\"");
    if (tries < n) mc_item(c, "tries = %lld", (long long)tries);
    return true;
}

static bool denies_any(const struct mc_list *list)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (list->items[i].denies) return true;
    return false;
}

/* A failover over a list of two or more, as `node` says. */
static bool over_routes(struct mc *m, const struct tree_node *node, const char *of,
                        const struct mc_list *list, struct mc_list *to)
{
    struct mc_call c = mc_call(m, "mg.failover");
    struct mc_errors on;
    if (list->n > ROUTES_MOST)
        return mc_fail(m, node, "%s is over %u routes: here it takes %d at most", of, list->n,
                       ROUTES_MOST);
    if (!mc_read_errors(m, node, of, denies_any(list), &on)) return false;
    uint32_t children = list->n;
    mc_children(&c, list);
    add_errors(&c, &on);
    if (!add_policy(m, node, children, &c) || !add_limit(m, node, of, &c)) return false;
    if (c.n == 1 && list->items->each)
        mc_add(m, to, mc_over(m, "mg.failover", list));
    else
        mc_add(m, to, mc_done(&c));
    return true;
}

bool mc_failover(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    struct mc_list list = {0};
    if (!mc_make_children(m, node, "FailoverRoute", MC_LIST_MAX, &list)) return false;
    return mc_is_plain(m, &list, to) || over_routes(m, node, "FailoverRoute", &list, to);
}

/* An exptime of mcrouter is a number as the client writes it; what is beyond 30 days is a date. */
bool mc_failover_with_exptime(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    static const char of[] = "FailoverWithExptimeRoute";
    struct mc_list list = {0}, gutters = {0};
    struct mc_route normal;
    int64_t exptime = 60;
    if (!mc_make_option(m, node, of, "normal", &normal) ||
        !mc_get_whole(m, node, of, "failover_exptime", INT32_MIN, CAP_MOST, &exptime))
        return false;
    const struct tree_node *failover = tree_get(node, "failover");
    if (failover && !mc_make_list(m, failover, &gutters)) return false;
    mc_add(m, &list, normal);
    for (uint32_t i = 0; i < gutters.n; i++) {
        struct mc_call c = mc_call(m, "mg.cap_ttl");
        mc_child(&c, gutters.items[i]);
        mc_item(&c, "%lld", (long long)exptime);
        mc_add(m, &list, exptime > 0 ? mc_done(&c) : gutters.items[i]);
    }
    return mc_is_plain(m, &list, to) || over_routes(m, node, of, &list, to);
}

/* The client gets the last reply, also where it is an error after a miss. */
bool mc_miss_failover(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    struct mc_call c = mc_call(m, "mg.failover");
    struct mc_list list = {0};
    bool best = false;
    if (!mc_make_children(m, node, "MissFailoverRoute", ROUTES_MOST, &list) ||
        !mc_get_truth(m, node, "MissFailoverRoute", "return_best_on_error", &best))
        return false;
    if (mc_is_plain(m, &list, to)) return true;
    mc_children(&c, &list);
    mc_item(&c, "on = { \"miss\", \"refused\", \"error\", \"client_error\", \"denied\" }");
    mc_item(&c, "commands = { \"get\", \"gat\", \"gats\", \"delete\" }");
    if (!best) mc_item(&c, "result = \"last\"");
    mc_add(m, to, mc_done(&c));
    return true;
}

/* --- LatestRoute -------------------------------------------------------------------------------------- */

/* Which route a host takes first differs from mcrouter's: that goes by a hash of the host that nothing else computes. */
bool mc_latest(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    struct mc_list list = {0};
    return mc_make_children(m, node, "LatestRoute", MC_LIST_MAX, &list) &&
           mc_latest_over(m, node, &list, to);
}

bool mc_latest_over(struct mc *m, const struct tree_node *node, const struct mc_list *list,
                    struct mc_list *to)
{
    static const char of[] = "LatestRoute";
    struct mc_call c = mc_call(m, "mg.latest");
    struct tree_text salt = {NULL, 0};
    const struct tree_node *weights = NULL;
    struct mc_errors on;
    int64_t tries = 5;
    if (mc_is_plain(m, list, to)) return true;
    if (list->n > ROUTES_MOST)
        return mc_fail(m, node, "%s is over %u routes: here it takes %d at most", of, list->n,
                       ROUTES_MOST);
    if (!mc_get_whole(m, node, of, "failover_count", 1, UINT32_MAX, &tries) ||
        !mc_get_name(m, node, of, "salt", &salt) ||
        !mc_get_list(m, node, of, "weights", &weights) ||
        !mc_read_errors(m, node, of, denies_any(list), &on))
        return false;
    if (tree_get(node, "failover_policy"))
        return mc_fail(m, node, "%s with failover_policy is not built yet: leave it out", of);
    mc_children(&c, list);
    add_errors(&c, &on);
    if (salt.len) mc_item(&c, "salt = %s", mc_quoted(m, salt));
    if (weights && !mc_add_weights(&c, weights, list->n, false)) return false;
    if (tries != 5 && tries < list->n) mc_item(&c, "tries = %lld", (long long)tries);
    if (!add_limit(m, node, of, &c)) return false;
    if (c.n == 1 && list->items->each)
        mc_add(m, to, mc_over(m, "mg.latest", list));
    else
        mc_add(m, to, mc_done(&c));
    return true;
}
