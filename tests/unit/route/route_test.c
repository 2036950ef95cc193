/* route: a script asked for handmade slots: what it decides, rewrites, breaks and leaves behind. */
#include "unit/script/script_host.h"

enum { REQUESTS = 64 };

static void a_prefix_picks_the_pool(void **state)
{
    static const char *const keys[][2] = {{"user:1", "127.0.0.1:7"},
                                          {"user:", "127.0.0.1:7"},
                                          {"user", "127.0.0.1:8"},
                                          {"User:1", "127.0.0.1:8"},
                                          {"x", "127.0.0.1:8"}};
    load(MG "local users, rest = mg.pool { '127.0.0.1:7' }, mg.pool { '127.0.0.1:8' }\n"
            "return function(req)\n"
            "  if req:has_prefix 'user:' then return users end\n"
            "  return rest\n"
            "end\n");
    for (uint32_t i = 0; i < COUNT(keys); i++) request_at(i, COMMAND_GET, keys[i][0], NULL);
    route(COUNT(keys));
    for (uint32_t i = 0; i < COUNT(keys); i++) assert_string_equal(server_of(i), keys[i][1]);
}

static void a_script_sees_the_request_as_it_came(void **state)
{
    load(AS_ROUTE("  return mg.reply.error(('%s|%s|%s|%d|%d|%s'):format(req.command, req.key, "
                  "req.value or '-',\n"
                  "    req.exptime, req.flags, tostring(req)))"));
    struct request *r = request_at(0, COMMAND_SET, "k", "some value");
    r->exptime = -1;
    r->client_flags = 4294967295;
    request_at(1, COMMAND_GATS, "other", NULL)->exptime = 30;
    request_at(2, COMMAND_SET, "empty", "");
    route(3);
    assert_refused(0, "set|k|some value|-1|4294967295|request: set");
    assert_refused(1, "gats|other|-|30|0|request: gats");
    assert_refused(2, "set|empty||0|0|request: set");
}

static void a_rewritten_key_is_sent_and_the_first_one_shown(void **state)
{
    load(AS_ROUTE("  req.key = 'v2:' .. req.key\n  req.key = req.key .. '!'\n  return pool"));
    const char *key = "k";
    struct request *r = route_one(COMMAND_GET, key, NULL);
    assert_key(r, "v2:k!");
    assert_int_equal(r->shown_key_at, (uintptr_t)key);
    assert_int_equal(r->shown_key_len, 1);
}

static void flags_exptime_and_value_are_rewritten(void **state)
{
    load(AS_ROUTE("  req.exptime = req.exptime + 60\n  req.flags = 7\n  req.value = "
                  "req.value:upper() .. '\\0\\r\\n'\n"
                  "  return pool"));
    struct request *r = request_at(0, COMMAND_SET, "k", "abc");
    r->exptime = 5;
    r->value_blob = 1;
    route(1);
    assert_true(r->exptime == 65 && r->client_flags == 7);
    assert_int_equal(r->value_len, 6);
    assert_memory_equal((const void *)r->value_at, "ABC\0\r\n", 6);
    assert_int_equal(r->value_blob, 0);
    assert_int_equal(r->shown_key_at, 0);
}

static void a_value_may_become_empty_and_as_long_as_the_limit(void **state)
{
    load(AS_ROUTE("  req.value = req:has_prefix 'empty' and '' or ('x'):rep(1000)\n  return pool"));
    assert_value(route_one(COMMAND_SET, "empty", "abc"), "");
    assert_int_equal(w.answers[0].route, 0);
    assert_int_equal(route_one(COMMAND_SET, "full", "abc")->value_len, 1000);
    assert_int_equal(w.answers[0].route, 0);
}

