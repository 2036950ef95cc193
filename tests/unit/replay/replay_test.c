/* `moongate replay`: recordings that were made by hand, put to scripts with servers in memory: routes, hits and misses, errors, time, and how it
 * ends. Real servers: real_test.c. */
#include "unit/replay/tape.h"

#include "lib/scene.h"

#include <stdio.h>

#define USE "local mg = require 'moongate'\n"

static const char ONE[] = USE "return mg.pool { '10.0.0.1:11211', name = 'all' }\n";

static const char BY_PREFIX[] =
    USE "local all = mg.pool { '10.0.0.1:11211', name = 'all' }\n"
        "local pages = mg.pool { '10.0.0.2:11211', name = 'pages' }\n"
        "return function(req)\n"
        "    if req:has_prefix 'page:' then return pages end\n"
        "    if req:has_prefix 'none:' then return mg.reply.miss() end\n"
        "    if req:has_prefix 'bad:' then error 'not this one' end\n"
        "    if req:has_prefix 'other:' then req.key = 'x' .. req.key end\n"
        "    return all\n"
        "end\n";

/* --- routes ----------------------------------------------------------------------------------------- */

static void routes_are_counted_as_diff_counts_them(void **state)
{
    const char *old = file_of("old", ONE), *new = file_of("new", BY_PREFIX);
    struct tape t = tape_begins(RECORDING_SIZES);
    for (int i = 0; i < 10; i++) {
        t.at = i;
        tape_gets(&t, textf("user:%d", i), 10);
        if (i < 7) tape_gets(&t, textf("page:%d", i), 10);
        if (i < 3) tape_gets(&t, textf("none:%d", i), 10);
        if (i < 2) tape_gets(&t, textf("bad:%d", i), 10);
        if (i < 1) tape_sets(&t, "other:1", 10, 0);
    }
    tape_ends(&t);
    struct run run =
        moongate_runs("replay", t.path, "--script", new, "--compare", old, "--json", NULL);
    exits(run, 0);
    is_said(run.err, "");
    number_is(run.out, "routes", "requests", 23);
    number_is(run.out, "routes", "moved", 13);
    number_is(run.out, "routes", "same", 10);
    number_is(run.out, "routes", "other_pool", 7);
    number_is(run.out, "routes", "other_key", 1);
    number_is(run.out, "", "bucket_seconds", 0.016);
    has(run.out, "{\"from\":\"10.0.0.1:11211\",\"from_pool\":\"all\",\"to\":\"10.0.0.2:11211\","
                 "\"to_pool\":\"pages\",\"fate\":\"moved\",\"requests\":7}");
    has(run.out, "\"to\":\"reply miss\",\"to_pool\":\"\",\"fate\":\"moved\",\"requests\":3}");
    has(run.out, "\"to\":\"script error\",\"to_pool\":\"\",\"fate\":\"moved\",\"requests\":2}");
    has(run.out,
        "\"to\":\"10.0.0.1:11211\",\"to_pool\":\"all\",\"fate\":\"moved\",\"requests\":1}");
    has(run.out, "{\"prefix\":\"page:\",\"requests\":7,\"moved\":7,\"copied\":0,\"gets\":7,"
                 "\"recorded_hits\":7,\"old_hits\":7,\"new_hits\":0}");
    number_is(run.out, "new", "errors", 2);
    number_is(run.out, "new", "script_errors", 2);
    has(run.out,
        "\"text\":\"SERVER_ERROR script error\",\"requests\":2,\"samples\":[\"get bad:0: ");
    has(run.out, "new.lua:7: not this one");
}

static void what_is_found_in_its_old_place_is_copied(void **state)
{
    const char *old = file_of("old", ONE);
    const char *new = file_of("new", USE "local old = mg.pool { '10.0.0.1:11211' }\n"
                                         "local cold = mg.pool { '10.0.0.9:11211' }\n"
                                         "return mg.warm_up { cold, old }\n");
    struct tape t = tape_begins(RECORDING_SIZES);
    for (int i = 0; i < 5; i++) tape_gets(&t, textf("k%d", i), 10);
    for (int i = 0; i < 5; i++) tape_gets(&t, textf("k%d", i), 10);
    tape_ends(&t);
    struct run run = moongate_runs("replay", t.path, "--script", new, "--compare", old, "--warm",
                                   "--json", NULL);
    exits(run, 0);
    number_is(run.out, "routes", "copied", 10);
    number_is(run.out, "routes", "moved", 0);
    number_is(run.out, "new", "hits", 10);
}

