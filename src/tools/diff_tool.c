/* `moongate diff`: which keys another script looks for elsewhere.
 *
 * A key moves when it is looked for on another server, or there under another name: what is cached is not found again. For a
 * cache this is the cost of a new script, so --max-moved lets a CI job refuse one that moves too many keys.
 *
 * Both scripts are loaded side by side into one worker, and each key is routed by the old one, then by the new one. A server has
 * the same name in both, whatever its pool and place, so places (places.h), which are numbered within one script, are translated
 * to numbers of names (diff.names) that both share. A move is two such numbers in 64 bits; sorted, equal moves stand side by side
 * and are counted.
 *
 * A key that cannot be sent is not counted. "script error" is a place like a server. Either one makes the exit code 1: the result
 * says less than it seems to.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ask.h"
#include "base/json.h"
#include "tools/places.h"
#include "tools/tool.h"

/* One of the two scripts, and where it sends the present key. */
struct side {
    struct script *script;
    struct explainer e;
    struct places places;
    uint32_t *names; /* of each place: its number in diff.names */
    bool failed;     /* on some key: reported once, of many keys the first is enough */
    uint32_t place;
    const char *pool; /* NULL: answered without a pool */
    size_t key_len;   /* as sent; 0 without a pool */
    uint8_t key[KEY_MAX];
};

/* Keys that move from the same server to the same other one. */
struct move {
    uint32_t from, to;
    uint64_t keys;
};

struct diff {
    const struct ask_options *o;
    struct side old, new;
    const char **names; /* of the places of both scripts, each once */
    uint32_t names_n;
    uint64_t *moved; /* one for each key that moves: from << 32 | to */
    size_t moved_n, moved_room;
    uint64_t keys, other_pool, other_key;
    bool bad; /* a key could not be sent */
};

/* --- sides ------------------------------------------------------------------------------------- */

static uint32_t number_of_name(struct diff *d, const char *name)
{
    for (uint32_t i = 0; i < d->names_n; i++)
        if (strcmp(d->names[i], name) == 0) return i;
    d->names = reallocarray(d->names, d->names_n + 1, sizeof *d->names);
    if (!d->names) abort();
    d->names[d->names_n] = name;
    return d->names_n++;
}

static bool side_init(struct diff *d, struct side *side, const char *path,
                      const struct script_host *host, struct turn *turn)
{
    side->script = ask_load(d->o, path, host, turn, &side->e);
    if (!side->script) return false;
    places_init(&side->places, side->script);
    side->names = calloc(places_n(&side->places), sizeof *side->names);
    if (!side->names) abort();
    for (uint32_t i = 0; i < places_n(&side->places); i++)
        side->names[i] = number_of_name(d, places_name(&side->places, i));
    return true;
}

static void side_release(struct side *side)
{
    if (!side->script) return;
    places_release(&side->places);
    free(side->names);
    script_destroy(side->script);
}

/* An explain_told_fn. The explanation is valid during this call, so the key is copied. */
static void told(void *to, const struct explanation *x)
{
    struct side *side = to;
    assert(!x->pool || x->sent_key_len <= sizeof side->key);
    side->place = side->names[places_find(&side->places, x)];
    side->pool = x->pool ? x->pool->settings.name : NULL;
    side->key_len = x->pool ? x->sent_key_len : 0;
    if (x->pool) memcpy(side->key, x->sent_key, x->sent_key_len);
    if (!x->path.failure[0] || side->failed) return;
    side->failed = true;
    fprintf(stderr, "moongate: %s\n", x->path.failure);
}

/* --- keys -------------------------------------------------------------------------------------- */

/* The script rewrites the key in another way than before. */
static bool is_renamed(const struct diff *d)
{
    return d->old.pool && d->new.pool &&
           (d->old.key_len != d->new.key_len ||
            memcmp(d->old.key, d->new.key, d->old.key_len) != 0);
}

static void note_move(struct diff *d)
{
    if (d->moved_n == d->moved_room) {
        d->moved_room = d->moved_room ? d->moved_room * 2 : 1024;
        d->moved = reallocarray(d->moved, d->moved_room, sizeof *d->moved);
        if (!d->moved) abort();
    }
    assert(d->old.place < d->names_n && d->new.place < d->names_n);
    d->moved[d->moved_n++] = (uint64_t)d->old.place << 32 | d->new.place;
}

static void compare(struct diff *d)
{
    bool renamed = is_renamed(d);
    assert(d->moved_n <= d->keys);
    d->keys++;
    d->other_key += renamed;
    d->other_pool += d->old.pool && d->new.pool &&strcmp(d->old.pool, d->new.pool) != 0;
    if (renamed || d->old.place != d->new.place) note_move(d);
}

