/* What is counted for each request, and the tables. A request of several keys is one request for each key, but its time is counted once. */
#include "replay/tally.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/live.h"
#include "base/utf8.h"
#include "placement/hash.h"

static const double BUCKET_FIRST = 0.001; /* seconds; it doubles when there are too many */

enum { PLACES = 4 * TALLY_ROWS };

static const char OTHERS[] = "(others)", OTHER_ERRORS[] = "other errors";

void tally_init(struct tally *t)
{
    *t = (struct tally){.results = calloc(1, sizeof *t->results),
                        .slices = calloc(REPLAY_BUCKETS, sizeof *t->slices),
                        .prefixes = calloc(TALLY_ROWS, sizeof *t->prefixes),
                        .prefix_places = calloc(PLACES, sizeof *t->prefix_places),
                        .moves = calloc(TALLY_ROWS, sizeof *t->moves)};
    if (!t->results || !t->slices || !t->prefixes || !t->prefix_places || !t->moves) abort();
    t->results->bucket = BUCKET_FIRST;
    strcpy(t->prefixes[0].prefix, "(none)");
    strcpy(t->prefixes[1].prefix, OTHERS);
    t->prefixes_n = 2;
}

void tally_release(struct tally *t)
{
    free(t->results);
    free(t->slices);
    free(t->prefixes);
    free(t->prefix_places);
    free(t->moves);
}

/* --- time ------------------------------------------------------------------------------------------- */

static void merge(struct tally_slice *to, const struct tally_slice *from)
{
    to->requests += from->requests;
    to->gets += from->gets;
    to->hits += from->hits;
    to->errors += from->errors;
    latency_add(&to->latency, &from->latency);
}

/* Two slices become one. */
static void halve(struct tally *t)
{
    for (uint32_t i = 0; i < REPLAY_BUCKETS; i++) {
        uint32_t to = i / 2;
        for (unsigned c = 0; c < TALLY_COLUMNS && i != to; c++) {
            if (i % 2 == 0) memset(&t->slices[to][c], 0, sizeof t->slices[to][c]);
            merge(&t->slices[to][c], &t->slices[i][c]);
        }
    }
    memset(&t->slices[REPLAY_BUCKETS / 2], 0, (REPLAY_BUCKETS / 2) * sizeof *t->slices);
    t->results->bucket *= 2;
    t->results->buckets_n = (t->results->buckets_n + 1) / 2;
}

static struct tally_slice *slice_at(struct tally *t, double at, unsigned column)
{
    while (at >= t->results->bucket * REPLAY_BUCKETS) halve(t);
    uint32_t i = at > 0 ? (uint32_t)(at / t->results->bucket) : 0;
    if (i >= REPLAY_BUCKETS) i = REPLAY_BUCKETS - 1;
    if (i >= t->results->buckets_n) t->results->buckets_n = i + 1;
    return &t->slices[i][column];
}

/* --- prefixes --------------------------------------------------------------------------------------- */

static size_t prefix_of(const struct asked_key *key)
{
    for (size_t i = 0; i < key->len && i < REPLAY_NAME / 4 - 1; i++)
        if (memchr(":/.-_|", key->at[i], 6)) return i + 1;
    return 0;
}

static uint32_t prefix_number(struct tally *t, const struct asked_key *key)
{
    char text[REPLAY_NAME];
    size_t len = prefix_of(key);
    if (len == 0) return 0;
    uint64_t hash = hash_bytes64(HASH_XXH3, key->at, len, 1);
    utf8_show(text, sizeof text, key->at, len);
    for (uint32_t i = (uint32_t)hash % PLACES;; i = (i + 1) % PLACES) {
        uint32_t number = t->prefix_places[i];
        if (number && strcmp(t->prefixes[number - 1].prefix, text) == 0) return number - 1;
        if (number) continue;
        if (t->prefixes_n == TALLY_ROWS) return 1;
        t->prefix_places[i] = ++t->prefixes_n;
        strcpy(t->prefixes[t->prefixes_n - 1].prefix, text);
        return t->prefixes_n - 1;
    }
}

/* --- the recording ----------------------------------------------------------------------------------- */

static void count_recorded_key(struct tally *t, const struct asked *a, struct asked_key *key)
{
    struct replay_recorded *r = &t->results->recorded;
    struct tally_slice *slice = slice_at(t, a->at, TALLY_RECORDED);
    bool is_error = live_result_is_error(key->result), is_hit = key->result == LIVE_HIT;
    struct replay_prefix *prefix = &t->prefixes[key->prefix = prefix_number(t, key)];
    prefix->requests++;
    slice->requests++;
    slice->errors += is_error;
    r->requests++;
    r->errors += is_error;
    r->writes += !a->reads;
    if (!a->reads || is_error) return;
    prefix->gets++;
    prefix->recorded_hits += is_hit;
    slice->gets++;
    slice->hits += is_hit;
    r->gets++;
    r->hits += is_hit;
    r->misses += !is_hit;
    if (is_hit && key->bytes) r->sizes[replay_size_bucket(asked_value_bytes(key))]++;
}

