/* Where a client stands when its worker is replaced, and when the whole service ends: in the middle of a request, of an answer, or not
 * even accepted. It is served, wherever it stands (I15). */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_gone(void *pid)
{
    return kill(*(pid_t *)pid, 0) < 0 && errno == ESRCH;
}

static void worker_goes(pid_t worker)
{
    if (!stage_waits(is_gone, &worker)) stage_fails("worker %d lives on", (int)worker);
}

static bool is_stopped(void *pid)
{
    return program_is_stopped(*(pid_t *)pid);
}

static void process_stops(pid_t pid)
{
    kill(pid, SIGSTOP);
    if (!stage_waits(is_stopped, &pid)) stage_fails("process %d does not stop", (int)pid);
}

/* The worker's successor is ready, and this client has moved to it. */
static void worker_is_told_to_end(pid_t worker, struct client *idle)
{
    client_sees_nothing_more(idle);
    kill(worker, SIGTERM);
    stat_becomes(idle, "proxy", "moved_connections", "1");
}

static void answers_to_a_link(struct backend *b, const char *sent, const char *answer)
{
    backend_turns_to_input(b);
    backend_sees(b, sent);
    backend_answers(b, answer);
}

/* --- where a client stands -------------------------------------------------------------------- */

static void what_a_client_sends_while_it_moves_is_for_the_next_worker(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"),
                                        "--drain-timeout", "600", NULL);
    struct client *c = client_connects(m), *idle = client_connects(m);
    pid_t worker = moongate_worker(m);

    client_sends(c, "get first\r\n");
    backend_turns_to_input(b);
    backend_sees(b, "get first\r\n");
    worker_is_told_to_end(worker, idle);
    client_sends(c, "get second\r\nset third 0 0 3\r\nab");
    backend_answers(b, hit_and_end("first", "x"));
    client_sees(c, hit_and_end("first", "x"));
    worker_goes(worker);
    answers_to_a_link(b, "get second\r\n", "END\r\n");
    client_sees(c, "END\r\n");
    client_sends(c, "c\r\n");
    answers_to_a_link(b, "set third 0 0 3\r\nabc\r\n", "STORED\r\n");
    client_sees(c, "STORED\r\n");
}

static void a_store_whose_answer_nobody_wants_ends_before_its_client_moves(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"),
                                        "--drain-timeout", "600", NULL);
    struct client *c = client_connects(m), *idle = client_connects(m);
    pid_t worker = moongate_worker(m);

    client_sends(c, "set k 0 0 1 noreply\r\nx\r\n");
    backend_turns_to_input(b);
    backend_sees(b, "set k 0 0 1\r\nx\r\n");
    worker_is_told_to_end(worker, idle);
    client_sends(c, "get k\r\n"); /* must not overtake it */
    backend_has_nothing_anywhere(b);
    assert_false(is_gone(&worker));
    backend_answers(b, "STORED\r\n");
    worker_goes(worker);
    answers_to_a_link(b, "get k\r\n", hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    client_sees_nothing_more(c);
}

/* More than the sockets hold: the rest waits in the worker. */
static void a_client_that_reads_late_gets_all_of_its_answer_and_then_moves(void **state)
{
    enum { VALUE = 900 * 1024, KEYS = 16 };
    struct memcached *s = memcached_start(NULL);
    struct moongate *m =
        moongate_start(script_of_one(memcached_address(s), "timeout = 60, stall_timeout = 60"),
                       "--drain-timeout", "600", "--client-buffer", "64m", NULL);
    struct client *c = client_connects(m), *idle = client_connects(m);
    pid_t worker = moongate_worker(m);
    const char *value = noise(VALUE, 1);

    client_sends(c, textf("set k 0 0 %d\r\n", VALUE));
    client_sends_bytes(c, value, VALUE);
    client_sends(c, "\r\n");
    client_sees(c, "STORED\r\n");
    client_stops_reading(c);
    client_sends(c, "get k k k k k k k k k k k k k k k k\r\nmn\r\n");
    stat_becomes(idle, "proxy", "get_hits", textf("%d", KEYS));
    worker_is_told_to_end(worker, idle);
    assert_false(is_gone(&worker));
    client_reads_again(c);
    for (int i = 0; i < KEYS; i++) {
        client_sees(c, textf("VALUE k 0 %d\r\n", VALUE));
        client_sees_bytes(c, value, VALUE);
        client_sees(c, "\r\n");
    }
    client_sees(c, "END\r\nMN\r\n");
    worker_goes(worker);
    client_sees_nothing_more(c);
}

/* --- the next worker's servers ---------------------------------------------------------------- */

