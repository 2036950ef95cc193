/* clocked: a memcached whose clock stands still until the test moves it, so that what depends on the second can be compared with what is
 * played here. Belongs to the stage.
 *
 * It is loaded with lib/shim.h. It takes the time when its main thread turns, once a second; a client that connects makes it turn.
 */
#ifndef TESTS_LIB_CLOCKED_H
#define TESTS_LIB_CLOCKED_H

#include <stdint.h>

#include "lib/memcached.h"
#include "lib/octets.h"

struct clocked;

/* One thread, no background threads. */
struct clocked *clocked_start(void);
struct memcached *clocked_memcached(const struct clocked *c);

/* Seconds since 1970, as it takes them. */
int64_t clocked_now(const struct clocked *c);
void clocked_moves(struct clocked *c, int64_t seconds);

/* Sends n bytes of whole requests, whose answers do not contain "MN", and gives what was answered. */
void clocked_asks(struct clocked *c, const void *bytes, size_t n, struct octets *answer);

#endif
