#include <stdlib.h>
#include <string.h>

#include "convert/mcrouter.h"

/* A server as mcrouter writes it: host:port, [v6]:port or unix:path, then the protocol, how it is secured, and whether it is
 * compressed.
 *
 * Sources: mcrouter/lib/network/AccessPoint.cpp 20-60 and 105-185, SecurityOptions.cpp 31-44, as of 2026-08. */

enum { PARTS = 4 }; /* port, protocol, security, compression; a socket has no port */

/* The parts behind the host, which begin with a colon each. False: something else stands there, or there are too many. */
static bool split(struct tree_text rest, struct tree_text parts[PARTS], uint32_t first)
{
    for (uint32_t i = first; rest.len && i < PARTS; i++) {
        if (*rest.bytes != ':') return false;
        const char *end = memchr(rest.bytes + 1, ':', rest.len - 1);
        size_t n = end ? (size_t)(end - rest.bytes) : rest.len;
        parts[i] = (struct tree_text){rest.bytes + 1, n - 1};
        rest = (struct tree_text){rest.bytes + n, rest.len - n};
    }
    return rest.len == 0;
}

/* What mcrouter's servers speak that moongate does not speak. */
static bool check_protocol(struct mc *m, const struct tree_node *node, struct tree_text protocol)
{
    if (!protocol.len || mc_same(protocol, "ascii")) return true;
    if (mc_same(protocol, "caret")) {
        mc_note(m, node,
                "servers of protocol caret are asked in memcached's text protocol, which mcrouter "
                "takes on the same port");
        return true;
    }
    if (mc_same(protocol, "thrift") || mc_same(protocol, "xdp"))
        return mc_fail(m, node,
                       "'%.*s': moongate speaks memcached's text protocol to servers: write :ascii",
                       (int)protocol.len, protocol.bytes);
    return mc_fail(m, node, "'%.*s' is no protocol: write :ascii", (int)protocol.len,
                   protocol.bytes);
}

/* mcrouter verifies its servers if an option of its command line says so. fizz and ktls12 are other programs for the same protocol; with
 * tls_to_plain the two sides stop to encrypt after the handshake, which nobody else does. */
bool mc_read_security(struct mc *m, const struct tree_node *node, struct tree_text text, bool *tls)
{
    if (!text.len) return true;
    *tls = mc_same(text, "ssl") || mc_same(text, "fizz") || mc_same(text, "ktls12");
    if (*tls)
        mc_note(
            m, node,
            "servers are spoken to by TLS if their certificates are for their hosts and of a CA "
            "that this system trusts: for another CA convert the file, and give the pool tls = { "
            "ca = FILE }");
    if (*tls || mc_same(text, "plain")) return true;
    if (mc_same(text, "tls_to_plain"))
        return mc_fail(m, node,
                       "'tls_to_plain' is a protocol of mcrouter alone: write :ssl, or :plain");
    return mc_fail(m, node, "'%.*s' is no way to secure a connection: write :ssl or :plain",
                   (int)text.len, text.bytes);
}

static bool check_parts(struct mc *m, const struct tree_node *node,
                        const struct tree_text parts[PARTS], struct tree_text protocol, bool *tls)
{
    if (!check_protocol(m, node, parts[1].len ? parts[1] : protocol) ||
        !mc_read_security(m, node, parts[2], tls))
        return false;
    if (mc_same(parts[3], "compressed"))
        return mc_fail(m, node, "compression is not built: write :notcompressed");
    return true;
}

/* Whether all bytes may stand in a host as moongate reads it; in brackets, an address of IPv6. */
static bool is_host(struct tree_text host, bool is_v6)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    for (size_t i = 0; i < host.len; i++) {
        char c = host.bytes[i];
        if (!c || (!strchr(letters, c) && !strchr(is_v6 ? ":." : "-_.", c))) return false;
    }
    return host.len > 0 && host.len < 256;
}

static bool read_port(struct tree_text text, unsigned long *port)
{
    *port = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9' || i > 5) return false;
        *port = 10 * *port + (unsigned long)(text.bytes[i] - '0');
    }
    return *port > 0 && *port < 65536;
}

static bool read_socket(struct mc *m, const struct tree_node *node, struct tree_text protocol,
                        const char **to, bool *tls)
{
    struct tree_text text = node->text, parts[PARTS] = {{NULL, 0}};
    const char *colon = memchr(text.bytes + 5, ':', text.len - 5);
    size_t n = colon ? (size_t)(colon - text.bytes) : text.len;
    if (n == 5 || n > 5 + 107)
        return mc_fail(m, node, "'%s': a path of a socket has 1 to 107 bytes", text.bytes);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text.bytes[i] <= ' ' || text.bytes[i] == 127)
            return mc_fail(m, node, "'%s': a path with a blank or control byte: rename it",
                           text.bytes);
    if (!split((struct tree_text){text.bytes + n, text.len - n}, parts, 1))
        return mc_fail(m, node, "'%s' is no server: write unix:path, or unix:path:ascii:plain",
                       text.bytes);
    *to = mc_text(m, "%.*s", (int)n, text.bytes);
    if (!check_parts(m, node, parts, protocol, tls)) return false;
    return !*tls || mc_fail(m, node,
                            "'%s': TLS to a socket of this machine has no host to verify: write "
                            "unix:PATH:ascii:plain",
                            text.bytes);
}

bool mc_server(struct mc *m, const struct tree_node *node, struct tree_text protocol,
               const char **to, bool *tls)
{
    struct tree_text text = node->text, host = text, parts[PARTS] = {{NULL, 0}};
    unsigned long port;
    if (text.len >= 5 && memcmp(text.bytes, "unix:", 5) == 0)
        return read_socket(m, node, protocol, to, tls);
    if (text.len >= 7 && memcmp(text.bytes, "dnssrv:", 7) == 0)
        return mc_fail(
            m, node,
            "'%s' is of a fork of mcrouter: name the servers, or convert the file and give "
            "the pool discover = \"dns+srv://...\"",
            text.bytes);
    bool is_v6 = text.len && *text.bytes == '[';
    const char *end = text.len ? memchr(text.bytes, is_v6 ? ']' : ':', text.len) : NULL;
    if (is_v6 && end) {
        host = (struct tree_text){text.bytes + 1, (size_t)(end - text.bytes) - 1};
        end++;
    } else if (end) {
        host.len = (size_t)(end - text.bytes);
    }
    if (!end || end == text.bytes + text.len)
        return mc_fail(m, node, "the server '%s' has no port: write '%s:11211'", text.bytes,
                       text.len ? text.bytes : "host");
    if (!split((struct tree_text){end, (size_t)(text.bytes + text.len - end)}, parts, 0))
        return mc_fail(m, node, "'%s' is no server: write host:port, or host:port:ascii:plain",
                       text.bytes);
    if (!is_host(host, is_v6))
        return mc_fail(m, node,
                       "'%s' has no host before its port: write host:port, or [address]:port",
                       text.bytes);
    if (!read_port(parts[0], &port))
        return mc_fail(m, node, "the server '%s' has no port from 1 to 65535: write one",
                       text.bytes);
    *to = mc_text(m, is_v6 ? "[%.*s]:%lu" : "%.*s:%lu", (int)host.len, host.bytes, port);
    return check_parts(m, node, parts, protocol, tls);
}