/* A server that does not answer its `version` costs half a second, not more, and the old worker serves meanwhile. The least of some tries,
 * as a busy machine makes each longer. */
static void a_worker_takes_no_place_before_its_servers_have_answered_or_had_time(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), "timeout = 60, connect_timeout = 60"),
                       "--drain-timeout", "600", NULL);
    struct client *c = client_connects(m);
    double least = 60;

    client_sees_nothing_more(c);
    for (int i = 0; i < 3; i++) {
        pid_t worker = moongate_worker(m);
        double start = stage_now();
        backend_stays_silent(b);
        kill(worker, SIGTERM);
        if (i == 0) {
            client_sends(c, "get k\r\n");
            backend_sees(b, "get k\r\n");
            backend_answers(b, "END\r\n");
            client_sees(c, "END\r\n");
        }
        worker_goes(worker);
        if (stage_now() - start < least) least = stage_now() - start;
        client_sees_nothing_more(c);
    }
    assert_true(least >= 0.5);
    backend_speaks_again(b);
}

/* --- many ------------------------------------------------------------------------------------- */

static const char *part;

static void file_says(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) stage_fails("cannot write %s", path);
}

struct group {
    struct client **clients;
    int n;
    struct moongate *m;
    pid_t worker, next;
    size_t sockets; /* of the worker */
};

/* n clients of a worker that is stopped; its successor is stopped, too, after it has become ready. */
static struct group *group_of(struct backend *b, int n)
{
    struct group *g = stage_memory(sizeof *g);
    part = textf("%s/part.lua", program_folder());
    file_says(part, "return 1");
    g->m = moongate_start(
        textf(MG "assert(io.open '%s'):close()\nreturn mg.pool { '%s' }", part, backend_address(b)),
        "--unsafe-lua", "--drain-timeout", "600", "-v", NULL);
    g->clients = stage_memory((size_t)n * sizeof *g->clients);
    g->n = n;
    for (int i = 0; i < n; i++) g->clients[i] = client_connects(g->m);
    for (int i = 0; i < n; i++) client_sees_nothing_more(g->clients[i]);
    g->worker = moongate_worker(g->m);
    g->sockets = program_sockets(g->worker);
    assert_int_equal(unlink(part), 0); /* the next one does not start before it is back */
    kill(g->worker, SIGTERM);
    moongate_sees_log(g->m, "gone: exit 1; respawn in");
    process_stops(g->worker);
    file_says(part, "return 1");
    moongate_sees_log(g->m, textf("[%d]: drains, at most", (int)g->worker));
    pid_t both[2];
    moongate_workers(g->m, both, 2);
    g->next = both[0] == g->worker ? both[1] : both[0];
    process_stops(g->next);
    return g;
}

static void all_are_served(struct group *g)
{
    for (int i = 0; i < g->n; i++) client_sees_nothing_more(g->clients[i]);
    stat_becomes(g->clients[0], "", "curr_connections", textf("%d", g->n));
}

/* The oldest client is the last to move. */
static void clients_that_the_next_worker_does_not_take_are_served_by_the_old_one(void **state)
{
    struct group *g = group_of(backend_listens(), 600);

    kill(g->worker, SIGCONT);
    for (int i = 0; i < 20; i++) {
        stage_turns(20); /* more and more move */
        client_sees_nothing_more(g->clients[0]);
    }
    client_sees_nothing_more(g->clients[20]);
    assert_false(is_gone(&g->worker));
    kill(g->next, SIGCONT);
    worker_goes(g->worker);
    all_are_served(g);
}

static bool has_given_all(void *what)
{
    struct group *g = what;
    return program_sockets(g->worker) <= g->sockets - (size_t)g->n;
}

/* The master has offered as many of them as it may to a worker that takes none, and as many wait with the master: the rest lies in the
 * channel when the worker dies. One of its clients is in the middle of a request, so that it does not end by itself. */
static void clients_that_a_worker_gave_back_survive_it(void **state)
{
    struct group *g = group_of(backend_listens(), 180);
    struct client *half = g->clients[--g->n];

    client_sends(half, "set half 0 0 10\r\nabc");
    kill(g->worker, SIGCONT);
    if (!stage_waits(has_given_all, g)) stage_fails("the worker keeps its clients");
    kill(g->worker, SIGKILL);
    moongate_sees_log(g->m, textf("[%d]: gone: signal 9", (int)g->worker));
    kill(g->next, SIGCONT);
    all_are_served(g);
    client_sees_closed(half);
}

