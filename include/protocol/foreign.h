/* foreign: which protocol a client speaks that does not speak memcache's text protocol, by its first bytes. Pure; owns nothing.
 *
 * No memcache command looks like one of these: commands are lower case, and none begins with 0x80, 0x16 or `*`.
 */
#ifndef MOONGATE_PROTOCOL_FOREIGN_H
#define MOONGATE_PROTOCOL_FOREIGN_H

#include <stddef.h>
#include <stdint.h>

/* name, its counter's name, what a client speaks, what to do about it */
#define FOREIGN_PROTOCOLS(X)                                                                       \
    X(BINARY, foreign_binary, "memcache's binary protocol",                                        \
      "set the client to the text (ascii) protocol")                                               \
    X(TLS, foreign_tls, "TLS",                                                                     \
      "turn TLS off in the client, or give this listener a certificate (--tls-cert)")              \
    X(HTTP, foreign_http, "HTTP", "point the browser, proxy or health check elsewhere")            \
    X(RESP, foreign_resp, "Redis' protocol", "point the client to a Redis server")

enum foreign {
    FOREIGN_NONE,
#define X(name, counter, what, cure) FOREIGN_##name,
    FOREIGN_PROTOCOLS(X)
#undef X
        FOREIGN_UNSURE, /* there are too few bytes yet */
    FOREIGN_COUNT = FOREIGN_UNSURE
};

/* The protocol of a connection whose first n bytes these are. */
enum foreign foreign_of(const uint8_t *bytes, size_t n);

#endif
