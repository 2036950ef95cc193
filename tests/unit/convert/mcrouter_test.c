/* mcrouter's configurations as scripts: their text, what is refused, what is noted. In these texts ' stands for ". What the routes do is
 * tested in tests/lua/mcrouter_copies_test.lua and mcrouter_routes_test.lua. */
#include "unit/convert/mcrouter_checks.h"

/* mcrouter/lib/network/AccessPoint.cpp 105-185. */
static void servers_are_written_as_moongate_writes_them(void **state)
{
    check(POOL("['h:1', 'h.x-y_z:2:ascii', 'h:3:ascii:plain', 'h:4:ascii:plain:notcompressed']"),
          "mg.pool { 'h:1', 'h.x-y_z:2', 'h:3', 'h:4', name = 'a', like = 'mcrouter' }");
    check(POOL("['[::1]:5', '[fe80::1]:6:ascii:plain', 'unix:/run/a', 'unix:/run/b:ascii']"),
          "{ '[::1]:5', '[fe80::1]:6', 'unix:/run/a', 'unix:/run/b', name");
    check(POOL("['h:1', 'h:1']"), "{ 'h:1', { 'h:1', name = 'h:1#2' }, name = 'a'");
    check_error(POOL("['h']"), "m.json:1: the server 'h' has no port: write 'h:11211'");
    check_error(POOL("['h:']"), "has no port from 1 to 65535");
    check_error(POOL("['h:65536']"), "has no port from 1 to 65535");
    check_error(POOL("['[::1]']"), "the server '[::1]' has no port");
    check_error(POOL("['::1:5']"), "'::1:5' has no host before its port");
    check_error(POOL("['h;x:5']"), "'h;x:5' has no host before its port");
    check_error(POOL("['h:1:ascii:plain:notcompressed:x']"), "is no server: write host:port");
    check_error(POOL("['h:1:thrift']"), "'thrift': moongate speaks memcached's text protocol");
    check_error(POOL("['h:1:tcp']"), "'tcp' is no protocol");
    check_error(POOL("['h:1:ascii:plain:compressed']"), "compression is not built");
    check_error(POOL("['dnssrv:_memcache']"), "is of a fork of mcrouter");
    check_error(POOL("[{'type': 'NullRoute'}]"),
                "a route among the servers of a pool is not built");
    check_error(POOL("'h:1'"), "'servers' of pool 'a' is a string: write a list");
    check_error("{'pools': {'a': {}}, 'route': 'PoolRoute|a'}", "pool 'a' has no 'servers'");
    check_error(OVER("'PoolRoute|b'"), "there is no pool 'b': name one of 'pools'");
    check_error("{'pools': {'a': {'servers': ['h:1'], 'keep_routing_prefix': true}}, "
                "'route': 'Pool|a'}",
                "'keep_routing_prefix': servers get keys without their routing prefix here");
    check("{'pools': {'a': {'servers': ['h:1'], 'keep_routing_prefix': true}, "
          "'b': {'inherit': 'a', 'keep_routing_prefix': false}}, 'route': 'PoolRoute|b'}",
          "pools.b = mg.pool { 'h:1', name = 'b', like = 'mcrouter' }");
    check_error("{'pools': {'a': {'servers': ['h:1'], 'keep_routing_prefix': true}, "
                "'b': {'inherit': 'a'}}, 'route': 'Pool|b'}",
                "'keep_routing_prefix': servers get keys without their routing prefix here");
    check("{'pools': {'a': {'servers': ['h:1'], 'keep_routing_prefix': false}}, "
          "'route': 'PoolRoute|a'}",
          "pools.a = mg.pool { 'h:1', name = 'a', like = 'mcrouter'");
    check_note(POOL("['h:1:caret']"),
               "1: servers of protocol caret are asked in memcached's text protocol");
}

