/* where: where a key's value is under a script: the places that an explanation names, as `moongate diff` and a replay compare them.
 *
 * The old script's value is where a get that finds it is sent first, and in each place that is always asked along with that. Under the new
 * script it is unchanged when its first place has the value; copied when another place of the new script has it, from which a miss in the
 * first one is always answered; moved else. A place is a server, or an end without one, and the key's name there.
 *
 * A plain value. Names belong to the script, or are constant.
 */
#ifndef MOONGATE_REPLAY_WHERE_H
#define MOONGATE_REPLAY_WHERE_H

#include "route/explain.h"

struct spot {
    const char *pool;   /* its name; NULL: an end without a server */
    const char *server; /* its name, or the end's text */
    uint16_t key_len;
    uint8_t key[KEY_MAX];
};

enum { SPOTS_MOST = 32, WHERE_FAILURE = 200 };

struct where {
    struct spot first;
    bool is_drawn; /* as one of several */
    uint32_t holds_n, finds_n, gets_n, mains_n;
    struct spot holds[SPOTS_MOST]; /* where the value is, the first among them */
    struct spot finds[SPOTS_MOST]; /* whose hit becomes the client's */
    struct spot gets[SPOTS_MOST];  /* all that get the request in some case */
    struct spot mains[SPOTS_MOST]; /* each of which may be the one that is asked first */
    char failure[WHERE_FAILURE];   /* of the script; "": none */
};

enum fate { FATE_UNCHANGED, FATE_COPIED, FATE_MOVED };

/* Where x says that the key is. */
void where_take(struct where *w, const struct explanation *x);

/* A client cannot send such a request: the end is its refusal. */
void where_refuse(struct where *w);

enum fate where_fate(const struct where *old, const struct where *new);

/* Of a key that moves: one of its old places still gets the request, in some case. */
bool where_still_gets(const struct where *old, const struct where *new);

bool spot_is_same(const struct spot *a, const struct spot *b);

#endif
