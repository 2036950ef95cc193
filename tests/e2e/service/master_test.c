/* Master and workers: who serves, what the death of one costs, and where they listen. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/address.h"

struct sockets {
    const pid_t *workers;
    const size_t *before;
    size_t n, wanted;
};

static bool are_spread(void *what)
{
    const struct sockets *s = what;
    for (size_t i = 0; i < s->n; i++)
        if (program_sockets(s->workers[i]) != s->before[i] + s->wanted) return false;
    return true;
}

static void clients_are_spread_evenly(void **state)
{
    enum { WORKERS = 2, CLIENTS = 8 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "-j", "2", NULL);
    pid_t workers[WORKERS];
    size_t before[WORKERS];

    moongate_workers(m, workers, WORKERS);
    for (int i = 0; i < WORKERS; i++) before[i] = program_sockets(workers[i]);
    for (int i = 0; i < CLIENTS; i++) client_sees_nothing_more(client_connects(m));
    struct sockets s = {workers, before, WORKERS, CLIENTS / WORKERS};
    if (!stage_waits(are_spread, &s))
        stage_fails("workers have %zu and %zu clients", program_sockets(workers[0]) - before[0],
                    program_sockets(workers[1]) - before[1]);
}

static void a_new_client_goes_where_there_are_fewest(void **state)
{
    enum { CLIENTS = 6 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "-j", "2", NULL);
    struct client *clients[CLIENTS];
    pid_t workers[2];
    size_t before[2];

    moongate_workers(m, workers, 2);
    before[0] = program_sockets(workers[0]);
    before[1] = program_sockets(workers[1]);
    for (int i = 0; i < CLIENTS; i++) client_sees_nothing_more(clients[i] = client_connects(m));
    for (int i = 0; i < CLIENTS; i += 2) /* every other one: likely all of one worker's */
        client_closes(clients[i]);
    for (int i = 0; i < CLIENTS; i += 2) client_sees_nothing_more(clients[i] = client_connects(m));
    struct sockets s = {workers, before, 2, CLIENTS / 2};
    if (!stage_waits(are_spread, &s))
        stage_fails("workers have %zu and %zu clients", program_sockets(workers[0]) - before[0],
                    program_sockets(workers[1]) - before[1]);
}

static void all_workers_reach_the_backends(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "-j", "3", "-n", "2", NULL);

    for (int i = 0; i < 6; i++) {
        struct client *c = client_connects(m);
        client_sends(c, textf("get k%d\r\n", i));
        backend_turns_to_input(b);
        backend_sees(b, textf("get k%d\r\n", i));
        backend_answers(b, "END\r\n");
        client_sees(c, "END\r\n");
    }
    assert_int_equal(backend_links(b), 6);
}

static void a_killed_worker_is_replaced(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *lost = client_connects(m);
    pid_t worker, other = 0;

    client_sees_nothing_more(lost);
    moongate_workers(m, &worker, 1);
    kill(worker, SIGKILL);
    client_sees_closed(lost);
    moongate_sees_log(m, textf("[%d]: gone: signal 9; respawn in", (int)worker));
    backend_sees_closed(b);
    backend_sees_links(b, 2);
    moongate_workers(m, &other, 1);
    assert_int_not_equal(other, worker);
    struct client *next = client_connects(m);
    get_misses(next, "k", b, "k");
}

static void the_death_of_a_worker_does_not_touch_the_others(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "-j", "2", NULL);
    struct client *clients[2] = {client_connects(m), client_connects(m)};
    pid_t workers[2];

    client_sees_nothing_more(clients[0]);
    client_sees_nothing_more(clients[1]);
    moongate_workers(m, workers, 2);
    kill(workers[0], SIGKILL);
    moongate_sees_log(m, "gone: signal 9");
    backend_sees_links(b, 3);
    /* Exactly one of them was on that worker. */
    struct client *lost = client_that_sees_closed(clients[0], clients[1]);
    client_sees_nothing_more(lost == clients[0] ? clients[1] : clients[0]);
    for (int i = 0; i < 4; i++) /* new ones are served whichever worker they meet */
        client_sees_nothing_more(client_connects(m));
}

static void a_worker_that_dies_again_and_again_is_replaced_again(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);

    for (size_t round = 1; round <= 3; round++) {
        pid_t worker = moongate_worker(m);
        kill(worker, SIGKILL);
        moongate_sees_log_times(m, "gone: signal 9", round);
        backend_sees_links(b, (unsigned)round + 1);
        client_sees_nothing_more(
            client_connects(m)); /* waits in the master until there is a worker */
    }
}

static void a_single_process_serves_alone(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "--single-process", NULL);
    struct client *c = client_connects(m);
    pid_t children[1];

    moongate_sees_log(m, "ready: single process");
    get_finds(c, "k", b, "k", "x");
    assert_int_equal(program_children(moongate_pid(m), children, 1), 0);
}

