/* Strict on purpose: a peer that may send a header decides who a client is. What is nearly a header is refused, and not guessed at.
 *
 * A header that says nothing of the address (UNKNOWN, UNSPEC, a unix socket, datagrams) is taken: the client counts as relayed, from the
 * balancer's own address. LOCAL is the balancer's own connection. */
#include "net/proxy.h"

#include <arpa/inet.h>
#include <string.h>

static struct proxy_header again(void)
{
    return (struct proxy_header){.status = PROXY_AGAIN};
}

static struct proxy_header bad(const char *wrong)
{
    return (struct proxy_header){.status = PROXY_BAD, .wrong = wrong};
}

/* --- version 1: a line ------------------------------------------------------------------------- */

/* What is left of the line. */
struct rest {
    const char *at, *end;
};

/* Takes the word up to the next space, or to the end of the line where it is the last one. False: it is empty or too long. */
static bool take_word(struct rest *r, char *word, size_t size, bool is_last)
{
    const char *stop = memchr(r->at, ' ', (size_t)(r->end - r->at));
    if (is_last == (stop != NULL)) return false;
    size_t len = (size_t)((stop ? stop : r->end) - r->at);
    if (len == 0 || len >= size) return false;
    memcpy(word, r->at, len);
    word[len] = '\0';
    r->at += len + (stop != NULL);
    return strlen(word) == len;
}

/* -1: it is no port. A port has no zeros in front. */
static int port_of(const char *word)
{
    int port = 0;
    if (word[0] == '0' && word[1]) return -1;
    for (; *word; word++) {
        if (*word < '0' || *word > '9' || port > 6553) return -1;
        port = port * 10 + (*word - '0');
    }
    return port <= 65535 ? port : -1;
}

/* `source destination port port`. The destination must be right, and is not used. */
static bool take_addresses(struct rest r, int family, struct addr *from)
{
    char source[INET6_ADDRSTRLEN], target[INET6_ADDRSTRLEN], port[6], target_port[6];
    uint8_t ignored[sizeof(struct in6_addr)];
    bool is_v4 = family == AF_INET;
    void *to = is_v4 ? (void *)&from->sa.v4.sin_addr : (void *)&from->sa.v6.sin6_addr;
    if (!take_word(&r, source, sizeof source, false) ||
        !take_word(&r, target, sizeof target, false) || !take_word(&r, port, sizeof port, false) ||
        !take_word(&r, target_port, sizeof target_port, true))
        return false;
    if (inet_pton(family, source, to) != 1 || inet_pton(family, target, ignored) != 1 ||
        port_of(port) < 0 || port_of(target_port) < 0)
        return false;
    from->len = is_v4 ? sizeof from->sa.v4 : sizeof from->sa.v6;
    from->sa.any.sa_family = (sa_family_t)family;
    addr_set_port(from, (uint16_t)port_of(port));
    return true;
}

static bool begins_with(const char *text, size_t len, const char *with)
{
    size_t n = strlen(with);
    return len >= n && memcmp(text, with, n) == 0;
}

/* The line without its end. */
static struct proxy_header take_line(const char *line, size_t len)
{
    struct proxy_header h = {.status = PROXY_OK, .len = len + 2};
    struct rest r = {line, line + len};
    bool is_v4 = begins_with(line, len, "PROXY TCP4 "),
         is_v6 = begins_with(line, len, "PROXY TCP6 ");
    bool is_unknown = begins_with(line, len, "PROXY UNKNOWN");
    if (is_unknown && (len == 13 || line[13] == ' ')) return h;
    if (!is_v4 && !is_v6) return bad("version 1 knows TCP4, TCP6 and UNKNOWN");
    r.at += 11;
    if (take_addresses(r, is_v4 ? AF_INET : AF_INET6, &h.from)) return h;
    return bad("its line has no two addresses and two ports");
}

