/* engine: the replay itself, in the child: takes requests from the recording, some at a time, puts them to the players, and counts.
 *
 * One a replay, on the stack of replay_child, which releases it. One process.
 */
#ifndef MOONGATE_REPLAY_ENGINE_H
#define MOONGATE_REPLAY_ENGINE_H

#include "record/file.h"
#include "replay/player.h"
#include "replay/replay.h"
#include "replay/routes.h"
#include "replay/tally.h"

/* Hashes of keys that came before. I6: at most SEEN_MOST. */
struct seen_keys {
    uint64_t *slots; /* room of them; 0: free */
    uint64_t n, room;
};
enum { SEEN_MOST = 32 * 1024 * 1024 };

enum seen_word { SEEN_NEW, SEEN_BEFORE, SEEN_FULL };
enum seen_word seen_note(struct seen_keys *s, uint64_t hash);
void seen_release(struct seen_keys *s);

/* Requests that may be under way together: no two that touch the same key, unless both only read it. */
enum { BATCH_MOST = 256, BATCH_PLACES = 8192 };
struct batch {
    struct asked *of[BATCH_MOST];
    uint32_t n;
    size_t bytes;
    bool is_closed; /* nothing may be put beside what is in it */
    uint32_t stamp; /* of places that are in use */
    struct batch_place {
        uint64_t hash;
        uint32_t stamp;
        bool changes;
    } places[BATCH_PLACES];
    uint32_t keys;
};

/* False: it must wait for the next batch. An empty batch takes any request. */
bool batch_add(struct batch *b, struct asked *a);
void batch_clear(struct batch *b);

/* Requests that were read, until it is sure that none comes that came earlier. I6: at most ORDER_MOST. */
enum { ORDER_MOST = 4096 };
struct ordering {
    struct asked *heap[ORDER_MOST];
    uint32_t n;
    uint64_t numbers;
    double latest; /* of all that were put */
};
bool order_wants(const struct ordering *o);
void order_put(struct ordering *o, struct asked *a);
struct asked *order_take(struct ordering *o); /* NULL: there is none */

struct engine {
    const struct replay_how *how;
    struct replay_shared *shared;
    const struct board_row *row; /* of the worker that explains */
    struct recording *recording;
    struct asked_maker maker;
    struct ordering ordering;
    struct asked *pending; /* the next request, which had no place in the batch */
    struct batch batch;
    struct as_client as;
    struct routes routes;
    struct player *players[REPLAY_SIDES];
    struct asked *refills[REPLAY_SIDES], *refills_last[REPLAY_SIDES]; /* to be sent */
    unsigned players_n;
    struct tally tally;
    struct seen_keys seen, clients;
    double wall;             /* seconds since 1970 when the recording began */
    double began;            /* real, when the replay began */
    double published, paced; /* real: the last time; when requests were sent last, for --rate */
    double allowed;          /* requests that --rate lets go now */
    double elapsed;          /* by which the clock that is played has moved on */
    bool has_begun, is_read; /* the first take has come; the last */
    char last[REPLAY_TEXT];  /* the request that was sent last */
};

/* Moves the players' clock to `at` seconds of the recording, or waits until then in real time. */
void engine_advance(struct engine *e, double at);

/* Sends the batch, and runs the players. */
void engine_play(struct engine *e);

/* After the last request: what is still under way gets the time that it needs, within a limit. */
void engine_finish(struct engine *e);

/* Real time. */
double engine_now(void);

/* Puts a copy of the results where the parent sees it. */
void engine_publish(struct engine *e);

/* Notes that the key has come. True: items are to be put where the recording found it, by engine_seed, which takes the places from
 * e->routes. */
bool engine_seeds(struct engine *e, const struct asked *a, uint32_t key);
void engine_seed(struct engine *e, const struct asked *a, uint32_t key);

#endif
