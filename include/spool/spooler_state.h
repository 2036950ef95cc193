/* spooler_state: the inside of the spooler, for its files alone.
 *
 * All of it is owned by spooler_run. One turn: wait, read what came, bring it to the disk together, answer, give out.
 */
#ifndef MOONGATE_SPOOL_SPOOLER_STATE_H
#define MOONGATE_SPOOL_SPOOLER_STATE_H

#include "spool/folder.h"
#include "spool/spooler.h"
#include "spool/words.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SPOOLER_CLIENTS = 4096,          /* connected at a time */
    SPOOLER_QUEUE = 4 * 1024 * 1024, /* bytes that wait for a client; over that it is closed */
    SPOOLER_PACKETS = 16,            /* of one client in a turn */
    SPOOLER_GROUP = 64 * 1024        /* deletes of a turn, about */
};

/* A packet that waits until the client reads. */
struct parcel {
    struct parcel *next;
    size_t len;
    unsigned char bytes[];
};

/* A worker; or the master, on the control socket. */
struct peer {
    struct peer *next;
    struct folder *folder; /* NULL: the master */
    int fd;                /* -1: closed; it is freed with the end of the turn */
    bool is_known;         /* it has said HELLO */
    bool owes_kept;        /* it gets KEPT with the end of the turn */
    uint64_t kept;         /* the number of its last KEEP */
    struct parcel *first, **last;
    size_t queued;
};

/* A delete that was added in this turn. */
struct member {
    struct peer *peer;
    struct spool *spool;
    uint64_t number;
};

struct spooler {
    int32_t master;
    const struct spooler_counts *counts;
    struct folder *folders;
    struct peer *peers;
    struct peer control;
    uint32_t peers_n;
    bool has_unread; /* perhaps a spool is not read yet */
    double read_at;  /* it is read from then on */
    struct member *group;
    size_t group_n, group_room;
    double now; /* of process_clock, at the beginning of the turn */
    uint32_t time;
    struct spool_packet packet; /* the one that is being written; nothing keeps it */
};

/* --- spooler_peers.c --------------------------------------------------------------------------- */

void peers_accept(struct spooler *s, struct folder *f);

/* Sends s->packet, or queues it. A peer that does not read is closed. */
void peer_send(struct spooler *s, struct peer *p);

/* A packet without items. */
void peer_say(struct spooler *s, struct peer *p, enum spool_word word, uint64_t number,
              const char *name);

/* To all workers of a folder: how many deletes wait for the server. */
void peers_say_state(struct spooler *s, struct folder *f, const struct spool *spool);

/* Sends what is queued. */
void peer_flush(struct peer *p);

/* Reads a packet. False: there is none. It points to memory that the next one overwrites. */
bool peer_receive(struct peer *p, struct spool_said *said);

void peer_close(struct spooler *s, struct peer *p, const char *why);

/* Frees those that are closed; all: every one. */
void peers_sweep(struct spooler *s, bool all);

/* --- spooler_words.c --------------------------------------------------------------------------- */

/* Acts on what a worker says. */
void words_take(struct spooler *s, struct peer *p, struct spool_said *said);

/* With the end of the turn: what was added comes to the disk, and its senders get their answers; then what is due is given out. */
void words_settle(struct spooler *s);

/* Its leases end. */
void words_forget(struct spooler *s, const struct peer *p);

/* Everything that waits for the server goes. How many deletes those were. */
uint64_t words_drop(struct spooler *s, struct folder *f, struct spool *spool);

/* --- spooler_control.c ------------------------------------------------------------------------- */

/* Acts on what the master says. */
void control_take(struct spooler *s, struct spool_said *said);

#endif
