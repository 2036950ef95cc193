/* guess: what a file is, by its name and its bytes; and the words of Lua programs, by which it is found out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "convert/convert.h"
#include "convert/program_words.h"

#define POOL "alpha:\n  listen: 127.0.0.1:22121\n  servers:\n   - 127.0.0.1:11211:1\n"
#define ROUTELIB                                                                                   \
    "pools{ foo = { backends = { \"127.0.0.1:11212\" } } }\nroutes{ default = route_direct{ "      \
    "child = \"foo\" } }\n"

static const struct {
    const char *path, *bytes;
    enum convert_kind kind;
} cases[] = {
    /* by name */
    {"nutcracker.yml", "", CONVERT_TWEMPROXY},
    {"/etc/nutcracker.yaml", "return 1", CONVERT_TWEMPROXY},
    {"a/mcrouter.json", "", CONVERT_MCROUTER},
    {"json", "", CONVERT_SCRIPT},
    {".yml", "", CONVERT_SCRIPT},
    {"x.yml.lua", "return 1", CONVERT_SCRIPT},
    {"x.lua", "{}", CONVERT_SCRIPT},
    {"x.lua", POOL, CONVERT_SCRIPT},
    /* JSON by its bytes */
    {"conf", "{ \"pools\": {} }", CONVERT_MCROUTER},
    {"conf", "\xef\xbb\xbf \r\n// a comment\n/* another\n one */ {", CONVERT_MCROUTER},
    {"conf", "# comment\n{", CONVERT_MCROUTER},
    {"conf", "/* not closed {", CONVERT_SCRIPT},
    {"conf", "[]", CONVERT_SCRIPT},
    {"conf", "", CONVERT_SCRIPT},
    /* YAML by its bytes */
    {"conf", POOL, CONVERT_TWEMPROXY},
    {"conf", "# comment\n\n" POOL, CONVERT_TWEMPROXY},
    {"conf", "alpha:  \r\n  hash: md5\r\n  listen: x\r\n", CONVERT_TWEMPROXY},
    {"conf", "alpha:\n", CONVERT_SCRIPT},
    {"conf", "alpha:\nlisten: x\n", CONVERT_SCRIPT},
    {"conf", "x = {\n  listen: 1", CONVERT_SCRIPT},
    {"conf", "f(a):\n  listen: 1", CONVERT_SCRIPT},
    /* Lua */
    {"script", "#!/usr/bin/moongate\nreturn { listen = 1 }", CONVERT_SCRIPT},
    {"script", "local mg = require 'moongate'\nreturn mg.pool { 'a:1' }", CONVERT_SCRIPT},
    {"r.lua", ROUTELIB, CONVERT_ROUTELIB},
    {"routes", ROUTELIB, CONVERT_ROUTELIB},
    {"r.lua", "settings{}\n-- pools\npools {}", CONVERT_ROUTELIB},
    {"r.lua", "local function f() return 1 end\nif x then y() end\nroutes({})", CONVERT_ROUTELIB},
    {"r.lua", ROUTELIB "return 1", CONVERT_SCRIPT},
    {"r.lua", "require 'moongate'\n" ROUTELIB, CONVERT_SCRIPT},
    {"r.lua", "local x = 'pools{'\n-- routes{\n--[[ pools{ ]] local y = [==[\nroutes{]==]",
     CONVERT_SCRIPT},
    {"r.lua", "app.pools{}\napp:routes{}", CONVERT_SCRIPT},
    {"r.lua", "local function f() pools{} end", CONVERT_SCRIPT},
    {"r.lua", "f{ pools{} }", CONVERT_SCRIPT},
    {"r.lua", "pools = {}\nroutes = {}", CONVERT_SCRIPT},
};

static void each_file_is_what_it_looks_like(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum convert_kind kind =
            convert_guess(cases[i].path, cases[i].bytes, strlen(cases[i].bytes));
        if (kind != cases[i].kind)
            fail_msg("%s, '%s': %s, not %s", cases[i].path, cases[i].bytes, convert_kind_word(kind),
                     convert_kind_word(cases[i].kind));
    }
}

/* Cut anywhere, in memory that ends there: under AddressSanitizer no byte behind the end is read. */
static void no_byte_behind_the_end_is_read(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t len = 0; len <= strlen(cases[i].bytes); len++) {
            char *bytes = malloc(len ? len : 1);
            assert_non_null(bytes);
            memcpy(bytes, cases[i].bytes, len);
            assert_true(convert_guess("conf", bytes, len) < CONVERT_KINDS_N);
            assert_true(convert_guess("conf.lua", bytes, len) < CONVERT_KINDS_N);
            free(bytes);
        }
    }
}

static void words_have_lines_and_depths(void **state)
{
    static const char text[] = "# first\nlocal a = { 'x\\'y', \"z\n\nfunction f() if g.h then "
                               "[[\n]] end end -- no\n--[=[\n\n]=] last";
    static const struct {
        const char *word;
        uint32_t line;
        int depth, nesting;
    } wanted[] = {{"local", 2, 0, 0},   {"a", 2, 0, 0},   {"=", 2, 0, 0},   {"{", 2, 0, 0},
                  {"'x\\'y'", 2, 0, 1}, {",", 2, 0, 1},   {"\"z", 2, 0, 1}, {"function", 4, 0, 1},
                  {"f", 4, 1, 1},       {"(", 4, 1, 1},   {")", 4, 1, 1},   {"if", 4, 1, 1},
                  {"g", 4, 2, 1},       {".", 4, 2, 1},   {"h", 4, 2, 1},   {"then", 4, 2, 1},
                  {"[[\n]]", 5, 2, 1},  {"end", 5, 1, 1}, {"end", 5, 0, 1}, {"last", 8, 0, 1}};
    struct program_words w = program_words_begin(text, sizeof text - 1);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_true(program_words_next(&w));
        if (!program_word_is(&w, wanted[i].word))
            fail_msg("'%.*s', not '%s'", (int)w.len, w.word, wanted[i].word);
        assert_int_equal(w.line, wanted[i].line);
        assert_int_equal(w.depth, wanted[i].depth);
        assert_int_equal(w.nesting, wanted[i].nesting);
    }
    assert_false(program_words_next(&w));
}

static void readers_are_there_for_configurations_alone(void **state)
{
    assert_null(convert_reader_of(CONVERT_SCRIPT));
    assert_string_equal(convert_kind_word(CONVERT_TWEMPROXY), "twemproxy");
    assert_string_equal(convert_kind_name(CONVERT_MCROUTER), "mcrouter's configuration");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_file_is_what_it_looks_like),
        cmocka_unit_test(no_byte_behind_the_end_is_read),
        cmocka_unit_test(words_have_lines_and_depths),
        cmocka_unit_test(readers_are_there_for_configurations_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
