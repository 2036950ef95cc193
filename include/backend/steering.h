/* steering: what an operator has decided about servers by hand: this one is drained, that one has another weight.
 *
 * A struct steering is a table without pointers, owned by the worker (its pools read it through struct backends) or by the master, which
 * keeps the decisions over reloads, replaced workers and upgrades. A server is known by its name, as `stats servers` shows it.
 *
 * Drained: every pool leaves the server out of its selector, so its keys go to the other servers, as with on_failure = "rehash" when it is
 * down. It keeps its connections, its values, and what is in flight. The last server of a pool stays: a pool whose servers are all
 * drained takes no notice. A route over that server alone (pool_one) fails instead.
 */
#ifndef MOONGATE_BACKEND_STEERING_H
#define MOONGATE_BACKEND_STEERING_H

#include "backend/pool.h"

enum { STEERING_MAX = 128, STEER_TEXT_MAX = 1000 };

struct steer {
    char server[BACKEND_NAME_MAX];
    char
        pool[POOL_NAME_MAX]; /* "": all pools that have the server; always so where it is drained */
    bool drained;
    double weight;    /* below 0: the script's */
    uint64_t changed; /* the number of the change that made it so */
};

struct steering {
    uint32_t n;
    struct steer items[STEERING_MAX];
};

/* What is decided about that server in that pool ("": in all); NULL: nothing. */
struct steer *steering_find(struct steering *s, const char *server, const char *pool);

/* Puts it in the place of what was decided about the same server and pool before. False: the table is full. */
bool steering_set(struct steering *s, const struct steer *steer)
    __attribute__((warn_unused_result));

/* Takes it out. It must be one of the items. */
void steering_remove(struct steering *s, struct steer *steer);

bool steer_is_nothing(const struct steer *steer);

/* The decision as a line of text, without `changed`; and back. False: it is not such a line. */
const char *steer_print(const struct steer *steer, char text[STEER_TEXT_MAX]);
bool steer_read(struct steer *steer, const char *text) __attribute__((warn_unused_result));

/* A weight as operators give it: above 0, up to a million; or "reset", below 0. False: it is none of these. */
bool steer_read_weight(const char *text, double *weight) __attribute__((warn_unused_result));

bool steering_drains(const struct steering *s, const char *server);

/* Below 0: the script's. What is said about one pool stands over what is said about all. */
double steering_weight(const struct steering *s, const char *server, const char *pool);

/* For the owner of a worker's table: it has changed, and the pools read it before they next choose a server. */
void steering_changed(struct backends *set);

/* False: a weight changes nothing there, and none is set. */
bool pool_takes_weights(const struct pool *p);

/* For pools. Sets what is decided about each member. True when that is something else than before. */
bool pool_steer(struct pool *p);

/* What the selector gets of a member. */
struct selector_server pool_selector_server(const struct pool *p, const struct pool_member *m,
                                            double weight);

#endif