/* Bodies of a route function that fail the request, and a part of what is logged. The request is a set. */
static const char *const mistakes[][2] = {
    {"error 'mine'", "script.lua:4: mine"},
    {"error {}", "table"},
    {"error()", "nil"},
    {"error(setmetatable({}, {__tostring = function() error 'again' end}))", "cannot be shown"},
    {"return nil", "a route returned nothing"},
    {"", "a route returned nothing (the function at"},
    {"return 5", "a route returned a number"},
    {"return 'pool'", "a route returned a string"},
    {"return {}", "a route returned a table"},
    {"return req", "a route returned a request"},
    {"return function() end", "a route returned nothing"},
    {"local function f() return f end return f", "without end"},
    {"local function f() return f() + 1 end return f()", "stack overflow"},
    {"return req.nosuch", "a request has no field 'nosuch'"},
    {"req.nosuch = 1", "no field 'nosuch' that can be set"},
    {"req.command = 'get'", "no field 'command' that can be set"},
    {"req.has_prefix = 1", "no field 'has_prefix' that can be set"},
    {"req.key_at = 5", "no field 'key_at' that can be set"},
    {"req.noreply = 0", "no field 'noreply' that can be set"},
    {"req.number = 1", "no field 'number' that can be set"},
    {"req.key = ''", "a key is 1 to 250 bytes"},
    {"req.key = ('k'):rep(251)", "a key is 1 to 250 bytes"},
    {"req.key = 'x\\r\\nflush_all\\r\\n'", "script.lua:4: a key is 1 to 250 bytes"},
    {"req.key = 'a b'", "a key is 1 to 250 bytes"},
    {"req.key = 'a\\0b'", "a key is 1 to 250 bytes"},
    {"req.key = 'a\\rb'", "a key is 1 to 250 bytes"},
    {"req.key = 5", "script.lua:4: req.key takes a string, not a number"},
    {"req.key = nil", "req.key takes a string, not a nil"},
    {"req.key = {}", "req.key takes a string, not a table"},
    {"req.value = 5", "req.value takes a string, not a number"},
    {"req.value = ('x'):rep(1001)", "a value may not be longer than --max-value"},
    {"req.exptime = 'soon'", "script.lua:4"},
    {"req.exptime = 1.5 return pool", "script.lua:4: req.exptime is a whole number"},
    {"req.exptime = 2147483648 return pool", "script.lua:4: req.exptime is a whole number"},
    {"req.exptime = 0/0 return pool", "script.lua:4: req.exptime is a whole number"},
    {"req.flags = -1", "req.flags takes a whole number from 0 on, not -1"},
    {"req.flags = 0.5", "req.flags takes a whole number from 0 on"},
    {"req.flags = 2^53 + 2", "req.flags takes a whole number from 0 on"},
    {"req.flags = 1/0", "req.flags takes a whole number from 0 on"},
    {"req.flags = '18446744073709551616'", "req.flags takes a whole number from 0 on"},
    {"req.flags = '0x1'", "req.flags takes a whole number from 0 on"},
    {"req.flags = nil", "req.flags takes a whole number from 0 on"},
    {"req.client_flags = 1", "no field 'client_flags'"},
    {"req.exptime = 1.5 error 'both'", "req.exptime is a whole number"},
    {"mg.reply.error(('x'):rep(2000))", "1 to 1024 bytes"},
    {"mg.reply.error 'a\\rb'", "control bytes"},
    {"undefined_name()", "global 'undefined_name' is not defined"},
    {"hits = 1", "global 'hits' is not defined"},
    {"local _ = req:has_prefix(nil)", "script.lua:4"},
    {"local _ = req:has_prefix {}", "script.lua:4"},
    {"return mg.pool { 'x:y' }", "only be called while the script loads"},
};

static void a_mistake_costs_its_request_and_is_logged_with_its_place(void **state)
{
    char text[512];
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        snprintf(text, sizeof text, AS_ROUTE("%s"), mistakes[i][0]);
        load(text);
        w.part.row.script_errors = 0;
        request_at(0, COMMAND_SET, "k", "v");
        const char *log = logged_while_routing(1);
        if (!strstr(log, mistakes[i][1])) fail_msg("%s: logged: %s", mistakes[i][0], log);
        assert_refused(0, "script error");
        assert_int_equal(w.part.row.script_errors, 1);
    }
}

static void an_error_is_logged_with_a_traceback(void **state)
{
    load(AS_ROUTE("  local function inner() error 'deep inside' end\n  inner()"));
    request_at(0, COMMAND_GET, "k", NULL);
    const char *log = logged_while_routing(1);
    assert_non_null(strstr(log, "deep inside"));
    assert_non_null(strstr(log, "stack traceback"));
    assert_non_null(strstr(log, "script.lua:5"));
}

