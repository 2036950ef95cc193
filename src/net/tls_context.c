/* Contexts: what OpenSSL is told before any connection. */
#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "net/tls_engine.h"
#include "net/tls_pem.h"

/* --- what is allowed --------------------------------------------------------------------------- */

bool tls_version_parse(const char *text, enum tls_version *version)
{
    bool is_1_2 = strcmp(text, "1.2") == 0;
    *version = is_1_2 ? TLS_1_2 : TLS_1_3;
    return is_1_2 || strcmp(text, "1.3") == 0;
}

bool tls_verify_parse(const char *text, enum tls_verify *verify)
{
    static const char *const words[] = {"none", "request", "require"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) != 0) continue;
        *verify = (enum tls_verify)i;
        return true;
    }
    return false;
}

/* OpenSSL has two lists: of TLS 1.3, whose suites begin with TLS_, and of 1.2. A list that has none of a kind leaves that at its default. */
static bool use_ciphers(SSL_CTX *ssl, const char *ciphers, char why[TLS_WHY])
{
    size_t room = strlen(ciphers) + 2;
    char *suites = calloc(1, room), *others = calloc(1, room), *copy = strdup(ciphers), *rest;
    if (!suites || !others || !copy) abort();
    rest = copy;
    for (char *word; (word = strsep(&rest, ":, ")) != NULL;) {
        char *list = strncmp(word, "TLS_", 4) == 0 ? suites : others;
        if (!*word) continue;
        if (*list) strcat(list, ":");
        strcat(list, word);
    }
    bool fits = (*suites || *others) && (!*suites || SSL_CTX_set_ciphersuites(ssl, suites) == 1) &&
                (!*others || SSL_CTX_set_cipher_list(ssl, others) == 1);
    if (!fits)
        snprintf(
            why, TLS_WHY,
            "ciphers \"%.200s\": OpenSSL knows no such cipher (`openssl ciphers -s` lists them)",
            ciphers);
    ERR_clear_error();
    free(suites);
    free(others);
    free(copy);
    return fits;
}

/* No renegotiation: a client could let a server sign without end. No compression: it gives away what is encrypted. */
static struct tls_context *create(const SSL_METHOD *method, const struct tls_settings *settings)
{
    struct tls_context *context = calloc(1, sizeof *context);
    if (!context) abort();
    context->references = 1;
    context->verify = settings->verify;
    context->ssl = SSL_CTX_new(method);
    if (!context->ssl) abort();
    SSL_CTX_set_options(context->ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context->ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_min_proto_version(context->ssl,
                                  settings->min == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context->ssl), X509_V_FLAG_PARTIAL_CHAIN);
    return context;
}

static bool use_own_certificate(struct tls_context *context, const struct tls_settings *settings,
                                char why[TLS_WHY])
{
    const struct tls_pem *key = settings->key.bytes.len ? &settings->key : &settings->cert;
    return tls_pem_use_chain(context->ssl, &settings->cert, why) &&
           tls_pem_use_key(context->ssl, key, &settings->cert, why);
}

static struct tls_context *finish(struct tls_context *context, bool fits)
{
    ERR_clear_error();
    if (fits) return context;
    tls_context_give(context);
    return NULL;
}

/* --- servers' ---------------------------------------------------------------------------------- */

/* A session is resumed without its client being verified again, so tickets are good only where the same would be asked. */
static void bind_sessions(struct tls_context *context, const struct tls_settings *settings)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    uint8_t verify = (uint8_t)settings->verify;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (!hash || !EVP_DigestInit_ex(hash, EVP_sha256(), NULL) ||
        !EVP_DigestUpdate(hash, &verify, 1) ||
        !EVP_DigestUpdate(hash, settings->ca.bytes.at, settings->ca.bytes.len) ||
        !EVP_DigestFinal_ex(hash, digest, &n))
        abort();
    EVP_MD_CTX_free(hash);
    assert(n <= SSL_MAX_SSL_SESSION_ID_LENGTH);
    SSL_CTX_set_session_id_context(context->ssl, digest, n);
}

/* Bytes of all that a client sends as its certificate: OpenSSL takes memory for as many as it says. */
enum { CERTIFICATES_AT_MOST = 32 * 1024 };

