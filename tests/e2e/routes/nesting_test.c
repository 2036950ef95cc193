/* Policies nested at random, script after script in one moongate, while applications check every byte they get and the
 * servers behind it fail: no value of another key, one reply a request in its order (I1, I2), and afterwards moongate is
 * as it was.
 *
 * COMPOSE_SECONDS: how long (7); SEED: of scripts, faults and requests, to play one again (it is printed).
 */
#include "lib/application.h"
#include "lib/client.h"
#include "lib/composer.h"
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

/* RSS: how much the busiest moment took, which a longer play does not raise (7 s: 45 to 84 MiB more, 45 s: 67). */
enum { APPLICATIONS = 10, WORKERS = FOOTPRINT_WORKERS, RSS_MORE_KIB = 128 * 1024 };

/* --- what goes on ---------------------------------------------------------------------------- */

struct drama {
    struct actor clock; /* first */
    struct relay *relays[COMPOSER_SERVERS];
    const char *addresses[COMPOSER_SERVERS];
    double sick_until[COMPOSER_SERVERS];
    struct moongate *m;
    struct client *c; /* asks for statistics */
    struct application *applications[APPLICATIONS];
    unsigned seed, first_seed;
    const char *script;
    struct composer composer;
    unsigned long harms[HARM_COUNT];
    unsigned scripts, applications_n;
    struct tally sum;
    bool are_well;
};

static void server_falls_ill(struct drama *d, unsigned i)
{
    static const unsigned most[HARM_COUNT] = {
        [HARM_DELAY] = 300, [HARM_SLOW] = 200, [HARM_CUT] = 5000, [HARM_GARBAGE] = 1000000};
    enum harm harm = (enum harm)(1 + random_below(&d->seed, HARM_COUNT - 1));
    d->harms[harm]++;
    d->sick_until[i] = stage_now() + (20 + random_below(&d->seed, 500)) / 1000.0;
    relay_does(d->relays[i], harm, 1 + random_below(&d->seed, most[harm] + 1));
}

static void clock_acts(struct actor *actor, short revents)
{
    struct drama *d = (struct drama *)(void *)actor;
    uint64_t ticks;
    (void)revents;
    if (read(actor->fd, &ticks, sizeof ticks) < 0) return;
    for (unsigned i = 0; i < COMPOSER_SERVERS; i++) {
        bool is_sick = d->sick_until[i] != 0;
        if (is_sick && (d->are_well || stage_now() > d->sick_until[i])) {
            relay_does(d->relays[i], HARM_NONE, 0);
            d->sick_until[i] = 0;
        } else if (!is_sick && !d->are_well && random_below(&d->seed, 40) == 0) {
            server_falls_ill(d, i);
        }
    }
}

static bool clock_leaves(struct actor *actor)
{
    close(actor->fd);
    return true;
}

static void drama_tells(struct actor *actor)
{
    const struct drama *d = (struct drama *)(void *)actor;
    fprintf(stderr, "  SEED=%u, script %u:\n%s", d->first_seed, d->scripts, d->script);
}

/* A long value is passed on while it comes, so a server that breaks off in its middle costs the client its connection. */
static struct application *another_application(struct drama *d)
{
    unsigned n = d->applications_n++;
    struct application *a =
        application_connects(d->m, n % 2 ? "r:" : "f:", 1U << n % 7, d->first_seed + n * 7919U);
    application_may_be_refused(a);
    if (!d->are_well) application_may_be_closed(a);
    return a;
}

static void applications_connect(struct drama *d)
{
    d->sum = (struct tally){0};
    for (unsigned i = 0; i < APPLICATIONS; i++) d->applications[i] = another_application(d);
}

static void application_ends(struct drama *d, struct application *a)
{
    tally_add(&d->sum, a);
    application_leaves(a);
}

/* They get their last answers, which are counted, and go. */
static struct tally applications_end(struct drama *d)
{
    for (int i = 0; i < APPLICATIONS; i++) {
        application_rests(d->applications[i]);
        application_ends(d, d->applications[i]);
    }
    tally_print(&d->sum);
    return d->sum;
}

/* Every request is answered before long, well or with an error. Now and then an application goes with what it is owed, and
 * another one comes. */
static void plays_on(struct drama *d, double seconds)
{
    double bound = 2 * COMPOSER_PATIENCE + (stage_is_sanitized() ? 20 : 5);
    for (double end = stage_now() + seconds; stage_now() < end;) {
        stage_turns(10);
        for (unsigned i = 0; i < APPLICATIONS; i++)
            if (application_waits(d->applications[i]) > bound)
                stage_fails("application %u waits for a reply for over %g s", i, bound);
        if (d->are_well || random_below(&d->seed, 1000) != 0) continue;
        unsigned i = random_below(&d->seed, APPLICATIONS);
        application_ends(d, d->applications[i]);
        d->applications[i] = another_application(d);
    }
}

