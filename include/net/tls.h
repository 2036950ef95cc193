/* tls: what a side of TLS connections is made with (a context), and streams that begin to speak TLS by it.
 *
 * A context is counted: tls_context_server and tls_context_client give the first reference, each stream holds one, and the last
 * tls_context_give frees it, so that certificates are replaced under connections that stay as they are. One process, no locks.
 *
 * How to use it, for clients and servers alike:
 *   begin    stream_begin_server or stream_begin_client, once the stream is PLAIN (a server: when connected). It is SHAKING then.
 *   shake    stream_shake, when the loop says that the socket is ready, until it says DONE (SECURE) or FAILED: log stream_why, close.
 *   watch    stream_events says what for, in every state.
 *   use      net/inbuf.h, net/outq.h. After each read, and when input is wanted again: read on while stream_holds. EPROTO: stream_why.
 *   end      stream_say_end, then stream_close once stream_is_drained (or at once: it has been tried).
 */
#ifndef MOONGATE_NET_TLS_H
#define MOONGATE_NET_TLS_H

#include "net/io.h"
#include "net/stream.h"

/* --- contexts ---------------------------------------------------------------------------------- */

struct tls_context;

/* Of the other side's certificate. REQUEST: one that is there must be right, none is fine (servers only). */
enum tls_verify { TLS_VERIFY_NONE, TLS_VERIFY_REQUEST, TLS_VERIFY_REQUIRE };
enum tls_version { TLS_1_2, TLS_1_3 };

/* Bytes in PEM form, and what errors call them: the file's name. len 0: not given. */
struct tls_pem {
    const char *name;
    struct span bytes;
};

/* Read while the context is made; nothing of it is kept. */
struct tls_settings {
    struct tls_pem cert; /* the certificate, then those that lead to the CA */
    struct tls_pem key;  /* not given: it is in cert */
    struct tls_pem
        ca; /* who may sign the other side's; not given: for a client context the system's store */
    enum tls_verify verify;
    enum tls_version min;
    const char *
        ciphers; /* as openssl ciphers(1) has them, TLS 1.3 suites among them; NULL: OpenSSL's default */
};

enum { TLS_WHY = 512 };

/* NULL: why has a sentence that names the file and what to do. server: needs cert; verify other than NONE needs ca. */
struct tls_context *tls_context_server(const struct tls_settings *settings, char why[TLS_WHY]);
struct tls_context *tls_context_client(const struct tls_settings *settings, char why[TLS_WHY]);
struct tls_context *tls_context_take(struct tls_context *context);
void tls_context_give(struct tls_context *context);

/* "1.2", "1.3". NULL: no such version. */
bool tls_version_parse(const char *text, enum tls_version *version);
/* "none", "request", "require". */
bool tls_verify_parse(const char *text, enum tls_verify *verify);

/* --- session tickets of a server context ------------------------------------------------------- */

enum { TLS_TICKET_NAME = 16 };

/* A key of tickets: name says which one a ticket was made with. Plain bytes, as they may lie in shared memory. */
struct tls_ticket_key {
    uint8_t name[TLS_TICKET_NAME];
    uint8_t cipher[32], mac[32];
};

enum tls_ticket {
    TLS_TICKET_UNKNOWN,
    TLS_TICKET_GOOD,
    TLS_TICKET_OLD /* good, but a new one is given */
};

/* Copies a key to *key. name NULL: the one for new tickets (UNKNOWN: no ticket is given); else the one of that name. Owned by this
 * floor; who keeps keys for all workers implements it. Called during handshakes. */
typedef enum tls_ticket tls_tickets_fn(void *about, const uint8_t *name,
                                       struct tls_ticket_key *key);

/* Before the context is used. Without it there are no tickets and each handshake is a full one. A ticket is good for contexts with the
 * same ca and verify, and while the client's certificate is. seconds: how long. */
void tls_context_set_tickets(struct tls_context *context, tls_tickets_fn *tickets, void *about,
                             unsigned seconds);

/* --- streams ----------------------------------------------------------------------------------- */

/* PLAIN becomes SHAKING. Takes a reference to the context. */
void stream_begin_server(struct stream *s, struct tls_context *context);

/* A session to resume, of an earlier connection by a context with equal settings; counted by tls_session_give. */
struct tls_session;

/* name: a host name or an IP address, which must be in the server's certificate where the context verifies; a host name is told to the
 * server (SNI). NULL: any, and none. session: tried, not given away; or NULL. The first message is sent by stream_shake. */
void stream_begin_client(struct stream *s, struct tls_context *context, const char *name,
                         struct tls_session *session);

enum stream_shake { STREAM_SHAKE_DONE, STREAM_SHAKE_AGAIN, STREAM_SHAKE_FAILED };

/* One step of the handshake: at most one read(2), one write(2), and what the CPU has to do for it (a server's RSA signature: 1 ms).
 * After DONE there may be bytes to read already. After FAILED the other side was told, if it can be; the stream is to be closed. */
enum stream_shake stream_shake(struct stream *s) __attribute__((warn_unused_result));

/* Why the last stream_shake, read or write failed (with EPROTO): a sentence without an end, as `the client does not speak TLS`, `server certificate
 * not valid: certificate has expired (subject "CN=a", issuer "CN=ca")`. Valid until the stream closes. With another errno strerror's. */
const char *stream_why(const struct stream *s);

/* The session that the server of a client stream gave last, once: the caller gives it back. NULL: none is new. A TLS 1.3 server sends it after the
 * handshake: ask when the connection ends, or after its first answers. */
struct tls_session *stream_take_session(struct stream *s);
void tls_session_give(struct tls_session *session);

/* --- what is known of the other side, once SECURE ---------------------------------------------- */

enum { TLS_NAME_MAX = 240 };

/* The common name of the other side's certificate, or its first alternative name; only of a verified one. False: there is none, or it has
 * control bytes, a NUL or more than TLS_NAME_MAX - 1 bytes. */
bool stream_peer_name(const struct stream *s, char name[TLS_NAME_MAX]);

/* "TLSv1.3", "TLS_AES_256_GCM_SHA384"; whether it resumed a session. */
const char *stream_tls_version(const struct stream *s);
const char *stream_tls_cipher(const struct stream *s);
bool stream_is_resumed(const struct stream *s);

#endif
