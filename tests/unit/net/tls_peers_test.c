/* tls: whom a certificate lets in and who is refused, with the reason; and when a session is resumed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "unit/net/tls_ends.h"

/* --- verification ------------------------------------------------------------------------------ */

static void a_client_is_known_by_its_certificate(void **state)
{
    struct tls_context *context = server_context(TLS_VERIFY_REQUIRE);
    char name[TLS_NAME_MAX];
    const struct cert *unnamed = cert_signed(ca, NULL, "URI:spiffe://org/team-a,DNS:b");
    static const char *const names[] = {"team-a", "spiffe://org/team-a"};
    const struct cert *certs[] = {client, unnamed};
    for (int i = 0; i < 2; i++) {
        struct ends e = ends_shaken(context, &(struct secure_wanted){.cert = certs[i]});
        assert_true(stream_peer_name(&e.ours, name));
        assert_string_equal(name, names[i]);
        ends_close(&e);
    }
    tls_context_give(context);
}

static void nobody_is_known_who_was_not_verified(void **state)
{
    char name[TLS_NAME_MAX];
    struct tls_context *none = server_context(TLS_VERIFY_NONE),
                       *request = server_context(TLS_VERIFY_REQUEST);
    struct ends e = ends_shaken(none, &(struct secure_wanted){.cert = client});
    assert_false(stream_peer_name(&e.ours, name));
    ends_close(&e);
    e = ends_shaken(request, &(struct secure_wanted){0});
    assert_false(stream_peer_name(&e.ours, name));
    ends_close(&e);
    tls_context_give(none);
    tls_context_give(request);
}

static void a_client_whose_certificate_is_wrong_is_refused(void **state)
{
    const struct cert *other_ca = cert_ca("Other CA"), *middle, *deep;
    const struct cert *expired =
        cert_make(&(struct cert_wanted){.name = "old", .issuer = ca, .from = -48, .to = -24});
    const struct cert *early =
        cert_make(&(struct cert_wanted){.name = "new", .issuer = ca, .from = 24, .to = 48});
    middle = cert_make(&(struct cert_wanted){.name = "Middle CA", .issuer = ca, .is_ca = true});
    deep = cert_signed(middle, "deep", NULL);
    const struct {
        const struct cert *cert;
        const char *why;
    } cases[] = {
        {NULL, "has no certificate, and must have one"},
        {expired, "certificate not valid: certificate has expired (subject \"CN=old\", issuer "
                  "\"CN=Test CA\")"},
        {early, "certificate not valid: certificate is not yet valid (subject \"CN=new\", issuer "
                "\"CN=Test CA\")"},
        {cert_signed(other_ca, "x", NULL),
         "certificate not valid: unable to get local issuer certificate (subject \"CN=x\", issuer "
         "\"CN=Other CA\")"},
        {cert_make(&(struct cert_wanted){.name = "self"}),
         "certificate not valid: self-signed certificate (subject \"CN=self\", issuer "
         "\"CN=self\")"},
        {deep, "certificate not valid: unable to get local issuer certificate (subject "
               "\"CN=deep\", issuer \"CN=Middle CA\")"},
    };
    struct tls_context *context = server_context(TLS_VERIFY_REQUIRE);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ends e =
            ends_open(context, &(struct secure_wanted){.cert = cases[i].cert,
                                                       .version = i % 2 ? TLS12 : TLS13});
        assert_string_equal(shake_fails(&e), cases[i].why);
        ends_close(&e);
    }
    struct ends e = ends_shaken(context, &(struct secure_wanted){.cert = deep, .chain = middle});
    ends_close(&e);
    tls_context_give(context);
}

static void a_name_with_a_nul_is_no_name(void **state)
{
    struct tls_context *context = server_context(TLS_VERIFY_REQUIRE);
    char name[TLS_NAME_MAX];
    struct ends e =
        ends_shaken(context, &(struct secure_wanted){.cert = cert_signed(ca, "admin\001", NULL)});
    assert_false(stream_peer_name(&e.ours, name));
    ends_close(&e);
    tls_context_give(context);
}

/* --- the client's end -------------------------------------------------------------------------- */

static struct ends ends_open_client(struct tls_context *context, const char *name,
                                    struct tls_session *session, const struct cert *cert)
{
    struct ends e = ends_open(NULL, &(struct secure_wanted){.is_server = true, .cert = cert});
    stream_begin_client(&e.ours, context, name, session);
    return e;
}

