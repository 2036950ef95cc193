/* addr: addresses of servers and listeners, parsed from and printed as text.
 *
 * A struct addr is a plain value: it owns nothing and may be copied and compared byte by byte (unused bytes are zero). Any
 * process may use it. addr_resolve looks up names with getaddrinfo(3), which may block: only while the command line is read,
 * never from a running loop (discovery/resolver.h is for that).
 *
 * The grammar of an address, whether it comes from the command line, a script, a file, a name server or a configuration endpoint.
 * addr.c is its only parser. It takes nothing else, and an address that it takes reads the same after it was printed.
 *
 *   address = host | host ":" port | v6 | "[" v6 "]" | "[" v6 "]:" port | "unix:" path
 *   host    = name | v4
 *   name    = labels of 1 to 63 letters, digits, '-', '_', with '.' between them, and maybe one '.' at the end;
 *             254 bytes at most; not "unix", not of digits and '.' alone, nor what inet_aton(3) takes for an address
 *   v4      = four numbers of 0 to 255 with '.' between them
 *   v6      = an IPv6 address as inet_pton(3) reads it, and maybe "%" zone
 *   zone    = 1 to 15 letters, digits, '-', '_', '.': the name or the number of an interface
 *   port    = digits; 0 to 65535
 *   path    = 1 to 107 bytes, no control bytes; ":" and digits do not stand at its end, as a weight would
 */
#ifndef MOONGATE_NET_ADDR_H
#define MOONGATE_NET_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct addr {
    socklen_t len; /* bytes of the member in use */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    } sa;
};

enum { ADDR_TEXT_MAX = 128 }; /* bytes of the longest printed address, NUL included */

/* True for 127.0.0.0/8 and ::1. */
bool addr_is_loopback(const struct sockaddr *any);

enum { ADDR_HOST_MAX = 256 }; /* bytes of the longest host, NUL included */

/* The parts of an address's text, before any look-up. A plain value. host is "" for a unix socket, path for all others. */
struct addr_spec {
    char host[ADDR_HOST_MAX];
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* of unix: */
    uint16_t port;                                          /* 0 unless has_port */
    bool has_port;
};

/* Reads an address (len bytes, without a NUL) into spec. Returns NULL, or a sentence that says what is wrong ("port 70000 is not
 * in 0..65535"), which is valid until the next call in this thread. */
const char *addr_spec_parse(struct addr_spec *spec, const char *text, size_t len);

/* The same for a host or v6 alone, where the port stands somewhere else: spec has no port. */
const char *addr_spec_parse_host(struct addr_spec *spec, const char *text, size_t len);

/* The same for a port alone. */
const char *addr_port_parse(uint16_t *port, const char *text, size_t len);

/* True when spec needs no look-up (an IPv4 or IPv6 literal, a unix socket). Then *out is its address, with `port` where spec has
 * none. Never blocks. */
bool addr_spec_is_literal(const struct addr_spec *spec, uint16_t port, struct addr *out);

/* Looks up spec. Stores at most max addresses (> 0) in out, with `port` where spec has none, each once, and their number in *n,
 * at least 1 on success. Returns NULL, or a sentence that says why not, valid until the next call in this thread. May block. */
const char *addr_resolve(const struct addr_spec *spec, uint16_t port, struct addr *out, size_t max,
                         size_t *n);

/* Prints `127.0.0.1:11211`, `[::1]:11211`, `unix:/path` to text, which has ADDR_TEXT_MAX bytes. Returns text. */
const char *addr_print(const struct addr *addr, char *text);

/* Sets the port of an IPv4 or IPv6 address. */
void addr_set_port(struct addr *addr, uint16_t port);

/* Makes an IPv4 address that comes as IPv6 (::ffff:10.0.0.1) the IPv4 address, with its port. False, and nothing is changed: it is none. */
bool addr_unmap(struct addr *addr);

bool addr_is_unix(const struct addr *addr);

#endif
