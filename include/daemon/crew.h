/* crew: the master's workers: a slot each, filled by a forked process, filled again when it dies.
 *
 * Owned by the master. A slot owns its end of the channel and its watchers; crew_destroy frees all.
 * The crew forks, reaps, respawns with back-off, carries orders down and reports up, and gives each
 * client to the worker that has the fewest. What any of it means for the service is the master's
 * business: it hears through crew_event.
 */
#ifndef MOONGATE_DAEMON_CREW_H
#define MOONGATE_DAEMON_CREW_H

#include "base/board.h"
#include "daemon/channel.h"
#include "daemon/options.h"
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The life of a slot's process. Only slot_enter() writes it. */
enum slot_state {
    SLOT_EMPTY,    /* no process; the timer, if it runs, starts the next */
    SLOT_STARTING, /* forked, loads its script */
    SLOT_READY,    /* takes clients */
    SLOT_LEAVING,  /* has closed its channel; the timer kills it if its end does not come */
};

struct crew;

struct slot {
    struct crew *crew;
    uint32_t index;
    enum slot_state state;
    pid_t pid;               /* 0 in SLOT_EMPTY */
    int channel;             /* -1 in SLOT_EMPTY and SLOT_LEAVING */
    uint32_t spawns;         /* processes this slot has had */
    uint64_t handed;         /* clients given to this process */
    uint64_t closed_before;  /* its row's closed_connections when this process started */
    uint64_t last_turn;      /* when it got its last client: breaks ties */
    uint64_t tried_turn;     /* the turn in which its channel was full */
    double started, backoff; /* seconds: of process_clock; before the next respawn */
    bool owes_order;         /* the channel was full: `order` goes out when there is room */
    enum channel_message_type order;
    uint32_t order_number;
    ev_child exit_watcher;
    ev_io channel_watcher;
    ev_timer timer;
};

enum crew_event_type {
    CREW_READY,    /* the slot's worker serves; number: generation */
    CREW_LOADED,   /* it holds a new script beside the one in use; number: its generation */
    CREW_KEPT,     /* it could not load that, and text says why; number: the same */
    CREW_SWITCHED, /* number: generation now in use */
    CREW_GONE,     /* its process has ended; number: status of wait(2) */
    CREW_ROOM,     /* a full channel has room again */
};

/* Tells the owner. Called from the loop, never from within a crew_ function. */
typedef void crew_event(void *arg, enum crew_event_type type, struct slot *s, uint32_t number,
                        const char *text);

/* Called in a new worker first: lets go of all that is the master's, down to its loop, and calls
 * crew_leave. */
typedef void crew_leave_master(void *arg);

enum crew_answer {
    CREW_OK,
    CREW_FULL, /* no ready worker's channel has room: ask to hear of CREW_ROOM */
};

struct crew {
    struct ev_loop *loop;
    const struct options *options;
    struct board *board;
    crew_event *on_event;
    crew_leave_master *leave;
    void *arg;           /* of both */
    uint32_t generation; /* what the script is numbered in workers that start now */
    int script_fd;       /* its text, see source; -1: built-in. Owned by the reload */
    int trial_fd;        /* the text that LOAD takes along, likewise */
    uint64_t turn;       /* counts clients given */
    bool retired;        /* nobody is respawned any more */
    bool wants_room;
    uint32_t n;
    struct slot slots[];
};

/* Makes the slots, all empty. NULL: out of memory. */
struct crew *crew_create(struct ev_loop *loop, const struct options *o, struct board *board);

/* Forks the first worker of every slot. */
void crew_start(struct crew *crew);

/* Gives a client, which came by that listener, to the ready worker that has the fewest. On CREW_OK the caller closes its
 * own copy of fd. */
enum crew_answer crew_hand(struct crew *crew, int fd, uint32_t listener)
    __attribute__((warn_unused_result));

/* Whether CREW_ROOM is to be told. */
void crew_want_room(struct crew *crew, bool wanted);

/* An order for one worker (LOAD, SWITCH, DROP, DRAIN, QUIT): a later one replaces one that has not
 * gone out. */
void crew_order(struct slot *s, enum channel_message_type type, uint32_t number);

/* No more respawning: from now on the crew only becomes smaller. */
void crew_retire(struct crew *crew);

/* SIGKILL to all that live. */
void crew_kill(struct crew *crew);

/* Clients of all workers, those on their way included. */
uint64_t crew_clients(const struct crew *crew);

uint32_t crew_count(const struct crew *crew, enum slot_state state);

/* In a forked child: stops watching and closes the channels, so that only the master holds them. */
void crew_leave(struct crew *crew);

void crew_destroy(struct crew *crew);

#endif
