/* routelib: what its reader refuses, with the place; what it notes; and what it writes. What the written scripts do is in
 * tests/lua/routelib_test.lua. */
#include "unit/script/routelib_host.h"

#define POOLS                                                                                      \
    "pools{ a = { backends = { \"h:1\" } }, set_s = { { backends = { \"h:2\" } }, { backends = { " \
    "\"h:3\" } } },\n"                                                                             \
    "  set_z = { w = { backends = { \"h:4\" } }, e = { backends = { \"h:5\" } } } }\n"
#define DEFAULT(route) "routes{ default = " route " }\n"

static void refuses(const char *text, const char *error)
{
    struct reading r;
    read_bytes(&r, text, strlen(text), ROUTELIB_SECONDS);
    if (r.is_good || strcmp(r.out.error, error) != 0)
        fail_msg("%s\nsays    %s\nwanted  %s", text, r.is_good ? "nothing" : r.out.error, error);
    free(r.script);
}

static void writes(const char *text, const char *part)
{
    struct reading r;
    read_bytes(&r, text, strlen(text), ROUTELIB_SECONDS);
    if (!r.is_good) fail_msg("%s: %s", text, r.out.error);
    if (!strstr(r.script, part)) fail_msg("%s\nbecame\n%s\nwithout %s", text, r.script, part);
    free(r.script);
}

static void notes(const char *text, const char *wanted)
{
    struct reading r;
    read_bytes(&r, text, strlen(text), ROUTELIB_SECONDS);
    if (!r.is_good) fail_msg("%s: %s", text, r.out.error);
    if (strcmp(r.notes, wanted) != 0) fail_msg("%s\nnotes %s\nwanted %s", text, r.notes, wanted);
    free(r.script);
}

/* --- refusals ---------------------------------------------------------------------------------- */

