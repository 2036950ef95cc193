#include <assert.h>
#include <math.h>

#include "route/chooser.h"
#include "route/generation.h"

/* Token buckets, in each worker: a command may have one, and several commands may share it. Each request takes a token; a
 * bucket fills at its rate, up to its burst, whenever it is looked at; or, with `tick`, for whole ticks alone. */
struct bucket {
    double rate, burst, tokens;
    double filled; /* when, as turn->now */
};

enum { NO_BUCKET = UINT8_MAX };

struct route_state {
    uint8_t bucket_of[COMMAND_COUNT];
    struct bucket buckets[];
};

/* A word for each command that has a bucket: child is the bucket's number. */
static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    struct route_state *state =
        generation_make_state(route, sizeof *state + sizeof state->buckets[0] * (n + 1));
    for (unsigned i = 0; i < COMMAND_COUNT; i++) state->bucket_of[i] = NO_BUCKET;
    for (uint32_t i = 0; i < n; i++) {
        const struct route_word *word = &words[i];
        assert(word->command < COMMAND_COUNT && word->child < n);
        state->bucket_of[word->command] = (uint8_t)word->child;
        state->buckets[word->child] =
            (struct bucket){.rate = word->number, .burst = word->burst, .tokens = word->burst};
    }
}

static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    uint8_t number = route->state->bucket_of[r->command_id];
    if (number == NO_BUCKET) return 0;
    struct bucket *b = &route->state->buckets[number];
    double tick = route->options.tick, passed = t->now - b->filled;
    if (tick > 0) passed = floor(passed / tick) * tick;
    double tokens = b->tokens + passed * b->rate;
    b->filled = tick > 0 ? b->filled + passed : t->now;
    b->tokens = tokens < b->burst ? tokens : b->burst;
    if (b->tokens < 1) return 1;
    b->tokens -= 1;
    return 0;
}

/* For explain: takes no token. */
static unsigned walk(struct walk *w, const struct route *route, const struct request *r,
                     struct walk_way way)
{
    uint8_t number = route->state->bucket_of[r->command_id];
    if (number == NO_BUCKET) return walk_route(w, route->children[0], r, way);
    double rate = route->state->buckets[number].rate;
    (void)walk_route(w, route->children[0], r,
                     walk_on(w, way, WALK_MAIN, "up to %g a second", rate));
    way = walk_on(w, way, WALK_INSTEAD, "above %g a second", rate);
    way.is_first = false;
    (void)walk_route(w, route->children[1], r, way);
    return 0;
}

const struct chooser choose_rate = {.build = build, .choose = choose, .walk = walk};
