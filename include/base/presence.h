/* presence: how many clients each address and each identity has, over all workers, for --max-conns-per-address and
 * --max-conns-per-identity.
 *
 * It lies on the board: each process counts in its own part, and any may read all. A name is the hash of an address or an identity, so that
 * nothing need be kept of either. What a process has counted goes when it does (presence_clear).
 *
 * The sum is exact while each worker has room: PRESENCE_PLACES names, of which PRESENCE_PROBES may have a hash that begins alike. A name for
 * which a worker finds no place is not counted there, and so not limited; it never counts for another.
 */
#ifndef MOONGATE_BASE_PRESENCE_H
#define MOONGATE_BASE_PRESENCE_H

#include <stddef.h>
#include <stdint.h>

enum { PRESENCE_PLACES = 16384, PRESENCE_PROBES = 16, PRESENCE_NONE = 0xffff };

/* Invariant: a name has one place at most; a place with n 0 is free. */
struct presence {
    uint32_t is_used; /* something was counted: else nobody need look, and no page is touched */
    struct {
        uint64_t name;
        uint64_t n;
    } places[PRESENCE_PLACES];
};

/* The name of some bytes; kind: addresses and identities are not mixed up. Never 0. */
uint64_t presence_name(uint8_t kind, const void *bytes, size_t len);

/* Counts one more. Returns its place, for presence_leave; PRESENCE_NONE: there is none. Only for the process that writes it. */
uint16_t presence_enter(struct presence *p, uint64_t name);

/* One less, at that place; PRESENCE_NONE: nothing. */
void presence_leave(struct presence *p, uint16_t place);

/* How many p has with that name. Any process. */
uint64_t presence_count(const struct presence *p, uint64_t name);

/* Its process is gone. */
void presence_clear(struct presence *p);

#endif