static void the_log_of_a_storm_of_errors_is_limited(void **state)
{
    load(AS_ROUTE("  error 'storm'"));
    for (uint32_t i = 0; i < REQUESTS; i++) request_at(i, COMMAND_GET, "k", NULL);
    const char *log = logged_while_routing(REQUESTS);
    unsigned lines = 0;
    for (const char *at = log; (at = strstr(at, ": storm")); at++) lines++;
    assert_in_range(lines, 1, 20);
    assert_int_equal(w.part.row.script_errors, REQUESTS);
}

/* Which of eight requests fail, as a word of x (fails) and o. */
static const char *const failing[] = {"oooooooo", "xooooooo", "ooooooox", "ooooxooo", "xoooooox",
                                      "xxoooxxo", "xxxxxxxo", "xxxxxxxx", "oxoxoxox"};

static void errors_anywhere_in_a_batch_cost_only_their_slots(void **state)
{
    for (unsigned jit = 0; jit < 2; jit++) {
        w.host.jit = jit;
        load(AS_ROUTE("  if req:has_prefix 'x' then error 'mine' end\n  req.key = req.key .. '!'\n "
                      " return pool"));
        for (size_t i = 0; i < COUNT(failing) * 100; i++) {
            const char *word = failing[i % COUNT(failing)];
            uint64_t errors = w.part.row.script_errors;
            unsigned wanted = 0;
            for (uint32_t k = 0; k < 8; k++)
                request_at(k, COMMAND_GET, word[k] == 'x' ? "x" : "o", NULL);
            logged_while_routing(8);
            for (uint32_t k = 0; k < 8; k++) {
                wanted += word[k] == 'x';
                if (word[k] == 'x')
                    assert_refused(k, "script error");
                else
                    assert_int_equal(w.answers[k].route, 0);
                assert_key(&w.slots[k], word[k] == 'x' ? "x" : "o!");
            }
            assert_int_equal(w.part.row.script_errors - errors, wanted);
            end_turn();
        }
    }
}

static void requests_are_refused_and_missed_in_their_own_slots(void **state)
{
    load(MG "local pool = mg.pool { '127.0.0.1:1' }\n"
            "local locked = mg.reply.error 'locked'\n"
            "return function(req)\n"
            "  if req:has_prefix 'lock' then return locked end\n"
            "  if req:has_prefix 'why' then return mg.reply.error('not ' .. req.key) end\n"
            "  if req:has_prefix 'miss' then return mg.reply.miss() end\n"
            "  if req:has_prefix 'deep' then return function() return function() return pool end "
            "end end\n"
            "  return pool\n"
            "end\n");
    static const char *const keys[] = {"a", "lock1", "why1", "miss", "why2", "lock2", "deep", "b"};
    for (uint32_t i = 0; i < COUNT(keys); i++) request_at(i, COMMAND_GET, keys[i], NULL);
    route(COUNT(keys));
    assert_int_equal(w.answers[0].route, 0);
    assert_refused(1, "locked");
    assert_refused(2, "not why1");
    assert_int_equal(w.answers[3].route, ANSWER_MISS);
    assert_refused(4, "not why2");
    assert_refused(5, "locked");
    assert_int_equal(w.answers[6].route, 0);
    assert_int_equal(w.answers[7].route, 0);
    assert_int_equal(w.part.row.script_errors, 0);
}

static void a_ready_reply_may_be_the_whole_route(void **state)
{
    load(MG "return mg.reply.error 'closed for today'\n");
    route_one(COMMAND_SET, "k", "v");
    assert_refused(0, "closed for today");
    load(MG "return mg.reply.miss()\n");
    route_one(COMMAND_GET, "k", NULL);
    assert_int_equal(w.answers[0].route, ANSWER_MISS);
}

