/* A request or a response that a script keeps is an error each time it is touched after its time, in any function. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* All ways to touch a request or a response, and check(): what was not refused of them. `kept` has what is kept. */
static const char CHECKING[] =
    "local kept = {}\n"
    "local req_touches = {\n"
    "  key = function(r) return r.key end, value = function(r) return r.value end,\n"
    "  size = function(r) return r.size end, exptime = function(r) return r.exptime end,\n"
    "  flags = function(r) return r.flags end, client = function(r) return r.client end,\n"
    "  command = function(r) return r.command end,\n"
    "  has_prefix = function(r) return r:has_prefix '' end,\n"
    "  method = function(r) return kept.methods.has_prefix(r, '') end,\n"
    "  set_flag = function(r) kept.methods.set_flag(r, 't', '') end,\n"
    "  set_key = function(r) r.key = 'other' end,\n"
    "  set_exptime = function(r) r.exptime = 5 end,\n"
    "  set_flags = function(r) r.flags = 5 end,\n"
    "  spawn = function(r) mg.spawn(pool, r) end,\n"
    "  text = function(r) return tostring(r) end,\n"
    "}\n"
    "local res_touches = {\n"
    "  is_hit = function(r) return r:is_hit() end, is_miss = function(r) return r:is_miss() end,\n"
    "  method = function(r) return kept.methods.is_error(r) end,\n"
    "  kind = function(r) return r.kind end, value = function(r) return r.value end,\n"
    "  cas = function(r) return r.cas end, flag = function(r) return r:flag 't' end,\n"
    "  set_value = function(r) r.value = 'x' end, set_flags = function(r) r.flags = 1 end,\n"
    "  borrow = function(r) return mg.request.set('k', r) end,\n"
    "  text = function(r) return tostring(r) end,\n"
    "}\n"
    "local waits = {\n"
    "  call = function(r) return mg.call(pool, r) end,\n"
    "  call_all = function(r) return mg.call_all({ pool, pool }, r) end,\n"
    "  call_each = function(r) return mg.call_each(pool, { mg.request.get 'k', r }) end,\n"
    "}\n"
    "local function touch(list, thing, what, allowed)\n"
    "  if thing == nil then return end\n"
    "  for name, f in pairs(list) do\n"
    "    local good, why = pcall(f, thing)\n"
    "    if good or not why:find('this ' .. what .. ' is over: ', 1, true) then\n"
    "      allowed[#allowed + 1] = what .. ' ' .. name .. ': ' .. tostring(why)\n"
    "    end\n"
    "  end\n"
    "end\n"
    "local function check(may_wait)\n"
    "  local allowed = {}\n"
    "  touch(req_touches, kept.req, 'request', allowed)\n"
    "  touch(res_touches, kept.res, 'response', allowed)\n"
    "  if may_wait then touch(waits, kept.req, 'request', allowed) end\n"
    "  if not kept.req then return 'nothing is kept' end\n"
    "  return #allowed == 0 and 'all over' or table.concat(allowed, ', ')\n"
    "end\n";

/* What the last function was given whose key begins with "keep" is kept. "check" answers with what check() says, "resumed" lets a
 * coroutine of that function say it, "timer" gives what a timer found. */
static const char KEEPING[] =
    "local function keep(req, res)\n"
    "  kept = { req = req, res = res, is_new = req.key == 'keep:last', methods = { has_prefix = "
    "req.has_prefix,\n"
    "    set_flag = req.set_flag, is_error = res and res.is_error } }\n"
    "  kept.resumed = coroutine.wrap(function()\n"
    "    local key = req.key\n"
    "    coroutine.yield(key)\n"
    "    return check()\n"
    "  end)\n"
    "  assert(kept.resumed() == req.key)\n"
    "end\n"
    "local seen = 'nothing yet'\n"
    "mg.timer.every(0.005, function()\n"
    "  if not kept.req then return end\n"
    "  seen = check()\n"
    "  if kept.is_new then mg.log('looked: ' .. seen) end\n"
    "  kept.is_new = nil\n"
    "end)\n"
    "local function answer(req, may_wait)\n"
    "  if req.key == 'check' then return mg.reply.error(check(may_wait)) end\n"
    "  if req.key == 'resumed' then return mg.reply.error(kept.resumed()) end\n"
    "  if req.key == 'timer' then return mg.reply.error(seen) end\n"
    "end\n"
    "local plain = function(req)\n"
    "  if req:has_prefix 'keep' then keep(req) return pool end\n"
    "  return answer(req)\n"
    "end\n"
    "local waiting = mg.async(function(req)\n"
    "  if not req:has_prefix 'keep' then\n"
    "    assert(mg.call(mg.reply.miss(), req):is_miss())\n"
    "    return answer(req, true)\n"
    "  end\n"
    "  local res = mg.call(pool, req)\n"
    "  assert(res:is_hit() and res.value == 'v' and req:has_prefix 'keep')\n"
    "  keep(req, res)\n"
    "  if req.key == 'keep:wait' then mg.call(pool, mg.request.get 'more') end\n"
    "  return res\n"
    "end)\n";

