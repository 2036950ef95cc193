/* Why a handshake or a record failed, in words that say whose fault it is; and what is known of the other side. OpenSSL's own texts are
 * for those who know its source, so the frequent ones have others here. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <string.h>

#include "net/tls_engine.h"

enum { WHY = 1024, NAME = 256, ALERTS_FROM = SSL_AD_REASON_OFFSET };

/* reason, what a server says of its client, what a client says of its server (NULL: the same) */
static const struct {
    int reason;
    const char *of_client, *of_server;
} known[] = {
    {SSL_R_UNSUPPORTED_PROTOCOL, "has no TLS version that is allowed here", NULL},
    {SSL_R_NO_PROTOCOLS_AVAILABLE, "has no TLS version that is allowed here", NULL},
    {SSL_R_WRONG_SSL_VERSION, "has no TLS version that is allowed here", NULL},
    {SSL_R_WRONG_VERSION_NUMBER, "does not speak TLS", NULL},
    {SSL_R_NO_SHARED_CIPHER, "has no cipher that is allowed here", NULL},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "has no certificate, and must have one", NULL},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "sent a TLS record that is not genuine", NULL},
};

void tls_set_why(struct tls *t, const char *format, ...)
{
    va_list arguments;
    if (t->why) return;
    va_start(arguments, format);
    if (vasprintf(&t->why, format, arguments) < 0) abort();
    va_end(arguments);
}

static const char *known_text(const struct tls *t, int reason)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].reason == reason)
            return known[i].of_server && !t->context->is_server ? known[i].of_server
                                                                : known[i].of_client;
    return NULL;
}

void tls_note_failure(struct tls *t, const char *doing)
{
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_REASON(error);
    if (t->why || error == 0) {
        tls_set_why(t, "TLS %s failed", doing);
    } else if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason >= ALERTS_FROM) {
        tls_set_why(t, "it sent the alert \"%s\"",
                    SSL_alert_desc_string_long(reason - ALERTS_FROM));
    } else if (ERR_GET_LIB(error) == ERR_LIB_SSL && known_text(t, reason)) {
        tls_set_why(t, "%s", known_text(t, reason));
    } else {
        const char *text = ERR_reason_error_string(error);
        tls_set_why(t, "TLS %s failed: %s", doing, text ? text : "reason unknown");
    }
    ERR_clear_error();
}

const char *stream_why(const struct stream *s)
{
    return s->tls && s->tls->why ? s->tls->why : strerror(errno);
}

/* --- certificates ------------------------------------------------------------------------------ */

/* As `CN=a, O=b`, control bytes escaped. */
static void name_print(const X509_NAME *name, char text[NAME])
{
    BIO *to = BIO_new(BIO_s_mem());
    char *bytes;
    unsigned long how =
        (XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ & ~ASN1_STRFLGS_ESC_MSB) | ASN1_STRFLGS_ESC_CTRL;
    if (!to) abort();
    X509_NAME_print_ex(to, name, 0, how);
    long n = BIO_get_mem_data(to, &bytes);
    snprintf(text, NAME, "%.*s", (int)n, n > 0 ? bytes : "");
    BIO_free(to);
}

/* What the certificate is for, where that is not what was looked for. */
static void names_print(const X509 *cert, char text[NAME])
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    size_t at = 0;
    text[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && at < NAME; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS) continue;
        const char *bytes = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
        int n = ASN1_STRING_length(name->d.dNSName);
        for (int j = 0; j < n; j++)
            if (bytes[j] <= ' ' || bytes[j] > '~') n = 0;
        at += (size_t)snprintf(text + at, NAME - at, "%s%.*s", at ? ", " : "", n, bytes);
    }
    GENERAL_NAMES_free(names);
}

