/* policies: what their functions take and refuse, that their files' examples load, and that Lua has no work with them. */
#include "unit/route/policy_host.h"

#include <glob.h>

/* --- mistakes ---------------------------------------------------------------------------------- */

/* What a script says, and a part of the message; line 2 is the culprit. */
static const char *const mistakes[][2] = {
    {"mg.by_prefix { a }", "takes a table of prefixes first"},
    {"mg.by_prefix(a)", "takes a table of prefixes first"},
    {"mg.by_prefix()", "takes a table of prefixes first"},
    {"mg.by_prefix { {} }", "names no prefix"},
    {"mg.by_prefix { { x = 5 } }", "prefix 'x' takes a route, not a number"},
    {"mg.by_prefix { { ['a b'] = a } }", "prefix 'a b' takes 1 to 250 bytes without spaces"},
    {"mg.by_prefix { { [1] = a } }", "prefix '1' takes 1 to 250 bytes"},
    {"mg.by_prefix { { x = a }, b }", "takes one table of prefixes"},
    {"mg.by_prefix { { x = a }, parts = 2 }", "go with 'separator'"},
    {"mg.by_prefix { { x = a }, separator = '' }", "option 'separator' takes 1 to 16 bytes"},
    {"mg.by_prefix { { x = a }, fallback = b }", "unknown option 'fallback'; there are: anchor, d"},
    {"mg.by_command { a }", "takes 0 routes, not 1"},
    {"mg.by_command {}", "names no command"},
    {"mg.by_command { gett = a }", "unknown option 'gett'"},
    {"mg.by_command { get = 'a' }", "option 'get' takes a route, not a string"},
    {"mg.set_ttl { a }", "wants the option 'ttl'"},
    {"mg.set_ttl { 60 }", "takes 1 routes, not 0"},
    {"mg.set_ttl { a, -1 }", "option 'ttl' takes a number from 0 to 2"},
    {"mg.set_ttl { a, 1.5 }", "takes a whole number"},
    {"mg.set_ttl { a, 2592001 }", "option 'ttl' takes"},
    {"mg.set_ttl { a, b, 60 }", "takes 1 routes, not 2"},
    {"mg.cap_ttl { a, 0 }", "1 second or more"},
    {"mg.modify_key { a }", "wants one of add"},
    {"mg.modify_key { a, add = 'x', strip = 'y' }", "wants one of add"},
    {"mg.modify_key { a, add = 'a b' }", "option 'add' takes 1 to 250 bytes"},
    {"mg.modify_key { a, replace = 'x' }", "takes two strings"},
    {"mg.modify_key { a, replace = { 'x', 5 } }", "option 'replace' takes 1 to 250 bytes"},
    {"mg.hash {}", "takes 1 to 1000 routes, not 0"},
    {"mg.hash { a, b, weights = { 1 } }", "option 'weights' has 1 items for 2 routes"},
    {"mg.hash { a, b, weights = { 1, 0 } }", "has a server of weight 0"},
    {"mg.hash { a, b, names = { 'x' } }", "option 'names' has 1 items for 2 routes"},
    {"mg.hash { a, b, distribution = 'best' }", "there is no distribution 'best'"},
    {"mg.hash { a, b, weights = { 1, 0.5 }, distribution = 'modula' }", "not whole numbers"},
    {"mg.hash { a, b, distribution = 'rendezvous', hash = 'md5' }", "hashes keys in its own way"},
    {"mg.random { a, nil, b }", "mg.random has a gap in its list of routes"},
    {"mg.hash { a, b, c, a, weights = { 1, nil, 1, 1 } }",
     "option 'weights' has a gap in its list"},
    {"mg.hash { a, b, c, a, names = { 'w', nil, 'y', 'z' } }", "option 'names' has a gap"},
    {"mg.hash { a, names = { 'w', x = 'y' } }", "takes a list; there is no place 'x' in it"},
    {"mg.hash { a, names = 'w' }", "option 'names' takes a list, not w"},
    {"mg.failover { a, b, on = { 'miss', nil, 'busy', 'down' } }", "option 'on' has a gap"},
    {"mg.failover { a, b, on = { miss = true } }", "there is no command 'miss'"},
    {"mg.deny { a, keys = { 'k', nil, 'l', 'm' } }", "option 'keys' has a gap"},
    {"mg.deny { a, commands = { 'get', nil, 'set', 'touch' } }", "option 'commands' has a gap"},
    {"mg.deny { a, commands = { delete = true } }", "there is no place 'delete' in it"},
    {"mg.shadow { a, to = b, keys = { 0, 0.5, most = 3 } }", "takes a share above 0, or"},
    {"mg.modify_key { a, replace = { 'x', 'y', with = 'z' } }", "there is no place 'with'"},
    {"mg.histogram('h', { 1, nil, 3, 4 })", "bounds are a list"},
    {"mg.latest { a, b, nil, c, tries = 1 }", "mg.latest has a gap in its list of routes"},
    {"mg.latest { a, b, tries = 0 }", "option 'tries' takes a number from 1"},
    {"mg.latest { a, b, weights = { 1, 2, 3 } }", "has 3 items for 2 routes"},
    {"mg.key_split { a }", "wants the option 'replicas'"},
    {"mg.key_split { a, replicas = 1 }", "option 'replicas' takes a number from 2 to 1000"},
    {"mg.rate_limit { a }", "wants a rate"},
    {"mg.rate_limit { a, rate = 0 }", "option 'rate' takes a rate from 0.001"},
    {"mg.rate_limit { a, burst = 5 }", "goes with 'rate'"},
    {"mg.rate_limit { a, get = { burst = 5 } }", "option 'get' takes a rate"},
    {"mg.rate_limit { a, get = { rate = 5, bursts = 5 } }", "a table of rate, burst and with"},
    {"mg.rate_limit { a, rate = 1, over = 'drop' }", "takes \"error\", \"miss\" or a route"},
    {"mg.outstanding_limit { a }", "wants the option 'most'"},
    {"mg.outstanding_limit { a, 0 }", "option 'most' takes"},
    {"mg.zone_failover { here = 'a' }", "wants the option 'zones'"},
    {"mg.zone_failover { zones = { x = a, y = b } }", "option 'here' takes one of x, y, not nil"},
    {"mg.zone_failover { here = 'z', zones = { x = a } }", "option 'here' takes one of x, not z"},
    {"mg.zone_failover { here = 'x', zones = { x = 1 } }", "'x' takes a route"},
    {"mg.failover_with_exptime { a }", "takes 2 routes, not 1"},
    {"mg.failover_with_exptime { a, b, ttl = 'x' }", "option 'ttl' takes"},
    {"mg.delay { a }", "wants 'before' or 'after'"},
    {"mg.delay { a, 0 }", "option 'before' takes seconds"},
    {"mg.log_requests { a, share = 2 }", "option 'share' takes a share from 0 to 1"},
    {"mg.deny { a }", "names no commands, keys, prefixes or identities"},
    {"mg.deny { a, commands = 'flush_all' }", "there is no 'flush_all'"},
    {"mg.deny { a, keys = {} }", "takes a list of strings"},
    {"mg.deny { a, identities = 5 }", "option 'identities' takes a name of clients, not a number"},
    {"mg.deny { a, identities = {} }", "option 'identities' names nobody"},
    {"mg.deny { a, identities = { 'x', 'user:' } }", "option 'identities' 'user:' names nobody"},
    {"mg.allow { }", "names nobody"},
    {"mg.allow { otherwise = a }", "names nobody"},
    {"mg.allow { a }", "name '1' takes a name of clients, not a number"},
    {"mg.allow(a)", "takes a table of names and routes"},
    {"mg.allow { bob = 5 }", "name 'bob' takes a route, not a number"},
    {"mg.allow { bob = a, otherwise = 5 }", "name 'otherwise' takes a route, not a number"},
    {"mg.allow { ['cert:'] = a }", "name 'cert:' 'cert:' names nobody"},
    {"mg.allow { [('x'):rep(256)] = a }", "is longer than any name of clients"},
    {"mg.allow { ['a\\0'] = a }", "has a zero byte"},
    {"mg.rate_limit { a, rate = 1, by = 'address' }", "option 'by' takes one of identity"},
    {"mg.deny { a, keys = 'k', error = 5 }", "option 'error' takes a string"},
    {"mg.error()", "mg.reply.error takes a string"},
    {"mg.coalesce { a, b }", "takes 1 routes, not 2"},
    {"mg.hedge { a }", "takes 2 routes, not 1"},
    {"mg.hedge { a, b, least = 0.5, most = 0.1 }", "option 'least' is above 'most'"},
    {"mg.compare { a }", "takes 2 routes, not 1"},
    {"mg.compare { a, b, share = 2 }", "option 'share' takes a share from 0 to 1"},
    {"mg.compare { a, b, again = 61 }", "option 'again' takes seconds from 0 to 60"},
    {"mg.compare { a, b, most = 0 }", "option 'most' takes a number from 1"},
    {"mg.compare { a, b, name = 'two words' }", "option 'name' takes"},
    {"mg.lease { a }", "wants the option 'ttl'"},
    {"mg.lease { a, ttl = 0 }", "option 'ttl' takes a number from 1"},
    {"mg.lease { a, ttl = 30, wait = 61 }", "option 'wait' takes seconds from 0.001 to 60"},
    {"mg.lease { a, ttl = 30, stale = 1.5 }", "option 'stale' takes a whole number"},
    {"mg.lease { a, ttl = 30, refresh = -1 }", "option 'refresh' takes a number from 0"},
    {"mg.lease { a, ttl = 30, waiting = 0 }", "option 'waiting' takes a number from 1"},
    {"mg.lease { a, ttl = 30, without_meta = 'miss' }",
     "option 'without_meta' takes one of error, plain"},
    {"mg.lease { a, ttl = 30, stale = 1, without_meta = 'plain' }", "keeps no stale items with"},
    {"mg.lease { mg.pool { '127.0.0.1:1', distribution = 'random' }, ttl = 30 }",
     "takes no pool with distribution"},
    {"mg.lease { mg.pool { '127.0.0.1:1', protocol = 'binary' }, ttl = 30 }",
     "takes no servers with protocol"},
    {"mg.lease { mg.pool { '127.0.0.1:1', probe = 'connect' }, ttl = 30 }",
     "takes no servers with probe"},
    {"mg.lease { mg.lease { a, ttl = 30 }, ttl = 30 }", "takes no other mg.lease"},
    {"mg.lease { mg.near { mg.store { size = '1m', name = 'n' }, mg.lease { a, ttl = 30 } }, ttl = "
     "30 }",
     "takes no other mg.lease"},
    {"mg.lease { mg.all_sync { a, b }, ttl = 30 }", "takes no route that asks several places"},
    {"mg.lease { mg.all_fastest { a, b }, ttl = 30 }", "takes no route that asks several places"},
    {"mg.lease { mg.random { a, b }, ttl = 30 }", "takes no mg.random"},
    {"mg.near { a, b }", "keeps its copies in a store: item 1 must be one"},
    {"mg.near { a }", "takes 2 routes, not 1"},
    {"mg.negative_cache { a, ttl = 100 }", "option 'ttl' takes seconds from 0.001 to 60"},
    {"mg.negative_cache { a, keys = 0 }", "option 'keys' takes a number from 1"},
    {"mg.shadow { a, share = 1 }", "wants the option 'to'"},
    {"mg.spool_deletes { a }", "wants the option 'dir'"},
    {"mg.spool_deletes { a, b, dir = '/x' }", "takes 1 routes, not 2"},
    {"mg.spool_deletes { mg.null(), dir = '/x' }", "takes a pool, and no other route"},
    {"mg.spool_deletes { mg.failover { a, b }, dir = '/x' }", "takes a pool, and no other route"},
    {"mg.spool_deletes { mg.pool { 'h:1', on_failure = 'rehash' }, dir = '/x' }",
     "takes no pool with on_failure = \"rehash\""},
    {"mg.spool_deletes { mg.pool { 'h:1', eject = 'twemproxy' }, dir = '/x' }",
     "takes no pool with eject = \"twemproxy\""},
    {"mg.spool_deletes { mg.pool { 'h:1', distribution = 'random' }, dir = '/x' }",
     "takes no pool with distribution = \"random\""},
    {"mg.spool_deletes { a, dir = 'x' }", "dir: give an absolute path"},
    {"mg.spool_deletes { a, dir = '/' }", "dir: give an absolute path"},
    {"mg.spool_deletes { a, dir = '/' .. ('x'):rep(99) }", "dir: the path is too long"},
    {"mg.spool_deletes { a, dir = '/x', max_size = '1k' }",
     "option 'max_size' takes a number from"},
    {"mg.spool_deletes { a, dir = '/x', max_size = '2m', max_total = '1m' }",
     "max_size: it is more than max_total"},
    {"mg.spool_deletes { a, dir = '/x', max_age = '1h' }",
     "option 'max_age' takes a number from 1 to 31536000"},
    {"mg.shadow { a, to = b }", "wants 'share', 'keys' or 'index_range'"},
    {"mg.shadow { a, to = b, keys = { 0.5, 0.5 } }", "{ from, to } with from below to"},
    {"mg.shadow { a, to = b, keys = 2 }", "option 'keys' takes a share from 0 to 1"},
    {"mg.all_fastest { a, b, hit = 1 }", "option 'hit' takes true or false"},
};

