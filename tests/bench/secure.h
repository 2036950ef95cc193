/* secure: TLS on the connections of load (-T): any certificate is taken, since what is measured are records.
 *
 * A connection owns its SSL. send and recv work as of sockets, with errno.
 */
#ifndef MOONGATE_BENCH_SECURE_H
#define MOONGATE_BENCH_SECURE_H

#include <openssl/ssl.h>

#include "state.h"

/* c->fd is connected, and still blocks. False: no handshake. */
static inline bool secure_open(struct conn *c)
{
    static SSL_CTX *context;
    if (!context) {
        context = SSL_CTX_new(TLS_client_method());
        if (!context) return false;
        SSL_CTX_set_mode(context,
                         SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    c->ssl = SSL_new(context);
    return c->ssl && SSL_set_fd(c->ssl, c->fd) == 1 && SSL_connect(c->ssl) == 1;
}

static inline ssize_t secure_result(struct conn *c, int n)
{
    if (n > 0) return n;
    switch (SSL_get_error(c->ssl, n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: errno = EPROTO; return -1;
    }
}

static inline ssize_t conn_send(struct conn *c, const void *bytes, size_t n)
{
    if (!c->ssl) return send(c->fd, bytes, n, MSG_NOSIGNAL);
    return secure_result(c, SSL_write(c->ssl, bytes, (int)n));
}

/* skips: the bytes are counted alone. */
static inline ssize_t conn_recv(struct conn *c, void *bytes, size_t n, bool skips)
{
    if (!c->ssl) return recv(c->fd, bytes, n, skips ? MSG_TRUNC : 0);
    return secure_result(c, SSL_read(c->ssl, bytes, (int)n));
}

#endif
