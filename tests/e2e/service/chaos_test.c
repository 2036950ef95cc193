/* Random faults of all kinds in six servers while applications check every byte they get: 0 wrong values, one reply a request
 * in its order (I1, I2), and afterwards moongate is as it was.
 *
 * A client may be closed in the middle of a streamed value, and for no other reason. With an odd seed values of a few bytes are streamed
 * already.
 *
 * CHAOS_SECONDS: how long (8); SEED: of faults and requests, to play one again (it is printed).
 */
#include "lib/application.h"
#include "lib/client.h"
#include "lib/footprint.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/relay.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    PLAIN = 4,
    RELAYED = 2,
    VICTIMS = PLAIN + RELAYED,
    APPLICATIONS = 12,
    WORKERS = FOOTPRINT_WORKERS,
    TICK_MS = 10
};

/* name, for whom (servers themselves, or relays before them), least and most of relay_does' amount, meaning */
#define FAULTS(X)                                                                                  \
    X(STOP, PLAIN, NONE, 0, 0, "stopped, then goes on")                                            \
    X(KILL, PLAIN, NONE, 0, 0, "killed, then started again, empty")                                \
    X(LATE, RELAYED, DELAY, 1, 800, "answers late, often after the deadline")                      \
    X(SLOW, RELAYED, SLOW, 1, 200, "so many bytes a millisecond")                                  \
    X(CUT, RELAYED, CUT, 0, 5000, "closes within an answer")                                       \
    X(GARBAGE, RELAYED, GARBAGE, 1, 1000000, "bytes that are no answer, or one that nobody wants") \
    X(BLACKHOLE, RELAYED, BLACKHOLE, 0, 0, "accepts and says nothing")                             \
    X(REFUSE, RELAYED, REFUSE, 0, 0, "refuses")                                                    \
    X(FLAP, RELAYED, REFUSE, 0, 0, "there and gone, each for 200 ms")

enum fault {
#define X(name, whom, harm, least, most, meaning) FAULT_##name,
    FAULTS(X)
#undef X
        FAULT_COUNT
};

