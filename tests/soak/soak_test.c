/* Everything at once, for a long time: servers that die and stop, scripts of the zoo, good ones and broken ones, workers that are ended,
 * killed and stopped, upgrades, under clients that check every byte. Nobody gets a wrong value, and when it is quiet again, moongate is
 * as it was.
 *
 * `make soak` runs it. SOAK: seconds (600). SEED: of what happens, to do it again; it is printed, and with a failure the last steps are.
 */
#include "lib/address.h"
#include "lib/application.h"
#include "lib/base.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/upgrade.h"
#include "lib/zoo.h"
#include "soak/down.h"
#include "soak/upgrades.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { SERVERS = 4, WORKERS = BASE_WORKERS, APPLICATIONS = 8, ASKERS = 8, STEPS_SHOWN = 24 };

/* Seconds: the longest time that a client may have to wait; for what takes long on a busy machine. */
enum { LONGEST_WAIT = 60, PATIENCE = 60 };

/* Lines of the log. */
#define BEGUN   "reload: SIGHUP: checking"
#define DONE    "reloaded: generation "
#define REFUSED "not loaded: "

struct soak {
    struct actor teller; /* first */
    struct moongate *m;
    unsigned first_seed, seed, step;
    const char *steps[STEPS_SHOWN]; /* a ring */
    struct down_server servers[SERVERS];
    const char *list; /* of them, in Lua */
    struct application *load[APPLICATIONS];
    struct tally tally;
    int askers[ASKERS]; /* connections that asked for `bad`; a ring */
    unsigned asked;
    pid_t stopped; /* a worker, or 0 */
    double stopped_until;
    struct upgrades upgrades;
};

static void note(struct soak *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct soak *s, const char *format, ...)
{
    char text[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    s->steps[s->step % STEPS_SHOWN] = textf("%s", text);
}

static void soak_tells(struct actor *actor)
{
    const struct soak *s = (struct soak *)(void *)actor;
    fprintf(stderr, "  SEED=%u, step %u; the last steps:\n", s->first_seed, s->step);
    unsigned first = s->step < STEPS_SHOWN ? 0 : s->step - STEPS_SHOWN + 1;
    for (unsigned i = first; i <= s->step && s->steps[i % STEPS_SHOWN]; i++)
        fprintf(stderr, "    %u: %s\n", i, s->steps[i % STEPS_SHOWN]);
}

static bool soak_leaves(struct actor *actor)
{
    (void)actor;
    return true;
}

static bool is_interpreted(const struct soak *s)
{
    return s->first_seed % 2;
}

/* --- what happens ------------------------------------------------------------------------------ */

static void server_is_hurt(struct soak *s, bool is_stopped)
{
    unsigned i = random_below(&s->seed, SERVERS);
    struct down_server *v = &s->servers[i];
    if (v->until > 0) return;
    note(s, "server %u is %s", i, is_stopped ? "stopped" : "killed");
    server_goes_down(v, is_stopped, (20 + random_below(&s->seed, 1500)) / 1000.0);
}

static void server_dies(struct soak *s)
{
    server_is_hurt(s, false);
}

static void server_stops(struct soak *s)
{
    server_is_hurt(s, true);
}

static void script_comes(struct soak *s, const char *name, const char *text)
{
    note(s, "script: %s", name);
    moongate_gets_script(s->m, text);
    moongate_signal(s->m, SIGHUP);
}

static void good_script_comes(struct soak *s)
{
    script_comes(s, "good", zoo_good_script(s->list));
}

static void bad_script_comes(struct soak *s)
{
    const struct zoo_animal *animal;
    do animal = zoo_animal(random_below(&s->seed, (unsigned)zoo_count()));
    while (animal->is_plain && !is_interpreted(s));
    script_comes(s, animal->name, zoo_script(animal, s->list));
}

static void broken_script_comes(struct soak *s)
{
    static const char no_servers[] = MG "return mg.pool {}\n";
    static const char *const broken[] = {"", "return 7\n", "return x +\n", "error 'no'\n",
                                         no_servers};
    script_comes(s, "broken", broken[random_below(&s->seed, sizeof broken / sizeof *broken)]);
}

static void signals_come_in_a_storm(struct soak *s)
{
    note(s, "ten reloads");
    for (int i = 0; i < 10; i++) moongate_signal(s->m, SIGHUP);
}

static int connects_plainly(const struct moongate *m)
{
    struct address to = address_read(moongate_address(m));
    int fd = socket(to.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, &to.as.any, to.n) < 0) stage_fails("a client cannot connect");
    return fd;
}

