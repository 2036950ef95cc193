#include "base/addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

/* Sentences that quote a number of the text live here until the next failure in this thread. */
static _Thread_local char sentence[80];

static const char *spec_read_port(struct addr_spec *spec, const char *text, size_t len)
{
    if (len == 0) return "the port after ':' is missing";
    uint32_t port = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return "the port is not a number";
        if (port <= 65535) port = port * 10 + (uint32_t)(text[i] - '0');
    }
    if (port > 65535) {
        snprintf(sentence, sizeof sentence, "port %.*s is not in 0..65535",
                 len < 20 ? (int)len : 20, text);
        return sentence;
    }
    spec->port = (uint16_t)port;
    spec->has_port = true;
    return NULL;
}

static const char *spec_read_host(struct addr_spec *spec, const char *text, size_t len)
{
    if (len == 0) return "the host is missing";
    if (len >= sizeof spec->host) return "the host name is too long";
    size_t digits = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte <= ' ' || byte == 0x7f) return "the host holds a space or control byte";
        digits += byte >= '0' && byte <= '9';
    }
    /* inet_aton would read 11211 as the address 0.0.43.203: nobody means that. */
    if (digits == len) return "a number alone is no host; HOST:PORT is wanted";
    memcpy(spec->host, text, len);
    return NULL;
}

static const char *spec_read_path(struct addr_spec *spec, const char *text, size_t len)
{
    if (len == 0) return "the path after unix: is missing";
    if (len >= sizeof spec->path) return "the path of the unix socket is longer than 107 bytes";
    if (memchr(text, '\0', len)) return "the path of the unix socket holds a NUL byte";
    memcpy(spec->path, text, len);
    return NULL;
}

/* `[v6]` or `[v6]:port`; text starts with the bracket. */
static const char *spec_read_bracketed(struct addr_spec *spec, const char *text, size_t len)
{
    const char *end = memchr(text, ']', len);
    if (!end) return "the ']' is missing";
    const char *wrong = spec_read_host(spec, text + 1, (size_t)(end - text) - 1);
    if (wrong) return wrong;
    if (!strchr(spec->host, ':')) return "what stands in [] is not an IPv6 address";
    size_t rest = len - (size_t)(end + 1 - text);
    if (rest == 0) return NULL;
    if (end[1] != ':') return "only ':' and a port may follow ']'";
    return spec_read_port(spec, end + 2, rest - 1);
}

const char *addr_spec_parse(struct addr_spec *spec, const char *text, size_t len)
{
    static const char unix_prefix[] = "unix:";
    size_t prefix = sizeof unix_prefix - 1;

    memset(spec, 0, sizeof *spec);
    if (len >= prefix && memcmp(text, unix_prefix, prefix) == 0)
        return spec_read_path(spec, text + prefix, len - prefix);
    if (len > 0 && text[0] == '[') return spec_read_bracketed(spec, text, len);

    const char *colon = memchr(text, ':', len);
    if (!colon) return spec_read_host(spec, text, len);
    size_t host = (size_t)(colon - text);
    if (memchr(colon + 1, ':', len - host - 1)) return spec_read_host(spec, text, len);
    const char *wrong = spec_read_host(spec, text, host);
    return wrong ? wrong : spec_read_port(spec, colon + 1, len - host - 1);
}

static void addr_set_path(struct addr *addr, const char *path)
{
    memset(addr, 0, sizeof *addr);
    addr->sa.un.sun_family = AF_UNIX;
    strcpy(addr->sa.un.sun_path, path); /* same size as spec's, which ends in NUL */
    addr->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}

void addr_set_port(struct addr *addr, uint16_t port)
{
    if (addr->sa.any.sa_family == AF_INET) addr->sa.v4.sin_port = htons(port);
    if (addr->sa.any.sa_family == AF_INET6) addr->sa.v6.sin6_port = htons(port);
}

static void addr_set_found(struct addr *addr, const struct addrinfo *found, uint16_t port)
{
    assert(found->ai_addrlen <= sizeof addr->sa);
    memset(addr, 0, sizeof *addr);
    memcpy(&addr->sa, found->ai_addr, found->ai_addrlen);
    addr->len = found->ai_addrlen;
    addr_set_port(addr, port);
}

/* /etc/hosts often names an address twice: each counts once. */
static size_t addr_add_found(struct addr *out, size_t n, const struct addrinfo *found,
                             uint16_t port)
{
    if (found->ai_family != AF_INET && found->ai_family != AF_INET6) return n;
    addr_set_found(&out[n], found, port);
    for (size_t i = 0; i < n; i++)
        if (memcmp(&out[i], &out[n], sizeof *out) == 0) return n;
    return n + 1;
}

bool addr_spec_is_literal(const struct addr_spec *spec, uint16_t port, struct addr *out)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    if (spec->path[0]) {
        addr_set_path(out, spec->path);
        return true;
    }
    if (getaddrinfo(spec->host, NULL, &hints, &found) != 0) return false;
    addr_set_found(out, found, spec->has_port ? spec->port : port);
    freeaddrinfo(found);
    return true;
}

const char *addr_resolve(const struct addr_spec *spec, uint16_t port, struct addr *out, size_t max,
                         size_t *n)
{
    assert(max > 0);
    *n = 0;
    if (spec->path[0]) {
        addr_set_path(&out[0], spec->path);
        *n = 1;
        return NULL;
    }
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(spec->host, NULL, &hints, &list);
    if (rc == EAI_SYSTEM) return strerror(errno);
    if (rc != 0) return gai_strerror(rc);
    for (struct addrinfo *found = list; found && *n < max; found = found->ai_next)
        *n = addr_add_found(out, *n, found, spec->has_port ? spec->port : port);
    freeaddrinfo(list);
    return *n ? NULL : "the name has no IPv4 or IPv6 address";
}

const char *addr_print(const struct addr *addr, char *text)
{
    char host[INET6_ADDRSTRLEN + 20]; /* and %interface of a link-local one */

    if (addr_is_unix(addr)) {
        snprintf(text, ADDR_TEXT_MAX, "unix:%s", addr->sa.un.sun_path);
        return text;
    }
    if (getnameinfo(&addr->sa.any, addr->len, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0)
        snprintf(host, sizeof host, "unknown");
    if (addr->sa.any.sa_family == AF_INET6)
        snprintf(text, ADDR_TEXT_MAX, "[%s]:%u", host, ntohs(addr->sa.v6.sin6_port));
    else
        snprintf(text, ADDR_TEXT_MAX, "%s:%u", host, ntohs(addr->sa.v4.sin_port));
    return text;
}

bool addr_is_unix(const struct addr *addr)
{
    return addr->sa.any.sa_family == AF_UNIX;
}
