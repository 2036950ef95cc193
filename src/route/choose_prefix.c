#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "route/chooser.h"
#include "route/generation.h"

/* By the key's beginning. Entries are sorted by their bytes; `first` says where those with a given first byte begin. The
 * longest prefix of a key is found with one binary search. All prefixes of a key sort before it or equal to it, and what stands
 * between the longest of them and the key begins with that one. So the last entry that does not sort behind the key is the
 * longest prefix, or begins with it; and each entry links to the longest other entry that is a prefix of it. */
struct entry {
    uint64_t head; /* its first bytes, see head_of: most comparisons end there */
    const uint8_t *bytes;
    uint32_t len;
    uint32_t child;
    int32_t shorter; /* the longest other entry that is a prefix of this one, or -1 */
};

struct route_state {
    uint8_t *bytes; /* all of them */
    const uint8_t *anchor, *separator;
    uint32_t anchor_len, separator_len;
    uint32_t n;
    uint32_t first[257]; /* by first byte */
    struct entry entries[];
};

enum { SEPARATOR, ANCHOR, PREFIXES }; /* words */

/* --- building ---------------------------------------------------------------------------------- */

/* The first 8 bytes as a number that orders as they do; behind the end are zeros. */
static uint64_t head_of(const uint8_t *bytes, size_t len)
{
    uint64_t head = 0;
    if (len >= sizeof head)
        memcpy(&head, bytes, sizeof head);
    else
        memcpy(&head, bytes, len);
    return be64toh(head);
}

static int compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    if (order) return order;
    return a_len < b_len ? -1 : a_len > b_len;
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return compare(x->bytes, x->len, y->bytes, y->len);
}

static bool begins_with(const uint8_t *bytes, size_t len, const struct entry *e)
{
    return len >= e->len && memcmp(bytes, e->bytes, e->len) == 0;
}

static const uint8_t *copy(uint8_t **to, const struct route_word *word)
{
    uint8_t *at = *to;
    memcpy(at, word->text, word->len);
    *to += word->len;
    return at;
}

/* The entries that are prefixes of one are among those before it; the nearest is the one before, or in that one's chain. */
static void link_entries(struct route_state *state)
{
    for (uint32_t i = 0; i < state->n; i++) {
        int32_t at = (int32_t)i - 1;
        const struct entry *e = &state->entries[i];
        while (at >= 0 && !begins_with(e->bytes, e->len, &state->entries[at]))
            at = state->entries[at].shorter;
        state->entries[i].shorter = at;
    }
}

static void index_entries(struct route_state *state)
{
    uint32_t at = 0;
    for (unsigned byte = 0; byte < 256; byte++) {
        state->first[byte] = at;
        while (at < state->n && state->entries[at].bytes[0] == byte) at++;
    }
    state->first[256] = state->n;
}

static void build(struct route *route, const struct route_word *words, uint32_t n)
{
    size_t bytes = 1;
    assert(n >= PREFIXES);
    for (uint32_t i = 0; i < n; i++) bytes += words[i].len;
    struct route_state *state =
        generation_make_state(route, sizeof *state + sizeof state->entries[0] * n);
    uint8_t *to = malloc(bytes);
    if (!to) abort();
    state->bytes = to;
    state->n = n - PREFIXES;
    state->separator = copy(&to, &words[SEPARATOR]);
    state->separator_len = (uint32_t)words[SEPARATOR].len;
    state->anchor = copy(&to, &words[ANCHOR]);
    state->anchor_len = (uint32_t)words[ANCHOR].len;
    for (uint32_t i = 0; i < state->n; i++) {
        const struct route_word *word = &words[PREFIXES + i];
        assert(word->len > 0 && word->child < route->children_n);
        state->entries[i] = (struct entry){.head = head_of((const uint8_t *)word->text, word->len),
                                           .bytes = copy(&to, word),
                                           .len = (uint32_t)word->len,
                                           .child = word->child,
                                           .shorter = -1};
    }
    qsort(state->entries, state->n, sizeof state->entries[0], compare_entries);
    link_entries(state);
    index_entries(state);
}

static void release(struct route_state *state)
{
    free(state->bytes);
}

/* --- choosing ---------------------------------------------------------------------------------- */

static bool is_behind(const struct entry *e, uint64_t head, const uint8_t *key, size_t len)
{
    return e->head == head ? compare(e->bytes, e->len, key, len) > 0 : e->head > head;
}

/* The last entry that is not behind the key, or -1. */
static int32_t last_up_to(const struct route_state *state, const uint8_t *key, size_t len)
{
    uint64_t head = head_of(key, len);
    uint32_t low = state->first[key[0]], high = state->first[key[0] + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (is_behind(&state->entries[middle], head, key, len))
            high = middle;
        else
            low = middle + 1;
    }
    return (int32_t)low - 1;
}

static uint32_t by_longest(const struct route_state *state, const uint8_t *key, size_t len)
{
    int32_t at = last_up_to(state, key, len);
    while (at >= 0 && !begins_with(key, len, &state->entries[at])) at = state->entries[at].shorter;
    return at < 0 ? 0 : state->entries[at].child;
}

/* For parts of keys: an entry must be all of it. */
static uint32_t by_whole(const struct route_state *state, const uint8_t *key, size_t len)
{
    int32_t at = last_up_to(state, key, len);
    if (at < 0 || state->entries[at].len != len || memcmp(state->entries[at].bytes, key, len) != 0)
        return 0;
    return state->entries[at].child;
}

/* What stands between the anchor and the nth separator behind it; a key without them has no such part. */
static uint32_t by_part(const struct route_state *state, uint32_t parts, const uint8_t *key,
                        size_t len)
{
    if (len < state->anchor_len || memcmp(key, state->anchor, state->anchor_len) != 0) return 0;
    const uint8_t *from = key + state->anchor_len, *end = key + len, *at = from;
    for (uint32_t i = 0;; i++) {
        const uint8_t *found =
            memmem(at, (size_t)(end - at), state->separator, state->separator_len);
        if (!found) return 0;
        if (i + 1 == parts)
            return found == from ? 0 : by_whole(state, from, (size_t)(found - from));
        at = found + state->separator_len;
    }
}

static uint32_t choose(struct turn *t, const struct route *route, struct request *r)
{
    const uint8_t *key = (const uint8_t *)r->key_at;
    assert(r->key_len > 0); /* its first byte is the index */
    switch (route->options.match) {
    case MATCH_PREFIX: return by_longest(route->state, key, r->key_len);
    case MATCH_WHOLE: return by_whole(route->state, key, r->key_len);
    default: return by_part(route->state, route->options.parts, key, r->key_len);
    }
}

const struct chooser choose_prefix = {.build = build, .choose = choose, .release = release};
