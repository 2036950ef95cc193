/* certificate: what is said of one: its name, its dates, and when people are warned. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/certs.h"
#include "net/certificate.h"

static struct span pem(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

static struct certificate of(const struct cert *cert)
{
    struct certificate c;
    assert_true(certificate_read(&c, pem(cert_pem(cert))));
    return c;
}

static void its_name_is_the_common_one_else_an_alternative(void **state)
{
    struct cert_wanted wanted = {.name = "cache.example", .alternatives = "DNS:other.example"};
    assert_string_equal(of(cert_make(&wanted)).name, "cache.example");
    wanted.name = NULL;
    assert_string_equal(of(cert_make(&wanted)).name, "other.example");
    wanted.alternatives = "IP:127.0.0.1,URI:spiffe://a/b";
    assert_string_equal(of(cert_make(&wanted)).name, "spiffe://a/b");
    wanted.alternatives = NULL;
    assert_string_equal(of(cert_make(&wanted)).name, "without a name");
    wanted.name = "two\nlines";
    assert_string_equal(of(cert_make(&wanted)).name, "two?lines");
}

/* A chain is worth nothing from the day when one of it expires. */
static void its_dates_are_those_of_the_whole_chain(void **state)
{
    const struct cert *ca =
        cert_make(&(struct cert_wanted){.name = "ca", .is_ca = true, .from = -2, .to = 5});
    const struct cert *own =
        cert_make(&(struct cert_wanted){.name = "own", .issuer = ca, .from = -4, .to = 48});
    char chain[16 * 1024];
    struct certificate c, alone = of(own), above = of(ca);
    snprintf(chain, sizeof chain, "text before\n%s%s%s", cert_pem(own), cert_key_pem(own),
             cert_pem(ca));
    assert_true(certificate_read(&c, pem(chain)));
    assert_string_equal(c.name, "own");
    assert_int_equal(c.expires, above.expires);
    assert_int_equal(c.begins, above.begins);
    assert_true(alone.expires - above.expires == 43 * 3600);
    int64_t now = (int64_t)time(NULL);
    assert_true(c.expires > now + 5 * 3600 - 60 && c.expires < now + 5 * 3600 + 60);
}

static void what_is_no_certificate_is_none(void **state)
{
    const struct cert *ca = cert_ca("ca");
    struct certificate c;
    char cut[256];
    snprintf(cut, sizeof cut, "%s", cert_pem(ca));
    assert_false(certificate_read(&c, pem("")));
    assert_false(certificate_read(&c, pem("-----BEGIN CERTIFICATE-----\n")));
    assert_false(certificate_read(&c, pem(cert_key_pem(ca))));
    assert_false(certificate_read(&c, pem(cut)));
    assert_false(certificate_read(&c, (struct span){NULL, 0}));
}

static void a_warning_comes_fourteen_days_before(void **state)
{
    char text[CERTIFICATE_WARNING], date[CERTIFICATE_DATE];
    struct certificate c = {.begins = 1000, .expires = 1000 + CERTIFICATE_WARNS * 2};
    assert_string_equal(certificate_date(0, date), "1970-01-01 00:00:00 UTC");
    assert_string_equal(certificate_date(INT64_MAX, date), "?");
    assert_string_equal(certificate_warning(&c, 999, text),
                        "is not valid before 1970-01-01 00:16:40 UTC: look at the clock");
    assert_string_equal(certificate_warning(&c, 1000, text), "");
    assert_string_equal(certificate_warning(&c, 1000 + CERTIFICATE_WARNS, text), "");
    assert_string_equal(certificate_warning(&c, 1001 + CERTIFICATE_WARNS, text),
                        "expires on 1970-01-29 00:16:40 UTC: replace it and reload");
    assert_string_equal(certificate_warning(&c, c.expires - 1, text),
                        "expires on 1970-01-29 00:16:40 UTC: replace it and reload");
    assert_string_equal(certificate_warning(&c, c.expires, text),
                        "has expired on 1970-01-29 00:16:40 UTC: replace it and reload");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_name_is_the_common_one_else_an_alternative),
        cmocka_unit_test(its_dates_are_those_of_the_whole_chain),
        cmocka_unit_test(what_is_no_certificate_is_none),
        cmocka_unit_test(a_warning_comes_fourteen_days_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
