/* No client sees what cannot be: random schedules of clients, workers, servers and faults, over routes that copy or share what they
 * read; what the clients saw is checked (lib/timeline.h).
 *
 * HISTORIES: schedules for each route (300). SEED: of all that is random (it is printed). HISTORY_ROUTE: only that route.
 */
#include "lib/stage.h"
#include "lib/timeline.h"
#include "unit/route/fleet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

enum { CLIENTS = 6, WORKERS = 2, KEYS = 2, STEPS = 120, FLEET_LIVES = 100, LINE = 256 };

#define POOLS                                                                                      \
    "local mg = require 'moongate'\n"                                                              \
    "local function pool(at) return mg.pool { at, timeout = 0.5, failure_limit = 1000, "           \
    "connections = 2, probe_min = 0.05, probe_max = 0.1, name = 'pool' .. at:sub(-1) } end\n"      \
    "local a, b = pool '10.0.0.1:1', pool '10.0.0.1:2'\n"

/* name, machines, seconds that reads may be behind, route */
#define PARTS(X)                                                                                   \
    X("pool", 1, 0, "a")                                                                           \
    X("near", 1, 0, "mg.near { mg.store { size = '64k' }, a, ttl = 60 }")                          \
    X("near over a policy", 1, 0,                                                                  \
      "mg.near { mg.store { size = '1m' }, mg.failover { a, mg.null {} , on = 'down' }, ttl = 60 " \
      "}")                                                                                         \
    X("near over a function", 1, 0,                                                                \
      "mg.near { mg.store { size = '1m' }, function(req) return a end, ttl = 60 }")                \
    X("near beside writes", 1, 0,                                                                  \
      "mg.by_command { get = mg.near { mg.store { size = '1m' }, a, ttl = 60 }, default = a }")    \
    X("near below a policy", 1, 0,                                                                 \
      "mg.coalesce { mg.near { mg.store { size = '1m' }, a, ttl = 60 } }")                         \
    X("near of two machines", 2, 0.3, "mg.near { mg.store { size = '1m' }, a, ttl = 0.3 }")        \
    X("coalesce", 1, 0, "mg.coalesce { a }")                                                       \
    X("negative_cache", 1, 0, "mg.negative_cache { a, 10 }")                                       \
    X("lease", 2, 0, "mg.lease { a, ttl = 1, wait = 0.02 }")                                       \
    X("lease, renewed early", 2, 0, "mg.lease { a, ttl = 1, wait = 0.02, refresh = 60 }")          \
    X("lease, old items", 2, 60, "mg.lease { a, ttl = 1, wait = 0.02, stale = 60 }")               \
    X("lease over a policy", 2, 0,                                                                 \
      "mg.lease { mg.failover { a, mg.null {}, on = 'down' }, ttl = 1, wait = 0.02 }")             \
    X("lease over a store", 1, 0,                                                                  \
      "mg.lease { mg.store { size = '1m', name = 's' }, ttl = 1, wait = 0.02 }")                   \
    X("l1_l2", 1, 0, "mg.l1_l2 { b, a, exptime = 60 }")

static const struct part {
    const char *name;
    unsigned machines;
    double stale;
    const char *route;
} parts[] = {
#define X(name, machines, stale, route) {name, machines, stale, route},
    PARTS(X)
#undef X
};

struct person {
    unsigned guest, machine, worker;
    bool waits;
    unsigned ops_n; /* of the request that waits: a get of two keys is two */
    struct timeline_op ops[KEYS];
    uint64_t cas[KEYS]; /* that it was shown last */
};

/* What all fleets have seen; each is played in a process of its own. */
static struct sums {
    uint64_t seed;
    unsigned schedule;
    unsigned long ops, hits, errors;
    unsigned tangled; /* schedules that leave too many writes unknown to be judged */
} * sums;

static struct {
    uint64_t seed;
    struct fleet *fleet;
    struct timeline *timeline;
    const struct part *part;
    char script[2][2048]; /* two that do the same */
    unsigned which;       /* of them is in use */
    struct person persons[CLIENTS];
    unsigned schedule;
    uint64_t last; /* value that was stored */
} play;

static unsigned below(unsigned n)
{
    uint64_t x = play.seed += 0x9e3779b97f4a7c15ULL;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return (unsigned)((x >> 32) * n >> 32);
}

/* --- asking -------------------------------------------------------------------------------------- */

static const char *key_text(unsigned key)
{
    static char text[KEYS][32];
    snprintf(text[key], sizeof text[key], "%c%u", key ? 'n' : 'k', play.schedule);
    return text[key];
}

static bool is_number(unsigned key)
{
    return key == 1;
}

/* Mostly the same one: then clients meet. */
static unsigned a_key(void)
{
    return below(5) == 0;
}

/* A new value, and its text. Sums of numbers do not meet. */
static uint64_t new_value(unsigned key, char *text)
{
    uint64_t value = ++play.last;
    if (is_number(key)) value *= 1000;
    snprintf(text, LINE, "%llu", (unsigned long long)value);
    return is_number(key) ? timeline_number(value) : value;
}

