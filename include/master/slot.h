/* slot: a place for one worker process, and its life: started, ready, replaced by another, gone.
 *
 * Owned by the crew. A slot owns its end of the channel and its watchers. The other slot of a worker is for the process that
 * takes its place: it is ready before the old one drains.
 */
#ifndef MOONGATE_MASTER_SLOT_H
#define MOONGATE_MASTER_SLOT_H

#include "master/offers.h"
#include "worker/channel.h"
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct crew;

/* The life of a slot's process. Only slot_enter() writes it. */
enum slot_state {
    SLOT_EMPTY,    /* no process; the timer, if it runs, starts the next */
    SLOT_STARTING, /* forked, loads its script */
    SLOT_READY,    /* takes clients */
    SLOT_DRAINING, /* another is in its place; the timer kills it if it is not done in time */
    SLOT_LEAVING,  /* has closed its channel; the timer kills it if its end does not come */
};

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
    uint64_t steered; /* the last change of servers that was sent to this process (see steer.h) */
    uint64_t has_steered; /* that it has made */
    uint64_t
        recorded; /* the last order about recording that was sent to this process (see record_order.h) */
    bool owes_order; /* the channel was full: `order` goes out when there is room */
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
    CREW_PIECE,    /* of its answer to question `number` (see ask.h) */
    CREW_ANSWERED, /* that answer is whole, or text says why there is none */
    CREW_STEERED,  /* it has made that change of servers (see steer.h) */
};

bool slot_sane(const struct slot *s);

/* The only function that writes the state; it closes the channel where the state has none. */
void slot_enter(struct slot *s, enum slot_state state);

/* The process's clients, those on their way included. */
uint64_t slot_clients(const struct slot *s);

/* The other slot of the same worker. */
struct slot *slot_other(const struct slot *s);

/* Its process is the worker or is about to be, so that no other is needed. */
bool slot_serves(const struct slot *s);

/* A process is to be started in this slot, or in the other one, that is not running yet: the worker has none, or the one that
 * it has wants to end. */
bool slot_is_wanted(const struct slot *s);

/* Its reports are read. Clients that a draining worker gives back stay in the channel while enough of them wait here: the worker serves
 * the rest meanwhile, and the master does not run out of descriptors. */
bool slot_is_heard(const struct slot *s);

/* Derives what the channel is watched for. */
void slot_watch(struct slot *s);

void slot_set_timer(struct slot *s, double seconds);

/* Reports to the owner of the crew. */
void slot_tell(struct slot *s, enum crew_event_type type, uint32_t number, const char *text);

/* The other end of its channel is closed: the process is ending or has lost its way. */
void slot_abandon(struct slot *s);

/* Forks a process into an empty slot, or tries again later. */
void slot_spawn(struct slot *s);

/* The delay before the next try, which doubles the one after. The first worker that was stuck is replaced at once. */
double slot_next_delay(struct slot *s, double lived);

/* Sends the order that is owed, if there is room. */
void slot_send_order(struct slot *s);

/* A worker has got SIGTERM. It serves on until its successor is ready. */
void slot_wants_to_leave(struct slot *s);

/* A worker says that it serves, with the script of that generation. */
void slot_is_ready(struct slot *s, uint32_t generation);

#endif
