/* The child of a replay: it sets everything up, reads the recording to its end, and publishes what it finds.
 *
 * Order: the recording's header, then the worker that explains (worker_rehearse) with both scripts, then a player for each, then requests. What cannot be had is told to
 * the parent in shared->error, before the first request.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/live.h"
#include "base/log.h"
#include "base/process.h"
#include "replay/engine.h"
#include "worker/clock.h"

enum { OWN_DESCRIPTORS = 128, GUESTS_MOST = 10000, GUESTS_LEAST = 16, WHY_MOST = 1000 };

static const double CONNECT_SECONDS = 3, SECOND = 1;
static const double BATCH_SECONDS = 0.01;   /* of the recording */
static const double PACED_SECONDS = 0.0005; /* real: by which a request may be early */

static int __attribute__((format(printf, 2, 3)))
refuse(struct replay_shared *shared, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(shared->error, sizeof shared->error, format, list);
    va_end(list);
    return EXIT_SCRIPT;
}

static void __attribute__((format(printf, 3, 4)))
end_as(struct engine *e, enum replay_end end, const char *format, ...)
{
    struct replay_results *r = e->tally.results;
    va_list list;
    r->end = end;
    va_start(list, format);
    vsnprintf(r->trouble, sizeof r->trouble, format, list);
    va_end(list);
}

/* --- requests of the recording -------------------------------------------------------------------------- */

/* Time begins with the first take. */
static void begin_time(struct engine *e, const struct take *t)
{
    if (e->has_begun) return;
    e->has_begun = true;
    e->maker.began_us = t->at_us;
    e->tally.results->recorded.began = (double)t->at_us / 1e6;
    e->wall = (double)t->at_us / 1e6;
    if (!e->how->is_real) clock_take(e->wall);
    e->began = e->paced = engine_now();
}

/* The first trouble is the one that is told. */
static void note_event(struct engine *e, enum recording_event event)
{
    e->tally.results->recorded.gaps += event == RECORDING_GAP;
    e->tally.results->recorded.lost = recording_lost(e->recording);
    if (event != RECORDING_DAMAGED && event != RECORDING_CUT) return;
    if (!e->tally.results->trouble[0])
        end_as(e, REPLAY_CUT, "%s: %s", e->how->file, recording_note(e->recording));
}

/* NULL: there is no more. */
static struct asked *read_asked(struct engine *e)
{
    struct take t;
    struct asked *done = NULL;
    while (!e->is_read && !done) {
        enum recording_event event = recording_next(e->recording, &t);
        if (event != RECORDING_TAKE) note_event(e, event);
        e->is_read = event == RECORDING_END;
        if (event != RECORDING_TAKE) continue;
        begin_time(e, &t);
        e->tally.results->replayed++;
        if (asked_joins(&e->maker, &t)) {
            asked_join(&e->maker, &t);
            continue;
        }
        if (e->maker.bytes.n > 0) done = asked_make(&e->maker);
        if (asked_can_be(&t))
            asked_begin(&e->maker, &t);
        else
            e->tally.results->left_out++;
    }
    if (!done && e->maker.bytes.n > 0) done = asked_make(&e->maker);
    return done;
}

/* In the order in which they came. NULL: there is no more. */
static struct asked *next_asked(struct engine *e)
{
    while (order_wants(&e->ordering)) {
        struct asked *a = read_asked(e);
        if (!a) break;
        order_put(&e->ordering, a);
    }
    return order_take(&e->ordering);
}

/* Nothing that changes real servers, unless that is wanted; never flush_all, nor a value that nobody has sent. */
static bool is_left_out(const struct engine *e, const struct asked *a)
{
    if (!e->how->is_real || !a->changes) return false;
    return !e->how->writes || a->keys_n == 0 || a->is_made_up;
}

/* A script is asked only where that is needed: that takes as long as its function does, and longer if that waits. */
static void look_at_routes(struct engine *e, struct asked *a)
{
    bool compares = e->players_n == REPLAY_SIDES;
    for (uint32_t i = 0; i < a->keys_n; i++) {
        bool seeds = engine_seeds(e, a, i);
        if (compares || seeds) routes_find(&e->routes, a, i);
        if (seeds) engine_seed(e, a, i);
        if (compares)
            tally_routes(&e->tally, a, i, &e->routes.where[REPLAY_OLD],
                         &e->routes.where[REPLAY_NEW]);
    }
}

