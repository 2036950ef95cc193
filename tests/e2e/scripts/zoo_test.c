/* Bad scripts of every kind (lib/zoo.h), under load: clients of other workers notice nothing, nobody ever gets a wrong value, and a
 * good script makes all well again. They come as the first script, by a reload, and by a rollback to them.
 *
 * Each bad script is run in one of the ways that enum way, -j and --no-jit make together. ZOO=all: in all of them; ZOO=text: those
 * whose name has that text alone, in all of them. LONG_SECONDS: until so many have passed, from a place that SEED says. The slowest
 * replies are printed, and judged by nobody: machines are busy.
 */
#include "lib/application.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/seat.h"
#include "lib/zoo.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { AT_ONCE = 12, LOAD_MOST = 8, REQUESTS = 10 };

#define SCRIPT_TIMEOUT "0.1"

/* Eaters are stopped by the second; the third is for them, and ends a process that is not. */
#define EATERS_TIMEOUT "10"
#define SCRIPT_MEMORY  "32m"
enum { PROCESS_MOST_MIB = 1024 };

#define PROBATION "0.3" /* seconds, where there is one */

/* How a bad script gets in. BACK: it passes its probation, as nobody asks for `bad`; then a worse one fails, and it comes back. */
enum way { FIRST, RELOADED, BACK, WAYS };

enum { VARIANTS = WAYS * 2 * 2 };

static const char *const way_names[WAYS] = {"at start", "by a reload", "by a rollback"};

struct world {
    const struct zoo_animal *animal;
    enum way way;
    unsigned workers;
    bool is_interpreted;
    const char *servers;
    struct moongate *m;
    struct client *bad; /* asks for `bad` */
    pid_t hit;          /* the worker that it asks */
    struct application *load[LOAD_MOST];
    bool is_hit[LOAD_MOST];          /* a client of that worker */
    struct tally before[LOAD_MOST];  /* what other scripts cost it, before this one came back */
    struct tally after[LOAD_MOST];   /* a good script has got in */
    unsigned long wanted[LOAD_MOST]; /* replies, before the next act */
    unsigned load_n;
};

/* --- load -------------------------------------------------------------------------------------- */

struct awaited {
    struct application *a;
    struct tally wanted;
};

static bool has_come(void *what)
{
    const struct awaited *w = what;
    struct tally t = application_tally(w->a);
    return t.replies >= w->wanted.replies && t.errors >= w->wanted.errors &&
           t.hits >= w->wanted.hits;
}

static void gets(struct world *w, struct application *a, struct tally wanted)
{
    struct awaited what = {a, wanted};
    if (!stage_waits_for(has_come, &what, 60))
        stage_fails("%s: an application gets no more replies", w->animal->name);
}

/* What follows waits for more replies to each client. */
static void load_is_to_go_on(struct world *w)
{
    for (unsigned i = 0; i < w->load_n; i++)
        w->wanted[i] = application_tally(w->load[i]).replies + REQUESTS;
}

static void load_goes_on(struct world *w)
{
    for (unsigned i = 0; i < w->load_n; i++)
        gets(w, w->load[i], (struct tally){.replies = w->wanted[i]});
}

/* Until each worker has clients. */
static void load_begins(struct world *w)
{
    bool is_elsewhere = w->workers == 1, is_here = false;
    w->bad = client_connects(w->m);
    w->hit = seat_of(w->m, client_descriptor(w->bad));
    while (!(is_here && is_elsewhere) || w->load_n < 2) {
        assert_in_range(w->load_n, 0, LOAD_MOST - 1);
        struct application *a =
            application_connects(w->m, textf("%p:", (void *)w), 2, w->load_n + 1);
        application_may_be_closed(a);
        application_paces(a, 0.02);
        bool is_hit = seat_of(w->m, application_descriptor(a)) == w->hit;
        is_here = is_here || is_hit;
        is_elsewhere = is_elsewhere || !is_hit;
        w->is_hit[w->load_n] = is_hit;
        w->load[w->load_n++] = a;
    }
}

/* --- a world ----------------------------------------------------------------------------------- */

static struct moongate *starts(const struct world *w, const char *script)
{
    const char *options[4] = {NULL};
    int n = 0;
    bool is_eater = w->animal->is_eater;
    if (w->is_interpreted) options[n++] = "--no-jit";
    if (w->animal->is_unsafe) options[n++] = "--unsafe-lua";
    if (is_eater) options[n++] = "--script-memory", options[n++] = SCRIPT_MEMORY;
    /* A rehearsal would keep some out. */
    const char *probation = w->way == BACK ? PROBATION : "0";
    return moongate_start(script, "--rehearse", "0", "--probation", probation, "--script-timeout",
                          is_eater ? EATERS_TIMEOUT : SCRIPT_TIMEOUT, "-j",
                          w->workers == 2 ? "2" : "1", options[0], options[1], options[2],
                          options[3], NULL);
}

