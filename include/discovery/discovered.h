/* discovered: a list of servers that a source has found.
 *
 * The holder of the struct owns it, and frees its memory with discovered_release. discovered_settle sorts it, so that equal
 * memberships are equal lists. In a worker, or where a script is checked.
 */
#ifndef MOONGATE_DISCOVERY_DISCOVERED_H
#define MOONGATE_DISCOVERY_DISCOVERED_H

#include "discovery/dns.h"
#include "discovery/membership.h"

/* I6: servers of a settled list. */
enum { DISCOVERED_MAX = 4096 };

/* {0} is an empty list. */
struct discovered_list {
    struct server_spec *items;
    uint32_t n, room;
};

void discovered_add(struct discovered_list *list, const struct server_spec *spec);
void discovered_release(struct discovered_list *list);

/* Overwrites *to, which holds no memory. */
void discovered_copy(struct discovered_list *to, const struct discovered_list *from);

/* Sorts by name, or by address for servers without one, and drops duplicates. NULL, or a sentence that says why this cannot
 * be a pool: no server, too many, or one name for two servers. */
const char *discovered_settle(struct discovered_list *list);

/* Both for settled lists. discovered_beyond: how many of `list` are not in `other`, by name and address. */
bool discovered_equal(const struct discovered_list *a, const struct discovered_list *b);
uint32_t discovered_beyond(const struct discovered_list *list, const struct discovered_list *other);

/* More than half of the servers would go: more likely a fault of the source than the truth. */
bool discovered_shrinks(const struct discovered_list *from, const struct discovered_list *to);

/* Both add what they read to an empty list. NULL, or a sentence that says what is wrong; then the list holds a part. */
const char *discovered_from_file(struct discovered_list *list, const char *bytes, size_t len);
const char *discovered_from_config(struct discovered_list *list, const char *nodes, size_t len);

/* Every address is a server. */
void discovered_from_addrs(struct discovered_list *list, const struct addr *addrs, uint32_t n);

/* The targets with the lowest priority number only (RFC 2782). Weight 0 counts as 1, and weights are divided by their
 * greatest common divisor. When all are equal, the servers get no weight: each has the usual one of its pool. */
void discovered_from_srv(struct discovered_list *list, const struct dns_srv *srvs, uint32_t n);

#endif
