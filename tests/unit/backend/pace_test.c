/* Many servers are connected and freed a few at a time, and one that gets a request before its turn is connected at once. */
#include "backend/backend.h"
#include "backend/conn.h"
#include "backend/retry.h"
#include "lib/stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SERVERS = 200, AT_A_TIME = 32, BEGUN_AT_ONCE = 64 };

static struct {
    struct ev_loop *loop;
    struct arena arena;
    struct backends set;
    struct board_worker *part;
    struct backend *servers[SERVERS];
    int ends[2 * SERVERS], dialed; /* the servers' ends of connections */
} w;

static int dial(void *about, const struct backend *b, int *fd)
{
    int pair[2];
    (void)about;
    (void)b;
    assert_in_range(w.dialed, 0, 2 * SERVERS - 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    *fd = pair[0];
    w.ends[w.dialed++] = pair[1];
    return 0;
}

static int begin(void **state)
{
    struct backend_settings settings = backend_settings_default();
    w.loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    w.part = calloc(1, sizeof *w.part);
    assert_non_null(w.part);
    arena_init(&w.arena, 64 * 1024);
    backends_init(&w.set, w.loop, &w.arena, w.part);
    w.set.now = ev_now(w.loop);
    w.set.dial = dial;
    w.dialed = 0;
    for (int i = 0; i < SERVERS; i++) {
        struct addr_spec spec;
        char name[32];
        int n = snprintf(name, sizeof name, "server:%d", i + 1);
        assert_null(addr_spec_parse(&spec, name, (size_t)n));
        w.servers[i] = backends_get(&w.set, name, &spec, &settings);
    }
    return 0;
}

static int end(void **state)
{
    backends_release(&w.set);
    arena_release(&w.arena);
    ev_loop_destroy(w.loop);
    for (int i = 0; i < w.dialed; i++) close(w.ends[i]);
    free(w.part);
    return 0;
}

static int count(void)
{
    int n = 0;
    for (struct backend *b = w.set.first; b; b = b->next) n++;
    return n;
}

static void turn(void)
{
    ev_run(w.loop, EVRUN_ONCE);
    w.set.now = ev_now(w.loop);
    backends_flush(&w.set);
    arena_reset(&w.arena);
}

static void a_turn_begins_few_connections_until_all_are(void **state)
{
    backends_start(&w.set);
    assert_int_equal(w.dialed, AT_A_TIME);
    assert_false(backends_are_tried(&w.set));
    while (w.dialed < SERVERS) {
        int before = w.dialed;
        turn();
        assert_in_range(w.dialed - before, 0, AT_A_TIME);
    }
    for (int i = 0; i < SERVERS; i++)
        assert_int_not_equal(w.servers[i]->conns[0]->state, CONN_IDLE);
    while (ev_is_active(&w.set.pace)) turn();
}

/* As when a network comes back. */
static void a_turn_begins_not_all_connections_that_were_lost_at_once(void **state)
{
    backends_start(&w.set);
    while (w.dialed < SERVERS) turn();
    turn();
    for (int i = 0; i < SERVERS; i++) retry_connect(w.servers[i]->conns[0]);
    assert_int_equal(w.dialed, SERVERS + BEGUN_AT_ONCE);
    assert_int_equal(w.servers[SERVERS - 1]->conns[0]->state, CONN_QUEUED);
    assert_false(conn_refuses(w.servers[SERVERS - 1]->conns[0])); /* its calls wait */
    assert_false(backends_are_tried(&w.set));
    while (w.dialed < 2 * SERVERS) {
        int before = w.dialed;
        turn();
        assert_in_range(w.dialed - before, 0, BEGUN_AT_ONCE);
    }
}

static void a_turn_frees_few_servers_until_all_are_gone(void **state)
{
    for (int i = 1; i < SERVERS; i++) backend_give(w.servers[i]);
    backends_sweep(&w.set);
    assert_int_equal(count(), SERVERS - AT_A_TIME);
    while (count() > 1) {
        int before = count();
        turn();
        assert_in_range(before - count(), 0, AT_A_TIME);
    }
    assert_ptr_equal(w.set.first, w.servers[0]);
}

static void hear(void *owner, const struct call_news *news)
{
    (void)owner;
    (void)news;
}

static void a_request_does_not_wait_for_its_servers_turn(void **state)
{
    const char *reason;
    backends_start(&w.set);
    struct backend *last = w.servers[0];
    assert_int_equal(last->conns[0]->state, CONN_IDLE);
    struct request r = {.command_id = COMMAND_GET, .key_at = (uintptr_t) "k", .key_len = 1};
    struct backend_call how = {.deadline = w.set.now + 60, .done = hear, .owner = &w};
    assert_int_equal(backend_send(last, &r, &how, &reason), BACKEND_OK);
    assert_int_not_equal(last->conns[0]->state, CONN_IDLE);
    assert_int_equal(w.dialed, AT_A_TIME + 1);
    while (ev_is_active(&w.set.pace)) turn();
    assert_int_equal(w.dialed, SERVERS);
    assert_int_equal(last->stats->connections, 1);
}

static void a_set_that_stops_begins_no_connection_any_more(void **state)
{
    backends_start(&w.set);
    backends_stop(&w.set);
    assert_false(ev_is_active(&w.set.pace));
    for (int i = 0; i < 5; i++) ev_run(w.loop, EVRUN_NOWAIT);
    assert_int_equal(w.dialed, AT_A_TIME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_turn_begins_few_connections_until_all_are, begin, end),
        cmocka_unit_test_setup_teardown(a_turn_begins_not_all_connections_that_were_lost_at_once,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_turn_frees_few_servers_until_all_are_gone, begin, end),
        cmocka_unit_test_setup_teardown(a_request_does_not_wait_for_its_servers_turn, begin, end),
        cmocka_unit_test_setup_teardown(a_set_that_stops_begins_no_connection_any_more, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
