/* tls_pem: certificates and keys in PEM form, put into a context of OpenSSL. For src/net/tls_context.c alone. Owns nothing. */
#ifndef MOONGATE_NET_TLS_PEM_H
#define MOONGATE_NET_TLS_PEM_H

#include <openssl/ssl.h>

#include "net/tls.h"

/* False: why says what is wrong with which file. */
bool tls_pem_use_chain(SSL_CTX *ssl, const struct tls_pem *pem, char why[TLS_WHY]);
bool tls_pem_use_key(SSL_CTX *ssl, const struct tls_pem *pem, const struct tls_pem *cert,
                     char why[TLS_WHY]);

/* Trusts these certificates. names: they are told to clients, too. */
bool tls_pem_trust(SSL_CTX *ssl, const struct tls_pem *pem, bool names, char why[TLS_WHY]);

#endif
