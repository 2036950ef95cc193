/* The tree of what a function may do, from its runs.
 *
 * Each run but the first repeats the answers of an earlier one up to a call, answers that call in another way, and the rest as in
 * the first run. When a run has ended, one more is queued for each call behind its own deviation, and each other answer. So every
 * combination of answers is run once; those with fewer deviations come first.
 *
 * A call that is not made in every run depends on answers. An earlier call matters to it when not all of that call's answers lead
 * to it. Of those that matter, one that another implies is left out: after "a hit of b", where b is only asked after a miss of a,
 * the miss goes without saying. */
#include "script/runs.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "placement/hash.h"

struct runs *runs_create(const struct request *r, const struct run_sample *sample)
{
    struct runs *runs = calloc(1, sizeof *runs);
    if (!runs) abort();
    runs->sample = sample;
    runs->command = r->command_id;
    runs->queued = 1; /* the first: all zero is all misses */
    return runs;
}

void runs_destroy(struct runs *runs)
{
    for (uint32_t i = 0; i < runs->rows_n; i++) kept_give(runs->rows[i].kept);
    free(runs);
}

/* --- runs --------------------------------------------------------------------------------------- */

static struct run *present(struct runs *runs)
{
    assert(runs->n > 0);
    return &runs->all[runs->n - 1];
}

static void queue(struct runs *runs, uint32_t like, uint32_t at, enum run_answer with)
{
    if (runs->queued == RUNS_MOST)
        runs->is_cut = true;
    else
        runs->all[runs->queued++] = (struct run){.like = like, .at = at, .with = with};
}

/* The other answers to the calls of the run that has ended. */
static void queue_others(struct runs *runs)
{
    uint32_t number = runs->n - 1;
    const struct run *run = present(runs);
    for (uint32_t i = number == 0 ? 0 : run->at + 1; i < run->n; i++) {
        const struct run_call *call = &run->calls[i];
        for (unsigned other = 0; other < RUN_ANSWERS; other++) {
            if (other != call->answer && call->choices >> other & 1)
                queue(runs, number, i, (enum run_answer)other);
        }
    }
}

bool runs_next(struct runs *runs)
{
    if (runs->n > 0) queue_others(runs);
    if (runs->n == runs->queued) return false;
    runs->n++;
    return true;
}

/* --- calls -------------------------------------------------------------------------------------- */

static unsigned choices_of(const struct runs *runs, const struct request *r)
{
    unsigned sample = runs->sample ? 1u << RUN_SAMPLE : 0;
    switch (r->command_id) {
    case COMMAND_SET: return 1u << RUN_HIT | 1u << RUN_ERROR;
    case COMMAND_GET:
    case COMMAND_GETS:
    case COMMAND_GAT:
    case COMMAND_GATS:
    case COMMAND_META_GET: return sample | 1u << RUN_NO | 1u << RUN_HIT | 1u << RUN_ERROR;
    default: return 1u << RUN_NO | 1u << RUN_HIT | 1u << RUN_ERROR;
    }
}

/* In the first run: a read misses, and what changes something does so. */
static enum run_answer usual_answer(const struct request *r)
{
    return command_info(r->command_id)->shape == SHAPE_RETRIEVE ||
                   r->command_id == COMMAND_META_GET || r->command_id == COMMAND_META_DEBUG
               ? RUN_NO
               : RUN_HIT;
}

static uint64_t hash_of(const struct request *r)
{
    uint8_t line[REQUEST_LINE_ROOM];
    return hash_bytes64(HASH_XXH3, line, request_encode_line(r, line), 0);
}

/* The row of a call of the run that runs; RUN_ROWS_MOST: there is no room for it. */
static uint32_t row_of(struct runs *runs, int32_t route, const struct request *r, bool is_spawned)
{
    uint64_t hash = hash_of(r), bit = 1ull << (runs->n - 1);
    uint32_t nth = 0;
    for (uint32_t i = 0; i < runs->rows_n; i++) {
        struct run_row *row = &runs->rows[i];
        if (row->hash != hash || row->route != route || row->is_spawned != is_spawned) continue;
        if (!(row->in & bit)) {
            row->in |= bit;
            return i;
        }
        nth++;
    }
    if (runs->rows_n == RUN_ROWS_MOST) return RUN_ROWS_MOST;
    runs->rows[runs->rows_n] = (struct run_row){.route = route,
                                                .kept = kept_create(r),
                                                .hash = hash,
                                                .nth = nth,
                                                .is_spawned = is_spawned,
                                                .in = bit};
    return runs->rows_n++;
}