/* mcrouter/PoolFactory.cpp 40-100, mcrouter/routes/McRouteHandleProvider-inl.h 125-185. */
static void pools_have_their_options(void **state)
{
    check("{'pools': {'a': {'servers': ['h:1']}, 'b': {'inherit': 'a', 'server_timeout': 250}}, "
          "'route': 'PoolRoute|b'}",
          "pools.b = mg.pool { 'h:1', name = 'b', like = 'mcrouter', timeout = 0.25, "
          "connect_timeout = 0.25 }");
    check("{'pools': {'a': {'servers': ['h:1'], 'server_timeout': 5000, 'connect_timeout': 100}}, "
          "'route': 'PoolRoute|a'}",
          "timeout = 5, connect_timeout = 0.1, stall_timeout = 8 }");
    check("{'route': {'type': 'PoolRoute', 'pool': {'name': 'x y', 'servers': ['h:1']}}}",
          "pools['x y'] = mg.pool { 'h:1', name = 'x_y',");
    check("{'pools': {'a b': {'servers': ['h:1']}, 'a_b': {'servers': ['h:2']}}, "
          "'route': ['AllSyncRoute|Pool|a b'], 'named_handles': ['PoolRoute|a_b']}",
          "pools['a b'] = mg.pool { 'h:1', name = 'a_b_2'");
    check(
        OVER("'PoolRoute|a'"),
        "\nmg.defaults {\n    timeout = 1,\n    connect_timeout = 1,\n    failure_limit = 3,\n    "
        "probe_min = 10,\n    probe_max = 60,\n    texts = 'mcrouter',\n}\n");
    check_error("{'pools': {'a': {'inherit': 'a'}}, 'route': 'Pool|a'}",
                "pool 'a' inherits from itself");
    check_error(
        "{'pools': {'a': {'servers': ['h:1'], 'server_timeout': 0}}, 'route': 'PoolRoute|a'}",
        "'server_timeout' of pool 'a' is no whole number from 1 to 1000000");
    check_note(
        "{'pools': {'a': {'servers': ['h:1'], 'hash': 'Crc32', 'server': []}}, 'route': 'Pool|a'}",
        "1: a pool's hash has no effect: 'hash' counts in PoolRoute\n");
    check_note("{'pools': {'a': {'servers': ['h:1'], 'server': []}}, 'route': 'Pool|a'}",
               "1: a pool has no option 'server', which is ignored; there is 'servers'\n");
}

/* mcrouter_options_list.h. */
static void flags_count(void **state)
{
    struct convert_flags flags = {.route_prefix = "us/one",
                                  .invalid_to_default = true,
                                  .timeouts_until_tko = 5,
                                  .probe_initial_ms = 90000,
                                  .server_timeout_ms = 4000};
    check_with(
        &flags, OVER("'PoolRoute|a'"),
        "mg.defaults {\n    timeout = 4,\n    connect_timeout = 4,\n    stall_timeout = 7,\n    "
        "failure_limit = 5,\n    probe_min = 90,\n    probe_max = 90,\n    texts = 'mcrouter',\n}");
    check_with(&flags, OVER("'PoolRoute|a'"),
               "{ ['/us/one/'] = pools.a }, default = '/us/one/', unknown_to_default = true }");
    check_with(&(struct convert_flags){.no_tko = true}, OVER("'PoolRoute|a'"),
               "failure_limit = 1000000");
}

