#include "lib/zoo.h"

#include <string.h>

#include "lib/moongate.h"
#include "lib/stage.h"

/* --- places ------------------------------------------------------------------------------------ */

/* Where the deed goes. */
#define HERE "@"

#define DEED "local function deed(req)\n" HERE "\nend\n"

static const char ROUTE[] = DEED "return function(req)\n"
                                 "    if req.key == 'bad' then deed(req) end\n"
                                 "    return pool\n"
                                 "end\n";

static const char POLICY[] = DEED "return mg.failover { function(req)\n"
                                  "    if req.key == 'bad' then deed(req) end\n"
                                  "    return pool\n"
                                  "end, pool }\n";

static const char WAITING[] = DEED "return mg.async(function(req)\n"
                                   "    if req.key == 'bad' then mg.sleep(0.001) deed(req) end\n"
                                   "    return mg.call(pool, req)\n"
                                   "end)\n";

/* Of the worker that got the request alone. */
static const char TIMER[] =
    DEED "local armed = false\n"
         "mg.timer.every(0.1, function() if armed then deed() end end)\n"
         "return function(req)\n"
         "    if req.key == 'bad' then armed = true return mg.reply.error 'armed' end\n"
         "    return pool\n"
         "end\n";

static const char INDEX[] = DEED "local strange = setmetatable({}, { __index = deed })\n"
                                 "return function(req)\n"
                                 "    if req.key == 'bad' then return strange.route end\n"
                                 "    return pool\n"
                                 "end\n";

static const char GC[] = DEED "return function(req)\n"
                              "    if req.key == 'bad' then\n"
                              "        getmetatable(newproxy(true)).__gc = deed\n"
                              "        collectgarbage()\n"
                              "    end\n"
                              "    return pool\n"
                              "end\n";

/* Wherever memory is taken next: in a waiting function that is as much outside of the script as inside. Debian's LuaJIT does not bear such
 * errors where it leaves compiled code. */
static const char GC_LATER[] =
    "local all, times = { pool, pool }, 0\n" DEED "return mg.async(function(req)\n"
    "    if req.key == 'bad' then\n"
    "        for _ = 1, 200 do getmetatable(newproxy(true)).__gc = deed end\n"
    "    end\n"
    "    return mg.call_all(all, req)[1]\n"
    "end)\n";

static const char LOADING[] = "do\n" HERE "\nend\nreturn pool\n";

static const char ALL[] = "local n = 0\n"
                          "return function(req)\n"
                          "    n = n + 1\n"
                          "    " HERE "\n"
                          "    return pool\n"
                          "end\n";

/* --- animals ----------------------------------------------------------------------------------- */

#define LOOP "local n = 0 while true do n = n + 1 end"

/* One call of C that takes many minutes: a plain search, whose steps grow with the square of what it is given. */
#define CALL "string.find(('a'):rep(16000000), ('a'):rep(8000000) .. 'b', 1, true)"

#define EAT_STRINGS "local t = {} while true do t[#t + 1] = ('x'):rep(1e5) .. #t end"
#define EAT_TABLES  "local t = {} while true do t = { t } end"

#define NOT_LOADED .no_target = "it does not load, and so it never passes a probation"