static void a_mistake_is_told_with_its_line(void **state)
{
    char text[512];
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        snprintf(text, sizeof text, POOLS "local route = %s\nreturn a\n", mistakes[i][0]);
        fails(text, "script.lua:3", mistakes[i][1]);
    }
}

static void policies_are_built_while_a_script_loads_and_not_later(void **state)
{
    static const char *const late[] = {"mg.by_prefix { { x = pool } }", "mg.set_ttl { pool, 60 }",
                                       "mg.random { pool }", "mg.hash { pool, pool }"};
    char text[512];
    for (size_t i = 0; i < COUNT(late); i++) {
        snprintf(text, sizeof text, AS_ROUTE("  return %s"), late[i]);
        load(text);
        request_at(0, COMMAND_GET, "k", NULL);
        assert_non_null(strstr(logged_while_routing(1), "only be called while the script loads"));
        assert_refused(0, "script error");
    }
}

/* --- the examples in their files --------------------------------------------------------------- */

static const char names[] =
    "local pools = {}\n"
    "for i, name in ipairs { 'users', 'new_users', 'gutter', 'east', 'west', 'south', 'near', "
    "'far', 'rest', 'vips', 'pages', 'replicas', 'everywhere', 'counters', 'main', 'pool_a', "
    "'pool_b', 'pool_c' } do\n"
    "  pools[name] = mg.pool { '127.0.0.1:' .. i, name = name }\n"
    "end\n"
    "local users, new_users, gutter, east, west, south, near, far, rest = pools.users, "
    "pools.new_users, pools.gutter, pools.east, pools.west, pools.south, pools.near, pools.far, "
    "pools.rest\n"
    "local vips, pages, replicas, everywhere, counters, main = pools.vips, pools.pages, "
    "pools.replicas, pools.everywhere, pools.counters, pools.main\n"
    "local pool_a, pool_b, pool_c = pools.pool_a, pools.pool_b, pools.pool_c\n";

