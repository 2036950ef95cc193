/* beside: a rogue and a neighbour in front of one server, with one connection to it, of one worker.
 *
 * A struct beside is a plain value; all that a play makes belongs to the stage, which frees it.
 *
 * Whatever the rogue sends, the neighbour's answers are right, in order and all there, to the byte; nothing that the rogue called a
 * value was run as a command; the server was never taken for down. What the rogue is answered itself is for other tests; but when it
 * has asked its last and reads on, it is answered or closed.
 *
 * No error at all is allowed. A request of one client ends a connection that others share in one case alone (see backend/closing.h):
 * the server is of a version that nobody has looked at, and refuses a store of a size that it may well take. Then gets in flight are
 * sent once more, and other calls in flight fail. No server here does that.
 *
 * Environment: SEED names the first stream, STREAMS how many there are, LONG_SECONDS when to stop; FROM and TO: of each stream only
 * these requests, to find out which one it is. A failure prints the last streams, the newest last.
 */
#ifndef TESTS_LIB_BESIDE_H
#define TESTS_LIB_BESIDE_H

#include <stdbool.h>

#include "lib/neighbour.h"

struct beside {
    const char *server; /* its address */
    const char *name;
    const char *options; /* of `pool`; NULL: none */
    const char *route;   /* in Lua, over `pool`; NULL: that alone */
    struct neighbour_server knows;
    /* NULL, or called after each stream: fails the test if the server did something wrong */
    void (*looks)(void *what);
    void *what;
    unsigned
        streams; /* unless the environment says how many; of those this part: 1 / streams_part */
    unsigned streams_part; /* 1: all */
    unsigned seconds_part; /* likewise */
};

/* Starts a moongate and plays the streams; prints the neighbour's latency with a rogue beside it and alone. */
void beside_plays(const struct beside *b);

#endif
