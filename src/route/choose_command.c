#include <assert.h>

#include "route/chooser.h"
#include "route/generation.h"

/* By the command: a table, in which commands that are not named have the first child. */
struct route_state {
    uint32_t child[COMMAND_COUNT];
};

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    struct route_state *state = generation_make_state(route, sizeof *state);
    for (uint32_t i = 0; i < n; i++) {
        assert(words[i].command < COMMAND_COUNT);
        state->child[words[i].command] = words[i].child;
    }
}

static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    return route->state->child[r->command_id];
}

const struct chooser choose_command = {.build = build, .choose = choose};
