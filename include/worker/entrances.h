/* entrances: what a worker knows of the listeners that its clients come by: names, addresses and counters, by number.
 *
 * Owned by its worker. Those of --bind are known from the beginning; a listener of a script (mg.listen) when the worker is forked, or
 * with the first client that comes by it.
 */
#ifndef MOONGATE_WORKER_ENTRANCES_H
#define MOONGATE_WORKER_ENTRANCES_H

#include <stdint.h>

#include "base/board.h"
#include "net/labels.h"
#include "net/newcomer.h"

struct channel_message;
struct script;
struct worker;

/* All arrays have LISTENERS_ROOM places; of a number that nobody has, NULL. */
struct entrances {
    const char **names; /* what scripts and statistics call them */
    const char **addresses;
    struct board_listener **counts;
    struct labels labels;
    struct rules_set rules; /* that clients have come with: one struct a text */
};

/* Before scripts are loaded: the host and the clients get it. */
void entrances_init(struct worker *w);

/* A client comes by the listener with that number; text: its label, or "" for one of --bind. */
void entrances_learn(struct worker *w, uint32_t number, const char *text);

/* The client that has come with a message. */
struct newcomer entrances_newcomer(struct worker *w, const struct channel_message *m, int fd);

/* The script is in use: clients come by its listeners, and by --bind as far as that listens beside them. */
void entrances_follow(struct worker *w, const struct script *s);

void entrances_release(struct worker *w);

#endif