/* createAsynclogRoute in mcrouter/routes/McRouteHandleProvider-inl.h. */
static void deletes_are_kept_where_the_flag_says(void **state)
{
    struct convert_flags flags = {.async_dir = "/var/spool/x"};
    check_with(&flags, OVER("'PoolRoute|a'"),
               "routes[1] = mg.spool_deletes { pools.a, dir = '/var/spool/x' }\n");
    check_with(&flags, OVER("'PoolRoute|a'"), "{ ['/././'] = routes[1] }");
    check_with(&flags, OVER("{'type': 'PoolRoute', 'pool': 'a', 'asynclog': true}"),
               "['/././'] = routes[1] }");
    check_with(&flags, OVER("{'type': 'PoolRoute', 'pool': 'a', 'asynclog': false}"),
               "['/././'] = pools.a }");
    check_with(&flags, OVER("'AllSyncRoute|Pool|a'"), "mg.all_sync(servers.a) }");
    check_with(&flags,
               OVER("{'type': 'AllSyncRoute', 'children': ['PoolRoute|a', {'type': 'PoolRoute', "
                    "'pool': 'a', "
                    "'hash': 'Crc32'}]}"),
               "mg.hash {\n");
    check_with(&flags,
               OVER("{'type': 'AllSyncRoute', 'children': ['PoolRoute|a', {'type': 'PoolRoute', "
                    "'pool': 'a', "
                    "'hash': 'Crc32'}]}"),
               "mg.spool_deletes { servers.a[2], dir = '/var/spool/x' }");
    check_with(&flags,
               OVER("{'type': 'PoolRoute', 'pool': 'a', 'shadows': [{'target': 'NullRoute', "
                    "'index_range': [0, 1], 'key_fraction_range': [0, 1]}]}"),
               "mg.shadow { routes[1], to = mg.null(), index_range = { 0, 1 }, pool = pools.a }");
    check(OVER("'PoolRoute|a'"), "['/././'] = pools.a }");
    check_error_with(&flags, OVER("{'type': 'PoolRoute', 'pool': 'a', 'asynclog': 'yes'}"),
                     "PoolRoute: 'asynclog' is a string: write true or false");
}

/* mcrouter/ProxyConfig-inl.h 50-105, RouteHandleMap-inl.h 70. */
static void routes_have_aliases(void **state)
{
    check("{'pools': {'a': {'servers': ['h:1']}, 'b': {'servers': ['h:2']}}, 'routes': ["
          "{'aliases': ['/././', '/b/c/'], 'route': 'AllAsyncRoute|Pool|a'}, {'aliases': "
          "['/d/e/'], 'route': "
          "'PoolRoute|b'}]}",
          "routes[1] = mg.all_async(servers.a)\n\nreturn mg.by_route_prefix { { ['/././'] = "
          "routes[1], "
          "['/b/c/'] = routes[1], ['/d/e/'] = pools.b }, default = '/././' }\n");
    check("{'pools': {'a': {'servers': ['h:1']}}, 'routes': {'/././': 'PoolRoute|a'}}",
          "return mg.by_route_prefix { { ['/././'] = pools.a }, default = '/././' }\n");
    check_error(
        "{'pools': {'a': {'servers': ['h:1']}}, 'routes': {'/a/b/': 'Pool|a'}}",
        "no route has the alias '/././', the default route prefix: give it to one, or start "
        "with --route-prefix and one that is there, such as /a/b/");
    check_error("{'routes': [{'aliases': ['/a/*/'], 'route': 'NullRoute'}]}",
                "the alias '/a/*/' is no");
    check_error("{'routes': [{'aliases': ['/a/'], 'route': 'NullRoute'}]}",
                "the alias '/a/' is no");
    check_error("{'routes': [{'aliases': ['/a/b c/'], 'route': 'NullRoute'}]}",
                "1: the alias '/a/b c/' is no");
    check_error("{'routes': {'/a/b\\u0000c/': 'NullRoute'}}", "1: the alias '/a/b");
    check_error("{'routes': {'/a/b\\u007f/': 'NullRoute'}}", "1: the alias '/a/b?/' is no");
    check_error("{'routes': [{'route': 'NullRoute'}]}", "an item of 'routes' has no 'aliases'");
    check_error("{'routes': [{'aliases': []}]}", "an item of 'routes' has no 'route'");
    check_error("{'routes': [], 'route': 'NullRoute'}", "both 'route' and 'routes' are there");
    check_error("{}", "neither 'route' nor 'routes' is there");
    check_error("{'route': 5}", "a route is a whole number");
}

