#include "lib/secure.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/certs.h"
#include "lib/octets.h"

struct secure {
    SSL_CTX *context;
    SSL *ssl;
    SSL_SESSION *session; /* that the server gave last */
    struct octets unsent; /* until the handshake is done */
    bool has_ended;
    char why[256], peer[256];
};

static void must(int holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "TLS of a test: %s failed\n", what);
    ERR_print_errors_fp(stderr);
    abort();
}

static X509 *read_cert(const struct cert *cert)
{
    BIO *from = BIO_new_mem_buf(cert_pem(cert), -1);
    X509 *x509 = PEM_read_bio_X509(from, NULL, NULL, NULL);
    BIO_free(from);
    must(x509 != NULL, "a certificate");
    return x509;
}

static void use_cert(SSL_CTX *context, const struct secure_wanted *wanted)
{
    X509 *own = read_cert(wanted->cert);
    BIO *from = BIO_new_mem_buf(cert_key_pem(wanted->cert), -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(from, NULL, NULL, NULL);
    must(SSL_CTX_use_certificate(context, own) == 1, "its certificate");
    must(SSL_CTX_use_PrivateKey(context, key) == 1, "its key");
    if (wanted->chain) must(SSL_CTX_add0_chain_cert(context, read_cert(wanted->chain)), "a chain");
    BIO_free(from);
    EVP_PKEY_free(key);
    X509_free(own);
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct secure *s = SSL_get_app_data(ssl);
    SSL_SESSION_free(s->session);
    s->session = session;
    return 1;
}

static SSL_CTX *context_of(const struct secure_wanted *wanted)
{
    if (wanted->like) {
        SSL_CTX_up_ref(wanted->like->context);
        return wanted->like->context;
    }
    SSL_CTX *context = SSL_CTX_new(wanted->is_server ? TLS_server_method() : TLS_client_method());
    must(context != NULL, "a context");
    if (wanted->version && wanted->version < TLS1_2_VERSION) SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, wanted->version ? wanted->version : TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(context, wanted->version);
    if (wanted->ciphers) must(SSL_CTX_set_cipher_list(context, wanted->ciphers), "ciphers");
    if (wanted->cert) use_cert(context, wanted);
    if (wanted->ca) {
        X509 *ca = read_cert(wanted->ca);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca);
        X509_free(ca);
    }
    bool verifies = wanted->ca || wanted->wants_cert;
    int how = SSL_VERIFY_PEER | (wanted->is_server ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    SSL_CTX_set_verify(context, verifies ? how : SSL_VERIFY_NONE, NULL);
    if (!wanted->refuses_resumption)
        SSL_CTX_set_session_id_context(context, (const unsigned char *)"test", 4);
    if (!wanted->is_server) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, on_session);
    } else if (wanted->has_no_tickets) {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    }
    return context;
}

struct secure *secure_create(const struct secure_wanted *wanted)
{
    struct secure *s = calloc(1, sizeof *s);
    must(s != NULL, "room");
    s->context = context_of(wanted);
    s->ssl = SSL_new(s->context);
    SSL_set_app_data(s->ssl, s);
    SSL_set_bio(s->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (wanted->is_server) {
        SSL_set_accept_state(s->ssl);
        return s;
    }
    SSL_set_connect_state(s->ssl);
    if (wanted->name) {
        SSL_set_tlsext_host_name(s->ssl, wanted->name);
        if (wanted->ca) SSL_set1_host(s->ssl, wanted->name);
    }
    if (wanted->resume && wanted->resume->session) SSL_set_session(s->ssl, wanted->resume->session);
    return s;
}

void secure_destroy(struct secure *s)
{
    if (!s) return;
    SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(s->ssl);
    SSL_SESSION_free(s->session);
    SSL_CTX_free(s->context);
    octets_release(&s->unsent);
    free(s);
}

static void send_due(struct secure *s, struct octets *out)
{
    char *bytes;
    long n = BIO_get_mem_data(SSL_get_wbio(s->ssl), &bytes);
    if (n > 0) octets_add(out, bytes, (size_t)n);
    (void)BIO_reset(SSL_get_wbio(s->ssl));
}

static bool note_failure(struct secure *s, int result)
{
    int error = SSL_get_error(s->ssl, result);
    if (error == SSL_ERROR_WANT_READ) return false;
    if (error == SSL_ERROR_ZERO_RETURN) {
        s->has_ended = true;
    } else if (!s->why[0]) {
        const char *text = ERR_reason_error_string(ERR_peek_error());
        snprintf(s->why, sizeof s->why, "%s", text ? text : "unknown");
    }
    ERR_clear_error();
    return true;
}

static void shake(struct secure *s)
{
    if (SSL_is_init_finished(s->ssl) || s->why[0]) return;
    ERR_clear_error();
    int result = SSL_do_handshake(s->ssl);
    if (result != 1) (void)note_failure(s, result);
}

void secure_gives(struct secure *s, const void *bytes, size_t n, struct octets *out)
{
    if (n) octets_add(&s->unsent, bytes, n);
    shake(s);
    size_t left = octets_n(&s->unsent);
    if (SSL_is_init_finished(s->ssl) && left > 0 && !s->why[0]) {
        ERR_clear_error();
        int result = SSL_write(s->ssl, octets_at(&s->unsent), (int)left);
        if (result > 0) octets_take(&s->unsent, left);
        if (result <= 0) (void)note_failure(s, result);
    }
    send_due(s, out);
}

void secure_takes(struct secure *s, const void *bytes, size_t n, struct octets *in,
                  struct octets *out)
{
    int result = 1;
    BIO_write(SSL_get_rbio(s->ssl), bytes, (int)n);
    shake(s);
    while (SSL_is_init_finished(s->ssl) && result > 0 && !s->why[0]) {
        ERR_clear_error();
        result = SSL_read(s->ssl, octets_reserve(in, 16384), 16384);
        if (result > 0)
            octets_grow(in, (size_t)result);
        else
            (void)note_failure(s, result);
    }
    secure_gives(s, NULL, 0, out);
}

void secure_ends(struct secure *s, struct octets *out)
{
    (void)SSL_shutdown(s->ssl);
    send_due(s, out);
}

bool secure_renegotiates(struct secure *s, struct octets *out)
{
    bool begins = SSL_renegotiate(s->ssl) == 1;
    if (begins) (void)SSL_do_handshake(s->ssl);
    ERR_clear_error();
    send_due(s, out);
    return begins;
}

bool secure_renews_keys(struct secure *s, struct octets *out)
{
    bool begins = SSL_key_update(s->ssl, SSL_KEY_UPDATE_REQUESTED) == 1;
    if (begins) (void)SSL_do_handshake(s->ssl);
    ERR_clear_error();
    send_due(s, out);
    return begins;
}

bool secure_is_done(const struct secure *s)
{
    return SSL_is_init_finished(s->ssl);
}

bool secure_has_ended(const struct secure *s)
{
    return s->has_ended;
}

bool secure_is_resumed(const struct secure *s)
{
    return SSL_session_reused(s->ssl);
}

const char *secure_why(const struct secure *s)
{
    return s->why;
}

const char *secure_version(const struct secure *s)
{
    return SSL_get_version(s->ssl);
}

const char *secure_sni(const struct secure *s)
{
    return SSL_get_servername(s->ssl, TLSEXT_NAMETYPE_host_name);
}

const char *secure_peer(const struct secure *s)
{
    struct secure *own = (struct secure *)s;
    X509 *cert = SSL_get0_peer_certificate(s->ssl);
    if (!cert || X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, own->peer,
                                           sizeof own->peer) < 0)
        return NULL;
    return own->peer;
}
