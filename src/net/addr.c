/* One grammar for all addresses (addr.h), and strict on purpose. An address that is nearly right does harm later: a host that
 * inet_aton(3) takes for a number is another machine, a path that ends in ":1" is read as a weight, a byte that a terminal obeys
 * ends up in the log. So each function names the first thing that is wrong, in a sentence that an operator can act on.
 *
 * Parsing never looks anything up, and looking up never parses: an addr_spec is what lies between the two. */
#include "net/addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 253, LABEL_MAX = 63, ZONE_MAX = 15 };

/* Holds a sentence that quotes the text, until the next failure in this thread. */
static _Thread_local char sentence[80];

/* --- reading ----------------------------------------------------------------------------------- */

/* Digits alone: strtol(3) would take spaces and signs. The number stops growing behind 65535, so it cannot overflow. */
const char *addr_port_parse(uint16_t *port, const char *text, size_t len)
{
    if (len == 0) return "the port after ':' is missing";
    uint32_t number = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return "the port is not a number";
        if (number <= 65535) number = number * 10 + (uint32_t)(text[i] - '0');
    }
    if (number > 65535) {
        snprintf(sentence, sizeof sentence, "port %.*s is not in 0..65535",
                 len < 20 ? (int)len : 20, text);
        return sentence;
    }
    *port = (uint16_t)number;
    return NULL;
}

static const char *spec_read_port(struct addr_spec *spec, const char *text, size_t len)
{
    const char *wrong = addr_port_parse(&spec->port, text, len);
    spec->has_port = !wrong;
    return wrong;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* isalnum(3) would follow the locale. '_' is not for host names (RFC 952), but is common in names of services. */
static bool is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || is_digit(byte) ||
           byte == '-' || byte == '_' || byte == '.';
}

static bool is_control(char byte)
{
    return (unsigned char)byte < ' ' || byte == 0x7f;
}

static size_t count_name_bytes(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && is_name_byte(text[n])) n++;
    return n;
}

/* What is wrong follows from the first byte that a host may not have. */
static const char *wrong_byte(const char *text, size_t len)
{
    size_t n = count_name_bytes(text, len);
    if (n == len) return NULL;
    if (text[n] == ' ' || is_control(text[n])) return "the host holds a space or control byte";
    if (memchr(text, '/', len)) return "a path is written unix:/path";
    return "a host has letters, digits, '-', '_' and '.' only";
}

/* Empty and overlong labels: no name server has them, and a look-up would only fail later. */
static const char *wrong_labels(const char *text, size_t len)
{
    for (const char *label = text, *end = text + len; label < end;) {
        const char *dot = memchr(label, '.', (size_t)(end - label));
        size_t n = (size_t)((dot ? dot : end) - label);
        if (n == 0) return "the host has a '.' with nothing before it";
        if (n > LABEL_MAX) return "a part of the host is longer than 63 bytes";
        label = dot ? dot + 1 : end;
    }
    return NULL;
}

/* A name must not look like another address: inet_aton(3) reads 11211 as 0.0.43.203, which nobody means. */
static const char *wrong_number(const char *host)
{
    struct in_addr address;
    size_t len = strlen(host);
    if (strspn(host, "0123456789") == len) return "a number alone is no host; HOST:PORT is wanted";
    if (inet_pton(AF_INET, host, &address) == 1) return NULL;
    if (strspn(host, "0123456789.") == len || inet_aton(host, &address))
        return "an IPv4 address is four numbers of 0 to 255";
    return NULL;
}

/* A name or an IPv4 address. */
static const char *spec_read_name(struct addr_spec *spec, const char *text, size_t len)
{
    if (len == 0) return "the host is missing";
    const char *wrong = wrong_byte(text, len);
    if (wrong) return wrong;
    if (len > NAME_MAX_BYTES + (text[len - 1] == '.')) return "the host name is too long";
    wrong = wrong_labels(text, len);
    if (wrong) return wrong;
    assert(len < sizeof spec->host); /* spec is all zero: the NUL is there */
    memcpy(spec->host, text, len);
    if (strcmp(spec->host, "unix") == 0) return "unix is no host; unix:/path is wanted";
    return wrong_number(spec->host);
}

/* False when it is not an IPv6 address; spec stays as it was. */
static bool spec_read_v6(struct addr_spec *spec, const char *text, size_t len)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr ignored;
    const char *percent = memchr(text, '%', len);
    size_t n = percent ? (size_t)(percent - text) : len;
    if (n >= sizeof address || memchr(text, '\0', n)) return false;
    memcpy(address, text, n);
    address[n] = '\0';
    if (inet_pton(AF_INET6, address, &ignored) != 1) return false;
    if (percent) {
        size_t zone = len - n - 1;
        if (zone == 0 || zone > ZONE_MAX || count_name_bytes(percent + 1, zone) < zone)
            return false;
    }
    assert(len < sizeof spec->host);
    memcpy(spec->host, text, len);
    return true;
}

