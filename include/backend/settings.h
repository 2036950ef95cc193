/* settings: how a connection to a server behaves: timeouts, probes, limits. A plain value, copied by its users; nothing to free.
 *
 * LuaJIT's FFI reads this file too (through script/abi.h, with MOONGATE_CDEF).
 */
#ifndef MOONGATE_BACKEND_SETTINGS_H
#define MOONGATE_BACKEND_SETTINGS_H

#ifndef MOONGATE_CDEF
#include <stdint.h>
#endif

/* name, text, meaning: what proves that a server is there */
#define PROBES(X)                                                                                  \
    X(ANY, "any", "a whole line of any kind in answer to `version`")                               \
    X(VERSION, "version", "a VERSION line in answer to `version`")                                 \
    X(CONNECT, "connect", "the connection; nothing is asked, and no meta command is sent")

enum probe {
#define X(name, text, meaning) PROBE_##name,
    PROBES(X)
#undef X
        PROBE_COUNT
};

/* name, text, meaning: how many calls are in flight on a connection */
#define REQUESTS(X)                                                                                \
    X(MANY, "many", "up to depth")                                                                 \
    X(ONE, "one", "one; the others wait in moongate, up to depth")

enum requests {
#define X(name, text, meaning) REQUESTS_##name,
    REQUESTS(X)
#undef X
        REQUESTS_COUNT
};

/* name, text, meaning: in which words a server is asked for the one key of a get */
#define ASKS(X)                                                                                    \
    X(AUTO, "auto", "in those that cost its version least")                                        \
    X(GET, "get", "as `get KEY`, as the client asks")                                              \
    X(MG, "mg", "as `mg KEY v f c k`, where it answers `mn`")                                      \
    X(MERGE, "merge", "in one `get` with the keys of other clients")

enum ask_words {
#define X(name, text, meaning) ASK_##name,
    ASKS(X)
#undef X
        ASK_COUNT
};

/* name, text, meaning: what a client learns about a call that failed */
#define TEXTS(X)                                                                                   \
    X(SERVER, "server", "the server's name and the reason")                                        \
    X(TWEMPROXY, "twemproxy", "what twemproxy says: the error of the system alone")                \
    X(MCROUTER, "mcrouter", "what mcrouter says")

enum texts {
#define X(name, text, meaning) TEXTS_##name,
    TEXTS(X)
#undef X
        TEXTS_COUNT
};

/* name, text, meaning: when a server leaves its pool's ring by its errors; see ejection.h */
#define EJECTS(X)                                                                                  \
    X(NONE, "none", "never")                                                                       \
    X(TWEMPROXY, "twemproxy", "after failure_limit errors in a row, for a while")

enum ejects {
#define X(name, text, meaning) EJECTS_##name,
    EJECTS(X)
#undef X
        EJECTS_COUNT
};

/* name, text, meaning: how a server is spoken to */
#define PROTOCOLS(X)                                                                               \
    X(TEXT, "text", "in lines: classic and meta commands")                                         \
    X(BINARY, "binary", "in frames; see framed")

enum protocol {
#define X(name, text, meaning) PROTOCOL_##name,
    PROTOCOLS(X)
#undef X
        PROTOCOL_COUNT
};

/* name, type, default, least, most, meaning */
#define BACKEND_SETTINGS(X)                                                                        \
    X(connect_timeout, double, 0.5, 0.001, 3600, "seconds for connecting and the first `version`") \
    X(stall_timeout, double, 3, 0, 3600,                                                           \
      "seconds without a byte while calls wait, then the connection is closed; 0: never")          \
    X(probe_min, double, 0.1, 0.001, 3600, "seconds until a server that is down is tried again")   \
    X(probe_max, double, 10, 0.001, 3600, "seconds to which that grows, doubled each time")        \
    X(probe_settle, double, 5, 0, 3600,                                                            \
      "seconds that a connection must live for what was before it to be forgotten")                \
    X(failure_limit, uint32_t, 3, 1, 1000000,                                                      \
      "calls in a row that pass their timeout until the server is taken for down; errors in a "    \
      "row until it is ejected")                                                                   \
    X(depth, uint32_t, 16384, 1, 1000000, "most calls waiting on a connection")                    \
    X(connections, uint32_t, 1, 1, 1024, "connections per worker")                                 \
    X(probe, uint32_t, PROBE_ANY, 0, PROBE_COUNT - 1, "enum probe")                                \
    X(requests, uint32_t, REQUESTS_MANY, 0, REQUESTS_COUNT - 1, "enum requests")                   \
    X(ask, uint32_t, ASK_AUTO, 0, ASK_COUNT - 1, "enum ask_words")                                 \
    X(keys_per_get, uint32_t, 0, 0, 1000000, "most keys in a get to the server; 0: no limit")      \
    X(line_max, uint32_t, 32768, 512, 1048576, "most bytes of a get's line to the server")         \
    X(merge, uint32_t, 0, 0, 1,                                                                    \
      "1: gets of several clients go in one line where the server knows no meta commands")         \
    X(down, uint32_t, 0, 0, 1, "1: it is never connected, and its calls fail at once")             \
    X(keepalive, double, 60, 0, 32767,                                                             \
      "seconds of silence until the kernel asks whether the peer is there; 0: its own default")    \
    X(texts, uint32_t, TEXTS_SERVER, 0, TEXTS_COUNT - 1, "enum texts")                             \
    X(eject, uint32_t, EJECTS_NONE, 0, EJECTS_COUNT - 1, "enum ejects")                            \
    X(idle_probe, double, 0, 0, 3600,                                                              \
      "seconds without a call until an idle connection is asked something; 0: never")              \
    X(protocol, uint32_t, PROTOCOL_TEXT, 0, PROTOCOL_COUNT - 1, "enum protocol")                   \
    X(auth, uint32_t, 0, 0, UINT32_MAX, "the number of its credential, see credential; 0: none")   \
    X(tls, uint32_t, 0, 0, UINT32_MAX, "the number of its TLS settings, see secure; 0: plain")

struct backend_settings {
#define X(name, type, fallback, least, most, meaning) type name;
    BACKEND_SETTINGS(X)
#undef X
};

#endif