static const char *script_that_keeps(const struct backend *b, const char *way)
{
    return textf(MG "local pool = mg.pool { '%s' }\n%s%sreturn %s\n", backend_address(b), CHECKING,
                 KEEPING, way);
}

struct tried {
    struct backend *b;
    struct moongate *m;
    struct client *c, *d;
};

static struct tried try_with(const char *way, const char *jit)
{
    struct tried t = {.b = backend_listens()};
    t.m = moongate_start(script_that_keeps(t.b, way), jit, NULL);
    t.c = client_connects(t.m);
    t.d = client_connects(t.m);
    return t;
}

static void keeps(struct tried *t, const char *key)
{
    client_sends(t->c, textf("get %s\r\n", key));
    backend_sees(t->b, textf("get %s\r\n", key));
    backend_answers(t->b, hit_and_end(key, "v"));
}

static void finds_all_over(struct client *c, const char *key)
{
    client_sends(c, textf("get %s\r\n", key));
    client_sees(c, "SERVER_ERROR all over\r\n");
}

static void for_each_way(void (*look)(struct tried t))
{
    static const char *const ways[] = {"plain", "waiting", "mg.failover { plain, pool }",
                                       "function(req) return waiting end"};
    for (size_t i = 0; i < COUNT(ways); i++) {
        look(try_with(ways[i], NULL));
        stage_clears();
        look(try_with(ways[i], "--no-jit"));
        stage_clears();
    }
}

static void look_later(struct tried t)
{
    for (int i = 0; i < 80; i++) { /* compiled meanwhile */
        keeps(&t, "keep");
        client_sees(t.c, hit_and_end("keep", "v"));
        finds_all_over(i % 2 ? t.c : t.d, "check");
    }
    client_sends(t.c, "get keep:last\r\n"); /* until then nobody else is asked */
    backend_sees(t.b, "get keep:last\r\n");
    backend_answers(t.b, hit_and_end("keep:last", "v"));
    moongate_sees_log(t.m, "looked: all over");
    client_sees(t.c, hit_and_end("keep:last", "v"));
    finds_all_over(t.d, "resumed");
    client_asks_until(t.d, "get timer\r\n", "SERVER_ERROR all over\r\n");
    client_sends(t.d, "set half 0 0 10\r\nabc"); /* lies in a slot, or will */
    finds_all_over(t.c, "check");
    client_sends(t.c, "get check check\r\n"); /* of one turn */
    client_sees(t.c, "SERVER_ERROR all over\r\n");
}

static void what_is_kept_is_over_in_later_turns_for_all_clients(void **state)
{
    for_each_way(look_later);
}

/* Its function has not ended and may still use it; no other function may. */
static void what_another_function_has_is_over_for_all_but_itself(void **state)
{
    struct tried t = try_with("waiting", NULL);
    keeps(&t, "keep:wait");
    backend_sees(t.b, "get more\r\n");
    finds_all_over(t.d, "check");
    finds_all_over(t.d, "resumed");
    client_asks_until(t.d, "get timer\r\n", "SERVER_ERROR all over\r\n");
    backend_answers(t.b, "END\r\n");
    client_sees(t.c, hit_and_end("keep:wait", "v"));
    finds_all_over(t.c, "check");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(what_is_kept_is_over_in_later_turns_for_all_clients),
        play(what_another_function_has_is_over_for_all_but_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
