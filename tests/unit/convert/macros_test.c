/* Macros, constants, variables and imports. Each case names where mcrouter's own tests show the same rule: T is
 * mcrouter/lib/config/test/config_preprocessor_test_file.json, E is config_preprocessor_test_errors.json beside it, C is
 * mcrouter/lib/config/ConfigPreprocessor.cpp (facebook/mcrouter, 2026-08-20), with the line. */
#include "unit/convert/configuration.h"

struct expanding {
    const char *source, *macros, *value, *is;
};

#define DEF(name, result) "'" name "': {'type': 'macroDef', 'result': " result "}"
#define FUN(name, params, result)                                                                  \
    "'" name "': {'type': 'macroDef', 'params': [" params "], 'result': " result "}"
#define CONST(name, result) "'" name "': {'type': 'constDef', 'result': " result "}"

/* Single quotes stand for double ones. */
static const struct expanding calls[] = {
    {"T15", DEF("host", "'one'"), "'@host'", "\"one\""},
    {"T19", FUN("same", "'x'", "'%x%'"), "'@same(   )'", "\"\""},
    {"T23", FUN("same", "'x'", "'%x%'"), "'@same(two\\\\ )'", "\"two \""},
    {"T27", FUN("same", "'x'", "'%x%'"), "'@same( \\\\(\\\\)\\\\, )'", "\"(),\""},
    {"T189", FUN("by", "'name'", "'@%name%'") "," DEF("here", "1"), "'@by(here)'", "1"},
    {"T197", FUN("host", "'h', {'name': 'p', 'default': '11211'}", "'%h%:%p%'") "," DEF("a", "'A'"),
     "['@host(@a,5)', '@host(@a)']", "[\"A:5\",\"A:11211\"]"},
    {"T205", FUN("host", "'h', 'p'", "'%h%:%p%'"), "'@host(h , 1)'", "\"h:1\""},
    {"T247", FUN("or7", "{'name': 'x', 'default': 7}", "'%x%'"), "['@or7', '@or7(8)']",
     "[7,\"8\"]"},
    {"T255", FUN("f", "'a', {'name': 'b', 'optional': true}", "'@if(%a%, x, %b%)'"),
     "['@f(@bool(true))', '@f(@bool(false), y)']", "[\"x\",\"y\"]"},
    {"T263",
     FUN("f",
         "{'name': 'a', 'default': true}, {'name': 'b', 'optional': true}, {'name': 'c', "
         "'default': 3}",
         "'@if(%a%, %c%, %b%)'"),
     "['@f', '@f(@bool(false), b)', '@f(@bool(true), b, c)']", "[3,\"b\",\"c\"]"},
    {"C373 a default is not expanded", FUN("f", "{'name': 'x', 'default': '@host'}", "'%x%'"),
     "'@f'", "\"@host\""},
    {"C364 by its type", FUN("f", "'a', {'name': 'b', 'default': 2}", "['%a%', '%b%']"),
     "[{'type': 'f', 'a': {'x': 1}, 'c': 3}, {'type': '@str(f)', 'a': 0, 'b': 0}]",
     "[[{\"x\": 1},2],[0,0]]"},
    {"C2007 the type of no macro", "", "{'type': 'PoolRoute', 'pool': 'A'}",
     "{\"pool\": \"A\",\"type\": \"PoolRoute\"}"},
    {"C2038 names of members", CONST("k", "'key'"), "{'%k%1': 1, '@str(@int(2))': 2}",
     "{\"2\": 2,\"key1\": 1}"},
    {"C2040 the last of equal names", CONST("k", "'key'"), "{'key': 1, '%k%': 2}", "{\"key\": 2}"},
    {"C1864 a whole text keeps its kind", CONST("c", "[1]"), "['%c%', 'x']", "[[1],\"x\"]"},
    {"C1864 an empty one before it", CONST("e", "''") "," CONST("n", "5"), "'%e%%n%'", "5"},
    {"T666", CONST("at", "'\\\\@'"), "['\\\\%\\\\\\\\', '%at%a', '\\\\@a', 'a@b']",
     "[\"%\\\\\",\"@a\",\"@a\",\"a@b\"]"},
    {"T670", "'\\\\@': {'type': 'macroDef', 'result': '\\\\@\\\\('}", "'@\\\\@'", "\"@(\""},
    {"T717 trim", FUN("same", "'x'", "'<%x%>'"),
     "['@same(  \\\\  \\\\ )', '@same(\\\\\\\\ )', '@same(a\\\\\\\\  )', '@same( a b )']",
     "[\"<   >\",\"<\\\\>\",\"<a\\\\>\",\"<a b>\"]"},
    {"C149 the last backslash", "", "'a\\\\'", "\"a\""},
    {"T783",
     CONST("c", "'%b%c'") "," CONST("b", "'%a%b'") "," CONST("a", "'A'") "," FUN("Abc", "'x'",
                                                                                 "'%c%%x%'"),
     "['%c%', '@%c%(d)']", "[\"Abc\",\"Abcd\"]"},
    {"C1828 a macro of the same name", DEF("size", "'mine'"), "'@size'", "\"mine\""},
};

