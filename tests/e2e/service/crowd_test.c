/* Workers that are replaced, killed and stopped under load: 200 new clients a second and 50 that stay and ask without a pause. A client
 * that connects is served (I15), and only those of a killed worker are lost.
 *
 * CROWD_SECONDS: how long each play goes on; each worker has its turn in any case. CROWD: how many clients move at once. SEED: of what
 * happens to workers.
 */
#include "lib/client.h"
#include "lib/crowd.h"
#include "lib/memcached.h"
#include "lib/scene.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORKERS = 2, LASTING = 50, CONNECTS_A_SECOND = 200, MANY = 2000 };

static double number_of(const char *name, double otherwise)
{
    const char *asked = getenv(name);
    return asked ? strtod(asked, NULL) : otherwise;
}

/* By their numbers: the first is forked first. */
struct workers {
    struct moongate *m;
    pid_t pids[WORKERS];
    unsigned n;
    unsigned at; /* the one that something happens to */
    pid_t before;
};

static struct workers *workers_of(struct moongate *m, unsigned n)
{
    struct workers *w = stage_memory(sizeof *w);
    w->m = m;
    w->n = n;
    moongate_workers(m, w->pids, n);
    return w;
}

static void worker_gets(struct workers *w, unsigned at, int signal)
{
    w->at = at;
    w->before = w->pids[at];
    kill(w->before, signal);
}

/* Its process is gone, and the only new one is in its place. */
static bool it_is_replaced(void *what)
{
    struct workers *w = what;
    pid_t now[WORKERS + 1];
    if (kill(w->before, 0) == 0 || errno != ESRCH) return false;
    if (program_children(moongate_pid(w->m), now, WORKERS + 1) != w->n) return false;
    for (unsigned i = 0; i < w->n; i++) {
        bool is_old = false;
        for (unsigned j = 0; j < w->n; j++) is_old = is_old || now[i] == w->pids[j];
        if (!is_old) w->pids[w->at] = now[i];
    }
    return w->pids[w->at] != w->before;
}

static struct moongate *service_of_two(void)
{
    return moongate_start(crowd_script(memcached_address(memcached_start(NULL))), "-j", "2",
                          "--drain-timeout", "60", NULL);
}

/* --- SIGTERM ---------------------------------------------------------------------------------- */

static void no_client_notices_that_every_worker_is_replaced_in_turn(void **state)
{
    struct moongate *m = service_of_two();
    struct workers *workers = workers_of(m, WORKERS);
    struct crowd *crowd = crowd_gathers(m, LASTING, CONNECTS_A_SECOND);
    double end = stage_now() + number_of("CROWD_SECONDS", 1);

    for (unsigned i = 0; i < 2 * WORKERS || stage_now() < end; i++) {
        worker_gets(workers, i % WORKERS, SIGTERM);
        crowd_plays_until(crowd, it_is_replaced, workers);
        crowd_plays(crowd, 0.1);
    }
    crowd_rests(crowd, "replaced in turn");
}

static void clients_of_one_worker_move_all_while_they_ask(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(crowd_script(memcached_address(s)), "-j", "1",
                                        "--drain-timeout", "60", NULL);
    struct workers *workers = workers_of(m, 1);
    unsigned many = (unsigned)number_of("CROWD", MANY);
    if (many > crowd_most()) many = crowd_most();
    struct crowd *crowd = crowd_gathers(m, many, 20);

    worker_gets(workers, 0, SIGTERM);
    crowd_plays_until(crowd, it_is_replaced, workers);
    crowd_rests(crowd, "moved at once");
    struct client *c = client_connects(m);
    if (stat_number(c, "proxy", "moved_connections") < many) stage_fails("not all have moved");
    stat_becomes(c, "", "curr_connections", textf("%u", many + 1));
}

/* --- SIGKILL ---------------------------------------------------------------------------------- */

struct losses {
    struct crowd *crowd;
    struct workers *workers;
    unsigned lost; /* so many will be */
};

static bool it_is_replaced_and_its_clients_are_back(void *what)
{
    struct losses *l = what;
    return it_is_replaced(l->workers) && crowd_lost(l->crowd) == l->lost &&
           crowd_answered_since(l->crowd) >= 20;
}

