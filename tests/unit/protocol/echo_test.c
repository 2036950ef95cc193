/* echo: keys with spaces and line ends in them, which a server is not asked to repeat, put into its answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/echo.h"
#include "protocol/flags.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct request meta_request(const char *key, const char *flags)
{
    struct request r = {
        .command_id = COMMAND_META_GET, .key_at = (uintptr_t)key, .key_len = (uint16_t)strlen(key)};
    assert_null(request_take_flags(&r, (const uint8_t *)flags, strlen(flags), 2));
    return r;
}

static bool hides(const char *key, const char *flags)
{
    struct request r = meta_request(key, flags);
    return request_hides_key(&r);
}

static void only_base64_keys_that_break_lines_are_hidden(void **state)
{
    assert_true(hides("a b", "v b k"));
    assert_true(hides("a\r\n", "k b"));
    assert_true(hides("\n", "b k"));
    assert_false(hides("a b", "v b"));
    assert_false(hides("ab", "v b k"));
    assert_false(hides("\x01\x7f\xff", "v b k"));
    assert_false(hides("ab", "v k"));
}

/* The request's flags, the server's answer, what the client must see; the key is "a b", YSBi. */
static const char *const answers[][3] = {
    {"b k", "HD", "HD kYSBi b"},
    {"b k", "EN", "EN kYSBi b"},
    {"v b k", "VA 1\r\nx", "VA 1 kYSBi b\r\nx"},
    {"v b k", "VA 1 W\r\nx", "VA 1 kYSBi b W\r\nx"},
    {"O7 b k", "EN O7", "EN O7 kYSBi b"},
    {"k b O7", "EN O7", "EN kYSBi b O7"},
    {"v s b k O1 f", "VA 2 s2 O1 f0\r\nab", "VA 2 s2 kYSBi b O1 f0\r\nab"},
    {"v s t k b f", "VA 2 s2 t-1 f0\r\nab", "VA 2 s2 t-1 kYSBi b f0\r\nab"},
    {"c t k b", "HD t30", "HD t30 kYSBi b"}, /* c was left out */
    {"c k b", "HD c5", "HD c5 kYSBi b"},
    {"c k b", "NF", "NF kYSBi b"},
    {"N30 O1 b k v", "VA 0 O1 W\r\n", "VA 0 O1 kYSBi b W\r\n"},
};

static void the_key_goes_where_it_was_asked_for(void **state)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct request r = meta_request("a b", answers[i][0]);
        struct response response;
        uint8_t letters[ECHO_LETTERS_MAX], to[256];
        char line[128], wanted[128];
        int len = snprintf(line, sizeof line, "%s\r\n", answers[i][1]);
        snprintf(wanted, sizeof wanted, "%s\r\n", answers[i][2]);
        assert_int_equal(response_parse((uint8_t *)line, (size_t)len, 100, &response),
                         RESPONSE_DONE);
        size_t n = echo_letters(&r, letters);
        assert_true(echo_room(&response, 4) <= sizeof to);
        echo_insert(&response, letters, n, (const uint8_t *)"YSBi", 4, to);
        if (response.len != strlen(wanted) || memcmp(to, wanted, response.len) != 0)
            fail_msg("%s: %.*s", answers[i][0], (int)response.len, to);
        /* It reads as if the server had said it. */
        struct response again;
        assert_int_equal(response_parse(to, response.len, 100, &again), RESPONSE_DONE);
        assert_ptr_equal(again.key, response.key);
        assert_int_equal(again.key_len, response.key_len);
        assert_ptr_equal(again.opaque, response.opaque);
    }
}

static const char raw[] = "a \r\nb";

static enum response_status parse_debug(const char *text, size_t len, struct response *r)
{
    return echo_parse_debug((const uint8_t *)text, len, (const uint8_t *)raw, sizeof raw - 1, r);
}

static void an_answer_to_me_with_the_raw_key_is_read_by_its_length(void **state)
{
    static const char text[] = "ME a \r\nb exp=-1 la=0 cas=1\r\nmore";
    static const char shown[] = "ME YSANCmI= exp=-1 la=0 cas=1\r\n";
    size_t whole = strlen(text) - strlen("more");
    struct response r;
    uint8_t to[128];
    for (size_t len = 1; len < whole; len++)
        assert_int_equal(parse_debug(text, len, &r), RESPONSE_AGAIN);
    assert_int_equal(parse_debug(text, sizeof text - 1, &r), RESPONSE_DONE);
    assert_int_equal(r.len, whole);
    assert_int_equal(r.key_len, sizeof raw - 1);
    echo_replace_debug(&r, (const uint8_t *)"YSANCmI=", 8, to);
    assert_int_equal(r.len, sizeof shown - 1);
    assert_memory_equal(to, shown, sizeof shown - 1);
    assert_memory_equal(r.key, "YSANCmI=", 8);
}

static void other_answers_to_me_are_read_as_ever(void **state)
{
    struct response r;
    assert_int_equal(parse_debug("EN\r\n", 4, &r), RESPONSE_DONE);
    assert_int_equal(r.kind, RESPONSE_EN);
    assert_int_equal(parse_debug("ME YSANCmI= exp=-1\r\n", 20, &r), RESPONSE_DONE);
    assert_int_equal(r.key_len, 8);
    assert_int_equal(parse_debug("ME a \r\nc exp=-1\r\n", 17, &r), RESPONSE_DONE); /* another key */
    assert_int_equal(r.len, 7);
    assert_int_equal(parse_debug("ME a \r\nbexp=-1\r\n", 16, &r), RESPONSE_INVALID);
    assert_int_equal(parse_debug("ME a \r\nb exp=-1\n", 16, &r), RESPONSE_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_base64_keys_that_break_lines_are_hidden),
        cmocka_unit_test(the_key_goes_where_it_was_asked_for),
        cmocka_unit_test(an_answer_to_me_with_the_raw_key_is_read_by_its_length),
        cmocka_unit_test(other_answers_to_me_are_read_as_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