/* --- hits ------------------------------------------------------------------------------------------- */

enum { KEYS = 300, STEPS = 4000 };

/* What one server holds of each key: until when (0: for ever), and whether it is there. */
struct model {
    bool is_there[KEYS];
    double until[KEYS];
};

static bool model_has(const struct model *m, unsigned key, double at)
{
    return m->is_there[key] && (m->until[key] == 0 || m->until[key] > at);
}

static void model_puts(struct model *m, unsigned key, double until)
{
    m->is_there[key] = true;
    m->until[key] = until;
}

struct counts {
    unsigned gets, recorded, cold, same, refilled, seeded;
};

/* Requests of clients before servers that hold half of the keys already. Models follow: the servers of then, those that begin empty, those of which users keep theirs, and
 * those into which clients put again what they no longer find. */
static struct counts plays_random(struct tape *t, unsigned seed)
{
    static struct model then, cold, same, refilled; /* same: what moves is not found */
    static bool came[KEYS];
    struct counts n = {0};
    memset(&then, 0, sizeof then);
    memset(&cold, 0, sizeof cold);
    memset(&refilled, 0, sizeof refilled);
    memset(came, 0, sizeof came);
    for (unsigned i = 0; i < KEYS; i++) then.is_there[i] = random_below(&seed, 2);
    memset(&same, 0, sizeof same);
    for (unsigned i = 1; i < KEYS; i += 2) same.is_there[i] = then.is_there[i]; /* users */
    for (int i = 0; i < STEPS; i++) {
        unsigned k = random_below(&seed, KEYS), what = random_below(&seed, 20);
        const char *key = textf("%s:%u", k % 2 ? "user" : "page", k);
        bool was = model_has(&then, k, t->at);
        t->client = 1 + random_below(&seed, 7);
        if (what < 15) {
            n.gets++;
            n.recorded += was;
            n.cold += model_has(&cold, k, t->at);
            n.same += model_has(&same, k, t->at);
            n.refilled += model_has(&refilled, k, t->at);
            n.seeded += was && !came[k];
            tape_gets(t, key, was ? 50 : 0);
            if (was && !model_has(&refilled, k, t->at)) model_puts(&refilled, k, 0);
        } else if (what < 18) {
            int64_t exptime = random_below(&seed, 3) ? 0 : 1 + random_below(&seed, 20);
            double until = exptime ? (double)(int64_t)t->at + (double)exptime : 0;
            tape_sets(t, key, 50, exptime);
            model_puts(&then, k, until);
            model_puts(&cold, k, until);
            model_puts(&same, k, until);
            model_puts(&refilled, k, until);
        } else {
            tape_deletes(t, key, was);
            then.is_there[k] = cold.is_there[k] = same.is_there[k] = refilled.is_there[k] = false;
        }
        came[k] = true;
        t->at += random_below(&seed, 2) ? 0 : 0.03;
    }
    return n;
}

static void has_the_hits_of_a_model(unsigned seed)
{
    const char *old = file_of("old", ONE), *new = file_of("new", BY_PREFIX);
    struct tape t = tape_begins(RECORDING_SIZES);
    struct counts n = plays_random(&t, seed);
    tape_ends(&t);
    printf("SEED=%u\n", seed);
    const char *ways[] = {"--json", "--warm", "--refill", "--same-servers"};
    unsigned hits[] = {n.cold, n.recorded, n.refilled, n.same};
    for (int i = 0; i < 4; i++) {
        struct run run = moongate_runs("replay", t.path, "--script", new, "--compare", old,
                                       "--json", ways[i], NULL);
        exits(run, 0);
        number_is(run.out, "recorded", "hits", n.recorded);
        number_is(run.out, "old", "gets", n.gets);
        number_is(run.out, "old", "hits", n.recorded);
        number_is(run.out, "old", "seeded", n.seeded);
        number_is(run.out, "new", "gets", n.gets);
        number_is(run.out, "new", "hits", hits[i]);
        number_is(run.out, "new", "lost_hits", n.recorded - hits[i]);
        number_is(run.out, "new", "errors", 0);
    }
}

static void hits_are_those_of_a_model(void **state)
{
    const char *given = getenv("SEED"), *more = getenv("REPLAY_SECONDS");
    unsigned seed = given ? (unsigned)atoi(given) : 77;
    double end = stage_now() + (more ? atof(more) : 0);
    do has_the_hits_of_a_model(seed++);
    while (stage_now() < end);
}