static const struct zoo_animal animals[] = {
    {"an endless loop in a route", ROUTE, LOOP, ZOO_ERROR},
    {"an endless loop in a policy's function", POLICY, LOOP, ZOO_ERROR},
    {"an endless loop in a waiting function", WAITING, LOOP, ZOO_ERROR},
    {"an endless loop in a timer", TIMER, LOOP, ZOO_TIMER},
    {"an endless loop in __index", INDEX, LOOP, ZOO_ERROR},
    {"an endless loop in __gc", GC, LOOP, ZOO_ERROR, .is_unsafe = true},
    {"an endless loop in __gc, later", GC_LATER,
     "times = times + 1 if times % 50 == 1 then " LOOP " end", ZOO_STRAY, .is_unsafe = true,
     .is_plain = true},
    {"errors in __gc, later", GC_LATER, "error 'bad'", ZOO_STRAY, .is_unsafe = true,
     .is_plain = true},
    {"an endless loop that catches errors", ROUTE,
     "while true do pcall(function() while true do end end) end", ZOO_ERROR},
    {"an endless loop in an error's handler", ROUTE,
     "repeat xpcall(function() error 'x' end, function() while true do end end) until false",
     ZOO_ERROR},
    {"an endless loop in an error's __tostring", ROUTE,
     "error(setmetatable({}, { __tostring = function() while true do end end }))", ZOO_ERROR},
    {"an endless loop in a coroutine", WAITING,
     "coroutine.wrap(function() repeat local x until false end)()", ZOO_ERROR},
    {"an endless loop of goto", ROUTE, "::again:: goto again", ZOO_ERROR},
    {"endless tail calls", ROUTE, "local function f(n) return f(n + 1) end return f(1)", ZOO_ERROR},
    {"an endless loop in table.sort", ROUTE,
     "table.sort({ 3, 1, 2 }, function() while true do end end)", ZOO_ERROR},
    {"an endless loop in loaded source", ROUTE, "load 'for i = 1, math.huge do end' ()", ZOO_ERROR},
    {"an endless call of C in a route", ROUTE, CALL, ZOO_KILLED},
    {"an endless call of C in a waiting function", WAITING, CALL, ZOO_KILLED},
    {"an endless call of C in a timer", TIMER, CALL, ZOO_KILLED_LATER},
    {"an endless call of C in __index", INDEX, CALL, ZOO_KILLED},
    {"an endless call of C in __gc", GC, CALL, ZOO_KILLED, .is_unsafe = true},
    {"deep recursion", ROUTE, "local function f(n) return 1 + f(n + 1) end return f(1)", ZOO_ERROR},
    {"deep recursion of metamethods", WAITING,
     "local t = setmetatable({}, { __index = function(t, k) return t[k .. 'x'] end }) return t.x",
     ZOO_ERROR},
    {"deep recursion of coroutines", WAITING, "local function f() coroutine.wrap(f)() end f()",
     ZOO_ERROR},
    {"a million requests of its own", ROUTE,
     "for i = 1, 1e6 do mg.spawn(pool, mg.request.get('s' .. i)) end", ZOO_STRAY},
    {"a million calls at once", WAITING,
     "local all = {} for i = 1, 1e6 do all[i] = mg.request.get('c' .. i) end\n"
     "mg.call_each(pool, all)",
     ZOO_STRAY},
    {"a million timers", ROUTE, "for i = 1, 1e6 do mg.timer.every(0.001, function() end) end",
     ZOO_ERROR},
    {"a storm of timers that send", ROUTE,
     "for i = 1, 100 do\n"
     "    mg.timer.every(0.001, function() mg.spawn(pool, mg.request.get 'storm') end)\n"
     "end\n"
     "error 'bad'",
     ZOO_STRAY},
    {"timers that start timers", ROUTE,
     "local function again() for _ = 1, 2 do mg.timer.after(0, again) end end\n"
     "again()\n"
     "error 'bad'",
     ZOO_ERROR},
    {"an eater of strings in a route", ROUTE, EAT_STRINGS, ZOO_ERROR, .is_eater = true},
    {"an eater of strings in a waiting function", WAITING, EAT_STRINGS, ZOO_ERROR,
     .is_eater = true},
    {"an eater of ever longer strings", ROUTE, "local s = 'x' while true do s = s .. s end",
     ZOO_ERROR, .is_eater = true},
    {"an eater of tables in a route", ROUTE, EAT_TABLES, ZOO_ERROR, .is_eater = true},
    {"an eater of tables in a timer", TIMER, EAT_TABLES, ZOO_TIMER, .is_eater = true},
    {"an eater of tables in __index", INDEX, EAT_TABLES, ZOO_ERROR, .is_eater = true},
    {"an eater of tables that catches errors", WAITING,
     "while true do pcall(function() " EAT_TABLES " end) end", ZOO_ERROR, .is_eater = true},
    {"an error in every request", ALL, "error 'bad'", ZOO_FAILING},
    {"an error in every tenth request", ALL, "if n % 10 == 0 then error 'bad' end", ZOO_FAILING},
    {"an error in every tenth request, of no text", ALL, "if n % 10 == 0 then error {} end",
     ZOO_FAILING},
    {"an endless loop while loading", LOADING, LOOP, ZOO_REFUSED, .is_slow = true, NOT_LOADED},
    {"an endless call of C while loading", LOADING, CALL, ZOO_REFUSED, .is_slow = true, NOT_LOADED},
    {"an eater of strings while loading", LOADING, EAT_STRINGS, ZOO_REFUSED, .is_eater = true,
     NOT_LOADED},
    {"deep recursion while loading", LOADING, "local function f(n) return 1 + f(n + 1) end f(1)",
     ZOO_REFUSED, NOT_LOADED},
};

size_t zoo_count(void)
{
    return sizeof animals / sizeof *animals;
}

const struct zoo_animal *zoo_animal(size_t i)
{
    return &animals[i];
}

/* Times that a busy machine does not reach. */
static const char *opening(const char *servers)
{
    return textf(MG "mg.defaults { timeout = 20, connect_timeout = 10, stall_timeout = 30 }\n"
                    "local pool = mg.pool { %s }\n",
                 servers);
}

const char *zoo_script(const struct zoo_animal *animal, const char *servers)
{
    const char *at = strstr(animal->place, HERE);
    return textf("%s%.*s%s%s", opening(servers), (int)(at - animal->place), animal->place,
                 animal->deed, at + strlen(HERE));
}

const char *zoo_good_script(const char *servers)
{
    return textf("%sreturn function(req) return pool end\n", opening(servers));
}

/* The request of its own has an error, and there is none of a client: so it stays on probation until enough have come. */
const char *zoo_worse_script(void)
{
    return MG "local function worse() error 'worse' end\n"
              "local waiting = mg.async(worse)\n"
              "mg.timer.after(0, function() mg.spawn(waiting, mg.request.get 'worse') end)\n"
              "return worse\n";
}
