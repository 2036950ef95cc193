#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "route/chooser.h"
#include "route/generation.h"

/* Another key: bytes before it, behind it, or in place of its beginning. The new key lies in the turn's arena; the client is
 * still shown its own (request_put_key). Where the new key would not be valid, the second child gets the request unchanged. */
struct part {
    uint8_t *bytes;
    size_t len;
};

struct route_state {
    struct part looked_for, put, suffix;
};

static struct part part_of(const struct route_word *word)
{
    struct part part = {malloc(word->len + 1), word->len};
    if (!part.bytes) abort();
    memcpy(part.bytes, word->text, word->len);
    return part;
}

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    struct route_state *state = generation_make_state(route, sizeof *state);
    assert(n == 3);
    state->looked_for = part_of(&words[0]);
    state->put = part_of(&words[1]);
    state->suffix = part_of(&words[2]);
}

static void release(struct route_state *state)
{
    free(state->looked_for.bytes);
    free(state->put.bytes);
    free(state->suffix.bytes);
}

static uint8_t *append(uint8_t *to, const void *bytes, size_t len)
{
    memcpy(to, bytes, len);
    return to + len;
}

static bool is_found(const struct route_state *state, const struct request *r)
{
    return r->key_len >= state->looked_for.len &&
           memcmp((const void *)r->key_at, state->looked_for.bytes, state->looked_for.len) == 0;
}

static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    const struct route_state *state = route->state;
    bool found = route->options.edit != EDIT_ADD && is_found(state, r);
    bool puts = route->options.edit == EDIT_REPLACE ? found : !found;
    size_t cut = route->options.edit == EDIT_REPLACE && found ? state->looked_for.len : 0;
    if (!puts && state->suffix.len == 0) return 0;
    size_t len = (puts ? state->put.len : 0) + r->key_len - cut + state->suffix.len;
    uint8_t *key = arena_alloc(t->arena, len + 1), *to = key;
    if (puts) to = append(to, state->put.bytes, state->put.len);
    to = append(to, (const uint8_t *)r->key_at + cut, r->key_len - cut);
    append(to, state->suffix.bytes, state->suffix.len);
    return request_put_key(r, key, len, t->limits.rules.strict_keys) ? 0 : 1;
}

const struct chooser choose_key = {.build = build, .choose = choose, .release = release};