static struct proxy_header parse_line(const char *bytes, size_t n)
{
    size_t most = n < PROXY_LINE_MAX ? n : PROXY_LINE_MAX;
    const char *end = memchr(bytes, '\n', most);
    if (!end) return n < PROXY_LINE_MAX ? again() : bad("its line is longer than 107 bytes");
    if (end == bytes || end[-1] != '\r') return bad("its line does not end in CR LF");
    return take_line(bytes, (size_t)(end - bytes) - 1);
}

/* --- version 2: binary ------------------------------------------------------------------------- */

static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";

enum { HEAD = 16, V4_BYTES = 12, V6_BYTES = 36, UNIX_BYTES = 216 };
enum { FAMILY_UNSPEC, FAMILY_V4, FAMILY_V6, FAMILY_UNIX, FAMILIES };
enum { TRANSPORT_UNSPEC, TRANSPORT_STREAM, TRANSPORT_DGRAM, TRANSPORTS };

static void take_v4(struct addr *to, const uint8_t *at)
{
    *to = (struct addr){.len = sizeof to->sa.v4};
    to->sa.v4.sin_family = AF_INET;
    memcpy(&to->sa.v4.sin_addr, at, 4);
    memcpy(&to->sa.v4.sin_port, at + 8, 2);
}

static void take_v6(struct addr *to, const uint8_t *at)
{
    *to = (struct addr){.len = sizeof to->sa.v6};
    to->sa.v6.sin6_family = AF_INET6;
    memcpy(&to->sa.v6.sin6_addr, at, 16);
    memcpy(&to->sa.v6.sin6_port, at + 32, 2);
}

/* Behind the addresses stand values that nobody asks for (TLVs). They are skipped. */
static struct proxy_header parse_binary(const uint8_t *bytes, size_t n)
{
    static const size_t needs[FAMILIES] = {0, V4_BYTES, V6_BYTES, UNIX_BYTES};
    struct proxy_header h = {.status = PROXY_OK};
    if (n > 12 && (bytes[12] >> 4 != 2 || (bytes[12] & 15) > 1))
        return bad("its version is not 2, or its command neither LOCAL nor PROXY");
    if (n < HEAD) return again();
    size_t len = (size_t)bytes[14] << 8 | bytes[15];
    unsigned family = bytes[13] >> 4, transport = bytes[13] & 15;
    h.is_local = (bytes[12] & 15) == 0;
    h.len = HEAD + len;
    if (h.len > PROXY_HEADER_MAX) return bad("it is longer than 4096 bytes");
    if (!h.is_local && (family >= FAMILIES || transport >= TRANSPORTS))
        return bad("its family or transport is unknown");
    if (!h.is_local && len < needs[family]) return bad("it is too short for its addresses");
    if (n < h.len) return again();
    if (h.is_local || transport != TRANSPORT_STREAM) return h;
    if (family == FAMILY_V4) take_v4(&h.from, bytes + HEAD);
    if (family == FAMILY_V6) take_v6(&h.from, bytes + HEAD);
    return h;
}

/* --- both -------------------------------------------------------------------------------------- */

static struct proxy_header parse(const uint8_t *bytes, size_t n)
{
    static const char word[] = "PROXY ";
    size_t line = n < sizeof word - 1 ? n : sizeof word - 1;
    size_t binary = n < sizeof signature ? n : sizeof signature;
    if (n == 0) return again();
    if (memcmp(bytes, word, line) == 0) return parse_line((const char *)bytes, n);
    if (memcmp(bytes, signature, binary) == 0) return parse_binary(bytes, n);
    return bad("there is none");
}

/* Balancers that listen at IPv6 tell IPv4 clients as ::ffff:10.0.0.1. */
struct proxy_header proxy_parse(const uint8_t *bytes, size_t n)
{
    struct proxy_header h = parse(bytes, n);
    if (h.from.len > 0) (void)addr_unmap(&h.from);
    return h;
}
