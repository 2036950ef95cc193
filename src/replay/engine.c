/* How time goes, and in which order.
 *
 * Requests are sent in the order of the recording, a batch at a time. In a batch there are no two requests for the same key, unless both only
 * read it. So whatever the order in which a worker takes them up, hits and misses come out as if they had come one after the other; and a client
 * that first looks and then stores has its first answer before, as it had when it was recorded. A batch ends, too, when it has
 * become large or long (BATCH_SECONDS of the recording).
 *
 * Against fakes the process's clock stands still (worker/clock.h), and is moved on to the time of each batch. So lifetimes, timers and
 * time limits of scripts follow the recording, however fast it is replayed. Within a batch no time passes, but for what is real: latencies are
 * measured by a clock that is never played, and what the played one has moved on meanwhile is added, such as what a script has slept. A request
 * that is not answered by then goes on while the clock moves on.
 *
 * Against real servers time is real, and requests are under way until they are answered, at most FLIGHT_MOST of them.
 *
 * The two players take turns: while one has its batch, the other one does nothing, so neither's latencies have the other's work in them. */
#include "replay/engine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"
#include "worker/clock.h"

/* Seconds. STEP: by which the clock moves on while something waits for it. */
static const double STEP_LEAST = 0.001, STEP_MOST = 1, FINISH_PLAYED = 30, FINISH_REAL = 5;
static const double PACE_SLICE = 0.02, PUBLISH_EVERY = 0.5;

enum { QUIET_TURNS = 4, FLIGHT_MOST = 256, STEPS_MOST = 100000 };

double engine_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t waiting(const struct engine *e)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < e->players_n; i++) n += e->players[i]->waiting;
    return n;
}

/* Until its requests are answered, or nothing more happens by itself. */
static void run_until_quiet(struct engine *e, struct player *p)
{
    for (int quiet = 0; quiet < QUIET_TURNS && p->waiting > 0;) {
        quiet = player_turn(p) ? 0 : quiet + 1;
        e->shared->beats++;
    }
}

static bool is_stopped(const struct engine *e)
{
    return e->shared->stop;
}

/* --- time --------------------------------------------------------------------------------------------- */

static void move_clock(struct engine *e, double seconds)
{
    clock_advance(seconds);
    e->elapsed += seconds;
    for (unsigned i = 0; i < e->players_n; i++) e->players[i]->wall = e->wall + e->elapsed;
}

/* Until the next step, of so many seconds that are left. */
static double step_of(const struct engine *e, double left)
{
    double step = waiting(e) > 0 ? STEP_LEAST : STEP_MOST;
    if (step < left / STEPS_MOST) step = left / STEPS_MOST;
    return left < step ? left : step;
}

/* In steps, so that what is due in between happens at its time. */
static void play_clock(struct engine *e, double at)
{
    for (double left = at - e->elapsed; left > 0;) {
        double by = step_of(e, left);
        move_clock(e, by);
        left -= by;
        if (by < STEP_LEAST) break;
        for (unsigned i = 0; i < e->players_n; i++) {
            (void)player_turn(e->players[i]);
            run_until_quiet(e, e->players[i]);
        }
        e->shared->beats++;
    }
}

static void sleep_for(struct engine *e, double seconds)
{
    if (e->how->is_real) {
        player_wait(e->players, e->players_n, seconds);
    } else {
        struct timespec time = {.tv_nsec = (long)(seconds * 1e9)};
        nanosleep(&time, NULL);
    }
}

/* Real time goes on until the recording's has come to `at`. */
static void pace(struct engine *e, double at)
{
    for (;;) {
        double left = e->began + at / e->how->speed - engine_now();
        if (left <= 0 || is_stopped(e)) return;
        sleep_for(e, left < PACE_SLICE ? left : PACE_SLICE);
        for (unsigned i = 0; i < e->players_n && e->how->is_real; i++)
            while (player_turn(e->players[i])) e->shared->beats++;
        e->shared->beats++;
        if (engine_now() - e->published > PUBLISH_EVERY) engine_publish(e);
    }
}

void engine_advance(struct engine *e, double at)
{
    if (e->how->speed > 0) pace(e, at);
    if (!e->how->is_real) play_clock(e, at);
}

/* --- playing ------------------------------------------------------------------------------------------ */

static void note_last(struct engine *e, const struct asked *a)
{
    char line[REPLAY_TEXT];
    utf8_show(e->last, sizeof e->last, line, asked_line(a, 0, line, sizeof line));
}

/* What was not found again is stored, after the batch: the client has its answer by then. */
static void play_refills(struct engine *e, struct player *p)
{
    struct asked *a = e->refills[p->side], *next;
    e->refills[p->side] = NULL;
    for (; a; a = next) {
        next = a->ways[p->side].next;
        a->waiting = 1u << p->side;
        player_send(p, a);
    }
    run_until_quiet(e, p);
}

static void play_fakes(struct engine *e)
{
    struct batch *b = &e->batch;
    for (unsigned i = 0; i < e->players_n; i++) {
        for (uint32_t k = 0; k < b->n; k++) player_send(e->players[i], b->of[k]);
        run_until_quiet(e, e->players[i]);
        if (e->refills[e->players[i]->side]) play_refills(e, e->players[i]);
    }
}

/* So that no more than `most` are under way. */
static void run_down(struct engine *e, uint32_t most, double seconds)
{
    double until = engine_now() + seconds;
    for (;;) {
        bool did = false;
        for (unsigned i = 0; i < e->players_n; i++) did |= player_turn(e->players[i]);
        e->shared->beats++;
        if (waiting(e) <= most || engine_now() > until || is_stopped(e)) return;
        if (!did) player_wait(e->players, e->players_n, STEP_LEAST);
    }
}

/* What changes a key that is under way waits for it. */
static void play_real(struct engine *e)
{
    struct batch *b = &e->batch;
    for (unsigned i = 0; i < e->players_n; i++)
        for (uint32_t k = 0; k < b->n; k++) player_send(e->players[i], b->of[k]);
    run_down(e, e->how->writes ? 0 : FLIGHT_MOST, FINISH_REAL);
}

void engine_play(struct engine *e)
{
    struct batch *b = &e->batch;
    if (b->n == 0) return;
    note_last(e, b->of[b->n - 1]);
    for (uint32_t k = 0; k < b->n; k++) {
        b->of[k]->waiting = 0;
        for (unsigned i = 0; i < e->players_n; i++) b->of[k]->waiting |= 1u << e->players[i]->side;
    }
    if (e->how->is_real)
        play_real(e);
    else
        play_fakes(e);
    batch_clear(b);
    if (engine_now() - e->published > PUBLISH_EVERY) engine_publish(e);
}

/* Of answers that came when the last batch was over. */
static void drop_refills(struct engine *e, unsigned side)
{
    while (e->refills[side]) {
        struct asked *a = e->refills[side];
        e->refills[side] = a->ways[side].next;
        free(a);
    }
}

void engine_finish(struct engine *e)
{
    if (e->how->is_real)
        run_down(e, 0, FINISH_REAL);
    else
        for (double until = e->elapsed + FINISH_PLAYED; waiting(e) > 0 && e->elapsed < until;)
            play_clock(e, e->elapsed + STEP_LEAST);
    for (unsigned i = 0; i < e->players_n; i++) {
        drop_refills(e, e->players[i]->side);
        if (e->players[i]->waiting > 0) player_give_up(e->players[i], "no answer came");
    }
}
