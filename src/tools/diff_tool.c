/* `moongate diff`: which keys another script looks for elsewhere.
 *
 * The old script's value is where a get that finds it is sent first, and in each place that is always asked along with that. Under
 * the new script a key is
 *
 *   unchanged   when its first place has the value
 *   copied      when another place of the new script has it, from which a miss in the first one is always answered (as with
 *               mg.warm_up): it is found, and then copied or asked for again
 *   moved       else: what is cached is not found again. For a cache this is the cost of a new script, so --max-moved lets a CI
 *               job refuse one that moves too many keys
 *
 * A place is a server and the key's name there: a key that is sent under another name is not found. With a command that reads, keys
 * that are found as before but whose set goes elsewhere are counted, too.
 *
 * Both scripts are loaded side by side into one worker, and each key is routed by the old one, then by the new one. A server has
 * the same name in both, whatever its pool and place, so places (places.h), which are numbered within one script, are translated
 * to numbers of names (diff.names) that both share. A move is two such numbers and its kind in 64 bits; sorted, equal moves stand
 * side by side and are counted.
 *
 * A key that cannot be sent is not counted. "script error" is a place like a server. Either one makes the exit code 1: the result
 * says less than it seems to.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "replay/where.h"
#include "tools/ask.h"
#include "tools/places.h"
#include "tools/tool.h"

/* One of the two scripts, and where the present key is. */
struct side {
    struct script *script;
    struct explainer e;
    struct places places;
    uint32_t *names; /* of each place: its number in diff.names */
    bool failed;     /* on some key: reported once, of many keys the first is enough */
    uint32_t name;   /* of the first place, in diff.names */
    struct where where;
};

/* Keys that move from the same server to the same other one. */
struct move {
    uint32_t from, to;
    enum fate fate;
    uint64_t keys;
};