static void take_key(void *to, const char *key, size_t len, size_t number)
{
    struct diff *d = to;
    const char *wrong = ask_key(d->o, &d->old.e, key, len, told, &d->old);
    if (!wrong) wrong = ask_key(d->o, &d->new.e, key, len, told, &d->new);
    if (!wrong) {
        compare(d);
        return;
    }
    d->bad = true;
    ask_complain(d->o, number, wrong);
}

/* --- what moved -------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    const uint64_t *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

/* Most keys first; then in the order in which the scripts name the servers. */
static int by_keys(const void *a, const void *b)
{
    const struct move *p = a, *q = b;
    if (p->keys != q->keys) return p->keys < q->keys ? 1 : -1;
    if (p->from != q->from) return p->from < q->from ? -1 : 1;
    return (p->to > q->to) - (p->to < q->to);
}

/* Counts equal moves. Returns *n of them, from malloc. */
static struct move *sum_moves(struct diff *d, size_t *n)
{
    struct move *moves = calloc(d->moved_n + 1, sizeof *moves);
    if (!moves) abort();
    *n = 0;
    if (d->moved_n) qsort(d->moved, d->moved_n, sizeof *d->moved, by_value);
    for (size_t i = 0; i < d->moved_n; i++) {
        bool same = i > 0 && d->moved[i] == d->moved[i - 1];
        if (!same)
            moves[(*n)++] = (struct move){(uint32_t)(d->moved[i] >> 32), (uint32_t)d->moved[i], 0};
        moves[*n - 1].keys++;
    }
    qsort(moves, *n, sizeof *moves, by_keys);
    return moves;
}

static double share(const struct diff *d, uint64_t keys)
{
    return d->keys ? (double)keys / (double)d->keys : 0;
}

static void print_text(const struct diff *d, const struct move *moves, size_t n)
{
    printf("%llu keys: %zu move, %.1f %%; %llu to another pool, %llu under another key\n",
           (unsigned long long)d->keys, d->moved_n, 100 * share(d, d->moved_n),
           (unsigned long long)d->other_pool, (unsigned long long)d->other_key);
    for (size_t i = 0; i < n; i++)
        printf("  %s -> %s%s: %llu, %.1f %%\n", d->names[moves[i].from], d->names[moves[i].to],
               moves[i].from == moves[i].to ? " under another key" : "",
               (unsigned long long)moves[i].keys, 100 * share(d, moves[i].keys));
}

static void print_json(const struct diff *d, const struct move *moves, size_t n)
{
    struct json j;
    for (size_t i = 0; i < n; i++) {
        json_begin(&j, stdout);
        json_text(&j, "from", d->names[moves[i].from]);
        json_text(&j, "to", d->names[moves[i].to]);
        json_number(&j, "keys", moves[i].keys);
        json_fraction(&j, "share", share(d, moves[i].keys));
        json_end(&j);
    }
    json_begin(&j, stdout);
    json_number(&j, "keys", d->keys);
    json_number(&j, "moved", d->moved_n);
    json_fraction(&j, "share", share(d, d->moved_n));
    json_number(&j, "other_pool", d->other_pool);
    json_number(&j, "other_key", d->other_key);
    json_end(&j);
}

/* --- the tool ---------------------------------------------------------------------------------- */

static int judge(const struct diff *d)
{
    if (d->bad || d->old.failed || d->new.failed) return EXIT_SCRIPT;
    if (d->o->max_moved < 0 || share(d, d->moved_n) <= d->o->max_moved) return EXIT_OK;
    fprintf(stderr, "moongate: diff: more keys move than --max-moved allows: %.4g of %.4g\n",
            share(d, d->moved_n), d->o->max_moved);
    return EXIT_SCRIPT;
}

static int compare_all(struct diff *d)
{
    size_t n;
    int code = ask_lines(d->o->keys, take_key, d);
    struct move *moves = sum_moves(d, &n);
    if (d->o->json)
        print_json(d, moves, n);
    else
        print_text(d, moves, n);
    free(moves);
    return code != EXIT_OK ? code : judge(d);
}

static int act(void *arg, const struct script_host *host, struct turn *turn)
{
    struct diff *d = arg;
    bool loaded = side_init(d, &d->old, d->o->words[0], host, turn) &&
                  side_init(d, &d->new, d->o->words[1], host, turn);
    int code = loaded ? compare_all(d) : EXIT_SCRIPT;
    side_release(&d->old);
    side_release(&d->new);
    free(d->names);
    free(d->moved);
    return code;
}

int diff_tool(int argc, char **argv)
{
    struct ask_options o;
    struct diff d = {.o = &o};
    int code;
    if (diff_options_read(&o, argc, argv, &code) == ASK_GO) code = ask_in_worker(&o, act, &d);
    ask_options_release(&o);
    return code;
}
