/* connect: a blocking stream socket connected to `host:port`, `[v6]:port` or `unix:/path`.
 *
 * Returns the descriptor, which the caller owns, or -1 with *why saying what went wrong (static text).
 */
#ifndef MOONGATE_BENCH_CONNECT_H
#define MOONGATE_BENCH_CONNECT_H

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static inline int connect_to(int family, const struct sockaddr *sa, socklen_t len, const char **why)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, sa, len) == 0) return fd;
    *why = strerror(errno);
    if (fd >= 0) close(fd);
    return -1;
}

static inline int connect_unix(const char *path, const char **why)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof un.sun_path) {
        *why = "path too long";
        return -1;
    }
    memcpy(un.sun_path, path, strlen(path) + 1);
    return connect_to(AF_UNIX, (struct sockaddr *)&un, sizeof un, why);
}

static inline int connect_tcp(const char *address, const char **why)
{
    char host[256];
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address || (size_t)(colon - address) >= sizeof host) {
        *why = "not an address: use host:port or unix:/path";
        return -1;
    }
    bool bracket = address[0] == '[' && colon[-1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(colon - address) - 2 * bracket, address + bracket);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int err = getaddrinfo(host, colon + 1, &hints, &found);
    if (err) {
        *why = gai_strerror(err);
        return -1;
    }
    int fd = connect_to(found->ai_family, found->ai_addr, found->ai_addrlen, why);
    freeaddrinfo(found);
    int on = 1;
    if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static inline int connect_address(const char *address, const char **why)
{
    if (strncmp(address, "unix:", 5) == 0) return connect_unix(address + 5, why);
    return connect_tcp(address, why);
}

#endif