void tally_asked(struct tally *t, struct asked *a)
{
    struct replay_recorded *r = &t->results->recorded;
    struct tally_slice *slice = slice_at(t, a->at, TALLY_RECORDED);
    latency_put(&r->latency, a->us, latency_bucket_us(a->us));
    latency_put(&slice->latency, a->us, latency_bucket_us(a->us));
    if (a->us > r->max_us) r->max_us = a->us;
    if (a->at > r->lasted) r->lasted = a->at;
    for (uint32_t i = 0; i < a->keys_n; i++) count_recorded_key(t, a, &a->keys[i]);
}

/* --- routes ------------------------------------------------------------------------------------------ */

static void name_place(const struct spot *spot, char name[REPLAY_NAME], char pool[REPLAY_NAME])
{
    snprintf(name, REPLAY_NAME, "%s", spot->server);
    snprintf(pool, REPLAY_NAME, "%s", spot->pool ? spot->pool : "");
}

static bool is_move(const struct replay_move *m, const struct spot *from, const struct spot *to,
                    bool copied)
{
    return m->copied == copied && strncmp(m->from, from->server, REPLAY_NAME - 1) == 0 &&
           strncmp(m->to, to->server, REPLAY_NAME - 1) == 0 &&
           strncmp(m->from_pool, from->pool ? from->pool : "", REPLAY_NAME - 1) == 0 &&
           strncmp(m->to_pool, to->pool ? to->pool : "", REPLAY_NAME - 1) == 0;
}

/* Those that come often come first, so a search is short. */
static void note_move(struct tally *t, const struct spot *from, const struct spot *to, bool copied)
{
    uint32_t i = 0;
    while (i < t->moves_n && !is_move(&t->moves[i], from, to, copied)) i++;
    if (i == TALLY_ROWS) {
        t->moves_rest++;
        return;
    }
    if (i == t->moves_n) {
        t->moves_n++;
        t->moves[i].copied = copied;
        name_place(from, t->moves[i].from, t->moves[i].from_pool);
        name_place(to, t->moves[i].to, t->moves[i].to_pool);
    }
    t->moves[i].requests++;
    if (i > 0 && t->moves[i].requests > t->moves[i - 1].requests) {
        struct replay_move other = t->moves[i - 1];
        t->moves[i - 1] = t->moves[i];
        t->moves[i] = other;
    }
}

void tally_routes(struct tally *t, const struct asked *a, uint32_t key, const struct where *old,
                  const struct where *new)
{
    struct replay_routes *r = &t->results->routes;
    struct replay_prefix *prefix = &t->prefixes[a->keys[key].prefix];
    const struct spot *from = &old->first, *to = &new->first;
    enum fate fate = where_fate(old, new);
    r->requests++;
    if (from->pool && to->pool) {
        r->other_pool += strcmp(from->pool, to->pool) != 0;
        r->other_key +=
            from->key_len != to->key_len || memcmp(from->key, to->key, from->key_len) != 0;
    }
    r->same += fate == FATE_UNCHANGED;
    r->copied += fate == FATE_COPIED;
    r->moved += fate == FATE_MOVED;
    prefix->copied += fate == FATE_COPIED;
    prefix->moved += fate == FATE_MOVED;
    if (fate != FATE_UNCHANGED) note_move(t, from, to, fate == FATE_COPIED);
}

/* --- answers ----------------------------------------------------------------------------------------- */

void tally_value(struct tally *t, unsigned side, const struct response_value *v)
{
    t->results->sides[side].sizes[replay_size_bucket(v->len)]++;
}

static struct replay_error *kind_of(struct replay_side *s, const char *text)
{
    for (;;) {
        for (uint32_t i = 0; i < s->errors_n; i++)
            if (strcmp(s->kinds[i].text, text) == 0) return &s->kinds[i];
        if (s->errors_n < REPLAY_ERRORS - 1 || strcmp(text, OTHER_ERRORS) == 0) break;
        text = OTHER_ERRORS;
    }
    struct replay_error *e = &s->kinds[s->errors_n++];
    snprintf(e->text, sizeof e->text, "%s", text);
    return e;
}

static void note_error(struct replay_side *s, const struct asked *a, const struct hearing *h,
                       uint64_t requests, const char *why)
{
    char text[REPLAY_TEXT], line[REPLAY_TEXT], shown[REPLAY_TEXT / 2];
    size_t len = h->error_len < REPLAY_TEXT ? h->error_len : REPLAY_TEXT - 1;
    utf8_show(text, sizeof text, h->error, len);
    struct replay_error *e = kind_of(s, text);
    bool is_script = strcmp(text, "SERVER_ERROR script error") == 0;
    s->errors += requests;
    e->requests += requests;
    if (is_script) s->script_errors += requests;
    if (e->samples_n == REPLAY_SAMPLES) return;
    utf8_show(shown, sizeof shown, line, asked_line(a, 0, line, sizeof line));
    snprintf(e->samples[e->samples_n++], REPLAY_TEXT, "%s%s%.*s", shown,
             is_script && *why ? ": " : "", is_script ? REPLAY_TEXT / 2 - 3 : 0, why);
}

