/* A worker that must end, stops or dies: another one replaces it, and no client is lost on the way (I15). */
#include "lib/backend.h"
#include "lib/client.h"
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

/* --- SIGTERM ---------------------------------------------------------------------------------- */

static void a_client_stays_connected_while_its_worker_is_replaced(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"), NULL);
    struct client *c = client_connects(m), *idle = client_connects(m);
    pid_t worker = moongate_worker(m);

    client_sees_nothing_more(idle);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    kill(worker, SIGTERM);
    moongate_sees_log(m, textf("[%d]: SIGTERM: another one takes its place", (int)worker));
    backend_sees_links(b, 2); /* the other one's; the old one still waits for its answer */
    client_sees_nothing_more(idle);
    client_has_nothing_yet(c);
    backend_answers_on_all_links(b, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    worker_goes(worker);
    moongate_sees_log(m, textf("[%d]: gone: exit 0", (int)worker));
    pid_t other = moongate_worker(m);
    assert_int_not_equal(other, worker);
    assert_int_equal(stat_number(idle, "proxy", "moved_connections"), 2);
    assert_int_equal(stat_number(idle, "", "curr_connections"), 2);
    client_sees_nothing_more(c);
    client_sees_nothing_more(client_connects(m));
}

static void answers_to_a_link(struct backend *b, const char *sent, const char *answer)
{
    backend_turns_to_input(b);
    backend_sees(b, sent);
    backend_answers(b, answer);
}

static void what_a_client_has_begun_is_finished_before_it_moves(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"),
                                        "--drain-timeout", "600", NULL);
    struct client *half = client_connects(m), *line = client_connects(m);
    struct client *idle = client_connects(m);
    pid_t worker = moongate_worker(m);

    client_sends(half, "set half 0 0 10\r\nabc");
    client_sends(line, "delete lo");
    client_sees_nothing_more(idle);
    kill(worker, SIGTERM);
    stat_becomes(idle, "proxy", "moved_connections", "1");
    client_sends(half, "defghij\r\nget behind\r\n");
    answers_to_a_link(b, "set half 0 0 10\r\nabcdefghij\r\n", "STORED\r\n");
    client_sees(half, "STORED\r\n");
    answers_to_a_link(b, "get behind\r\n", "END\r\n");
    client_sees(half, "END\r\n");
    assert_false(is_gone(&worker));
    client_sends(line, "ng\r\nget next\r\nget cut");
    answers_to_a_link(b, "delete long\r\n", "DELETED\r\n");
    client_sees(line, "DELETED\r\n");
    answers_to_a_link(b, "get next\r\n", "END\r\n");
    client_sees(line, "END\r\n");
    worker_goes(worker);
    client_sends(line, "ter\r\n");
    answers_to_a_link(b, "get cutter\r\n", "END\r\n");
    client_sees(line, "END\r\n");
}

static void it_ends_when_nothing_is_left_though_a_server_never_answers(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), "timeout = 0.2, stall_timeout = 600"),
                       "--drain-timeout", "600", NULL);
    struct client *c = client_connects(m);
    pid_t worker = moongate_worker(m);

    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    client_sees_line_starting(c, failure_of(backend_address(b)));
    kill(worker, SIGTERM);
    worker_goes(worker);
    client_sees_nothing_more(c);
}

static void a_client_that_never_finishes_does_not_hold_it_for_ever(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "--drain-timeout", "0.2", NULL);
    struct client *half = client_connects(m), *other = client_connects(m);
    pid_t worker = moongate_worker(m);

    client_sends(half, "set half 0 0 10\r\nabc");
    client_sees_nothing_more(other);
    kill(worker, SIGTERM);
    client_sees_closed(half);
    worker_goes(worker);
    moongate_sees_log(m, "drain: cut short: 1 clients");
    client_sees_nothing_more(other);
}

static void file_says(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) stage_fails("cannot write %s", path);
}

