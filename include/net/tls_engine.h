/* tls_engine: what the files of TLS share (src/net/tls*.c, and nobody else): a connection's state and a context. Its users see
 * net/stream.h and net/tls.h.
 *
 * A struct tls is owned by its stream, from stream_begin_* to stream_release, which frees it. One process.
 */
#ifndef MOONGATE_NET_TLS_ENGINE_H
#define MOONGATE_NET_TLS_ENGINE_H

#include <openssl/ssl.h>

#include "net/tls.h"
#include "net/tls_bytes.h"
#include "net/tls_record.h"

struct tls_context {
    SSL_CTX *ssl;
    uint32_t references;
    bool is_server;
    enum tls_verify verify;
    tls_tickets_fn *tickets; /* NULL: none */
    void *tickets_about;
};

/* I6: `in` holds one record that is not whole, or those that the owner has not taken yet; `out` what the kernel has not taken of one
 * WRITE_AT_MOST, and of OpenSSL's own answers (KEPT_AT_MOST in src/net/tls.c). An idle connection has neither. */
struct tls {
    struct tls_context *context;
    SSL *
        ssl; /* NULL: of a client that has not sent its first message, so a silent one takes little memory */
    struct tls_bytes in, out;
    struct tls_hello hello;
    struct tls_session *session; /* that the server gave last */
    char *why;                   /* of the failure; NULL: none yet, or errno says it */
    bool has_failed;             /* reads and writes fail */
    bool has_ended;              /* nothing more comes: close_notify, or the socket's end */
    bool end_is_told;            /* and that was returned */
    bool end_is_said;            /* close_notify was sent */
};

/* Sets why from what OpenSSL says, unless it is set, and empties its queue of errors. doing: what was going on, as "handshake". */
void tls_note_failure(struct tls *t, const char *doing);

/* Sets why, unless it is set. */
void tls_set_why(struct tls *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* An SSL_verify_cb: notes why a certificate is not valid. */
int tls_on_verify(int is_valid, X509_STORE_CTX *store);

/* A resumed session has the client's certificate of the first one: false when it has expired since; why says so. */
bool tls_resumed_is_valid(struct tls *t);

#endif
