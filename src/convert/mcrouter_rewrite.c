#include "convert/mcrouter.h"

/* Handles that change the request: ModifyExptimeRoute, ModifyKeyRoute, KeySplitRoute.
 *
 * Sources: mcrouter/routes/ModifyExptimeRoute.h 60-190, ModifyKeyRoute.h 85-235, KeySplitRoute-inl.h 20-60, as of 2026-08. */

enum { TTL_MOST = 60 * 60 * 24 * 30 };

/* Times that mg.set_ttl and mg.cap_ttl do not take: in the past, or so far away that memcached reads a date. */
static struct mc_route exptime_function(struct mc *m, struct mc_route target, long long exptime,
                                        bool is_cap)
{
    const char *when = is_cap ? mc_text(m, "if time and (time == 0 or time > %lld) then ", exptime)
                              : "if time then ";
    return (struct mc_route){.text = mc_text(m,
                                             "function(req)\n"
                                             "    local time = req.exptime\n"
                                             "    %sreq.exptime = %lld end\n"
                                             "    return %s\n"
                                             "end",
                                             when, exptime, mc_once(m, target).text),
                             .denies = target.denies};
}

bool mc_modify_exptime(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    static const char of[] = "ModifyExptimeRoute";
    struct mc_route target;
    struct tree_text action = mc_str("set");
    int64_t exptime = 0;
    if (!mc_make_option(m, node, of, "target", &target) || !mc_want(m, node, of, "exptime") ||
        !mc_get_whole(m, node, of, "exptime", INT32_MIN, INT32_MAX, &exptime) ||
        !mc_get_text(m, node, of, "action", &action))
        return false;
    bool is_cap = mc_same(action, "min");
    if (!is_cap && !mc_same(action, "set"))
        return mc_fail(m, tree_get(node, "action"),
                       "%s: 'action' is '%s': write \"set\" or \"min\"", of, action.bytes);
    struct mc_call c = mc_call(m, is_cap ? "mg.cap_ttl" : "mg.set_ttl");
    mc_child(&c, target);
    mc_item(&c, "%lld", (long long)exptime);
    if (exptime < 0 || exptime > TTL_MOST)
        mc_add(m, to, exptime_function(m, target, (long long)exptime, is_cap));
    else
        mc_add(m, to, is_cap && exptime == 0 ? target : mc_done(&c));
    return true;
}

/* --- keys ------------------------------------------------------------------------------------------------- */

struct key_change {
    struct tree_text prefix, old, suffix; /* bytes NULL: not given */
    bool is_inplace;
};

static bool is_key(struct tree_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.bytes[i] <= ' ' || text.bytes[i] == 127) return false;
    return text.len <= 250;
}

static bool read_part(struct mc *m, const struct tree_node *node, const char *name,
                      struct tree_text *to)
{
    if (!mc_get_text(m, node, "ModifyKeyRoute", name, to)) return false;
    if (!to->bytes || is_key(*to)) return true;
    return mc_fail(m, tree_get(node, name),
                   "ModifyKeyRoute: '%s' is no part of a key: write up to 250 "
                   "bytes without blanks",
                   name);
}

/* The beginning of a key is written over; the key gets no longer. */
static struct mc_route inplace(struct mc *m, struct mc_route target,
                               const struct key_change *change)
{
    const char *prefix = mc_quoted(m, change->prefix);
    struct tree_text suffix = change->suffix.bytes ? change->suffix : mc_str("");
    const char *text =
        mc_text(m,
                "function(req)\n"
                "    local key, begin = req.key, %s\n"
                "    if not req:has_prefix(begin) then\n"
                "        key = begin .. (#key < #begin and key or key:sub(#begin + 1))\n"
                "    end\n"
                "    req.key = key .. %s\n"
                "    return %s\n"
                "end",
                prefix, mc_quoted(m, suffix), mc_once(m, target).text);
    return (struct mc_route){.text = text, .denies = target.denies};
}

/* First the old beginning is replaced; then a key that has not got the new one yet gets it. */
static struct mc_route changed(struct mc *m, struct mc_route target,
                               const struct key_change *change)
{
    struct mc_call inner = mc_call(m, "mg.modify_key"), outer = mc_call(m, "mg.modify_key");
    const char *prefix = mc_quoted(m, change->prefix);
    bool is_always = change->old.bytes && change->old.len == 0;
    mc_child(&inner, target);
    if (change->prefix.len) mc_item(&inner, "%s = %s", is_always ? "add" : "ensure", prefix);
    if (change->suffix.len) mc_item(&inner, "suffix = %s", mc_quoted(m, change->suffix));
    struct mc_route route = inner.n > 1 ? mc_done(&inner) : target;
    if (!change->old.len) return route;
    mc_child(&outer, route);
    if (change->prefix.len)
        mc_item(&outer, "replace = { %s, %s }", mc_quoted(m, change->old), prefix);
    else
        mc_item(&outer, "strip = %s", mc_quoted(m, change->old));
    return mc_done(&outer);
}

bool mc_modify_key(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    struct key_change change = {.prefix = mc_str("")};
    struct mc_route target;
    if (!mc_want(m, node, "ModifyKeyRoute", "target") ||
        !read_part(m, node, "ensure_key_prefix", &change.prefix) ||
        !read_part(m, node, "replace_key_prefix", &change.old) ||
        !read_part(m, node, "set_key_suffix", &change.suffix) ||
        !mc_get_truth(m, node, "ModifyKeyRoute", "modify_inplace", &change.is_inplace) ||
        !mc_make_option(m, node, "ModifyKeyRoute", "target", &target))
        return false;
    if (change.old.bytes && tree_get(node, "modify_inplace"))
        return mc_fail(m, node,
                       "ModifyKeyRoute has replace_key_prefix and modify_inplace: leave one out");
    bool over = change.is_inplace && change.prefix.len;
    mc_add(m, to, over ? inplace(m, target, &change) : changed(m, target, &change));
    return true;
}

bool mc_key_split(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    static const char of[] = "KeySplitRoute";
    struct mc_call c = mc_call(m, "mg.key_split");
    struct mc_route target;
    int64_t replicas = 2;
    bool all = false, first = false;
    if (!mc_want(m, node, of, "destination") || !mc_want(m, node, of, "replicas") ||
        !mc_want(m, node, of, "all_sync") ||
        !mc_get_whole(m, node, of, "replicas", 2, 1000, &replicas) ||
        !mc_get_truth(m, node, of, "all_sync", &all) ||
        !mc_get_truth(m, node, of, "first_hit", &first) ||
        !mc_make_option(m, node, of, "destination", &target))
        return false;
    mc_child(&c, target);
    mc_item(&c, "replicas = %lld", (long long)replicas);
    if (all) mc_item(&c, "all_sync = true");
    if (first) mc_item(&c, "first_hit = true");
    mc_add(m, to, mc_done(&c));
    return true;
}