static const struct {
    const char *name;
    bool is_relayed;
    enum harm harm;
    unsigned least, most;
} faults[FAULT_COUNT] = {
#define X(name, whom, harm, least, most, meaning)                                                  \
    {#name, (whom) == RELAYED, HARM_##harm, least, most},
    FAULTS(X)
#undef X
};

struct victim {
    struct memcached *server; /* behind the relay, if there is one */
    struct relay *relay;
    const char *address;
    bool is_sick;
    enum fault fault;
    double since, until;
};

struct drama {
    struct actor clock; /* first */
    struct victim victims[VICTIMS];
    struct moongate *m;
    struct client *c; /* asks for statistics */
    unsigned seed;
    unsigned long counts[FAULT_COUNT];
    bool is_over;
};

/* --- faults ---------------------------------------------------------------------------------- */

static void victim_falls_ill(struct drama *d, struct victim *v)
{
    do v->fault = (enum fault)random_below(&d->seed, FAULT_COUNT);
    while (faults[v->fault].is_relayed != (v->relay != NULL));
    v->is_sick = true;
    v->since = stage_now();
    v->until = v->since + (20 + random_below(&d->seed, 1200)) / 1000.0;
    d->counts[v->fault]++;
    unsigned span = faults[v->fault].most - faults[v->fault].least + 1;
    unsigned amount = faults[v->fault].least + random_below(&d->seed, span);
    if (v->relay) relay_does(v->relay, faults[v->fault].harm, amount);
    if (v->fault == FAULT_STOP) memcached_begins_to_freeze(v->server);
    if (v->fault == FAULT_KILL) memcached_kill(v->server);
}

static void victim_recovers(struct victim *v)
{
    v->is_sick = false;
    if (v->relay) relay_does(v->relay, HARM_NONE, 0);
    if (v->fault == FAULT_STOP) memcached_thaws(v->server);
    if (v->fault == FAULT_KILL) memcached_begins_again(v->server);
}

static void victim_flaps(struct victim *v)
{
    bool is_gone = (int)((stage_now() - v->since) / 0.2) % 2 == 0;
    relay_does(v->relay, is_gone ? HARM_REFUSE : HARM_NONE, 0);
}

static void clock_acts(struct actor *actor, short revents)
{
    struct drama *d = (struct drama *)(void *)actor;
    uint64_t ticks;
    (void)revents;
    if (read(actor->fd, &ticks, sizeof ticks) < 0 || d->is_over) return;
    for (int i = 0; i < VICTIMS; i++) {
        struct victim *v = &d->victims[i];
        if (v->is_sick && stage_now() > v->until)
            victim_recovers(v);
        else if (v->is_sick && v->fault == FAULT_FLAP)
            victim_flaps(v);
        else if (!v->is_sick && random_below(&d->seed, 40) == 0)
            victim_falls_ill(d, v);
    }
}

static bool clock_leaves(struct actor *actor)
{
    close(actor->fd);
    return true;
}

static void faults_begin(struct drama *d)
{
    struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    d->clock = (struct actor){.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                              .rank = RANK_CLIENT,
                              .acts = clock_acts,
                              .leaves = clock_leaves};
    timerfd_settime(d->clock.fd, 0, &(struct itimerspec){tick, tick}, NULL);
    stage_enter(&d->clock);
}

static void faults_end(struct drama *d)
{
    d->is_over = true;
    for (int i = 0; i < VICTIMS; i++) {
        struct victim *v = &d->victims[i];
        if (v->is_sick) victim_recovers(v);
        if (memcached_is_gone(v->server)) memcached_starts_again(v->server);
    }
}

/* --- before and after ------------------------------------------------------------------------ */

/* Keys that begin with r are of the pool that rehashes; both pools are over all servers. */
static const char *script_of(const struct drama *d)
{
    const char *all = "";
    for (int i = 0; i < VICTIMS; i++) all = textf("%s'%s', ", all, d->victims[i].address);
    return textf(MG "mg.defaults { %stimeout = 0.25, connect_timeout = 0.2, stall_timeout = 0.5, "
                    "probe_min = 0.02, probe_max = 0.3, probe_settle = 1 }\n"
                    "local fixed = mg.pool { %s }\n"
                    "local moving = mg.pool { on_failure = 'rehash', connections = 2, %s }\n"
                    "return function(req)\n"
                    "  return req:has_prefix 'r' and moving or fixed\n"
                    "end\n",
                 scene_ask(), all, all);
}

static void all_are_ready(struct drama *d)
{
    for (int i = 0; i < VICTIMS; i++) {
        const char *address = d->victims[i].address;
        /* One connection of the first pool and two of the second, for each worker. */
        stat_becomes(d->c, "servers", textf("%s:ready", address), textf("%d", 3 * WORKERS));
        stat_becomes(d->c, "servers", textf("%s:down", address), "0");
    }
}

static struct drama *drama_begins(void)
{
    struct drama *d = stage_memory(sizeof *d);
    const char *asked = getenv("SEED");
    d->seed = asked ? (unsigned)strtoul(asked, NULL, 10) : (unsigned)(stage_now() * 1e6);
    printf("SEED=%u\n", d->seed);
    fflush(stdout);
    for (int i = 0; i < VICTIMS; i++) {
        struct victim *v = &d->victims[i];
        v->server = memcached_start(NULL);
        if (i >= PLAIN) v->relay = relay_before(memcached_address(v->server));
        v->address = v->relay ? relay_address(v->relay) : memcached_address(v->server);
    }
    d->m = moongate_start(script_of(d), "-j", "2", "--stream-from", d->seed % 2 ? "16" : "64k",
                          "--stream-window", "200", d->seed % 4 == 1 ? "--no-splice" : NULL, NULL);
    d->c = client_connects(d->m);
    all_are_ready(d);
    return d;
}

static void applications_connect(struct drama *d, struct application *all[APPLICATIONS])
{
    for (int i = 0; i < APPLICATIONS; i++) {
        all[i] = application_connects(d->m, i % 2 ? "r:" : "f:", 1U << i % 6,
                                      d->seed + (unsigned)i * 7919U);
        application_may_be_closed(all[i]);
    }
}

static void plays_on(double seconds)
{
    for (double end = stage_now() + seconds; stage_now() < end;) stage_turns(10);
}

/* They get their last answers, which are counted, and go. */
static struct tally applications_end(struct application *all[APPLICATIONS])
{
    struct tally sum = {0};
    for (int i = 0; i < APPLICATIONS; i++) {
        application_rests(all[i]);
        tally_add(&sum, all[i]);
        application_leaves(all[i]);
    }
    tally_print(&sum);
    return sum;
}

static struct footprint settled(struct drama *d)
{
    clients_are_gone(d->c);
    all_are_ready(d);
    return footprint_of(d->m);
}

/* --- the plays ------------------------------------------------------------------------------- */

static void random_faults_lose_nothing_and_mix_nothing_up(void **state)
{
    const char *asked = getenv("CHAOS_SECONDS");
    double seconds = asked ? strtod(asked, NULL) : 8;
    struct drama *d = drama_begins();
    struct application *all[APPLICATIONS];

    applications_connect(d, all);
    plays_on(1);
    struct tally calm = applications_end(all);
    assert_true(calm.closed <= stat_number(d->c, "proxy", "streamed_cut"));
    struct footprint before = settled(d);
    applications_connect(d, all);
    faults_begin(d);
    plays_on(seconds);
    faults_end(d);
    struct tally tally = applications_end(all);
    for (int i = 0; i < FAULT_COUNT; i++) printf("%s %lu, ", faults[i].name, d->counts[i]);
    assert_int_not_equal(tally.hits, 0);
    assert_int_not_equal(tally.errors, 0);
    settled(d);
    assert_true(tally.closed <= stat_number(d->c, "proxy", "streamed_cut"));
    struct footprint after = footprint_returns(d->m, &before);
    printf("desyncs %lu, falls of the last %lu, RSS %zu KiB, then %zu KiB\n",
           stat_number(d->c, "proxy", "desyncs"),
           stat_number(d->c, "servers", textf("%s:falls", d->victims[VICTIMS - 1].address)),
           before.kib, after.kib);
    footprint_stays(&before, &after, 16 * 1024);
    for (int tries = 0;; tries++) { /* soon all is well again, on a busy machine a little later */
        applications_connect(d, all);
        plays_on(0.5);
        tally = applications_end(all);
        if (tally.errors <= tally.requests / 100) break;
        assert_in_range(tries, 0, 9);
    }
}

static void sixty_four_clients_behind_a_slow_line_get_their_own_values(void **state)
{
    enum { CLIENTS = 64 };
    struct relay *r = relay_before(memcached_address(memcached_start(NULL)));
    struct application *all[CLIENTS];
    unsigned long hits = 0;

    relay_does(r, HARM_SLOW, 300);
    struct moongate *m =
        moongate_start(script_of_one(relay_address(r), "timeout = 60, stall_timeout = 60"), NULL);
    stat_becomes(client_connects(m), "servers", textf("%s:state", relay_address(r)), "ready");
    for (unsigned i = 0; i < CLIENTS; i++)
        all[i] = application_connects(m, "k", 8, 4711 + 7919 * i);
    plays_on(2);
    relay_does(r, HARM_NONE, 0);
    plays_on(0.2);
    for (int i = 0; i < CLIENTS; i++) {
        application_rests(all[i]);
        hits += application_tally(all[i]).hits;
        assert_int_equal(application_tally(all[i]).errors, 0);
    }
    printf("%lu values, all right\n", hits);
    assert_true(hits > CLIENTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(random_faults_lose_nothing_and_mix_nothing_up),
        play(sixty_four_clients_behind_a_slow_line_get_their_own_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
