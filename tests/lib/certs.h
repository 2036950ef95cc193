/* certs: certificates and keys that tests make as they run: whole chains, and every way to be wrong.
 *
 * They live as long as the program, which frees them. Keys are EC (P-256) unless RSA is asked for; a certificate is valid from an hour
 * ago for a day, unless it says otherwise.
 */
#ifndef TESTS_LIB_CERTS_H
#define TESTS_LIB_CERTS_H

#include <stdbool.h>

struct cert;

struct cert_wanted {
    const char *name;          /* its common name; NULL: it has none */
    const char *alternatives;  /* "DNS:a.example,IP:127.0.0.1,URI:spiffe://x/y"; NULL: none */
    const struct cert *issuer; /* NULL: it signs itself */
    bool is_ca;
    bool is_rsa;
    double from, to; /* hours from now; both 0: -1 and 24 */
};

const struct cert *cert_make(const struct cert_wanted *wanted);

/* A CA that signs itself, and what it signs: for the common case. alternatives as above. */
const struct cert *cert_ca(const char *name);
const struct cert *cert_signed(const struct cert *ca, const char *name, const char *alternatives);

/* In PEM form. key_pem_encrypted: with a password. */
const char *cert_pem(const struct cert *cert);
const char *cert_key_pem(const struct cert *cert);
const char *cert_key_pem_encrypted(const struct cert *cert);

/* A file with these texts behind each other, in a folder that goes with the program: its path. */
const char *cert_file(const char *name, const char *text, const char *more);

#endif