static const struct {
    const char *text, *error;
} refused[] = {
    {"", "c.lua: it has no routes{}: write routes { default = route_direct { child = \"NAME\" } }"},
    {"pools{\n  a = \n}", "c.lua:3: unexpected symbol near '}'"},
    {"\n\nerror \"no\"", "c.lua:3: no"},
    {"pools \"a\"", "c.lua:1: pools takes a table, not a string"},
    {"routes()", "c.lua:1: routes takes a table, not nothing"},
    {"\nsettings(1)", "c.lua:2: settings takes a table, not a number"},
    {"\ncmdmap(1)", "c.lua:2: cmdmap takes a table, not a number"},
    {"routes{}", "c.lua:1: routes: wants map, cmap or default"},
    {"routes{ tag = 1 }",
     "c.lua:1: routes: 'tag' takes a string: the name that --bind gives a listener"},
    {POOLS "routes{\n\n  default = 5 }", "c.lua:5: routes: 'default' takes a route, as "
                                         "route_direct { child = \"NAME\" } returns one, not a "
                                         "number"},
    {POOLS "routes{ map = { x = \"a\" } }", "c.lua:3: routes: 'x' takes a route, as route_direct { "
                                            "child = \"NAME\" } returns one, not a string"},
    {POOLS "routes{ map = 1 }", "c.lua:3: routes: 'map' takes a table of routes"},
    {POOLS "routes{ map = cmdmap{} }", "c.lua:3: routes: 'map' takes a table of routes"},
    {POOLS "routes{ default = cmdmap{ get = route_null{} } }",
     "c.lua:3: routes: 'default' takes a route, as route_direct { child = \"NAME\" } returns one, "
     "not a "
     "cmdmap"},
    {POOLS "routes{ cmap = {\n fetch = route_null{} } }",
     "c.lua:4: cmdmap: there is no command 'fetch'"},
    {POOLS "routes{ map = { x = cmdmap{ GET = route_null{} } } }",
     "c.lua:3: x: there is no command 'GET'"},
    {POOLS "routes{ map = { [1] = route_null{} } }",
     "c.lua:3: routes: map: what keys begin with is 1 to 250 bytes without spaces, not 1"},
    {POOLS "routes{ map = { [\"a b\"] = route_null{} } }",
     "c.lua:3: routes: map: what keys begin with is 1 to 250 bytes without spaces, not a b"},
    {POOLS "routes{ map = { x = route_null{} }, conf = { mode = \"suffix\" } }",
     "c.lua:3: routes: conf: 'mode' takes \"prefix\" or \"anchor\", not suffix"},
    {POOLS "routes{ map = { x = route_null{} }, conf = { mode = \"prefix\", stop = \"\" } }",
     "c.lua:3: routes: conf: 'stop' takes a string of 1 to 5 bytes"},
    {POOLS "routes{ map = { x = route_null{} }, conf = { mode = \"anchor\", stop = \"/\" } }",
     "c.lua:3: routes: conf: mode \"anchor\" wants both 'start' and 'stop', or neither"},
    {POOLS "routes{ map = { x = route_null{} }, conf = 1 }",
     "c.lua:3: routes: 'conf' takes a table"},
    /* pools */
    {"pools{ [1] = {} } " DEFAULT("route_null{}"),
     "c.lua:1: pools: a pool has a name: write { NAME = { backends = ... } }"},
    {"pools{ internal = {} } " DEFAULT("route_null{}"),
     "c.lua:1: pool internal: this name is reserved"},
    {"pools{\n a = 1 } " DEFAULT("route_null{}"),
     "c.lua:2: pool a: takes a table with backends, not a number"},
    {"pools{\n a = {} } " DEFAULT("route_null{}"),
     "c.lua:2: pool a: has no backends: write backends = { \"host:port\" }"},
    {"pools{\n a = { backends = {} } } " DEFAULT("route_null{}"),
     "c.lua:2: pool a: 'backends' names no server"},
    {"pools{ a = { backends = { x = \"h:1\" } } } " DEFAULT("route_null{}"),
     "c.lua:1: pool a: 'backends' takes a list of backends"},
    {"pools{ a = { backends = { \"h:1\",\n \"nowhere\" } } } " DEFAULT("route_null{}"),
     "c.lua:2: pool a: backend \"nowhere\" has no port: write \"host:port\""},
    {"pools{ a = { backends = { 5 } } } " DEFAULT("route_null{}"),
     "c.lua:1: pool a: backend 1 is a number, not a string or a table"},
    {"pools{ a = { backends = { { port = 1 } } } } " DEFAULT("route_null{}"),
     "c.lua:1: pool a: backend 1 has no host"},
    {"pools{ a = { backends = { { host = \"h\", port = 70000 } } } } " DEFAULT("route_null{}"),
     "c.lua:1: pool a: backend 1: the port is 1 to 65535, not 70000"},
    {"pools{ a = { backends = { \"127.1.0.0.1:1\" } } } " DEFAULT("route_null{}"),
     "c.lua:1: pool a: backend \"127.1.0.0.1\": an IPv4 address is four numbers of 0 to 255"},
    {"pools{ a = { backends = { \"a b:1\" } } } " DEFAULT("route_null{}"),
     "c.lua:1: pool a: backend \"a b\" is no host name and no address"},
    {"pools{ a = { backends = { { host = \"h\",\n tls = 5 } } } } " DEFAULT("route_null{}"),
     "c.lua:2: pool a: 'tls': takes true or false, not 5"},
    {"pools{ a = { backends = { { host = \"h\", connecttimeout = 0 } } } } " DEFAULT(
         "route_null{}"),
     "c.lua:1: pool a: 'connecttimeout': takes seconds from 0.001 to 3600, not 0"},
    {"pools{ a = { backend_options = { connections = 9 }, backends = { \"h:1\" } } } " DEFAULT(
         "route_null{}"),
     "c.lua:1: pool a: 'connections': takes a whole number from 1 to 8, not 9"},
    {"pools{ a = { options = { seed = 5 }, backends = { \"h:1\" } } } " DEFAULT("route_null{}"),
     "c.lua:1: pool a: 'seed' takes a string of 0 to 10000 bytes"},
    {"pools{ a = { options = { filter = \"tag\" }, backends = { \"h:1\" } } } " DEFAULT(
         "route_null{}"),
     "c.lua:1: pool a: 'filter' takes \"tags\" or \"stop\", not tag"},
    {"pools{ a = { options = { filter = \"tags\", filter_conf = \"{\" }, backends = { \"h:1\" } } "
     "} " DEFAULT("route_null{}"),
     "c.lua:1: pool a: 'filter_conf' takes a string of 2 to 5 bytes"},
    {"pools{ a = { options = { dist = mcp.dist_ring_hash }, backends = { \"h:1\" } } } " DEFAULT(
         "route_null{}"),
     "c.lua:1: pool a: 'omode' takes \"ketama\", \"twemproxy\" or \"evcache\": moongate has no "
     "ring for "
     "\"default\""},
    {"pools{ set_x = {} } " DEFAULT("route_null{}"), "c.lua:1: set set_x: has no pool"},
    {"pools{ set_x = { w = {} } } " DEFAULT("route_null{}"),
     "c.lua:1: pool set_x.w: has no backends: write backends = { \"host:port\" }"},
    {"pools{ [\"50%d\"] = { backends = {} } } " DEFAULT("route_null{}"),
     "c.lua:1: pool 50%d: 'backends' names no server"},
    {"pools{ set_x = {\n [true] = {} } } " DEFAULT("route_null{}"),
     "c.lua:1: set set_x: a pool has a name or a number, not true"},
    {POOLS DEFAULT("route_allsync{ children = { [true] = \"a\" } }"),
     "c.lua:3: route_allsync: 'children': a child has a name or a number, not true"},
    {POOLS "local r = route_null{}\nr.name = \"mine\"\n" DEFAULT("r"),
     "c.lua:5: routes: a route's name or arguments were changed"},
    {"settings{ backend_read_timeout = -1 } " POOLS DEFAULT("route_null{}"),
     "c.lua:1: settings: 'backend_read_timeout': takes seconds from 0.001 to 3600, not -1"},
    {"settings{ pool_options = 1 } " POOLS DEFAULT("route_null{}"),
     "c.lua:1: settings: 'pool_options' takes a table"},
    {"settings{ active_req_limit = 0.5 } " POOLS DEFAULT("route_null{}"),
     "c.lua:1: settings: 'active_req_limit': takes a whole number from 1 to 1000000000, not 0.5"},
    /* routes */
    {POOLS DEFAULT("route_direct{}"),
     "c.lua:3: route_direct: 'child' takes the name of a pool, or a route, not nothing"},
    {POOLS "routes{\n default = route_direct{\n child = \"b\" } }",
     "c.lua:5: route_direct: there is no pool or set called \"b\""},
    {POOLS DEFAULT("route_direct{ child = \"set_s\" }"),
     "c.lua:3: route_direct: 'child' takes one pool, and \"set_s\" is a set of them"},
    {POOLS DEFAULT("route_direct{ child = \"internal\" }"),
     "c.lua:3: route_direct: the pool \"internal\" is the proxy's own memory, and moongate keeps "
     "no items: "
     "name a pool of a memcached beside it"},
    {POOLS DEFAULT("route_failover{ children = \"a\" }"),
     "c.lua:3: route_failover: 'children' takes a list of children or the name of a set, not "
     "\"a\""},
    {POOLS DEFAULT("route_failover{ children = {} }"),
     "c.lua:3: route_failover: 'children' has no child"},
    {POOLS DEFAULT("route_allsync{ children = route_direct{ child = \"a\" } }"),
     "c.lua:3: route_allsync: 'children' takes a list of children, not one route: write { "
     "route_direct { "
     "... } }"},
    {POOLS DEFAULT("route_direct{ child_wrap = \"set_s\" }"),
     "c.lua:3: route_direct: 'child_wrap' makes a list of routes: write it as the `children` of "
     "another"},
    {POOLS DEFAULT("route_allsync{ children = route_direct{ child_wrap = \"a\" } }"),
     "c.lua:3: route_allsync: 'child_wrap' takes a set of pools or a list of children"},
    {POOLS DEFAULT("route_failover{ children = { \"a\" }, wait = \"1\" }"),
     "c.lua:3: route_failover: 'wait' takes a number from 0.001 to 3600, not 1"},
    {POOLS DEFAULT("route_zfailover{ children = \"set_z\" }"),
     "c.lua:3: route_zfailover: a zone is wanted: write local_zone(\"NAME\") above, or local_zone "
     "= "
     "\"NAME\" here"},
    {POOLS "local_zone \"n\"\n" DEFAULT("route_zfailover{ children = \"set_z\", miss = true }"),
     "c.lua:4: route_zfailover: no child is called 'n', as the local zone is: children takes a set "
     "with "
     "that zone"},
    {POOLS DEFAULT("route_ttl{ child = \"a\" }"), "c.lua:3: route_ttl: wants 'ttl', in seconds"},
    {POOLS DEFAULT("route_ttl{ child = \"a\", ttl = 2592001 }"),
     "c.lua:3: route_ttl: 'ttl' takes a number from 0 to 2592000, not 2592001"},
    {POOLS "routes{ cmap = { get = route_ttl{ child = \"a\", ttl = 5 } } }",
     "c.lua:3: route_ttl: takes set, add, cas and ms, not get"},
    {POOLS DEFAULT("route_ratelim{ child = \"a\", limit = 5 }"),
     "c.lua:3: route_ratelim: wants 'fillrate'"},
    {POOLS DEFAULT("route_failover{ children = { \"a\", \"a\" }, stats = true, stats_name = 5 }"),
     "c.lua:3: route_failover: 'stats_name' takes a string"},
    {POOLS "local r = route_split{ child_b = \"a\" }\nr = r\nlocal t = { child = nil }\n" DEFAULT(
         "route_split{ child_a = \"a\", child_b = 7 }"),
     "c.lua:6: route_split: 'child_b' takes the name of a pool, or a route, not a number"},
    /* what is not here */
    {POOLS "\n" DEFAULT("route_mine{ child = \"a\" }"),
     "c.lua:4: there is no route_mine: there are route_allasync, route_allfastest, route_allsync, "
     "route_direct, route_failover, route_null, route_random, route_ratelim, route_split, "
     "route_ttl, "
     "route_zfailover; a route of your own is a function in a moongate script: convert the file "
     "without "
     "it, and write the function there (see lua/README.md)"},
    {"register_route_handlers{ \"mine\" }",
     "c.lua:1: register_route_handlers: a route of your own is a function in a moongate script: "
     "convert "
     "the file without it, and write the function there (see lua/README.md)"},
    {"\nfunction route_mine_conf(t) return t end",
     "c.lua:2: route_mine_conf: a route of your own is a function in a moongate script: convert "
     "the file "
     "without it, and write the function there (see lua/README.md)"},
    {"\nfunction mcp_config_pools() end",
     "c.lua:2: this is a program for memcached's proxy itself: it is not run; `moongate convert "
     "--from mcp` "
     "says what each of its functions would be in a moongate script"},
    {"local b = mcp.backend(\"a\", \"h\", 1)",
     "c.lua:1: mcp.backend is of the proxy itself: it is not run; `moongate convert --from mcp` "
     "says what "
     "each of its functions would be in a moongate script"},
    {"io.open(\"x\")",
     "c.lua:1: io is not for scripts: start moongate with --unsafe-lua to have all of Lua"},
    {"os.execute(\"x\")",
     "c.lua:1: os.execute is not for scripts: start moongate with --unsafe-lua to have all of Lua"},
    {"local_zone_from_env \"MOONGATE_NO_SUCH\"",
     "c.lua:1: local_zone_from_env: the environment has no variable MOONGATE_NO_SUCH: set it where "
     "moongate starts, or write local_zone "
     "\"NAME\""},
    {"local_zone_from_file \"nowhere\"",
     "c.lua:1: local_zone_from_file: nowhere: No such file or directory"},
    {"local_zone_from_file \"empty\"", "c.lua:1: local_zone_from_file: empty has no first line"},
    {"local_zone(5)", "c.lua:1: local_zone takes a string, not a number"},
    /* what is raised is shown in one line, and its place is that of the file where it is */
    {"error \"a\\nb\\27\"", "c.lua:1: a?b?"},
    {"error(\"c.luax\", 0)", "c.lua: c.luax"},
    {"error(\"c.lua\", 0)", "c.lua: c.lua"},
    {"error(\"c.lua:7\", 0)", "c.lua: c.lua:7"},
    {"error(\"c.lua:7: x\", 0)", "c.lua:7: x"},
    {"\n\n\nrequire \"broken\"", "c.lua: ./broken.lua:2: no"},
    {"\n\n\nload(\"\\nerror 'no'\", \"=part\")()", "c.lua: part:2: no"},
};

