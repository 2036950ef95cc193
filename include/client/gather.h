/* gather: one request for all servers of all pools, and one answer: flush_all, stats items|slabs|sizes|conns.
 *
 * Owns itself from gather_send until its last call has ended. Lines of statistics with equal names become one, by the
 * rules of client/stat_rule.h; a server that fails is named in a line of its own, or, for flush_all, is the answer.
 */
#ifndef MOONGATE_CLIENT_GATHER_H
#define MOONGATE_CLIENT_GATHER_H

#include "client/client.h"

enum gather_kind {
    GATHER_OK,    /* OK once all have said so */
    GATHER_SUM,   /* STAT lines, those of one name as one */
    GATHER_NAMED, /* STAT lines, each with its server before the name */
};

/* Sends r (admin; its args are what goes behind the command) to every server; the answer takes its place among c's replies,
 * or is dropped with r->noreply. */
void gather_send(struct client *c, const struct request *r, enum gather_kind kind);

#endif
