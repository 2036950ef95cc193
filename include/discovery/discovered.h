/* discovered: a list of servers that somebody told us of.
 *
 * Owned by whoever holds the struct. discovered_settle puts it in the one order that
 * equal memberships share, so that lists are compared as they stand.
 */
#ifndef MOONGATE_DISCOVERY_DISCOVERED_H
#define MOONGATE_DISCOVERY_DISCOVERED_H

#include "discovery/dns.h"
#include "discovery/membership.h"

enum { DISCOVERED_MAX = 4096 }; /* servers */

/* {0} is an empty one. */
struct discovered_list {
    struct server_spec *items;
    uint32_t n, room;
};

void discovered_add(struct discovered_list *list, const struct server_spec *spec);
void discovered_release(struct discovered_list *list);
void discovered_copy(struct discovered_list *to, const struct discovered_list *from);

/* Sorts by name, or by server where there is none, and leaves each once. NULL, or a sentence that says why this cannot be a
 * pool: too many, none, or one name for two servers. */
const char *discovered_settle(struct discovered_list *list);

/* Of settled lists. How many of `list` are not in `other`, by name and address. */
bool discovered_equal(const struct discovered_list *a, const struct discovered_list *b);
uint32_t discovered_beyond(const struct discovered_list *list, const struct discovered_list *other);

/* More than half of the servers would go: more likely a fault of who tells us than the truth. */
bool discovered_shrinks(const struct discovered_list *from, const struct discovered_list *to);

/* Each adds what it reads to an empty list. Sentences as above: NULL, or what is wrong. */
const char *discovered_from_file(struct discovered_list *list, const char *bytes, size_t len);
const char *discovered_from_config(struct discovered_list *list, const char *nodes, size_t len);

/* Every address is a server. */
void discovered_from_addrs(struct discovered_list *list, const struct addr *addrs, uint32_t n);

/* The targets of the lowest priority alone (RFC 2782); weight 0 counts as 1, a common divisor of all is taken out, and weights
 * that are all equal are none: each server has what is usual in its pool. */
void discovered_from_srv(struct discovered_list *list, const struct dns_srv *srvs, uint32_t n);

#endif
