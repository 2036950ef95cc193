/* crew: the master's workers: two slots each, of which one is filled by a forked process, and filled again when it dies.
 *
 * Owned by the master. A slot owns its end of the channel and its watchers; crew_destroy frees all. The other slot of a worker
 * is for the process that takes its place: it is ready before the old one drains. The crew forks, reaps, respawns with
 * back-off, and carries orders down and reports up; offers gives clients to workers. What any of it means for the service is
 * the master's business: the crew calls its crew_event.
 */
#ifndef MOONGATE_MASTER_CREW_H
#define MOONGATE_MASTER_CREW_H

#include "base/board.h"
#include "base/log.h"
#include "master/offers.h"
#include "worker/channel.h"
#include "worker/options.h"
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The life of a slot's process. Only slot_enter() writes it. */
enum slot_state {
    SLOT_EMPTY,    /* no process; the timer, if it runs, starts the next */
    SLOT_STARTING, /* forked, loads its script */
    SLOT_READY,    /* takes clients */
    SLOT_DRAINING, /* another is in its place; the timer kills it if it is not done in time */
    SLOT_LEAVING,  /* has closed its channel; the timer kills it if its end does not come */
};

struct crew;

/* What the watchdog knows of a process; all zero when it starts. */
struct watch {
    uint64_t turns;    /* of its heartbeat, when it was last seen to turn */
    double still;      /* seconds that count since then */
    double asked_cpu;  /* seconds of processor time that it had had when it was last asked */
    double cpu;        /* and when it gave its first answer */
    uint64_t mark;     /* of that answer */
    bool is_asked;     /* what it is in */
    bool has_answered; /* once */
    bool is_noted;     /* the log says that it is stopped */
};

struct slot {
    struct crew *crew;
    uint32_t index; /* the worker's number */
    uint32_t part;  /* this slot's place among all, and on the board */
    enum slot_state state;
    bool leaves;    /* its process has asked for another in its place */
    bool is_killed; /* by the watchdog: it was stuck */
    struct watch watch;
    pid_t pid;               /* 0 in SLOT_EMPTY */
    int channel;             /* -1 in SLOT_EMPTY and SLOT_LEAVING */
    uint32_t spawns;         /* processes this slot has had */
    struct offers offers;    /* clients on their way to it */
    uint64_t handed;         /* clients given to this process, those on their way included */
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
    CREW_LEAVES,   /* it drains, another is in its place: nothing more is to be expected of it */
    CREW_STUCK,    /* it did not turn and is killed; CREW_GONE follows */
    CREW_GONE,     /* its process has ended; number: status of wait(2) */
    CREW_ROOM,     /* no client waits any more (no slot) */
};

/* Tells the owner. Called from the loop, never from within a crew_ function. */
typedef void crew_event(void *arg, enum crew_event_type type, struct slot *s, uint32_t number,
                        const char *text);

/* Called in a new worker first: lets go of all that is the master's, down to its loop, and calls
 * crew_leave. */
typedef void crew_leave_master(void *arg);

/* Hands a client to another process. False: not now; it waits. fd stays the caller's. */
typedef bool crew_pass(void *arg, int fd, uint32_t listener);

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
    bool retired;        /* nobody is respawned any more */
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

/* The process's clients, those on their way included. */
uint64_t slot_clients(const struct slot *s);

/* The other end of its channel is closed: the process is ending or has lost its way. */
void slot_abandon(struct slot *s);

/* An order for one worker (LOAD, SWITCH, DROP, DRAIN, RETIRE, QUIT): a later one replaces one that has not
 * gone out. */
void crew_order(struct slot *s, enum channel_message_type type, uint32_t number);

/* A process is to be started in this slot, or in the other one, that is not running yet. */
bool slot_is_wanted(const struct slot *s);

/* No more respawning: from now on the crew only becomes smaller. */
void crew_retire(struct crew *crew);

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
