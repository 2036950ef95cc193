#include "net/socket.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/keepalive.h"

int socket_open(const struct addr *addr)
{
    assert(addr->len > 0 && addr->len <= sizeof addr->sa);
    return socket(addr->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* A request or an answer is written whole, once a turn. Nagle's algorithm would hold it back for one that is to come. */
bool socket_no_delay(int fd)
{
    int on = 1;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
}

static bool tune(int fd, double keepalive)
{
    return socket_no_delay(fd) && (keepalive < 0 || keepalive_set(fd, keepalive));
}

/* The options are set before the connection begins, so that it never is without them. */
int socket_connect(const struct addr *addr, double keepalive, int *fd)
{
    *fd = socket_open(addr);
    if (*fd < 0) return errno;
    if (!addr_is_unix(addr) && !tune(*fd, keepalive)) {
        int error = errno;
        close(*fd);
        *fd = -1;
        return error;
    }
    return connect(*fd, &addr->sa.any, addr->len) == 0 ? 0 : errno;
}