static bool is_failing(const struct world *w)
{
    return w->animal->end == ZOO_FAILING;
}

/* It takes the processor until another script is loaded: the other acts are not to wait for it. */
static bool is_restless(const struct world *w)
{
    return w->animal->end == ZOO_TIMER || w->animal->end == ZOO_STRAY;
}

/* One that fails requests of all clients passes its probation as long as there are none. */
static void world_begins(struct world *w)
{
    const char *bad = zoo_script(w->animal, w->servers), *good = zoo_good_script(w->servers);
    bool is_quiet = w->way == BACK && is_failing(w);
    w->m = starts(w, w->way == FIRST ? bad : good);
    if (!is_quiet) load_begins(w);
    if (w->way != FIRST) moongate_reloads(w->m, bad);
}

static void world_has_a_worse_script(struct world *w)
{
    if (w->way != BACK) return;
    moongate_sees_log(w->m, "generation 2 has passed its probation");
    moongate_reloads(w->m, zoo_worse_script());
    if (is_failing(w)) load_begins(w);
}

static void world_goes_back(struct world *w)
{
    if (w->way == BACK)
        moongate_sees_log(w->m, "rolled back: generation 4 is the script of generation 2");
}

static void world_asks(struct world *w)
{
    for (unsigned i = 0; i < w->load_n && w->way == BACK; i++) {
        w->before[i] = application_tally(w->load[i]);
        if (w->before[i].closed) stage_fails("%s: a client was closed", w->animal->name);
    }
    if (!is_failing(w) && !is_restless(w)) client_sends(w->bad, "get bad\r\n");
}

static void bad_is_answered(struct world *w)
{
    switch (w->animal->end) {
    case ZOO_ERROR:
        client_sees(w->bad, "SERVER_ERROR script error\r\n");
        client_sends(w->bad, "get bad\r\n");
        break;
    case ZOO_STRAY: client_sees_line(w->bad); break;
    case ZOO_TIMER:
        client_sees(w->bad, "SERVER_ERROR armed\r\n");
        moongate_sees_log_times(w->m, ": timer: ", 3);
        break;
    case ZOO_KILLED_LATER: client_sees(w->bad, "SERVER_ERROR armed\r\n"); /* fallthrough */
    case ZOO_KILLED:
        client_sees_closed(w->bad);
        moongate_sees_log(w->m, "does not turn for ");
        w->bad = client_connects(w->m);
        break;
    default:
        for (unsigned i = 0; i < w->load_n; i++)
            gets(w, w->load[i], (struct tally){.errors = w->before[i].errors + 1});
        break;
    }
}

static void world_sees_the_worst(struct world *w)
{
    if (!is_restless(w)) bad_is_answered(w);
}

static void world_sees_it_again(struct world *w)
{
    if (w->animal->end == ZOO_ERROR) client_sees(w->bad, "SERVER_ERROR script error\r\n");
    if (!is_restless(w)) return;
    client_sends(w->bad, "get bad\r\n");
    bad_is_answered(w);
}

static void world_gets_well(struct world *w)
{
    static const unsigned generations[WAYS] = {2, 3, 5};
    moongate_gets_script(w->m, zoo_good_script(w->servers));
    moongate_signal(w->m, SIGHUP);
    moongate_sees_log(w->m, textf("reloaded: generation %u", generations[w->way]));
}

/* What was routed before may still fail, what comes now may not. */
static void world_is_well(struct world *w)
{
    for (unsigned i = 0; i < w->load_n; i++) w->after[i] = application_tally(w->load[i]);
}

static void world_was_well(struct world *w)
{
    for (unsigned i = 0; i < w->load_n; i++) {
        struct tally t = application_tally(w->load[i]);
        if (t.errors != w->after[i].errors || t.closed != w->after[i].closed)
            stage_fails("%s: errors under the good script", w->animal->name);
    }
    client_sends(w->bad, "get bad\r\n");
    client_sees(w->bad, "END\r\n");
}

