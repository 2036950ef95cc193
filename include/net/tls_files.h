/* tls_files: what a side of TLS is set up with, as people give it: paths of files, and words.
 *
 * A plain value; its texts stay the caller's. The files are read through base/secret.h, so that all workers of a generation of the script
 * have the same. Any process.
 */
#ifndef MOONGATE_NET_TLS_FILES_H
#define MOONGATE_NET_TLS_FILES_H

#include "net/certificate.h"
#include "net/tls.h"

struct bundle;

struct tls_files {
    const char *cert, *key,
        *ca; /* paths; NULL: not given. Without a key, it is in the file of the certificate */
    const char *ciphers; /* NULL: OpenSSL's default */
    enum tls_verify verify;
    enum tls_version min;
};

/* A context for connections of clients, and what log lines show of its certificate. b: of the script, or NULL; where it records, warnings
 * about the certificate are noted in it. NULL: why has a sentence that names the file. */
struct tls_context *tls_files_server(const struct tls_files *files, struct bundle *b,
                                     struct certificate *about, char why[TLS_WHY]);

#endif
