/* settings: how a server is talked to. A plain value.
 *
 * Read by LuaJIT's FFI too (through script/abi.h, with MOONGATE_CDEF).
 */
#ifndef MOONGATE_BACKEND_SETTINGS_H
#define MOONGATE_BACKEND_SETTINGS_H

#ifndef MOONGATE_CDEF
#include <stdint.h>
#endif

/* name, type, default, least, most, meaning */
#define BACKEND_SETTINGS(X)                                                                        \
    X(connect_timeout, double, 0.5, 0.001, 3600, "seconds for connecting and the first `version`") \
    X(stall_timeout, double, 3, 0.001, 3600,                                                       \
      "seconds without a byte while calls wait, then the connection is closed")                    \
    X(probe_min, double, 0.1, 0.001, 3600, "seconds until a server that is down is tried again")   \
    X(probe_max, double, 10, 0.001, 3600, "seconds to which that grows, doubled each time")        \
    X(probe_settle, double, 5, 0, 3600,                                                            \
      "seconds that a connection must live for what was before it to be forgotten")                \
    X(failure_limit, uint32_t, 3, 1, 1000000,                                                      \
      "calls in a row that pass their timeout until the server is taken for down")                 \
    X(depth, uint32_t, 16384, 1, 1000000, "most calls waiting on a connection")                    \
    X(connections, uint32_t, 1, 1, 64, "connections per worker")

struct backend_settings {
#define X(name, type, fallback, least, most, meaning) type name;
    BACKEND_SETTINGS(X)
#undef X
};

#endif
