/* JSON as mcrouter reads it, with the place of each value; what is wrong is refused with its place. The cases are what folly's reader does
 * (folly/json/json.cpp, 2026-08: parseValue, parseObject, parseArray, parseNumber, parseString, stripComments). */
#include "unit/convert/configuration.h"

struct reading {
    const char *text, *is;
};

static const struct reading good[] = {
    {"{}", "{}"},
    {" \t\r\n{ } \n", "{}"},
    {"{\"b\": 1, \"a\": [true, false, null]}", "{\"a\": [true,false,null],\"b\": 1}"},
    {"{\"a\": [1, 2,], \"b\": {\"c\": 1,},}", "{\"a\": [1,2],\"b\": {\"c\": 1}}"},
    {"// \"{\n{/* } */\"a\"/**/:/***/1/* * / */,//\"\n\"b\":2}//", "{\"a\": 1,\"b\": 2}"},
    {"{\"a\": \"// no /* comment */\"}", "{\"a\": \"// no /* comment */\"}"},
    {"{\"a\": \"\\\"//\"}", "{\"a\": \"\\\"//\"}"},
    {"{\"a\": 1} /* without an end", "{\"a\": 1}"},
    {"{\"a\": -0, \"b\": 9223372036854775807, \"c\": -9223372036854775808}",
     "{\"a\": 0,\"b\": 9223372036854775807,\"c\": -9223372036854775808}"},
    {"{\"a\": 0.5, \"b\": 1e3, \"c\": -2.0}", "{\"a\": 0.5,\"b\": 1e+03,\"c\": -2.0}"},
    {"{\"a\": \"\\u00e9\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\"}",
     "{\"a\": \"\xc3\xa9\xf0\x9f\x98\x80/\\u0008\\u000c\\n\\r\\t\"}"},
    {"{\"a\": \"two\nlines\"}", "{\"a\": \"two\\nlines\"}"},
    {"{\"a\": 1, \"b\": 2, \"a\": 3}", "{\"a\": 3,\"b\": 2}"},
    {"{\"\": \"\"}", "{\"\": \"\"}"},
};

static const struct reading bad[] = {
    {"", "etc/m.json:1: a value belongs here, but the text ends here (column 1)"},
    {"\n\n  ", "etc/m.json:3: a value belongs here"},
    {"[1]", "etc/m.json:1: the configuration is a list: it must be an object"},
    {"\xef\xbb\xbf{}", "etc/m.json:1: the file begins with a byte order mark: save it without one"},
    {"{\"a\": 1\n\"b\": 2}", "etc/m.json:2: an object goes on with a comma or ends with }, but "
                             "`\"b\":` is here (column 1)"},
    {"{\n\"a\": [1 2]}", "etc/m.json:2: a list goes on with a comma or ends with ], but `2]}` is"},
    {"{\"a\": [,]}", "a value belongs here: text in double quotes"},
    {"{,}", "a member begins with its name in double quotes, but `,}` is here (column 2)"},
    {"{\"a\": 1,,}", "a member begins with its name"},
    {"{a: 1}", "a member begins with its name in double quotes, but `a:` is here"},
    {"{\"a\" 1}", "a colon follows the name of a member, but `1}` is here (column 6)"},
    {"{\"a\": }", "a value belongs here"},
    {"{\"a\": 'x'}", "a value belongs here"},
    {"{\"a\": True}", "a value belongs here"},
    {"{\"a\": NaN}", "a value belongs here"},
    {"{\"a\": 010}", "`010` is no number: write it as 10, -1 or 0.5, or in quotes (column 7)"},
    {"{\"a\": 1e}", "`1e` is no number"},
    {"{\"a\": -}", "`-` is no number"},
    {"{\"a\": 1-2}", "`1-2` is no number"},
    {"{\"a\": 9223372036854775808}", "9223372036854775808 is too large for 64 bits"},
    {"{\"a\": -9223372036854775809}", "-9223372036854775809 is too large for 64 bits"},
    {"{\"a\": 1e999}", "1e999 is too large for a number"},
    {"{\"a\": \"x}\n\n", "etc/m.json:1: this string has no end: close it with \" (column 7)"},
    {"{\"a\": \"\\x\"}", "this string has an escape that JSON does not know: write a backslash as"},
    {"{\"a\": \"\\u12\"}", "this string has an escape"},
    {"{\"a\": \"\\ud800\"}", "this string has an escape"},
    {"{\"a\": \"\\udc00\\ud800\"}", "this string has an escape"},
    {"{\"a\": \"\\ud800x\\udc00\"}", "this string has an escape"},
    {"{} {}",
     "the configuration ended before this: take the rest out, but `{}` is here (column 4)"},
    {"{}]", "the configuration ended before this"},
    {"{\"a\": \x01}", "but the byte 0x01 is here"},
};

static void json_with_comments_and_trailing_commas_is_read(void **state)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char *is = expanded(good[i].text, NULL);
        assert_string_equal(is, good[i].is);
        free(is);
    }
}

static void what_is_no_json_is_refused_with_its_place(void **state)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *is = expanded(bad[i].text, NULL);
        if (!strstr(is, bad[i].is)) fail_msg("%s: %s", bad[i].text, is);
        free(is);
    }
    assert_null(read_bytes("{\"a\": \"\0\"}", 10, NULL));
    assert_non_null(strstr(output.error, "a string cannot hold a zero byte"));
}