static const struct expanding built_in[] = {
    {"T31", "",
     "[{'type': 'keys', 'dictionary': {'z': 1, 'a': 2}}, {'type': 'values', "
     "'dictionary': {'z': 1, 'a': 2}}]",
     "[[\"z\",\"a\"],[1,2]]"},
    {"T45", "", "'@range(@int(-1), @int(2))'", "[-1,0,1,2]"},
    {"T45 none", "", "'@range(@int(1), @int(0))'", "[]"},
    {"T49", "", "'@and(@bool(t), @not(@or(@bool(off), @bool(0))))'", "true"},
    {"T53", "", "['@and(@bool(false), @fail(x))', '@or(@bool(true), @fail(x))']", "[false,true]"},
    {"T61", "",
     "[{'type': 'sort', 'dictionary': ['b', 2, 'a', 10]}, '@sort(@range(@int(0),@int(0)))']",
     "[[2,10,\"a\",\"b\"],[0]]"},
    {"T90", "", "['@if(@bool(yes), a, @fail(x))', '@if(@bool(no), @fail(x), b)']", "[\"a\",\"b\"]"},
    {"T124", "",
     "['@bool(True)', '@bool(@int(0))', '@int( -7 )', '@int(@bool(true))', "
     "{'type': 'int', 'value': 3.0}]",
     "[true,false,-7,1,3]"},
    {"T144", "",
     "['@str(@int(5))', '@double(2.5)', '@str(@double(2.5))', '@str(@bool(true))', "
     "'@double(@int(2))', '@str(@double(0.1))']",
     "[\"5\",2.5,\"2.5\",\"1\",2.0,\"0.1\"]"},
    {"C995 isX", "",
     "['@isArray(a)', '@isBool(@bool(1))', '@isInt(@int(1))', '@isDouble(@double(1))', "
     "'@isObject(a)', '@isString(a)']",
     "[false,true,true,true,false,true]"},
    {"T381", CONST("d", "{'a': 'b'}"),
     "['@select(%d%, a)', '@select(%d%, b, c)', '@select(%d%, a, @fail(x))']",
     "[\"b\",\"c\",\"b\"]"},
    {"T337", "",
     "[{'type': 'select', 'dictionary': [1, 2], 'key': -1}, {'type': 'select', 'dictionary': [1], "
     "'key': 1, 'default': 'd'}]",
     "[2,\"d\"]"},
    {"T436", "",
     "['@split(a.b., .)', '@split(,)', '@split(ab,)', '@split(abbab, bb)', '@split(xx, x)']",
     "[[\"a\",\"b\",\"\"],[\"\"],[\"ab\"],[\"a\",\"ab\"],[\"\",\"\",\"\"]]"},
    {"T518", CONST("o", "{'a': 1, 'b': 2, 'c': 3}"),
     "[{'type': 'slice', 'dictionary': [0, 1, 2, 3], 'from': 1, 'to': 2}, '@slice(abcd, @int(2), "
     "@int(9))', '@slice(abcd, @int(0), @int(-1))', '@slice(abcd, @int(-5), @int(1))', "
     "'@slice(%o%, "
     "b, c)']",
     "[[1,2],\"cd\",\"\",\"ab\",{\"b\": 2,\"c\": 3}]"},
    {"T544", "",
     "[{'type': 'set', 'dictionary': {'a': 1}, 'key': 'a', 'value': 5}, {'type': 'set', "
     "'dictionary': {'a': 1}, 'key': 'b', 'value': 5}, {'type': 'set', 'dictionary': [1, 2], "
     "'key': "
     "1, 'value': 'c'}]",
     "[{\"a\": 5},{\"a\": 1,\"b\": 5},[1,\"c\"]]"},
    {"C691 merge", "",
     "[{'type': 'merge', 'params': ['a', 'b', '']}, {'type': 'merge', 'params': [[1], [], [2]]}, "
     "{'type': 'merge', 'params': [{'a': 1, 'b': 2}, {'b': 3}]}]",
     "[\"ab\",[1,2],{\"a\": 1,\"b\": 3}]"},
    {"T1048",
     FUN("fact", "'x'",
         "'@if(@less(@int(1), %x%), @mul(%x%, @fact(@sub(%x%, @int(1)))), "
         "@int(1))'"),
     "'@fact(@int(6))'", "720"},
    {"T1056", "", "['@mod(@int(-5),@int(3))', '@div(@int(-7),@int(2))', '@add(@int(1),@int(2))']",
     "[-2,-3,3]"},
    {"C1214 the least number by -1", CONST("least", "-9223372036854775808"),
     "['@div(%least%, @int(-1))', '@mod(%least%, @int(-1))']", "[-9223372036854775808,0]"},
    {"T988", CONST("ones", "-1"),
     "['@bitwiseRightShift(%ones%, @int(63))', '@bitwiseLeftShift(@int(1), @int(4))', "
     "'@bitwiseNot(%ones%)', '@bitwiseXor(@int(6), @int(3))', '@bitwiseOr(@int(6), @int(3))', "
     "'@bitwiseAnd(@int(6), @int(3))']",
     "[1,16,0,5,7,2]"},
    {"T1073", CONST("list", "[100, 'a', {'k': 1}]"),
     "['@contains(%list%, @int(100))', '@contains(%list%, b)', '@contains(abacus, bac)', "
     "'@contains(abacus, x)', {'type': 'contains', 'dictionary': {'a': 1}, 'key': 'a'}, {'type': "
     "'contains', 'dictionary': '%list%', 'key': {'k': 1.0}}]",
     "[true,false,true,false,true,true]"},
    {"C987 equals, less", CONST("a", "{'x': [1], 'y': 'z'}") "," CONST("b", "{'y': 'z', 'x': [1]}"),
     "['@equals(%a%, %b%)', '@equals(@int(1), 1)', '@less(a, b)', '@less(b, a)', '@less(@int(9), "
     "1)']",
     "[true,false,true,false,true]"},
    {"C975 empty, size", "", "['@empty()', '@size(abc)', {'type': 'size', 'dictionary': {'a': 1}}]",
     "[true,3,1]"},
    {"T1408", FUN("f", "'a'", "['@defined(a)', '@defined(local)', '@defined(f)']"),
     "[{'vars': {'local': 1}, 'x': '@f(1)', 'y': '@defined(local)'}, '@defined(default-route)']",
     "[{\"x\": [true,false,false],\"y\": true},true]"},
};

