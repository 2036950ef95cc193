/* Gets of several clients that come at once: one question for one key, and one line for many keys where the pool says so. The requests
 * come in one turn because the worker is stopped while they are sent.
 */
#include "lib/address.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { CROWD = 12 };

/* The server is ready: before that nothing is shared. */
static struct moongate *in_front(struct backend *b, const char *script)
{
    struct moongate *m = moongate_start(script, NULL);
    struct client *c = client_connects(m);
    stat_becomes(c, "servers", textf("%s:state", backend_address(b)), "ready");
    client_closes(c);
    return m;
}

static struct moongate *before(struct backend *b, const char *options)
{
    return in_front(b, script_of_one(backend_address(b), options));
}

/* The worker has it: a client that the master still hands over would come a turn later. */
static struct client *joins(struct moongate *m)
{
    struct client *c = client_connects(m);
    client_sees_nothing_more(c);
    return c;
}

static bool is_stopped(void *what)
{
    return program_is_stopped(*(pid_t *)what);
}

static pid_t stops(struct moongate *m)
{
    pid_t worker = moongate_worker(m);
    kill(worker, SIGSTOP);
    if (!stage_waits(is_stopped, &worker)) stage_fails("the worker does not stop");
    return worker;
}

static void goes_on(pid_t worker)
{
    for (int i = 0; i < 3; i++) stage_turns(1); /* what was sent is in the kernel */
    kill(worker, SIGCONT);
}

static void sends_at_once(struct moongate *m, struct client *crowd[], int n, const char *text)
{
    pid_t worker = stops(m);
    for (int i = 0; i < n; i++) client_sends(crowd[i], text);
    goes_on(worker);
}

/* --- one key ----------------------------------------------------------------------------------- */

static void a_hot_key_is_asked_once_for_all(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = before(b, "timeout = 60, stall_timeout = 60");
    struct client *crowd[CROWD];
    for (int i = 0; i < CROWD; i++) crowd[i] = joins(m);
    for (int round = 1; round <= 2; round++) {
        sends_at_once(m, crowd, CROWD, "get k\r\n");
        backend_sees(b, "get k\r\n");
        backend_has_nothing_yet(b);
        backend_answers(b, hit_and_end("k", "x"));
        for (int i = 0; i < CROWD; i++) client_sees(crowd[i], hit_and_end("k", "x"));
        assert_int_equal(stat_number(crowd[0], "proxy", "gets_shared"), round * (CROWD - 1));
        assert_int_equal(stat_number(crowd[0], "commands", "get:hits"), round * CROWD);
        assert_int_equal(stat_number(crowd[0], "proxy", "calls"), round);
    }
    for (int i = 0; i < CROWD; i++) client_sees_nothing_more(crowd[i]);
}

static void a_clients_own_writes_stay_before_its_get(void **state)
{
    static const char *const writes[] = {"set k 0 0 1 noreply\r\ny\r\n", "delete k noreply\r\n",
                                         "set other 0 0 1 noreply\r\ny\r\n", "md k q\r\n",
                                         "touch k 9 noreply\r\n"};
    static const char *const sent[] = {"set k 0 0 1\r\ny\r\n", "delete k\r\n",
                                       "set other 0 0 1\r\ny\r\n", "md k\r\n", "touch k 9\r\n"};
    static const char *const answers[] = {"STORED\r\n", "DELETED\r\n", "STORED\r\n", "HD\r\n",
                                          "TOUCHED\r\n"};
    struct backend *b = backend_listens();
    struct moongate *m = before(b, "timeout = 60, stall_timeout = 60");
    struct client *c = joins(m);
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        client_sends(c, textf("get k\r\n%sget k\r\nget k\r\n", writes[i]));
        backend_sees(b, textf("get k\r\n%sget k\r\n", sent[i]));
        backend_has_nothing_yet(b);
        backend_answers(b,
                        textf("%s%s%s", hit_and_end("k", "x"), answers[i], hit_and_end("k", "y")));
        client_sees(c, hit_and_end("k", "x"));
        for (int k = 0; k < 2; k++) client_sees(c, hit_and_end("k", "y"));
    }
    client_sees_nothing_more(c);
}

