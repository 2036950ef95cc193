/* json: objects that every parser takes, whatever bytes are put into them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *text;
static size_t text_len;

static void begin(struct json *j)
{
    FILE *out = open_memstream(&text, &text_len);
    assert_non_null(out);
    json_begin(j, out);
}

static void becomes(struct json *j, const char *expected)
{
    json_end(j);
    fclose(j->out);
    assert_string_equal(text, expected);
    free(text);
}

static void members_are_separated_by_commas(void **state)
{
    struct json j;
    begin(&j);
    becomes(&j, "{}\n");
    begin(&j);
    json_text(&j, "a", "x");
    json_number(&j, "b", UINT64_MAX);
    json_fraction(&j, "c", 0.25);
    json_fraction(&j, "d", 0.0 / 0.0);
    json_fraction(&j, "e", INFINITY);
    becomes(&j, "{\"a\":\"x\",\"b\":18446744073709551615,\"c\":0.25,\"d\":null,\"e\":null}\n");
}

/* A server's name is one. */
static void names_are_texts(void **state)
{
    struct json j;
    begin(&j);
    json_object(&j, "a\"b\\c");
    json_number(&j, "\n", 1);
    json_object_end(&j);
    json_number(&j, "\xff", 2);
    becomes(&j, "{\"a\\\"b\\\\c\":{\"\\n\":1},\"\\ufffd\":2}\n");
}

static void lists_hold_texts(void **state)
{
    struct json j;
    begin(&j);
    json_list(&j, "none");
    json_list_end(&j);
    json_list(&j, "two");
    json_text(&j, NULL, "a");
    json_bytes(&j, NULL, "\xff", 1);
    json_list_end(&j);
    json_text(&j, "last", "");
    becomes(&j, "{\"none\":[],\"two\":[\"a\",\"\\ufffd\"],\"last\":\"\"}\n");
}

static void lists_and_objects_nest(void **state)
{
    struct json j;
    begin(&j);
    json_list(&j, "servers");
    for (int i = 0; i < 2; i++) {
        json_object(&j, NULL);
        json_flag(&j, "down", i);
        json_object(&j, "of");
        json_object_end(&j);
        json_list(&j, "no");
        json_list(&j, NULL);
        json_list_end(&j);
        json_null(&j, NULL);
        json_number(&j, NULL, 7);
        json_list_end(&j);
        json_object_end(&j);
    }
    json_list_end(&j);
    json_null(&j, "last");
    becomes(&j, "{\"servers\":[{\"down\":false,\"of\":{},\"no\":[[],null,7]},"
                "{\"down\":true,\"of\":{},\"no\":[[],null,7]}],\"last\":null}\n");
}

/* bytes, how many, what is printed */
static const struct {
    const char *bytes;
    size_t len;
    const char *expected;
} strings[] = {
    {"plain", 5, "\"plain\""},
    {"\"\\/", 3, "\"\\\"\\\\/\""},
    {"a\0b", 3, "\"a\\u0000b\""},
    {"\n\r\t\x1f\x7f", 5, "\"\\n\\r\\t\\u001f\\u007f\""},
    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
    {"\xc2\x9b\xe2\x80\xae\xe2\x81\xa9", 8, "\"\\u009b\\u202e\\u2069\""},
    {"\xff", 1, "\"\\ufffd\",\"k_base64\":\"/w==\""},
    {"a\xc3", 2, "\"a\\ufffd\",\"k_base64\":\"YcM=\""},
    {"\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\",\"k_base64\":\"7aCA\""}, /* a surrogate */
    {"\xc0\x80", 2, "\"\\ufffd\\ufffd\",\"k_base64\":\"wIA=\""},            /* too long for NUL */
};

static void strings_are_escaped(void **state)
{
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        struct json j;
        char expected[160];
        begin(&j);
        json_bytes(&j, "k", strings[i].bytes, strings[i].len);
        snprintf(expected, sizeof expected, "{\"k\":%s}\n", strings[i].expected);
        becomes(&j, expected);
    }
}

/* Only the last group is padded. */
static void long_bytes_stay_exact_in_base64(void **state)
{
    char bytes[100], expected[512];
    struct json j;
    memset(bytes, 'a', sizeof bytes); /* aaa is YWFh */
    bytes[0] = '\xff';
    begin(&j);
    json_bytes(&j, "k", bytes, sizeof bytes);
    char *p = expected + sprintf(expected, "{\"k\":\"\\ufffd");
    for (int i = 1; i < 100; i++) *p++ = 'a';
    p = stpcpy(p, "\",\"k_base64\":\"/2Fh");
    for (int i = 1; i < 33; i++) p = stpcpy(p, "YWFh");
    stpcpy(p, "YQ==\"}\n");
    becomes(&j, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_texts),     cmocka_unit_test(members_are_separated_by_commas),
        cmocka_unit_test(lists_hold_texts),    cmocka_unit_test(lists_and_objects_nest),
        cmocka_unit_test(strings_are_escaped), cmocka_unit_test(long_bytes_stay_exact_in_base64),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