static void a_worker_that_is_killed_costs_those_that_it_serves_alone(void **state)
{
    struct moongate *m = service_of_two();
    struct losses l = {.workers = workers_of(m, WORKERS)};
    double end = stage_now() + number_of("CROWD_SECONDS", 0);

    l.crowd = crowd_gathers(m, LASTING, CONNECTS_A_SECOND);
    for (unsigned i = 0; i < WORKERS || stage_now() < end; i++) {
        unsigned at = i % WORKERS;
        l.lost += crowd_held(l.crowd, (int)at);
        crowd_loses(l.crowd, (int)at);
        worker_gets(l.workers, at, SIGKILL);
        crowd_counts_from_now(l.crowd);
        crowd_plays_until(l.crowd, it_is_replaced_and_its_clients_are_back, &l);
        crowd_plays(l.crowd, 0.1);
    }
    crowd_rests(l.crowd, "killed in turn");
    assert_int_equal(crowd_lost(l.crowd), l.lost);
    stat_becomes(client_connects(m), "proxy", "ready", textf("%d", WORKERS));
}

/* --- SIGSTOP ---------------------------------------------------------------------------------- */

static bool newcomers_are_answered(void *what)
{
    return crowd_answered_since(what) >= 40;
}

static void a_worker_that_is_stopped_keeps_no_new_client_waiting(void **state)
{
    struct moongate *m = service_of_two();
    struct workers *workers = workers_of(m, WORKERS);
    struct crowd *crowd = crowd_gathers(m, LASTING, CONNECTS_A_SECOND);
    double end = stage_now() + number_of("CROWD_SECONDS", 0);

    for (unsigned i = 0; i < WORKERS || stage_now() < end; i++) {
        worker_gets(workers, i % WORKERS, SIGSTOP);
        crowd_counts_from_now(crowd);
        crowd_plays_until(crowd, newcomers_are_answered, crowd);
        kill(workers->pids[i % WORKERS], SIGCONT);
        crowd_plays(crowd, 0.1);
    }
    crowd_rests(crowd, "stopped in turn");
}

/* --- all of it -------------------------------------------------------------------------------- */

enum { MOST = 16 };

static void all_go_on(struct moongate *m)
{
    pid_t pids[MOST];
    size_t n = program_children(moongate_pid(m), pids, MOST);
    for (size_t i = 0; i < n; i++) kill(pids[i], SIGCONT);
}

/* A client that stays may have been killed with its worker; one that connects after that is served. */
static void no_new_client_is_lost_whatever_happens_to_workers(void **state)
{
    enum { STEPS = 12 };
    static const int signals[] = {SIGTERM, SIGTERM, SIGKILL, SIGSTOP, SIGCONT, SIGCONT};
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(crowd_script(memcached_address(s)), "-j", "3",
                                        "--drain-timeout", "60", NULL);
    struct crowd *crowd = crowd_gathers(m, LASTING, CONNECTS_A_SECOND);
    unsigned seed = (unsigned)number_of("SEED", 1);
    double end = stage_now() + number_of("CROWD_SECONDS", 0);
    pid_t pids[MOST];

    printf("SEED=%u\n", seed);
    for (unsigned i = 0; i < STEPS || stage_now() < end; i++) {
        size_t n = program_children(moongate_pid(m), pids, MOST);
        int signal = signals[random_below(&seed, sizeof signals / sizeof *signals)];
        if (signal == SIGKILL) crowd_loses(crowd, -1);
        if (n > 0) kill(pids[random_below(&seed, (unsigned)n)], signal);
        crowd_plays(crowd, random_below(&seed, 150) / 1000.0);
        if (i % 6 == 5) all_go_on(m);
    }
    all_go_on(m);
    crowd_rests(crowd, "whatever happens");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(no_client_notices_that_every_worker_is_replaced_in_turn),
        play(clients_of_one_worker_move_all_while_they_ask),
        play(a_worker_that_is_killed_costs_those_that_it_serves_alone),
        play(no_new_client_is_lost_whatever_happens_to_workers),
        play(a_worker_that_is_stopped_keeps_no_new_client_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