static struct timeline_op *adds(struct person *p, unsigned key, enum timeline_deed deed)
{
    struct timeline_op *op = &p->ops[p->ops_n++];
    *op = (struct timeline_op){
        .client = (uint32_t)(p - play.persons), .key = key, .deed = deed, .begin = fleet_now()};
    return op;
}

static void reads(struct person *p, char *line)
{
    unsigned key = a_key(), how = below(10);
    adds(p, key, TIMELINE_READ);
    if (how < 5) {
        snprintf(line, LINE, "get %s\r\n", key_text(key));
    } else if (how < 6) {
        snprintf(line, LINE, "gets %s\r\n", key_text(key));
    } else if (how < 8) {
        snprintf(line, LINE, "mg %s k v f\r\n", key_text(key));
    } else if (how < 9) {
        snprintf(line, LINE, "gat 0 %s\r\n", key_text(key));
    } else {
        adds(p, 1 - key, TIMELINE_READ);
        snprintf(line, LINE, "get %s %s\r\n", key_text(key), key_text(1 - key));
    }
}

static void writes(struct person *p, char *line)
{
    static const char *const stores[] = {[TIMELINE_SET] = "set",
                                         [TIMELINE_ADD] = "add",
                                         [TIMELINE_REPLACE] = "replace",
                                         [TIMELINE_CAS] = "cas",
                                         [TIMELINE_APPEND] = "append"};
    static const enum timeline_deed deeds[] = {TIMELINE_SET,     TIMELINE_SET,    TIMELINE_SET,
                                               TIMELINE_DELETE,  TIMELINE_DELETE, TIMELINE_ADD,
                                               TIMELINE_REPLACE, TIMELINE_CAS,    TIMELINE_CAS,
                                               TIMELINE_APPEND,  TIMELINE_INCR,   TIMELINE_TOUCH};
    unsigned key = a_key();
    enum timeline_deed deed = deeds[below(sizeof deeds / sizeof *deeds)];
    char value[LINE], cas[32] = "";
    if (deed == TIMELINE_APPEND && is_number(key)) deed = TIMELINE_INCR;
    if (deed == TIMELINE_INCR && !is_number(key)) deed = TIMELINE_APPEND;
    if (deed == TIMELINE_CAS && !p->cas[key]) deed = TIMELINE_SET;
    struct timeline_op *op = adds(p, key, deed);
    if (deed == TIMELINE_DELETE) {
        snprintf(line, LINE, below(4) ? "delete %s\r\n" : "md %s\r\n", key_text(key));
    } else if (deed == TIMELINE_TOUCH) {
        snprintf(line, LINE, "touch %s 0\r\n", key_text(key));
    } else if (deed == TIMELINE_INCR) {
        op->delta = 1 + below(9);
        snprintf(line, LINE, "incr %s %u\r\n", key_text(key), op->delta);
    } else {
        op->value = new_value(key, value);
        op->cas = deed == TIMELINE_CAS ? p->cas[key] : 0;
        if (op->cas) snprintf(cas, sizeof cas, " %llu", (unsigned long long)op->cas);
        const char *comma = deed == TIMELINE_APPEND ? "," : "";
        snprintf(line, LINE, "%s %s %u 0 %zu%s\r\n%s%s\r\n", stores[deed], key_text(key), 7 + key,
                 strlen(comma) + strlen(value), cas, comma, value);
    }
}

static void asks(struct person *p)
{
    char line[LINE];
    p->ops_n = 0;
    if (below(100) < 60)
        reads(p, line);
    else
        writes(p, line);
    fleet_sends(play.fleet, p->guest, line);
    p->waits = true;
    sums->ops += p->ops_n;
}

/* --- answers ------------------------------------------------------------------------------------- */

/* "12,13,14", or a number. */
static uint64_t read_value(unsigned key, const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (is_number(key)) return timeline_number(value);
    while (*end == ',') value = timeline_appended(value, strtoull(end + 1, &end, 10));
    return value;
}

/* A VALUE or a VA of that read, where it is in the answer. */
static void finds(struct person *p, struct timeline_op *op, const char *text)
{
    char head[64];
    unsigned flags = 0;
    unsigned long long cas = 0;
    snprintf(head, sizeof head, "VALUE %s ", key_text(op->key));
    const char *at = strstr(text, head), *line_end;
    op->answer = TIMELINE_NO;
    if (at)
        sscanf(at + strlen(head), "%u %*u%*[ ]%llu", &flags, &cas);
    else if (strncmp(text, "VA ", 3) == 0 && strstr(text, key_text(op->key)))
        sscanf((at = text) + 3, "%*u k%*s f%u", &flags);
    if (!at) return;
    if (flags != 7 + op->key) fail_msg("client flags of another item: %s", text);
    line_end = strchr(at, '\n');
    op->answer = TIMELINE_YES;
    op->value = read_value(op->key, line_end + 1);
    op->cas = cas;
    if (cas) p->cas[op->key] = cas;
    sums->hits++;
}