struct children {
    pid_t master, worker;
};

/* A child beside the worker that has no socket: none of the master's. */
static bool has_a_child_without_sockets(void *what)
{
    const struct children *c = what;
    pid_t children[4];
    size_t n = program_children(c->master, children, 4);
    for (size_t i = 0; i < n; i++)
        if (children[i] != c->worker && program_sockets(children[i]) == 0) return true;
    return false;
}

static void clients_on_their_way_are_not_inherited(void **state)
{
    enum { CLIENTS = 8 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct children children = {moongate_pid(m), moongate_worker(m)};
    struct client *clients[CLIENTS];
    kill(children.worker, SIGSTOP);
    for (int i = 0; i < CLIENTS; i++) clients[i] = client_connects(m);
    stage_turns(50);
    moongate_gets_script(m, textf("local start = os.clock()\n"
                                  "while os.clock() < start + 3 do end\n%s",
                                  script_of_one(backend_address(b), "")));
    moongate_signal(m, SIGHUP); /* the check is a child of the master */
    if (!stage_waits_for(has_a_child_without_sockets, &children, 2)) /* while it runs */
        stage_fails("sockets are inherited");
    kill(children.worker, SIGCONT);
    for (int i = 0; i < CLIENTS; i++) client_sees_nothing_more(clients[i]);
}

/* --- where it listens ------------------------------------------------------------------------ */

static void a_unix_socket_serves_and_is_removed(void **state)
{
    struct backend *b = backend_listens();
    const char *path = textf("%s/moongate.sock", program_folder());
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "-b", textf("unix:%s", path), NULL);
    struct client *c = client_connects_to(moongate_listener(m, "unix:"));

    get_misses(c, "k", b, "k");
    client_closes(c);
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    assert_int_equal(access(path, F_OK), -1);
}

static void a_stale_socket_file_is_no_obstacle(void **state)
{
    struct backend *b = backend_listens();
    const char *address = textf("unix:%s/moongate.sock", program_folder());
    struct moongate *first =
        moongate_start(script_of_one(backend_address(b), ""), "-b", address, NULL);

    kill(moongate_pid(first), SIGKILL);
    moongate_ends(first);
    backend_sees_closed(b);
    struct moongate *second =
        moongate_start(script_of_one(backend_address(b), ""), "-b", address, NULL);
    client_sees_nothing_more(client_connects(second));
}

static void ipv6_is_served(void **state)
{
    struct backend *b = backend_listens();
    if (access("/proc/net/if_inet6", F_OK) < 0) {
        fprintf(stderr, "this machine has no IPv6\n");
        skip();
    }
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "-b", "[::1]:0", NULL);
    struct client *c = client_connects_to(moongate_listener(m, "[::1]:"));

    get_misses(c, "k", b, "k");
}

static void several_listeners_serve_together(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "-b", "127.0.0.1", "-b",
                       "127.0.0.2:0", "-b", textf("unix:%s/s", program_folder()), NULL);

    client_sees_nothing_more(client_connects_to(moongate_listener(m, "127.0.0.1:")));
    client_sees_nothing_more(client_connects_to(moongate_listener(m, "127.0.0.2:")));
    client_sees_nothing_more(client_connects_to(moongate_listener(m, "unix:")));
}

/* --- as a service ---------------------------------------------------------------------------- */

static pid_t pid_in(const char *path)
{
    FILE *file = fopen(path, "re");
    long pid = 0;
    if (!file) return 0;
    if (fscanf(file, "%ld\n", &pid) != 1) pid = 0;
    fclose(file);
    return (pid_t)pid;
}

static void the_pid_file_names_the_master(void **state)
{
    struct backend *b = backend_listens();
    const char *path = textf("%s/pid", program_folder());
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "-P", path, NULL);

    assert_int_equal(pid_in(path), moongate_pid(m));
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    assert_int_equal(access(path, F_OK), -1);
}

/* A daemon is no child of ours: it is watched through a pidfd, and killed with the stage should the
 * test fail. */
static bool daemon_leaves(struct actor *actor)
{
    if (actor->fd < 0) return true;
    pidfd_send_signal(actor->fd, SIGKILL, NULL, 0);
    close(actor->fd);
    return true;
}

static void daemon_acts(struct actor *actor, short revents)
{
    (void)revents;
    close(actor->fd);
    actor->fd = -1;
}

static bool daemon_is_gone(void *what)
{
    return ((struct actor *)what)->fd < 0;
}