/* What the whole of it cost each client. */
static void load_is_well(const struct world *w, unsigned i)
{
    struct tally t = application_tally(w->load[i]);
    enum zoo_end end = w->animal->end;
    bool is_killed = w->is_hit[i] && (end == ZOO_KILLED || end == ZOO_KILLED_LATER);
    bool may_fail = end == ZOO_FAILING || (end == ZOO_STRAY && w->is_hit[i]);
    unsigned long errors = t.errors - w->before[i].errors;
    if ((errors > 0 && !may_fail) || t.closed != is_killed)
        stage_fails("%s: a client of %s worker: %lu errors, closed %lu times", w->animal->name,
                    w->is_hit[i] ? "that" : "another", errors, t.closed);
}

/* No worker had much more than the limit, and that was what stopped the script. */
static void eater_was_stopped(struct world *w)
{
    enum { MOST_KIB = 256 * 1024 };
    pid_t workers[2];
    moongate_sees_log(w->m, "not enough memory");
    moongate_workers(w->m, workers, w->workers);
    for (unsigned i = 0; i < w->workers && !stage_is_sanitized(); i++)
        if (program_peak_kib(workers[i]) > MOST_KIB)
            stage_fails("%s: a worker had %zu KiB", w->animal->name, program_peak_kib(workers[i]));
}

static void world_ends(struct world *w)
{
    if (w->animal->is_eater) eater_was_stopped(w);
    double here = 0, elsewhere = 0;
    bool is_killed = w->animal->end == ZOO_KILLED || w->animal->end == ZOO_KILLED_LATER;
    for (unsigned i = 0; i < w->load_n; i++) {
        gets(w, w->load[i], (struct tally){.hits = 1});
        application_rests(w->load[i]);
        load_is_well(w, i);
        double slowest = application_slowest(w->load[i]);
        double *worst = w->is_hit[i] ? &here : &elsewhere;
        if (slowest > *worst) *worst = slowest;
        application_leaves(w->load[i]);
    }
    w->load_n = 0;
    if (moongate_log_count(w->m, "]: gone: ") != is_killed)
        stage_fails("%s: workers died", w->animal->name);
    if (moongate_log_count(w->m, "rolled back: ") != (w->way == BACK))
        stage_fails("%s: the good script does not stay", w->animal->name);
    printf("%-44s %-13s -j %u %-8s slowest %6.1f ms, other workers %6.1f ms\n", w->animal->name,
           way_names[w->way], w->workers, w->is_interpreted ? "--no-jit" : "", here * 1e3,
           elsewhere * 1e3);
}

/* Says which one it was, when a play fails. */
struct narrator {
    struct actor actor; /* first */
    const struct world *world;
};

static void narrator_tells(struct actor *actor)
{
    const struct world *w = ((struct narrator *)(void *)actor)->world;
    fprintf(stderr, "  %s: %s, -j %u%s\n", w->animal->name, way_names[w->way], w->workers,
            w->is_interpreted ? ", --no-jit" : "");
}

static bool narrator_leaves(struct actor *actor)
{
    (void)actor;
    return true;
}

/* In all worlds; the load goes on before the next one. */
static void act_is_played(struct world *all, unsigned n, void (*act)(struct world *),
                          const struct world **now)
{
    for (unsigned i = 0; i < n; i++) {
        *now = &all[i];
        act(&all[i]);
        load_is_to_go_on(&all[i]);
    }
    for (unsigned i = 0; i < n; i++) load_goes_on(&all[i]);
}

static void worlds_run(struct world *all, unsigned n)
{
    static void (*const acts[])(struct world *) = {world_begins,         world_has_a_worse_script,
                                                   world_goes_back,      world_asks,
                                                   world_sees_the_worst, world_sees_it_again,
                                                   world_gets_well,      world_is_well,
                                                   world_was_well,       world_ends};
    struct narrator *narrator = stage_memory(sizeof *narrator);
    const char *servers = textf("'%s'", memcached_address(memcached_start(NULL)));
    narrator->actor = (struct actor){
        .fd = -1, .rank = RANK_FOLDER, .tells = narrator_tells, .leaves = narrator_leaves};
    stage_enter(&narrator->actor);
    for (unsigned i = 0; i < n; i++) all[i].servers = servers;
    for (size_t act = 0; act < sizeof acts / sizeof *acts; act++)
        act_is_played(all, n, acts[act], &narrator->world);
    stage_clears();
}

/* --- all of them ------------------------------------------------------------------------------- */

/* In every way. */
static bool is_asked_for(size_t animal)
{
    const char *asked = getenv("ZOO");
    return asked && (strcmp(asked, "all") == 0 || strstr(zoo_animal(animal)->name, asked));
}

