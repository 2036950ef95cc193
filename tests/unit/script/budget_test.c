/* budget: source with checks does as the original does, on the same lines, and cannot run for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "script/budget.h"
#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define C            " checks_left[0]=checks_left[0]-1 if checks_left[0]<0 then check_time()end "
#define HEAD         "local checks_left,check_time=... return function(...) "

/* --- rewriting --------------------------------------------------------------------------------- */

/* The text lies in memory that ends where it does, for sanitizers. NULL: no check, or (is_never) none can be. */
static char *rewrite(const char *text, size_t len, uint32_t spared, bool *is_never)
{
    char *bytes = malloc(len ? len : 1);
    assert_non_null(bytes);
    memcpy(bytes, text, len);
    struct budget_source source = {bytes, len, &spared, spared ? 1 : 0};
    size_t n = budget_rewrite(&source, NULL);
    *is_never = n == BUDGET_NEVER;
    char *to = NULL;
    if (n && n != BUDGET_NEVER) {
        to = malloc(n + 1);
        assert_non_null(to);
        assert_int_equal(budget_rewrite(&source, to), n);
        to[n] = 0;
    }
    free(bytes);
    return to;
}

/* Sources, and what is made of them behind HEAD; NULL: they stay. */
static const struct {
    const char *from, *to;
    uint32_t spared;
} rows[] = {
    {"", NULL, 0},
    {"return 1", NULL, 0},
    {"if a then b() else c() end", NULL, 0},
    {"while a do b() end", "while a do" C " b() end end", 0},
    {"while a do\nb()\nend -- c", "while a do" C "\nb()\nend -- c\n end", 0},
    {"while a do end --[[ c ]]", "while a do" C " end --[[ c ]] end", 0},
    {"while a do end --[==[ ]] do \n]==] --", "while a do" C " end --[==[ ]] do \n]==] --\n end",
     0},
    {"repeat until a", "repeat" C " until a end", 0},
    {"repeat(f)()until a", "repeat" C "(f)()until a end", 0},
    {"for i=1,2 do(f)()end", "for i=1,2 do" C "(f)()end end", 0},
    {"function a.b:c(d, ...)return d end", "function a.b:c(d, ...)" C "return d end end", 0},
    {"return function()end", "return function()" C "end end", 0},
    {"f(function(a)end)", "f(function(a)" C "end) end", 0},
    {"local function --[[ ( ]] f -- )\n()end", "local function --[[ ( ]] f -- )\n()" C "end end",
     0},
    {"::a:: goto a",
     "::a::"
     " " C "goto a end",
     0},
    {"::goto:: goto goto1",
     "::goto::"
     " " C "goto goto1 end",
     0},
    {"goto = 1 x = goto y = 2", NULL, 0},
    {"a.goto = 1 a:goto() f(goto)", NULL, 0},
    {"local goto return goto", NULL, 0},
    {"do x = 5..'' goto a ::a:: end", "do" C " x = 5..'' " C "goto a ::a:: end end", 0},
    {"f 'do' g \"do\\\"do\" h [[ do ]] i [=[ ]] do ]=] j '\\\ndo'", NULL, 0},
    {"x = 0xep+1 do end", "x = 0xep+1 do" C " end end", 0},
    {"x = 1e+1 y = 3e-1do end", NULL, 0}, /* no number, and no `do` */
    {"x = a.do_it x = dodo x = _do x = do1", NULL, 0},
    {"x = t[ [[do]] ] t[t[1]] = 1", NULL, 0},
    {"x = a-- do\nx = a- -1", NULL, 0},
    {"#!/usr/bin/moongate do\nwhile a do end", "while a do" C " end end", 0},
    {"\xef\xbb\xbfwhile a do end", "while a do" C " end end", 0},
    {"#do", NULL, 0},
    {"function f() while a do end end", NULL, 1},
    {"function f() while a do end\nfunction g() if b then end end end while c do end",
     "function f() while a do end\nfunction g() if b then end end end while c do" C " end end", 1},
    {"function f() while a do end\nfunction g() if b then end end while c do end end",
     "function f()" C " while a do" C " end\nfunction g() if b then end end while c do" C
     " end end end",
     2},
};

