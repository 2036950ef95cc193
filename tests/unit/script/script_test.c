/* script: what loads, and what is said of what does not. */
#include "unit/script/script_host.h"

static void a_pool_is_a_whole_script(void **state)
{
    load(MG "return mg.pool { '127.0.0.1:7', '127.0.0.1:8', '127.0.0.1' }\n");
    assert_int_equal(script_generation(w.script), 3);
    request_at(0, COMMAND_GET, "a", NULL);
    request_at(1, COMMAND_SET, "b", "v");
    route(2);
    const struct pool *p = w.pools[w.answers[1].route];
    assert_int_equal(p->members_n, 3);
    assert_string_equal(p->members[0].backend->name, "127.0.0.1:7");
    assert_string_equal(p->members[2].backend->name, "127.0.0.1:11211");
    assert_int_equal(p->settings.backend.connections, 2);
}

static void the_options_of_a_pool_reach_c(void **state)
{
    load(MG
         "return mg.pool { '127.0.0.1:1', name = 'users', distribution = 'modula', hash = 'md5',\n"
         "  on_failure = 'miss', timeout = 0.25, connect_timeout = 1.5, stall_timeout = 9,\n"
         "  depth = 77, connections = 5 }\n");
    route_one(COMMAND_GET, "a", NULL);
    const struct pool_settings *s = &w.pools[0]->settings;
    assert_string_equal(s->name, "users");
    assert_int_equal(s->selector.distribution, DISTRIBUTION_MODULA);
    assert_int_equal(s->selector.hash, HASH_MD5);
    assert_int_equal(s->on_failure, ON_FAILURE_MISS);
    assert_true(s->timeout == 0.25 && s->backend.connect_timeout == 1.5 &&
                s->backend.stall_timeout == 9);
    assert_int_equal(s->backend.depth, 77);
    assert_int_equal(s->backend.connections, 5);
}

static void servers_have_names_weights_and_settings_of_their_own(void **state)
{
    load(
        MG
        "mg.defaults { timeout = 0.3, connections = 2, depth = 9 }\n"
        "return mg.pool { '127.0.0.1:1:5 one', { '127.0.0.1:2', name = 'two', weight = 3,\n"
        "  timeout = 0.7, depth = 8 }, { host = '::1', port = 3 }, { path = '/s' }, depth = 7 }\n");
    route_one(COMMAND_GET, "a", NULL);
    const struct pool_member *m = w.pools[0]->members;
    static const struct {
        const char *name, *server;
        double weight, timeout;
        uint32_t depth;
    } wanted[] = {{"one", "127.0.0.1:1", 5, 0.3, 7},
                  {"two", "127.0.0.1:2", 3, 0.7, 8},
                  {"::1:3", "[::1]:3", 1, 0.3, 7},
                  {"/s", "unix:/s", 1, 0.3, 7}};
    assert_int_equal(w.pools[0]->members_n, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(m[i].name, wanted[i].name);
        assert_string_equal(m[i].backend->name, wanted[i].server);
        assert_true(m[i].weight == wanted[i].weight && m[i].timeout == wanted[i].timeout);
        assert_int_equal(m[i].backend->settings.depth, wanted[i].depth);
        assert_int_equal(m[i].backend->settings.connections, 2);
    }
}

/* What mg.defaults says beside a `like` of its own counts, too. */
static void single_options_override_like_and_like_overrides_defaults(void **state)
{
    load(MG
         "mg.defaults { hash = 'md5', order = 'name', like = 'nodeproxy' }\n"
         "local a = mg.pool { '127.0.0.1:1', like = 'twemproxy' }\n"
         "local b = mg.pool { '127.0.0.1:1', like = 'twemproxy', hash = 'xxh3', hash_tag = '{}' }\n"
         "local c = mg.pool { '127.0.0.1:1' }\n"
         "return a\n");
    route_one(COMMAND_GET, "a", NULL);
    const struct pool_settings *a = &w.pools[0]->settings, *b = &w.pools[1]->settings;
    const struct pool_settings *c = &w.pools[2]->settings;
    assert_int_equal(a->selector.hash, HASH_FNV1A_64);
    assert_int_equal(a->order, ORDER_LENGTH);
    assert_int_equal(b->selector.hash, HASH_XXH3);
    assert_int_equal(b->selector.distribution, DISTRIBUTION_KETAMA);
    assert_memory_equal(b->hash_tag, "{}", 2);
    assert_int_equal(c->selector.distribution, DISTRIBUTION_MODULA_SIGNED);
    assert_int_equal(c->selector.hash, HASH_MD5);
    assert_int_equal(c->order, ORDER_NAME);
    assert_true(c->unweighted);
}

