/* verify_state: what the files of a verification share: each server whose keys are listed, each key that is compared.
 *
 * A struct verify lives in verify_run; it owns its sources and servers. A check is owned by the list that it is in, or by its request in
 * flight, and freed by check_end alone.
 */
#ifndef MOONGATE_MOVE_VERIFY_STATE_H
#define MOONGATE_MOVE_VERIFY_STATE_H

#include "base/progress.h"
#include "move/allowance.h"
#include "move/keyfile.h"
#include "move/load.h"
#include "move/plan.h"
#include "move/reading.h"
#include "move/sieve.h"
#include "move/verify.h"

enum {
    VERIFY_DUMPS = 4,        /* servers that list their keys at a time */
    VERIFY_OPEN = 40000,     /* checks that are open at a time; more keys wait in keyfiles */
    VERIFY_WINDOW = 4096,    /* checks on their way at a time */
    VERIFY_BYTES = 64 << 20, /* of values on their way, as far as they are known */
    VERIFY_OLDS = 8,         /* places of the old script that are looked at for a key */
    VERIFY_TRIES =
        12, /* times that both places are compared for one key, as clients change it meanwhile */
    VERIFY_REASON = 160, /* bytes */
};

struct verify;
struct check;

struct check_place {
    uint32_t server;
    struct tier_key key;
};

enum check_step {
    CHECK_LOOKS, /* of a key that the new place has: whether the old places have it at all */
    CHECK_NEW,   /* its new place is read */
    CHECK_OLD,   /* its old places are read, one after the other, until one has it */
    CHECK_WRITES,
};

/* What was written, to be counted once. */
enum check_change { CHANGED_NOTHING, CHANGED_CORRECTED, CHANGED_ADDED, CHANGED_REMOVED };

struct check {
    struct check *next;
    struct verify *v;
    struct tier_call call;
    enum check_step step;
    enum check_change change, writes; /* what was written last; what is being written */
    uint8_t tries, failures;
    bool is_back;      /* it comes from a server of the new script */
    bool is_known;     /* `before` is there: a difference was seen, and has had its time to go */
    bool has_counted;  /* as one of counts.moves */
    bool asked_get;    /* the reading on its way is asked for by gets */
    uint32_t at;       /* which old place is read */
    uint32_t known_at; /* which had it before */
    uint32_t blocked;  /* in `failed`: the server that did not answer */
    double due;        /* in a list that waits: as tier_now */
    size_t reserved;   /* bytes of verify.reserved */
    int64_t expires;   /* by our clock, as the old server's dump says; -1: never; -2: not known */
    struct reading old, new, old_before, new_before;
    struct check_place to;
    uint32_t olds_n;
    struct check_place olds[];
};

/* In the order in which they came. */
struct check_list {
    struct check *first, **end;
    uint32_t n;
};

enum verify_step { VERIFY_IDLE, VERIFY_LISTS, VERIFY_READS, VERIFY_ENDED };

/* A server that lists its keys. */
struct verify_source {
    struct verify *v;
    struct dump dump;
    struct sieved sieved; /* keys of a dump that may miss some */
    struct keyfile keys;
    enum verify_step step;
    uint32_t server;
    double retry_at, failing_since; /* as tier_now; 0: it does not fail */
    int64_t clock_ahead;            /* seconds that its clock is ahead of ours */
    uint64_t items;                 /* as it says */
    char why[VERIFY_REASON];
};

/* What is done, in this order. After VERIFY_ASKS_LAST all begins again with VERIFY_WAITS if a server was
 * restarted, or calls to it failed in the service. */
enum verify_stage {
    VERIFY_ASKS_FIRST, /* the servers are asked since when they run */
    VERIFY_WAITS,      /* until the service holds all servers as up */
    VERIFY_OLD,        /* keys of the old script's servers */
    VERIFY_ASKS_AGAIN,
    VERIFY_NEW, /* keys of the new script's servers */
    VERIFY_ASKS_LAST,
    VERIFY_DONE,
};

/* Any server, by its number in the tier. */
struct verify_server {
    struct dump dump;        /* open while it is asked whether it was restarted */
    struct verify *v;        /* of dump */
    struct dump_about about; /* when it was asked first; pid 0: not known */
    bool is_restarted;       /* since then */
    double failing_since;    /* 0: it answers */
    bool is_given_up, uses_get;
    size_t value; /* bytes: as much as its values have */
    uint64_t differing;
    char why[VERIFY_REASON];
};

struct verify {
    struct tier *tier;
    const struct verify_how *how;
    struct verify_counts *counts;
    struct planner planner;
    enum verify_stage stage;
    enum tier_side side;        /* whose servers' keys are listed now */
    uint32_t asked;             /* servers that have not said yet since when they run */
    bool has_restarts;          /* since the last round began */
    bool has_failures;          /* likewise: in the service; `why` says where */
    bool is_impatient;          /* the service did not hold a server as up for too long */
    double waits_since, ask_at; /* in VERIFY_WAITS */
    struct standing began_with, ends_with; /* of the round: how the service holds the servers */
    char why[STANDING_TEXT];
    struct verify_source *sources; /* owned */
    uint32_t sources_n;
    struct verify_server **servers; /* owned, one by one: they keep their addresses */
    uint32_t servers_n;
    struct check_list ready, settling, failed;
    uint32_t open, in_flight;
    size_t reserved;
    struct allowance keys, looks; /* comparisons; keys whose place is asked for */
    struct load load;
    struct progress progress;
    ev_timer tick;
    ev_prepare pump;
    ev_signal interrupted, terminated;
    int64_t wall; /* seconds since 1970 */
    double began, look_at;
    bool is_served; /* the service has said that it writes to both places */
    bool was_stopped;
};

struct verify_server *verify_server(struct verify *v, uint32_t server);

/* --- verify_ask.c */

/* Asks all servers since when they run; v->asked is 0 when all have answered, or do not. */
void verify_ask_servers(struct verify *v);

/* The service is asked how it holds the servers, until all are up. True: they are, or it took longer than the patience. */
void verify_wait_begin(struct verify *v);
bool verify_wait_is_over(struct verify *v);

/* All that was asked is answered. The service may have dropped writes since the round began: has_failures. */
bool verify_has_asked(const struct verify *v);
void verify_look_at_failures(struct verify *v);
void verify_ask_close(struct verify *v);

/* --- verify_source.c */

/* The sources are the servers of that side. */
void verify_sources_begin(struct verify *v, enum tier_side side);
void verify_sources_look(struct verify *v);
bool verify_sources_have_ended(const struct verify *v);
void verify_sources_release(struct verify *v);

/* --- verify_check.c */

/* A check of a key, ready to be sent. `to`: its new place; the old places of its client's key are looked up. */
void check_create(struct verify *v, const struct check_place *to, const struct tier_key *client,
                  bool is_back, int64_t expires);

/* Sends the request of its step; it is counted as on its way already. */
void check_ask(struct check *c);

/* It stays as it is, and is freed. It is in no list. */
void check_give_up(struct check *c, uint32_t where, const char *why);

/* --- verify_queue.c */

void check_list_add(struct check_list *l, struct check *c);

/* Sends what may be sent now. */
void checks_pump(struct verify *v);

/* Those whose time to settle is over, and those that wait for servers. */
void checks_look(struct verify *v);
void checks_drop(struct verify *v);

#endif