static void a_worker_goes_on_until_another_can_take_its_place(void **state)
{
    struct backend *b = backend_listens();
    const char *part = textf("%s/part.lua", program_folder());
    file_says(part, "return 1");
    struct moongate *m = moongate_start(
        textf(MG "assert(io.open '%s'):close()\nreturn mg.pool { '%s' }", part, backend_address(b)),
        "--unsafe-lua", NULL);
    struct client *c = client_connects(m);
    pid_t worker = moongate_worker(m);

    assert_int_equal(unlink(part), 0);
    kill(worker, SIGTERM);
    moongate_sees_log_times(m, "gone: exit 1; respawn in", 2);
    client_sees_nothing_more(c);
    client_sees_nothing_more(client_connects(m));
    assert_false(is_gone(&worker));
    file_says(part, "return 1");
    worker_goes(worker);
    client_sees_nothing_more(c);
}

static void a_replacement_may_be_replaced_at_once(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m);
    pid_t worker = moongate_worker(m);

    for (int i = 0; i < 4; i++) {
        kill(worker, SIGTERM);
        worker_goes(worker);
        worker = moongate_worker(m);
        client_sees_nothing_more(c);
    }
}

static void a_reload_and_a_replacement_do_not_disturb_each_other(void **state)
{
    struct backend *b = backend_listens();
    const char *script = script_of_one(backend_address(b), "");
    struct moongate *m = moongate_start(script, "-j", "2", NULL);
    struct client *c = client_connects(m);
    pid_t workers[2];

    for (int i = 0; i < 5; i++) {
        moongate_workers(m, workers, 2);
        kill(workers[i % 2], SIGTERM);
        moongate_reloads(m, script);
        worker_goes(workers[i % 2]);
        client_sees_nothing_more(c);
    }
}

/* They run in the one that has taken its place. */
static void timers_of_a_worker_that_is_replaced_stop(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG "mg.timer.every(0.15, function() mg.log 'tick' end)\nreturn mg.pool { '%s' }",
              backend_address(b)),
        "--drain-timeout", "600", NULL);
    struct client *half = client_connects(m), *idle = client_connects(m);
    pid_t worker = moongate_worker(m);

    client_sends(half, "set half 0 0 10\r\nabc"); /* it stays with the old one */
    client_sees_nothing_more(idle);
    moongate_sees_log(m, "tick");
    const char *said = strstr(moongate_log_line(m, "tick"), "worker 0[");
    assert_non_null(said); /* with its process id: the line that only the old one says */
    kill(worker, SIGTERM);
    stat_becomes(idle, "proxy", "moved_connections", "1");
    size_t before = moongate_log_count(m, said), all = moongate_log_count(m, "tick");
    moongate_sees_log_times(m, "tick", all + 4);
    assert_int_equal(moongate_log_count(m, said), before);
    assert_false(is_gone(&worker));
    client_closes(half);
    worker_goes(worker);
}

/* As systemd does by default. */
static void a_signal_to_all_processes_ends_the_service_once(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"), "-j",
                                        "2", "--drain-timeout", "600", NULL);
    struct client *c = client_connects(m);
    pid_t workers[2];

    client_sends(c, "get k\r\n");
    backend_turns_to_input(b);
    backend_sees(b, "get k\r\n");
    moongate_workers(m, workers, 2);
    kill(workers[0], SIGTERM);
    kill(workers[1], SIGTERM);
    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining: ");
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    client_sees_closed(c);
    moongate_exits(m, 0);
}

/* --- stopped, killed -------------------------------------------------------------------------- */

static bool is_stopped(void *pid)
{
    return program_is_stopped(*(pid_t *)pid);
}

static void worker_stops(pid_t worker)
{
    kill(worker, SIGSTOP);
    if (!stage_waits(is_stopped, &worker)) stage_fails("worker %d does not stop", (int)worker);
}

enum { NEWCOMERS = 12 };