/* A server's address may have a weight behind it, ":3": a path may not end like that, or the two could not be told apart. */
static const char *spec_read_path(struct addr_spec *spec, const char *text, size_t len)
{
    if (len == 0) return "the path after unix: is missing";
    if (len >= sizeof spec->path) return "the path of the unix socket is longer than 107 bytes";
    for (size_t i = 0; i < len; i++)
        if (is_control(text[i])) return "the path of the unix socket holds a control byte";
    size_t before = len;
    while (before > 0 && is_digit(text[before - 1])) before--;
    if (before < len && before > 0 && text[before - 1] == ':')
        return "the path of the unix socket ends in ':' and a number; it has no port";
    memcpy(spec->path, text, len);
    return NULL;
}

/* `[v6]` or `[v6]:port`; text starts with the bracket. */
static const char *spec_read_bracketed(struct addr_spec *spec, const char *text, size_t len)
{
    const char *end = memchr(text, ']', len);
    if (!end) return "the ']' is missing";
    size_t inside = (size_t)(end - text) - 1, rest = len - inside - 2;
    if (inside == 0) return "the host is missing";
    if (!spec_read_v6(spec, text + 1, inside)) return "what stands in [] is not an IPv6 address";
    if (rest == 0) return NULL;
    if (end[1] != ':') return "only ':' and a port may follow ']'";
    return spec_read_port(spec, end + 2, rest - 1);
}

/* By the first byte or word: `unix:`, `[`, or a host. More than one ':' without brackets can only be an IPv6 address without a
 * port. */
const char *addr_spec_parse(struct addr_spec *spec, const char *text, size_t len)
{
    static const char unix_prefix[] = "unix:";
    size_t prefix = sizeof unix_prefix - 1;

    memset(spec, 0, sizeof *spec);
    if (len >= prefix && memcmp(text, unix_prefix, prefix) == 0)
        return spec_read_path(spec, text + prefix, len - prefix);
    if (len > 0 && text[0] == '[') return spec_read_bracketed(spec, text, len);

    const char *colon = memchr(text, ':', len);
    if (!colon) return spec_read_name(spec, text, len);
    size_t host = (size_t)(colon - text);
    if (memchr(colon + 1, ':', len - host - 1))
        return spec_read_v6(spec, text, len) ? NULL : "it is neither host:port nor an IPv6 address";
    const char *wrong = spec_read_name(spec, text, host);
    return wrong ? wrong : spec_read_port(spec, colon + 1, len - host - 1);
}

const char *addr_spec_parse_host(struct addr_spec *spec, const char *text, size_t len)
{
    memset(spec, 0, sizeof *spec);
    if (memchr(text, ':', len))
        return spec_read_v6(spec, text, len) ? NULL : "it is neither a host nor an IPv6 address";
    return spec_read_name(spec, text, len);
}

/* --- addresses --------------------------------------------------------------------------------- */

/* Addresses are compared byte by byte, so all bytes are set. */
static void addr_set_path(struct addr *addr, const char *path)
{
    assert(path[0] && strlen(path) < sizeof addr->sa.un.sun_path);
    memset(addr, 0, sizeof *addr);
    addr->sa.un.sun_family = AF_UNIX;
    strcpy(addr->sa.un.sun_path, path);
    addr->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}

void addr_set_port(struct addr *addr, uint16_t port)
{
    if (addr->sa.any.sa_family == AF_INET) addr->sa.v4.sin_port = htons(port);
    if (addr->sa.any.sa_family == AF_INET6) addr->sa.v6.sin6_port = htons(port);
}

bool addr_unmap(struct addr *addr)
{
    const struct sockaddr_in6 *v6 = &addr->sa.v6;
    struct addr v4 = {.len = sizeof v4.sa.v4};
    if (addr->sa.any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) return false;
    v4.sa.v4.sin_family = AF_INET;
    v4.sa.v4.sin_port = v6->sin6_port;
    memcpy(&v4.sa.v4.sin_addr, v6->sin6_addr.s6_addr + 12, 4);
    *addr = v4;
    return true;
}

static void addr_set_found(struct addr *addr, const struct addrinfo *found, uint16_t port)
{
    assert(found->ai_addrlen <= sizeof addr->sa);
    memset(addr, 0, sizeof *addr);
    memcpy(&addr->sa, found->ai_addr, found->ai_addrlen);
    addr->len = found->ai_addrlen;
    addr_set_port(addr, port);
}

/* /etc/hosts often has an address twice: it counts once. Returns the new number of addresses. */
static size_t addr_add_found(struct addr *out, size_t n, const struct addrinfo *found,
                             uint16_t port)
{
    if (found->ai_family != AF_INET && found->ai_family != AF_INET6) return n;
    addr_set_found(&out[n], found, port);
    for (size_t i = 0; i < n; i++)
        if (memcmp(&out[i], &out[n], sizeof *out) == 0) return n;
    return n + 1;
}

/* getaddrinfo(3) with AI_NUMERICHOST asks no name server; it also reads the zone of a link-local address. */
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

/* The form that addr_spec_parse reads. The name of a zone comes from the kernel, by getnameinfo(3). */
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

bool addr_is_loopback(const struct sockaddr *any)
{
    if (any->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)any;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    if (any->sa_family != AF_INET6) return false;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)any)->sin6_addr);
}
