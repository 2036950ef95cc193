/* tls_files: what is read, from where, what is noted for the log and for the other workers, and what each mistake is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bundle.h"
#include "lib/certs.h"
#include "net/tls_files.h"

static const struct cert *ca, *own;
static const char *cert, *key, *trust;

static int make(void **state)
{
    ca = cert_ca("the CA");
    own = cert_signed(ca, "own.example", NULL);
    cert = cert_file("own.pem", cert_pem(own), NULL);
    key = cert_file("own.key", cert_key_pem(own), NULL);
    trust = cert_file("ca.pem", cert_pem(ca), NULL);
    return 0;
}

static struct bundle *recording(void)
{
    struct bundle *b = bundle_create();
    b->records = true;
    return b;
}

static void is_made(const struct tls_files *files, struct bundle *b, const char *name)
{
    struct certificate about;
    char why[TLS_WHY] = "";
    struct tls_context *context = tls_files_server(files, b, &about, why);
    if (!context) fail_msg("%s", why);
    assert_string_equal(about.name, name);
    tls_context_give(context);
}

static void is_refused(const struct tls_files *files, const char *expected)
{
    struct certificate about;
    char why[TLS_WHY] = "";
    assert_null(tls_files_server(files, NULL, &about, why));
    if (!strstr(why, expected)) fail_msg("not \"%s\": %s", expected, why);
}

static size_t count(const struct bundle *b, enum bundle_kind kind)
{
    struct bundle_file file;
    size_t at = 0, n = 0;
    while (bundle_next(b, &at, &file)) n += file.kind == kind;
    return n;
}

static void all_files_go_into_the_bundle_and_come_from_it(void **state)
{
    struct tls_files files = {
        .cert = cert, .key = key, .ca = trust, .verify = TLS_VERIFY_REQUIRE, .min = TLS_1_3};
    struct bundle *b = recording();
    is_made(&files, b, "own.example");
    is_made(&files, b, "own.example");
    assert_int_equal(count(b, BUNDLE_SECRET), 3);
    assert_int_equal(count(b, BUNDLE_NOTE), 1); /* of a day is soon; and once is enough */
    b->records = false;
    (void)cert_file("own.key", "no key any more", NULL);
    is_made(&files, b, "own.example"); /* as a worker that is started later */
    is_refused(&files, "own.key: there is no private key in it");
    (void)cert_file("own.key", cert_key_pem(own), NULL);
    bundle_give(b);
}

static void a_key_may_stand_with_its_certificate(void **state)
{
    const char *both = cert_file("both.pem", cert_pem(own), cert_key_pem(own));
    is_made(&(struct tls_files){.cert = both}, NULL, "own.example");
    is_refused(&(struct tls_files){.cert = cert},
               "own.pem: there is no private key in it (in PEM form): name the key's file, too");
}

static void each_mistake_names_its_file(void **state)
{
    const char *other = cert_file("other.key", cert_key_pem(cert_ca("other")), NULL);
    const char *shut = cert_file("shut.key", cert_key_pem_encrypted(own), NULL);
    const char *junk = cert_file("junk.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n", NULL);
    struct tls_files files = {.cert = cert, .key = other};
    is_refused(&files, "other.key: the key does not belong to the certificate in ");
    files.key = shut;
    is_refused(&files, "shut.key: the key is encrypted");
    files.key = "/no/such.key";
    is_refused(&files, "key /no/such.key: No such file or directory: give a file");
    files = (struct tls_files){.cert = junk, .key = key};
    is_refused(&files, "junk.pem: ");
    files = (struct tls_files){.cert = cert, .key = key, .verify = TLS_VERIFY_REQUEST};
    is_refused(&files, "who may sign them");
    files.ca = "/no/such.ca";
    is_refused(&files, "CA /no/such.ca: No such file or directory");
    files.ca = junk;
    is_refused(&files, "junk.pem: ");
    files = (struct tls_files){.cert = cert, .key = key, .ciphers = "ROT13"};
    is_refused(&files, "\"ROT13\": OpenSSL knows no such cipher");
}

static void one_that_has_expired_is_noted_and_used(void **state)
{
    const struct cert *old =
        cert_make(&(struct cert_wanted){.name = "old.example", .from = -48, .to = -24});
    const char *file = cert_file("old.pem", cert_pem(old), cert_key_pem(old));
    struct bundle *b = recording();
    struct bundle_file note = {.path = ""};
    size_t at = 0;
    is_made(&(struct tls_files){.cert = file}, b, "old.example");
    while (bundle_next(b, &at, &note) && note.kind != BUNDLE_NOTE) continue;
    assert_int_equal(note.kind, BUNDLE_NOTE);
    assert_memory_equal(note.path, file, note.path_len);
    assert_non_null(memmem(note.bytes, note.len, "old.example has expired on ", 27));
    bundle_give(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_files_go_into_the_bundle_and_come_from_it),
        cmocka_unit_test(a_key_may_stand_with_its_certificate),
        cmocka_unit_test(each_mistake_names_its_file),
        cmocka_unit_test(one_that_has_expired_is_noted_and_used),
    };
    return cmocka_run_group_tests(tests, make, NULL);
}