static void next_script(struct drama *d)
{
    d->scripts++;
    d->script = compose(&d->composer, d->addresses);
    struct run checked = moongate_runs("-t", moongate_script_file(d->script), NULL);
    if (checked.code != 0) stage_fails("moongate -t refuses a script: %s", checked.err);
    moongate_reloads(d->m, d->script);
}

/* --- before and after ------------------------------------------------------------------------ */

/* One pool of all servers. */
static const char *plain_script(const struct drama *d)
{
    const char *list = "";
    for (int i = 0; i < COMPOSER_SERVERS; i++) list = textf("%s, '%s'", list, d->addresses[i]);
    return textf("%s\nreturn mg.pool { timeout = 1%s }\n", composer_first_lines, list);
}

static struct drama *drama_begins(void)
{
    struct drama *d = stage_memory(sizeof *d);
    const char *asked = getenv("SEED");
    struct timespec tick = {.tv_nsec = 10 * 1000000L};
    d->first_seed = asked ? (unsigned)strtoul(asked, NULL, 10) : (unsigned)(stage_now() * 1e6);
    d->seed = d->composer.seed = d->first_seed;
    d->are_well = true;
    printf("SEED=%u\n", d->first_seed);
    fflush(stdout);
    for (int i = 0; i < COMPOSER_SERVERS; i++) {
        d->relays[i] = relay_before(memcached_address(memcached_start(NULL)));
        d->addresses[i] = relay_address(d->relays[i]);
    }
    d->script = plain_script(d);
    d->clock = (struct actor){.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                              .rank = RANK_CLIENT,
                              .acts = clock_acts,
                              .leaves = clock_leaves,
                              .tells = drama_tells};
    timerfd_settime(d->clock.fd, 0, &(struct itimerspec){tick, tick}, NULL);
    stage_enter(&d->clock);
    d->m = moongate_start(d->script, "-j", "2", NULL);
    d->c = client_connects(d->m);
    return d;
}

/* With nobody there: one connection a server and worker, and nothing under way on it. */
static struct footprint settled(struct drama *d)
{
    clients_are_gone(d->c);
    for (int i = 0; i < COMPOSER_SERVERS; i++) {
        stat_becomes(d->c, "servers", textf("%s:ready", d->addresses[i]), textf("%d", WORKERS));
        stat_becomes(d->c, "servers", textf("%s:in_flight", d->addresses[i]), "0");
        stat_becomes(d->c, "servers", textf("%s:down", d->addresses[i]), "0");
    }
    return footprint_of(d->m);
}

static void print_counts(const struct drama *d)
{
    unsigned unused = 0;
    for (int i = 0; i < COMPOSER_FORMS; i++) unused += d->composer.used[i] == 0;
    printf("%u scripts, %u of %d forms of routes", d->scripts, COMPOSER_FORMS - unused,
           COMPOSER_FORMS);
    for (int i = 1; i < HARM_COUNT; i++) printf(", %s %lu", harm_name((enum harm)i), d->harms[i]);
    printf("\n");
}

/* --- the play -------------------------------------------------------------------------------- */

static void nested_policies_lose_nothing_and_mix_nothing_up(void **state)
{
    const char *asked = getenv("COMPOSE_SECONDS");
    double seconds = asked ? strtod(asked, NULL) : 7;
    struct drama *d = drama_begins();

    applications_connect(d);
    plays_on(d, 0.5);
    applications_end(d);
    struct footprint before = settled(d);
    d->are_well = false;
    applications_connect(d);
    for (double end = stage_now() + seconds; stage_now() < end;) {
        next_script(d);
        plays_on(d, (1 + random_below(&d->seed, 150)) / 100.0);
    }
    d->are_well = true;
    plays_on(d, 0.2);
    struct tally tally = applications_end(d);
    print_counts(d);
    assert_int_not_equal(tally.hits, 0);
    assert_int_not_equal(tally.stored, 0);
    d->script = plain_script(d);
    moongate_reloads(d->m, d->script);
    settled(d);
    struct footprint after = footprint_returns(d->m, &before);
    printf("RSS %zu KiB, then %zu KiB\n", before.kib, after.kib);
    assert_int_equal(moongate_log_count(d->m, "gone:"), 0);
    assert_int_equal(stat_number(d->c, "proxy", "script_errors"), 0);
    footprint_stays(&before, &after, RSS_MORE_KIB);
    for (int tries = 0;; tries++) { /* soon all is well again, on a busy machine a little later */
        applications_connect(d);
        plays_on(d, 0.5);
        tally = applications_end(d);
        if (tally.errors <= tally.requests / 100) break;
        assert_in_range(tries, 0, 9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(nested_policies_lose_nothing_and_mix_nothing_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
