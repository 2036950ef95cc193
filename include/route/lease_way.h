/* lease_way: what kind of request a lease has before it: pure functions of the request. They own nothing.
 */
#ifndef MOONGATE_ROUTE_LEASE_WAY_H
#define MOONGATE_ROUTE_LEASE_WAY_H

#include "route/lease.h"

/* What is done about a placeholder, see src/route/flow_lease_write.c. */
enum lease_way {
    LEASE_WAY_PASSES, /* nothing */
    LEASE_WAY_TRIES,  /* it is looked for after a failure */
    LEASE_WAY_LOOKS,  /* it is looked for first */
};
enum lease_way lease_way_of(const struct request *r, const struct lease_terms *t);

/* What a request that TRIES may get because of a placeholder. */
bool lease_is_suspicious(const struct request *r, const struct result *result);

/* It stores an item whatever is there. */
bool lease_stores(const struct request *r);

/* r, which stores, has failed, and may have left a placeholder, or an old one. */
bool lease_has_failed(const struct request *r, const struct result *result);

/* Of a meta command. */
bool lease_has_flag(const struct request *r, uint8_t letter);

/* The mode of ms, as a capital letter. */
uint8_t lease_mode_of(const struct request *r);

/* It adds to a value; makes an item where there is none; deletes; counts; compares a cas, as a meta command. */
bool lease_extends(const struct request *r);
bool lease_makes(const struct request *r);
bool lease_deletes(const struct request *r);
bool lease_counts(const struct request *r);
bool lease_compares(const struct request *r);

#endif
