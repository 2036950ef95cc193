/* server: one server of a pool, as configuration or a source describes it: address, name, weight. A plain value; owns nothing.
 *
 *   server = address [ ":" weight ] [ " " name ]     the address as in net/addr.h, with a port before the weight;
 *                                                    11211 if none is given, and never 0
 *   weight = digits; 0 to 1000000
 *   name   = 1 to 255 bytes, no spaces and no control bytes
 */
#ifndef MOONGATE_DISCOVERY_SERVER_H
#define MOONGATE_DISCOVERY_SERVER_H

#include "net/addr.h"

enum {
    SERVER_PORT = 11211,
    SERVER_NAME_MAX = 256,
    SERVER_TEXT_MAX = 280, /* bytes of what server_show prints, NUL included */
    SERVER_WEIGHT_MAX = 1000000,
    SERVER_WEIGHT_NONE = -1, /* below 0: what is usual in the pool */
};

/* name, text, meaning: the name on the ring of a server for which the configuration gives none. Each is that of another system */
#define NAMINGS(X)                                                                                 \
    X(HOST, "host", "host where the port is 11211, else host:port; the path of a unix socket")     \
    X(HOST_PORT, "host_port", "host:port, always; the path of a unix socket")                      \
    X(SLASH, "slash", "/host:port, always; / and path:0")                                          \
    X(LIBMEMCACHED, "libmemcached", "as host, but path:0")                                         \
    X(PHP_MEMCACHE, "php_memcache", "host:port, always; unix:///path:0")                           \
    X(TWEMPROXY, "twemproxy", "as host; the path of a unix socket and a colon")

enum naming {
#define X(name, text, meaning) NAMING_##name,
    NAMINGS(X)
#undef X
        NAMING_COUNT
};

struct server_spec {
    struct addr_spec addr;      /* with a port, unless it is a path */
    double weight;              /* SERVER_WEIGHT_NONE if none is given */
    char name[SERVER_NAME_MAX]; /* "" if none is given */
};

/* Reads a server. NULL, or a sentence that says what is wrong, static or thread-local. */
const char *server_spec_parse(struct server_spec *spec, const char *text, size_t len);

/* The same in parts: a host name or an IP address, and a port; a name. Parts that come from strangers are never joined into
 * a text that is parsed again: a host may contain anything. */
const char *server_spec_from_host(struct server_spec *spec, const char *host, size_t len,
                                  uint32_t port);
const char *server_spec_set_name(struct server_spec *spec, const char *name, size_t len);

/* Prints what clients and logs see, `host:port`, `[v6]:port` or `unix:/path`, into text of SERVER_TEXT_MAX bytes. Returns it. */
const char *server_show(const struct server_spec *spec, char *text);

/* Prints the name that the ring hashes: the configured one, or the one that naming makes. Into text of SERVER_TEXT_MAX
 * bytes. Returns text. */
const char *server_ring_name(const struct server_spec *spec, enum naming naming, char *text);

#endif
