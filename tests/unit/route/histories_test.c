/* No client sees what cannot be: random schedules of clients, workers, servers and faults, over routes that copy or share what they
 * read; what the clients saw is checked (lib/timeline.h).
 *
 * HISTORIES: schedules for each route (20); LONG_SECONDS: it stops then. SEED: of all that is random (it is printed). HISTORY_ROUTE: only that route.
 */
#include "lib/stage.h"
#include "lib/timeline.h"
#include "unit/route/histories.h"
#include "unit/route/persons.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

enum { WORKERS = 2, STEPS = 120, FLEET_LIVES = 100 };

#define POOLS                                                                                      \
    "local mg = require 'moongate'\n"                                                              \
    "local function pool(at) return mg.pool { at, timeout = 0.5, failure_limit = 1000, "           \
    "connections = 2, probe_min = 0.05, probe_max = 0.1, name = 'pool' .. at:sub(-1) } end\n"      \
    "local a, b, c = pool '10.0.0.1:1', pool '10.0.0.1:2', pool '10.0.0.1:3'\n"                    \
    "local both = mg.all_sync { a, b }\n"                                                          \
    "local function moves(writes, from, to)\n"                                                     \
    "  local each = {}\n"                                                                          \
    "  for i = 0, 99 do each[i] = mg.migrate { from or a, to or b, start = 1700000010 + 10 * i, "  \
    "interval = 1, writes = writes } end\n"                                                        \
    "  return function(req) return each[math.fmod(req.key:match '[0-9]+', 100)] end\n"             \
    "end\n"

static const struct part {
    const char *name;
    unsigned machines;
    double stale;
    unsigned faults, rules, seeds;
    const char *route;
} parts[] = {
#define X(...) {__VA_ARGS__},
    PARTS(X)
#undef X
};

enum { PARTS_N = sizeof parts / sizeof *parts };

/* --- a schedule ---------------------------------------------------------------------------------- */

/* One of the connections with which that can be done; -1: there is none. */
static int one_of(bool (*may)(const struct fleet *f, unsigned link))
{
    unsigned n = 0;
    int chosen = -1;
    for (unsigned i = 0; i < fleet_links(play.fleet); i++)
        if (may(play.fleet, i) && below(++n) == 0) chosen = (int)i;
    return chosen;
}

/* Mostly where a request has come that is not carried out: it may still be, later. */
static void breaks(void)
{
    unsigned n = fleet_links(play.fleet);
    int link = one_of(fleet_may_carry_out);
    if (link < 0 || below(4) == 0) link = n ? (int)below(n) : -1;
    if (link < 0) return;
    fleet_breaks(play.fleet, (unsigned)link);
    if (below(4) == 0) return;
    fleet_runs_all(play.fleet); /* the server is up again before long */
    fleet_waits(0.11);
    fleet_runs_all(play.fleet);
}

static void fault(void)
{
    unsigned dice = below(100), may = play.part->faults;
    if (dice < 45 && !(may & BREAKS)) return;
    if (dice < 30) {
        breaks();
    } else if (dice < 45) {
        fleet_waits(below(100) < 70 ? below(200) / 1000.0 : below(1000) / 1000.0);
    } else if (dice < 96) {
        (void)fleet_late(play.fleet, true);
    } else if (dice < 98) {
        if (!(may & RELOADS)) return;
        play.which = 1 - play.which;
        fleet_reloads(play.fleet, play.script[play.which]);
    } else if (may & KILLS) {
        fleet_kills(play.fleet, below(play.part->machines), below(WORKERS),
                    play.script[play.which]);
    }
}

static struct person *idle(void)
{
    for (unsigned i = 0, first = below(CLIENTS); i < CLIENTS; i++)
        if (!play.persons[(first + i) % CLIENTS].waits) return &play.persons[(first + i) % CLIENTS];
    return NULL;
}

/* What cannot be done gives way to the next. */
static void steps(bool has_faults)
{
    unsigned dice = below(100);
    struct person *p = idle();
    int due = one_of(fleet_may_carry_out), done = one_of(fleet_may_answer);
    if (dice < 6 && has_faults)
        fault();
    else if (dice < 8)
        fleet_waits(below(30) / 1000.0);
    else if (dice < 32 && p)
        asks(p);
    else if (dice < 55 && due >= 0)
        fleet_carries_out(play.fleet, (unsigned)due);
    else if (dice < 78 && done >= 0)
        fleet_answers(play.fleet, (unsigned)done);
    else
        fleet_runs(play.fleet, below(play.part->machines), below(WORKERS));
    fleet_waits(play.rules & SLOW ? 0.005 : 1e-5);
    hears_all();
}

static bool a_person_waits(void)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        if (play.persons[i].waits) return true;
    return false;
}

/* Everything that was asked has its answer: also what waits for a while, or for servers that do not answer. */
static void settles(void)
{
    for (unsigned i = 0; i < 20 || (a_person_waits() && i < 1000); i++) {
        fleet_settles(play.fleet);
        hears_all();
        fleet_waits(0.01);
    }
}

/* What b has could be found by a client. */
static void looks_aside(unsigned key)
{
    char line[128];
    struct person *p = &play.persons[0];
    p->ops_n = 0;
    adds(p, key, TIMELINE_READ);
    snprintf(line, sizeof line, "get %s\r\n", key_text(key));
    ends(p, fleet_asks(play.fleet, "10.0.0.1:2", line));
}

