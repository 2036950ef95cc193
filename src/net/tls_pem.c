#include "net/tls_pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

static BIO *open_pem(const struct tls_pem *pem)
{
    BIO *from = BIO_new_mem_buf(pem->bytes.at, (int)pem->bytes.len);
    if (!from) abort();
    return from;
}

static const char *name_of(const struct tls_pem *pem)
{
    return pem->name ? pem->name : "PEM";
}

/* The end of a file that is read to its end is an error to OpenSSL. */
static bool is_end(void)
{
    unsigned long error = ERR_peek_last_error();
    bool ends = error == 0 ||
                (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE);
    if (ends) ERR_clear_error();
    return ends;
}

/* The reason of OpenSSL's last error. */
static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : "it cannot be read";
}

static bool complain(char why[TLS_WHY], const struct tls_pem *pem, const char *what)
{
    snprintf(why, TLS_WHY, "%s: %s", name_of(pem), what);
    ERR_clear_error();
    return false;
}

/* The next certificate. NULL: there is no other, or *is_broken. */
static X509 *next_certificate(BIO *from, bool *is_broken)
{
    X509 *cert = PEM_read_bio_X509_AUX(from, NULL, NULL, NULL);
    *is_broken = !cert && !is_end();
    return cert;
}

/* --- the certificate --------------------------------------------------------------------------- */

/* One that has expired may be used: a process that is started again must not find that it has no service at all. Owners warn (certificate.h). */
bool tls_pem_use_chain(SSL_CTX *ssl, const struct tls_pem *pem, char why[TLS_WHY])
{
    BIO *from = open_pem(pem);
    bool is_broken, fits = true;
    unsigned n = 0;
    for (X509 *cert; fits && (cert = next_certificate(from, &is_broken)); n++) {
        if (n == 0) {
            if (SSL_CTX_use_certificate(ssl, cert) != 1) fits = complain(why, pem, reason());
        } else if (SSL_CTX_add1_chain_cert(ssl, cert) != 1) {
            fits = complain(why, pem, reason());
        }
        X509_free(cert);
    }
    BIO_free(from);
    if (!fits) return false;
    if (is_broken) {
        snprintf(why, TLS_WHY, "%s: certificate %u in it cannot be read: %s", name_of(pem), n + 1,
                 reason());
        ERR_clear_error();
        return false;
    }
    return n > 0 ||
           complain(why, pem,
                    "there is no certificate in it (in PEM form, -----BEGIN CERTIFICATE-----)");
}

/* --- its key ----------------------------------------------------------------------------------- */

/* OpenSSL says only that it does not know such a thing. */
static const char KEY_BEGINS[] = "PRIVATE KEY-----";

/* A pem_password_cb: nobody can be asked here. */
static int no_password(char *to, int room, int writes, void *asked)
{
    (void)writes;
    if (room > 0) to[0] = '\0';
    *(bool *)asked = true;
    return -1;
}

bool tls_pem_use_key(SSL_CTX *ssl, const struct tls_pem *pem, const struct tls_pem *cert,
                     char why[TLS_WHY])
{
    BIO *from = open_pem(pem);
    bool asked = false, none;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(from, NULL, no_password, &asked);
    BIO_free(from);
    none = !key && !memmem(pem->bytes.at, pem->bytes.len, KEY_BEGINS, strlen(KEY_BEGINS));
    if (asked) {
        EVP_PKEY_free(key);
        return complain(
            why, pem,
            "the key is encrypted, and nobody can be asked for its password: write it without one, "
            "openssl pkey -in FILE -out NEW-FILE");
    }
    if (none)
        return complain(why, pem,
                        "there is no private key in it (in PEM form, -----BEGIN PRIVATE KEY-----)");
    if (!key) {
        snprintf(why, TLS_WHY, "%s: the private key cannot be read: %s", name_of(pem), reason());
        ERR_clear_error();
        return false;
    }
    X509 *own = SSL_CTX_get0_certificate(ssl);
    bool fits = own && X509_check_private_key(own, key) == 1;
    bool is_used = fits && SSL_CTX_use_PrivateKey(ssl, key) == 1;
    EVP_PKEY_free(key);
    if (!fits) {
        snprintf(why, TLS_WHY, "%s: the key does not belong to the certificate in %s", name_of(pem),
                 name_of(cert));
        ERR_clear_error();
        return false;
    }
    return is_used || complain(why, pem, reason());
}

/* --- whom we trust ----------------------------------------------------------------------------- */

bool tls_pem_trust(SSL_CTX *ssl, const struct tls_pem *pem, bool names, char why[TLS_WHY])
{
    BIO *from = open_pem(pem);
    bool is_broken;
    unsigned n = 0;
    for (X509 *cert; (cert = next_certificate(from, &is_broken)); n++) {
        (void)X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), cert);
        if (names) (void)SSL_CTX_add_client_CA(ssl, cert);
        X509_free(cert);
    }
    BIO_free(from);
    if (is_broken) {
        snprintf(why, TLS_WHY, "%s: certificate %u in it cannot be read: %s", name_of(pem), n + 1,
                 reason());
        ERR_clear_error();
        return false;
    }
    ERR_clear_error();
    return n > 0 ||
           complain(why, pem,
                    "there is no certificate in it (in PEM form, -----BEGIN CERTIFICATE-----)");
}