static void checks_stand_where_loops_turn_and_functions_begin(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool is_never;
        char *made = rewrite(rows[i].from, strlen(rows[i].from), rows[i].spared, &is_never);
        assert_false(is_never);
        const char *rest = made ? strstr(made, HEAD) : NULL;
        if (!rows[i].to && made) fail_msg("%s: %s", rows[i].from, made);
        if (rows[i].to && (!rest || strcmp(rest + strlen(HEAD), rows[i].to) != 0))
            fail_msg("%s: wanted %s, got %s", rows[i].from, rows[i].to, made ? made : "nothing");
        free(made);
    }
}

static void what_stands_before_lua_stays_in_front(void **state)
{
    (void)state;
    bool is_never;
    const char text[] = "\xef\xbb\xbf#!x\r\nrepeat until 1";
    char *made = rewrite(text, strlen(text), 0, &is_never);
    assert_string_equal(made, "\xef\xbb\xbf#!x\r\n" HEAD "repeat" C " until 1 end");
    free(made);
}

static void names_that_are_added_occur_nowhere_in_the_source(void **state)
{
    (void)state;
    bool is_never;
    const char text[] = "-- checks_left, checks_left1\nrepeat until 'xcheck_timex'";
    char *made = rewrite(text, strlen(text), 0, &is_never);
    assert_non_null(made);
    assert_ptr_equal(strstr(made, "local checks_left2,check_time1=..."), made);
    free(made);
}

static void a_source_that_has_all_names_cannot_be_rewritten(void **state)
{
    (void)state;
    bool is_never;
    static char text[32768] = "repeat until 1 -- check_time ";
    size_t n = strlen(text);
    for (int i = 1; i < 1000; i++) n += (size_t)sprintf(text + n, "check_time%d ", i);
    assert_null(rewrite(text, n, 0, &is_never));
    assert_true(is_never);
}

/* --- running ----------------------------------------------------------------------------------- */

struct run {
    lua_State *L;
    bool compiled;
    char result[8192];
};

static lua_State *open_lua(void)
{
    lua_State *L = luaL_newstate();
    assert_non_null(L);
    luaL_openlibs(L);
    return L;
}

/* Runs a text and puts down what it returns, or the error that it raises. With checks: they count down from a lot. */
static void run(struct run *r, const char *text, size_t len, bool has_checks)
{
    lua_State *L = r->L = open_lua();
    r->result[0] = 0;
    r->compiled = luaL_loadbuffer(L, text, len, "=source") == 0;
    if (!r->compiled) snprintf(r->result, sizeof r->result, "%s", lua_tostring(L, -1));
    if (r->compiled && has_checks) {
        lua_newtable(L);
        lua_pushinteger(L, 1 << 30);
        lua_rawseti(L, -2, 0);
        lua_pushnil(L); /* what checks would call */
        lua_call(L, 2, 1);
    }
    if (r->compiled) {
        lua_pcall(L, 0, 1, 0);
        size_t n = 0;
        const char *said = lua_tolstring(L, -1, &n);
        snprintf(r->result, sizeof r->result, "%s", said ? said : lua_typename(L, lua_type(L, -1)));
    }
    lua_close(L);
}

/* The same with checks: it compiles when the original does, and does the same. False: there was nothing to compare. */
static bool compare(const char *text, size_t len, bool runs)
{
    static struct run before, after;
    bool is_never;
    char *made = rewrite(text, len, 0, &is_never);
    if (!made) return false;
    lua_State *L = open_lua();
    bool compiles = luaL_loadbuffer(L, text, len, "=source") == 0;
    if (compiles && luaL_loadbuffer(L, made, strlen(made), "=source") != 0)
        fail_msg("%s\n%s\n%s", lua_tostring(L, -1), text, made);
    lua_close(L);
    if (compiles && runs) {
        run(&before, text, len, false);
        run(&after, made, strlen(made), true);
        if (strcmp(before.result, after.result) != 0)
            fail_msg("%s, not %s:\n%s", after.result, before.result, text);
    }
    free(made);
    return compiles;
}

/* --- all beginnings ------------------------------------------------------------------------------ */

