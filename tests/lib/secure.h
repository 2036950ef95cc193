/* secure: the test's end of a TLS connection, in memory: bytes of the socket on one side, what they mean on the other.
 *
 * Owned by the peer (lib/peer.h) that speaks TLS by it, see peer_secures; or by a test. The other end is never this code's: OpenSSL is used directly, so tests
 * may play peers that do odd things.
 */
#ifndef TESTS_LIB_SECURE_H
#define TESTS_LIB_SECURE_H

#include <stdbool.h>
#include <stddef.h>

struct cert;
struct octets;
struct secure;

/* Each may be left out. */
struct secure_wanted {
    bool is_server;           /* needs cert */
    const struct cert *cert;  /* its own */
    const struct cert *chain; /* sent behind it */
    const struct cert *ca;    /* whom it trusts; NULL: everybody */
    bool wants_cert;          /* a server asks its client for one; with ca it must be right */
    const char *name;         /* SNI of a client; and which name the server must have, with ca */
    int version;              /* the only one: 0x0302 (1.1), 0x0303, 0x0304; 0: 1.2 and 1.3 */
    const char *ciphers;      /* of TLS 1.2, OpenSSL's form */
    const struct secure
        *resume;         /* tries to resume the session of that one, which has ended or not */
    bool has_no_tickets; /* a server gives none */
    bool
        refuses_resumption; /* a server that wants_cert gives tickets, and ends handshakes that offer
                                one, as memcached with ssl_verify_mode and no ssl_session_cache */
    const struct secure
        *like; /* a server: that one's tickets are good, too; it has not been destroyed */
};

struct secure *secure_create(const struct secure_wanted *wanted);
void secure_destroy(struct secure *s);

/* n bytes came from the socket: what they mean goes behind `in`, what is to be sent behind `out`. */
void secure_takes(struct secure *s, const void *bytes, size_t n, struct octets *in,
                  struct octets *out);

/* n bytes are to be sent (0: only what is due): records go behind `out`, after the handshake. */
void secure_gives(struct secure *s, const void *bytes, size_t n, struct octets *out);

/* close_notify. */
void secure_ends(struct secure *s, struct octets *out);

/* Asks for a new handshake (TLS 1.2 alone), for new keys (TLS 1.3 alone). False: OpenSSL refuses. */
bool secure_renegotiates(struct secure *s, struct octets *out);
bool secure_renews_keys(struct secure *s, struct octets *out);

/* What has become of it. why: of a failure, as OpenSSL says it, an alert among them; "" while there is none. */
bool secure_is_done(const struct secure *s);
bool secure_has_ended(const struct secure *s); /* close_notify came */
bool secure_is_resumed(const struct secure *s);
const char *secure_why(const struct secure *s);
const char *secure_version(const struct secure *s);
const char *secure_sni(const struct secure *s); /* that its client sent; NULL: none */
const char *
secure_peer(const struct secure *s); /* common name of the other side's certificate; NULL: none */

#endif