/* Of a get: each key that was found, and each that was not, unless an error took the place of its answer. */
static void count_read_key(struct tally *t, unsigned side, struct tally_slice *slice,
                           const struct asked_key *key)
{
    struct replay_side *s = &t->results->sides[side];
    bool is_hit = key->found & 1u << side, was_hit = key->result == LIVE_HIT;
    s->gets++;
    s->hits += is_hit;
    s->misses += !is_hit;
    s->lost_hits += was_hit && !is_hit;
    s->won_hits += is_hit && !was_hit;
    slice->gets++;
    slice->hits += is_hit;
    t->prefixes[key->prefix].hits[side] += is_hit;
}

void tally_answer(struct tally *t, unsigned side, const struct asked *a, const struct hearing *h,
                  double seconds, const char *why)
{
    struct replay_side *s = &t->results->sides[side];
    struct tally_slice *slice = slice_at(t, a->at, side);
    uint64_t us = latency_us(seconds), failed = 0;
    unsigned bucket = latency_bucket_us(us);
    uint64_t keys = a->keys_n ? a->keys_n : 1;
    latency_put(&s->latency, us, bucket);
    latency_put(&slice->latency, us, bucket);
    if (us > s->max_us) s->max_us = us;
    s->requests += keys;
    slice->requests += keys;
    for (uint32_t i = 0; i < a->keys_n; i++) {
        bool is_known = h->what == HEARD_VALUES || a->keys[i].found & 1u << side;
        if (a->reads && is_known) count_read_key(t, side, slice, &a->keys[i]);
        failed += h->what == HEARD_ERROR && !(a->reads && is_known);
    }
    if (h->what == HEARD_ERROR && a->keys_n == 0) failed = 1;
    if (!a->reads) s->writes += keys;
    s->unknown += h->what == HEARD_NOTHING;
    slice->errors += failed;
    if (h->what == HEARD_ERROR) note_error(s, a, h, failed, why);
}

/* --- what is shown ----------------------------------------------------------------------------------- */

static int by_requests(const void *a, const void *b)
{
    const struct replay_prefix *p = a, *q = b;
    return (p->requests < q->requests) - (p->requests > q->requests);
}

static int by_moves(const void *a, const void *b)
{
    const struct replay_move *p = a, *q = b;
    if (p->copied != q->copied) return p->copied - q->copied;
    return (p->requests < q->requests) - (p->requests > q->requests);
}

static int by_errors(const void *a, const void *b)
{
    const struct replay_error *p = a, *q = b;
    return (p->requests < q->requests) - (p->requests > q->requests);
}

static void publish_prefixes(struct tally *t)
{
    struct replay_results *r = t->results;
    struct replay_prefix *all = calloc(t->prefixes_n, sizeof *all);
    uint32_t n = 0;
    if (!all) abort();
    for (uint32_t i = 0; i < t->prefixes_n; i++)
        if (t->prefixes[i].requests) all[n++] = t->prefixes[i];
    qsort(all, n, sizeof *all, by_requests);
    r->prefixes_n = n < REPLAY_PREFIXES ? n : REPLAY_PREFIXES;
    memcpy(r->prefixes, all, r->prefixes_n * sizeof *all);
    r->prefixes_rest = 0;
    for (uint32_t i = r->prefixes_n; i < n; i++) r->prefixes_rest += all[i].requests;
    free(all);
}

static void publish_moves(struct tally *t)
{
    struct replay_routes *r = &t->results->routes;
    struct replay_move *all = calloc(t->moves_n + 1, sizeof *all);
    if (!all) abort();
    memcpy(all, t->moves, t->moves_n * sizeof *all);
    qsort(all, t->moves_n, sizeof *all, by_moves);
    r->moves_n = t->moves_n < REPLAY_MOVES ? t->moves_n : REPLAY_MOVES;
    memcpy(r->moves, all, r->moves_n * sizeof *all);
    r->moves_rest = t->moves_rest;
    for (uint32_t i = r->moves_n; i < t->moves_n; i++) r->moves_rest += all[i].requests;
    free(all);
}

static void publish_bucket(const struct tally_slice *from, struct replay_bucket *to)
{
    *to = (struct replay_bucket){
        .requests = from->requests,
        .gets = from->gets,
        .hits = from->hits,
        .errors = from->errors,
        .p50_us = (uint64_t)llround(latency_percentile(&from->latency, 0.5) * 1e6),
        .p99_us = (uint64_t)llround(latency_percentile(&from->latency, 0.99) * 1e6)};
}

void tally_publish(struct tally *t)
{
    struct replay_results *r = t->results;
    publish_prefixes(t);
    publish_moves(t);
    for (unsigned side = 0; side < REPLAY_SIDES; side++)
        qsort(r->sides[side].kinds, r->sides[side].errors_n, sizeof *r->sides[side].kinds,
              by_errors);
    for (uint32_t i = 0; i < r->buckets_n; i++) {
        publish_bucket(&t->slices[i][TALLY_RECORDED], &r->recorded_buckets[i]);
        for (unsigned side = 0; side < REPLAY_SIDES; side++)
            publish_bucket(&t->slices[i][side], &r->buckets[side][i]);
    }
}
