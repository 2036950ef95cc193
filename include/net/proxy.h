/* proxy: the header of the PROXY protocol, versions 1 and 2, by which a balancer tells whose connection it passes on. It comes before all
 * else, TLS too.
 *
 * A pure function of bytes: it owns nothing, and may be called by any process.
 */
#ifndef MOONGATE_NET_PROXY_H
#define MOONGATE_NET_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

/* Bytes of a header: a line of version 1, with its end; one of version 2, whose length is a number up to 65535, as far as it is taken. */
enum { PROXY_LINE_MAX = 107, PROXY_HEADER_MAX = 4096 };

enum proxy_status {
    PROXY_AGAIN, /* all bytes so far belong to the header, and more must come */
    PROXY_OK,
    PROXY_BAD,
};

struct proxy_header {
    enum proxy_status status;
    size_t len;        /* OK: bytes of the header; what follows is the client's */
    bool is_local;     /* the balancer itself has connected, for a health check */
    struct addr from;  /* the client's address; len 0: the balancer does not tell it */
    const char *wrong; /* BAD: what is wrong; static text */
};

/* Reads the first n bytes of a connection. */
struct proxy_header proxy_parse(const uint8_t *bytes, size_t n);

#endif
