#include "lib/composer.h"

#include <stdio.h>
#include <string.h>

#include "lib/moongate.h"
#include "lib/scene.h"

enum {
    DEEPEST = 4,
    ROUTES_MAX = 100, /* a Lua function has 200 locals at most */
    TEXT_ROOM = 32768
};

static const double POOL_TIMEOUT = 0.12; /* of its calls, at most */

const char *const composer_first_lines =
    MG "mg.defaults { connect_timeout = 0.2, stall_timeout = 0.5, probe_min = 0.02, "
       "probe_max = 0.2, probe_settle = 0.5 }";

/* What a route may be. @ stands for a route, <a|b> for one of a and b, $ for the number of this one. Long ones go over several lines:
 * NOLINTBEGIN(bugprone-suspicious-missing-comma) */
static const char *const forms[] = {
    "mg.failover { @, @ }",
    "mg.failover { @, @, on = { 'error'<|, 'miss'|, 'refused'> } }",
    "mg.failover { @, @, @, on = { 'error', 'miss' }, order = "
    "'<as_written|shuffled|least_failures>' }",
    "mg.failover { @, @, @, order = 'least_failures', <tries = 2|share = 0.3, burst = 2> }",
    "mg.failover_with_exptime { @, @, <0|5|600> }",
    "mg.zone_failover { here = '<a|b>', zones = { a = @, b = @, c = @ }<|, on = { 'error', 'miss' "
    "}> }",
    "mg.all_<sync|async|initial|fastest|majority> { @, @<|, @> }",
    "mg.all_<sync|initial|majority> { @, @, @ }",
    "mg.all_fastest { @, @, hit = true }",
    "mg.failover { @, @<|, within = 0.01|, within = 0.05><|, result = 'last'>, on = { get = { "
    "'error', "
    "'miss' }, <update|mg|delete> = <'down'|{}> } }",
    "mg.failover { @, @, @, commands = { 'get'<|, 'delete'|, 'update'> }, within = <0.01|0.05> }",
    "mg.all_fastest { @, @<|, hit = true>, within = <0.01|0.05> }",
    "mg.all_sync { @, @, result = 'last' }",
    "mg.all_majority { @, @, @<|, @>, result = 'most_frequent' }",
    "mg.<all_sync|all_fastest|all_initial|failover> { @, @, mg.each(r<0|1|2|3|4>) }",
    "mg.shadow { @, to = @, index_range = { 0, <1|2> }, pool = r<0|1|2> }",
    "mg.by_command { get = @, gets = @<|, gats = @>, default = @ }",
    "mg.by_prefix { { ['f:1'] = @, ['r:'] = @, ['f:12'] = @ }<|, default = @> }",
    "mg.by_prefix { { f = @, r = @ }, separator = ':', default = @ }",
    "mg.by_command { get = @, update = @, <delete|touch|mg|gets|meta> = @, default = @ }",
    "mg.hash { @, @<|, @><|, salt = 'x'|, distribution = 'jump'|, distribution = 'rendezvous'> }",
    "mg.random { @, @ }",
    "mg.latest { mg.delay { @, after = 0.001 }, @ }",
    "mg.key_split { @, replicas = <2|3><|, all_sync = true><|, first_hit = true><|, id = 1> }",
    "mg.coalesce { @ }",
    "mg.coalesce { @ }",
    "mg.hedge { @, @, least = 0.001, most = <0.002|0.02|0.1> }",
    "mg.hedge { @, @, percentile = 0.5 }",
    "mg.compare { @, @, share = <0.5|1>, again = <0|0.01><|, most = 3> }",
    "mg.near { mg.store { size = '64k', name = 'near<1|2>' }, @, ttl = <0.05|1>, name = 'n$' }",
    "mg.negative_cache { @, ttl = <0.01|1>, keys = <8|1000> }",
    "mg.delay { @, <before|after> = <0.001|0.02> }",
    "mg.delay { @, before = 0.005, after = 0.005 }",
    "mg.outstanding_limit { @, <1|5|100><|, over = 'miss'|, over = @> }",
    "mg.rate_limit { @, rate = <10|1000><|, over = 'miss'|, over = @|, update = 50> }",
    "mg.shadow { @, to = @, <share = 0.5|keys = 0.3|keys = { 0.2, 0.8 }><|, most = 4> }",
    "mg.set_ttl { @, <0|2|100> }",
    "mg.cap_ttl { @, <1|100> }",
    "mg.modify_key { @, <add = 'p.'|ensure = 'e.'|suffix = '.s'|add = 'l.', suffix = '.l'> }",
    "mg.modify_key { @, <replace = { 'f:', 'F:' }|strip = 'f:'|strip = 'p.'> }",
    "mg.allow { <bob|alice> = @<|, otherwise = @> }",
    "mg.deny { @, <identities = 'bob'|commands = 'delete'|prefixes = 'r:1'|keys = { 'f:3', 'r:4' "
    "}> }",
    "mg.log_requests { @, share = 0.01, per_second = 1 }",
    "<mg.null()|mg.error 'no'>",
    "function(req) if req:has_prefix 'f:1' then return @ end return @ end",
    "function(req) req.key = 'q.' .. req.key return @ end",
    "function(req) if req.exptime == 0 then req.exptime = 100 end return @ end",
    "function(req) if math.random() > 0.9 then return <mg.reply.miss()|mg.reply.error 'x'> end "
    "return @ end",
    "function(req) mg.spawn(@, req) return @ end",
    "mg.async(function(req) local res = mg.call(@, req<|, 0.03>) "
    "if res:is_miss() or res:is_error() then return mg.call(@, req) end return res end)",
    "mg.async(function(req) local all = mg.call_all({ @, @<|, @> }, req, "
    "{ wait = <'all'|'first'|'hit'|'majority'|1|2><|, timeout = 0.03> }) "
    "for i = 1, #all do if all[i] and not all[i]:is_error() then return all[i] end end return @ "
    "end)",
    "mg.async(function(req) local all = mg.call_all({ @, @ }, req, { wait = <'first'|'hit'|1> }) "
    "return all[1] or all[2] end)",
    "mg.async(function(req) local res = mg.call(@, req) if res:is_hit() and req.command == 'get' "
    "then "
    "mg.spawn(@, mg.request.add(req.key, res.value, res.flags, 100)) end return res end)",
    "mg.async(function(req) mg.sleep(<0.001|0.01>) return @ end)",
    "mg.async(function(req) if req.command ~= 'get' then return @ end "
    "local res = mg.call(@, mg.request.get(req.key)) if res:is_hit() then return res end return "
    "mg.reply.miss() end)",
    "mg.async(function(req) req.key = 'w.' .. req.key mg.call(@, req) return @ end)",
    "mg.async(function(req) local key = req.key mg.call(@, mg.request.delete(key)) "
    "req.key = 'y.' .. key return mg.call(@, req) end)",
    "mg.async(function(req) return mg.call(@, req):is_hit() and @ or mg.reply.miss() end)",
    "mg.async(function(req) local good, res = pcall(mg.call, @, req, 0.01) return good and res or "
    "@ end)",
    "mg.async(function(req) if req.command ~= 'get' then return @ end "
    "local res = mg.call(@, req) if not res:is_hit() then return res end "
    "return mg.reply.value(res.value, res.flags) end)",
    "mg.l1_l2 { @, @<|, exptime = 1|, exptime = 60> }",
    "mg.l1_l2 { mg.modify_key { @, add = 'N.' }, @, negative = 1<|, exptime = 60> }",
    "mg.warm_up { @, @<|, exptime = 60> }",
    "mg.staging { @, @<|, exptime = 60> }",
    "mg.migrate { @, @, start = os.time() - <-5|0|1|100>, interval = <1|3><|, writes = 'both'> }",
    "mg.modify_key { mg.big_value { @, threshold = <1024|16384> }, add = 'B.' }",
    "mg.modify_key { mg.big_value { @, threshold = <1024|16384> }, add = 'B.' }",
    "mg.async(function(req) mg.spawn(@, req) mg.sleep(0.001) mg.spawn(@, req) return mg.call(@, "
    "req) end)",
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */
_Static_assert(sizeof forms / sizeof *forms == COMPOSER_FORMS, "composer.h says how many");

/* A script that is being written. */
struct composition {
    struct composer *by;
    char *text;
    size_t n;
    unsigned routes;
    double waits[ROUTES_MAX]; /* each route, for servers, at most */
};

static void write_line(struct composition *c, const char *line)
{
    int n = snprintf(c->text + c->n, TEXT_ROOM - c->n, "%s\n", line);
    if (n < 0 || c->n + (size_t)n >= TEXT_ROOM) stage_fails("a script has no room");
    c->n += (size_t)n;
}

/* The text from `<` on without all but one of what it may be; behind it in *end. */
static const char *one_of(unsigned *seed, const char *from, const char **end)
{
    const char *at = from + 1;
    unsigned n = 1;
    *end = strchr(from, '>') + 1;
    for (const char *p = from; p < *end; p++) n += *p == '|';
    for (unsigned skip = random_below(seed, n); skip > 0; skip--) at = strchr(at, '|') + 1;
    return textf("%.*s", (int)strcspn(at, "|>"), at);
}

static const char *decided(unsigned *seed, const char *form)
{
    const char *text = "", *from;
    for (; (from = strchr(form, '<')); form = strchr(from, '>') + 1) {
        const char *end, *one = one_of(seed, from, &end);
        text = textf("%s%.*s%s", text, (int)(from - form), form, one);
    }
    return textf("%s%s", text, form);
}

static unsigned children_in(const char *form)
{
    unsigned n = 0;
    for (; *form; form++) n += *form == '@';
    return n;
}

/* A route that is there already and waits no longer than that; or `routes`. */
static unsigned known_route(struct composition *c, double patience)
{
    unsigned at = random_below(&c->by->seed, c->routes);
    return c->waits[at] <= patience ? at : c->routes;
}

/* Writes a route and those it is made of; returns its number. */
static unsigned write_route(struct composition *c, unsigned depth, double patience)
{
    unsigned known = known_route(c, patience), form = random_below(&c->by->seed, COMPOSER_FORMS);
    bool is_leaf = depth == 0 || patience < 2 * POOL_TIMEOUT || c->routes > ROUTES_MAX - 20;
    if (known < c->routes && (is_leaf || random_below(&c->by->seed, 5) == 0)) return known;
    if (is_leaf) return random_below(&c->by->seed, COMPOSER_SERVERS);
    const char *at = decided(&c->by->seed, forms[form]), *text = "", *child, *number;
    unsigned children = children_in(at);
    double waits = 0.05; /* what it does itself */
    for (; (child = strchr(at, '@')); at = child + 1) {
        unsigned route = write_route(c, depth - 1, patience / children);
        waits += c->waits[route];
        text = textf("%s%.*sr%u", text, (int)(child - at), at, route);
    }
    if ((number = strchr(at, '$')))
        at = textf("%.*s%u%s", (int)(number - at), at, c->routes, number + 1);
    write_line(c, textf("local r%u = %s%s", c->routes, text, at));
    c->by->used[form]++;
    c->waits[c->routes] = waits;
    return c->routes++;
}

static void write_pools(struct composition *c, const char *const *addresses)
{
    static const char *const options = "timeout = <0.04|0.12>, connections = <1|2><|, on_failure = "
                                       "'miss'|, on_failure = 'rehash'>";
    for (c->routes = 0; c->routes < COMPOSER_SERVERS; c->routes++) {
        const char *list = textf("'%s'", addresses[c->routes]);
        for (unsigned more = random_below(&c->by->seed, 3); more > 0; more--)
            list = textf("%s, '%s'", list, addresses[(c->routes + more) % COMPOSER_SERVERS]);
        write_line(c, textf("local r%u = mg.pool { name = 'pool%u', %s, %s }", c->routes, c->routes,
                            list, decided(&c->by->seed, options)));
        c->waits[c->routes] = POOL_TIMEOUT;
    }
}

const char *compose(struct composer *composer, const char *const *addresses)
{
    struct composition c = {.by = composer, .text = stage_memory(TEXT_ROOM)};
    write_line(&c, composer_first_lines);
    write_pools(&c, addresses);
    unsigned root = COMPOSER_SERVERS;
    while (root >= c.routes || c.routes < COMPOSER_SERVERS + 4)
        root = write_route(&c, DEEPEST, COMPOSER_PATIENCE);
    write_line(&c, textf("return r%u", root));
    return c.text;
}
