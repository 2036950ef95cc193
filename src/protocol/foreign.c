/* A client that speaks another protocol is misconfigured. Its operator looks for the reason in the log, which then names the
 * protocol and the cure. The first bytes are enough; while there are too few of them, the result is UNSURE. */
#include "protocol/foreign.h"

#include <stdbool.h>
#include <string.h>

enum { BINARY_REQUEST = 0x80, TLS_HANDSHAKE = 0x16, TLS_MAJOR = 3 };

static enum foreign tls_or_none(const uint8_t *bytes, size_t n)
{
    if (n < 2) return FOREIGN_UNSURE;
    return bytes[1] == TLS_MAJOR ? FOREIGN_TLS : FOREIGN_NONE;
}

/* Redis: each request is an array of strings, which begins with `*`, their number and the end of the line. */
static enum foreign resp_or_none(const uint8_t *bytes, size_t n)
{
    enum { DIGITS = 7 };
    size_t at = 1;
    while (at < n && at <= DIGITS && bytes[at] >= '0' && bytes[at] <= '9') at++;
    if (at == n) return FOREIGN_UNSURE;
    if (at == 1 || bytes[at] != '\r') return FOREIGN_NONE;
    if (at + 1 == n) return FOREIGN_UNSURE;
    return bytes[at + 1] == '\n' ? FOREIGN_RESP : FOREIGN_NONE;
}

struct method {
    const char *text;
    size_t len;
    bool names_host; /* its target is a host; the others have a path, `*` or a URL */
};

#define METHOD(text, names_host)                                                                   \
    {                                                                                              \
        text, sizeof(text) - 1, names_host                                                         \
    }

/* HTTP/2 begins with PRI. */
static const struct method methods[] = {
    METHOD("GET", false),   METHOD("POST", false),   METHOD("HEAD", false),
    METHOD("PUT", false),   METHOD("DELETE", false), METHOD("OPTIONS", false),
    METHOD("PATCH", false), METHOD("CONNECT", true), METHOD("TRACE", false),
    METHOD("PRI", false),
};

static bool begins_target(const struct method *m, uint8_t byte)
{
    if (m->names_host) return byte > ' ';
    return byte == '/' || byte == '*' || byte == 'h' || byte == 'H';
}

/* The method, a space, and how its target begins. */
static enum foreign method_or_none(const struct method *m, const uint8_t *bytes, size_t n)
{
    if (memcmp(bytes, m->text, n < m->len ? n : m->len) != 0) return FOREIGN_NONE;
    if (n <= m->len) return FOREIGN_UNSURE;
    if (bytes[m->len] != ' ') return FOREIGN_NONE;
    if (n == m->len + 1) return FOREIGN_UNSURE;
    return begins_target(m, bytes[m->len + 1]) ? FOREIGN_HTTP : FOREIGN_NONE;
}

/* A method that may still come true is UNSURE: GE may be GET. */
static enum foreign http_or_none(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        enum foreign found = method_or_none(&methods[i], bytes, n);
        if (found != FOREIGN_NONE) return found;
    }
    return FOREIGN_NONE;
}

enum foreign foreign_of(const uint8_t *bytes, size_t n)
{
    if (n == 0) return FOREIGN_UNSURE;
    switch (bytes[0]) {
    case BINARY_REQUEST: return FOREIGN_BINARY;
    case TLS_HANDSHAKE: return tls_or_none(bytes, n);
    case '*': return resp_or_none(bytes, n);
    default: return bytes[0] >= 'A' && bytes[0] <= 'Z' ? http_or_none(bytes, n) : FOREIGN_NONE;
    }
}