/* mcrouter/lib/config/RouteHandleFactory-inl.h 20-150. */
static void handles_have_names(void **state)
{
    check("{'pools': {'a': {'servers': ['h:1', 'h:2']}}, 'named_handles': [{'name': 'both', "
          "'type': 'AllSyncRoute', "
          "'children': 'Pool|a'}], 'route': {'type': 'FailoverRoute', 'children': ['both', "
          "'PoolRoute|a']}}",
          "routes.both = mg.all_sync(servers.a)\n\nreturn mg.by_route_prefix { { ['/././'] = "
          "mg.failover { "
          "routes.both, pools.a } }");
    check("{'named_handles': {'x-y': 'AllAsyncRoute|NullRoute', 'bad': 'Bad'}, 'route': 'x-y'}",
          "routes['x-y'] = mg.all_async { mg.null() }");
    check("{'route': {'type': 'AllSyncRoute', 'children': [{'type': 'AllAsyncRoute', 'name': 'n', "
          "'children': "
          "'NullRoute'}, 'n']}}",
          "mg.all_sync { routes.n, routes.n }");
    check_error("{'named_handles': {'a': 'AllSyncRoute|a'}, 'route': 'a'}",
                "there is no route handle 'a'");
    check_error("{'named_handles': {'a': {'type': 'NullRoute', 'name': 'b'}}, 'route': 'a'}",
                "the handle 'a' has another name in itself");
    check_error("{'route': 'PoolRuote|a'}",
                "m.json:1: there is no route handle 'PoolRuote': write 'PoolRoute'");
    check_error("{'route': {'type': 'ShardSplit'}}", "there is no route handle 'ShardSplit'");
    check_error("{\n'route': {\n'type':\n'BigValueRoute'}}",
                "m.json:4: the route handle BigValueRoute is not built yet");
    check_error("{'route': {'children': []}}", "a route handle without a 'type'");
    check_error("{'route': ['NullRoute', 'NullRoute']}", "2 routes where one is wanted");
    check_error("{'route': 'AllSyncRoute'}", "AllSyncRoute is over nothing");
    check_error(OVER("{'type': 'AllSyncRoute', 'children': {'type': 'PrefixSelectorRoute'}}"),
                "PrefixSelectorRoute stands at the top of a route alone");
    check_note(OVER("{'type': 'AllSyncRoute', 'childern': 'Pool|a'}"),
               "AllSyncRoute has no option 'childern', which is ignored; there is 'children'");
    check_note(OVER("{'type': 'PoolRoute', 'pool': 'a', 'asynclog': true, 'max_outstanding': 5}"),
               "1: PoolRoute: 'asynclog' has no meaning here\n1: PoolRoute: 'max_outstanding' has "
               "no meaning here\n");
    check_error(OVER("{'type': 'PoolRoute', 'pool': 'a', 'bucketize': true}"),
                "PoolRoute: 'bucketize' is not built yet");
    check(OVER("{'type': 'PoolRoute', 'pool': 'a', 'bucketize': false}"), "pools.a }");
}

