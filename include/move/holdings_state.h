/* holdings_state: what the files of holdings share. A struct holdings lives in holdings_run. A struct holding, a key on its way, is freed by
 * itself when its last question has ended.
 */
#ifndef MOONGATE_MOVE_HOLDINGS_STATE_H
#define MOONGATE_MOVE_HOLDINGS_STATE_H

#include "base/progress.h"
#include "move/allowance.h"
#include "move/holdings.h"
#include "move/keyfile.h"
#include "move/load.h"
#include "move/reading.h"
#include "move/sieve.h"

enum {
    HOLDINGS_NAMES = 4,     /* names that a key has on servers */
    HOLDINGS_WINDOW = 2048, /* questions on their way at a time */
};

struct holdings;
struct holding;

/* One server, one name. Invariant: of a spot of the script's (reads, writes), or of none. */
struct holding_ask {
    struct tier_call call;
    struct holding *of;
    uint32_t server;
    uint8_t name;   /* its number in the holding's */
    bool is_read;   /* the script looks there, and what it finds is the client's */
    bool is_known;  /* the script sends a get or a set of the key there, in some case */
    bool is_copy;   /* each set goes there, so it should be equal to the others */
    bool asked_get; /* by gets */
    bool is_chosen; /* it is asked in this step */
    bool has_failed;
    struct reading reading; /* NONE: it has not answered */
};

enum holding_step { HOLDING_LOOKS, HOLDING_COMPARES, HOLDING_CLEANS };

struct holding {
    struct holdings *h;
    enum holding_step step;
    uint32_t waits;  /* questions on their way */
    uint32_t source; /* the server that named it; UINT32_MAX: a file */
    bool is_unclear; /* the script failed on it, or has more places than are known */
    struct tier_key client, names[HOLDINGS_NAMES];
    uint32_t names_n, asks_n;
    struct holding_ask asks[];
};

struct holdings {
    struct tier *tier;
    const struct holdings_how *how;
    struct holdings_counts *counts;
    struct keyfile keys;
    struct dump dump;
    struct sieved sieved; /* keys of a dump that may miss some */
    bool is_listing;      /* the dump runs */
    uint32_t source;      /* the server whose keys are taken; UINT32_MAX: the file's */
    bool *uses_get;       /* owned: servers that know no meta commands */
    uint64_t total;       /* keys, as far as is known */
    uint64_t open;        /* keys on their way */
    uint32_t in_flight;   /* questions */
    struct allowance asks;
    struct load load;
    struct progress progress;
    struct tier_spots *spots; /* owned: of a get, and of a set */
    ev_timer tick;
    ev_prepare pump;
    ev_signal interrupted, terminated;
    double began;
    bool was_stopped, has_failed;
};

/* The arrays have room for all servers of the tier, whose number may grow. */
void holdings_make_room(struct holdings *h);

/* Begins with a key. source: see above. */
void holding_begin(struct holdings *h, const struct tier_key *client, uint32_t source);

/* Looks up where the script sends it: the client's key of what a server has under a name. False: it sends no key so. */
bool holding_client_of(struct holdings *h, const struct tier_key *name, struct tier_key *client);

#endif
