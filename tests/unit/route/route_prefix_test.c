/* mg.by_route_prefix: which route a key's /region/cluster/ means, and the key that it gets. The cases are mcrouter's (2026-08):
 * mcrouter/lib/carbon/Keys-inl.h:49 (which bytes are the prefix), mcrouter/routes/RouteHandleMap-inl.h:129 (which routes it means),
 * mcrouter/routes/test/RootRouteTest.cpp:84 and :102, mcrouter/test/cpp_unit_tests/route_test.cpp:25 (stars). */
#include "unit/route/policy_host.h"

#define THREE                                                                                      \
    "mg.by_route_prefix { { ['/us/one/'] = a, ['/us/two/'] = b, ['/eu/one/'] = c }, default = "    \
    "'/us/two/' }"
#define NONE "!RootRoute: No rh found"

static const struct journey prefixes[] = {
    {THREE, GET, "k", "b"},
    {NULL, GET, "/us/one/k", "a", "k"},
    {NULL, GET, "/us/two/k", "b", "k"},
    {NULL, SET, "/eu/one/k", "c", "k"},
    {NULL, GET, "/us/one//us/two/k", "a", "/us/two/k"},
    {NULL, GET, "/us/one//", "a", "/"},
    {NULL, GET, "/us", "b"},
    {NULL, GET, "/us/one", "b"},
    {NULL, GET, "/", "b"},
    {NULL, GET, "//", "b"},
    {NULL, GET, "us/one/k", "b"},
    {NULL, GET, "/us/one/", NONE},
    {NULL, GET, "/us/three/k", NONE, "k"},
    {NULL, GET, "///k", NONE, "k"},
    {NULL, GET, "/us/one.k", "b"},
    {NULL, GET, "/*/*/k", "all_initial(pool b, pool c, pool a)", "k"},
    {NULL, GET, "/us/*/k", "all_initial(pool b, pool a)", "k"},
    {NULL, GET, "/eu/*/k", "c", "k"},
    {NULL, GET, "/*/one/k", "all_initial(pool c, pool a)", "k"},
    {NULL, GET, "/*/two/k", "b", "k"},
    {NULL, GET, "/*/three/k", NONE, "k"},
    {NULL, GET, "/fr/*/k", NONE, "k"},
    {NULL, GET, "/u*/o*e/k", "a", "k"},
    {NULL, GET, "/u*/**/k", "all_initial(pool b, pool a)", "k"},
    {NULL, GET, "/*u*s*/*/k", "all_initial(pool b, pool a)", "k"},
    {NULL, GET, "/*s*/*o/k", "b", "k"},
    {NULL, GET, "/*/*wo*/k", "b", "k"},
    {NULL, GET, "/*s/*n*n*/k", NONE, "k"},
    {NULL, GET, "/us*one/x/k", NONE, "k"},
    {NULL, GET, "/*/*/", NONE},
    {"mg.by_route_prefix { { ['/us/one/'] = a, ['/us/two/'] = b, ['/eu/one/'] = a }, default = "
     "'/us/one/', unknown_to_default = true }",
     GET, "/fr/one/k", "a", "k"},
    {NULL, GET, "/fr/*/k", "a", "k"},
    {NULL, GET, "/*/one/k", "a", "k"},
    {NULL, GET, "/*/*/k", "all_initial(pool a, pool b)", "k"},
    {NULL, GET, "/us/two/", NONE},
    {"mg.by_route_prefix { { ['/us/one/'] = a, ['/us/fallback/'] = b, ['/eu/one/'] = c }, default "
     "= "
     "'/us/one/' }",
     GET, "/us/any/k", "b", "k"},
    {NULL, GET, "/us/one/k", "a", "k"},
    {NULL, GET, "/us/fallback/k", "b", "k"},
    {NULL, GET, "/eu/any/k", NONE, "k"},
    {NULL, GET, "/u/any/k", NONE, "k"},
    {"mg.by_route_prefix { { ['/././'] = a }, default = '/././' }", GET, "k", "a"},
};

static void a_prefix_chooses_the_route_and_is_taken_off(void **state)
{
    journeys(prefixes, COUNT(prefixes));
}