/* mcrouter/routes/HashRouteFactory.h 105-265, McRouteHandleProvider-inl.h 580-640. */
static void hashes_become_distributions(void **state)
{
#define HASH(hash) OVER("{'type': 'PoolRoute', 'pool': 'a', 'hash': " hash "}")
    check(HASH("'Ch3'"), "{ 'h:1', 'h:2', name = 'a', like = 'mcrouter' }");
    check(HASH("'Crc32'"), "like = 'mcrouter', distribution = 'modula' }");
    check(HASH("{'hash_func': 'WeightedCh3', 'weights': [1, 0.25]}"),
          "{ 'h:1', weight = 1 },\n    { 'h:2', weight = 0.25 },\n    name = 'a',\n    like = "
          "'mcrouter',\n    "
          "distribution = 'weighted_ch3',\n");
    check(HASH("{'hash_func': 'WeightedCh3', 'weights': [1]}"), "{ 'h:2', weight = 0.5 }");
    check(HASH("{'hash_func': 'Rendezvous', 'tags': ['x', 'y']}"),
          "{ 'h:1', name = 'x' },\n    { 'h:2', name = 'y' },\n    name = 'a',\n    like = "
          "'mcrouter',\n    "
          "distribution = 'rendezvous',\n");
    check(HASH("{'salt': 's'}"),
          "mg.hash { servers.a, distribution = 'ch3', hash_stop = '|#|', salt = 's' }");
    check(HASH("{'hash_func': 'Latest', 'salt': 's'}"), "mg.latest { servers.a, salt = 's' }");
    check("{'pools': {'a': {'servers': ['h:1', 'h:2'], 'weights': [1, 0.5]}}, 'route': "
          "'PoolRoute|a'}",
          "distribution = 'weighted_ch3'");
    check("{'pools': {'a': {'servers': ['h:1', 'h:2'], 'weights': [1, 0.5]}}, 'route': {'type': "
          "'PoolRoute', 'pool': "
          "'a', 'hash': 'Ch3'}}",
          "{ 'h:1', 'h:2', name = 'a', like = 'mcrouter' }");
    check(OVER("{'type': 'FailoverRoute', 'children': ['PoolRoute|a', {'type': 'PoolRoute', "
               "'pool': 'a', 'hash': 'Crc32'}, "
               "'PoolRoute|a']}"),
          "mg.failover {\n            pools.a,\n            mg.hash { servers.a, distribution = "
          "'modula', hash = 'crc31', "
          "hash_stop = '|#|' },\n            pools.a,\n        }");
    check_error(HASH("'crc32'"), "there is no hash function 'crc32': write Crc32");
    check_error(HASH("'ConstShard'"), "the hash function ConstShard is not built yet");
    check_error(HASH("'WeightedCh3'"), "WeightedCh3 without 'weights'");
    check_error(HASH("{'hash_func': 'WeightedCh3', 'weights': [2, 1]}"),
                "a weight is no number from 0 to 1");
    check_error(HASH("'Rendezvous'"),
                "Rendezvous wants 'tags', a list with one for each of 2 routes");
    check_error(HASH("{'salt': 5}"), "hash: 'salt' is a whole number: write a string");
    check_error(HASH("[]"), "'hash' is a list: write a string or an object");
}