static const struct expanding loops[] = {
    {"T582", "", "{'type': 'transform', 'dictionary': ['a', 'b'], 'itemTransform': '%item%1'}",
     "[\"a1\",\"b1\"]"},
    {"T590", "",
     "{'type': 'transform', 'dictionary': {'a': '1', 'b': '2'}, 'keyTransform': '%key%x', "
     "'itemTransform': '%item%%key%'}",
     "{\"ax\": \"1a\",\"bx\": \"2b\"}"},
    {"T599", "",
     "{'type': 'transform', 'itemName': 'list', 'keyName': 'of', 'dictionary': {'a': [1, 2]}, "
     "'itemTransform': {'type': 'transform', 'dictionary': '%list%', 'itemTransform': {'type': "
     "'merge', 'params': ['%of%', '@str(%item%)']}}}",
     "{\"a\": [\"a1\",\"a2\"]}"},
    {"T619", "",
     "{'type': 'transform', 'keyTransform': '%item%', 'itemTransform': '%key%', 'dictionary': "
     "{'a': "
     "['1', '2'], 'b': []}}",
     "{\"1\": \"a\",\"2\": \"a\"}"},
    {"C1391 an empty one", "", "{'type': 'transform', 'dictionary': []}", "[]"},
    {"T858",
     FUN("index", "'list', 'x'",
         "{'type': 'process', 'initialValue': '@int(-1)', 'dictionary': '%list%', 'transform': "
         "'@if(@and(@equals(%value%, @int(-1)), @equals(%item%, %x%)), %key%, %value%)'}"),
     "{'type': 'index', 'list': ['a', 'b', 'c', 'b'], 'x': 'b'}", "1"},
    {"C1496 names of process", "",
     "{'type': 'process', 'dictionary': {'a': 'x', 'b': 'y'}, 'initialValue': '', 'keyName': 'k', "
     "'itemName': 'i', 'valueName': 'v', 'transform': '%v%%k%%i%'}",
     "\"axby\""},
    {"T1126", "", "{'type': 'foreach', 'from': ['a', 'b'], 'use': ['%item%1', '%key%']}",
     "[\"a1\",0,\"b1\",1]"},
    {"T1126", "", "{'type': 'foreach', 'from': ['a', 'b'], 'top': '@int(1)'}", "[\"a\"]"},
    {"T1126", "",
     "{'type': 'foreach', 'from': [1, 2, 3], 'where': '@less(@int(1), %item%)', 'use': "
     "{'@str(%item%)': '%key%'}}",
     "{\"2\": 1,\"3\": 2}"},
    {"T1126", "",
     "{'type': 'foreach', 'key': 'k', 'item': 'v', 'from': {'a': 'b', 'd': 'c'}, 'where': "
     "'@less(%v%, %k%)'}",
     "{\"d\": \"c\"}"},
    {"T1126", "",
     "[{'type': 'foreach', 'from': {}, 'use': [], 'noMatchResult': 'none'}, {'type': 'foreach', "
     "'from': {'a': 1}, 'use': [], 'noMatchResult': 'none'}, {'type': 'foreach', 'from': []}, "
     "{'type': 'foreach', 'from': {}}]",
     "[\"none\",[],[],{}]"},
    {"T1240", "", "{'vars': {'a': '%b%', 'b': 'x'}, 'k': '%a%'}", "{\"k\": \"x\"}"},
    {"T1253", "", "{'vars': {'a': '1'}, 'type': 'foreach', 'from': ['x'], 'use': ['%item%%a%']}",
     "[\"x1\"]"},
    {"T1283", "",
     "{'vars': {'a': 'x'}, 'k': {'vars': {'b': 'y', 'c': '%a%%b%'}, 'l': '%a%%b%%c%'}}",
     "{\"k\": {\"l\": \"xyxy\"}}"},
    {"T1305", "", "{'a': {'vars': {'v': 1}, 'r': '%v%'}, 'b': {'vars': {'v': 2}, 'r': '%v%'}}",
     "{\"a\": {\"r\": 1},\"b\": {\"r\": 2}}"},
    {"T1333", FUN("f", "'p'", "{'vars': {'p': 1}, 'r': '%p%'}"), "'@f(2)'", "{\"r\": 1}"},
    {"C1314 define", "", "{'type': 'define', 'vars': {'a': 'b'}, 'result': '%a%'}", "\"b\""},
};