static unsigned examples_in(const char *path)
{
    char line[512], text[4096];
    unsigned n = 0;
    FILE *file = fopen(path, "re");
    if (!file) fail_msg("%s: cannot be read: run the tests from the top of the tree", path);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "--     mg.", 10) != 0) continue;
        snprintf(text, sizeof text, MG "%sreturn %s", names, line + 7);
        load(text);
        route_one(COMMAND_GET, "user:1", NULL);
        end_turn();
        n++;
    }
    fclose(file);
    return n;
}

static void the_examples_of_all_policies_load_and_route(void **state)
{
    glob_t files;
    assert_int_equal(glob("lua/moongate/routes/*.lua", 0, NULL, &files), 0);
    assert_true(files.gl_pathc >= 28);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        if (examples_in(files.gl_pathv[i]) == 0) fail_msg("%s: has no example", files.gl_pathv[i]);
    }
    globfree(&files);
}

/* --- names ------------------------------------------------------------------------------------- */

static const char *name_of(const char *route)
{
    load_route(route);
    route_one(COMMAND_GET, "k", NULL);
    return place_of(0);
}

static void a_route_is_named_by_what_it_is_made_of(void **state)
{
    assert_string_equal(name_of("mg.failover { a, b }"), "failover(pool a, pool b)");
    assert_string_equal(name_of("mg.failover { mg.set_ttl { a, 5 }, mg.coalesce { b } }"),
                        "failover(set_ttl, coalesce)");
    assert_string_equal(
        name_of("mg.all_sync { a, b, c, mg.random { a }, a, a, a, a, a, a, a, a, a }"),
        "all_sync(pool a, pool b, pool c, random, pool a, pool a, pool a, 6 more)");
}

