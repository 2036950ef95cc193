/* refusal: why an address cannot be listened on, and what to do about it. Plain values with static texts, but `what`, which is valid until
 * the next call of strerror(3); owns nothing.
 */
#ifndef MOONGATE_NET_REFUSAL_H
#define MOONGATE_NET_REFUSAL_H

#include "net/addr.h"
#include <stdbool.h>

/* Why an address cannot be bound, and what to do about it; what == NULL: it is bound. */
struct refusal {
    const char *what;
    const char *advice;
    bool absent;     /* this machine has no such address */
    bool needs_root; /* a port below 1024 */
};

#define REFUSAL_TWICE                                                                              \
    ((struct refusal){.what = "given twice", .advice = "name each address once with -b"})
#define REFUSAL_BOUND                                                                              \
    ((struct refusal){.what = "--bind has it, too", .advice = "leave it out there or in mg.listen"})

/* By errno. has_port: the item names its port; else the port is --port's. */
struct refusal refusal_of_errno(const struct addr *addr, bool has_port);

/* By errno: the owner of a unix socket's file could not be set. has_access: the item names an owner or a group; else the owner is --user's. */
struct refusal refusal_of_owner(bool has_access);

#endif