static void the_default_prefix_comes_first_then_the_others_by_their_bytes(void **state)
{
    struct journey j[] = {
        {"mg.by_route_prefix { { ['/r/c/'] = c, ['/r/a/'] = a, ['/r/b/'] = b }, default = '/r/b/' "
         "}",
         GET, "/r/*/k", "all_initial(pool b, pool a, pool c)", "k"},
        {NULL, SET, "/*/*/k", "all_initial(pool b, pool a, pool c)", "k"},
        {"mg.by_route_prefix { { ['/r/c/'] = c, ['/s/a/'] = a, ['/s/b/'] = b }, default = '/r/c/' "
         "}",
         GET, "/s/*/k", "all_initial(pool a, pool b)", "k"},
    };
    journeys(j, COUNT(j));
}

static const struct {
    const char *script, *wrong;
} mistakes[] = {
    {"mg.by_route_prefix { a, default = '/r/a/' }", "takes a table of prefixes first"},
    {"mg.by_route_prefix(a)", "takes a table of prefixes first"},
    {"mg.by_route_prefix { { ['/r/a/'] = a } }", "wants the option 'default'"},
    {"mg.by_route_prefix { { ['/r/a/'] = a }, default = 'r/a' }",
     "takes a prefix with three slashes"},
    {"mg.by_route_prefix { { ['/r/a/'] = a }, default = '/r/b/' }",
     "names no route for the default prefix '/r/b/'"},
    {"mg.by_route_prefix { { ['/r/a'] = a }, default = '/r/a/' }",
     "prefix '/r/a' takes a prefix with three slashes, such as \"/region/cluster/\""},
    {"mg.by_route_prefix { { ['/r/*/'] = a }, default = '/r/a/' }",
     "prefix '/r/*/' takes a prefix"},
    {"mg.by_route_prefix { { ['//a/'] = a }, default = '/r/a/' }", "prefix '//a/' takes"},
    {"mg.by_route_prefix { { ['/r/a/'] = 5 }, default = '/r/a/' }", "takes a route, not a number"},
    {"mg.by_route_prefix { { ['/r/a/'] = a }, b, default = '/r/a/' }",
     "takes one table of prefixes"},
    {"mg.by_route_prefix { { ['/r/a/'] = a }, default = '/r/a/', unknown_to_default = 1 }",
     "option 'unknown_to_default' takes true or false"},
    {"(function() local t = {}\nfor i = 1, 63 do t['/r/' .. i .. '/'] = mg.pool { '127.0.0.1:1', "
     "name = 'p' .. i } end\nreturn mg.by_route_prefix { t, default = '/r/1/' } end)()",
     "takes up to 62 different routes"},
};

static void mistakes_are_refused_when_the_script_loads(void **state)
{
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        char text[2048];
        snprintf(text, sizeof text, POOLS "return %s\n", mistakes[i].script);
        fails(text, "script.lua:", mistakes[i].wrong);
    }
}

/* Many prefixes of one route, and 62 routes, the most. */
static void sixty_two_routes_and_many_prefixes_are_found(void **state)
{
    load(POOLS "local t = {}\n"
               "for i = 1, 62 do t['/r/' .. i .. '/'] = mg.pool { '127.0.0.1:1', name = 'p' .. i } "
               "end\n"
               "for i = 1, 500 do t['/s' .. i .. '/x/'] = t['/r/62/'] end\n"
               "return mg.by_route_prefix { t, default = '/r/1/' }\n");
    struct journey j[] = {{"", GET, "/r/62/k", "p62", "k"},        {"", GET, "/r/9/k", "p9", "k"},
                          {"", GET, "/s500/x/k", "p62", "k"},      {"", GET, "/s*/x/k", "p62", "k"},
                          {"", GET, "/s501/x/k", NONE, "k"},       {"", GET, "/r/*1/k", NONE, "k"},
                          {"", GET, "/r/*/k", "all_initial(", "k"}};
    for (size_t i = 0; i < COUNT(j); i++) assert_goes(&j[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(a_prefix_chooses_the_route_and_is_taken_off),
        alone(the_default_prefix_comes_first_then_the_others_by_their_bytes),
        alone(mistakes_are_refused_when_the_script_loads),
        alone(sixty_two_routes_and_many_prefixes_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