/* Where a name was looked for and is not there. False: that is not the reason. */
static bool note_other_name(struct tls *t, int error, const X509 *cert)
{
    X509_VERIFY_PARAM *wanted = SSL_get0_param(t->ssl);
    char names[NAME];
    if (error != X509_V_ERR_HOSTNAME_MISMATCH && error != X509_V_ERR_IP_ADDRESS_MISMATCH)
        return false;
    char *address = X509_VERIFY_PARAM_get1_ip_asc(wanted);
    const char *host = X509_VERIFY_PARAM_get0_host(wanted, 0);
    names_print(cert, names);
    tls_set_why(t, "certificate not valid: it is not for %s, but for %s",
                address ? address
                : host  ? host
                        : "that name",
                names[0] ? names : "no host name");
    OPENSSL_free(address);
    return true;
}

int tls_on_verify(int is_valid, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *t = SSL_get_app_data(ssl);
    if (is_valid || t->context->verify == TLS_VERIFY_NONE) return 1;
    const X509 *cert = X509_STORE_CTX_get_current_cert(store);
    int error = X509_STORE_CTX_get_error(store);
    char subject[NAME] = "", issuer[NAME] = "";
    if (!cert) cert = X509_STORE_CTX_get0_cert(store);
    if (!cert) return 0;
    if (note_other_name(t, error, cert)) return 0;
    name_print(X509_get_subject_name(cert), subject);
    name_print(X509_get_issuer_name(cert), issuer);
    tls_set_why(t, "certificate not valid: %s (subject \"%s\", issuer \"%s\")",
                X509_verify_cert_error_string(error), subject, issuer);
    return 0;
}

/* OpenSSL verifies certificates in full handshakes alone. */
bool tls_resumed_is_valid(struct tls *t)
{
    X509 *cert = SSL_get0_peer_certificate(t->ssl);
    if (!cert || t->context->verify == TLS_VERIFY_NONE || !SSL_session_reused(t->ssl)) return true;
    if (X509_cmp_current_time(X509_get0_notAfter(cert)) > 0) return true;
    tls_set_why(t, "certificate not valid: it has expired since the session began");
    return false;
}

/* --- the other side ---------------------------------------------------------------------------- */

/* A NUL in it could make one name look like another. */
static bool copy_name(const ASN1_STRING *from, char name[TLS_NAME_MAX])
{
    unsigned char *bytes = NULL;
    int n = ASN1_STRING_to_UTF8(&bytes, from);
    bool fits = n > 0 && n < TLS_NAME_MAX;
    for (int i = 0; fits && i < n; i++) fits = bytes[i] >= ' ' && bytes[i] != 127;
    if (fits) {
        memcpy(name, bytes, (size_t)n);
        name[n] = '\0';
    }
    OPENSSL_free(bytes);
    return fits;
}

static const ASN1_STRING *common_name(const X509 *cert)
{
    const X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    return at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
}

/* DNS names, addresses of mail and URIs (SPIFFE's) are text. */
static bool first_other_name(const X509 *cert, char text[TLS_NAME_MAX])
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool found = false, fits = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        found = name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI;
        if (found) fits = copy_name(name->d.ia5, text);
    }
    GENERAL_NAMES_free(names);
    return fits;
}

bool stream_peer_name(const struct stream *s, char name[TLS_NAME_MAX])
{
    const struct tls *t = s->tls;
    if (s->state != STREAM_SECURE || t->context->verify == TLS_VERIFY_NONE) return false;
    const X509 *cert = SSL_get0_peer_certificate(t->ssl);
    if (!cert || SSL_get_verify_result(t->ssl) != X509_V_OK) return false;
    const ASN1_STRING *common = common_name(cert);
    return common ? copy_name(common, name) : first_other_name(cert, name);
}

const char *stream_tls_version(const struct stream *s)
{
    return SSL_get_version(s->tls->ssl);
}

const char *stream_tls_cipher(const struct stream *s)
{
    return SSL_get_cipher_name(s->tls->ssl);
}

bool stream_is_resumed(const struct stream *s)
{
    return SSL_session_reused(s->tls->ssl);
}
