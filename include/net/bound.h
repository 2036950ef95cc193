/* bound: one address of a listener: bound, listened on, changed. For listener.c and relisten.c alone, which own the listener.
 *
 * To bind and to listen are two steps: nobody can connect to a socket that is only bound.
 */
#ifndef MOONGATE_NET_BOUND_H
#define MOONGATE_NET_BOUND_H

#include "net/bind.h"
#include "net/listener.h"
#include "net/refusal.h"

enum { ADDRESSES_PER_NAME = 16 };

/* What all addresses of one item of --bind or mg.listen share, and what the advice of a refusal depends on. */
struct bound {
    const char *text;      /* the item */
    const char *addresses; /* what it stands for, where the check has looked it up; or NULL */
    uint32_t number;       /* of the listener */
    struct passed *passed;
    bool has_port;   /* the item names its port; else the port is --port's */
    bool has_access; /* the item names an owner or a group; else the owner is --user's */
    bool is_late;    /* moongate serves already: it may not be root any more */
    enum listeners_use use;
    struct bind_access access;
    int backlog;
    char rules[RULES_TEXT_MAX]; /* what it asks of clients, see net/rules.h */
    char *why;                  /* where a complaint goes, LISTENERS_WHY bytes; NULL: to stderr */
};

/* Reads an item, and looks up its addresses: n of them. False, after a complaint. */
bool bound_read(struct bound *from, const struct listeners_wanted *wanted,
                struct addr addrs[ADDRESSES_PER_NAME], size_t *n);

/* The rules of an item (NULL: there is none; is_unix: its socket is one) with those for all listeners. False, after a complaint. */
bool bound_rules(struct bound *from, const struct listeners_wanted *wanted, const char *item,
                 bool is_unix);

/* The same as a struct; the caller's reference. */
struct rules *bound_rules_read(const struct bound *from);

/* One line on stderr, or in from->why; false, to be returned. */
bool bound_complain(const struct bound *from, const char *where, const char *what,
                    const char *advice);

/* Binds. A unix socket's file is there then, with its owner and mode. */
struct refusal bound_open(struct listener *l, const struct addr *addr, const struct bound *from);

/* Clients can connect from now on; of one that listens already, the backlog is changed. */
struct refusal bound_listen(const struct listener *l, const struct bound *from);

/* What to do about a refusal, in words that fit the item. Static text, until the next call. */
const char *bound_advice(const struct refusal *r, const struct bound *from);

#endif
