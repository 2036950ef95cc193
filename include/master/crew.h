/* crew: the master's workers: two slots each, of which one is filled by a forked process, and filled again when it dies.
 *
 * Owned by the master; crew_destroy frees all. The crew reaps, and carries orders down and reports up. A slot forks and respawns
 * with back-off; offers gives clients to workers. What any of it means for the service is the master's business: the crew calls
 * its crew_event.
 */
#ifndef MOONGATE_MASTER_CREW_H
#define MOONGATE_MASTER_CREW_H

#include "base/board.h"
#include "base/log.h"
#include "master/offers.h"
#include "master/slot.h"
#include "worker/channel.h"
#include "worker/options.h"
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct labels;
struct steering;
struct store_region;
struct tickets;

/* Tells the owner. Called from the loop, never from within a crew_ function. */
typedef void crew_event(void *arg, enum crew_event_type type, struct slot *s, uint32_t number,
                        const char *text);

/* Called in a new worker first: lets go of all that is the master's, down to its loop, and calls
 * crew_leave. */
typedef void crew_leave_master(void *arg);

/* Hands a client to another process. False: not now; it waits. It stays the caller's. */
typedef bool crew_pass(void *arg, const struct newcomer *n);

struct crew {
    struct ev_loop *loop;
    const struct options *options;
    struct board *board;
    crew_event *on_event;
    crew_leave_master *leave;
    void *arg;           /* of all three */
    crew_pass *pass;     /* NULL, or where all clients go from now on: this process is upgraded */
    uint32_t generation; /* what the script is numbered in workers that start now */
    int script_fd;       /* its text, see source; -1: built-in. Owned by the reload */
    int trial_fd;        /* the text that LOAD takes along, likewise */
    uint64_t turn;       /* counts clients given */
    const struct labels *labels;     /* of listeners of scripts: main's; NULL: there are none */
    struct store_region *stores;     /* NULL: there is no memory for stores */
    struct tickets *tickets;         /* of TLS sessions; NULL: there are none */
    const struct steering *steering; /* what processes that start now inherit; NULL: nothing */
    uint64_t steered;                /* the number of its last change */
    bool retired;                    /* nobody is respawned any more */
    bool owes_drain;                 /* the order to drain waits for clients that wait */
    uint32_t drain_ms;               /* its number */
    struct rules_set rules;          /* of clients that workers have given back */
    struct offers_queue waiting;
    ev_timer look; /* at offers that are late */
    struct log_limit refusal_lines;
    uint32_t n;       /* workers */
    uint32_t slots_n; /* the slots of worker i are i and n + i */
    struct slot slots[];
};

/* Makes the slots, all empty. NULL: out of memory. */
struct crew *crew_create(struct ev_loop *loop, const struct options *o, struct board *board);

/* Forks the first worker of every slot. */
void crew_start(struct crew *crew);

/* An order for one worker (LOAD, SWITCH, DROP, DRAIN, RETIRE, QUIT): a later one replaces one that has not
 * gone out. */
void crew_order(struct slot *s, enum channel_message_type type, uint32_t number);

/* No more respawning: from now on the crew only becomes smaller. */
void crew_retire(struct crew *crew);

/* All workers drain, in so many milliseconds at most (0: no limit), once no client waits for a worker. After crew_retire. */
void crew_drain(struct crew *crew, uint32_t ms);

/* For offers: no client may be waiting any more. */
void crew_send_drain(struct crew *crew);

/* SIGKILL to all that live. */
void crew_kill(struct crew *crew);

/* Clients of all workers, those on their way included. */
uint64_t crew_clients(const struct crew *crew);

uint32_t crew_count(const struct crew *crew, enum slot_state state);

/* Processes that have not ended. */
uint32_t crew_living(const struct crew *crew);

/* In a forked child: stops watching and closes the channels, so that only the master holds them. */
void crew_leave(struct crew *crew);

void crew_destroy(struct crew *crew);

#endif
