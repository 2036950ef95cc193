/* listens: the listeners that a script has made by mg.listen, and which of them a request came by. Of src/script alone, but for
 * script_listener.
 *
 * Owned by its script. A client has the number of a listener, whose name and address struct script_host knows; a script knows its
 * listeners by address and by name. `ways` remembers which number is which, so that routing reads one number.
 */
#ifndef MOONGATE_SCRIPT_LISTENS_H
#define MOONGATE_SCRIPT_LISTENS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "net/certificate.h"

struct answer;
struct request;
struct script;
struct tls_context;

struct script_listen {
    char *item;                     /* as an item of --bind */
    char *name, *address;           /* name: the address where it has none */
    int32_t route;                  /* -1: the returned one */
    struct tls_context *context;    /* of mg.listen { tls = {...} }, a reference; else NULL */
    struct certificate certificate; /* of that */
};

/* Invariant: ways is NULL until the first request that came by a listener; its length is host.listeners_n. */
struct script_listens {
    struct script_listen *all; /* n of them */
    uint32_t n;
    bool has_root;   /* the script returned a route */
    int32_t *ways;   /* by a listener's number: enum way, or the place in all */
    char **refusals; /* by a listener's number: the error that its clients get; or NULL */
};

/* The first answer for a request that came by a listener (REQUEST_BY_LISTENER in its function_id, which is cleared). */
int32_t listens_answer(struct script *s, struct request *r, struct answer *a);

/* The script's listener with that number; NULL: it has none. */
const struct script_listen *listens_find(struct script *s, uint32_t number);

/* The name by which the script knows the listener with that number; NULL: it does not. */
const char *listens_name(struct script *s, uint32_t number);

/* For people: a line for each. */
void listens_describe(const struct script *s, FILE *out);

void listens_release(struct script *s);

#endif