/* NULL: there is no room. */
static struct run_call *add_call(struct runs *runs, int32_t route, const struct request *r,
                                 bool is_spawned)
{
    struct run *run = present(runs);
    uint32_t row = run->n < RUN_CALLS_MOST ? row_of(runs, route, r, is_spawned) : RUN_ROWS_MOST;
    if (row == RUN_ROWS_MOST) {
        runs->is_cut = true;
        return NULL;
    }
    struct run_call *call = &run->calls[run->n++];
    *call = (struct run_call){.row = (uint8_t)row, .seen = (uint8_t)run->seen};
    return call;
}

/* The answer that the run is to give to its nth call. */
static enum run_answer planned(const struct runs *runs, const struct run *run, uint32_t nth,
                               const struct request *r)
{
    if (runs->n == 1 || nth > run->at) return usual_answer(r);
    if (nth == run->at) return run->with;
    return (enum run_answer)runs->all[run->like].calls[nth].answer;
}

enum run_answer runs_call(struct runs *runs, int32_t route, const struct request *r, bool is_fixed)
{
    struct run *run = present(runs);
    uint64_t bit = 1ull << (runs->n - 1);
    enum run_answer answer = planned(runs, run, run->n, r);
    unsigned choices = choices_of(runs, r);
    struct run_call *call = add_call(runs, route, r, false);
    if (!call) return usual_answer(r);
    if (!(choices >> answer & 1))
        answer = usual_answer(r); /* the script draws, or looks at a clock */
    call->answer = (uint8_t)answer;
    call->choices = is_fixed ? 0 : (uint8_t)choices;
    runs->rows[call->row].answered[answer] |= bit;
    return answer;
}

void runs_spawn(struct runs *runs, int32_t route, const struct request *r)
{
    (void)add_call(runs, route, r, true);
}

void runs_wait(struct runs *runs)
{
    struct run *run = present(runs);
    run->seen = run->n;
}

/* --- what they tell ----------------------------------------------------------------------------- */

static uint64_t all_of(const struct runs *runs)
{
    return runs->n == 64 ? UINT64_MAX : (1ull << runs->n) - 1;
}

/* Whether the call of row `before` was answered before that of row `at` was made, in every run with both of them. */
static bool is_before(const struct runs *runs, uint32_t before, uint32_t at)
{
    bool found = false;
    if (runs->rows[at].in & ~runs->rows[before].in) return false;
    for (uint32_t i = 0; i < runs->n; i++) {
        const struct run *run = &runs->all[i];
        uint32_t first = UINT32_MAX;
        for (uint32_t n = 0; n < run->n; n++) {
            if (run->calls[n].row == before && first == UINT32_MAX) first = n;
            if (run->calls[n].row != at) continue;
            if (first >= run->calls[n].seen) return false;
            found = true;
        }
    }
    return found;
}

/* The answers of row `before` in the runs that have row `at`, as bits; 0: they do not matter. */
static unsigned answers_that_lead(const struct runs *runs, uint32_t before, uint32_t at)
{
    const struct run_row *b = &runs->rows[before];
    unsigned lead = 0, any = 0;
    if (before == at || b->is_spawned || !is_before(runs, before, at)) return 0;
    for (unsigned i = 0; i < RUN_ANSWERS; i++) {
        any |= (unsigned)(b->answered[i] != 0) << i;
        lead |= (unsigned)((b->answered[i] & runs->rows[at].in) != 0) << i;
    }
    return lead == any ? 0 : lead;
}

/* Whether the answers of row `before` are the only ones with which row `by` is asked, too. */
static bool is_implied(const struct runs *runs, uint32_t before, unsigned answers, uint32_t by)
{
    const struct run_row *b = &runs->rows[before];
    uint64_t with = 0;
    for (unsigned i = 0; i < RUN_ANSWERS; i++) with |= answers >> i & 1 ? b->answered[i] : 0;
    return !(runs->rows[by].in & ~with);
}