/* Each way to touch a request, `kept` here. */
static const char *const touches[] = {
    "return kept.key",
    "return kept.value",
    "return kept.size",
    "return kept.exptime",
    "return kept.flags",
    "return kept.cas",
    "return kept.delta",
    "return kept.command",
    "return kept.client",
    "return kept.listener",
    "return kept.nosuch",
    "return kept.has_prefix",
    "return kept:has_prefix ''",
    "return req.has_prefix(kept, '')",
    "return req.has_suffix(kept, '')",
    "return req.key_part(kept, ':', 1)",
    "return req.hash(kept)",
    "return req.in_share(kept, 1)",
    "return req.has_flag(kept, 't')",
    "return req.flag(kept, 't')",
    "return kept:flag 't'",
    "req.set_flag(kept, 't', '')",
    "req.clear_flag(kept, 't')",
    "kept.key = 'x'",
    "kept.value = 'x'",
    "kept.exptime = 1",
    "kept.flags = 1",
    "kept.cas = 1",
    "kept.delta = 1",
    "kept.nosuch = 1",
    "return tostring(kept)",
    "mg.spawn(pool, kept)",
    "return coroutine.wrap(function() return kept.key end)()",
};

/* `after`: the key of the request in whose function it is touched. */
static void touches_of_kept_ones_are_errors(const char *after, void (*ask)(void))
{
    char text[1024];
    for (size_t i = 0; i < COUNT(touches); i++) {
        snprintf(text, sizeof text,
                 "local kept\n" MG "local pool = mg.pool { '127.0.0.1:1' }\n"
                 "return function(req)\n"
                 "  if req.key == 'keep' then kept = req return pool end\n"
                 "  assert(req.key == '%s')\n"
                 "  local good, why = pcall(function() %s end)\n"
                 "  return mg.reply.error(good and 'allowed' or tostring(why))\n"
                 "end\n",
                 after, touches[i]);
        load(text);
        ask();
        uint32_t at = w.answers[0].route >= 0 ? 1 : 0;
        assert_int_equal(w.answers[at].route, ANSWER_REFUSE);
        const char *why = (const char *)w.answers[at].text_at;
        size_t len = w.answers[at].text_len;
        static const char OVER[] = "script.lua:7: this request is over: ";
        if (!memmem(why, len, OVER, sizeof OVER - 1))
            fail_msg("%s: %.*s", touches[i], (int)len, why);
        assert_key(&w.slots[at], after);
        end_turn();
    }
}

static void ask_in_the_next_turn(void)
{
    route_one(COMMAND_SET, "keep", "v");
    end_turn();
    route_one(COMMAND_SET, "later", "v");
}

static void ask_in_the_same_turn(void)
{
    request_at(0, COMMAND_SET, "keep", "v");
    request_at(1, COMMAND_SET, "beside", "v");
    route(2);
}

static void a_request_kept_beyond_its_time_is_an_error_each_time_it_is_touched(void **state)
{
    touches_of_kept_ones_are_errors("later", ask_in_the_next_turn);
    touches_of_kept_ones_are_errors("beside", ask_in_the_same_turn);
    w.host.jit = false;
    touches_of_kept_ones_are_errors("later", ask_in_the_next_turn);
}

static void a_value_is_not_put_into_a_command_without_one(void **state)
{
    load(AS_ROUTE("  req.value = 'x'\n  return pool"));
    request_at(0, COMMAND_GET, "k", NULL);
    assert_non_null(strstr(logged_while_routing(1), "this command carries no value"));
    assert_refused(0, "script error");
}

/* --- memory and speed -------------------------------------------------------------------------- */

static size_t lua_bytes(void)
{
    return (size_t)lua_gc(w.script->L, LUA_GCCOUNT, 0) * 1024 +
           (size_t)lua_gc(w.script->L, LUA_GCCOUNTB, 0);
}

static const char plain[] =
    MG "local users, rest = mg.pool { '127.0.0.1:7' }, mg.pool { '127.0.0.1:8' }\n"
       "return function(req)\n"
       "  if req:has_prefix 'user:' then return users end\n"
       "  if req:has_prefix 'tmp:' and req.exptime == 0 then req.exptime = 60 end\n"
       "  return rest\n"
       "end\n";

