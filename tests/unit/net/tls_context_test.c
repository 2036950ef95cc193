/* tls_context: what a context is made from, and the sentence that names what is wrong with it; and where records end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "net/tls_record.h"
#include "unit/net/tls_ends.h"

/* Text behind each other; lives as long as the program. */
static const char *both(const char *one, const char *two)
{
    static char texts[8][20000];
    static int n;
    assert_true(n < 8);
    snprintf(texts[n], sizeof texts[n], "%s%s", one, two);
    return texts[n++];
}

static void refuses(const struct tls_settings *settings, bool is_server, const char *why)
{
    char said[TLS_WHY] = "";
    struct tls_context *context =
        is_server ? tls_context_server(settings, said) : tls_context_client(settings, said);
    assert_null(context);
    if (!strstr(said, why)) fail_msg("\"%s\", not \"%s\"", said, why);
}

static void wrong_files_are_named_with_what_is_wrong(void **state)
{
    const struct cert *other = cert_signed(ca, "other", NULL);
    const char *cert = cert_pem(server), *key = cert_key_pem(server);
    const char *broken =
        "-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
    const struct {
        const char *cert, *key, *ca, *why;
    } cases[] = {
        {"no PEM\n", key, NULL,
         "c.pem: there is no certificate in it (in PEM form, -----BEGIN CERTIFICATE-----)"},
        {key, key, NULL, "c.pem: there is no certificate in it"},
        {broken, key, NULL, "c.pem: certificate 1 in it cannot be read: "},
        {both(cert, broken), key, NULL, "c.pem: certificate 2 in it cannot be read: "},
        {cert, "no PEM\n", NULL,
         "k.pem: there is no private key in it (in PEM form, -----BEGIN PRIVATE KEY-----)"},
        {cert, cert, NULL, "k.pem: there is no private key in it"},
        {cert, NULL, NULL, "c.pem: there is no private key in it"},
        {cert, "-----BEGIN PRIVATE KEY-----\nbm8ga2V5\n-----END PRIVATE KEY-----\n", NULL,
         "k.pem: the private key cannot be read: "},
        {cert, cert_key_pem(other), NULL,
         "k.pem: the key does not belong to the certificate in c.pem"},
        {cert, cert_key_pem_encrypted(server), NULL,
         "k.pem: the key is encrypted, and nobody can be asked for its password"},
        {cert, key, "nothing\n", "a.pem: there is no certificate in it"},
        {cert, key, broken, "a.pem: certificate 1 in it cannot be read: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tls_settings settings = {.cert = pem("c.pem", cases[i].cert),
                                        .verify = TLS_VERIFY_REQUIRE};
        if (cases[i].key) settings.key = pem("k.pem", cases[i].key);
        settings.ca = cases[i].ca ? pem("a.pem", cases[i].ca) : pem("a.pem", cert_pem(ca));
        refuses(&settings, true, cases[i].why);
        refuses(&settings, false, cases[i].why);
    }
}

static void a_server_that_verifies_must_know_who_signs(void **state)
{
    struct tls_settings settings = {.cert = pem("c", cert_pem(server)),
                                    .key = pem("k", cert_key_pem(server)),
                                    .verify = TLS_VERIFY_REQUEST};
    refuses(&settings, true, "so it must be said who may sign them");
}

static void a_certificate_and_its_key_may_be_one_file(void **state)
{
    char why[TLS_WHY];
    struct tls_settings settings = {.cert = pem("c", both(cert_pem(server), cert_key_pem(server)))};
    struct tls_context *context = tls_context_server(&settings, why);
    struct ends e = ends_shaken(context, &(struct secure_wanted){.ca = ca});
    ends_close(&e);
    tls_context_give(context);
}