static void bad_configurations_are_refused_with_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        refuses(refused[i].text, refused[i].error);
}

/* A route that is its own child, by way of a table that is changed later. */
static void routes_without_end_are_refused(void **state)
{
    struct reading r;
    static const char text[] =
        POOLS "local args = {}\nlocal r = route_direct(args)\nargs.child = r\n" DEFAULT("r");
    (void)state;
    read_bytes(&r, text, strlen(text), ROUTELIB_SECONDS);
    assert_false(r.is_good);
    assert_string_equal(r.out.error, "c.lua:5: route_direct: routes in routes without end");
    free(r.script);
}

/* Lua cuts a long path in its messages. */
static void an_error_in_a_file_with_a_long_path_has_the_whole_path(void **state)
{
    static const char path[] =
        "/a/folder/whose/path/is/longer/than/what/Lua/shows/of/a/path/in/its/messages/c.lua";
    static const char *const texts[] = {"\nerror \"no\"", "\n= no", "\nio.open \"no\""};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct convert_input in = {.path = path, .bytes = texts[i], .len = strlen(texts[i])};
        struct convert_output out = {.note = NULL};
        assert_false(routelib_read(&in, &out));
        assert_memory_equal(out.error, path, sizeof path - 1);
        assert_memory_equal(out.error + sizeof path - 1, ":2: ", 4);
    }
}