static bool is_wanted(size_t animal, unsigned variant)
{
    if (zoo_animal(animal)->end == ZOO_REFUSED) return false;
    if (zoo_animal(animal)->no_target && variant % WAYS == BACK) return false;
    return getenv("ZOO") ? is_asked_for(animal) : variant == animal % VARIANTS;
}

static struct world world_of(size_t animal, unsigned variant)
{
    return (struct world){.animal = zoo_animal(animal),
                          .way = (enum way)(variant % WAYS),
                          .workers = 1 + variant / WAYS % 2,
                          .is_interpreted = variant / WAYS / 2 % 2 || zoo_animal(animal)->is_plain};
}

/* The worlds of all scripts that load, or one for each. Stage memory would not outlive an act. */
static struct world *worlds_of_all(unsigned *n)
{
    static struct world worlds[64 * VARIANTS];
    *n = 0;
    for (size_t i = 0; i < zoo_count(); i++)
        for (unsigned variant = 0; variant < VARIANTS; variant++)
            if (is_wanted(i, variant)) worlds[(*n)++] = world_of(i, variant);
    return worlds;
}

static void bad_scripts_hurt_nobody_else(void **state)
{
    const char *seconds = getenv("LONG_SECONDS"), *seed = getenv("SEED");
    double until = stage_now() + (seconds ? strtod(seconds, NULL) : 3600);
    unsigned n, begun = 0;
    struct world *all = worlds_of_all(&n);
    unsigned at = seconds && seed ? (unsigned)(strtoul(seed, NULL, 10) % n) : 0;

    while (begun < n && stage_now() < until) {
        unsigned now = n - at < AT_ONCE ? n - at : AT_ONCE;
        worlds_run(&all[at], now);
        begun += now;
        at = (at + now) % n;
    }
}

/* --- scripts that do not load ------------------------------------------------------------------ */

static bool is_refused(void *m)
{
    return moongate_log_count(m, "not loaded: ") > 0;
}

/* Loading has 9 seconds, and what cannot be interrupted 10. */
static void world_refuses(struct world *w)
{
    enum { SECONDS = 60 };
    w->m = starts(w, zoo_good_script(w->servers));
    load_begins(w);
    moongate_gets_script(w->m, zoo_script(w->animal, w->servers));
    moongate_signal(w->m, SIGHUP);
    if (!stage_waits_for(is_refused, w->m, SECONDS))
        stage_fails("%s: is not refused", w->animal->name);
    load_is_to_go_on(w);
    load_goes_on(w);
    if (!strstr(moongate_log_line(w->m, "not loaded: "), "generation 1 goes on"))
        stage_fails("%s: what goes on?", w->animal->name);
    world_ends(w);
    stage_clears();
}

static void does_not_start(const struct zoo_animal *animal)
{
    const char *file = moongate_script_file(zoo_script(animal, "'127.0.0.1:1'"));
    struct run run = moongate_runs("-p", "0", "--script-memory", SCRIPT_MEMORY, file, NULL);
    if (run.code != 1) stage_fails("%s: exit code %d: %s", animal->name, run.code, run.err);
}

/* Those that take their 10 seconds come with ZOO=all alone: e2e/service/watchdog_test and turn_time_test have one each. */
static void bad_scripts_that_do_not_load_are_refused(void **state)
{
    for (size_t i = 0; i < zoo_count(); i++) {
        const struct zoo_animal *animal = zoo_animal(i);
        if (animal->end != ZOO_REFUSED || (animal->is_slow && !is_asked_for(i))) continue;
        assert_non_null(animal->no_target);
        printf("%-44s %s not possible: %s\n", animal->name, way_names[BACK], animal->no_target);
        does_not_start(animal);
        for (unsigned workers = 1; workers <= 2; workers++) {
            struct world w = {.animal = animal, .way = RELOADED, .workers = workers};
            w.servers = textf("'%s'", memcached_address(memcached_start(NULL)));
            world_refuses(&w);
        }
    }
}

/* A daemon that does not stop an eater is stopped: children inherit the limit. */
static void limit_memory(void)
{
    const rlim_t most = (rlim_t)PROCESS_MOST_MIB * 1024 * 1024;
    if (!stage_is_sanitized()) setrlimit(RLIMIT_DATA, &(struct rlimit){most, most});
}

int main(void)
{
    limit_memory();
    const struct CMUnitTest tests[] = {
        play(bad_scripts_that_do_not_load_are_refused),
        play(bad_scripts_hurt_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