static void a_server_is_verified_and_told_its_name(void **state)
{
    static const struct {
        const char *name, *sni, *why;
    } cases[] = {
        {"cache.example", "cache.example", NULL},
        {"a.wild.example", "a.wild.example", NULL},
        {"127.0.0.1", NULL, NULL},
        {"::1", NULL, NULL},
        {"other.example", NULL,
         "certificate not valid: it is not for other.example, but for cache.example, "
         "*.wild.example"},
        {"10.0.0.1", NULL,
         "certificate not valid: it is not for 10.0.0.1, but for cache.example, *.wild.example"},
        {"a.b.wild.example", NULL,
         "certificate not valid: it is not for a.b.wild.example, but for cache.example, "
         "*.wild.example"},
    };
    struct tls_context *context = client_context(ca);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ends e = ends_open_client(context, cases[i].name, NULL, server);
        if (cases[i].why) {
            assert_string_equal(shake_fails(&e), cases[i].why);
        } else {
            shakes(&e);
            const char *sni = secure_sni(e.secure);
            if (cases[i].sni)
                assert_string_equal(sni, cases[i].sni);
            else
                assert_null(sni);
        }
        ends_close(&e);
    }
    tls_context_give(context);
}

static void a_server_of_another_ca_is_refused_unless_nothing_is_verified(void **state)
{
    struct tls_context *strict = client_context(cert_ca("Other CA")), *lax = client_context(NULL);
    struct ends e = ends_open_client(strict, "cache.example", NULL, server);
    assert_string_equal(shake_fails(&e),
                        "certificate not valid: unable to get local issuer certificate (subject "
                        "\"CN=cache\", issuer \"CN=Test CA\")");
    assert_non_null(strstr(secure_why(e.secure), "unknown ca"));
    ends_close(&e);
    e = ends_open_client(lax, "cache.example", NULL, server);
    shakes(&e);
    ends_close(&e);
    tls_context_give(strict);
    tls_context_give(lax);
}

static void a_plain_server_is_no_tls_server(void **state)
{
    struct tls_context *context = client_context(NULL);
    struct ends e = ends_open(NULL, NULL);
    stream_begin_client(&e.ours, context, NULL, NULL);
    assert_int_equal(stream_shake(&e.ours), STREAM_SHAKE_AGAIN);
    assert_int_equal(write(e.theirs, "ERROR\r\n", 7), 7);
    assert_int_equal(stream_shake(&e.ours), STREAM_SHAKE_FAILED);
    assert_string_equal(stream_why(&e.ours), "does not speak TLS");
    ends_close(&e);
    tls_context_give(context);
}

/* Both ends are the engine's: ours is the client, theirs a stream of its own. */
struct pair {
    struct stream client, server;
};

static void pair_shakes(struct pair *p, struct tls_context *client_side,
                        struct tls_context *server_side, struct tls_session *session)
{
    int fds[2];
    char byte;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    *p = (struct pair){stream_open(fds[0]), stream_open(fds[1])};
    stream_begin_client(&p->client, client_side, "cache.example", session);
    stream_begin_server(&p->server, server_side);
    enum stream_shake c = STREAM_SHAKE_AGAIN, s = c;
    for (int i = 0; i < 20; i++) {
        if (c == STREAM_SHAKE_AGAIN) c = stream_shake(&p->client);
        if (s == STREAM_SHAKE_AGAIN) s = stream_shake(&p->server);
    }
    if (c == STREAM_SHAKE_FAILED) fail_msg("%s", stream_why(&p->client));
    if (s == STREAM_SHAKE_FAILED) fail_msg("%s", stream_why(&p->server));
    assert_int_equal(c, STREAM_SHAKE_DONE);
    assert_int_equal(s, STREAM_SHAKE_DONE);
    assert_int_equal(stream_read(&p->client, &byte, 1), -1); /* takes the ticket */
}

static void pair_close(struct pair *p)
{
    stream_close(&p->client);
    stream_close(&p->server);
}

/* Two keys, of which the second is for new tickets. */
static struct tls_ticket_key keys[2] = {{.name = "one"}, {.name = "two"}};
static int keys_from, keys_to; /* those that are known */

static enum tls_ticket find_key(void *about, const uint8_t *name, struct tls_ticket_key *key)
{
    assert_ptr_equal(about, keys);
    for (int i = keys_to - 1; i >= keys_from; i--) {
        if (name && memcmp(keys[i].name, name, TLS_TICKET_NAME) != 0) continue;
        *key = keys[i];
        return i == keys_to - 1 ? TLS_TICKET_GOOD : TLS_TICKET_OLD;
    }
    return TLS_TICKET_UNKNOWN;
}