/* One list has those of both versions; what it does not speak of stays as it was. */
static void ciphers_of_both_versions_are_chosen_by_one_list(void **state)
{
    static const struct {
        const char *list, *new_one, *old_one;
    } cases[] = {
        {"TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256",
         "TLS_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
        {"ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_AES_256_GCM_SHA384",
         "ECDHE-ECDSA-AES128-GCM-SHA256"},
        {"TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char why[TLS_WHY];
        struct tls_settings settings = {.cert = pem("c", cert_pem(server)),
                                        .key = pem("k", cert_key_pem(server)),
                                        .ciphers = cases[i].list};
        struct tls_context *context = tls_context_server(&settings, why);
        struct ends e = ends_shaken(context, &(struct secure_wanted){.version = TLS13});
        assert_string_equal(stream_tls_cipher(&e.ours), cases[i].new_one);
        ends_close(&e);
        e = ends_shaken(context, &(struct secure_wanted){.version = TLS12});
        assert_string_equal(stream_tls_cipher(&e.ours), cases[i].old_one);
        ends_close(&e);
        tls_context_give(context);
    }
}

static void ciphers_that_do_not_exist_are_named(void **state)
{
    static const char *const lists[] = {"TLS_NONE", "NONE-AT-ALL", "", ":",
                                        "TLS_AES_128_GCM_SHA256:NO-SUCH"};
    struct tls_settings settings = {.cert = pem("c", cert_pem(server)),
                                    .key = pem("k", cert_key_pem(server))};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        settings.ciphers = lists[i];
        refuses(&settings, true, "OpenSSL knows no such cipher");
    }
}

static void words_of_options_are_read(void **state)
{
    enum tls_version version;
    enum tls_verify verify;
    assert_true(tls_version_parse("1.2", &version) && version == TLS_1_2);
    assert_true(tls_version_parse("1.3", &version) && version == TLS_1_3);
    assert_false(tls_version_parse("1.1", &version) || tls_version_parse("", &version));
    assert_true(tls_verify_parse("none", &verify) && verify == TLS_VERIFY_NONE);
    assert_true(tls_verify_parse("request", &verify) && verify == TLS_VERIFY_REQUEST);
    assert_true(tls_verify_parse("require", &verify) && verify == TLS_VERIFY_REQUIRE);
    assert_false(tls_verify_parse("required", &verify) || tls_verify_parse("", &verify));
}

/* The last reference may be a stream's. */
static void connections_keep_the_context_that_they_began_with(void **state)
{
    struct tls_context *context = server_context(TLS_VERIFY_NONE);
    struct ends e = ends_open(context, &(struct secure_wanted){0});
    tls_context_give(context);
    shakes(&e);
    ends_close(&e);
}

/* --- records ----------------------------------------------------------------------------------- */

static void records_end_where_their_heads_say(void **state)
{
    static const struct {
        const char *bytes;
        size_t len, whole, missing;
    } cases[] = {
        {"", 0, 0, 5},
        {"\x17", 1, 0, 4},
        {"\x17\x03\x03\x00", 4, 0, 1},
        {"\x17\x03\x03\x00\x02", 5, 0, 2},
        {"\x17\x03\x03\x00\x02x", 6, 0, 1},
        {"\x17\x03\x03\x00\x02xy", 7, 7, 5},
        {"\x16\x03\x01\x00\x00", 5, 5, 5},
        {"\x17\x03\x03\x00\x01x\x15\x03\x03\x00\x02", 11, 6, 2},
        {"\x17\x03\x03\x48\x00", 5, 0, 18432}, /* the longest */
        {"\x17\x03\x03\x48\x01", 5, 5, 1},     /* too long: OpenSSL says so */
        {"\x13\x03\x03\x00\x09", 5, 5, 1},     /* no such type */
        {"\x19\x03\x03\x00\x09", 5, 5, 1},
        {"\x17\x02\x03\x00\x09", 5, 5, 1}, /* no such version */
        {"\x17\x03\x03\x00\x00get a\r\n", 12, 12, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tls_records r = tls_records_of((const uint8_t *)cases[i].bytes, cases[i].len);
        if (r.whole != cases[i].whole || (r.whole < cases[i].len && r.missing != cases[i].missing))
            fail_msg("case %zu: %zu whole, %zu missing", i, r.whole, r.missing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_files_are_named_with_what_is_wrong),
        cmocka_unit_test(a_server_that_verifies_must_know_who_signs),
        cmocka_unit_test(a_certificate_and_its_key_may_be_one_file),
        cmocka_unit_test(ciphers_of_both_versions_are_chosen_by_one_list),
        cmocka_unit_test(ciphers_that_do_not_exist_are_named),
        cmocka_unit_test(words_of_options_are_read),
        cmocka_unit_test(connections_keep_the_context_that_they_began_with),
        cmocka_unit_test(records_end_where_their_heads_say),
    };
    return cmocka_run_group_tests(tests, make_certificates, NULL);
}