/* --- memory ------------------------------------------------------------------------------------ */

static const char *const policies[] = {
    "mg.all_fastest { a, b }",
    "mg.allow { x = a, ['user:y'] = b, otherwise = c }",
    "mg.by_command { get = a, set = b, default = c }",
    "mg.by_prefix { { user = a, page = b }, default = c }",
    "mg.by_prefix { { user = a, page = b }, separator = ':', default = c }",
    "mg.by_route_prefix { { ['/r/u/'] = a, ['/r/p/'] = b, ['/s/x/'] = c }, default = '/r/u/' }",
    "mg.cap_ttl { a, 30 }",
    "mg.coalesce { a }",
    "mg.compare { a, b, share = 0.5 }",
    "mg.delay { a, 0.1 }",
    "mg.deny { a, prefixes = 'page' }",
    "mg.failover { a, b }",
    "mg.failover_with_exptime { a, b }",
    "mg.hash { a, b, c }",
    "mg.hedge { a, b }",
    "mg.key_split { a, 3 }",
    "mg.latest { a, b, c }",
    "mg.lease { a, ttl = 30, wait = 0.2, stale = 60, refresh = 30, waiting = 5 }",
    "mg.lease { a, ttl = 30, without_meta = 'error' }",
    "mg.lease { a, ttl = 30, without_meta = 'plain' }",
    "mg.log_requests { a, share = 0.5 }",
    "mg.modify_key { a, add = 'v2:' }",
    "mg.negative_cache { a }",
    "mg.null()",
    "mg.error 'no'",
    "mg.outstanding_limit { a, 10 }",
    "mg.random { a, b }",
    "mg.rate_limit { a, rate = 1000 }",
    "mg.rate_limit { a, rate = 1000, by = 'identity' }",
    "mg.set_ttl { a, 30 }",
    "mg.shadow { a, to = b, share = 0.5 }",
    "mg.spool_deletes { a, dir = '/var/spool/moongate' }",
    "mg.zone_failover { here = 'x', zones = { x = a, y = b } }",
};