/* What each handle refuses: checkLogic of its source, see src/convert/mcrouter_*.c. */
static void handles_refuse_wrong_options(void **state)
{
    check_error(OVER("{'type': 'FailoverRoute', 'children': 'Pool|a', 'failover_limit': 0.5}"),
                "failover_limit is a number with a fraction: write an object with rate and burst");
    check_error(
        OVER("{'type': 'FailoverRoute', 'children': 'Pool|a', 'failover_limit': {'burst': 5}}"),
        "failover_limit has no 'rate'");
    check_error(OVER("{'type': 'FailoverRoute', 'children': 'Pool|a', 'failover_errors': ['tk']}"),
                "there is no error 'tk': write tko");
    check_error(OVER("{'type': 'FailoverRoute', 'children': 'Pool|a', 'failover_policy': {'type': "
                     "'RendezvousPolicy'}}"),
                "the failover_policy RendezvousPolicy is not built yet");
    check_error(OVER("{'type': 'FailoverWithExptimeRoute'}"),
                "FailoverWithExptimeRoute has no 'normal'");
    check_error(OVER("{'type': 'WarmUpRoute', 'cold': 'PoolRoute|a'}"),
                "WarmUpRoute has no 'warm'");
    check_error(OVER("{'type': 'WarmUpRoute', 'cold': 'PoolRoute|a', 'warm': 'PoolRoute|a', "
                     "'exptime': '1'}"),
                "WarmUpRoute: 'exptime' is a string: write a whole number");
    check_error(OVER("{'type': 'OperationSelectorRoute'}"),
                "has neither default_policy nor operation_policies");
    check_error(
        OVER("{'type': 'OperationSelectorRoute', 'operation_policies': {'Get': 'PoolRoute|a'}}"),
        "there is no operation 'Get': write get");
    check_error(
        OVER("{'type': 'RoutingGroupRoute', 'routing_group_policies': {'gets': 'PoolRoute|a'}}"),
        "there is no group 'gets': write one of arithmetic_like");
    check_error(OVER("{'type': 'PrefixSelectorRoute'}"), "has neither policies nor wildcard");
    check_error(OVER("{'type': 'ModifyExptimeRoute', 'target': 'NullRoute'}"),
                "ModifyExptimeRoute has no 'exptime'");
    check_error(
        OVER(
            "{'type': 'ModifyExptimeRoute', 'target': 'NullRoute', 'exptime': 1, 'action': 'max'}"),
        "'action' is 'max'");
    check_error(
        OVER("{'type': 'ModifyKeyRoute', 'target': 'NullRoute', 'ensure_key_prefix': 'a b'}"),
        "'ensure_key_prefix' is no part of a key");
    check_error(OVER("{'type': 'KeySplitRoute', 'destination': 'NullRoute', 'replicas': 1, "
                     "'all_sync': true}"),
                "KeySplitRoute: 'replicas' is 1: write a number from 2 to 1000");
    check_error(OVER("{'type': 'MigrateRoute', 'from': 'NullRoute', 'to': 'NullRoute'}"),
                "MigrateRoute has no 'start_time'");
    check_error(OVER("{'type': 'L1L2CacheRoute', 'l1': 'NullRoute', 'l2': 'NullRoute'}"),
                "L1L2CacheRoute has no 'upgradingL1Exptime'");
    check_error(
        OVER("{'type': 'RateLimitRoute', 'target': 'NullRoute', 'rates': {'gets_rate': 0}}"),
        "'gets_rate' and 'gets_burst' are above 0");
    check_error(OVER("{'type': 'ErrorRoute', 'result': 'mc_res_found'}"),
                "'mc_res_found' is no error");
    check_note(OVER("{'type': 'OperationSelectorRoute', 'default_policy': 'PoolRoute|a', "
                    "'operation_policies': "
                    "{'lease-get': 'PoolRoute|a'}}"),
               "no client of moongate sends 'lease-get'");
}

/* A tenth nested call is a statement of its own; a script has no local variable for a pool or a route. */
static void deep_routes_are_several_statements(void **state)
{
    char text[4096] = "{\"pools\": {\"a\": {\"servers\": [\"h:1\"]}}, \"route\": ";
    for (int i = 0; i < 40; i++) strcat(text, "{\"type\": \"AllAsyncRoute\", \"children\": [");
    strcat(text, "\"PoolRoute|a\"");
    for (int i = 0; i < 40; i++) strcat(text, "]}");
    strcat(text, "}");
    check(text, "routes[6] = mg.all_async {");
    check(text, "default = '/././'");
}