static const char whole[] =
    "#!/bin/lua\n"
    "local a, goto = {}, 3\n"
    "local function f(x, ...) -- do\n"
    "  if x > 3 then return x, ... end\r\n"
    "  return f(x + 1, goto, ...)\n"
    "end\n"
    "function a.b.c(x) end\n"
    "function a:d(x) for i = 1, 3 do if i == 2 then goto continue end local y = i x = x + y "
    "::continue:: end return x end\n"
    "local n, s = 0, [==[ ]] function ]==] .. 'do \\' do\\\n do' .. 5 ..  \"\\z\n do\"\n"
    "while n < 10 do n = n + 1 repeat local z = n until z do break end end\n"
    "for k, v in pairs { 1, 2, [3] = function() return 0x1p+2 end } do n = n + k end\n"
    "do ::top:: n = n + 1e0 if n < 30 then goto top end end\n"
    "--[[ end ]] local g = function(...) return select('#', ...) end\n"
    "return tostring(f(1)) .. a:d(1) .. n .. s .. g(1, nil) -- end";

static void beginnings_of_a_source_compile_as_without_checks(void **state)
{
    (void)state;
    unsigned compared = 0;
    for (size_t n = 0; n < sizeof whole; n++) compared += compare(whole, n, false);
    assert_true(compared > 50);
    assert_true(compare(whole, sizeof whole - 1, true));
}

static void a_source_without_some_bytes_compiles_as_without_checks(void **state)
{
    static char text[sizeof whole];
    unsigned compared = 0;
    (void)state;
    for (size_t gone = 1; gone <= 3; gone++) {
        for (size_t at = 0; at + gone < sizeof whole; at++) {
            memcpy(text, whole, at);
            memcpy(text + at, whole + at + gone, sizeof whole - at - gone);
            compared += compare(text, sizeof whole - 1 - gone, false);
        }
    }
    assert_true(compared > 100);
}

/* --- random programs ----------------------------------------------------------------------------- */

/* Loops have bounds, and functions call no others that may call them. */
struct random {
    uint64_t seed;
    char text[65536];
    size_t n;
    int labels, functions;
};

static unsigned pick(struct random *r, unsigned n)
{
    r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(r->seed >> 33) % n;
}

static void add(struct random *r, const char *text)
{
    size_t len = strlen(text);
    if (r->n + len >= sizeof r->text - 1024) return; /* never: depth is bounded */
    memcpy(r->text + r->n, text, len + 1);
    r->n += len;
}

static void add_blank(struct random *r)
{
    static const char *const blanks[] = {
        " ", "\n", "\t", " -- do end\n", " --[[ function( ]] ", " --[=[ ]]\n]=] ", "\r\n", " "};
    add(r, blanks[pick(r, COUNT(blanks))]);
}

static void add_expression(struct random *r, int depth)
{
    static const char *const leaves[] = {"1",           "x",           "0x1F", "1e1", "#'do'",
                                         "#[[end]]",    "#\"\\\"do\"", ".5",   "3.",  "x+1",
                                         "#[==[]]]==]", "goto",        "1e+1"};
    switch (pick(r, depth > 0 ? 4 : 1)) {
    case 1:
        add(r, "(");
        add_expression(r, depth - 1);
        add(r, pick(r, 2) ? " - " : "*");
        add_expression(r, depth - 1);
        add(r, ")");
        break;
    case 2:
        add(r, "(function(x, ...)");
        add_blank(r);
        add(r, "return (...) or ");
        add_expression(r, depth - 1);
        add(r, " end)(x)");
        break;
    default: add(r, leaves[pick(r, COUNT(leaves))]);
    }
}

static void add_block(struct random *r, int depth);

static void add_loop(struct random *r, int depth, const char *head, const char *foot)
{
    char label[64];
    int number = r->labels++;
    add(r, head);
    add_blank(r);
    snprintf(label, sizeof label, "if x %% 3 == %u then goto l%d end ", pick(r, 3), number);
    bool has_label = pick(r, 2);
    if (has_label) add(r, label);
    add(r, "local y = x ");
    add_block(r, depth - 1);
    snprintf(label, sizeof label, "::l%d::", number);
    if (has_label) add(r, label);
    add_blank(r);
    add(r, foot);
    add_blank(r);
}