static void without_sizes_values_have_the_size_that_was_given(void **state)
{
    const char *new = file_of("new", ONE);
    struct tape t = tape_begins(RECORDING_KEYS);
    tape_takes(&t, take_of(COMMAND_SET, "a", LIVE_STORED));
    tape_takes(&t, take_of(COMMAND_GET, "a", LIVE_HIT));
    tape_ends(&t);
    struct run run =
        moongate_runs("replay", t.path, "--script", new, "--json", "--value-size", "5000", NULL);
    exits(run, 0);
    has(strstr(run.out, "\"new\""), "\"sizes\":[{\"from_bytes\":4096,\"values\":1}]");
}

/* 64 KiB for a megabyte of values: only the last ones are found. */
static void memory_of_fakes_is_bounded(void **state)
{
    const char *new = file_of("new", ONE);
    struct tape t = tape_begins(RECORDING_SIZES);
    for (int i = 0; i < 1000; i++) tape_sets(&t, textf("k%d", i), 1000, 0);
    for (int i = 0; i < 1000; i++) tape_gets(&t, textf("k%d", i), 1000);
    tape_ends(&t);
    struct run run =
        moongate_runs("replay", t.path, "--script", new, "--json", "--fake-memory", "64k", NULL);
    exits(run, 0);
    assert_in_range((unsigned)number_of(run.out, "new", "hits"), 50, 65);
    assert_true(number_of(run.out, "new", "evictions") > 900);
}

/* --- time ------------------------------------------------------------------------------------------- */

/* How many there are. */
static size_t buckets_of(const char *json)
{
    size_t n = 0;
    for (const char *at = json; (at = strstr(at, "{\"at\":")); at++) n++;
    return n;
}

/* The clock of scripts is that of the recording: what a function sleeps is a part of its time, and a timer runs as often as it did. */
static void time_is_that_of_the_recording(void **state)
{
    const char *new =
        file_of("new", USE
                "local all = mg.pool { '10.0.0.1:11211' }\n"
                "local ticks = 0\n"
                "mg.timer.every(1, function() ticks = ticks + 1 end)\n"
                "return mg.async(function(req)\n"
                "    if req.key == 'late' and ticks < 3599 then return mg.reply.error 'early' end\n"
                "    mg.sleep(0.05)\n"
                "    return mg.call(all, req)\n"
                "end)\n");
    struct tape t = tape_begins(RECORDING_SIZES);
    for (int i = 0; i < 20; i++) {
        t.at = i * 0.2;
        tape_gets(&t, textf("k%d", i), 0);
    }
    t.at = 3605;
    tape_gets(&t, "late", 0);
    tape_ends(&t);
    struct run run = moongate_runs("replay", t.path, "--script", new, "--json", NULL);
    exits(run, 0);
    number_is(run.out, "new", "errors", 0);
    number_is(run.out, "new", "misses", 21);
    assert_in_range((unsigned)buckets_of(run.out), 301,
                    600); /* of one width, over the whole time */
    double p50 = number_of(strstr(run.out, "\"new\""), "latency_ms", "p50");
    if (p50 < 49 || p50 > 60) stage_fails("a sleep of 50 ms took %g ms", p50);
    assert_true(number_of(run.out, "", "took") < 30);
}

static void a_multiple_of_its_speed_takes_its_time(void **state)
{
    const char *new = file_of("new", ONE);
    struct tape t = tape_begins(RECORDING_SIZES);
    for (int i = 0; i <= 20; i++) {
        t.at = i;
        tape_gets(&t, "k", 0);
    }
    tape_ends(&t);
    double began = stage_now();
    struct run run =
        moongate_runs("replay", t.path, "--script", new, "--json", "--speed", "50x", NULL);
    exits(run, 0);
    number_is(run.out, "new", "misses", 21);
    assert_true(stage_now() - began >= 0.4);
    assert_true(number_of(run.out, "", "took") >= 0.4);
}

/* --- limits ------------------------------------------------------------------------------------------- */

