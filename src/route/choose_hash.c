#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backend/pool.h"
#include "route/chooser.h"
#include "route/generation.h"

/* By the key's hash, over children of any sort, with the selectors that pools use for servers. The salt is put behind the bytes
 * that are hashed, as in mcrouter. */
enum { SALT, TAG, STOP, NAMES }; /* words */
enum { SALT_MAX = 256 };

struct route_state {
    struct selector selector;
    struct pool_settings part; /* which part of a key is hashed: hash_tag, hash_stop */
    bool hashes_parts;
    char salt[SALT_MAX];
    size_t salt_len;
};

static struct selector_settings settings_of(const struct route_options *o)
{
    return (struct selector_settings){.distribution = (enum distribution)o->distribution,
                                      .hash = o->hash < 0 ? HASH_XXH3 : (enum hash)o->hash,
                                      .seed = (uint64_t)o->seed};
}

/* The words' names with their NULs in one block, and servers that have them; freed by the caller. */
static struct selector_server *servers_of(const struct route_word *words, uint32_t n, char **names)
{
    size_t bytes = 1;
    for (uint32_t i = 0; i < n; i++) bytes += words[i].len + 1;
    struct selector_server *servers = calloc(n + 1, sizeof *servers);
    char *to = *names = calloc(1, bytes);
    if (!servers || !to) abort();
    for (uint32_t i = 0; i < n; i++) {
        memcpy(to, words[i].text, words[i].len);
        servers[i] = (struct selector_server){to, words[i].number};
        to += words[i].len + 1;
    }
    return servers;
}

/* Checked before a route is made, because a route that exists must be able to choose. */
const char *choose_hash_refuses(const struct route_options *o, const struct route_word *words,
                                uint32_t n)
{
    struct selector_settings settings = settings_of(o);
    char *names;
    struct selector_server *servers = servers_of(words + NAMES, n - NAMES, &names);
    const char *wrong = selector_refuses(&settings, servers, n - NAMES);
    free(servers);
    free(names);
    return wrong;
}

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    struct route_state *state = generation_make_state(route, sizeof *state);
    struct selector_settings settings = settings_of(&route->options);
    char *names;
    struct selector_server *servers = servers_of(words + NAMES, n - NAMES, &names);
    selector_init(&state->selector, &settings, servers, n - NAMES);
    free(servers);
    free(names);
    assert(words[SALT].len <= SALT_MAX && words[TAG].len <= sizeof state->part.hash_tag &&
           words[STOP].len < sizeof state->part.hash_stop);
    state->salt_len = words[SALT].len;
    memcpy(state->salt, words[SALT].text, words[SALT].len);
    memcpy(state->part.hash_tag, words[TAG].text, words[TAG].len);
    memcpy(state->part.hash_stop, words[STOP].text, words[STOP].len);
    state->hashes_parts = words[TAG].len || words[STOP].len;
}

static void release(struct route_state *state)
{
    selector_release(&state->selector);
}

/* The salt goes behind the part, so keys that have the part in common stay together with any salt. */
static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    const struct route_state *state = route->state;
    char salted[KEY_MAX + SALT_MAX];
    const char *key = (const char *)r->key_at;
    size_t len = r->key_len;
    if (state->hashes_parts) key = pool_hashed_part(&state->part, key, &len);
    if (state->salt_len) {
        memcpy(salted, key, len);
        memcpy(salted + len, state->salt, state->salt_len);
        key = salted;
        len += state->salt_len;
    }
    return selector_pick(&state->selector, key, len).server;
}

const struct chooser choose_hash = {.build = build, .choose = choose, .release = release};
