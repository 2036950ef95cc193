#!/bin/sh
# Expected: a server that encrypts its session tickets with keys of its own (SSL_CTX_set_tlsext_ticket_key_evp_cb) sends tickets as a server
#     with the library's keys does. That one sends a new ticket on each resumed connection of TLS 1.3, so a client that uses each ticket
#     once, as SSL_get_session(3) recommends, resumes for ever. The callback returns 1 for a current key: "the session can continue on
#     those parameters", says its manual page; 2 is for a ticket "in a renewal period".
# Happens: after 1 no ticket follows a resumption. A client that keeps the newest ticket and uses it once makes a full handshake at every
#     second connection; one that keeps both tickets of the full handshake, at every third. To send what the library's keys send, the
#     callback returns 2 at each call. Its page does not say so, and its example never returns 2: it asks whether the key expired some time
#     ago after it has returned 0 for all that expired. That of SSL_CTX_set_session_ticket_cb(3) says only that such a callback "can
#     change" what TLS 1.3 does. 3.5.9 does the same.
# Source: Debian bookworm's libssl-dev and libssl3 3.0.20-1~deb12u2. Needs a C compiler.
# shellcheck source=findings/lib/debian.sh
. "$(dirname "$0")/lib/debian.sh"

have_package libssl-dev bookworm 3.0.20-1~deb12u2

cat >"$work/tickets.c" <<'X'
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char name[16], key[32], mac_key[32];
static int for_current_key; /* what the callback returns for it */
static SSL_SESSION *newest; /* the client's, not used yet */
static int tickets;         /* that the client got on this connection */

static void must(int is_right, const char *what) {
    if (is_right) return;
    printf("%s failed\n", what);
    ERR_print_errors_fp(stdout);
    exit(1);
}

static int own_key(SSL *s, unsigned char *key_name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new) {
    OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, mac_key, sizeof(mac_key)),
                           OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 0), OSSL_PARAM_construct_end()};
    (void)s;
    if (is_new) {
        memcpy(key_name, name, sizeof(name));
        must(RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1, "RAND_bytes");
    } else if (memcmp(key_name, name, sizeof(name)) != 0) {
        return 0;
    }
    must(EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key, iv, is_new) == 1, "EVP_CipherInit_ex");
    must(EVP_MAC_CTX_set_params(mac, params) == 1, "EVP_MAC_CTX_set_params");
    return is_new ? 1 : for_current_key;
}

static int got_ticket(SSL *s, SSL_SESSION *session) {
    (void)s;
    SSL_SESSION_free(newest);
    newest = session;
    tickets++;
    return 1; /* it is ours now */
}

static SSL_CTX *new_server(void) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    must(ctx && pkey && cert && X509_set_version(cert, X509_VERSION_3) && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) &&
             X509_gmtime_adj(X509_getm_notBefore(cert), -3600) && X509_gmtime_adj(X509_getm_notAfter(cert), 3600) &&
             X509_set_pubkey(cert, pkey) && X509_sign(cert, pkey, EVP_sha256()),
         "the certificate");
    must(SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, pkey) == 1, "its use");
    X509_free(cert);
    EVP_PKEY_free(pkey);
    return ctx;
}

/* A handshake, then one byte from the server, behind which all its tickets have come, and a polite end. */
static void connect_once(SSL_CTX *server_ctx, SSL_CTX *client_ctx) {
    SSL *server = SSL_new(server_ctx), *client = SSL_new(client_ctx);
    BIO *left, *right;
    char byte = 0;
    int is_done = 0;
    must(server && client && BIO_new_bio_pair(&left, 0, &right, 0) == 1, "SSL_new");
    SSL_set_bio(server, left, left);
    SSL_set_bio(client, right, right);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    if (newest) must(SSL_set_session(client, newest) == 1, "SSL_set_session");
    SSL_SESSION_free(newest);
    newest = NULL;
    tickets = 0;
    for (int i = 0; i < 100 && !is_done; i++) {
        int client_is_in = SSL_do_handshake(client) == 1;
        is_done = SSL_do_handshake(server) == 1 && client_is_in;
    }
    must(is_done && SSL_write(server, "x", 1) == 1 && SSL_read(client, &byte, 1) == 1 && byte == 'x', "the connection");
    printf(" %s+%d", SSL_session_reused(client) ? "resumed" : "full", tickets);
    SSL_shutdown(client);
    SSL_shutdown(server);
    SSL_free(client);
    SSL_free(server);
}

static void play(const char *what, int answer) {
    SSL_CTX *server = new_server(), *client = SSL_CTX_new(TLS_client_method());
    must(client && SSL_CTX_set_min_proto_version(client, TLS1_3_VERSION) == 1, "SSL_CTX_new");
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client, got_ticket);
    for_current_key = answer;
    if (answer) must(SSL_CTX_set_tlsext_ticket_key_evp_cb(server, own_key) == 1, "SSL_CTX_set_tlsext_ticket_key_evp_cb");
    printf("%s:", what);
    for (int i = 0; i < 6; i++) connect_once(server, client);
    printf("\n");
    SSL_SESSION_free(newest);
    newest = NULL;
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

int main(void) {
    must(RAND_bytes(name, sizeof(name)) == 1 && RAND_bytes(key, sizeof(key)) == 1 && RAND_bytes(mac_key, sizeof(mac_key)) == 1,
         "RAND_bytes");
    printf("%s\n", OpenSSL_version(OPENSSL_VERSION_STRING));
    play("the library's keys", 0);
    play("own keys, 1", 1);
    play("own keys, 2", 2);
    return 0;
}
X
mkdir -p "$work/root/usr/bin"
headers=$work/root/usr/include
cc -O1 -Wall -I"$headers" -I"$headers/$(cc -dumpmachine)" -o "$work/root/usr/bin/tickets" "$work/tickets.c" \
    "$(find "$work/root" -name libssl.so.3)" "$(find "$work/root" -name libcrypto.so.3)" || fail "the program does not compile"
expect "each of six connections, and the tickets that it brought" "3.0.20
the library's keys: full+2 resumed+1 resumed+1 resumed+1 resumed+1 resumed+1
own keys, 1: full+2 resumed+0 full+2 resumed+0 full+2 resumed+0
own keys, 2: full+2 resumed+1 resumed+1 resumed+1 resumed+1 resumed+1" "$(run_package tickets)"
echo "as before"