struct tls_context *tls_context_server(const struct tls_settings *settings, char why[TLS_WHY])
{
    struct tls_context *context = create(TLS_server_method(), settings);
    int verify = settings->verify == TLS_VERIFY_NONE ? SSL_VERIFY_NONE
                 : settings->verify == TLS_VERIFY_REQUEST
                     ? SSL_VERIFY_PEER
                     : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    context->is_server = true;
    SSL_CTX_set_verify(context->ssl, verify, tls_on_verify);
    SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context->ssl, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context->ssl, 0);
    SSL_CTX_set_max_early_data(context->ssl, 0);
    SSL_CTX_set_max_cert_list(context->ssl, CERTIFICATES_AT_MOST);
    bind_sessions(context, settings);
    bool fits = use_own_certificate(context, settings, why);
    if (fits && settings->verify != TLS_VERIFY_NONE && !settings->ca.bytes.len) {
        snprintf(
            why, TLS_WHY,
            "clients' certificates are to be verified, so it must be said who may sign them (ca)");
        fits = false;
    }
    if (fits && settings->verify != TLS_VERIFY_NONE)
        fits = tls_pem_trust(context->ssl, &settings->ca, true, why);
    if (fits && settings->ciphers) fits = use_ciphers(context->ssl, settings->ciphers, why);
    return finish(context, fits);
}

static bool use_ticket_key(const struct tls_ticket_key *key, const unsigned char *iv,
                           EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypts)
{
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key->mac, sizeof key->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, encrypts) == 1 &&
           EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

/* OpenSSL's callback: 1: use the key; 2: and give a new ticket; 0: none. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int encrypts)
{
    const struct tls *t = SSL_get_app_data(ssl);
    const struct tls_context *context = t->context;
    struct tls_ticket_key key;
    enum tls_ticket ticket = context->tickets(context->tickets_about, encrypts ? NULL : name, &key);
    if (ticket == TLS_TICKET_UNKNOWN) return 0;
    if (encrypts) {
        memcpy(name, key.name, sizeof key.name);
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
    }
    bool is_used = use_ticket_key(&key, iv, cipher, mac, encrypts);
    OPENSSL_cleanse(&key, sizeof key);
    if (!is_used) return -1;
    bool is_once =
        SSL_version(ssl) >=
        TLS1_3_VERSION; /* each of its tickets is used once, so that nobody sees the same one twice */
    return !encrypts && (is_once || ticket == TLS_TICKET_OLD) ? 2 : 1;
}

void tls_context_set_tickets(struct tls_context *context, tls_tickets_fn *tickets, void *about,
                             unsigned seconds)
{
    assert(context->is_server);
    context->tickets = tickets;
    context->tickets_about = about;
    SSL_CTX_clear_options(context->ssl, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context->ssl, 1);
    SSL_CTX_set_timeout(context->ssl, seconds);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context->ssl, on_ticket);
}

/* memcached before 1.6.39 waits for its socket when it has not read a whole record, and it reads no more than it has room for: 16 KiB, of
 * which a line that is not whole takes some. */
enum { SENT_AT_MOST = 8 * 1024 };

/* --- clients' ---------------------------------------------------------------------------------- */

/* OpenSSL's callback: 1: the session is ours. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls *t = SSL_get_app_data(ssl);
    if (t->session) tls_session_give(t->session);
    t->session = (struct tls_session *)session;
    return 1;
}

static bool use_system_store(SSL_CTX *ssl, char why[TLS_WHY])
{
    if (SSL_CTX_set_default_verify_paths(ssl) == 1) return true;
    snprintf(why, TLS_WHY, "the system's store of CAs cannot be read: %s",
             ERR_reason_error_string(ERR_peek_last_error()));
    return false;
}

struct tls_context *tls_context_client(const struct tls_settings *settings, char why[TLS_WHY])
{
    struct tls_context *context = create(TLS_client_method(), settings);
    bool fits = true;
    SSL_CTX_set_verify(context->ssl,
                       settings->verify == TLS_VERIFY_NONE ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
                       tls_on_verify);
    SSL_CTX_set_session_cache_mode(context->ssl,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context->ssl, on_session);
    SSL_CTX_set_max_send_fragment(context->ssl, SENT_AT_MOST);
    if (settings->verify != TLS_VERIFY_NONE)
        fits = settings->ca.bytes.len ? tls_pem_trust(context->ssl, &settings->ca, false, why)
                                      : use_system_store(context->ssl, why);
    if (fits && settings->cert.bytes.len) fits = use_own_certificate(context, settings, why);
    if (fits && settings->ciphers) fits = use_ciphers(context->ssl, settings->ciphers, why);
    return finish(context, fits);
}

struct tls_session *stream_take_session(struct stream *s)
{
    if (!s->tls) return NULL;
    struct tls_session *session = s->tls->session;
    s->tls->session = NULL;
    return session;
}

void tls_session_give(struct tls_session *session)
{
    SSL_SESSION_free((SSL_SESSION *)session);
}

/* --- references -------------------------------------------------------------------------------- */

struct tls_context *tls_context_take(struct tls_context *context)
{
    assert(context->references > 0);
    context->references++;
    return context;
}

void tls_context_give(struct tls_context *context)
{
    assert(context->references > 0);
    if (--context->references > 0) return;
    SSL_CTX_free(context->ssl);
    free(context);
}
