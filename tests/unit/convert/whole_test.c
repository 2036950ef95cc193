/* Whole configurations: where macros may stand, other files, what mcrouter defines itself, and how much may be computed. */
#include "unit/convert/configuration.h"

static void check(const char *text, const struct convert_flags *flags, const char *is)
{
    char *got = expanded(text, flags);
    assert_string_equal(got, is);
    free(got);
}

static void check_wrong(const char *text, const char *is)
{
    char *got = expanded(text, NULL);
    if (strncmp(got, "etc/", 4) != 0 || !strstr(got, is)) fail_msg("%s", got);
    free(got);
}

/* config_preprocessor_test_file.json:731, ConfigPreprocessor.cpp:2115 (parseMacroDefs). */
static void macros_are_an_object_or_lists_of_objects(void **state)
{
    check("{\"macros\": {\"a\": {\"type\": \"constDef\", \"result\": 1}}, \"x\": \"%a%\"}", NULL,
          "{\"x\": 1}");
    check("{\"macros\": [{\"a\": {\"type\": \"constDef\", \"result\": 1}}, [{\"type\": \"merge\", "
          "\"params\": [{\"b\": {\"type\": \"constDef\", \"result\": \"%a%\"}}, {}]}]], \"x\": "
          "\"%b%\"}",
          NULL, "{\"x\": 1}");
    check_wrong("{\"macros\": \"a\"}", "\"macros\" is a string: it must be an object, or a list");
    check_wrong("{\"macros\": [[1]]}", "\"macros\" is a whole number: it must be an object");
    check_wrong("{\"type\": \"merge\", \"params\": [\"a\"]}",
                "the configuration is a string, expanded: it must be an object");
}

/* ConfigApi.cpp:335 (where an import lies), ConfigPreprocessor.cpp:487 (importMacro). */
static void other_files_are_imported(void **state)
{
    static const struct other_file files[] = {
        {"etc/pool.json", "{ // mine\n\"servers\": [\"%host%:1\",],}"},
        {"etc/sub/x.json", "\"@import(y.json)\""},
        {"etc/y.json", "\"y\""},
        {"/abs.json", "[]"},
        {"here.json", "{}"},
        {"etc/macros.json", "{\"host\": {\"type\": \"constDef\", \"result\": \"h\"}}"},
        {"etc/self.json", "[\"@import(self.json)\"]"},
        {"etc/broken.json", "{\n\"a\" 1}"},
        {"etc/none.json", "\n\"%none%\""},
        {NULL, NULL},
    };
    other_files = files;
    check(
        "{\"macros\": \"@import(macros.json)\", \"a\": [\"@import(pool.json)\", "
        "\"@import(pool.json)\"], \"b\": \"@import(sub/x.json)\", \"c\": \"@import(/abs.json)\", "
        "\"d\": \"@import(file:here.json)\", \"e\": \"@import(gone.json, @size(abc))\"}",
        NULL,
        "{\"a\": [{\"servers\": [\"h:1\"]},{\"servers\": [\"h:1\"]}],\"b\": \"y\",\"c\": [],\"d\": "
        "{},\"e\": 3}");
    check("{\"a\": {\"type\": \"import\", \"path\": \"y.json\", \"default\": \"@fail(x)\"}}", NULL,
          "{\"a\": \"y\"}");
    check("{\"a\": \"@import(broken.json, d)\", \"b\": \"@import(gone.json, @import(y.json))\"}",
          NULL, "{\"a\": \"d\",\"b\": \"y\"}");
    check("{\n\"a\": \"@import(gone.json)\"}", NULL,
          "etc/m.json:2: cannot import \"etc/gone.json\": No such file or directory: correct the "
          "path, or give a default as the second argument");
    check("{\"a\": \"@import(broken.json)\"}", NULL,
          "etc/broken.json:2: a colon follows the name of a member, but `1}` is here (column 5)");
    check_wrong("{\"a\": \"@import(none.json)\"}", "etc/none.json:2: nothing is called \"none\"");
    check_wrong("{\"a\": \"@import(self.json)\"}",
                "etc/self.json:1: \"self.json\" imports itself: take one of the imports out");
    check_wrong("{\"a\": \"@import(a\\u0000b)\"}", "its name has a zero byte");
    check_wrong("{\"a\": {\"type\": \"import\", \"path\": 1}}",
                "the path of an import is a whole ");
    other_files = NULL;
    check_wrong("{\"a\": \"@import(y.json)\"}", "cannot import \"etc/y.json\"");
}

/* A value that was imported stands where it stands there. */
static void imported_values_keep_their_place(void **state)
{
    static const struct other_file files[] = {{"etc/p.json", "{\n\n  \"servers\": 1}"},
                                              {NULL, NULL}};
    static const char text[] = "{\"a\": \"@import(p.json)\"}";
    other_files = files;
    const struct tree_node *root = read_bytes(text, sizeof text - 1, NULL);
    assert_non_null(root);
    const struct tree_member *servers = tree_member(tree_get(root, "a"), "servers");
    assert_non_null(servers);
    assert_string_equal(servers->place.path, "etc/p.json");
    assert_int_equal(servers->place.line, 3);
    assert_int_equal(servers->value->place.column, 14);
    other_files = NULL;
}

