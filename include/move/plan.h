/* plan: for a key that lies on a server of the old script, whether a client would find it there, and where the new script looks for it.
 *
 * A struct inside its owner's, which releases it. It asks the two scripts of a tier, and sends nothing.
 */
#ifndef MOONGATE_MOVE_PLAN_H
#define MOONGATE_MOVE_PLAN_H

#include "move/tier.h"

/* name, what the counts call it */
#define PLAN_FATES(X)                                                                              \
    X(MOVES, "moves")                                                                              \
    X(STAYS, "stays where it is")                                                                  \
    X(COPY, "is where the new script looks for it")                                                \
    X(STRAY, "neither script looks for it there")                                                  \
    X(NOWHERE, "the new script keeps it nowhere")                                                  \
    X(OTHER, "has another prefix")                                                                 \
    X(FAILED, "a script raised an error")

enum plan_fate {
#define X(name, text) PLAN_##name,
    PLAN_FATES(X)
#undef X
};

/* A place that is to hold the key. */
struct plan_to {
    uint32_t server;
    struct tier_key key; /* as it is called there */
};

enum { PLAN_PLACES = 32 };

struct plan {
    enum plan_fate fate;
    struct tier_key
        client; /* of MOVES and STAYS: as clients call it; the last one, if they call it by several */
    struct plan_to to[PLAN_PLACES]; /* of MOVES: all but the place where it is */
    uint32_t n;
};

/* What the old script puts before clients' keys. */
struct plan_prefix {
    uint16_t len;
    uint8_t bytes[KEY_MAX];
};

enum { PLAN_PREFIXES = 16 };

struct planner {
    struct tier *tier;
    enum tier_side
        from; /* whose servers have the keys: TIER_OLD, unless the owner sets the other one after planner_init */
    const char *prefix; /* clients' keys that count begin so; NULL: all do */
    struct plan_prefix learned[PLAN_PREFIXES];
    uint32_t learned_n;
    uint64_t asked;           /* keys so far */
    uint64_t drawn;           /* keys whose place the new script draws: they go to each place */
    struct tier_spots *spots; /* owned: three, to work with */
};

void planner_init(struct planner *p, struct tier *t, const char *prefix);
void planner_release(struct planner *p);

/* A key that the server has under that name. */
void planner_decide(struct planner *p, uint32_t server, const struct tier_key *key,
                    struct plan *to);

#endif
