/* overtls: the tests of servers once more, with TLS between moongate and them: where the environment says TLS=1, or the program's name
 * ends with _tls_test (the Makefile makes such names of some).
 *
 * Then backends and memcacheds of the tests speak TLS, scripts that begin with MG get the option `tls` for all pools, and clients that
 * connect to such a memcached themselves speak TLS, too. The program owns the certificates, and frees them at its end.
 */
#ifndef TESTS_LIB_OVERTLS_H
#define TESTS_LIB_OVERTLS_H

#include <stdbool.h>

struct cert;

/* True: it is so. */
bool over_tls(void);

/* True: TLS_CLIENTS=1: clients speak TLS to moongate over TCP. */
bool over_tls_clients(void);

/* A file with that certificate and its key. */
const char *over_tls_pair(void);

/* A CA of the tests, its file, and a certificate for 127.0.0.1 and localhost signed by it. In any case. */
const struct cert *over_tls_ca(void);
const char *over_tls_ca_file(void);
const struct cert *over_tls_cert(void);

/* The script with the option where it begins with MG, in the same line; else as it is. */
const char *over_tls_script(const char *script);

/* From now on a server at that address speaks TLS; whether one does. */
void over_tls_at(const char *address);
bool is_over_tls_at(const char *address);

#endif