/* Whichever of them was the first: the others get their answer. */
static void one_who_goes_leaves_the_others_theirs(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = before(b, "timeout = 60, stall_timeout = 60");
    struct client *observer = joins(m);
    for (int gone = 0; gone < 3; gone++) {
        struct client *crowd[3];
        for (int i = 0; i < 3; i++) crowd[i] = joins(m);
        sends_at_once(m, crowd, 3, "get k\r\n");
        backend_sees(b, "get k\r\n");
        client_resets(crowd[gone]);
        stat_becomes(observer, "proxy", "curr_connections", "3");
        backend_answers(b, hit_and_end("k", "x"));
        for (int i = 0; i < 3; i++) {
            if (i == gone) continue;
            client_sees(crowd[i], hit_and_end("k", "x"));
            client_closes(crowd[i]);
        }
        stat_becomes(observer, "proxy", "curr_connections", "1");
    }
}

/* Two pools with times and failures of their own, over one server: what they send shares a call, and each has its own end. */
static void each_pool_keeps_its_time_and_its_failure(void **state)
{
    static const char *const options[] = {"on_failure = 'miss', ", ""};
    for (size_t i = 0; i < 2; i++) {
        struct backend *b = backend_listens();
        const char *at = backend_address(b);
        struct moongate *m =
            in_front(b, textf(MG "mg.defaults { stall_timeout = 60, failure_limit = 100 }\n"
                                 "local a = mg.pool { '%s', %stimeout = 0.1 }\n"
                                 "local b = mg.pool { '%s', timeout = 60 }\n"
                                 "return function(req)\n"
                                 "  local pool = req:has_prefix 'a' and a or b\n"
                                 "  req.key = 'k'\n"
                                 "  return pool\n"
                                 "end\n",
                              at, options[i], at));
        struct client *early = joins(m), *late = joins(m);
        pid_t worker = stops(m);
        client_sends(early, "get a\r\nget a2\r\n");
        client_sends(late, "get b\r\n");
        goes_on(worker);
        backend_sees(b, "get k\r\n");
        for (int k = 0; k < 2; k++)
            client_sees_line_starting(early,
                                      options[i][0] ? "END" : textf("%stimeout", failure_of(at)));
        backend_has_nothing_yet(b);
        backend_answers(b, hit_and_end("k", "x"));
        client_sees(late, hit_and_end("b", "x"));
        client_sees_nothing_more(late);
        client_sees_nothing_more(early);
        stage_clears();
    }
}

/* A long value lies in one place, however slowly those read that wait for it. */
static void a_long_value_reaches_all(void **state)
{
    enum { LONG = 700000 };
    struct backend *b = backend_listens();
    struct moongate *m = before(b, "timeout = 60, stall_timeout = 60");
    struct client *crowd[4];
    const char *data = noise(LONG, 3);
    for (int i = 0; i < 4; i++) crowd[i] = joins(m);
    sends_at_once(m, crowd, 4, "get k\r\n");
    backend_sees(b, "get k\r\n");
    client_stops_reading(crowd[0]);
    backend_answers(b, textf("VALUE k 0 %d\r\n", LONG));
    backend_answers_bytes(b, data, LONG);
    backend_answers(b, "\r\nEND\r\n");
    for (int i = 3; i >= 0; i--) {
        client_reads_again(crowd[i]);
        client_sees(crowd[i], textf("VALUE k 0 %d\r\n", LONG));
        client_sees_bytes(crowd[i], data, LONG);
        client_sees(crowd[i], "\r\nEND\r\n");
        client_sees_nothing_more(crowd[i]);
    }
}

/* --- one line ---------------------------------------------------------------------------------- */

static struct backend *old_server(void)
{
    struct backend *b = backend_listens();
    backend_is(b, 2, "VERSION 1.4.2\r\n", "ERROR\r\n");
    return b;
}

