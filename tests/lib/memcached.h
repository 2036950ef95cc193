/* memcached: the real server, on a free port of 127.0.0.1 or where the test says.
 *
 * It is the one that the environment names (MEMCACHED=/path), else the one that is installed.
 * Belongs to the stage, which ends it with the test. One thread, unless the options say otherwise,
 * so that cas numbers depend on the commands alone.
 */
#ifndef TESTS_LIB_MEMCACHED_H
#define TESTS_LIB_MEMCACHED_H

#include <stdbool.h>
#include <stddef.h>

struct cert;
struct memcached;

/* Starts it with these further options (NULL-ended) and waits until it answers. Over TLS (lib/overtls.h) it speaks that. */
struct memcached *memcached_start(const char *first, ...);

/* The same with that binary. */
struct memcached *memcached_start_of(const char *binary, const char *first, ...);

/* The same with that binary, speaking TLS by that certificate. */
struct memcached *memcached_start_secure(const char *binary, const struct cert *cert,
                                         const char *first, ...);

/* The binary that memcached_start runs. */
const char *memcached_at_hand(void);

/* It has today's meta commands: 1.6.10 or later. */
bool memcached_at_hand_has_meta(void);

/* The same at an address: `127.1.2.3:11211`, `unix:/path`. NULL when it ends at once: another process has
 * that port. */
struct memcached *memcached_start_at(const char *address, const char *first, ...);

const char *memcached_address(const struct memcached *s);

/* What it answered to `version`: "1.6.18". */
const char *memcached_version(const struct memcached *s);

/* Ends it now; starts it again, empty, at the same address. */
void memcached_kill(struct memcached *s);
void memcached_starts_again(struct memcached *s);

/* Stops it where it stands; lets it go on. */
void memcached_freezes(struct memcached *s);
void memcached_thaws(struct memcached *s);

/* The same without waiting until it is so: for what happens in the middle of a turn. */
void memcached_begins_to_freeze(struct memcached *s);
void memcached_begins_again(struct memcached *s);
bool memcached_is_gone(const struct memcached *s);

#endif