static bool may_be_lost(const struct asked *a)
{
    for (uint32_t i = 0; i < a->keys_n; i++)
        if (a->keys[i].result == LIVE_HIT) return a->reads;
    return false;
}

/* So many requests a second, and no more than a second's at once. */
static bool may_go(struct engine *e)
{
    double now = engine_now(), rate = (double)e->how->rate;
    if (e->how->rate == 0) return true;
    e->allowed += (now - e->paced) * rate;
    if (e->allowed > rate * BATCH_SECONDS + 1) e->allowed = rate * BATCH_SECONDS + 1;
    e->paced = now;
    if (e->allowed < 1) return false;
    e->allowed -= 1;
    return true;
}

/* Waits until --rate lets another one go. */
static void wait_for_rate(struct engine *e)
{
    double seconds = (1 - e->allowed) / (double)e->how->rate;
    if (!e->how->is_real) return;
    player_wait(e->players, e->players_n, seconds > BATCH_SECONDS ? BATCH_SECONDS : seconds);
    for (unsigned i = 0; i < e->players_n; i++) (void)player_turn(e->players[i]);
}

/* The time of the recording in which a batch may lie: of requests that are due at once. */
static bool is_late_for_batch(const struct engine *e, const struct asked *a)
{
    double most = e->how->speed > 0 ? e->how->speed * PACED_SECONDS : BATCH_SECONDS;
    if (most > BATCH_SECONDS) most = BATCH_SECONDS;
    return e->batch.n > 0 && a->at > e->batch.of[0]->at + most;
}

/* False: there is no more. */
static bool fill(struct engine *e)
{
    for (;;) {
        struct asked *a = e->pending ? e->pending : next_asked(e);
        e->pending = NULL;
        if (!a) break;
        a->refills = e->how->refill && may_be_lost(a);
        if (is_left_out(e, a)) {
            e->tally.results->left_out += a->keys_n ? a->keys_n : 1;
            tally_asked(&e->tally, a);
            free(a);
            continue;
        }
        if (is_late_for_batch(e, a) || !may_go(e) || !batch_add(&e->batch, a)) {
            e->pending = a;
            if (e->batch.n == 0) wait_for_rate(e);
            return true;
        }
        tally_asked(&e->tally, a);
        e->tally.results->recorded.clients +=
            seen_note(&e->clients, (a->client + 1) * 0x9e3779b97f4a7c15u) == SEEN_NEW;
        look_at_routes(e, a);
    }
    return e->batch.n > 0;
}

/* --- the loop ------------------------------------------------------------------------------------------- */

/* A script that is interrupted by its time limit would cost a second for each request. */
static bool is_stuck(struct engine *e)
{
    const char *path = NULL;
    for (unsigned i = 0; i < e->players_n; i++)
        if (player_timeouts(e->players[i]) > 0) path = e->how->scripts[e->players[i]->side];
    if (!path && e->row->script_timeouts == 0) return false;
    end_as(e, REPLAY_STUCK,
           "%s: took longer than --script-timeout for one request, near '%s': an endless loop?",
           path ? path : "a script", e->last);
    return true;
}

static void note_progress(struct engine *e)
{
    e->shared->beats++;
    e->shared->requests = e->tally.results->replayed;
    e->shared->at = recording_at(e->recording);
    e->shared->size = recording_size(e->recording);
}

static void replay_all(struct engine *e)
{
    struct replay_results *r = e->tally.results;
    batch_clear(&e->batch);
    while (fill(e)) {
        if (e->batch.n > 0) engine_advance(e, e->batch.of[0]->at);
        engine_play(e);
        note_progress(e);
        if (e->shared->stop)
            end_as(e, REPLAY_STOPPED, "stopped: what was found until then is shown");
        if (e->shared->stop || is_stuck(e)) break;
    }
    free(e->pending);
    for (struct asked *a; (a = order_take(&e->ordering));) free(a);
    e->pending = NULL;
    engine_finish(e);
    if (r->end == REPLAY_RUNNING) r->end = REPLAY_DONE;
    if (r->end == REPLAY_DONE) (void)is_stuck(e);
    engine_publish(e);
}

