/* keeping: a worker's talk with the spoolers, which keep on the disk what servers are to forget. A delete that failed goes there; what waits
 * for a server comes back to be replayed, and until then the server is gated (backend/gate.h).
 *
 * Part of its worker, which releases it. There is a link for each folder that the script names with mg.spool_deletes, none in tools and
 * rehearsals. The words of both sides: spool/words.h.
 */
#ifndef MOONGATE_WORKER_KEEPING_H
#define MOONGATE_WORKER_KEEPING_H

#include <stdbool.h>

#include "route/spool.h"

struct script;
struct spool_link;
struct worker;

struct keeping {
    struct spool_link *links;
    struct spool_desk desk;
    uint64_t *news; /* on the board, see struct spool_desk */
};

void keeping_init(struct worker *w);

/* Nothing is kept any more; what waits for an answer is given up. Before the servers are released. */
void keeping_release(struct worker *w);

/* Connects to the spoolers of a script that is about to be used. */
void keeping_want(struct worker *w, const struct script *s);

/* True: each of them has said for which servers deletes wait. Else the first folder that has not: *dir. */
bool keeping_is_known(const struct worker *w, const char **dir);

/* The script is in use: links of folders that it does not name go, once nothing waits on them. */
void keeping_follow(struct worker *w, const struct script *s);

/* Now and then: opens the gates of servers whose deletes were given up before they were said to the spooler. */
void keeping_look(struct worker *w);

/* At the end of a turn: says to the spoolers what has come. */
void keeping_end_turn(struct worker *w);

#endif
