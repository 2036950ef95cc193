/* spool_link: the connection of a worker to the spooler of one folder, and what it knows of the servers for which deletes wait there. For
 * keeping.c, which owns links, and spool_replay.c, which sends to servers what waits for them.
 *
 * A struct spooled is there exactly as long as its server is gated for this folder. A batch is what the spooler has given to be replayed;
 * it frees itself when the last of its calls has ended, for that may be after its server's entry has gone.
 */
#ifndef MOONGATE_WORKER_SPOOL_LINK_H
#define MOONGATE_WORKER_SPOOL_LINK_H

#include <ev.h>

#include "base/log.h"
#include "route/spool.h"
#include "spool/place.h"
#include "spool/words.h"

struct replay_batch;
struct worker;

/* What brings the next event: the retry timer; READY of the spooler; all of it. */
enum link_state { LINK_AWAY, LINK_GREETING, LINK_READY };

/* Who replays. */
enum lease_state {
    LEASE_NONE,  /* nobody, as far as this worker knows */
    LEASE_ASKED, /* TAKE was sent */
    LEASE_HELD,  /* this worker */
    LEASE_OTHERS /* another one: STATE will say when it has ended */
};

/* Invariant: batch is NULL unless the lease is HELD. */
struct spooled {
    struct spooled *next;
    struct spool_link *link;
    uint64_t last_keep; /* the number of its last KEEP on this connection; 0: there was none */
    uint64_t refused;   /* and of the last one that was refused */
    bool waits;         /* the spooler has said that deletes wait for it */
    enum lease_state lease;
    struct replay_batch *batch;
    uint32_t troubles; /* attempts that failed, in a row */
    double failed;     /* when the last one did; as turn.now */
    ev_timer again;    /* runs until the next attempt */
    char name[BACKEND_NAME_MAX];
};

/* Invariant: waits in `sent` have numbers, in their order, above `settled`; those in `fresh` come behind them. */
struct spool_link {
    struct spool_link *next;
    struct worker *worker;
    enum link_state state;
    bool is_told;             /* the log has a line that it is away */
    int fd;                   /* -1: AWAY */
    double away;              /* when that began; as turn.now */
    uint64_t number, settled; /* of KEEPs: said, and answered */
    struct spool_waits fresh, sent;
    struct spooled *servers;
    ev_io io;
    ev_timer retry;
    struct log_limit lines;
    char dir[SPOOL_DIR_MAX];
    struct spool_packet packet; /* that is being written */
    unsigned char read[SPOOL_PACKET];
};

/* Seconds without a spooler until deletes are refused at once. */
#define SPOOL_GRACE 1.0

/* Connects, and goes on trying. The caller puts it into its list. */
struct spool_link *link_create(struct worker *w, const char *dir);

/* What waits on it is told why; the gates of its servers open. */
void link_destroy(struct spool_link *link, const char *why);

/* Takes a packet, if there is one. False: there is none, or the link is AWAY now. */
bool link_read(struct spool_link *link);

/* Opens the gates of servers for which nothing waits, nor may. */
void link_tidy(struct spool_link *link);

/* The server of that name; NULL: it is not gated. And the same, which is gated from now on. */
struct spooled *link_find(const struct spool_link *link, const char *name, size_t len);
struct spooled *link_get(struct spool_link *link, const char *name, size_t len);

/* Sends what is in link->packet. False: there is no room, or (the link is AWAY then) the spooler is gone. */
bool link_send(struct spool_link *link) __attribute__((warn_unused_result));

/* A packet without items about a server. A spooler that does not take it is left: its leases end by that. */
void link_say(struct spool_link *link, enum spool_word word, uint64_t number, const char *server);

/* --- spool_replay.c */

/* Begins to replay, if deletes wait for the server, it answers here, and nobody replays. */
void replay_try(struct spooled *s);

/* As that, after a while, which is random: other workers try, too. */
void replay_later(struct spooled *s);

/* GIVE. */
void replay_take(struct spooled *s, struct spool_said *said);

/* The lease has ended, whatever ended it: what is out is not waited for. */
void replay_end(struct spooled *s);

/* A backend_gated_fn; about: the worker. */
void replay_gated(void *about, const struct backend *b);

#endif