/* What stands on the ring for `10.0.0.1`, `10.0.0.2:5` and a unix socket. */
static void servers_are_named_as_the_system_that_a_pool_is_like_names_them(void **state)
{
    static const struct {
        const char *like, *names[3];
    } namings[] = {
        {"twemproxy", {"10.0.0.1", "10.0.0.2:5", "/s:"}},
        {"libmemcached-ketama", {"10.0.0.1", "10.0.0.2:5", "/s:0"}},
        {"libmemcached-ketama-weighted", {"10.0.0.1", "10.0.0.2:5", "/s:0"}},
        {"libmemcached-spy", {"/10.0.0.1:11211", "/10.0.0.2:5", "//s:0"}},
        {"spymemcached-ketama", {"10.0.0.1:11211", "10.0.0.2:5", "/s"}},
        {"pymemcache", {"10.0.0.1:11211", "10.0.0.2:5", "/s"}},
        {"cache-memcached-fast-ketama", {"10.0.0.1:11211", "10.0.0.2:5", "/s"}},
        {"php-memcache", {"10.0.0.1:11211", "10.0.0.2:5", "unix:///s:0"}},
        {"dalli", {"10.0.0.1:11211", "10.0.0.2:5", "/s"}},
        {"node-memcached", {"10.0.0.1", "10.0.0.2:5", "/s"}},
    };
    char script[4096] = MG;
    for (size_t i = 0; i < COUNT(namings); i++) {
        size_t len = strlen(script);
        snprintf(script + len, sizeof script - len,
                 "mg.pool { like = '%s', order = 'given', '10.0.0.1', '10.0.0.2:5', 'unix:/s' }\n",
                 namings[i].like);
    }
    load(strcat(script, "return mg.pool { '10.0.0.1' }\n"));
    route_one(COMMAND_GET, "a", NULL);
    for (size_t i = 0; i < COUNT(namings); i++) {
        for (size_t k = 0; k < 3; k++)
            assert_string_equal(w.pools[i]->members[k].name, namings[i].names[k]);
    }
}

static void an_unhashed_prefix_is_left_out_and_the_rest_decides(void **state)
{
    load(MG "local a = mg.pool { like = 'pymemcache', unhashed_prefix = 'app:', '10.0.0.1',\n"
            "                    '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5' }\n"
            "local b = mg.pool { like = 'pymemcache', '10.0.0.1',\n"
            "                    '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5' }\n"
            "return a\n");
    route_one(COMMAND_GET, "a", NULL);
    unsigned elsewhere = 0;
    for (unsigned i = 0; i < 1000; i++) {
        char key[32];
        size_t len = (size_t)snprintf(key, sizeof key, "app:key:%u", i);
        const struct pool_member *with = pool_pick(w.pools[0], key, len);
        assert_int_equal(with - w.pools[0]->members,
                         pool_pick(w.pools[1], key + 4, len - 4) - w.pools[1]->members);
        elsewhere +=
            with - w.pools[0]->members != pool_pick(w.pools[1], key, len) - w.pools[1]->members;
    }
    assert_in_range(elsewhere, 600, 950);
    struct pool_choice choice = pool_explain(w.pools[0], "app:x", 5);
    assert_int_equal(choice.hashed_len, 1);
    assert_memory_equal(choice.hashed, "x", 1);
    assert_int_equal(pool_explain(w.pools[0], "app:", 4).hashed_len, 4);
    assert_int_equal(pool_explain(w.pools[0], "apply", 5).hashed_len, 5);
}