/* A client asks for what the bad scripts wait for. It does not read the reply, and closes the connection some time later. */
static void bad_request_comes(struct soak *s)
{
    int *fd = &s->askers[s->asked++ % ASKERS];
    if (*fd >= 0) close(*fd);
    *fd = connects_plainly(s->m);
    note(s, "get bad");
    (void)!send(*fd, "get bad\r\n", 9, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* A child of the master: mostly a worker, seldom the process that checks a script. 0: none, or one is the next master. */
static pid_t any_child(struct soak *s)
{
    pid_t children[64];
    size_t n = program_children(moongate_pid(s->m), children, 64);
    return n && !s->upgrades.is_on ? children[random_below(&s->seed, (unsigned)n)] : 0;
}

static void signal_child(struct soak *s, int number)
{
    pid_t child = any_child(s);
    note(s, "signal %d (%s) to process %d", number, strsignal(number), (int)child);
    if (child > 0) kill(child, number);
}

static void worker_is_replaced(struct soak *s)
{
    signal_child(s, SIGTERM);
}

static void worker_dies(struct soak *s)
{
    signal_child(s, SIGKILL);
}

static bool is_child(const struct soak *s, pid_t pid)
{
    pid_t children[64];
    size_t n = program_children(moongate_pid(s->m), children, 64);
    for (size_t i = 0; i < n; i++)
        if (children[i] == pid) return true;
    return false;
}

static void worker_goes_on(struct soak *s)
{
    if (s->stopped > 0 && is_child(s, s->stopped)) kill(s->stopped, SIGCONT);
    s->stopped = 0;
}

static void worker_is_stopped(struct soak *s)
{
    if (s->stopped > 0 || (s->stopped = any_child(s)) <= 0) return;
    s->stopped_until = stage_now() + (20 + random_below(&s->seed, 3000)) / 1000.0;
    note(s, "process %d is stopped", (int)s->stopped);
    kill(s->stopped, SIGSTOP);
}

static void upgrade_comes(struct soak *s)
{
    if (s->upgrades.is_on) return;
    worker_goes_on(s);
    note(s, "upgrade");
    upgrades_begin(&s->upgrades, s->m);
}

static struct application *connects(struct soak *s)
{
    struct application *a =
        application_connects(s->m, "k:", 1U << random_below(&s->seed, 5), random_next(&s->seed));
    application_may_be_closed(a);
    return a;
}

/* In the middle of whatever it does. */
static void client_goes_and_another_comes(struct soak *s)
{
    unsigned i = random_below(&s->seed, APPLICATIONS);
    note(s, "client %u goes, another comes", i);
    tally_add(&s->tally, s->load[i]);
    application_leaves(s->load[i]);
    s->load[i] = connects(s);
}

/* what happens, how often */
#define EVENTS(X)                                                                                  \
    X(server_dies, 6)                                                                              \
    X(server_stops, 6)                                                                             \
    X(good_script_comes, 8)                                                                        \
    X(bad_script_comes, 16)                                                                        \
    X(broken_script_comes, 4)                                                                      \
    X(signals_come_in_a_storm, 1)                                                                  \
    X(bad_request_comes, 40)                                                                       \
    X(worker_is_replaced, 5)                                                                       \
    X(worker_dies, 3)                                                                              \
    X(worker_is_stopped, 3)                                                                        \
    X(upgrade_comes, 3)                                                                            \
    X(client_goes_and_another_comes, 8)

static const struct {
    void (*happens)(struct soak *s);
    unsigned share;
} events[] = {
#define X(name, share) {name, share},
    EVENTS(X)
#undef X
};

enum {
    SHARES = 0
#define X(name, share) +share
    EVENTS(X)
#undef X
};

static void anything_happens(struct soak *s)
{
    unsigned at = random_below(&s->seed, SHARES), i = 0;
    while (at >= events[i].share) at -= events[i++].share;
    s->step++;
    note(s, "nothing");
    events[i].happens(s);
}

/* --- time -------------------------------------------------------------------------------------- */

static void what_is_over_ends(struct soak *s)
{
    double now = stage_now();
    for (int i = 0; i < SERVERS; i++)
        if (s->servers[i].until > 0 && now > s->servers[i].until) server_comes_back(&s->servers[i]);
    if (s->stopped > 0 && now > s->stopped_until) worker_goes_on(s);
    upgrades_go_on(&s->upgrades, s->m);
}

static void plays_on(struct soak *s, double seconds)
{
    for (double end = stage_now() + seconds; stage_now() < end;) {
        stage_turns(5);
        what_is_over_ends(s);
    }
    for (int i = 0; i < APPLICATIONS; i++)
        if (application_waits(s->load[i]) > LONGEST_WAIT)
            stage_fails("a client has waited for %.0f s", application_waits(s->load[i]));
    if (!s->upgrades.is_on && !moongate_runs_on(s->m)) stage_fails("the master has ended");
}

/* --- before and after -------------------------------------------------------------------------- */

static void gauges_come_back(struct soak *s, struct client *c)
{
    gauges_are_at_base(c);
    for (int i = 0; i < SERVERS; i++) server_is_at_base(c, memcached_address(s->servers[i].server));
}

static void load_begins(struct soak *s)
{
    for (int i = 0; i < APPLICATIONS; i++) s->load[i] = connects(s);
}

static void load_ends(struct soak *s)
{
    for (int i = 0; i < APPLICATIONS; i++) {
        application_rests(s->load[i]);
        tally_add(&s->tally, s->load[i]);
        application_leaves(s->load[i]);
    }
}

/* --- the play ---------------------------------------------------------------------------------- */

static struct soak *soak_begins(void)
{
    struct soak *s = stage_memory(sizeof *s);
    const char *asked = getenv("SEED");
    s->seed = asked ? (unsigned)strtoul(asked, NULL, 10) : (unsigned)(stage_now() * 1e6);
    s->first_seed = s->seed;
    printf("SEED=%u\n", s->seed);
    fflush(stdout);
    s->teller =
        (struct actor){.fd = -1, .rank = RANK_FOLDER, .tells = soak_tells, .leaves = soak_leaves};
    stage_enter(&s->teller);
    s->list = "";
    for (int i = 0; i < SERVERS; i++) {
        s->servers[i].server = memcached_start(NULL);
        s->list = textf("%s'%s', ", s->list, memcached_address(s->servers[i].server));
    }
    for (int i = 0; i < ASKERS; i++) s->askers[i] = -1;
    upgrade_begins_without_link();
    s->m = moongate_start(zoo_good_script(s->list), "-j", "2", "--unsafe-lua", "--probation", "1",
                          "--rehearse", s->seed / 2 % 2 ? "100" : "0", "--script-timeout", "0.2",
                          "--script-memory", "64m", "--drain-timeout", "2",
                          is_interpreted(s) ? "--no-jit" : NULL, NULL);
    return s;
}

/* A new connection gets this reply to `get which` within a moment. */
static bool peace_is_there(void *what)
{
    static const char peace[] = "SERVER_ERROR peace\r\n";
    const struct timeval moment = {.tv_usec = 200000};
    char got[64] = "";
    int fd = connects_plainly(((const struct soak *)what)->m);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
    bool is_there = send(fd, "get which\r\n", 11, MSG_NOSIGNAL) > 0 &&
                    recv(fd, got, sizeof got - 1, 0) > 0 && strcmp(got, peace) == 0;
    close(fd);
    return is_there;
}

/* Nothing happens any more; a good script gets in over whatever runs. */
static void peace_comes(struct soak *s)
{
    s->step++;
    for (int i = 0; i < SERVERS; i++)
        if (s->servers[i].until > 0) server_comes_back(&s->servers[i]);
    worker_goes_on(s);
    while (s->upgrades.is_on) plays_on(s, 0.1);
    for (int i = 0; i < ASKERS; i++)
        if (s->askers[i] >= 0) close(s->askers[i]);
    script_comes(s, "peace",
                 textf(MG "local pool = mg.pool { %s }\n"
                          "return function(req)\n"
                          "    if req.key == 'which' then return mg.reply.error 'peace' end\n"
                          "    return pool\n"
                          "end\n",
                       s->list));
    if (!stage_waits_for(peace_is_there, s, PATIENCE)) stage_fails("a good script does not get in");
    plays_on(s, 1);
    load_ends(s);
}

struct replaced {
    const struct soak *s;
    pid_t old;
};

static bool is_replaced(void *what)
{
    const struct replaced *w = what;
    pid_t children[64];
    return !is_child(w->s, w->old) &&
           program_children(moongate_pid(w->s->m), children, 64) == WORKERS;
}

/* Everything that happens now and then has happened once: an upgrade, a reload, and a new worker for each. */
static void warms_up(struct soak *s)
{
    pid_t workers[WORKERS];
    load_begins(s);
    plays_on(s, 2);
    upgrade_comes(s);
    while (s->upgrades.is_on) plays_on(s, 0.1);
    moongate_reloads(s->m, zoo_good_script(s->list));
    moongate_workers(s->m, workers, WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        struct replaced what = {s, workers[i]};
        kill(workers[i], SIGTERM);
        if (!stage_waits_for(is_replaced, &what, PATIENCE)) stage_fails("a worker is not replaced");
    }
    plays_on(s, 2);
    load_ends(s);
}

static void whatever_happens_moongate_is_as_before(void **state)
{
    const char *asked = getenv("SOAK");
    double seconds = asked ? strtod(asked, NULL) : 600;
    struct soak *s = soak_begins();

    warms_up(s);
    struct client *c = client_connects(s->m);
    gauges_come_back(s, c);
    struct base before = base_of(s->m);
    client_closes(c);
    load_begins(s);
    for (double end = stage_now() + seconds; stage_now() < end;) {
        anything_happens(s);
        plays_on(s, (10 + random_below(&s->seed, 400)) / 1000.0);
    }
    peace_comes(s);
    c = client_connects(s->m);
    gauges_come_back(s, c);
    printf("%u steps, %zu reloads, %zu scripts refused, %zu workers killed by the watchdog, "
           "%zu upgrades, %zu not done\n",
           s->step, moongate_log_count(s->m, DONE), moongate_log_count(s->m, REFUSED),
           moongate_log_count(s->m, "does not turn for"), s->upgrades.done, s->upgrades.failed);
    tally_print(&s->tally);
    base_comes_back(s->m, before);
    unsigned long errors = s->tally.errors;
    load_begins(s);
    plays_on(s, 1);
    load_ends(s);
    assert_int_equal(s->tally.errors, errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(whatever_happens_moongate_is_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
