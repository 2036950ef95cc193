/* copy_state: what the files of a copy share: each source, each key on its way, each server's failures.
 *
 * A struct copy lives in copy_run; it owns its sources and servers. An item is owned by the list that it is in, or by its requests in flight, and
 * freed by copy_item_end alone.
 */
#ifndef MOONGATE_MOVE_COPY_STATE_H
#define MOONGATE_MOVE_COPY_STATE_H

#include "base/progress.h"
#include "move/allowance.h"
#include "move/copy.h"
#include "move/keyfile.h"
#include "move/load.h"
#include "move/plan.h"
#include "move/sieve.h"

enum {
    COPY_DUMPS = 8,        /* servers whose keys are listed and looked at at a time */
    COPY_QUEUE = 2048,     /* keys of a source that wait to be sent; more wait in its keyfile */
    COPY_WINDOW = 256,     /* items of a source that are on their way at a time */
    COPY_WAITING = 20000,  /* items that wait for servers that do not answer */
    COPY_BYTES = 64 << 20, /* of values on their way, as far as they are known */
    COPY_EPOCH = 1024,     /* keys */
    COPY_REASON = 160,     /* bytes */
};

struct copy;
struct copy_item;
struct copy_source;

/* One place of an item. */
struct copy_put {
    struct tier_call call;
    struct copy_item *item;
    const struct tier_key *key; /* the item's, or behind the puts */
    uint32_t server;
    bool is_done, has_failed;
};

/* One key on its way. Invariant: `waits` requests of it are in flight; it is in a list exactly while that is 0. */
struct copy_item {
    struct copy_item *next;
    struct copy_source *source;
    struct copy_epoch *epoch;
    struct tier_call call;
    size_t value;     /* bytes */
    size_t reserved;  /* bytes of copy.reserved */
    int64_t exptime;  /* as in struct dump_key */
    uint32_t dump;    /* the source's number of the dump that named it */
    uint32_t blocked; /* the server that it waits for, in copy.waiting */
    uint8_t tries;    /* that failed though the server answers others */
    bool has_stored, was_there, is_large;
    bool is_stale; /* it is to be marked so in its places, too */
    uint32_t waits;
    struct tier_key key;
    uint32_t puts_n;
    struct copy_put puts[];
};

struct copy_list {
    struct copy_item *first, **end;
    uint32_t n;
};

/* Keys that a dump has named one after the other. When all keys of all epochs up to one are settled, its last key is the source's marker. */
struct copy_epoch {
    struct copy_epoch *next;
    uint32_t open; /* items that are not settled; 1 more while it is the last one */
    uint32_t keys;
    bool is_spoiled; /* an item was lost, or put off to another pass */
    struct tier_key last;
};

enum copy_step {
    COPY_IDLE,    /* its dump is to begin, after `retry_at` */
    COPY_LISTS,   /* its dump runs */
    COPY_READS,   /* the dump has ended; some of its keys are in the keyfile */
    COPY_SETTLES, /* its items are on their way */
    COPY_ENDED,
};

/* An old server. Invariant: its dump is open while step is LISTS, or while checks is set. */
struct copy_source {
    struct copy *copy;
    struct dump dump;
    struct sieved sieved; /* keys of a dump that may miss some */
    struct keyfile keys;  /* open from LISTS to READS */
    enum copy_step step;
    uint32_t server;
    uint32_t dumps;     /* how many have begun */
    uint32_t restarted; /* items of dumps before this one were lost with the server's memory */
    bool
        is_suspect; /* it did not answer: nothing is asked before it is known whether it was restarted */
    bool checks;           /* its dump is asked for that alone */
    bool uses_get;         /* it knows no mg */
    bool is_spoiled;       /* an item of this pass was lost, or put off */
    double failing_since;  /* its dumps bring nothing new since then; 0: they do */
    double retry_at;       /* when it may be asked for its keys again; as tier_now */
    char why[COPY_REASON]; /* its last dump failed; "": it is whole, or runs */
    struct copy_list queue;
    uint32_t in_flight;      /* its items that are on their way */
    uint32_t outstanding;    /* all of its items */
    uint32_t window;         /* so many may be on their way */
    size_t value;            /* bytes: as much as its values have */
    uint64_t listed;         /* keys, of this dump */
    uint64_t unlisted;       /* keys counted as lost, as no dump has named them */
    struct dump_about about; /* of its first dump, or of the first since it was restarted */
    int64_t clock_ahead;     /* seconds that its clock is ahead of ours */
    struct copy_epoch *epochs, *last_epoch; /* owned */
    bool cannot;                            /* its last dump failed, and each other one would */
    bool has_marker;
    bool skips;             /* keys up to the marker are not looked at */
    struct tier_key marker; /* this key, and all that the dump named before it, are settled */
    struct dump_about marker_about; /* of the dump that the marker is from */
    bool is_done_before;            /* by an earlier run */
    bool is_resumed;                /* its marker is from an earlier run */
};

