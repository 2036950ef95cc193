/* rules: what a listener asks of the clients that come by it, as its words in --bind or mg.listen say (net/bind.h).
 *
 * Read from the words' text by the master, which accepts, and by the worker, which gets the text with each client and keeps one
 * struct for each text. It owns its networks; the last rules_give frees it. One process.
 */
#ifndef MOONGATE_NET_RULES_H
#define MOONGATE_NET_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

enum rules_tls {
    RULES_TLS_DEFAULT, /* TLS when there is a certificate (--tls-cert), and the address is TCP */
    RULES_TLS_OFF,     /* notls: */
    RULES_TLS_ON,      /* tls: */
    RULES_TLS_MUTUAL,  /* mtls: the client must have a certificate */
};

enum rules_protocol { RULES_PROTOCOL_AUTO, RULES_PROTOCOL_TEXT, RULES_PROTOCOL_BINARY };

/* Addresses whose first `bits` bits are those of addr; IPv4 in IPv6 counts as IPv4. */
struct network {
    struct addr addr;
    unsigned bits;
};

struct networks {
    struct network *items; /* owned */
    uint32_t n;
};

struct rules {
    uint32_t references;
    enum rules_tls tls;
    enum rules_protocol protocol;
    bool no_auth;               /* auth=off */
    struct networks allow_from; /* n 0: everybody */
    struct networks proxy_from; /* whose connections begin with a PROXY header; n 0: nobody's */
};

#endif