/* --- set up --------------------------------------------------------------------------------------------- */

/* The keys that were found when they were recorded, and are not found here. */
static void note_refills(struct engine *e, unsigned side, const struct asked *a)
{
    for (uint32_t i = 0; i < a->keys_n; i++) {
        if (a->keys[i].result != LIVE_HIT || a->keys[i].found & 1u << side) continue;
        struct asked *set = asked_refill(a, i, e->how->value_bytes);
        set->ways[side].next = NULL;
        *(e->refills[side] ? &e->refills_last[side]->ways[side].next : &e->refills[side]) = set;
        e->refills_last[side] = set;
    }
}

struct ear {
    struct engine *e;
    unsigned side;
};

/* What the script has to say to an error: asked for the first few, which are shown. */
static const char *why_of(const struct ear *ear, const struct asked *a, const struct hearing *h)
{
    struct engine *e = ear->e;
    const struct replay_side *s = &e->tally.results->sides[ear->side];
    if (h->what != HEARD_ERROR || a->keys_n == 0 || s->errors >= WHY_MOST) return "";
    routes_find(&e->routes, a, 0);
    return e->routes.where[ear->side].failure;
}

static void on_answer(void *about, struct asked *a, const struct hearing *h, double seconds)
{
    struct ear *ear = about;
    if (a->is_refill) {
        ear->e->tally.results->sides[ear->side].refilled += h->what == HEARD_DONE;
        return;
    }
    if (a->refills && h->what == HEARD_VALUES) note_refills(ear->e, ear->side, a);
    tally_answer(&ear->e->tally, ear->side, a, h, seconds, why_of(ear, a, h));
}

static void on_value(void *about, const struct asked_key *key, const struct response_value *v)
{
    struct ear *ear = about;
    (void)key;
    tally_value(&ear->e->tally, ear->side, v);
}

static uint32_t guests_most(unsigned players)
{
    struct rlimit limit;
    process_raise_files();
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return GUESTS_LEAST;
    uint64_t most = limit.rlim_cur > OWN_DESCRIPTORS ? limit.rlim_cur - OWN_DESCRIPTORS : 0;
    most /= 4ull * players; /* two for each guest, and as many for servers */
    if (most > GUESTS_MOST) return GUESTS_MOST;
    return most > GUESTS_LEAST ? (uint32_t)most : GUESTS_LEAST;
}

static bool open_players(struct engine *e, struct ear ears[REPLAY_SIDES], char *error)
{
    unsigned n = e->how->scripts[REPLAY_OLD] ? 2 : 1;
    uint32_t most = guests_most(n);
    for (unsigned side = REPLAY_SIDES - n; side < REPLAY_SIDES; side++) {
        struct options options = *e->how->options;
        struct replay_side *s = &e->tally.results->sides[side];
        ears[side] = (struct ear){e, side};
        options.script = e->how->scripts[side];
        options_set_kind(&options, e->how->kinds[side]);
        if (e->how->kinds[side] == 0) options.guess = GUESS_ANY;
        struct player_how how = {.side = side,
                                 .options = &options,
                                 .as = &e->as,
                                 .has_fakes = !e->how->is_real,
                                 .fake_memory = e->how->fake_memory,
                                 .guests_most = most,
                                 .ears = {on_value, on_answer, &ears[side]}};
        struct player *p = player_create(&how, error);
        if (!p) return false;
        e->players[e->players_n++] = p;
        s->is_there = true;
        s->was_warm = !e->how->is_real && (side == REPLAY_OLD || e->how->warm);
        s->had_same = !s->was_warm && side == REPLAY_NEW && e->how->same_servers;
        snprintf(s->path, sizeof s->path, "%s", options.script);
    }
    return true;
}