/* Any server, by its number in the tier. */
struct copy_server {
    double failing_since; /* 0: it answers */
    bool is_given_up;     /* it has not answered for as long as the patience */
    bool was_put_off;     /* the pass before could not copy all that goes there */
    bool is_unread;       /* it has not listed all its keys */
    uint64_t lost, put_off;
    char why[COPY_REASON];
};

struct copy {
    struct tier *tier;
    const struct copy_how *how;
    struct copy_counts *counts;
    struct planner planner;
    struct copy_source *sources; /* owned */
    uint32_t sources_n, next_source;
    struct copy_server *servers; /* owned */
    uint32_t servers_n;
    struct copy_list waiting;
    size_t reserved;
    struct allowance items, bytes, keys;
    struct load load;
    struct progress progress;
    ev_timer tick;
    ev_prepare pump;
    ev_signal interrupted, terminated;
    double began, saved_at, look_at; /* as tier_now */
    int64_t wall;                    /* seconds since 1970 */
    uint64_t copied_before;          /* this pass */
    uint64_t put_off;                /* items of this pass that the next one is to copy */
    bool only_put_off; /* this pass copies to servers to which the last one could not */
    bool is_lowered;   /* in its priority */
    bool is_served;    /* the service has said that it writes to both places */
    bool was_stopped;
    bool has_failed; /* a complaint was printed */
};

/* --- copy.c */

/* A server did not answer; it did. Its entry is valid until the next one is asked for. */
void copy_server_fails(struct copy *c, uint32_t server, const char *why);
void copy_server_answers(struct copy *c, uint32_t server);
struct copy_server *copy_server(struct copy *c, uint32_t server);

/* --- copy_source.c */

void copy_source_begin_pass(struct copy_source *s);

/* To be called often: begins its dump, pauses it, notes that it has ended. */
void copy_source_look(struct copy_source *s);

/* Its server has lost a connection. */
void copy_source_suspect(struct copy_source *s);
void copy_source_release(struct copy_source *s);

/* An item of the epoch is settled. */
void copy_epoch_settle(struct copy_source *s, struct copy_epoch *e, bool is_spoiled);

/* --- copy_item.c */

/* An item for a key that moves, in its source's queue. */
void copy_item_create(struct copy_source *s, const struct dump_key *key, const struct plan *plan);

/* Takes its first step. The item may be freed. */
void copy_item_send(struct copy_item *item);

/* The server did not answer, or not as it should: it waits in c->waiting, or is given up, and freed. */
void copy_item_wait(struct copy_item *item, uint32_t server, const char *why);

/* Gives it up, and frees it. server: the one to blame. */
void copy_item_lose(struct copy_item *item, uint32_t server, const char *why);

/* --- copy_queue.c */

void copy_list_add(struct copy_list *list, struct copy_item *item);
struct copy_item *copy_list_take(struct copy_list *list);

/* Sends what may be sent now. */
void copy_items_pump(struct copy *c);

/* Those that wait: some go on, others are given up. */
void copy_items_look(struct copy *c);

/* Frees the items of a list. */
void copy_items_drop(struct copy_list *list);

/* --- copy_save.c */

/* Takes what an earlier run has left. False after a complaint. */
bool copy_load_state(struct copy *c);

/* Writes the state. False after a complaint. */
bool copy_save_state(struct copy *c);
void copy_remove_state(struct copy *c);

#endif
