#include "convert/mcrouter.h"

/* Handles that ask all their routes at once. None is null, one is that route itself, but for AllAsyncRoute, which waits for none.
 *
 * Sources: mcrouter/lib/routes/AllSyncRoute.h 48-64, AllFastestRoute.h 56-63, AllInitialRoute.h 51-55, AllMajorityRoute.h 65-80,
 * mcrouter/routes/AllAsyncRouteFactory.h 26, as of 2026-08. */

enum { COPIES_MOST = 64 }; /* as lua/moongate/routes/all_sync.lua says */

static bool over_all(struct mc *m, const struct tree_node *node, const char *of, const char *name,
                     struct mc_list *to)
{
    struct mc_list list = {0};
    if (!mc_make_children(m, node, of, COPIES_MOST, &list)) return false;
    if (!mc_is_plain(m, &list, to)) mc_add(m, to, mc_over(m, name, &list));
    return true;
}

bool mc_all_async(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    struct mc_list list = {0};
    if (!mc_make_children(m, node, "AllAsyncRoute", COPIES_MOST, &list)) return false;
    mc_add(m, to, list.n ? mc_over(m, "mg.all_async", &list) : mc_null());
    return true;
}

bool mc_all_fastest(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    return over_all(m, node, "AllFastestRoute", "mg.all_fastest", to);
}

bool mc_all_initial(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    return over_all(m, node, "AllInitialRoute", "mg.all_initial", to);
}

bool mc_all_majority(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    struct mc_call c = mc_call(m, "mg.all_majority");
    struct mc_list list = {0};
    if (!mc_make_children(m, node, "AllMajorityRoute", COPIES_MOST, &list)) return false;
    if (mc_is_plain(m, &list, to)) return true;
    mc_children(&c, &list);
    mc_item(&c, "result = \"most_frequent\"");
    mc_add(m, to, mc_done(&c));
    return true;
}

bool mc_all_sync(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    return over_all(m, node, "AllSyncRoute", "mg.all_sync", to);
}
