/* networks: lists of addresses such as 10.0.0.0/8, read from text and compared with an address.
 *
 * A list owns its items; networks_release frees them. Any process, no locks.
 *
 *   network = v4 [ "/" 0 to 32 ] | v6 [ "/" 0 to 128 ] | "unix"      without bits: that address alone
 *
 * An address has no bits set behind its network's: 10.0.0.1/8 is a typing error as often as not.
 */
#ifndef MOONGATE_NET_NETWORKS_H
#define MOONGATE_NET_NETWORKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

/* Addresses whose first `bits` bits are those of addr; IPv4 in IPv6 counts as IPv4. unix: all that come by a unix socket. */
struct network {
    struct addr addr;
    unsigned bits;
};

struct networks {
    struct network *items; /* owned */
    uint32_t n;
};

/* Reads one. Returns NULL, or a sentence that says what is wrong, valid until the next call in this thread. */
const char *network_parse(struct network *to, const char *text, size_t len);

/* Adds those of a text, with `between` between them. Returns as network_parse; what was read before stays in the list. */
const char *networks_add(struct networks *to, const char *text, size_t len, char between);

/* Whether one of them has that address. */
bool networks_hold(const struct networks *n, const struct addr *addr);

void networks_release(struct networks *n);

#endif
