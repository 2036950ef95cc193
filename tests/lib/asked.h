/* asked: a random request of an application: its kind, its keys and its bytes.
 *
 * A plain value.
 */
#ifndef TESTS_LIB_ASKED_H
#define TESTS_LIB_ASKED_H

#include "lib/octets.h"

enum { ASKED_KEYS = 200, ASKED_MANY = 12, ASKED_KEY_ROOM = 64 };

/* name, what it sends, what it may get besides SERVER_ERROR */
#define ASKED_KINDS(X)                                                                             \
    X(GET, "get of one key", "its value, END")                                                     \
    X(MANY, "get of some keys", "values of them in their order, END")                              \
    X(SET, "set", "STORED")                                                                        \
    X(QUIET_SET, "set with noreply", "nothing")                                                    \
    X(ADD, "add", "STORED, NOT_STORED")                                                            \
    X(DELETE, "delete", "DELETED, NOT_FOUND")                                                      \
    X(GETS, "gets of one key", "its value with a cas id, END")                                     \
    X(GAT, "gat of some keys", "values of them in their order, END")                               \
    X(TOUCH, "touch", "TOUCHED, NOT_FOUND")                                                        \
    X(META_GET, "mg with key and opaque", "its value or EN with both")                             \
    X(META_QUIET, "mg with q", "its value, or nothing")                                            \
    X(META_SET, "ms with opaque", "HD with it")                                                    \
    X(META_DELETE, "md with opaque", "HD or NF with it")                                           \
    X(MARK, "mn", "MN")

enum kind {
#define X(name, sends, gets) KIND_##name,
    ASKED_KINDS(X)
#undef X
        KIND_COUNT
};

struct asked {
    enum kind kind;
    unsigned keys[ASKED_MANY];
    unsigned n, seen; /* of keys; those that the answer has gone past */
    unsigned opaque;
};

enum kind asked_any_kind(unsigned *seed);

/* The key of that number; ASKED_KEY_ROOM bytes. */
size_t asked_write_key(const char *prefix, unsigned key, char *text);

/* Appends its bytes. A value has the next number, and a length from the seed. */
void asked_write(const struct asked *q, const char *prefix, unsigned *number, unsigned *seed,
                 struct octets *out);

#endif