static void the_script_behind_servers_needs_no_file(void **state)
{
    static const char *const servers[] = {"127.0.0.1:5", "127.0.0.1:6"};
    w.host.servers = servers;
    w.host.servers_n = 2;
    w.script = script_load(&w.host, NULL, NULL, 0, 1, w.error);
    assert_non_null(w.script);
    route_one(COMMAND_GET, "a", NULL);
    assert_int_equal(w.pools[0]->members_n, 2);
    assert_string_equal(w.pools[0]->members[1].backend->name, "127.0.0.1:6");
}

/* Scripts that do not load: the text, the line that is named, a part of what is said. */
static const char *const broken[][3] = {
    {"return return\n", "script.lua:1:", "unexpected symbol"},
    {MG "\n\nlocal x = = 1\n", "script.lua:4:", "unexpected symbol"},
    {MG "return function(req)\n", "script.lua:3:", "'end' expected"},
    {MG "local x = nil\nx.y = 1\n", "script.lua:3:", "attempt to index"},
    {MG "error 'no luck today'\n", "script.lua:2:", "no luck today"},
    {MG "local function f() error('inside', 2) end\nf()\n", "script.lua:3:", "inside"},
    {MG "nosuch.thing()\n", "script.lua:2:", "global 'nosuch' is not defined"},
    {MG "counter = 1\n", "script.lua:2:", "write `local counter`"},
    {MG "local p = mg.pol { '127.0.0.1:1' }\n", "script.lua:2:", "pol"},
    {MG "local p = mg.pool { '127.0.0.1:1', time_out = 1 }\n",
     "script.lua:2:", "unknown option 'time_out'"},
    {MG "local p = mg.pool { '127.0.0.1:1', Timeout = 1 }\n",
     "script.lua:2:", "unknown option 'Timeout'"},
    {MG "local p = mg.pool { '127.0.0.1:1', timeout = '1' }\n",
     "script.lua:2:", "option 'timeout' takes seconds"},
    {MG "local p = mg.pool { '127.0.0.1:1', timeout = 0.0001 }\n",
     "script.lua:2:", "option 'timeout' takes seconds"},
    {MG "local p = mg.pool { '127.0.0.1:1', connect_timeout = 0 }\n",
     "script.lua:2:", "option 'connect_timeout' takes seconds"},
    {MG "local p = mg.pool { '127.0.0.1:1', timeout = -1 }\n",
     "script.lua:2:", "option 'timeout' takes seconds"},
    {MG "local p = mg.pool { '127.0.0.1:1', timeout = 0/0 }\n",
     "script.lua:2:", "option 'timeout' takes seconds"},
    {MG "local p = mg.pool { '127.0.0.1:1', stall_timeout = 1/0 }\n",
     "script.lua:2:", "option 'stall_timeout'"},
    {MG "local p = mg.pool { '127.0.0.1:1', connect_timeout = {} }\n",
     "script.lua:2:", "option 'connect_timeout'"},
    {MG "local p = mg.pool { '127.0.0.1:1', depth = 1.5 }\n",
     "script.lua:2:", "option 'depth' takes a whole number"},
    {MG "local p = mg.pool { '127.0.0.1:1', depth = 0 }\n", "script.lua:2:", "option 'depth'"},
    {MG "local p = mg.pool { '127.0.0.1:1', connections = 1025 }\n",
     "script.lua:2:", "option 'connections'"},
    {MG "local p = mg.pool { '127.0.0.1:1', connections = true }\n",
     "script.lua:2:", "option 'connections'"},
    {MG "local p = mg.pool { '127.0.0.1:1', hash = 'mad5' }\n",
     "script.lua:2:", "there is no hash 'mad5'"},
    {MG "local p = mg.pool { '127.0.0.1:1', hash = 5 }\n", "script.lua:2:", "there is no hash '5'"},
    {MG "local p = mg.pool { '127.0.0.1:1', distribution = 'ring' }\n",
     "script.lua:2:", "no distribution 'ring'"},
    {MG "local p = mg.pool { '127.0.0.1:1', on_failure = 'panic' }\n",
     "script.lua:2:", "no on_failure 'panic'"},
    {MG "local p = mg.pool { '127.0.0.1:1', like = 'squid' }\n", "script.lua:2:", "'squid' is not"},
    {MG "local p = mg.pool { '127.0.0.1:1', hash_tag = '{' }\n", "script.lua:2:", "takes 2 bytes"},
    {MG "local p = mg.pool { '127.0.0.1:1', eject_floor = 2 }\n", "script.lua:2:", "a share"},
    {MG "local p = mg.pool { '127.0.0.1:1', points = 5 }\n",
     "script.lua:2:", "option 'points' goes"},
    {MG "local p = mg.pool { '127.0.0.1:1', like = 'pymemcache', hash = 'md5' }\n",
     "script.lua:2:", "option 'hash' goes"},
    {MG "local p = mg.pool { { '127.0.0.1:1', weight = 1.5 }, like = 'cache-memcached' }\n",
     "script.lua:2:", "mg.pool has weights that are not whole"},
    {MG "local p = mg.pool { '127.0.0.1:1:200000', like = 'php-memcache' }\n",
     "script.lua:2:", "mg.pool has weights so large"},
    {MG "local p = mg.pool { { '127.0.0.1:1', weight = 0.001 }, "
        "like = 'cache-memcached-fast-ketama' }\n",
     "script.lua:2:", "mg.pool has a weight so small"},
    {MG "local p = mg.pool { '127.0.0.1:1', unhashed_prefix = '' }\n",
     "script.lua:2:", "1 to 127 bytes"},
    {MG "local p = mg.pool { '127.0.0.1:1', weighted = 1 }\n", "script.lua:2:", "true or false"},
    {MG "local p = mg.pool { { '127.0.0.1:1', wait = 1 } }\n",
     "script.lua:2:", "server 1 unknown option 'wait'"},
    {MG "local p = mg.pool { { name = 'a' } }\n", "script.lua:2:", "wants either host or path"},
    {MG "local p = mg.pool { { '127.0.0.1', port = 5 } }\n", "script.lua:2:", "behind the host"},
    {MG "local p = mg.pool { '127.0.0.1:1:1000001' }\n", "script.lua:2:", "the weight is not in"},
    {MG "local p = mg.pool { '127.0.0.1:1:0', '127.0.0.1:2' }\n",
     "script.lua:2:", "mg.pool has a server of weight 0"},
    {MG "local p = mg.pool { { '127.0.0.1:1', weight = 0 }, distribution = 'ch3' }\n",
     "script.lua:2:", "leave the server out"},
    {MG "local p = mg.pool { { '127.0.0.1:1', weight = -1 } }\n",
     "script.lua:2:", "option 'weight' takes a number from 0"},
    {MG "local p = mg.pool { '127.0.0.1:1:2', distribution = 'weighted_ch3' }\n",
     "script.lua:2:", "mg.pool has a weight above 1"},
    {MG "mg.defaults { '127.0.0.1:1' }\n" ANY, "script.lua:2:", "takes options, no servers"},
    {MG "mg.defaults { name = 'a' }\n" ANY, "script.lua:2:", "takes no name"},
    {MG "mg.defaults { tmeout = 1 }\n" ANY, "script.lua:2:", "unknown option 'tmeout'"},
    {MG "local p = mg.pool { '127.0.0.1:1', name = 'two words' }\n",
     "script.lua:2:", "option 'name'"},
    {MG "local p = mg.pool { '127.0.0.1:1', name = 7 }\n", "script.lua:2:", "option 'name'"},
    {MG "local p = mg.pool { '127.0.0.1:1', [{}] = 7 }\n", "script.lua:2:", "unknown option"},
    {MG "local p = mg.pool { '127.0.0.1:1', nil, '127.0.0.1:3' }\n", "script.lua:2:", "gap"},
    {MG "local x\nlocal p = mg.pool { '127.0.0.1:1', x, '127.0.0.1:3', '127.0.0.1:4' }\n" ANY,
     "script.lua:3:", "mg.pool has a gap in its list of servers"},
    {MG "local x\nlocal p = mg.pool { x, '127.0.0.1:3', '127.0.0.1:4', x }\n" ANY,
     "script.lua:3:", "mg.pool"},
    {MG "local p = mg.pool { '127.0.0.1:1', [1.5] = '127.0.0.1:3' }\n" ANY, "script.lua:2:", "gap"},
    {MG "local p = mg.pool { '127.0.0.1:1', [0] = '127.0.0.1:3' }\n" ANY, "script.lua:2:", "gap"},
    {MG "local p = mg.pool { { '127.0.0.1:1', nil, 'x' } }\n" ANY,
     "script.lua:2:", "server 1 takes one string"},
    {MG "local p = mg.pool { { host = 'a', [2] = 'x' } }\n" ANY,
     "script.lua:2:", "server 1 takes one string"},
    {MG "local p = mg.pool { '127.0.0.1:1', [9] = '127.0.0.1:3' }\n", "script.lua:2:", "gap"},
    {MG "local p = mg.pool { }\n", "script.lua:2:", "names no server"},
    {MG "local p = mg.pool { timeout = 1 }\n", "script.lua:2:", "names no server"},
    {MG "local p = mg.pool '127.0.0.1:1'\n", "script.lua:2:", "takes a table"},
    {MG "local p = mg.pool()\n", "script.lua:2:", "takes a table"},
    {MG "local p = mg.pool { 11211 }\n", "script.lua:2:", "server 1 is a number"},
    {MG "local p = mg.pool { '' }\n", "script.lua:2:", "server ''"},
    {MG "local p = mg.pool { '127.0.0.1:99999' }\n", "script.lua:2:", "server '127.0.0.1:99999'"},
    {MG "local p = mg.pool { '127.0.0.1:0' }\n", "script.lua:2:", "port 0"},
    {MG "local p = mg.pool { { host = 'unix', port = 7 } }\n",
     "script.lua:2:", "server 'unix': unix is no host"},
    {MG "local p = mg.pool { { host = 'h:1:2', port = 7 } }\n",
     "script.lua:2:", "server 'h:1:2': it is neither a host nor"},
    {MG "local p = mg.pool { { host = '[::1]' } }\n",
     "script.lua:2:", "server '[::1]': it is neither a host nor"},
    {MG "local p = mg.pool { { path = '/s:5' } }\n",
     "script.lua:2:", "server 'unix:/s:5': the path of the unix socket ends in"},
    {MG "local p = mg.pool { { path = '/s', host = 'h' } }\n",
     "script.lua:2:", "wants either host or path"},
    {MG "local p = mg.pool { { name = 'n' } }\n", "script.lua:2:", "wants either host or path"},
    {MG "local p = mg.pool { '127.0.0.1:1', '127.0.0.1:x' }\n",
     "script.lua:2:", "server '127.0.0.1:x'"},
    {MG "mg.reply.error('two\\nlines')\n" ANY, "script.lua:2:", "control bytes"},
    {MG "mg.reply.error('')\n" ANY, "script.lua:2:", "1 to 1024 bytes"},
    {MG "mg.reply.error(('x'):rep(1025))\n" ANY, "script.lua:2:", "1 to 1024 bytes"},
    {MG "mg.reply.error {}\n" ANY, "script.lua:2:", "takes a string"},
    {MG "require 'nosuch'\n" ANY, "script.lua:2:", "module 'nosuch' does not load"},
    {MG "require(7)\n" ANY, "script.lua:2:", "require takes a string"},
    {"", "script.lua", "a script returns a route"},
    {MG, "script.lua", "not nothing"},
    {"return 42\n", "script.lua", "not a number"},
    {"return 'pool'\n", "script.lua", "not a string"},
    {"return {}\n", "script.lua", "not a table"},
    {"return require 'moongate'\n", "script.lua", "not a table"},
};