/* Their requests find them between two workers. */
static void clients_that_move_while_the_service_ends_are_answered(void **state)
{
    struct group *g = group_of(backend_listens(), 180);
    pid_t old = g->worker;

    kill(old, SIGCONT);
    worker_goes(old);
    for (int i = 0; i < g->n; i++) client_sends(g->clients[i], "mn\r\n");
    moongate_signal(g->m, SIGTERM);
    moongate_sees_log(g->m, "draining: ");
    kill(g->next, SIGCONT);
    for (int i = 0; i < g->n; i++) client_sees(g->clients[i], "MN\r\n");
    for (int i = 0; i < g->n; i++) client_sees_closed(g->clients[i]);
    moongate_exits(g->m, 0);
}

/* --- the end of the service ------------------------------------------------------------------- */

/* It has not sent anything when the drain begins, which the older one shows. Judged only where all of it took less than half of the time that a
 * new client has. */
static bool a_new_client_has_time_for_its_first_request(const char *how)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), "timeout = 60"), how, NULL);
    struct client *old = client_connects(m);
    client_sees_nothing_more(old);
    double start = stage_now();
    struct client *fresh = client_connects(m), *silent = client_connects(m);

    client_asks_until(old, "mn\r\n", "MN\r\n");
    moongate_signal(m, SIGTERM);
    client_sees_closed(old);
    client_sends(fresh, "mn\r\n");
    if (stage_now() - start > 0.5) return false;
    client_sees(fresh, "MN\r\n");
    client_sees_closed(fresh);
    client_sees_closed(silent);
    moongate_exits(m, 0);
    return true;
}

static void a_client_that_is_new_when_the_service_ends_is_answered(void **state)
{
    while (!a_new_client_has_time_for_its_first_request("--drain-timeout=60")) stage_clears();
}

static void and_where_there_is_one_process_alone(void **state)
{
    while (!a_new_client_has_time_for_its_first_request("--single-process")) stage_clears();
}

/* Of these the worker is offered 64, and then nobody is accepted any more. */
static void clients_in_the_backlog_are_answered_before_the_service_ends(void **state)
{
    enum { MANY = 300 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client **clients = stage_memory(MANY * sizeof *clients);
    pid_t worker = moongate_worker(m);

    process_stops(worker);
    for (int i = 0; i < MANY; i++) {
        clients[i] = client_connects(m);
        client_sends(clients[i], "mn\r\n");
    }
    stage_turns(50);
    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining: ");
    kill(worker, SIGCONT);
    for (int i = 0; i < MANY; i++) client_sees(clients[i], "MN\r\n");
    for (int i = 0; i < MANY; i++) client_sees_closed(clients[i]);
    moongate_exits(m, 0);
}

/* The one process is in the middle of a turn: it has not accepted them. */
static void and_in_the_backlog_of_one_process_alone(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "--single-process", NULL);
    struct client *clients[100];

    process_stops(moongate_pid(m));
    for (int i = 0; i < 100; i++) {
        clients[i] = client_connects(m);
        client_sends(clients[i], "mn\r\n");
    }
    moongate_signal(m, SIGTERM);
    moongate_signal(m, SIGCONT);
    for (int i = 0; i < 100; i++) client_sees(clients[i], "MN\r\n");
    for (int i = 0; i < 100; i++) client_sees_closed(clients[i]);
    moongate_exits(m, 0);
}

/* It has no clients. A loading script is not interrupted where --script-timeout is 0. */
static void a_worker_that_loads_its_script_does_not_hold_up_the_end(void **state)
{
    struct backend *b = backend_listens();
    const char *slow = textf("%s/slow", program_folder());
    struct moongate *m =
        moongate_start(textf(MG "if io.open('%s') then while true do end end\n"
                                "return mg.pool { '%s' }",
                             slow, backend_address(b)),
                       "--unsafe-lua", "--script-timeout", "0", "--drain-timeout", "600", NULL);
    pid_t both[2], worker = moongate_worker(m);

    file_says(slow, "");
    kill(worker, SIGTERM);
    moongate_workers(m, both, 2);
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(what_a_client_sends_while_it_moves_is_for_the_next_worker),
        play(a_store_whose_answer_nobody_wants_ends_before_its_client_moves),
        play(a_client_that_reads_late_gets_all_of_its_answer_and_then_moves),
        play(a_worker_takes_no_place_before_its_servers_have_answered_or_had_time),
        play(clients_that_the_next_worker_does_not_take_are_served_by_the_old_one),
        play(clients_that_a_worker_gave_back_survive_it),
        play(clients_that_move_while_the_service_ends_are_answered),
        play(a_client_that_is_new_when_the_service_ends_is_answered),
        play(and_where_there_is_one_process_alone),
        play(clients_in_the_backlog_are_answered_before_the_service_ends),
        play(and_in_the_backlog_of_one_process_alone),
        play(a_worker_that_loads_its_script_does_not_hold_up_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
