/* certificates: what a worker says of the certificates that its clients see: in the log and on the board.
 *
 * Owned by its worker. The first worker alone writes lines, as all have the same certificates.
 */
#ifndef MOONGATE_WORKER_CERTIFICATES_H
#define MOONGATE_WORKER_CERTIFICATES_H

#include <stdint.h>

#include "client/client.h"

struct script;
struct worker;

struct certificates {
    int64_t look_at; /* seconds since 1970: when it warns again of those that expire soon */
};

/* The script is in use from now on, with its certificates. */
void certificates_follow(struct worker *w, const struct script *s);

/* A clients_secures_fn: by the script in use and the client's listener. */
enum clients_secures certificates_secure(void *about, const struct client *c,
                                         struct tls_context **to);

/* Now and then. */
void certificates_look(struct worker *w);

#endif