struct diff {
    const struct ask_options *o;
    struct side old, new;
    struct side old_write, new_write; /* of the same scripts: only their first places are used */
    const char **names;               /* of the places of both scripts, each once */
    uint32_t names_n;
    uint64_t *moved; /* one for each key that is not unchanged: fate, from, to */
    size_t moved_n, moved_room;
    uint64_t keys, of_fate[FATE_MOVED + 1], other_pool, other_key;
    uint64_t still_sent; /* of those that move: their old place gets the request, in some case */
    uint64_t written;    /* of those that do not move: their set goes elsewhere */
    bool bad;            /* a key could not be sent */
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

/* The old script, or the new one. */
static bool side_init(struct diff *d, struct side *side, bool is_new,
                      const struct script_host *host, struct turn *turn)
{
    side->script =
        ask_load(d->o, d->o->words[is_new], is_new ? d->o->to : d->o->from, host, turn, &side->e);
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

/* An explain_told_fn. */
static void told(void *to, const struct explanation *x)
{
    struct side *side = to;
    side->name = side->names[places_find(&side->places, x)];
    where_take(&side->where, x);
    if (!x->path.failure[0] || side->failed) return;
    side->failed = true;
    fprintf(stderr, "moongate: %s\n", x->path.failure);
}

/* --- keys -------------------------------------------------------------------------------------- */

/* The script rewrites the key in another way than before. */
static bool is_renamed(const struct spot *old, const struct spot *new)
{
    return old->pool && new->pool &&
           (old->key_len != new->key_len || memcmp(old->key, new->key, old->key_len) != 0);
}

static void note_move(struct diff *d, enum fate fate)
{
    if (d->moved_n == d->moved_room) {
        d->moved_room = d->moved_room ? d->moved_room * 2 : 1024;
        d->moved = reallocarray(d->moved, d->moved_room, sizeof *d->moved);
        if (!d->moved) abort();
    }
    assert(d->old.name < d->names_n && d->new.name < d->names_n);
    d->moved[d->moved_n++] = (uint64_t)fate << 62 | (uint64_t)d->old.name << 31 | d->new.name;
}

static enum fate compare(struct diff *d)
{
    const struct where *old = &d->old.where, *new = &d->new.where;
    enum fate fate = where_fate(old, new);
    d->keys++;
    d->of_fate[fate]++;
    d->other_key += is_renamed(&old->first, &new->first);
    d->other_pool +=
        old->first.pool && new->first.pool &&strcmp(old->first.pool, new->first.pool) != 0;
    if (fate != FATE_UNCHANGED) note_move(d, fate);
    if (fate == FATE_MOVED) d->still_sent += where_still_gets(old, new);
    return fate;
}

static bool reads(const struct ask_options *o)
{
    static const char *const names[] = {"get", "gets", "mg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(o->command, names[i]) == 0) return true;
    return false;
}

/* The same key's set, with the same scripts: a script may route it elsewhere. */
static void compare_writes(struct diff *d, const char *key, size_t len)
{
    struct ask_options o = *d->o;
    o.command = "set";
    d->old_write = d->old;
    d->new_write = d->new;
    if (ask_key(&o, &d->old.e, key, len, told, &d->old_write) ||
        ask_key(&o, &d->new.e, key, len, told, &d->new_write))
        return;
    d->old.failed |= d->old_write.failed;
    d->new.failed |= d->new_write.failed;
    const struct where *old = &d->old_write.where, *new = &d->new_write.where;
    if (!old->is_drawn && !new->is_drawn) d->written += !spot_is_same(&old->first, &new->first);
}

static void take_key(void *to, const char *key, size_t len, size_t number)
{
    struct diff *d = to;
    const char *wrong = ask_key(d->o, &d->old.e, key, len, told, &d->old);
    if (!wrong) wrong = ask_key(d->o, &d->new.e, key, len, told, &d->new);
    if (!wrong) {
        if (compare(d) != FATE_MOVED && reads(d->o)) compare_writes(d, key, len);
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

/* Those that move, then those that are copied; most keys first; then in the order in which the scripts name the servers. */
static int by_keys(const void *a, const void *b)
{
    const struct move *p = a, *q = b;
    if (p->fate != q->fate) return p->fate < q->fate ? 1 : -1;
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
            moves[(*n)++] =
                (struct move){(uint32_t)(d->moved[i] >> 31) & INT32_MAX,
                              (uint32_t)d->moved[i] & INT32_MAX, (enum fate)(d->moved[i] >> 62), 0};
        moves[*n - 1].keys++;
    }
    qsort(moves, *n, sizeof *moves, by_keys);
    return moves;
}

static double share(const struct diff *d, uint64_t keys)
{
    return d->keys ? (double)keys / (double)d->keys : 0;
}

static void print_count(const struct diff *d, uint64_t keys, const char *what)
{
    if (keys) printf("%llu %s, %.1f %%\n", (unsigned long long)keys, what, 100 * share(d, keys));
}

static void print_moves(const struct diff *d, const struct move *moves, size_t n, enum fate fate)
{
    for (size_t i = 0; i < n; i++) {
        if (moves[i].fate != fate) continue;
        printf("  %s -> %s%s: %llu, %.1f %%\n", d->names[moves[i].from], d->names[moves[i].to],
               moves[i].from == moves[i].to ? " under another key" : "",
               (unsigned long long)moves[i].keys, 100 * share(d, moves[i].keys));
    }
}

static void print_text(const struct diff *d, const struct move *moves, size_t n)
{
    uint64_t moved = d->of_fate[FATE_MOVED];
    printf("%llu keys: %llu move, %.1f %%; %llu to another pool, %llu under another key\n",
           (unsigned long long)d->keys, (unsigned long long)moved, 100 * share(d, moved),
           (unsigned long long)d->other_pool, (unsigned long long)d->other_key);
    print_moves(d, moves, n, FATE_MOVED);
    print_count(d, d->still_sent,
                "of those are still sent to their old place, which does not answer for them");
    print_count(d, d->of_fate[FATE_COPIED],
                "are copied: after a miss they are found in their old place");
    print_moves(d, moves, n, FATE_COPIED);
    print_count(d, d->written, "of those that do not move are written elsewhere");
}

static void print_json(const struct diff *d, const struct move *moves, size_t n)
{
    struct json j;
    for (size_t i = 0; i < n; i++) {
        json_begin(&j, stdout);
        json_text(&j, "from", d->names[moves[i].from]);
        json_text(&j, "to", d->names[moves[i].to]);
        json_text(&j, "fate", moves[i].fate == FATE_MOVED ? "moved" : "copied");
        json_number(&j, "keys", moves[i].keys);
        json_fraction(&j, "share", share(d, moves[i].keys));
        json_end(&j);
    }
    json_begin(&j, stdout);
    json_number(&j, "keys", d->keys);
    json_number(&j, "moved", d->of_fate[FATE_MOVED]);
    json_fraction(&j, "share", share(d, d->of_fate[FATE_MOVED]));
    json_number(&j, "copied", d->of_fate[FATE_COPIED]);
    json_number(&j, "still_sent", d->still_sent);
    json_number(&j, "written_elsewhere", d->written);
    json_number(&j, "other_pool", d->other_pool);
    json_number(&j, "other_key", d->other_key);
    json_end(&j);
}

/* --- the tool ---------------------------------------------------------------------------------- */

static int judge(const struct diff *d)
{
    if (d->bad || d->old.failed || d->new.failed) return EXIT_SCRIPT;
    if (d->o->max_moved < 0 || share(d, d->of_fate[FATE_MOVED]) <= d->o->max_moved) return EXIT_OK;
    fprintf(stderr, "moongate: diff: more keys move than --max-moved allows: %.4g of %.4g\n",
            share(d, d->of_fate[FATE_MOVED]), d->o->max_moved);
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
    bool loaded =
        side_init(d, &d->old, false, host, turn) && side_init(d, &d->new, true, host, turn);
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