/* What servers have before the schedule begins. */
static void has_before(unsigned seeds)
{
    for (unsigned key = 0; key < KEYS && seeds; key++) {
        char line[2 * LINE];
        struct timeline_op op = {.key = key, .deed = TIMELINE_SET, .answer = TIMELINE_YES};
        stores(&op, line);
        op.begin = op.end = fleet_now();
        if (seeds & A) (void)fleet_asks(play.fleet, "10.0.0.1:1", line);
        if (seeds & (B | FOREIGN_B)) (void)fleet_asks(play.fleet, "10.0.0.1:2", line);
        if (!(seeds & FOREIGN_B)) timeline_note(play.timeline, &op);
    }
}

/* What each client finds when everything has ended. */
static void looks_back(void)
{
    settles();
    for (unsigned key = 0; key < KEYS; key++) {
        for (unsigned i = 0; i < CLIENTS; i++) {
            char line[128];
            struct person *p = &play.persons[i];
            if (p->waits) fail_msg("client %u has no answer", i);
            p->ops_n = 0;
            adds(p, key, TIMELINE_READ);
            snprintf(line, sizeof line, "get %s\r\n", key_text(key));
            fleet_sends(play.fleet, p->guest, line);
            p->waits = true;
        }
        settles();
    }
    if (play.rules & LOOKS_ASIDE)
        for (unsigned key = 0; key < KEYS; key++) looks_aside(key);
}

static void fleet_begins(void)
{
    play.fleet = fleet_create(play.part->machines, WORKERS, play.script[play.which]);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct person *p = &play.persons[i];
        *p = (struct person){.machine = i % play.part->machines, .worker = i / 2 % WORKERS};
        enters(p);
    }
}

static void schedule(bool has_faults)
{
    uint64_t began = play.seed;
    size_t at;
    play.timeline = play.timelines[has_faults];
    timeline_clear(play.timeline);
    if (play.rules & SLOW) /* a moment is near, see `moves` */
        fleet_waits(1009.7 + 10 * (play.schedule % FLEET_LIVES) - fleet_now());
    has_before(play.part->seeds);
    for (unsigned i = 0; i < CLIENTS; i++)
        memset(play.persons[i].cas, 0, sizeof play.persons[i].cas);
    for (unsigned i = 0; i < STEPS; i++) steps(has_faults);
    looks_back();
    enum timeline_fault fault = timeline_check(play.timeline, &at);
    sums->tangled += fault == TIMELINE_FAULT_TANGLED;
    if (!fault || fault == TIMELINE_FAULT_TANGLED) return;
    timeline_print(play.timeline, at);
    fail_msg("%s, schedule %u: %s (its seed: %llu)", play.part->name, play.schedule,
             timeline_fault_name(fault), (unsigned long long)began);
}

/* So many schedules, in this process. */
static void fleet_plays(unsigned n)
{
    play.seed = sums->seed;
    play.schedule = sums->schedule;
    fleet_begins();
    for (unsigned i = 0; i < n; i++, play.schedule++) schedule(i % 4 != 0);
    fleet_destroy(play.fleet);
    sums->seed = play.seed;
    sums->schedule = play.schedule;
}

static void child_plays(unsigned n)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        assert_true(log_show_from("error"));
        fleet_plays(n);
        fflush(NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status != 0) fail_msg("a fleet ended with %d", status);
}

/* Each route has its part of LONG_SECONDS. */
static double ends_at(const struct part *part)
{
    const char *seconds = getenv("LONG_SECONDS");
    if (!seconds) return INFINITY;
    return play.began + strtod(seconds, NULL) * (double)(part - parts + 1) / PARTS_N;
}

static void part_is_played(const struct part *part, unsigned most)
{
    unsigned n = 0;
    play.part = part;
    play.rules = part->rules;
    for (unsigned i = 0; i < 2; i++) {
        const struct timeline_rules rules = {.stale = part->stale > 0 ? part->stale + 1e-3 : 0,
                                             .late = INFINITY,
                                             .is_strict = i == 0 && part->rules & STRICT,
                                             .is_regular = part->rules & REGULAR};
        play.timelines[i] = timeline_create(&rules);
    }
    sums->schedule = 0;
    sums->ops = sums->hits = sums->errors = sums->tangled = 0;
    for (unsigned i = 0; i < 2; i++)
        snprintf(play.script[i], sizeof play.script[i], "-- %u\n" POOLS "return %s\n", i,
                 part->route);
    while (n < most && process_clock() < ends_at(part)) {
        unsigned now = most - n < FLEET_LIVES ? most - n : FLEET_LIVES;
        child_plays(now);
        n += now;
    }
    for (unsigned i = 0; i < 2; i++) timeline_destroy(play.timelines[i]);
    printf("%-24s %u schedules, %lu operations, %lu hits, %lu errors, %u not judged\n", part->name,
           n, sums->ops, sums->hits, sums->errors, sums->tangled);
    assert_true(sums->hits >= sums->ops / 10);
    assert_true(sums->tangled <= n / 50 + 1);
}

static void no_client_sees_what_cannot_be(void **state)
{
    const char *asked = getenv("SEED"), *many = getenv("HISTORIES"),
               *only = getenv("HISTORY_ROUTE");
    sums = mmap(NULL, sizeof *sums, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(sums != MAP_FAILED);
    play.began = process_clock();
    sums->seed = asked ? strtoull(asked, NULL, 10) : 11;
    printf("SEED=%llu\n", (unsigned long long)sums->seed);
    for (size_t i = 0; i < PARTS_N; i++)
        if (!only || strcmp(only, parts[i].name) == 0)
            part_is_played(&parts[i], many ? (unsigned)strtoul(many, NULL, 10) : 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_client_sees_what_cannot_be)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
