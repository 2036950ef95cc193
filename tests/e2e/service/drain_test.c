/* Signals that end it: what is in flight is answered, then it exits. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>

/* A client whose request waits at the backend. */
static struct client *client_waits_for_an_answer(struct moongate *m, struct backend *b)
{
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    return c;
}

static void answer_comes_and_then_the_end(struct moongate *m, struct backend *b, struct client *c)
{
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    client_sees_closed(c);
    moongate_sees_log(m, "drained");
    moongate_exits(m, 0);
}

static void sigterm_answers_what_is_in_flight(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"), NULL);
    struct client *idle = client_connects(m);
    client_sees_nothing_more(idle);
    struct client *c = client_waits_for_an_answer(m, b);

    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining: SIGTERM, at most 10 s");
    client_sees_closed(idle);
    client_has_nothing_yet(c);
    answer_comes_and_then_the_end(m, b, c);
}

static void sigint_does_the_same(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"), NULL);
    struct client *c = client_waits_for_an_answer(m, b);

    moongate_signal(m, SIGINT);
    moongate_sees_log(m, "draining: SIGINT");
    answer_comes_and_then_the_end(m, b, c);
}

static void every_worker_drains(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), "timeout = 60"), "-j", "2", NULL);
    struct client *clients[4];

    for (int i = 0; i < 4; i++) {
        clients[i] = client_connects(m);
        client_sends(clients[i], "get k\r\n");
        backend_turns_to_input(b);
        backend_sees(b, "get k\r\n");
    }
    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining: ");
    backend_answers_on_all_links(b, "END\r\nEND\r\n");
    for (int i = 0; i < 4; i++) {
        client_sees(clients[i], "END\r\n");
        client_sees_closed(clients[i]);
    }
    moongate_exits(m, 0);
}

static void no_new_client_is_taken_while_it_drains(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"), NULL);
    struct client *c = client_waits_for_an_answer(m, b);

    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining: ");
    if (!client_is_refused(moongate_address(m))) stage_fails("a new client is taken");
    answer_comes_and_then_the_end(m, b, c);
}

static void a_second_signal_ends_it_at_once(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"),
                                        "--drain-timeout", "600", NULL);
    struct client *c = client_waits_for_an_answer(m, b);

    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining: ");
    moongate_signal(m, SIGTERM);
    client_sees_closed(c);
    moongate_ends(m);
}

static void the_drain_timeout_cuts_what_is_left(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"),
                                        "--drain-timeout", "0.2", NULL);
    struct client *c = client_waits_for_an_answer(m, b);

    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining: SIGTERM, at most 0.2 s");
    client_sees_closed(c);
    moongate_ends(m);
}

static void sigquit_waits_without_limit(void **state)
{
    struct backend *b = backend_listens(), *other = backend_listens();
    const char *script =
        script_by_letter(backend_address(other), backend_address(b), "timeout = 60");
    struct moongate *m = moongate_start(script, "--drain-timeout", "0.1", NULL);
    struct client *c = client_waits_for_an_answer(m, b);

    moongate_signal(m, SIGQUIT);
    moongate_sees_log(m, "draining: SIGQUIT");
    double start = stage_now();
    while (stage_now() < start + 0.5) { /* five times the limit of the other signals */
        stage_turns(20);
        assert_true(moongate_runs_on(m));
    }
    client_has_nothing_yet(c);
    answer_comes_and_then_the_end(m, b, c);
}

static void a_single_process_drains_too(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), "timeout = 60"), "--single-process", NULL);
    struct client *c = client_waits_for_an_answer(m, b);

    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining: SIGTERM");
    answer_comes_and_then_the_end(m, b, c);
}

static void a_reload_while_it_drains_changes_nothing(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"), NULL);
    struct client *c = client_waits_for_an_answer(m, b);

    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining: ");
    moongate_signal(m, SIGHUP);
    answer_comes_and_then_the_end(m, b, c);
}

static void what_was_received_is_answered_and_what_was_begun_may_be_finished(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"), NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get k1\r\nset k2 0 0 1\r\nx\r\nset half 0 0 10\r\nabc");
    backend_sees(b, "get k1\r\nset k2 0 0 1\r\nx\r\n");
    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining: ");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
    backend_answers(b, "STORED\r\n");
    client_sees(c, "STORED\r\n");
    client_sends(c, "defghij\r\n");
    backend_sees(b, "set half 0 0 10\r\nabcdefghij\r\n");
    backend_answers(b, "STORED\r\n");
    client_sees(c, "STORED\r\n");
    client_sees_closed(c);
    moongate_exits(m, 0);
}

static void a_client_that_has_begun_and_gone_does_not_hold_up_the_end(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"),
                                        "--drain-timeout", "600", NULL);
    struct client *half = client_connects(m), *other = client_connects(m);

    client_sends(half, "set half 0 0 10\r\nabc");
    client_sees_nothing_more(other);
    client_closes(half);
    moongate_signal(m, SIGTERM);
    client_sees_closed(other);
    moongate_exits(m, 0);
}

/* Neither the clients that only are connected, nor the answer that nobody waits for any more, nor the limit are waited for. */
static void it_ends_as_soon_as_nothing_is_left(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 600"), "-j",
                                        "2", "--drain-timeout", "600", NULL);
    struct client *idle[4], *gone = client_connects(m);

    for (int i = 0; i < 4; i++) client_sees_nothing_more(idle[i] = client_connects(m));
    client_sends(gone, "get k\r\n");
    backend_turns_to_input(b);
    backend_sees(b, "get k\r\n");
    client_closes(gone);
    stat_becomes(idle[0], "", "curr_connections", "4");
    moongate_signal(m, SIGTERM);
    for (int i = 0; i < 4; i++) client_sees_closed(idle[i]);
    moongate_exits(m, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(sigterm_answers_what_is_in_flight),
        play(sigint_does_the_same),
        play(every_worker_drains),
        play(no_new_client_is_taken_while_it_drains),
        play(a_second_signal_ends_it_at_once),
        play(the_drain_timeout_cuts_what_is_left),
        play(sigquit_waits_without_limit),
        play(a_single_process_drains_too),
        play(a_reload_while_it_drains_changes_nothing),
        play(what_was_received_is_answered_and_what_was_begun_may_be_finished),
        play(a_client_that_has_begun_and_gone_does_not_hold_up_the_end),
        play(it_ends_as_soon_as_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