static void a_daemon_leaves_the_terminal_and_serves(void **state)
{
    struct backend *b = backend_listens();
    const char *folder = program_folder(), *pid_file = textf("%s/pid", folder);
    const char *address = textf("unix:%s/socket", folder);
    const char *script = moongate_script_file(script_of_one(backend_address(b), ""));
    struct actor *daemon = stage_memory(sizeof *daemon);

    struct run run = moongate_runs("-d", "-P", pid_file, "-b", address, "-j", "1", script, NULL);
    assert_int_equal(run.code, 0);
    pid_t pid = pid_in(pid_file);
    assert_int_not_equal(pid, 0);
    *daemon = (struct actor){.fd = pidfd_open(pid, 0),
                             .rank = RANK_MOONGATE,
                             .acts = daemon_acts,
                             .leaves = daemon_leaves};
    stage_enter(daemon);
    struct client *c = client_connects_to(address);
    get_misses(c, "k", b, "k");
    assert_int_equal(getsid(pid), pid);
    kill(pid, SIGTERM);
    client_sees_closed(c);
    assert_true(stage_waits(daemon_is_gone, daemon));
}

static void a_daemon_that_cannot_start_says_so_on_the_terminal(void **state)
{
    struct run run = moongate_runs("-d", "-p", "0", "/nonexistent/script.lua", NULL);
    assert_int_equal(run.code, 1);
    assert_non_null(strstr(run.err, "/nonexistent/script.lua"));
}

static bool runs_as(pid_t pid, uid_t uid)
{
    struct stat status;
    return stat(textf("/proc/%d", (int)pid), &status) == 0 && status.st_uid == uid;
}

static void root_is_given_up_for_a_user(void **state)
{
    const struct passwd *nobody = getpwnam("nobody");
    struct backend *b = backend_listens();
    if (getuid() != 0 || !nobody) {
        fprintf(stderr, "only root can become nobody\n");
        skip();
        return; /* skip() does not, but does not say so */
    }
    uid_t uid = nobody->pw_uid;
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "-u", "nobody", NULL);
    pid_t worker = moongate_worker(m);
    client_sees_nothing_more(client_connects(m));
    assert_true(runs_as(worker, uid));
    assert_true(runs_as(moongate_pid(m), uid));
}

/* --- the log --------------------------------------------------------------------------------- */

static void clients_come_and_go(struct moongate *m, int n)
{
    for (int i = 0; i < n; i++) {
        struct client *c = client_connects(m);
        client_sees_nothing_more(c);
        client_closes(c); /* a line of the log, with -v */
    }
}

static void a_log_that_nobody_reads_stops_neither_master_nor_worker(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "-v", NULL);
    struct client *c = client_connects(m);

    moongate_log_is_left(m);
    clients_come_and_go(m, 200);
    for (int generation = 2; generation < 12; generation++) {
        moongate_signal(m, SIGHUP);
        stat_becomes(c, "proxy", "generation", textf("%d", generation));
    }
    clients_come_and_go(m, 10);
    moongate_log_is_read(m);
    moongate_sees_log(m, textf("warn  worker 0[%d]: log: ", (int)moongate_worker(m)));
    moongate_sees_log(m, textf("warn  master[%d]: log: ", (int)moongate_pid(m)));
    assert_true(strstr(moongate_log_line(m, "log: "), " lines lost: there was no room for them"));
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 12");
}

/* --- signals --------------------------------------------------------------------------------- */

static void signals_that_mean_nothing_end_nobody(void **state)
{
    static const int numbers[] = {SIGUSR1, SIGALRM, SIGVTALRM, SIGPROF, SIGIO,
                                  SIGPWR,  SIGPIPE, SIGXFSZ,   SIGTTOU, SIGSTKFLT};
    static const char *const ways[] = {"-v", "--single-process"};
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        struct backend *b = backend_listens();
        struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), ways[way], NULL);
        struct client *c = client_connects(m);
        pid_t worker = moongate_worker(m);

        client_sees_nothing_more(c);
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            moongate_signal(m, numbers[i]);
            kill(worker, numbers[i]);
        }
        kill(worker, SIGUSR2); /* the master would be upgraded by it */
        for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
            moongate_signal(m, number);
            kill(worker, number);
        }
        client_sees_nothing_more(c);
        client_sees_nothing_more(client_connects(m));
        assert_int_equal(moongate_worker(m), worker);
        assert_true(moongate_runs_on(m));
        stage_clears();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(clients_are_spread_evenly),
        play(a_new_client_goes_where_there_are_fewest),
        play(all_workers_reach_the_backends),
        play(a_killed_worker_is_replaced),
        play(the_death_of_a_worker_does_not_touch_the_others),
        play(a_worker_that_dies_again_and_again_is_replaced_again),
        play(a_single_process_serves_alone),
        play(clients_on_their_way_are_not_inherited),
        play(a_unix_socket_serves_and_is_removed),
        play(a_stale_socket_file_is_no_obstacle),
        play(ipv6_is_served),
        play(several_listeners_serve_together),
        play(the_pid_file_names_the_master),
        play(a_daemon_leaves_the_terminal_and_serves),
        play(a_daemon_that_cannot_start_says_so_on_the_terminal),
        play(root_is_given_up_for_a_user),
        play(a_log_that_nobody_reads_stops_neither_master_nor_worker),
        play(signals_that_mean_nothing_end_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
