#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "placement/hash.h"
#include "route/chooser.h"
#include "route/generation.h"

/* Token buckets, in each worker: a command may have one, and several commands may share it. Each request takes a token; a
 * bucket fills at its rate, up to its burst, whenever it is looked at; or, with `tick`, for whole ticks alone.
 *
 * By identity: each has a set of buckets of its own, made when it asks first; those who are nobody in particular share one. I6: there are OWNERS sets; an
 * identity may be in any of OWNERS_NEAR places, and a new one takes that of the one which has asked longest ago, and which, if it asks
 * again, begins with full buckets. */
struct bucket {
    double rate, burst, tokens;
    double filled; /* when, as turn->now */
};

enum { NO_BUCKET = UINT8_MAX, OWNERS = 1024, OWNERS_NEAR = 8 };

struct owner {
    uint64_t hash;          /* of the identity; 0: nobody is here */
    double asked;           /* when, as turn->now */
    struct bucket *buckets; /* a set */
};

/* buckets: those of all requests; by identity: those that a new identity begins with. */
struct route_state {
    uint8_t bucket_of[COMMAND_COUNT];
    uint32_t n;
    struct owner *owners; /* OWNERS of them; NULL: not by identity */
    struct bucket *sets;  /* OWNERS times n */
    struct bucket buckets[];
};

static void make_owners(struct route_state *state, uint32_t n)
{
    state->owners = calloc(OWNERS, sizeof *state->owners);
    state->sets = calloc((size_t)OWNERS * n, sizeof *state->sets);
    if (!state->owners || !state->sets) abort();
    for (uint32_t i = 0; i < OWNERS; i++) state->owners[i].buckets = &state->sets[i * n];
}

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
        if (word->child >= state->n) state->n = word->child + 1;
    }
    if (route->options.by) make_owners(state, state->n);
}

/* The set of the identity that sent r. */
static struct bucket *buckets_of(struct turn *t, struct route_state *state, const struct request *r)
{
    const char *who = turn_identity(t, r);
    uint64_t hash = hash_bytes64(HASH_XXH3, who, strlen(who), 0) | 1;
    struct owner *near = &state->owners[hash / 2 % (OWNERS / OWNERS_NEAR) * OWNERS_NEAR];
    struct owner *oldest = near;
    for (uint32_t i = 0; i < OWNERS_NEAR; i++) {
        if (near[i].hash == hash) {
            near[i].asked = t->now;
            return near[i].buckets;
        }
        if (near[i].asked < oldest->asked) oldest = &near[i];
    }
    oldest->hash = hash;
    oldest->asked = t->now;
    memcpy(oldest->buckets, state->buckets, state->n * sizeof *oldest->buckets);
    return oldest->buckets;
}

static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    struct route_state *state = route->state;
    uint8_t number = state->bucket_of[r->command_id];
    if (number == NO_BUCKET) return 0;
    struct bucket *b = &(state->owners ? buckets_of(t, state, r) : state->buckets)[number];
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
    const char *whose = route->state->owners ? " of an identity" : "";
    (void)walk_route(w, route->children[0], r,
                     walk_on(w, way, WALK_MAIN, "up to %g a second%s", rate, whose));
    way = walk_on(w, way, WALK_INSTEAD, "above %g a second%s", rate, whose);
    way.is_first = false;
    (void)walk_route(w, route->children[1], r, way);
    return 0;
}

static void release(struct route_state *state)
{
    free(state->owners);
    free(state->sets);
}

const struct chooser choose_rate = {
    .build = build, .choose = choose, .release = release, .walk = walk};
