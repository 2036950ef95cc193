/* backend_state: the structs behind lib/backend.h, for the files of lib that make it up: backend.c and backend_secure.c.
 *
 * Owned as lib/backend.h says.
 */
#ifndef TESTS_LIB_BACKEND_STATE_H
#define TESTS_LIB_BACKEND_STATE_H

#include "lib/address.h"
#include "lib/backend.h"
#include "lib/secure.h"

enum {
    PROBES = 2, /* what moongate asks each connection first */
    ASIDES = 2  /* what it asks on connections of their own */
};

struct link {
    struct peer peer;
    struct backend *backend;
    struct link *next; /* made later */
    unsigned probed;   /* how many of the probes were asked and answered */
    bool is_validated; /* all */
    bool is_over;      /* the play has seen or made its end */
};

struct backend {
    struct actor listener;
    struct address at;
    const char *address;
    const char *answers[PROBES]; /* to what it is asked first; NULL: it closes */
    unsigned probes;             /* how many of them it waits for */
    const char *told[ASIDES];    /* NULL: no answer */
    struct link *links;          /* all there ever were, oldest first */
    struct link *turned_to;
    unsigned n; /* links made */
    bool is_silent;
    struct secure_wanted wanted; /* is_server: new connections speak TLS */
    struct secure *shared;       /* owned: they know its tickets */
    struct backend *next;
};

/* The current link, once moongate has validated it. */
struct link *backend_awaited_link(struct backend *b);

#endif
