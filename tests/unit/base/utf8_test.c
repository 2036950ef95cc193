/* utf8: what is a character, and bytes shown to people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/utf8.h"
#include <cmocka.h>
#include <string.h>

static const struct {
    const char *bytes;
    size_t n, length;
} characters[] = {
    {"a", 1, 1},
    {"\x7f", 1, 1},
    {"\x80", 1, 0},
    {"\xc1\xbf", 2, 0}, /* longer than needed */
    {"\xc2\x80", 2, 2},
    {"\xc2", 1, 0},
    {"\xc2\x41", 2, 0},
    {"\xe0\x9f\xbf", 3, 0},
    {"\xe0\xa0\x80", 3, 3},
    {"\xed\x9f\xbf", 3, 3},
    {"\xed\xa0\x80", 3, 0}, /* a surrogate */
    {"\xe2\x82", 2, 0},
    {"\xf0\x8f\xbf\xbf", 4, 0},
    {"\xf0\x90\x80\x80", 4, 4},
    {"\xf4\x8f\xbf\xbf", 4, 4},
    {"\xf4\x90\x80\x80", 4, 0}, /* beyond the last */
    {"\xf5\x80\x80\x80", 4, 0},
};

static void only_well_formed_characters_count(void **state)
{
    for (size_t i = 0; i < sizeof characters / sizeof *characters; i++)
        assert_int_equal(utf8_length((const unsigned char *)characters[i].bytes, characters[i].n),
                         characters[i].length);
}

static void what_a_terminal_obeys_is_shown_as_bytes(void **state)
{
    char text[64];
    assert_int_equal(utf8_show(text, sizeof text, "a\n\x1b[\x00z", 6), 15);
    assert_string_equal(text, "a\\x0a\\x1b[\\x00z");
    utf8_show(text, sizeof text, "\xc2\x9b\xc3\xa9\xff\x7f", 6);
    assert_string_equal(text, "\\xc2\\x9b\xc3\xa9\\xff\\x7f");
    utf8_show(text, sizeof text, "\xe2\x80\xae|\xe2\x81\xa6|\xd8\x9c", 10);
    assert_string_equal(text, "\\xe2\\x80\\xae|\\xe2\\x81\\xa6|\\xd8\\x9c");
    static const char seen[] =
        "\xe2\x80\x90\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xd8\x9b\xe2\x82\xac";
    utf8_show(text, sizeof text, seen, sizeof seen - 1);
    assert_string_equal(text, seen);
}

static void what_does_not_fit_is_left_out_whole(void **state)
{
    char text[8];
    memset(text, 'z', sizeof text);
    assert_int_equal(utf8_show(text, 5, "ab\ncd", 5), 2);
    assert_string_equal(text, "ab");
    assert_int_equal(utf8_show(text, 4, "ab\xc3\xa9", 4), 2);
    assert_int_equal(utf8_show(text, 5, "ab\xc3\xa9", 4), 4);
    assert_int_equal(utf8_show(text, 1, "ab", 2), 0);
    assert_string_equal(text, "");
    assert_int_equal(text[5], 'z');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_well_formed_characters_count),
        cmocka_unit_test(what_a_terminal_obeys_is_shown_as_bytes),
        cmocka_unit_test(what_does_not_fit_is_left_out_whole),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