static void scripts_that_do_not_load_say_where_and_why(void **state)
{
    for (size_t i = 0; i < COUNT(broken); i++) fails(broken[i][0], broken[i][1], broken[i][2]);
}

/* `return mg.pool {...}` is a tail call: the line of the script is not on the stack any more. */
static void a_wrong_pool_that_is_returned_at_once_is_found_too(void **state)
{
    fails(MG "\nreturn mg.pool { '127.0.0.1:1', time_out = 1 }\n",
          "script.lua:3:", "unknown option 'time_out'");
    fails(MG "return mg.pool { '127.0.0.1:99999' }\n", "script.lua:2:", "server '127.0.0.1:99999'");
    fails(MG "return mg.pool {}\n", "script.lua:2:", "names no server");
    fails(MG "return mg.reply.error ''\n", "script.lua:2:", "1 to 1024 bytes");
}

static void an_error_that_is_no_text_still_fails_the_load(void **state)
{
    assert_false(loads(MG "error {}\n"));
    assert_true(strlen(w.error) > 0);
    assert_false(loads(MG "error()\n"));
    assert_false(
        loads(MG "error(setmetatable({}, {__tostring = function() error 'again' end}))\n"));
    assert_false(loads("local function f() return f() + 1 end\nreturn f()\n"));
    assert_non_null(strstr(w.error, "stack overflow"));
}

