#include "convert/mcrouter.h"

/* Handles that copy from one route to another: WarmUpRoute, StagingRoute, MigrateRoute, L1L2CacheRoute.
 *
 * Sources: mcrouter/routes/WarmUpRoute.h 75-240 and WarmUpRoute.cpp 28-58, mcrouter_config.h 159 (no metaget), StagingRoute.h 30-110,
 * mcrouter/lib/routes/MigrateRoute.h 20-205 and routes/MigrateRouteFactory.h 45-75, lib/routes/L1L2CacheRoute.h 25-125 and
 * routes/L1L2CacheRouteFactory.h 40-85, as of 2026-08. */

bool mc_warm_up(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    static const char of[] = "WarmUpRoute";
    struct mc_call c = mc_call(m, "mg.warm_up");
    struct mc_route cold, warm;
    int64_t exptime = 0;
    bool has_metaget = false;
    if (!mc_want(m, node, of, "cold") || !mc_want(m, node, of, "warm") ||
        !mc_get_truth(m, node, of, "enable_metaget", &has_metaget) ||
        !mc_get_whole(m, node, of, "exptime", 0, INT32_MAX, &exptime) ||
        !mc_make_option(m, node, of, "warm", &warm) || !mc_make_option(m, node, of, "cold", &cold))
        return false;
    mc_child(&c, cold);
    mc_child(&c, warm);
    if (has_metaget && !tree_get(node, "exptime"))
        mc_item(&c, "exptime = \"same\"");
    else
        mc_item(&c, "exptime = %lld", (long long)exptime);
    mc_add(m, to, mc_done(&c));
    return true;
}

/* A delete is answered when both have answered, by the worse of the two. */
bool mc_staging(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    static const char of[] = "StagingRoute";
    struct mc_call c = mc_call(m, "mg.by_command"), live = mc_call(m, "mg.staging"),
                   both = mc_call(m, "mg.all_sync");
    struct mc_route warm, staging;
    if (!mc_want(m, node, of, "warm") || !mc_want(m, node, of, "staging") ||
        !mc_make_option(m, node, of, "warm", &warm) ||
        !mc_make_option(m, node, of, "staging", &staging))
        return false;
    warm = mc_once(m, warm);
    staging = mc_once(m, staging);
    mc_child(&both, warm);
    mc_child(&both, staging);
    mc_child(&live, warm);
    mc_child(&live, staging);
    mc_option(&c, "delete", mc_done(&both));
    mc_option(&c, "default", mc_done(&live));
    mc_add(m, to, mc_done(&c));
    return true;
}

/* --- MigrateRoute ----------------------------------------------------------------------------------------- */

static struct mc_route migrate(struct mc *m, struct mc_route from, struct mc_route to,
                               int64_t start, int64_t interval)
{
    struct mc_call c = mc_call(m, "mg.migrate");
    mc_child(&c, from);
    mc_child(&c, to);
    mc_item(&c, "start = %lld, interval = %lld", (long long)start, (long long)interval);
    return mc_done(&c);
}

/* Deletes go to both from start_time on, for twice the interval. Keys move in the second half of that. */
bool mc_migrate(struct mc *m, const struct tree_node *node, struct mc_list *list)
{
    static const char of[] = "MigrateRoute";
    struct mc_call c = mc_call(m, "mg.by_command");
    struct mc_route from, to;
    int64_t start = 0, interval = 3600;
    if (!mc_want(m, node, of, "start_time") || !mc_want(m, node, of, "from") ||
        !mc_want(m, node, of, "to") ||
        !mc_get_whole(m, node, of, "start_time", 0, (int64_t)1 << 39, &start) ||
        !mc_get_whole(m, node, of, "interval", 1, INT32_MAX / 16, &interval) ||
        !mc_make_option(m, node, of, "from", &from) || !mc_make_option(m, node, of, "to", &to))
        return false;
    from = mc_once(m, from);
    to = mc_once(m, to);
    if (interval % 2)
        mc_note(m, node, "keys move within %lld s, not %lld s", (long long)interval + 1,
                (long long)interval);
    mc_option(&c, "delete", migrate(m, from, to, start, interval));
    mc_option(&c, "default", migrate(m, from, to, start + interval, (interval + 1) / 2));
    mc_add(m, list, mc_done(&c));
    return true;
}

/* --- L1L2CacheRoute --------------------------------------------------------------------------------------- */

/* Reads ask L1, then L2; all others are L1's alone. A cas of L2 is of no use to L1, so gets, and gats, which write, copy nothing. */
bool mc_l1l2(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    static const char of[] = "L1L2CacheRoute";
    struct mc_call c = mc_call(m, "mg.by_command"), both = mc_call(m, "mg.l1_l2"),
                   beyond = mc_call(m, "mg.failover");
    struct mc_route l1, l2;
    int64_t exptime = 0, negative = 0, period = 0;
    if (!mc_want(m, node, of, "l1") || !mc_want(m, node, of, "l2") ||
        !mc_want(m, node, of, "upgradingL1Exptime") ||
        !mc_get_whole(m, node, of, "upgradingL1Exptime", 0, INT32_MAX, &exptime) ||
        !mc_get_whole(m, node, of, "ncacheExptime", 0, INT32_MAX, &negative) ||
        !mc_get_whole(m, node, of, "ncacheUpdatePeriod", 0, INT32_MAX, &period) ||
        !mc_make_option(m, node, of, "l1", &l1) || !mc_make_option(m, node, of, "l2", &l2))
        return false;
    l1 = mc_once(m, l1);
    l2 = mc_once(m, l2);
    mc_child(&both, l1);
    mc_child(&both, l2);
    mc_item(&both, "exptime = %lld", (long long)exptime);
    if (period && negative > 0 && negative <= 86400) {
        mc_note(m, node,
                "%s: a miss is remembered for ncacheExptime seconds; ncacheUpdatePeriod is not "
                "counted",
                of);
        mc_item(&both, "negative = %lld", (long long)negative);
    } else if (period) {
        mc_note(m, node, "%s: misses are not remembered: that takes ncacheExptime from 1 to 86400",
                of);
    }
    mc_child(&beyond, l1);
    mc_child(&beyond, l2);
    mc_item(&beyond, "on = { \"miss\", \"error\", \"client_error\", \"denied\" }");
    mc_item(&beyond, "result = \"last\"");
    struct mc_route reads = mc_once(m, mc_done(&beyond));
    mc_option(&c, "get", mc_done(&both));
    mc_option(&c, "gets", reads);
    mc_option(&c, "gat", reads);
    mc_option(&c, "gats", reads);
    mc_option(&c, "default", l1);
    mc_add(m, to, mc_done(&c));
    return true;
}