/* ProxyConfigBuilder.cpp:78 (buildGlobalParams), mcrouter_options_list.h:525. */
static void the_default_route_is_known_to_macros(void **state)
{
    static const char text[] =
        "{\"a\": [\"%default-route%\", \"%default-region%\", \"%default-cluster%\", "
        "\"%router-name%\"]}";
    struct convert_flags flags = {0};
    check(text, NULL, "{\"a\": [\"/././\",\".\",\".\",\"unknown\"]}");
    check(text, &flags, "{\"a\": [\"/././\",\".\",\".\",\"unknown\"]}");
    static const char *const forms[] = {"/us/one/", "us/one", "/us/one", "us/one/"};
    for (unsigned i = 0; i < 4; i++) {
        flags.route_prefix = forms[i];
        check(text, &flags, "{\"a\": [\"/us/one/\",\"us\",\"one\",\"unknown\"]}");
    }
}

static void an_error_says_in_which_macro_it_was(void **state)
{
    check("{\"macros\": {\n\"a\": {\"type\": \"macroDef\", \"params\": [\"x\"],\n\"result\": "
          "[\"%y%\"]},\n\"b\": {\"type\": \"macroDef\", \"result\": \"@a(1)\"}},\n\"c\": \"@b\"}",
          NULL,
          "etc/m.json:3: nothing is called \"y\": define it in \"macros\" as a constDef, or write "
          "\\\\% for a percent sign (in the macro \"a\", called in line 4) (in the macro \"b\", "
          "called in line 5)");
}

/* Names n things, n0 and so on, each made of two of the one before. The form has # for its number and ^ for that one's. */
static void check_doubling(int n, const char *kind, const char *form, const char *last,
                           const char *is)
{
    char text[16384];
    FILE *f = fmemopen(text, sizeof text, "w");
    assert_non_null(f);
    fprintf(f, "{\"macros\": {\"n0\": {\"type\": \"%s\", \"result\": \"sixteen bytes are\"}", kind);
    for (int i = 1; i < n; i++) {
        fprintf(f, ", \"n%d\": {\"type\": \"%s\", \"result\": ", i, kind);
        for (const char *p = form; *p; p++)
            if (*p == '#' || *p == '^')
                fprintf(f, "%d", *p == '#' ? i : i - 1);
            else
                putc(*p, f);
        putc('}', f);
    }
    fprintf(f, "}, \"x\": \"%s\"}", last);
    assert_int_equal(fclose(f), 0);
    check_wrong(text, is);
}

static void what_doubles_itself_is_refused(void **state)
{
    check_doubling(60, "constDef", "[\"%n^%\", \"%n^%\"]", "%n59%",
                   "this has more than 1000000 values, all macros expanded");
    check_doubling(60, "constDef", "\"%n^%%n^%\"", "%n59%",
                   "the configuration needs more than 64 MiB");
    check_doubling(20, "macroDef", "\"@if(@equals(@n^, @n^), @bool(1), @bool(0))\"", "@n19",
                   "the configuration needs more than 64 MiB");
    check_wrong("{\"a\": \"@range(@int(1), @int(9223372036854775807))\"}", "64 MiB");
    check_wrong(
        "{\"a\": {\"type\": \"foreach\", \"from\": \"@range(@int(1), @int(3000))\", "
        "\"where\": {\"type\": \"contains\", \"dictionary\": \"@range(@int(1), @int(10))\", "
        "\"key\": {\"type\": \"foreach\", \"from\": \"@range(@int(1), @int(3000))\"}}}}",
        "64 MiB");
    check_wrong("{\"a\": {\"type\": \"process\", \"dictionary\": \"@range(@int(1), @int(300))\", "
                "\"initialValue\": 1, \"transform\": [\"%value%\"]}}",
                "more than 200 lists and objects lie in each other");
}

/* Steps run out before memory does where little is made: a string is compared many times. */
static void what_never_ends_is_refused(void **state)
{
    static const char text[] =
        "{\"vars\": {\"r\": \"@range(@int(1), @int(1800))\"}, \"a\": {\"type\": \"process\", "
        "\"dictionary\": \"%r%\", \"initialValue\": false, \"transform\": \"@equals(%r%, %r%)\"}}";
    check_wrong(text, "etc/m.json:1: the macros do not come to an end within 4000000 steps");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(macros_are_an_object_or_lists_of_objects),
        cmocka_unit_test(other_files_are_imported),
        cmocka_unit_test(imported_values_keep_their_place),
        cmocka_unit_test(the_default_route_is_known_to_macros),
        cmocka_unit_test(an_error_says_in_which_macro_it_was),
        cmocka_unit_test(what_doubles_itself_is_refused),
        cmocka_unit_test(what_never_ends_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    forget();
    return failed;
}