static void newcomers_ask(struct moongate *m, struct client **clients)
{
    for (int i = 0; i < NEWCOMERS; i++) {
        clients[i] = client_connects(m);
        client_sends(clients[i], "mn\r\n");
    }
}

static void newcomers_are_answered(struct client **clients)
{
    for (int i = 0; i < NEWCOMERS; i++) {
        client_sees(clients[i], "MN\r\n");
        client_sees_nothing_more(clients[i]);
    }
}

static void new_clients_of_a_stopped_worker_are_served_by_another(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "-j", "2", NULL);
    struct client *clients[NEWCOMERS], *late[NEWCOMERS];
    pid_t workers[2];

    moongate_workers(m, workers, 2);
    worker_stops(workers[0]);
    newcomers_ask(m, clients);
    newcomers_are_answered(clients);
    client_sends(clients[0], "quit\r\n"); /* though the stopped one has a copy of it */
    client_sees_closed(clients[0]);
    clients[0] = client_connects(m);
    client_sends(clients[0], "mn\r\n");
    client_sees(clients[0], "MN\r\n");
    kill(workers[0], SIGCONT);
    for (int i = 0; i < NEWCOMERS; i++) client_sees_nothing_more(clients[i]);
    stat_becomes(clients[0], "", "curr_connections", textf("%d", NEWCOMERS));
    newcomers_ask(m, late);
    newcomers_are_answered(late);
    for (int i = 0; i < NEWCOMERS; i++) client_sees_nothing_more(clients[i]);
}

static void new_clients_of_a_killed_worker_are_served_by_the_next(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *clients[NEWCOMERS];
    pid_t worker = moongate_worker(m);

    worker_stops(worker);
    newcomers_ask(m, clients);
    stage_turns(50);
    kill(worker, SIGKILL);
    newcomers_are_answered(clients);
}

static void clients_of_a_stopped_worker_do_not_hold_up_a_replacement(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *clients[NEWCOMERS];
    pid_t worker = moongate_worker(m);

    worker_stops(worker);
    newcomers_ask(m, clients);
    kill(worker, SIGTERM);
    kill(worker, SIGCONT);
    newcomers_are_answered(clients);
    worker_goes(worker);
    for (int i = 0; i < NEWCOMERS; i++) client_sees_nothing_more(clients[i]);
}

/* More than are on their way at once: the others wait in the master, and in the listen backlog. */
static void clients_beyond_what_a_worker_is_offered_wait(void **state)
{
    enum { MANY = 300 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client **clients = stage_memory(MANY * sizeof(struct client *));
    pid_t worker = moongate_worker(m);

    worker_stops(worker);
    for (int i = 0; i < MANY; i++) {
        clients[i] = client_connects(m);
        client_sends(clients[i], "mn\r\n");
    }
    stage_turns(50);
    kill(worker, SIGCONT);
    for (int i = 0; i < MANY; i++) client_sees(clients[i], "MN\r\n");
    stat_becomes(clients[0], "", "curr_connections", textf("%d", MANY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_client_stays_connected_while_its_worker_is_replaced),
        play(what_a_client_has_begun_is_finished_before_it_moves),
        play(it_ends_when_nothing_is_left_though_a_server_never_answers),
        play(a_client_that_never_finishes_does_not_hold_it_for_ever),
        play(a_worker_goes_on_until_another_can_take_its_place),
        play(a_replacement_may_be_replaced_at_once),
        play(a_reload_and_a_replacement_do_not_disturb_each_other),
        play(timers_of_a_worker_that_is_replaced_stop),
        play(a_signal_to_all_processes_ends_the_service_once),
        play(new_clients_of_a_stopped_worker_are_served_by_another),
        play(new_clients_of_a_killed_worker_are_served_by_the_next),
        play(clients_of_a_stopped_worker_do_not_hold_up_a_replacement),
        play(clients_beyond_what_a_worker_is_offered_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