static void bytecode_is_refused_wherever_it_is(void **state)
{
    static const char bytecode[] = "\033LJ\002\n\002";
    fails(bytecode, "script.lua", "bytecode is not loaded");
    write_file("hidden.lua", bytecode, sizeof bytecode - 1);
    fails(MG "require 'hidden'\n" ANY, "script.lua:2:", "bytecode is not loaded");
    load(
        MG
        "local got, wrong = load('\\27LJ\\2')\nassert(got == nil and wrong:find 'bytecode')\n" ANY);
}

static void pools_of_a_script_that_did_not_load_are_gone(void **state)
{
    fails(MG "local a = mg.pool { '127.0.0.1:1' }\nmg.pool { '127.0.0.1:2', nosuch = 1 }\n",
          "script.lua:3:", "nosuch");
    fails(MG "mg.pool { '127.0.0.1:3', '127.0.0.1:x' }\n", "script.lua:2:", "127.0.0.1:x");
    for (const struct backend *b = w.backends.first; b; b = b->next) assert_int_equal(b->counts, 0);
}

static void what_is_printed_names_pools_servers_and_the_kind_of_route(void **state)
{
    char *text = NULL;
    size_t len;
    load(MG "local users = mg.pool { '127.0.0.1:1', name = 'users' }\n"
            "mg.pool { '127.0.0.1:2', '127.0.0.1:3', distribution = 'modula', timeout = 0.5 }\n"
            "return function() return users end\n");
    FILE *out = open_memstream(&text, &len);
    script_describe(w.script, out);
    fclose(out);
    assert_string_equal(text, "pool users: ketama, xxh3, timeout 1 s, 1 server\n"
                              "  server 127.0.0.1:1: 2 connections\n"
                              "pool pool2: modula, xxh3, timeout 0.5 s, 2 servers\n"
                              "  server 127.0.0.1:2: 2 connections\n"
                              "  server 127.0.0.1:3: 2 connections\n"
                              "route: a function, asked for every key\n");
    free(text);
}