static size_t lua_bytes(void)
{
    return (size_t)lua_gc(w.script->L, LUA_GCCOUNT, 0) * 1024 +
           (size_t)lua_gc(w.script->L, LUA_GCCOUNTB, 0);
}

static void route_many(unsigned turns)
{
    static const char *const keys[] = {"user:1", "tmp:2", "page:3"};
    for (unsigned turn = 0; turn < turns; turn++) {
        for (uint32_t i = 0; i < 1000; i++)
            request_at(i, i & 1 ? COMMAND_GET : COMMAND_SET, keys[i % 3], "v");
        route(1000);
        end_turn();
    }
}

/* As all of the script, where Lua is not even asked; below a function; and above one. */
static void a_hundred_thousand_requests_allocate_nothing_in_lua(void **state)
{
    static const char *const ways[] = {
        "return %s\n", "local route = %s\nreturn function(req) return route end\n",
        "local route = %s\nreturn mg.by_prefix { { p = function() return a end, u = function() "
        "return b end }, default = route }\n"};
    if (!script_jit_is_possible()) skip();
    char body[512], text[1024];
    for (size_t i = 0; i < COUNT(policies) * COUNT(ways); i++) {
        strcpy(body, ways[i % COUNT(ways)]);
        char *at = strstr(body, "%s");
        *at = 0;
        snprintf(text, sizeof text, POOLS "%s%s%s", body, policies[i / COUNT(ways)], at + 2);
        load(text);
        route_many(10); /* until it is compiled */
        lua_gc(w.script->L, LUA_GCCOLLECT, 0);
        lua_gc(w.script->L, LUA_GCSTOP, 0);
        size_t before = lua_bytes();
        route_many(100);
        if (lua_bytes() - before > 64 * 1024) fail_msg("%s: %zu bytes", text, lua_bytes() - before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(a_mistake_is_told_with_its_line),
        alone(policies_are_built_while_a_script_loads_and_not_later),
        alone(the_examples_of_all_policies_load_and_route),
        alone(a_route_is_named_by_what_it_is_made_of),
        alone(a_hundred_thousand_requests_allocate_nothing_in_lua),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