/* --- notes ------------------------------------------------------------------------------------- */

static const struct {
    const char *text, *notes;
} noted[] = {
    {POOLS DEFAULT("route_direct{ child = \"a\" }"), ""},
    {"settings{\n  back_timeout = 5,\n  buffer_memory_limit = 5 } " POOLS DEFAULT("route_null{}"),
     "2: settings: 'back_timeout' has no effect: there is no 'back_timeout'\n"
     "3: settings: 'buffer_memory_limit' has no effect: moongate bounds memory by --client-buffer, "
     "--input-buffer and its kin\n"},
    {POOLS "routes{\n  default = route_direct{\n    child = \"a\", fast = true } }",
     "5: route_direct: there is no 'fast': it has no effect\n"},
    {"pools{ a = { backends = { { host = \"h\", tls = true } } } } " DEFAULT("route_null{}"),
     "1: pool a: 'tls': servers are not verified, as there: convert the file and give the pool "
     "tls = true, or tls = { ca = FILE }\n"},
    {POOLS "routes{ default = route_null{}, labels = 1 }",
     "3: routes: there is no 'labels': it has no effect\n"},
    {POOLS "routes{ map = { x = route_null{} }, conf = { stop = \":\" } }",
     "3: routes: conf: without 'mode' the other options have no effect, as there\n"},
    {POOLS "routes{ cmap = { all = route_null{}, mn = route_null{} }, default = route_null{} }",
     "3: routes: cmap: 'all' has no effect, as there: write it as `default`\n"
     "3: cmdmap: mn has no key: moongate answers it itself\n"},
    {POOLS "local_zone \"w\"\n" DEFAULT("route_zfailover{ children = \"set_z\" }"),
     "4: route_zfailover: only an error asks the other zones, as routelib's README says; its code "
     "does so "
     "after a miss, too: write miss = true for that\n"},
    {POOLS DEFAULT("route_failover{ children = \"set_z\", local_zone = \"x\" }"),
     "3: route_failover: no child is called 'x': the children keep their order\n"},
    {"pools{ a = { backends = { \"h:1 label9 more\" }, name = \"x\" } } " DEFAULT("route_null{}"),
     "1: pool a: 'name' has no effect: there is no 'name'\n"
     "1: pool a: backend \"h:1 label9 more\": what follows the port is left out\n"},
    {"pools{ [\"50%x\"] = { backends = { \"h:1\" }, name = \"x\" } } " DEFAULT("route_null{}"),
     "1: pool 50%x: 'name' has no effect: there is no 'name'\n"},
};