static void each_value_and_each_name_has_its_place(void **state)
{
    static const char text[] = "{ // one\n  \"a\": /*\n*/ [1,\n    {\"b\":\n\"c\"}]\n}";
    const struct tree_node *root = read_bytes(text, sizeof text - 1, NULL);
    assert_non_null(root);
    const struct tree_member *a = tree_member(root, "a");
    assert_non_null(a);
    assert_int_equal(root->place.line, 1);
    assert_int_equal(root->place.column, 1);
    assert_int_equal(a->place.line, 2);
    assert_int_equal(a->place.column, 3);
    assert_int_equal(a->value->place.line, 3);
    assert_int_equal(a->value->place.column, 4);
    assert_int_equal(a->value->items[0]->place.line, 3);
    assert_int_equal(a->value->items[1]->place.line, 4);
    const struct tree_node *c = tree_get(a->value->items[1], "b");
    assert_true(tree_says(c, "c"));
    assert_int_equal(c->place.line, 5);
    assert_int_equal(c->place.column, 1);
    assert_string_equal(c->place.path, "etc/m.json");
    assert_null(tree_get(root, "b"));
    assert_null(tree_get(c, "b"));
    assert_null(tree_get(NULL, "b"));
    assert_false(tree_says(root, "c"));
    assert_false(tree_says(NULL, "c"));
    assert_int_equal(root->weight, 5);
    assert_int_equal(root->depth, 4);
}

static void a_name_that_stands_twice_and_a_comment_without_an_end_are_noted(void **state)
{
    free(expanded("{\"a\": 1,\n\"b\": {\"a\": 1},\n\"a\": 2}", NULL));
    assert_string_equal(noted,
                        "etc/m.json:3: \"a\" stands twice in one object, first in line 1: the "
                        "last one counts\n");
    free(expanded("{\n}\n/* open", NULL));
    assert_string_equal(noted, "etc/m.json:3: this comment has no end: close it with */\n");
    free(expanded("{\"a\": 1, /* closed */ }", NULL));
    assert_string_equal(noted, "");
}

/* 100 in each other, as mcrouter allows (folly's recursion_limit), and one more. */
static void nesting_is_bounded(void **state)
{
    char text[512];
    for (unsigned deep = 100; deep <= 101; deep++) {
        strcpy(text, "{\"a\": ");
        for (unsigned i = 1; i < deep; i++) strcat(text, "[");
        for (unsigned i = 1; i < deep; i++) strcat(text, "]");
        strcat(text, "}");
        assert_int_equal(read_bytes(text, strlen(text), NULL) != NULL, deep == 100);
    }
    assert_non_null(strstr(output.error, "more than 100 lists and objects lie in each other"));
}

static void a_text_of_more_than_16_mib_is_refused(void **state)
{
    size_t len = 16 * 1024 * 1024 + 1;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, ' ', len);
    text[0] = '{';
    text[1] = '}';
    assert_non_null(read_bytes(text, len - 1, NULL));
    assert_null(read_bytes(text, len, NULL));
    assert_string_equal(output.error,
                        "etc/m.json: the file is larger than 16 MiB: make it smaller");
    free(text);
}

/* A whole one of everything that there is. */
static const char whole[] =
    "{ // all\n\"macros\": {\"m\": {\"type\": \"macroDef\", \"params\": [\"p\", {\"name\": \"q\", "
    "\"default\": 1}], \"result\": {\"x\": \"%p%\", \"%p%\": [\"@size(%q%)\", 1.5e0]}}, \"c\": "
    "{\"type\": \"constDef\", \"result\": \"\\\\@\\u00e9\"}},\n\"vars\": {\"v\": \"@size(%c%)\"}, "
    "/**/\"a\": \"@m(%c%,@if(@bool(true), @range(@int(1),%v%), b))\", \"b\": {\"type\": "
    "\"foreach\", "
    "\"from\": {\"k\": -1, \"l\": null}, \"where\": \"@isInt(%item%)\", \"use\": [\"%key%\"]},\n}";

static void everything_at_once_is_read(void **state)
{
    char *is = expanded(whole, NULL);
    assert_string_equal(is,
                        "{\"a\": {\"@\xc3\xa9\": [3,1.5],\"x\": \"@\xc3\xa9\"},\"b\": [\"k\"]}");
    free(is);
}

static void what_is_cut_or_changed_at_any_byte_gives_a_place_or_a_value(void **state)
{
    static const char *const others[] = {"\"", "{",  "}", "[", "]",  ",", ":", "@", "%", "(",
                                         ")",  "\\", "1", "-", "\n", "/", "*", "",  "t", "\xff"};
    char text[sizeof whole + 2];
    size_t len = sizeof whole - 1, refused = 0;
    for (size_t cut = 0; cut < len; cut++) {
        assert_null(read_bytes(whole, cut, NULL)); /* read_bytes checks the place */
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            size_t n = strlen(others[i]);
            memcpy(text, whole, cut);
            memcpy(text + cut, others[i], n);
            memcpy(text + cut + n, whole + cut + 1, len - cut - 1);
            refused += !read_bytes(text, len - 1 + n, NULL);
        }
    }
    assert_in_range(refused, len, len * (sizeof others / sizeof *others) - len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_with_comments_and_trailing_commas_is_read),
        cmocka_unit_test(what_is_no_json_is_refused_with_its_place),
        cmocka_unit_test(each_value_and_each_name_has_its_place),
        cmocka_unit_test(a_name_that_stands_twice_and_a_comment_without_an_end_are_noted),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_text_of_more_than_16_mib_is_refused),
        cmocka_unit_test(everything_at_once_is_read),
        cmocka_unit_test(what_is_cut_or_changed_at_any_byte_gives_a_place_or_a_value),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    forget();
    return failed;
}