static void add_statement(struct random *r, int depth)
{
    switch (pick(r, depth > 0 ? 8 : 2)) {
    case 0:
        add(r, "x = (x + ");
        add_expression(r, 2);
        add(r, ") % 1000");
        break;
    case 1: add(r, "t[#t + 1] = x goto = x + 1"); break;
    case 2: add_loop(r, depth, "for i = 1, 3 do", "end"); break;
    case 3: add_loop(r, depth, "do local n = 0 while n < 3 do n = n + 1", "end end"); break;
    case 4: add_loop(r, depth, "for _, v in ipairs { 1, 2 } do x = x + v", "end"); break;
    case 5: add_loop(r, depth, "do local n = 0 repeat n = n + 1 do", "end until n > 2 end"); break;
    case 6:
        add(r, "if x > 5 then ");
        add_block(r, depth - 1);
        add(r, " else ");
        add_block(r, depth - 1);
        add(r, " end");
        break;
    default:
        add(r, "do local function f(a, ...) if a > 3 then return a end ");
        add_block(r, depth - 1);
        add(r, " return f(a + 1, ...) end x = f(1, x) end");
    }
    add(r, pick(r, 2) ? ";" : "");
    add_blank(r);
}

static void add_block(struct random *r, int depth)
{
    for (unsigned n = 1 + pick(r, 3); n > 0; n--) add_statement(r, depth);
}

static void random_programs_give_the_same_with_checks(void **state)
{
    static struct random r;
    const char *seed = getenv("SEED");
    (void)state;
    unsigned compared = 0;
    for (uint64_t i = 0; i < 2000; i++) {
        r = (struct random){.seed = (seed ? strtoull(seed, NULL, 10) : 1) + i * 7919};
        add(&r, "x, t, goto = 1, {}, 2 ");
        add_block(&r, 3);
        add(&r, "return x .. ' ' .. table.concat(t, ' ', math.max(1, #t - 20))");
        compared += compare(r.text, r.n, true);
    }
    assert_true(compared > 1500);
}

/* --- the ends of loops --------------------------------------------------------------------------- */

static void errors_keep_their_lines(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "local x\nwhile true do\nx = x + 1 end",
        "#!x\nlocal function f(a)\n\nif a then return a.b.c end end\r\nreturn f(1)",
        "repeat\r\n--[[\n]] error 'x' until true",
        "local s = '\\\n\\\r\n'\nfor i = 1, 2 do error(s) end",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_true(compare(texts[i], strlen(texts[i]), true));
}

static int refuse(lua_State *L)
{
    return luaL_error(L, "enough");
}

/* Loops without an end. */
static const char *const endless[] = {
    "while true do end",
    "repeat until false",
    "for _ = 1, 1e18 do end",
    "for _ in function() return 1 end do end",
    "::a:: goto a",
    "local function f() return f() end f()",
    "local function f() pcall(f) return f() end f()",
    "while true do pcall(function() while true do end end) end",
    "while true do pcall(function() repeat until false end) end",
    "local t = setmetatable({}, { __index = function(t) return t end }) while true do t = t.x end",
    "while true do coroutine.wrap(function() while true do end end)() end",
    "while true do xpcall(error, function() while true do end end) end",
    "while true do pcall(coroutine.wrap(function() while true do coroutine.yield() end end)) end",
};

static void loops_without_an_end_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(endless); i++) {
        bool is_never;
        char *made = rewrite(endless[i], strlen(endless[i]), 0, &is_never);
        assert_non_null(made);
        lua_State *L = open_lua();
        assert_int_equal(luaL_loadstring(L, made), 0);
        free(made);
        luaL_loadstring(L, "return require('ffi').new('int32_t[1]', 100000)");
        lua_call(L, 0, 1);
        lua_pushcfunction(L, refuse);
        lua_call(L, 2, 1);
        assert_int_not_equal(lua_pcall(L, 0, 0, 0), 0);
        assert_non_null(strstr(lua_tostring(L, -1), "enough"));
        lua_close(L);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_stand_where_loops_turn_and_functions_begin),
        cmocka_unit_test(what_stands_before_lua_stays_in_front),
        cmocka_unit_test(names_that_are_added_occur_nowhere_in_the_source),
        cmocka_unit_test(a_source_that_has_all_names_cannot_be_rewritten),
        cmocka_unit_test(beginnings_of_a_source_compile_as_without_checks),
        cmocka_unit_test(a_source_without_some_bytes_compiles_as_without_checks),
        cmocka_unit_test(random_programs_give_the_same_with_checks),
        cmocka_unit_test(errors_keep_their_lines),
        cmocka_unit_test(loops_without_an_end_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
