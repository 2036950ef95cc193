/* The types for editors, lua/moongate/_meta.lua, name what there is, and nothing else; the references name all of it. */
#include "unit/script/script_host.h"

#include "worker/options.h"
#include <lauxlib.h>

/* What tests/lua/meta.lua finds when these are the types and the references. */
static const char *differences(const char *types, const char *references)
{
    lua_State *L = w.script->L;
    if (luaL_loadfile(L, "tests/lua/meta.lua") != 0)
        fail_msg("%s: run the tests from the top of the tree", lua_tostring(L, -1));
    lua_pushstring(L, types);
    lua_pushstring(L, references);
    if (lua_pcall(L, 2, 1, STACK_HANDLER) != 0) fail_msg("%s", lua_tostring(L, -1));
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

static const char TYPES[] =
    "lua/moongate/_meta.lua lua/moongate/_meta_policies.lua lua/moongate/_meta_test.lua",
                  REFERENCES[] = "lua/README.md lua/moongate/test/README.md";

static void the_types_and_the_references_name_what_there_is(void **state)
{
    begin();
    assert_string_equal(differences(TYPES, REFERENCES), "");
}

static void copy_changed(const char *path, bool (*change)(char *line), FILE *to)
{
    static char line[4096];
    FILE *from = fopen(path, "re");
    assert_non_null(from);
    while (fgets(line, sizeof line, from))
        if (change(line)) fputs(line, to);
    fclose(from);
}

/* A copy of files in one, of which `change` has seen every line, and left out those for which it gives false. */
static const char *changed(const char *paths, bool (*change)(char *line))
{
    char list[256], *rest = list;
    snprintf(list, sizeof list, "%s", paths);
    snprintf(w.path, sizeof w.path, "%s/changed", w.dir);
    FILE *to = fopen(w.path, "we");
    assert_non_null(to);
    for (char *path; (path = strsep(&rest, " "));) copy_changed(path, change, to);
    fclose(to);
    return w.path;
}

static bool change_types(char *line)
{
    char *at;
    if ((at = strstr(line, "mg.spawn("))) memcpy(at, "mg.spwan", 8);
    if ((at = strstr(line, "\"ketama\"|"))) memcpy(at, "\"kitema\"|", 9);
    return !strstr(line, "@field tries integer?   ");
}

static void what_is_missing_and_what_is_too_much_is_told(void **state)
{
    begin();
    assert_string_equal(differences(changed(TYPES, change_types), REFERENCES),
                        "moongate.Distribution: _meta.lua does not have ketama\n"
                        "moongate.Distribution: there is no such thing as kitema\n"
                        "moongate.FailoverOptions: _meta.lua does not have tries\n"
                        "moongate: _meta.lua does not have spawn\n"
                        "moongate: there is no such thing as spwan");
}

static bool change_references(char *line)
{
    char *at;
    while ((at = strstr(line, "mg.env"))) memcpy(at, "mg.end", 6);
    while ((at = strstr(line, "`least`"))) memcpy(at, "`LEAST`", 7);
    return !strstr(line, "req:key_part");
}

static void what_a_reference_lacks_is_told(void **state)
{
    begin();
    assert_string_equal(differences(TYPES, changed(REFERENCES, change_references)),
                        "lua/README.md: does not have mg.env\n"
                        "lua/README.md: does not have req.key_part\n"
                        "lua/README.md: mg.hedge does not have least");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(the_types_and_the_references_name_what_there_is),
        alone(what_is_missing_and_what_is_too_much_is_told),
        alone(what_a_reference_lacks_is_told),
    };
    return cmocka_run_group_tests_name("meta", tests, NULL, NULL);
}
