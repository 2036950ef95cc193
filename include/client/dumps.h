/* dumps: the keys of all servers, for one client: stats cachedump, lru_crawler metadump and mgdump.
 *
 * The set of clients owns its dumps, each from its request until its reply is complete. Lines go from a server to the client as the
 * client takes them, and nothing else is kept (I6). One worker; the number of dumps by lru_crawler is counted on the board.
 */
#ifndef MOONGATE_CLIENT_DUMPS_H
#define MOONGATE_CLIENT_DUMPS_H

#include <stdbool.h>
#include <stdint.h>

#include "client/dump_order.h"

struct client;
struct clients;
struct dump;

struct dumps {
    struct dump *first;
    uint32_t n;        /* all */
    uint32_t running;  /* of them, those that have begun */
    bool has_finished; /* a reply has been completed since dumps_look */
};

/* Answers c's request, a `stats cachedump` or a `lru_crawler` with those words behind it, in c's order. says_ok: a dump by lru_crawler
 * begins with OK, as from 1.6.43 on. */
void dumps_take(struct client *c, const struct request *r, enum dump_kind kind,
                const struct arguments *w, bool says_ok);

/* Begins those whose turn has come, lets those go on whose client has room, and ends those whose client has gone: at the end of each
 * turn. True: a reply has been completed, and its client is dirty. */
bool dumps_look(struct clients *set);
static inline bool dumps_are_there(const struct dumps *d)
{
    return d->first || d->has_finished;
}

#endif
