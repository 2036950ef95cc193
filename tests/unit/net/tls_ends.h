/* tls_ends: the two ends of a TLS connection, for unit tests: a stream of the engine's, and OpenSSL's own (lib/secure.h).
 *
 * A test opens ends and closes them. The certificates are made once, by make_certificates, the group's setup.
 */
#ifndef TESTS_UNIT_NET_TLS_ENDS_H
#define TESTS_UNIT_NET_TLS_ENDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/certs.h"
#include "lib/octets.h"
#include "lib/secure.h"
#include "net/inbuf.h"
#include "net/outq.h"
#include "net/tls.h"
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { TLS11 = 0x0302, TLS12 = 0x0303, TLS13 = 0x0304, LARGE = 3 * 1024 * 1024 };

static const struct cert *ca, *server, *client;

static inline struct tls_pem pem(const char *name, const char *text)
{
    return (struct tls_pem){name, {(const uint8_t *)text, strlen(text)}};
}

static inline struct tls_context *server_context(enum tls_verify verify)
{
    char why[TLS_WHY] = "";
    struct tls_settings settings = {.cert = pem("cert.pem", cert_pem(server)),
                                    .key = pem("key.pem", cert_key_pem(server)),
                                    .ca = pem("ca.pem", cert_pem(ca)),
                                    .verify = verify};
    struct tls_context *context = tls_context_server(&settings, why);
    assert_string_equal(why, "");
    assert_non_null(context);
    return context;
}

static inline struct tls_context *client_context(const struct cert *trusted)
{
    char why[TLS_WHY] = "";
    struct tls_settings settings = {.verify = TLS_VERIFY_REQUIRE};
    if (trusted) settings.ca = pem("ca.pem", cert_pem(trusted));
    if (!trusted) settings.verify = TLS_VERIFY_NONE;
    struct tls_context *context = tls_context_client(&settings, why);
    assert_string_equal(why, "");
    assert_non_null(context);
    return context;
}

/* --- the two ends ------------------------------------------------------------------------------ */

/* The engine's end of a socketpair, and the other one. */
struct ends {
    struct stream ours;
    int theirs;
    struct secure *secure; /* of theirs */
    struct octets in, out; /* that theirs has seen, and has to send */
    size_t cut;            /* bytes that are passed on to us at a time; 0: all */
};

static inline struct ends ends_open(struct tls_context *context, const struct secure_wanted *wanted)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    struct ends e = {.ours = stream_open(fds[0]), .theirs = fds[1]};
    if (context) stream_begin_server(&e.ours, context);
    if (wanted) e.secure = secure_create(wanted);
    return e;
}

static inline void ends_close(struct ends *e)
{
    stream_close(&e->ours);
    if (e->theirs >= 0) close(e->theirs);
    secure_destroy(e->secure);
    octets_release(&e->in);
    octets_release(&e->out);
}

/* Theirs reads what came, and sends a cut of what it has. False: nothing happened. */
static inline bool they_turn(struct ends *e)
{
    char bytes[65536];
    ssize_t n = read(e->theirs, bytes, sizeof bytes);
    if (n > 0) secure_takes(e->secure, bytes, (size_t)n, &e->in, &e->out);
    secure_gives(e->secure, NULL, 0, &e->out);
    size_t left = octets_n(&e->out);
    if (e->cut && left > e->cut) left = e->cut;
    ssize_t went = left ? send(e->theirs, octets_at(&e->out), left, MSG_NOSIGNAL) : 0;
    if (went > 0) octets_take(&e->out, (size_t)went);
    return n > 0 || went > 0;
}

static inline enum stream_shake shake(struct ends *e)
{
    enum stream_shake result = STREAM_SHAKE_AGAIN;
    for (int i = 0; i < 100000 && result == STREAM_SHAKE_AGAIN; i++) {
        assert_true(stream_sane(&e->ours));
        result = stream_shake(&e->ours);
        (void)they_turn(e);
    }
    while (result == STREAM_SHAKE_DONE && !secure_is_done(e->secure) && they_turn(e)) continue;
    return result;
}

static inline void shakes(struct ends *e)
{
    enum stream_shake result = shake(e);
    if (result == STREAM_SHAKE_FAILED) fail_msg("no handshake: %s", stream_why(&e->ours));
    assert_int_equal(result, STREAM_SHAKE_DONE);
    assert_int_equal(e->ours.state, STREAM_SECURE);
}

static inline struct ends ends_shaken(struct tls_context *context,
                                      const struct secure_wanted *wanted)
{
    struct ends e = ends_open(context, wanted);
    shakes(&e);
    return e;
}

/* Why it fails; memory of one call. */
static inline const char *shake_fails(struct ends *e)
{
    static char why[1024];
    assert_int_equal(shake(e), STREAM_SHAKE_FAILED);
    snprintf(why, sizeof why, "%s", stream_why(&e->ours));
    (void)they_turn(e);
    return why;
}

/* A byte at a time, that the other side has sent and we have not read, is never missed: reads until n bytes came. */
static inline void we_read(struct ends *e, struct octets *to, size_t n, size_t room)
{
    char bytes[70000];
    while (octets_n(to) < n) {
        ssize_t came = stream_read(&e->ours, bytes, room);
        if (came > 0) octets_add(to, bytes, (size_t)came);
        if (came == 0 || (came < 0 && errno != EAGAIN))
            fail_msg("read: %zd, %s", came, stream_why(&e->ours));
        if (came < 0) {
            assert_false(stream_holds(&e->ours));
            assert_true(they_turn(e) || octets_n(to) >= n);
        }
    }
}

static inline void fill(char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) bytes[i] = (char)(i * 31 + i / 251);
}

static inline int make_certificates(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    ca = cert_ca("Test CA");
    server = cert_signed(ca, "cache", "DNS:cache.example,DNS:*.wild.example,IP:127.0.0.1,IP:::1");
    client = cert_signed(ca, "team-a", NULL);
    return 0;
}

#endif
