/* relay: a TCP relay between moongate and a real server, which does harm on order.
 *
 * Belongs to the stage. Harm holds for the connections that there are and for those that come, until the next order. What
 * comes from moongate goes "up", what the server answers goes "down".
 */
#ifndef TESTS_LIB_RELAY_H
#define TESTS_LIB_RELAY_H

/* name, what it does; `amount` is relay_does' argument */
#define HARMS(X)                                                                                   \
    X(NONE, "passes everything on")                                                                \
    X(DELAY, "holds answers back for `amount` milliseconds")                                       \
    X(SLOW, "passes `amount` bytes a millisecond in each direction, out of small buffers")         \
    X(CUT, "passes `amount` bytes down on each connection, then closes it")                        \
    X(GARBAGE, "puts something that nobody said before or behind the next answer; `amount` seeds") \
    X(BLACKHOLE, "accepts connections and passes nothing on")                                      \
    X(REFUSE, "closes all connections, and takes no new ones")

enum harm {
#define X(name, meaning) HARM_##name,
    HARMS(X)
#undef X
        HARM_COUNT
};

struct relay;

/* On a free port of 127.0.0.1, in front of the server at that address. */
struct relay *relay_before(const char *server);

const char *relay_address(const struct relay *r);

void relay_does(struct relay *r, enum harm harm, unsigned amount);

/* Connections ever accepted. */
unsigned relay_links(const struct relay *r);

const char *harm_name(enum harm harm);

#endif