/* Two contexts stand for two processes. */
static void sessions_are_resumed_by_any_process_that_has_the_key(void **state)
{
    struct tls_context *mine = client_context(ca);
    struct tls_context *first = server_context(TLS_VERIFY_NONE);
    struct tls_context *second = server_context(TLS_VERIFY_NONE);
    struct pair p;
    tls_context_set_tickets(first, find_key, keys, 3600);
    tls_context_set_tickets(second, find_key, keys, 3600);
    keys_from = 0, keys_to = 1;
    pair_shakes(&p, mine, first, NULL);
    assert_false(stream_is_resumed(&p.server));
    struct tls_session *session = stream_take_session(&p.client);
    assert_non_null(session);
    assert_null(stream_take_session(&p.client));
    pair_close(&p);

    keys_to = 2; /* rotated: the old key is still good, a new ticket comes */
    pair_shakes(&p, mine, second, session);
    assert_true(stream_is_resumed(&p.server) && stream_is_resumed(&p.client));
    struct tls_session *newer = stream_take_session(&p.client);
    assert_non_null(newer);
    pair_close(&p);

    keys_from = 1; /* the first key is gone */
    pair_shakes(&p, mine, first, session);
    assert_false(stream_is_resumed(&p.server));
    pair_close(&p);
    pair_shakes(&p, mine, first, newer);
    assert_true(stream_is_resumed(&p.server));
    pair_close(&p);
    tls_session_give(session);
    tls_session_give(newer);
    tls_context_give(mine);
    tls_context_give(first);
    tls_context_give(second);
}

/* Tickets of TLS 1.2 are another mechanism. */
static void tls_1_2_has_tickets_too(void **state)
{
    struct tls_context *context = server_context(TLS_VERIFY_NONE);
    struct secure_wanted wanted = {.version = TLS12};
    keys_from = 0, keys_to = 1;
    tls_context_set_tickets(context, find_key, keys, 3600);
    struct ends first = ends_shaken(context, &wanted);
    wanted.resume = first.secure;
    struct ends second = ends_shaken(context, &wanted);
    assert_true(stream_is_resumed(&second.ours) && secure_is_resumed(second.secure));
    keys_from = 1; /* nobody has the key any more */
    struct ends third = ends_shaken(context, &wanted);
    assert_false(stream_is_resumed(&third.ours));
    ends_close(&first);
    ends_close(&second);
    ends_close(&third);
    tls_context_give(context);
}

/* I14: who was let in by one listener is not let in by the ticket at one that asks for more. */
static void a_ticket_is_no_good_where_clients_are_verified_otherwise(void **state)
{
    struct tls_context *mine = client_context(ca), *lax = server_context(TLS_VERIFY_NONE),
                       *strict = server_context(TLS_VERIFY_REQUIRE);
    struct pair p;
    keys_from = 0, keys_to = 2;
    tls_context_set_tickets(lax, find_key, keys, 3600);
    tls_context_set_tickets(strict, find_key, keys, 3600);
    pair_shakes(&p, mine, lax, NULL);
    struct tls_session *session = stream_take_session(&p.client);
    pair_close(&p);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    p = (struct pair){stream_open(fds[0]), stream_open(fds[1])};
    stream_begin_client(&p.client, mine, "cache.example", session);
    stream_begin_server(&p.server, strict);
    enum stream_shake s = STREAM_SHAKE_AGAIN, c = s;
    for (int i = 0; i < 20; i++) {
        if (c == STREAM_SHAKE_AGAIN) c = stream_shake(&p.client);
        if (s == STREAM_SHAKE_AGAIN) s = stream_shake(&p.server);
    }
    assert_int_equal(s, STREAM_SHAKE_FAILED);
    assert_string_equal(stream_why(&p.server), "has no certificate, and must have one");
    pair_close(&p);
    tls_session_give(session);
    tls_context_give(mine);
    tls_context_give(lax);
    tls_context_give(strict);
}

static void without_keys_there_are_no_tickets(void **state)
{
    struct tls_context *mine = client_context(ca), *theirs = server_context(TLS_VERIFY_NONE);
    struct pair p;
    pair_shakes(&p, mine, theirs, NULL);
    assert_null(stream_take_session(&p.client));
    pair_close(&p);
    tls_context_give(mine);
    tls_context_give(theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_is_known_by_its_certificate),
        cmocka_unit_test(nobody_is_known_who_was_not_verified),
        cmocka_unit_test(a_client_whose_certificate_is_wrong_is_refused),
        cmocka_unit_test(a_name_with_a_nul_is_no_name),
        cmocka_unit_test(a_server_is_verified_and_told_its_name),
        cmocka_unit_test(a_server_of_another_ca_is_refused_unless_nothing_is_verified),
        cmocka_unit_test(a_plain_server_is_no_tls_server),
        cmocka_unit_test(sessions_are_resumed_by_any_process_that_has_the_key),
        cmocka_unit_test(tls_1_2_has_tickets_too),
        cmocka_unit_test(a_ticket_is_no_good_where_clients_are_verified_otherwise),
        cmocka_unit_test(without_keys_there_are_no_tickets),
    };
    return cmocka_run_group_tests(tests, make_certificates, NULL);
}