/* Real servers are waited for: what is sent before would only find that they are not connected. */
static void connect_all(struct engine *e)
{
    double until = engine_now() + (e->how->is_real ? CONNECT_SECONDS : SECOND);
    for (bool ready = false; !ready && engine_now() < until;) {
        ready = true;
        for (unsigned i = 0; i < e->players_n; i++) {
            (void)player_turn(e->players[i]);
            ready &= backends_are_tried(e->players[i]->parts.backends);
        }
        if (!ready && e->how->is_real) player_wait(e->players, e->players_n, BATCH_SECONDS);
        e->shared->beats++;
    }
}

/* From here on lines of the log would stand in the progress. */
static void hush(const struct replay_how *how)
{
    int fd = how->verbose ? -1 : open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    dup2(fd, STDERR_FILENO);
    close(fd);
}

static int play(struct engine *e)
{
    struct ear ears[REPLAY_SIDES];
    char error[SCRIPT_ERROR_MAX] = "";
    struct asked *first = next_asked(e); /* it says when the recording began */
    int code = EXIT_OK;
    hush(e->how);
    e->pending = first;
    if (!open_players(e, ears, error)) {
        code = refuse(e->shared, "%s", error);
    } else {
        connect_all(e);
        e->shared->is_loaded = true;
        e->began = e->paced = engine_now();
        replay_all(e);
    }
    for (unsigned i = 0; i < e->players_n; i++) player_destroy(e->players[i]);
    return code;
}

/* A worker_act_fn. */
static int act(void *arg, const struct script_host *host, struct turn *turn)
{
    struct engine *e = arg;
    char error[SCRIPT_ERROR_MAX] = "";
    e->row = host->row;
    int code = routes_open(&e->routes, e->how, host, turn, &e->as, error)
                   ? play(e)
                   : refuse(e->shared, "%s", error);
    routes_close(&e->routes);
    return code;
}

static void describe(struct engine *e, const struct recording_about *about)
{
    struct replay_results *r = e->tally.results;
    const struct replay_how *how = e->how;
    snprintf(r->file, sizeof r->file, "%s", how->file);
    r->fakes = !how->is_real;
    r->writes = how->is_real && how->writes;
    r->fake_memory = how->fake_memory;
    r->speed = how->speed;
    r->refills = how->refill;
    r->recorded.has_sizes = about->mode != RECORDING_KEYS;
    r->recorded.has_values = about->mode == RECORDING_VALUES;
    r->recorded.has_hashed_keys = about->hashed;
    r->recorded.keeps_prefixes = about->keep_prefix != '\0';
    r->recorded.sample = about->sample;
}

/* What must not be sent to real servers. NULL: all is well. */
static const char *wrong_writes(const struct replay_how *how, const struct recording_about *about)
{
    if (!how->is_real || !how->writes) return NULL;
    if (about->hashed)
        return "its keys are hashed: --writes would fill real servers with keys that nobody asks "
               "for";
    if (about->mode != RECORDING_VALUES)
        return "it has no values: --writes would fill real servers with made-up ones; record with "
               "--values";
    return NULL;
}

int replay_child(const struct replay_how *how, struct replay_shared *shared)
{
    char error[RECORDING_ERROR];
    struct engine *e = calloc(1, sizeof *e);
    if (!e) abort();
    e->how = how;
    e->shared = shared;
    e->recording = recording_open(how->file, error);
    if (!e->recording) {
        free(e);
        (void)refuse(shared, "%s", error);
        return EXIT_SYSTEM;
    }
    const struct recording_about *about = recording_about(e->recording);
    const char *wrong = wrong_writes(how, about);
    int code = EXIT_USAGE;
    tally_init(&e->tally);
    describe(e, about);
    e->maker.value_bytes = how->value_bytes;
    if (about->mode != RECORDING_KEYS) e->maker.value_bytes = 0;
    if (wrong)
        (void)refuse(shared, "%s: %s", how->file, wrong);
    else
        code = worker_rehearse(how->options, act, e);
    asked_maker_release(&e->maker);
    seen_release(&e->seen);
    seen_release(&e->clients);
    tally_release(&e->tally);
    as_client_release(&e->as);
    recording_close(e->recording);
    free(e);
    return code;
}
