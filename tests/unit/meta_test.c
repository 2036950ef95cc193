/* The types for editors, lua/moongate/_meta.lua, name what there is, and nothing else. */
#include "unit/script_host.h"

#include "daemon/options.h"
#include <lauxlib.h>

/* What tests/lua/meta.lua finds when the types are those of that file. */
static const char *differences(const char *path)
{
    lua_State *L = w.script->L;
    if (luaL_loadfile(L, "tests/lua/meta.lua") != 0)
        fail_msg("%s: run the tests from the top of the tree", lua_tostring(L, -1));
    lua_pushstring(L, path);
    if (lua_pcall(L, 1, 1, STACK_HANDLER) != 0) fail_msg("%s", lua_tostring(L, -1));
    return lua_tostring(L, -1); /* stays there until the script goes */
}

/* While it is loaded, so that routes may still be made. */
static void begin(void)
{
    static struct script_option settable[SCRIPT_OPTIONS];
    options_settable(settable);
    w.host.options = settable;
    load(MG ANY);
    const char *open = "local routes = require 'moongate.routes'\n"
                       "routes.check_loading = function() end\n";
    if (luaL_dostring(w.script->L, open)) fail_msg("%s", lua_tostring(w.script->L, -1));
}

static void the_types_name_what_there_is(void **state)
{
    begin();
    assert_string_equal(differences("lua/moongate/_meta.lua"), "");
}

static void what_is_missing_and_what_is_too_much_is_told(void **state)
{
    char line[512];
    begin();
    FILE *from = fopen("lua/moongate/_meta.lua", "re");
    assert_non_null(from);
    snprintf(w.path, sizeof w.path, "%s/_meta.lua", w.dir);
    FILE *to = fopen(w.path, "we");
    assert_non_null(to);
    while (fgets(line, sizeof line, from)) {
        char *at;
        if ((at = strstr(line, "mg.spawn("))) memcpy(at, "mg.spwan", 8);
        if ((at = strstr(line, "\"ketama\"|"))) memcpy(at, "\"kitema\"|", 9);
        if (strstr(line, "@field tries integer?   ")) continue;
        fputs(line, to);
    }
    fclose(from);
    fclose(to);
    assert_string_equal(differences(w.path),
                        "moongate.Distribution: _meta.lua does not have ketama\n"
                        "moongate.Distribution: there is no such thing as kitema\n"
                        "moongate.FailoverOptions: _meta.lua does not have tries\n"
                        "moongate: _meta.lua does not have spawn\n"
                        "moongate: there is no such thing as spwan");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(the_types_name_what_there_is),
        alone(what_is_missing_and_what_is_too_much_is_told),
    };
    return cmocka_run_group_tests_name("meta", tests, NULL, NULL);
}