static void route_many(unsigned turns)
{
    static const char *const keys[] = {"user:1", "tmp:2", "page:3"};
    for (unsigned turn = 0; turn < turns; turn++) {
        for (uint32_t i = 0; i < 50; i++) request_at(i, COMMAND_GET, keys[(i + turn) % 3], NULL);
        route(50);
        for (uint32_t i = 0; i < 50; i++) {
            assert_int_equal(w.answers[i].route, (i + turn) % 3 ? 1 : 0);
            assert_true(w.slots[i].exptime == ((i + turn) % 3 == 1 ? 60 : 0));
        }
        end_turn();
    }
}

static void a_hundred_thousand_requests_allocate_nothing_once_compiled(void **state)
{
    if (!script_jit_is_possible()) skip();
    load(plain);
    route_many(200); /* until it is compiled */
    lua_gc(w.script->L, LUA_GCCOLLECT, 0);
    lua_gc(w.script->L, LUA_GCSTOP, 0);
    size_t before = lua_bytes();
    route_many(2000);
    assert_in_range(lua_bytes() - before, 0, 64 * 1024);
}

static void a_hundred_thousand_requests_leave_nothing_behind_without_the_jit(void **state)
{
    w.host.jit = false;
    load(plain);
    route_many(2000); /* until Lua's own tables have grown */
    lua_gc(w.script->L, LUA_GCCOLLECT, 0);
    size_t before = lua_bytes();
    route_many(2000);
    lua_gc(w.script->L, LUA_GCCOLLECT, 0);
    assert_in_range(lua_bytes(), 0, before + 1024); /* a stack may have grown */
}

static void many_rewritten_and_failing_requests_leave_nothing_behind(void **state)
{
    load(AS_ROUTE("  if req:has_prefix 'page:' then error 'mine' end\n"
                  "  req.key = req.key .. ':' .. tostring(os.clock())\n"
                  "  return req:has_prefix 'tmp:' and mg.reply.error(req.key) or pool"));
    size_t before = 0;
    for (unsigned turn = 0; turn < 400; turn++) {
        static const char *const keys[] = {"user:1", "tmp:2", "page:3"};
        for (uint32_t i = 0; i < 48; i++) request_at(i, COMMAND_GET, keys[i % 3], NULL);
        logged_while_routing(48);
        end_turn();
        if (turn % 200 != 199) continue;
        lua_gc(w.script->L, LUA_GCCOLLECT, 0);
        lua_gc(w.script->L, LUA_GCCOLLECT, 0);
        if (before) assert_true(lua_bytes() <= before + 64 * 1024);
        before = lua_bytes();
    }
    assert_int_equal(w.part.row.script_errors, 400 * 16);
}

static void loading_again_and_again_leaves_nothing_behind(void **state)
{
    for (unsigned i = 0; i < 50; i++) {
        load(plain);
        route_many(3);
        assert_false(loads(MG "mg.pool { '127.0.0.1:7' }\nerror 'no'\n"));
    }
    backends_sweep(&w.backends);
    assert_null(w.backends.first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(a_prefix_picks_the_pool),
        alone(a_script_sees_the_request_as_it_came),
        alone(a_rewritten_key_is_sent_and_the_first_one_shown),
        alone(flags_exptime_and_value_are_rewritten),
        alone(a_value_may_become_empty_and_as_long_as_the_limit),
        alone(a_mistake_costs_its_request_and_is_logged_with_its_place),
        alone(an_error_is_logged_with_a_traceback),
        alone(the_log_of_a_storm_of_errors_is_limited),
        alone(errors_anywhere_in_a_batch_cost_only_their_slots),
        alone(requests_are_refused_and_missed_in_their_own_slots),
        alone(a_ready_reply_may_be_the_whole_route),
        alone(a_request_kept_beyond_its_time_is_an_error_each_time_it_is_touched),
        alone(a_value_is_not_put_into_a_command_without_one),
        alone(a_hundred_thousand_requests_allocate_nothing_once_compiled),
        alone(a_hundred_thousand_requests_leave_nothing_behind_without_the_jit),
        alone(many_rewritten_and_failing_requests_leave_nothing_behind),
        alone(loading_again_and_again_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
