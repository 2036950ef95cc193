#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "route/chooser.h"
#include "route/generation.h"

/* By who sent the request: identities in the order of their bytes, which are searched by halves. Who is not there, or is nobody in particular, has the
 * first child. */
struct entry {
    char *identity; /* owned */
    uint32_t child;
};

struct route_state {
    uint32_t n;
    struct entry all[];
};

static int by_identity(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->identity, ((const struct entry *)b)->identity);
}

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    struct route_state *state =
        generation_make_state(route, sizeof *state + n * sizeof state->all[0]);
    for (uint32_t i = 0; i < n; i++) {
        assert(words[i].len > 0 && words[i].child < route->children_n);
        state->all[i] = (struct entry){strndup(words[i].text, words[i].len), words[i].child};
        if (!state->all[i].identity) abort();
    }
    state->n = n;
    qsort(state->all, n, sizeof state->all[0], by_identity);
}

static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    const struct route_state *state = route->state;
    struct entry asked = {.identity = (char *)turn_identity(t, r)};
    if (!*asked.identity) return 0;
    const struct entry *found =
        bsearch(&asked, state->all, state->n, sizeof state->all[0], by_identity);
    return found ? found->child : 0;
}

static void release(struct route_state *state)
{
    for (uint32_t i = 0; i < state->n; i++) free(state->all[i].identity);
}

const struct chooser choose_identity = {.build = build, .choose = choose, .release = release};