static void results_over_a_limit_make_the_exit_code_1(void **state)
{
    static const struct {
        const char *option, *good, *bad, *said;
    } limits[] = {{"--max-moved", "50%", "49%", "--max-moved: 50 % is not within 49 %"},
                  {"--min-hit-rate", "25%", "26%", "--min-hit-rate: 25 % is not within 26 %"},
                  {"--max-hit-loss", "75%", "74%", "--max-hit-loss: 75 % is not within 74 %"},
                  {"--max-errors", "25%", "24%", "--max-errors: 25 % is not within 24 %"},
                  {"--max-p99", "60s", "0.0000001s", "--max-p99: "}};
    const char *old = file_of("old", ONE), *new = file_of("new", BY_PREFIX);
    struct tape t = tape_begins(RECORDING_SIZES);
    tape_gets(&t, "user:1", 10); /* as before, and cold */
    tape_sets(&t, "user:2", 10, 0);
    t.at = 1;
    tape_gets(&t, "page:1", 10);
    tape_gets(&t, "user:2", 10);
    tape_sets(&t, "bad:1", 10, 0);
    tape_gets(&t, "page:2", 10);
    tape_sets(&t, "bad:2", 10, 0);
    tape_sets(&t, "user:3", 10, 0);
    tape_ends(&t);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct run good = moongate_runs("replay", t.path, "--script", new, "--compare", old,
                                        limits[i].option, limits[i].good, NULL);
        exits(good, 0);
        struct run bad = moongate_runs("replay", t.path, "--script", new, "--compare", old,
                                       limits[i].option, limits[i].bad, NULL);
        exits(bad, 1);
        has(bad.err, limits[i].said);
        has(bad.out, "hit rate");
    }
}

/* --- other kinds of scripts, and texts -------------------------------------------------------------------- */

static void configurations_of_other_proxies_are_read(void **state)
{
    struct tape t = usual_tape(50);
    const char *old = textf("%s/old.yml", program_folder());
    file_becomes(old, "pool:\n  listen: 127.0.0.1:22121\n  hash: fnv1a_64\n  distribution: ketama\n"
                      "  servers:\n   - 10.0.0.1:11211:1\n   - 10.0.0.2:11211:1\n");
    struct run run = moongate_runs("convert", old, NULL);
    exits(run, 0);
    const char *new = file_of("new", run.out);
    run = moongate_runs("replay", t.path, "--script", new, "--compare", old, "--json", NULL);
    exits(run, 0);
    number_is(run.out, "routes", "requests", 50);
    number_is(run.out, "routes", "same", 50);
    number_is(run.out, "old", "hits", 50);
}

static void people_get_tables(void **state)
{
    struct tape t = usual_tape(50);
    const char *old = file_of("old", ONE), *new = file_of("new", BY_PREFIX);
    struct run run = moongate_runs("replay", t.path, "--script", new, "--compare", old, NULL);
    exits(run, 0);
    is_said(run.err, "");
    has(run.out, textf("%s: 50 requests of 1 clients in 49.0 s\n", t.path));
    has(run.out, "100.00 %       100.00 %         0.00 %\n");
    has(run.out, "routes: of 50 requests 0 move, 0.0 %");
    has(run.out, "times of old and new are moongate's own: servers in memory take none\n");
    has(run.out, "10.0.0.1:11211");
    run = moongate_runs("replay", "--help", NULL);
    exits(run, 0);
    has(run.out, "moongate replay FILE --script NEW.lua");
}

static void hashed_keys_are_warned_of(void **state)
{
    const char *new = file_of("new", ONE);
    struct tape t = tape_of(&(struct recording_about){.mode = RECORDING_SIZES, .hashed = true});
    tape_gets(&t, "AAAAAAAAAAAAAAAAAAAAAA", 10);
    tape_ends(&t);
    struct run run = moongate_runs("replay", t.path, "--script", new, NULL);
    exits(run, 0);
    has(run.err, "its keys are hashed");
    t = tape_of(
        &(struct recording_about){.mode = RECORDING_SIZES, .hashed = true, .keep_prefix = ':'});
    tape_gets(&t, "user:AAAAAAAAAAAAAAAAAAAAAA", 10);
    tape_ends(&t);
    run = moongate_runs("replay", t.path, "--script", new, NULL);
    exits(run, 0);
    is_said(run.err, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(routes_are_counted_as_diff_counts_them),
        play(what_is_found_in_its_old_place_is_copied),
        play(hits_are_those_of_a_model),
        play(without_sizes_values_have_the_size_that_was_given),
        play(memory_of_fakes_is_bounded),
        play(time_is_that_of_the_recording),
        play(a_multiple_of_its_speed_takes_its_time),
        play(results_over_a_limit_make_the_exit_code_1),
        play(configurations_of_other_proxies_are_read),
        play(people_get_tables),
        play(hashed_keys_are_warned_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
