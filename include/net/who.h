/* who: what is known of a client besides its socket: its real address, if a balancer has told it, and its identity.
 *
 * Owned by its client, which has one only where something is known; it goes along, as a text, when the client moves to another
 * process. A plain value. One process.
 */
#ifndef MOONGATE_NET_WHO_H
#define MOONGATE_NET_WHO_H

#include <stdbool.h>

#include "net/addr.h"

enum { IDENTITY_MAX = 256 }; /* bytes of an identity, with the end */

/* How far a client has come: each waits for what it names, in this order. Written by client_enter alone. */
enum client_entry {
    ENTRY_PROXY,  /* the PROXY header */
    ENTRY_TLS,    /* the handshake */
    ENTRY_KNOCKS, /* its first bytes, which show the protocol */
    ENTRY_AUTH,   /* who it is: only what memcached answers before that is answered (I14) */
    ENTRY_IN,     /* nothing: its requests are served */
};

/* What it speaks. */
enum client_front { FRONT_UNKNOWN, FRONT_TEXT, FRONT_BINARY };

struct who {
    struct addr from; /* the real address; len 0: its socket's */
    bool is_relayed;  /* a PROXY header came: it is not near, whatever the balancer's address is */
    char identity[IDENTITY_MAX]; /* "cert:NAME", "user:NAME", or "" */
};

/* Identities begin with one of these: how it is known. */
#define IDENTITY_CERT "cert:"
#define IDENTITY_USER "user:"

/* True when that is the identity's name (len bytes): all of it; or what follows its prefix, where the name has no such prefix. */
bool identity_is(const char *identity, const char *name, size_t len);

/* True for a text that may be one: a prefix, and a name behind it. */
bool identity_is_valid(const char *text);

/* True: nothing is known. */
bool who_is_nobody(const struct who *w);

/* A client on its way to another process, which goes on where this one stopped. */
struct who_moved {
    enum client_entry entry;
    enum client_front front;
    struct who who;
};

enum { WHO_TEXT_MAX = 1024 }; /* bytes of a text, with the end */

/* Writes `1 entry=in front=text relayed from=10.1.2.3:4000 identity=user:joe`: the form's version, then words with a space between them, in
 * which %20 stands for a space. A later version may add words, which an earlier one leaves out. Returns text. */
const char *who_print(const struct who_moved *m, char text[WHO_TEXT_MAX]);

/* Reads it. False: it is of another version, or damaged: then the client begins from the start (I14: it is nobody yet). */
bool who_read(struct who_moved *m, const char *text);

#endif
