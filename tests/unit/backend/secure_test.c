/* secure: settings of TLS are equal when their contents are; how much of a turn handshakes take. */
#include "backend/backend.h"
#include "backend/secure.h"
#include "lib/certs.h"
#include "lib/stage.h"

#include <stdlib.h>
#include <string.h>

static struct {
    struct arena arena;
    struct backends set;
    struct board_worker *part;
} w;

static int begin(void **state)
{
    w.part = calloc(1, sizeof *w.part);
    assert_non_null(w.part);
    arena_init(&w.arena, 64 * 1024);
    backends_init(&w.set, NULL, &w.arena, w.part);
    return 0;
}

static int end(void **state)
{
    backends_release(&w.set);
    arena_release(&w.arena);
    free(w.part);
    return 0;
}

static struct tls_pem pem(const char *name, const char *text)
{
    return (struct tls_pem){name, {(const uint8_t *)text, strlen(text)}};
}

static uint32_t number_of(const struct secure_settings *s)
{
    char why[TLS_WHY] = "";
    uint32_t number = secure_get(&w.set, s, why);
    if (!number) fail_msg("%s", why);
    return number;
}

static struct secure_settings usual(void)
{
    static const struct cert *ca;
    if (!ca) ca = cert_ca("a CA");
    return (struct secure_settings){
        .tls = {.ca = pem("one.pem", cert_pem(ca)), .verify = TLS_VERIFY_REQUIRE}, .name = "a"};
}

static void equal_contents_have_one_number(void **state)
{
    struct secure_settings s = usual();
    uint32_t number = number_of(&s);
    s.tls.ca.name = "two.pem"; /* a name is no content */
    assert_int_equal(number_of(&s), number);
}

static void each_part_makes_another_number(void **state)
{
    const struct cert *own = cert_ca("own");
    struct secure_settings all[8];
    for (int i = 0; i < 8; i++) all[i] = usual();
    all[1].tls.ca = pem("one.pem", cert_pem(own));
    all[2].tls.verify = TLS_VERIFY_NONE;
    all[3].tls.min = TLS_1_3;
    all[4].tls.ciphers = "ECDHE+AESGCM";
    all[5].name = "b";
    all[6].name = NULL;
    all[7].tls.cert = pem("own.pem", cert_pem(own));
    all[7].tls.key = pem("own.key", cert_key_pem(own));
    for (uint32_t i = 0; i < 8; i++) assert_int_equal(number_of(&all[i]), i + 1);
    for (uint32_t i = 0; i < 8; i++) assert_int_equal(number_of(&all[i]), i + 1);
}

static void a_place_is_free_when_nobody_has_it(void **state)
{
    struct secure_settings s = usual(), other = usual();
    other.name = "b";
    uint32_t number = number_of(&s);
    secure_take(&w.set, number);
    secure_give(&w.set, number);
    assert_int_equal(number_of(&other), number + 1);
    secure_give(&w.set, number);
    assert_int_equal(number_of(&other),
                     number + 1); /* it is found, though a place before is free */
    other.name = "c";
    assert_int_equal(number_of(&other), number);
    secure_take(&w.set, 0); /* plain */
    secure_give(&w.set, 0);
}

static void what_is_damaged_has_no_number(void **state)
{
    struct secure_settings s = usual();
    char why[TLS_WHY] = "";
    s.tls.ca = pem("ca.pem", "-----BEGIN CERTIFICATE-----\n");
    assert_int_equal(secure_get(&w.set, &s, why), 0);
    assert_int_equal(strncmp(why, "ca.pem: ", 8), 0);
    s.tls.ca.bytes.len = 0;
    s.tls.ciphers = "no such cipher";
    assert_int_equal(secure_get(&w.set, &s, why), 0);
}

static void a_socket_has_no_name_to_verify(void **state)
{
    struct secure_settings s = usual();
    struct addr_spec unix_socket, host;
    assert_null(addr_spec_parse(&unix_socket, "unix:/run/a", 11));
    assert_null(addr_spec_parse(&host, "h:1", 3));
    assert_null(secure_refuses(&w.set, number_of(&s), &unix_socket));
    s.name = NULL;
    assert_non_null(secure_refuses(&w.set, number_of(&s), &unix_socket));
    assert_null(secure_refuses(&w.set, number_of(&s), &host));
    assert_null(secure_refuses(&w.set, 0, &unix_socket));
    s.tls.verify = TLS_VERIFY_NONE;
    assert_null(secure_refuses(&w.set, number_of(&s), &unix_socket));
}

static void people_see_what_is_verified(void **state)
{
    struct secure_settings s = usual();
    assert_string_equal(secure_show(&w.set, 0), "no");
    assert_string_equal(secure_show(&w.set, number_of(&s)), "verified by ca");
    s.tls.ca.bytes.len = 0;
    assert_string_equal(secure_show(&w.set, number_of(&s)), "verified by the system's CAs");
    s.tls.verify = TLS_VERIFY_NONE;
    assert_string_equal(secure_show(&w.set, number_of(&s)), "not verified");
}

static void handshakes_take_a_part_of_a_turn(void **state)
{
    w.set.now = w.set.shaken_at = 5;
    w.set.shaken = 0.0019;
    assert_false(secure_must_wait(&w.set));
    w.set.shaken = 0.0021;
    assert_true(secure_must_wait(&w.set));
    w.set.now = 6;
    assert_false(secure_must_wait(&w.set));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_contents_have_one_number, begin, end),
        cmocka_unit_test_setup_teardown(each_part_makes_another_number, begin, end),
        cmocka_unit_test_setup_teardown(a_place_is_free_when_nobody_has_it, begin, end),
        cmocka_unit_test_setup_teardown(what_is_damaged_has_no_number, begin, end),
        cmocka_unit_test_setup_teardown(a_socket_has_no_name_to_verify, begin, end),
        cmocka_unit_test_setup_teardown(people_see_what_is_verified, begin, end),
        cmocka_unit_test_setup_teardown(handshakes_take_a_part_of_a_turn, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