/* Whether the function sends something else there than its own request alone. */
static bool needs_command(const struct runs *runs, uint32_t at)
{
    const struct run_row *row = &runs->rows[at];
    if (row->kept->r.command_id != runs->command) return true;
    for (uint32_t i = 0; i < runs->rows_n; i++) {
        const struct run_row *other = &runs->rows[i];
        if (i != at && other->route == row->route && !other->is_spawned && other->hash != row->hash)
            return true;
    }
    return false;
}

/* A route's name; with the command where that says more. */
static int put_name(const struct runs *runs, uint32_t at, const struct route *route, char *to,
                    size_t room)
{
    const char *command = command_info(runs->rows[at].kept->r.command_id)->text;
    if (needs_command(runs, at)) return snprintf(to, room, "%s (%s)", walk_name(route), command);
    return snprintf(to, room, "%s", walk_name(route));
}

/* "a miss or an error" */
static const char *answers_text(const struct runs *runs, uint32_t at, unsigned answers,
                                struct walk *w)
{
    const struct request *r = &runs->rows[at].kept->r;
    enum command_shape shape = command_info(r->command_id)->shape;
    bool stores = shape == SHAPE_STORE || shape == SHAPE_META_STORE;
    unsigned results = 0;
    if (answers == 1u << RUN_SAMPLE) return runs->sample->name;
    if (answers >> RUN_NO & 1) results |= stores ? RESULT_REFUSED : RESULT_MISS;
    if (answers >> RUN_HIT & 1) results |= RESULT_HIT;
    if (answers >> RUN_ERROR & 1) results |= RESULT_ANY_ERROR;
    return walk_results(w, results);
}

void runs_condition(const struct runs *runs, uint32_t at, struct route *const *routes,
                    struct walk *w, char *text, size_t room)
{
    unsigned lead[RUN_ROWS_MOST] = {0};
    size_t len = 0;
    text[0] = '\0';
    if (runs->rows[at].in == all_of(runs)) return;
    for (uint32_t i = 0; i < runs->rows_n; i++) lead[i] = answers_that_lead(runs, i, at);
    for (uint32_t i = 0; i < runs->rows_n; i++) {
        bool implied = false;
        for (uint32_t by = 0; by < runs->rows_n && !implied; by++)
            implied = by != i && lead[by] && is_implied(runs, i, lead[i], by);
        if (implied || !lead[i]) continue;
        if (len >= room) break;
        len += (size_t)snprintf(text + len, room - len, "%son %s of ", len ? " and " : "",
                                answers_text(runs, i, lead[i], w));
        if (len < room)
            len += (size_t)put_name(runs, i, routes[runs->rows[i].route], text + len, room - len);
    }
    if (!text[0]) snprintf(text, room, "after some answers of the others");
}

static bool reads(const struct request *r)
{
    return command_info(r->command_id)->shape == SHAPE_RETRIEVE ||
           r->command_id == COMMAND_META_GET;
}

/* The row of the first call that is awaited. */
static uint32_t first_awaited(const struct runs *runs)
{
    uint32_t i = 0;
    while (i < runs->rows_n && runs->rows[i].is_spawned) i++;
    return i;
}

/* Whether some run makes the call of that row after no read was a hit. */
static bool comes_without_hit(const struct runs *runs, uint32_t at)
{
    for (uint32_t i = 0; i < runs->n; i++) {
        const struct run *run = &runs->all[i];
        bool hit = false;
        for (uint32_t n = 0; n < run->n && !hit; n++) {
            const struct run_row *row = &runs->rows[run->calls[n].row];
            if (run->calls[n].row == at) return true;
            hit = !row->is_spawned && reads(&row->kept->r) &&
                  (run->calls[n].answer == RUN_HIT || run->calls[n].answer == RUN_SAMPLE);
        }
    }
    return false;
}

enum walk_role runs_role(const struct runs *runs, uint32_t at, const struct request *r)
{
    const struct run_row *row = &runs->rows[at];
    bool is_asked_as_well = reads(&row->kept->r) == reads(r);
    if (row->is_spawned) return WALK_BACKGROUND;
    if (at == first_awaited(runs)) return WALK_MAIN;
    if (!is_asked_as_well) return WALK_ALSO;
    if (reads(r) && row->in & 1) return row->in == all_of(runs) ? WALK_MAIN : WALK_ON_MISS;
    return reads(r) && comes_without_hit(runs, at) ? WALK_INSTEAD : WALK_ALSO;
}
