/* moving: two servers and two scripts, and commands that move items from one to the other.
 *
 * A plain value; servers, clients and texts belong to the stage.
 */
#ifndef TESTS_LIB_MOVING_H
#define TESTS_LIB_MOVING_H

#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/said.h"

enum { WHOLE = 0, LOSES = 1, USAGE = 2, NO_SERVICE = 3, SYSTEM = 4 };

/* Two servers: the old script has `a` alone; the new one sends keys that begin with b to `b`. */
struct moving {
    struct memcached *a, *b;
    struct client *at_a, *at_b;
    const char *old, *new;
};

/* A copy that goes on while the play does. */
struct running {
    struct program program;
    const char *out, *err; /* files */
};

/* mg.pool of it, as scripts have it. */
const char *pool_of(const struct memcached *s);

/* Connects to both, again after one was started again. */
void moving_looks(struct moving *s);

/* With those servers; with two that are started. */
struct moving moving_between(struct memcached *a, struct memcached *b);
struct moving moving_starts(void);

/* The file of a script whose route is this text, where `a` and `b` are pools of them. */
const char *moving_script(const struct moving *s, const char *route);

/* One pass at the highest rate, with --json, without a service. */
struct run copies(const struct moving *s);

/* A member of what it printed is that number. */
void copy_counts(struct run run, const char *name, double n);

/* The beginning of a set's line, but for the length. */
void stores(struct client *c, const char *line, const char *value);

/* Keys BEFORE0..n-1: each with itself as its value, and its number as its flags. How many of them are there so. */
void stores_many(struct client *c, const char *before, int n);
int count_of(struct client *c, const char *before, int n);

/* Of a file; "": there is none. */
const char *content_of(const char *path);

/* Begins one with further options; waits for its end. */
struct running *tool_begins(const char *words); /* moongate with these words */
struct running *begins_to_copy(const struct moving *s, const char *options);
struct run copy_ends(struct running *r);

/* Waits until the server has so many items. */
void so_many_are_copied(struct client *c, unsigned long n);

#endif