static bool is_compiled(bool wanted)
{
    w.host.jit = wanted;
    load(MG ANY);
    lua_State *L = w.script->L;
    lua_getglobal(L, "jit");
    lua_getfield(L, -1, "status");
    lua_call(L, 0, 1);
    bool on = lua_toboolean(L, -1);
    lua_pop(L, 2);
    return on;
}

static void the_compiler_is_on_or_off_as_the_host_says(void **state)
{
    assert_true(is_compiled(true));
    assert_false(is_compiled(false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(the_compiler_is_on_or_off_as_the_host_says),
        alone(a_pool_is_a_whole_script),
        alone(the_options_of_a_pool_reach_c),
        alone(servers_have_names_weights_and_settings_of_their_own),
        alone(single_options_override_like_and_like_overrides_defaults),
        alone(servers_are_named_as_the_system_that_a_pool_is_like_names_them),
        alone(an_unhashed_prefix_is_left_out_and_the_rest_decides),
        alone(the_script_behind_servers_needs_no_file),
        alone(scripts_that_do_not_load_say_where_and_why),
        alone(a_wrong_pool_that_is_returned_at_once_is_found_too),
        alone(an_error_that_is_no_text_still_fails_the_load),
        alone(bytecode_is_refused_wherever_it_is),
        alone(pools_of_a_script_that_did_not_load_are_gone),
        alone(what_is_printed_names_pools_servers_and_the_kind_of_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
