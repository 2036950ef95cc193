#include "lib/certs.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXTS = 1024, CERTS = 256 };

struct cert {
    X509 *x509;
    EVP_PKEY *key;
    const char *pem, *key_pem, *encrypted_pem;
};

static struct cert certs[CERTS];
static char *texts[TEXTS], folder[64];
static int certs_n, texts_n;

static void forget(void)
{
    for (int i = 0; i < certs_n; i++) {
        X509_free(certs[i].x509);
        EVP_PKEY_free(certs[i].key);
    }
    for (int i = 0; i < texts_n; i++) {
        if (folder[0] && strncmp(texts[i], folder, strlen(folder)) == 0) unlink(texts[i]);
        free(texts[i]);
    }
    if (folder[0]) rmdir(folder);
}

static void must(int holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "a certificate for a test: %s failed\n", what);
    abort();
}

static const char *keep(char *text)
{
    must(text && texts_n < TEXTS, "room");
    return texts[texts_n++] = text;
}

static const char *text_of(BIO *from)
{
    char *bytes;
    long n = BIO_get_mem_data(from, &bytes);
    const char *text = keep(strndup(bytes, (size_t)n));
    BIO_free(from);
    return text;
}

static void extend(X509 *x509, int what, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, what, value);
    must(extension && X509_add_ext(x509, extension, -1), value);
    X509_EXTENSION_free(extension);
}

/* One RSA key serves all: making one takes long. */
static EVP_PKEY *make_key(bool is_rsa)
{
    static EVP_PKEY *rsa;
    if (!is_rsa) return EVP_EC_gen("P-256");
    for (int i = 0; i < certs_n && !rsa; i++)
        if (certs[i].key && EVP_PKEY_is_a(certs[i].key, "RSA")) rsa = certs[i].key;
    if (!rsa) return rsa = EVP_RSA_gen(2048);
    EVP_PKEY_up_ref(rsa);
    return rsa;
}

const struct cert *cert_make(const struct cert_wanted *wanted)
{
    if (certs_n == 0) atexit(forget);
    must(certs_n < CERTS, "room");
    double from = wanted->from, to = wanted->to;
    if (from == 0 && to == 0) from = -1, to = 24;
    struct cert *c = &certs[certs_n++];
    const struct cert *issuer = wanted->issuer ? wanted->issuer : c;
    c->key = make_key(wanted->is_rsa);
    c->x509 = X509_new();
    must(c->key && c->x509, "key");
    X509_set_version(c->x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c->x509), certs_n);
    X509_gmtime_adj(X509_getm_notBefore(c->x509), (long)(from * 3600));
    X509_gmtime_adj(X509_getm_notAfter(c->x509), (long)(to * 3600));
    X509_set_pubkey(c->x509, c->key);
    X509_NAME *subject = X509_get_subject_name(c->x509);
    if (wanted->name)
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                   (const unsigned char *)wanted->name, -1, -1, 0);
    X509_set_issuer_name(c->x509, X509_get_subject_name(issuer->x509));
    if (wanted->is_ca) extend(c->x509, NID_basic_constraints, "critical,CA:TRUE");
    if (wanted->alternatives) extend(c->x509, NID_subject_alt_name, wanted->alternatives);
    must(X509_sign(c->x509, issuer->key, EVP_sha256()), "signing");
    return c;
}

const struct cert *cert_ca(const char *name)
{
    return cert_make(&(struct cert_wanted){.name = name, .is_ca = true});
}

const struct cert *cert_signed(const struct cert *ca, const char *name, const char *alternatives)
{
    return cert_make(
        &(struct cert_wanted){.name = name, .issuer = ca, .alternatives = alternatives});
}

const char *cert_pem(const struct cert *cert)
{
    struct cert *c = &certs[cert - certs];
    BIO *to = c->pem ? NULL : BIO_new(BIO_s_mem());
    if (c->pem) return c->pem;
    must(to && PEM_write_bio_X509(to, c->x509), "PEM");
    return c->pem = text_of(to);
}

static const char *key_text(const struct cert *cert, const EVP_CIPHER *cipher)
{
    BIO *to = BIO_new(BIO_s_mem());
    must(to && PEM_write_bio_PKCS8PrivateKey(to, cert->key, cipher, NULL, 0, NULL,
                                             cipher ? (void *)"secret" : NULL),
         "PEM");
    return text_of(to);
}

const char *cert_key_pem(const struct cert *cert)
{
    struct cert *c = &certs[cert - certs];
    if (!c->key_pem) c->key_pem = key_text(c, NULL);
    return c->key_pem;
}

const char *cert_key_pem_encrypted(const struct cert *cert)
{
    struct cert *c = &certs[cert - certs];
    if (!c->encrypted_pem) c->encrypted_pem = key_text(c, EVP_aes_256_cbc());
    return c->encrypted_pem;
}

const char *cert_file(const char *name, const char *text, const char *more)
{
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/tmp/moongate-certs-XXXXXX");
        must(mkdtemp(folder) != NULL, "folder");
        if (certs_n == 0) atexit(forget);
    }
    char *path = NULL;
    must(asprintf(&path, "%s/%s", folder, name) > 0, "path");
    FILE *to = fopen(path, "w");
    must(to != NULL, path);
    bool is_written = fputs(text, to) >= 0 && (!more || fputs(more, to) >= 0);
    must(fclose(to) == 0 && is_written, path);
    return keep(path);
}