static const struct expanding wrong[] = {
    {"E2", DEF("a", "'@a'"), "'@a'", "macros and values lie in each other"},
    {"E11", "'a': 'text'", "1", "\"a\" in \"macros\" is no definition"},
    {"E16", "'a': {'result': 1}", "1", "\"a\" in \"macros\" is no definition"},
    {"C2091", "'a': {'type': 'macroDef'}", "1", "the definition of \"a\" has no \"result\""},
    {"E23", "", "{'type': 'merge', 'params': [[], {}]}", "what @merge puts together is an object"},
    {"E29", "", "{'type': 'select', 'key': 'b', 'dictionary': {'a': 1}}", "@select finds no \"b\""},
    {"E43", "", "{'type': 'select', 'key': 2, 'dictionary': [1], 'default': '@fail(No key)'}",
     "@fail: No key"},
    {"E51", "", "{'type': 'select', 'key': [0], 'dictionary': [1]}",
     "the key of @select is a list"},
    {"E58", "", "{'type': 'transform', 'dictionary': [1]}", "\"itemTransform\" of a transform is "},
    {"E64", "",
     "{'type': 'transform', 'itemName': 'i', 'itemTransform': '%item%', 'dictionary': {'a': 1}}",
     "nothing is called \"item\""},
    {"E72", FUN("a", "{'name': 'a', 'default': 1}, 'b'", "1"), "1", "is optional, too"},
    {"E87", "", "'@double(1.a)'", "what @double gets is a string"},
    {"C600", "", "'@int(1 a)'", "what @int gets is a string"},
    {"E90", FUN("a", "'a', {'name': 'b', 'default': 1}", "1"), "'@a'",
     "takes 1 to 2 arguments, and is called with 0: write the missing ones"},
    {"E100", FUN("a", "'a'", "1"), "'@a(1,2)'",
     "is called with 2: write a backslash before a comma"},
    {"E110", FUN("a", "'a'", "1"), "'@a()b'", "a call ends with a bracket"},
    {"E120", "", "'@div(@int(5),@int(0))'", "this divides by 0"},
    {"E126", "", "{'type': 'less', 'A': {}, 'B': {}}", "what @less compares is an object"},
    {"E136", "", "{'type': 'set', 'dictionary': [1], 'key': 1, 'value': 3}", "finds no item 1"},
    {"E145", DEF("a", "'%item%'"),
     "{'type': 'transform', 'dictionary': [1], 'itemTransform': '@a'}",
     "nothing is called \"item\""},
    {"E158", FUN("a", "'p', 'p'", "1"), "'@a(1,2)'", "the name \"p\" stands twice here"},
    {"E175", FUN("a", "{'name': 'p', 'optional': false, 'default': 0}", "1"), "1",
     "take \"optional\": false out"},
    {"C1855", "", "'50%'", "a percent sign without a second one: write \\\\% for a percent sign"},
    {"C1871", CONST("n", "5"), "'a%n%'", "\"n\" is a whole number and stands inside a text"},
    {"C2007 no macro", "", "'@no(1)'", "there is no macro \"no\""},
    {"C1904", "", "'@str((a,b)'", "a bracket of this call is not closed"},
    {"C1916", "", "'@str(@select(a,b)x)'", "text follows a call inside a call"},
    {"C1926", "", "'@str(@bool(1)x, y)'", "takes 1 argument, and is called with 2"},
    {"C369", FUN("a", "'p'", "1"), "{'type': 'a'}", "is called without \"p\": add it"},
    {"C1984", "", "{'vars': [1]}", "\"vars\" is a list: it must be an object"},
    {"C2039", CONST("n", "5"), "{'%n%': 1}", "the name of a member is a whole number, expanded"},
    {"C281 a variable", "", "{'vars': {'a': '%b%', 'b': '%a%'}}", "needs itself"},
    {"C463 a constant", CONST("a", "'%b%'") "," CONST("b", "'%a%'"), "'%a%'", "needs itself"},
    {"C1125", "", "'@and(true, true)'", "write @bool(...)"},
    {"the host's", "", "'%hostid%'", "is known to a running mcrouter only: write its value"},
    {"not here", "", "'@shuffle(%default-route%)'",
     "the built-in macro \"shuffle\" is missing here: write the list in the order that you want"},
    {"not here", "", "{'type': 'weightedHash', 'dictionary': {}, 'key': 1}", "is missing here: "},
    {"not here", "", "'@isLocalIp(::1)'", "is missing here: write @bool(true) or @bool(false)"},
};