static void what_is_left_out_is_noted_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof noted / sizeof *noted; i++) notes(noted[i].text, noted[i].notes);
}

/* --- what is written --------------------------------------------------------------------------- */

static const struct {
    const char *text, *part;
} written[] = {
    {"settings{ backend_use_tls = true } pools{ a = { backends = { \"h:1\", { host = \"g\", tls = "
     "false } } } } " DEFAULT("route_direct{ child = \"a\" }"),
     "    tls = { verify = false },\n}\n\nlocal pools = {}\n"
     "pools.a = mg.pool { \"h:1\", { \"g:11211\", tls = false }, name = \"a\" }"},
    {"pools{ a = { options = { dist = mcp.dist_ring_hash, omode = \"ketama\" }, backends = { "
     "\"h:1\", \"g:1\", \"h:1\" "
     "} } } " DEFAULT("route_direct{ child = \"a\" }"),
     "mg.pool { \"h:1\", \"g:1\", name = \"a\", distribution = \"spymemcached\", naming = "
     "\"host_port\" }\n"},
    {"local_zone_from_file \"zone\" " POOLS DEFAULT(
         "route_zfailover{ children = \"set_z\", miss = true }"),
     "here = \"w\""},
    {"local own = require \"own\" pools{ a = { backends = own } } " DEFAULT(
         "route_direct{ child = \"a\" }"),
     "pools.a = mg.pool { \"h:9\", name = \"a\" }"},
    {"global = 5 if undefined then error() end " POOLS DEFAULT("route_direct{ child = \"a\" }"),
     "return pools.a\n"},
    {"verbose(false) verbosity{ debug = false } say \"x\" dsay \"y\" " POOLS DEFAULT(
         "route_null{}"),
     "return mg.null()\n"},
    {"pools{ [\"a-b c\"] = { backends = { \"h:1\" } } } " DEFAULT(
         "route_direct{ child = \"a-b c\" }"),
     "pools[\"a-b c\"] = mg.pool { \"h:1\", name = \"a-b_c\" }\n"},
    {"pools{ a = { backends = { \"::1:11211\", { host = \"h\" }, \"h:1 _down_\", \"h:1 label\" } } "
     "} " DEFAULT("route_direct{ child = \"a\" }"),
     "mg.pool { \"[::1]:11211\", \"h:11211\", { \"h:1\", down = true }, { \"h:1\", name = "
     "\"h:1#2\" }, name = "
     "\"a\" }\n"},
    {"settings{ backend_connect_timeout = 1, backend_read_timeout = 4.5, backend_retry_waittime = "
     "2.4,\n"
     " backend_failure_limit = 0, tcp_keepalive = true, backend_flap_backoff_max = 60 } " POOLS
         DEFAULT("route_null{}"),
     "    timeout = 4.5,\n    connect_timeout = 1,\n    stall_timeout = 4.5,\n    failure_limit = "
     "1,\n"
     "    probe_min = 2,\n    probe_max = 60,\n    keepalive = 60,\n"},
    {POOLS DEFAULT("route_failover{ children = { \"a\", \"set_s_2\" }, wait = 0.5 }"),
     "return mg.failover { pools.a, pools.set_s[2], on = errors, within = 0.5 }\n"},
    {POOLS DEFAULT(
         "route_ratelim{ child = \"a\", limit = 11, fillrate = 5, tickrate = 100, global = true }"),
     "rate = math.max(0.001, 50 / mg.worker.count),\n    burst = math.max(1, 10 / "
     "mg.worker.count),\n    tick = "
     "0.1,\n"},
    {"settings{ active_req_limit = 8 } " POOLS DEFAULT("route_direct{ child = \"a\" }"),
     "    math.max(1, math.floor(8 / mg.worker.count)),\n"},
    {POOLS
     "routes{ tag = \"b\", default = route_direct{ child = \"a\" } }\n" DEFAULT("route_null{}"),
     "do -- the listener \"b\"\n    roots.b = pools.a\nend\n"},
    /* a tag may be any word: none of them means all other listeners */
    {POOLS "routes{ tag = \"default\", default = route_direct{ child = \"a\" } }\n" DEFAULT(
         "route_null{}"),
     "local roots, others = {}, mg.error \"no route for this listener\"\n"
     "do -- the listener \"default\"\n    roots.default = pools.a\nend\n"
     "do -- all other listeners\n    others = mg.null()\nend\n"},
    {"pools{ set_i = { [1 / 0] = { backends = { \"h:1\" } } } } " DEFAULT(
         "route_random{ children = \"set_i\" }"),
     "return pools.set_i[math.huge]\n"},
    {POOLS
     "assert(select(2, xpcall(error, function(e) return e .. \"!\" end, \"no\")) == \"no!\")\n"
     "assert(select(2, xpcall(function(x) return x end, error, 5)) == 5)\n" DEFAULT("route_null{}"),
     "return mg.null()\n"},
};

static void what_it_says_is_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        writes(written[i].text, written[i].part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_configurations_are_refused_with_their_place),
        cmocka_unit_test(routes_without_end_are_refused),
        cmocka_unit_test(an_error_in_a_file_with_a_long_path_has_the_whole_path),
        cmocka_unit_test(what_is_left_out_is_noted_with_its_place),
        cmocka_unit_test(what_it_says_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
