/* gather: one request to all servers of all pools and to all stores, and one answer: flush_all, stats items|slabs|sizes|conns.
 *
 * A gather frees itself when its last call has ended. One worker. Lines of statistics with equal names become one, by the
 * rules of client/stat_rule.h, and a server that two pools have counts once; one that fails gets a line of its own, or, for flush_all, its failure is the answer.
 */
#ifndef MOONGATE_CLIENT_GATHER_H
#define MOONGATE_CLIENT_GATHER_H

#include "client/client.h"

enum gather_kind {
    GATHER_OK,    /* OK once all servers have answered OK */
    GATHER_SUM,   /* STAT lines, one for each name */
    GATHER_NAMED, /* STAT lines, each with its server before the name */
};

/* Sends r, an admin command whose args are sent behind it, to every server, and lets the stores of the script answer it. What came before is routed first, and the answer
 * takes its place among c's replies. I5: with r->noreply there is no reply, and the servers' answers are read and dropped. */
void gather_send(struct client *c, const struct request *r, enum gather_kind kind);

#endif
