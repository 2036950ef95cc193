/* The request parser: lines without an end, and the bytes of a key. */
#include "unit/protocol/request_sweep.h"

/* --- lines without an end ---------------------------------------------------------------------- */

/* A line of `n` bytes without an end: `before` spaces, `head`, and then `fill`. */
static enum request_status status_of_endless(unsigned before, const char *head, char fill, size_t n)
{
    struct request r;
    char *line = malloc(n);
    size_t head_len = strlen(head);
    memset(line, ' ', before);
    memcpy(line + before, head, head_len);
    memset(line + before + head_len, fill, n - before - head_len);
    struct request_parse p = request_parse((const uint8_t *)line, n, &RULES, &r);
    assert_true(p.status == REQUEST_AGAIN || p.status == REQUEST_CLOSE);
    if (n > RETRIEVE_LINE_MAX && head[0] == 'g')
        assert_string_equal(p.error, "CLIENT_ERROR line too long\r\n");
    else
        assert_null(p.error);
    free(line);
    return p.status;
}

/* Its first byte says all: there may never come an end of a line. */
static void a_client_of_the_binary_protocol_is_closed(void **state)
{
    struct request r;
    const uint8_t version[] = {0x80, 0x0b};
    assert_int_equal(request_parse(version, 1, &RULES, &r).status, REQUEST_CLOSE);
    assert_int_equal(request_parse(version, 2, &RULES, &r).status, REQUEST_CLOSE);
}

static void a_line_longer_than_2048_bytes_closes_but_for_get_and_gets(void **state)
{
    static const char *const short_ones[] = {"",       "set ", "gat 0 k", "get\t",
                                             "gets\t", "getk", "get\1",   "foo "};
    for (size_t i = 0; i < COUNT(short_ones); i++) {
        assert_int_equal(status_of_endless(0, short_ones[i], 'x', LINE_MAX_BYTES), REQUEST_AGAIN);
        assert_int_equal(status_of_endless(0, short_ones[i], 'x', LINE_MAX_BYTES + 1),
                         REQUEST_CLOSE);
    }
    assert_int_equal(status_of_endless(0, "", ' ', LINE_MAX_BYTES), REQUEST_AGAIN);
    assert_int_equal(status_of_endless(0, "", ' ', LINE_MAX_BYTES + 1), REQUEST_CLOSE);
    assert_int_equal(status_of_endless(0, "", ' ', 70000), REQUEST_CLOSE);
    assert_int_equal(status_of_endless(0, "get ", ' ', LINE_MAX_BYTES + 1), REQUEST_AGAIN);
    assert_int_equal(status_of_endless(0, "gets ", 'x', LINE_MAX_BYTES + 1), REQUEST_AGAIN);
    assert_int_equal(status_of_endless(100, "get ", 'x', LINE_MAX_BYTES + 1), REQUEST_AGAIN);
    assert_int_equal(status_of_endless(101, "get ", 'x', LINE_MAX_BYTES + 1), REQUEST_CLOSE);
    assert_int_equal(status_of_endless(0, "get ", 'x', RETRIEVE_LINE_MAX), REQUEST_AGAIN);
    assert_int_equal(status_of_endless(0, "gets ", 'x', RETRIEVE_LINE_MAX + 1), REQUEST_CLOSE);
}

static void many_spaces_before_a_key_are_skipped(void **state)
{
    char line[4096];
    for (int spaces = 1; spaces < 4000; spaces += 37) {
        struct request r;
        int len = sprintf(line, "get%*sk1 k2\r\n", spaces, "");
        struct request_parse p = request_parse((const uint8_t *)line, (size_t)len, &RULES, &r);
        assert_int_equal(p.status, REQUEST_KEYS);
        assert_int_equal(p.keys, 2);
    }
}

/* --- keys -------------------------------------------------------------------------------------- */

static void a_key_is_1_to_250_bytes_without_nul_space_and_line_ends(void **state)
{
    for (int strict = 0; strict < 2; strict++) {
        assert_false(request_key_is_valid((const uint8_t *)"", 0, strict));
        assert_true(request_key_is_valid((const uint8_t *)K250, 250, strict));
        assert_false(request_key_is_valid((const uint8_t *)K251, 251, strict));
        for (unsigned c = 0; c < 256; c++) {
            uint8_t key[3] = {'a', (uint8_t)c, 'b'};
            bool good = strict ? c > 0x20 && c != 0x7f : c && c != ' ' && c != '\r' && c != '\n';
            assert_int_equal(request_key_is_valid(key, 3, strict), good);
        }
    }
}

static void every_byte_is_judged_alike_in_all_commands(void **state)
{
    static const char *const around[][2] = {
        {"get ", ""},           {"gats 0 ", ""}, {"get a ", " b"},
        {"set ", " 0 0 0\r\n"}, {"delete ", ""}, {"incr ", " 1"},
        {"touch ", " 0"},       {"mg ", " v"},   {"ms ", " 0\r\n"}};
    for (unsigned i = 0; i < 2 * 256 * COUNT(around); i++) {
        bool strict = i >= 256 * COUNT(around);
        const char *const *text = around[i / 256 % COUNT(around)];
        char key[] = {'a', (char)(i % 256), 'b', 0}, line[64];
        if (key[1] == 0 || key[1] == ' ' || key[1] == '\n') continue;
        struct request r;
        int len = snprintf(line, sizeof line, "%s%s%s\r\n", text[0], key, text[1]);
        struct request_parse p =
            request_parse((const uint8_t *)line, (size_t)len, strict ? &STRICT : &RULES, &r);
        bool good = p.status == REQUEST_OK || p.status == REQUEST_KEYS;
        assert_int_equal(good, request_key_is_valid((const uint8_t *)key, 3, strict));
        if (!good) assert_string_equal(p.error, FORMAT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_of_the_binary_protocol_is_closed),
        cmocka_unit_test(a_line_longer_than_2048_bytes_closes_but_for_get_and_gets),
        cmocka_unit_test(many_spaces_before_a_key_are_skipped),
        cmocka_unit_test(a_key_is_1_to_250_bytes_without_nul_space_and_line_ends),
        cmocka_unit_test(every_byte_is_judged_alike_in_all_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