/* named_handles lead from one to the next without nesting in the file; names and salts stand in the script each time. */
static void what_would_be_too_much_is_refused(void **state)
{
    char *text = NULL, name[300];
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    fprintf(to, "{'route': 'h0', 'named_handles': {");
    for (int i = 0; i < 300; i++) fprintf(to, "'h%d': 'AllAsyncRoute|h%d', ", i, i + 1);
    fprintf(to, "'h300': 'NullRoute'}}");
    fclose(to);
    check_error(text, "routes in more than 200 routes: write fewer");
    free(text);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    char form[512];
    snprintf(form, sizeof form, "{'route': 'PoolRoute|%s'}", name);
    check_error(form, "a pool's name of 299 bytes: write up to 255");
    snprintf(form, sizeof form, "{'route': {'type': 'NullRoute', 'name': '%s'}}", name);
    check_error(form, "a handle's name of 299 bytes: write up to 255");
    snprintf(form, sizeof form, OVER("{'type': 'LatestRoute', 'children': 'Pool|a', 'salt': '%s'}"),
             name);
    check_error(form, "LatestRoute: 'salt' has 299 bytes: write up to 255");
    check_error("{'pools': {'a': {'servers': ['h:1']}}, 'named_handles': {'l': ['Pool|a', "
                "'Pool|a', 'Pool|a', 'Pool|a']}, "
                "'route': {'type': 'AllSyncRoute', 'children': ['l', 'l', 'l', 'l', 'l', 'l', 'l', "
                "'l', 'l', 'l', 'l', 'l', "
                "'l', 'l', 'l', 'l', 'l']}}",
                "AllSyncRoute is over 68 routes: here it takes 64 at most");
}

/* Everything that can be read, once. */
static const char all[] = "{'pools': {'a': {'servers': ['h:1', '[::1]:2:ascii:plain'], 'weights': "
                          "[1, 0.5]}, 'b': {'inherit': 'a', "
                          "'server_timeout': 9}}, 'named_handles': [{'name': 'n', 'type': "
                          "'PoolRoute', 'pool': 'b', 'rates': {'gets_rate': 1}, "
                          "'shadows': [{'target': 'PoolRoute|a', 'index_range': [0, 1], "
                          "'key_fraction_range': [0, 0.5]}]}], 'routes': [{'aliases': "
                          "['/././'], 'route': {'type': 'PrefixSelectorRoute', 'policies': {'p': "
                          "'MissFailoverRoute|Pool|a'}, 'wildcard': {'type': "
                          "'OperationSelectorRoute', 'default_policy': 'n', 'operation_policies': "
                          "{'get': {'type': 'FailoverRoute', 'children': ['n', "
                          "'ErrorRoute|x'], 'failover_errors': {'gets': ['tko']}, "
                          "'failover_limit': {'rate': 0.1}}, 'set': {'type': 'KeySplitRoute', "
                          "'destination': 'n', 'replicas': 2, 'all_sync': true}}}}}]}";

/* Cut at each byte, and each byte changed: a script, or an error with a place. */
static void what_is_broken_is_refused_with_its_place(void **state)
{
    char *bytes = with_quotes(all);
    size_t len = strlen(bytes);
    char *script = script_of(bytes, len, &none);
    if (!script) fail_msg("%s", error);
    free(script);
    for (size_t n = 0; n < len; n++) {
        char *cut = malloc(n + 1);
        assert_non_null(cut);
        memcpy(cut, bytes, n);
        assert_null(script_of(cut, n, &none));
        free(cut);
    }
    static const char other[] = "\"0,:]}{x\\%@|-";
    for (size_t i = 0; i < len; i++) {
        for (size_t j = i % 3; j < sizeof other - 1; j += 3) {
            char was = bytes[i];
            bytes[i] = other[j];
            free(script_of(bytes, len, &none));
            bytes[i] = was;
        }
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_are_written_as_moongate_writes_them),
        cmocka_unit_test(pools_have_their_options),
        cmocka_unit_test(flags_count),
        cmocka_unit_test(deletes_are_kept_where_the_flag_says),
        cmocka_unit_test(routes_have_aliases),
        cmocka_unit_test(handles_have_names),
        cmocka_unit_test(hashes_become_distributions),
        cmocka_unit_test(handles_refuse_wrong_options),
        cmocka_unit_test(deep_routes_are_several_statements),
        cmocka_unit_test(what_would_be_too_much_is_refused),
        cmocka_unit_test(what_is_broken_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