static void keys_of_several_clients_go_in_one_line(void **state)
{
    struct backend *b = old_server();
    struct moongate *m = before(b, "merge = true, timeout = 60, stall_timeout = 60");
    struct client *c = joins(m), *other = joins(m);
    pid_t worker = stops(m);
    client_sends(c, "get a\r\nget b\r\nget a\r\n");
    goes_on(worker);
    backend_sees(b, "get a b\r\n");
    backend_answers(b, textf("%sEND\r\n", hit("b", "x")));
    client_sees(c, textf("END\r\n%sEND\r\n", hit_and_end("b", "x")));

    worker = stops(m);
    client_sends(c, "get a\r\nget m1 m2\r\nset a 0 0 1\r\nx\r\nget a\r\n");
    client_sends(other, "gets z\r\n");
    goes_on(worker);
    struct octets all = {0};
    while (octets_n(&all) <
           strlen("get a\r\nget m1 m2\r\nset a 0 0 1\r\nx\r\nget a\r\ngets z\r\n")) {
        const char *line = backend_sees_line(b);
        octets_add(&all, line, strlen(line));
        octets_add(&all, "\r\n", 2);
        backend_answers(b, strncmp(line, "set", 3) == 0 ? ""
                           : *line == 'x'               ? "STORED\r\n"
                                                        : "END\r\n");
    }
    octets_release(&all);
    client_sees(c, "END\r\nEND\r\nSTORED\r\nEND\r\n");
    client_sees(other, "END\r\n");
    client_sees_nothing_more(c);
    client_sees_nothing_more(other);
    assert_int_equal(stat_number(c, "proxy", "gets_merged"), 1);
}

static void a_refusal_of_a_line_reaches_only_whom_it_concerns(void **state)
{
    struct backend *b = old_server();
    struct moongate *m = before(b, "merge = true, timeout = 60, stall_timeout = 60");
    struct client *c = joins(m);
    client_sends(c, "get a\r\nget b\r\nget c\r\n");
    backend_sees(b, "get a b c\r\n");
    backend_answers(b, textf("%sSERVER_ERROR out of memory\r\n", hit("a", "x")));
    client_sees(c, hit_and_end("a", "x"));
    backend_sees(b, "get b\r\nget c\r\n");
    backend_answers(b, textf("SERVER_ERROR out of memory\r\n%s", hit_and_end("c", "y")));
    client_sees(c, textf("SERVER_ERROR out of memory\r\n%s", hit_and_end("c", "y")));
    client_sees_nothing_more(c);
    backend_has_nothing_yet(b);
}

/* A memcached that is asked nothing takes gets in lines, as it may know no meta commands. */
static void memcached_answers_lines_as_it_does_gets(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(
        script_of_one(memcached_address(s), "merge = true, probe = 'connect', timeout = 60"), NULL);
    struct client *crowd[CROWD];
    for (int i = 0; i < CROWD; i++) crowd[i] = joins(m);
    for (int i = 0; i < 20; i += 2) {
        client_sends(crowd[0], textf("set k%d %d 0 2\r\n%02d\r\n", i, i, i));
        client_sees(crowd[0], "STORED\r\n");
    }
    for (int round = 0; round < 5; round++) {
        pid_t worker = stops(m);
        for (int i = 0; i < CROWD; i++) {
            for (int k = 0; k < 20; k++)
                client_sends(crowd[i], textf("get k%d\r\n", (k * 7 + i) % 20));
        }
        goes_on(worker);
        for (int i = 0; i < CROWD; i++) {
            for (int k = 0; k < 20; k++) {
                int key = (k * 7 + i) % 20;
                if (key % 2 == 0)
                    client_sees(crowd[i], textf("VALUE k%d %d 2\r\n%02d\r\n", key, key, key));
                client_sees(crowd[i], "END\r\n");
            }
        }
    }
    unsigned long shared = stat_number(crowd[0], "proxy", "gets_shared");
    unsigned long merged = stat_number(crowd[0], "proxy", "gets_merged");
    assert_true(shared > 0 && merged > 0);
    assert_int_equal(shared + merged + stat_number(crowd[0], "proxy", "calls"),
                     10 + 5 * CROWD * 20);
    for (int i = 0; i < CROWD; i++) client_sees_nothing_more(crowd[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_hot_key_is_asked_once_for_all),
        play(a_clients_own_writes_stay_before_its_get),
        play(one_who_goes_leaves_the_others_theirs),
        play(each_pool_keeps_its_time_and_its_failure),
        play(a_long_value_reaches_all),
        play(keys_of_several_clients_go_in_one_line),
        play(a_refusal_of_a_line_reaches_only_whom_it_concerns),
        play(memcached_answers_lines_as_it_does_gets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