static void learns(struct timeline_op *op, const char *text)
{
    static const char *const good[] = {"STORED", "DELETED", "TOUCHED", "HD"};
    op->answer = TIMELINE_NO;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (strncmp(text, good[i], strlen(good[i])) == 0) op->answer = TIMELINE_YES;
    if (strncmp(text, "EXISTS", 6) == 0) op->answer = TIMELINE_EXISTS;
    if (op->deed == TIMELINE_INCR && *text >= '0' && *text <= '9') {
        op->answer = TIMELINE_YES;
        op->value = timeline_number(strtoull(text, NULL, 10));
    }
}

static void ends(struct person *p, const char *text)
{
    bool is_error =
        !text || strncmp(text, "SERVER_ERROR", 12) == 0 || strstr(text, "\nSERVER_ERROR");
    sums->errors += is_error;
    for (unsigned i = 0; i < p->ops_n; i++) {
        struct timeline_op *op = &p->ops[i];
        op->end = fleet_now();
        op->answer = TIMELINE_UNKNOWN;
        if (!is_error && op->deed == TIMELINE_READ) finds(p, op, text);
        if (!is_error && op->deed != TIMELINE_READ) learns(op, text);
        timeline_note(play.timeline, op);
    }
    p->waits = false;
}

static void enters(struct person *p)
{
    p->guest = fleet_connects(play.fleet, p->machine, p->worker);
}

static void hears_all(void)
{
    static char text[FLEET_ANSWER];
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct person *p = &play.persons[i];
        bool is_there = fleet_hears(play.fleet, p->guest, text);
        if (p->waits && *text) ends(p, text);
        if (is_there) continue;
        if (p->waits) ends(p, NULL);
        fleet_hangs_up(play.fleet, p->guest);
        enters(p);
    }
    fleet_waits(1e-5);
}

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
    unsigned dice = below(100);
    if (dice < 30) {
        breaks();
    } else if (dice < 45) {
        fleet_waits(below(100) < 70 ? below(200) / 1000.0 : below(1000) / 1000.0);
    } else if (dice < 96) {
        (void)fleet_late(play.fleet, true);
    } else if (dice < 98) {
        play.which = 1 - play.which;
        fleet_reloads(play.fleet, play.script[play.which]);
    } else {
        fleet_kills(play.fleet, below(play.part->machines), below(WORKERS),
                    play.script[play.which]);
    }
}

static struct person *idle(void)
{
    unsigned first = below(CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct person *p = &play.persons[(first + i) % CLIENTS];
        if (!p->waits) return p;
    }
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
    fleet_waits(1e-5);
    hears_all();
}

/* Everything that was asked has its answer: also what waits for a while. */
static void settles(void)
{
    for (unsigned i = 0; i < 20; i++) {
        fleet_settles(play.fleet);
        hears_all();
        fleet_waits(0.01);
    }
}

/* What each client finds when everything has ended. */
static void looks_back(void)
{
    settles();
    for (unsigned key = 0; key < KEYS; key++) {
        for (unsigned i = 0; i < CLIENTS; i++) {
            char line[LINE];
            struct person *p = &play.persons[i];
            if (p->waits) fail_msg("client %u has no answer", i);
            p->ops_n = 0;
            adds(p, key, TIMELINE_READ);
            snprintf(line, LINE, "get %s\r\n", key_text(key));
            fleet_sends(play.fleet, p->guest, line);
            p->waits = true;
        }
        settles();
    }
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
    timeline_clear(play.timeline);
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

static void part_is_played(const struct part *part, unsigned n)
{
    const struct timeline_rules rules = {.stale = part->stale ? part->stale + 1e-3 : 0,
                                         .late = INFINITY};
    play.part = part;
    play.timeline = timeline_create(&rules);
    sums->ops = sums->hits = sums->errors = sums->tangled = 0;
    for (unsigned i = 0; i < 2; i++)
        snprintf(play.script[i], sizeof play.script[i], "-- %u\n" POOLS "return %s\n", i,
                 part->route);
    for (unsigned left = n, now; left > 0; left -= now)
        child_plays(now = left < FLEET_LIVES ? left : FLEET_LIVES);
    timeline_destroy(play.timeline);
    printf("%-24s %u schedules, %lu operations, %lu hits, %lu errors, %u not judged\n", part->name,
           n, sums->ops, sums->hits, sums->errors, sums->tangled);
    assert_true(sums->hits > sums->ops / 10);
    assert_true(sums->tangled <= n / 50);
}

static void no_client_sees_what_cannot_be(void **state)
{
    const char *asked = getenv("SEED"), *many = getenv("HISTORIES"),
               *only = getenv("HISTORY_ROUTE");
    sums = mmap(NULL, sizeof *sums, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(sums != MAP_FAILED);
    sums->seed = asked ? strtoull(asked, NULL, 10) : 11;
    printf("SEED=%llu\n", (unsigned long long)sums->seed);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!only || strcmp(only, parts[i].name) == 0)
            part_is_played(&parts[i], many ? (unsigned)strtoul(many, NULL, 10) : 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_client_sees_what_cannot_be)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
