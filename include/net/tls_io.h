/* tls_io: between OpenSSL and the socket, for src/net/tls.c alone: a BIO over memory, one read(2) and one write(2) a call.
 *
 * Owns the process's scratch, which is empty between two calls of the engine. One process.
 */
#ifndef MOONGATE_NET_TLS_IO_H
#define MOONGATE_NET_TLS_IO_H

#include "net/tls_engine.h"

/* It reads what was offered, and what it writes is sent by tls_send. The SSL that gets it owns it. */
BIO *tls_bio_create(void);

/* What the connection has kept of what came, in place. */
struct span tls_kept(const struct tls *t);

/* One read(2), whose result it returns: the window is what was kept, and what came. It reads about `most` bytes at most, that the owner
 * takes, or what the record at hand lacks (I6). */
ssize_t tls_fill(struct stream *s, size_t most, struct span *window);

/* OpenSSL may read the whole records of the window. tls_offered: bytes that it has not read. tls_keep_rest: afterwards; the connection
 * keeps what is left of the window. */
void tls_offer(struct span window);
size_t tls_offered(void);
void tls_keep_rest(struct tls *t, struct span window);

/* Writes what OpenSSL has written since the last call, behind what the connection has kept; keeps what the kernel does not take. */
enum io_status tls_send(struct stream *s);

#endif
