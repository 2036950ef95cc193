#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "route/chooser.h"
#include "route/generation.h"

/* By the route prefix that a key may begin with, /region/cluster/, as mcrouter does; the child gets the key without it. A prefix with
 * stars means all prefixes that it matches. For each set of routes that can be meant there is a child, which the script has made; which
 * prefixes with stars are known by their bytes, and any other is matched with all prefixes: if it means a set that has a child, that is
 * it. */
struct entry {
    const uint8_t *bytes; /* /region/cluster/ */
    uint32_t len;
    uint32_t child;
    uint64_t routes; /* a bit for each child of a single prefix that this one means */
};

struct route_state {
    uint8_t *bytes;   /* all of them */
    uint32_t unknown; /* the child for a prefix that is not there */
    uint32_t n;       /* sorted by bytes */
    struct entry entries[];
};

/* Children: where nothing is left of a key, where there is no prefix; others follow. */
enum { NO_KEY, USUAL, CHILDREN_MOST = 64 };

static const char FALLBACK[] = "fallback/";

/* --- building ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = memcmp(x->bytes, y->bytes, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* Whether a star matches: any bytes but a slash, or none. `star` is where the last one was: it takes one byte more, then. */
static bool matches(const uint8_t *p, const uint8_t *p_end, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *star = NULL, *star_at = NULL;
    while (at < end) {
        if (p < p_end && *p == '*') {
            star = ++p;
            star_at = at;
        } else if (p < p_end && *p == *at) {
            if (*p == '/') star = NULL;
            p++, at++;
        } else if (star && *star_at != '/') {
            p = star;
            at = ++star_at;
        } else
            return false;
    }
    while (p < p_end && *p == '*') p++;
    return p == p_end;
}

static bool has_star(const uint8_t *prefix, size_t len)
{
    return memchr(prefix, '*', len);
}

/* The routes that a prefix with stars means. */
static uint64_t routes_of(const struct route_state *state, const uint8_t *prefix, size_t len)
{
    uint64_t routes = 0;
    for (uint32_t i = 0; i < state->n; i++) {
        const struct entry *e = &state->entries[i];
        if (!has_star(e->bytes, e->len) &&
            matches(prefix, prefix + len, e->bytes, e->bytes + e->len))
            routes |= 1ull << e->child;
    }
    return routes;
}

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    size_t bytes = 1;
    assert(n > 0 && words->len == 0);
    for (uint32_t i = 0; i < n; i++) bytes += words[i].len;
    struct route_state *state =
        generation_make_state(route, sizeof *state + sizeof state->entries[0] * n);
    uint8_t *to = malloc(bytes);
    if (!to) abort();
    state->bytes = to;
    state->unknown = words->child;
    state->n = --n;
    words++;
    for (uint32_t i = 0; i < n; i++) {
        assert(words[i].child < route->children_n);
        memcpy(to, words[i].text, words[i].len);
        state->entries[i] =
            (struct entry){.bytes = to, .len = (uint32_t)words[i].len, .child = words[i].child};
        assert(words[i].child < CHILDREN_MOST || has_star(to, words[i].len));
        to += words[i].len;
    }
    qsort(state->entries, n, sizeof state->entries[0], compare);
    for (uint32_t i = 0; i < n; i++) {
        struct entry *e = &state->entries[i];
        e->routes =
            has_star(e->bytes, e->len) ? routes_of(state, e->bytes, e->len) : 1ull << e->child;
    }
}

static void release(struct route_state *state)
{
    free(state->bytes);
}

/* --- choosing ---------------------------------------------------------------------------------- */

/* The length of /region/cluster/ at the key's beginning; 0: it has none. */
static size_t prefix_length(const uint8_t *key, size_t len)
{
    const uint8_t *end = key + len, *at = key;
    if (*key != '/') return 0;
    for (unsigned i = 0; i < 2 && at; i++) at = memchr(at + 1, '/', (size_t)(end - at - 1));
    return at ? (size_t)(at + 1 - key) : 0;
}

static const struct entry *find(const struct route_state *state, const uint8_t *bytes, size_t len)
{
    const struct entry wanted = {.bytes = bytes, .len = (uint32_t)len};
    return bsearch(&wanted, state->entries, state->n, sizeof wanted, compare);
}

/* /region/fallback/ stands for all of a region's clusters that are not named. */
static const struct entry *find_fallback(const struct route_state *state, const uint8_t *prefix,
                                         size_t len)
{
    const uint8_t *slash = memchr(prefix + 1, '/', len - 1);
    size_t region = (size_t)(slash + 1 - prefix);
    for (uint32_t i = 0; i < state->n; i++) {
        const struct entry *e = &state->entries[i];
        if (e->len == region + sizeof FALLBACK - 1 && memcmp(e->bytes, prefix, region) == 0 &&
            memcmp(e->bytes + region, FALLBACK, sizeof FALLBACK - 1) == 0)
            return e;
    }
    return NULL;
}

static uint32_t child_of(const struct route_state *state, const uint8_t *prefix, size_t len)
{
    const struct entry *e = find(state, prefix, len);
    if (e) return e->child;
    if (!has_star(prefix, len)) {
        e = find_fallback(state, prefix, len);
        return e ? e->child : state->unknown;
    }
    uint64_t routes = routes_of(state, prefix, len);
    for (uint32_t i = 0; i < state->n && routes; i++)
        if (state->entries[i].routes == routes) return state->entries[i].child;
    return state->unknown;
}

/* What would not be a key without the prefix stays as it is. */
static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    const uint8_t *key = (const uint8_t *)r->key_at;
    assert(r->key_len > 0);
    size_t len = prefix_length(key, r->key_len), rest = r->key_len - len;
    if (!len) return USUAL;
    uint32_t child = child_of(route->state, key, len);
    uint8_t *copy = arena_alloc(t->arena, rest + 1);
    memcpy(copy, key + len, rest);
    return request_put_key(r, copy, rest, t->limits.rules.strict_keys) ? child : NO_KEY;
}

const struct chooser choose_route_prefix = {.build = build, .choose = choose, .release = release};