static void fill(char *to, size_t room, const struct expanding *e)
{
    int n = snprintf(to, room, "{\n'macros': {%s},\n'is': %s\n}", e->macros, e->value);
    assert_in_range(n, 1, room - 1);
    for (; *to; to++)
        if (*to == '\'') *to = '"';
}

static void check(const struct expanding *e)
{
    char text[2048], is[2048];
    fill(text, sizeof text, e);
    snprintf(is, sizeof is, "{\"is\": %s}", e->is);
    char *got = expanded(text, NULL);
    if (strcmp(got, is) != 0) fail_msg("%s: %s gives %s, not %s", e->source, e->value, got, is);
    free(got);
}

#define CHECK_ALL(table)                                                                           \
    for (size_t i = 0; i < sizeof(table) / sizeof *(table); i++) check(&(table)[i])

static void macros_and_constants_are_expanded(void **state)
{
    CHECK_ALL(calls);
}

static void built_in_macros_do_what_mcrouters_do(void **state)
{
    CHECK_ALL(built_in);
}

static void loops_and_variables_are_expanded(void **state)
{
    CHECK_ALL(loops);
}

static void what_cannot_be_expanded_is_refused_with_its_place(void **state)
{
    char text[2048];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fill(text, sizeof text, &wrong[i]);
        char *got = expanded(text, NULL);
        if (!strstr(got, wrong[i].is)) fail_msg("%s: %s gives %s", wrong[i].source, text, got);
        assert_true(got[11] == '2' || got[11] == '3'); /* the line behind etc/m.json: */
        free(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(macros_and_constants_are_expanded),
        cmocka_unit_test(built_in_macros_do_what_mcrouters_do),
        cmocka_unit_test(loops_and_variables_are_expanded),
        cmocka_unit_test(what_cannot_be_expanded_is_refused_with_its_place),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    forget();
    return failed;
}
