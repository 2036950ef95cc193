/* zoo: bad scripts. Each does something bad for a request of the key `bad`, in one place, and routes all others to a pool.
 *
 * The texts belong to the stage.
 */
#ifndef TESTS_LIB_ZOO_H
#define TESTS_LIB_ZOO_H

#include <stdbool.h>
#include <stddef.h>

/* name, what a script of that end may cost */
#define ZOO_ENDS(X)                                                                                \
    X(ERROR, "the request for `bad` gets a script error; nobody else notices more than a wait")    \
    X(STRAY, "requests of clients of the same worker may fail; no connection is closed")           \
    X(TIMER, "a timer fails again and again; nobody notices more than a wait")                     \
    X(KILLED_LATER, "the request gets its reply, then it is as below")                             \
    X(KILLED, "the worker is killed; its clients are closed")                                      \
    X(FAILING, "requests of all clients fail")                                                     \
    X(REFUSED, "the script does not load")

enum zoo_end {
#define X(name, cost) ZOO_##name,
    ZOO_ENDS(X)
#undef X
        ZOO_ENDS_COUNT
};

struct zoo_animal {
    const char *name;
    const char *place; /* the text around the deed */
    const char *deed;
    enum zoo_end end;
    bool is_unsafe;        /* it needs --unsafe-lua */
    bool is_plain;         /* it runs with --no-jit alone */
    bool is_slow;          /* to refuse it takes 10 seconds */
    bool is_eater;         /* what stops it is --script-memory */
    const char *no_target; /* why no rollback ever brings it back; NULL: one may */
};

size_t zoo_count(void);
const struct zoo_animal *zoo_animal(size_t i);

/* The animal's script over these servers, as a list in Lua: `'127.0.0.1:11211', '127.0.0.1:11212'`. A script that does no harm. */
const char *zoo_script(const struct zoo_animal *animal, const char *servers);
const char *zoo_good_script(const char *servers);

/* Fails every request. It never passes a probation, not even without requests. */
const char *zoo_worse_script(void);

#endif
