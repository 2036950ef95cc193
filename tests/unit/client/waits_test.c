/* waits: which clients are closed for keeping moongate waiting, by a clock that the test sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/clients.h"

enum { CLIENTS = 100, MANY = 1000 };

static struct {
    struct ev_loop *loop;
    struct arena arena;
    struct backends backends;
    struct turn turn;
    struct clients set;
    struct board_worker part;
    int ends[MANY];
    uint32_t numbers[MANY];
} w;

static void begin(double idle_timeout)
{
    struct clients_limits limits = {.client_buffer = 65536, .input_buffer = SIZE_MAX};
    struct turn_limits of_turn = {.rules = {.max_value = 1024}};
    memset(&w, 0, sizeof w);
    limits.idle_timeout = idle_timeout;
    w.loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    assert_non_null(w.loop);
    arena_init(&w.arena, 128 * 1024);
    backends_init(&w.backends, w.loop, &w.arena, &w.part);
    turn_init(&w.turn, w.loop, &w.arena, &w.backends, &w.part.row, &of_turn);
    w.turn.now = 1000;
    clients_init(&w.set, &w.turn, &limits);
}

static void end(void)
{
    clients_release(&w.set);
    for (int i = 0; i < MANY; i++)
        if (w.ends[i] > 0) close(w.ends[i]);
    turn_release(&w.turn);
    backends_release(&w.backends);
    arena_release(&w.arena);
    ev_loop_destroy(w.loop);
}

static void begin_again(double idle_timeout)
{
    end();
    begin(idle_timeout);
}

/* The i-th; with words, its connection begins with a PROXY header. */
static void comes(int i, const char *words)
{
    int pair[2];
    struct newcomer n = {.fd = -1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    w.ends[i] = pair[0];
    n.fd = pair[1];
    if (words) assert_null(rules_parse(&n.rules, words));
    w.numbers[i] = client_create(&w.set, n)->affinity;
}

static struct client *of(int i)
{
    return clients_find(&w.set, w.numbers[i]);
}

/* Time passes, and is looked at as often as it would be. Returns how many clients are left. */
static uint32_t passes(double seconds)
{
    for (double until = w.turn.now + seconds; w.turn.now < until;) {
        double every = w.set.waits.look.repeat;
        w.turn.now += every > 0 ? every : seconds;
        if (ev_is_active(&w.set.waits.look)) ev_invoke(w.loop, &w.set.waits.look, EV_TIMER);
        clients_end_turn(&w.set);
    }
    return w.set.n;
}

static void says(int i, const char *text)
{
    assert_int_equal(write(w.ends[i], text, strlen(text)), strlen(text));
    ev_run(w.loop, EVRUN_NOWAIT);
    clients_end_turn(&w.set);
}

/* --- idle -------------------------------------------------------------------------------------- */

static void nobody_is_looked_at_without_a_limit(void **state)
{
    begin(0);
    comes(0, NULL);
    assert_false(ev_is_active(&w.set.waits.look));
    assert_int_equal(passes(1e6), 1);
    end();
}

static void an_idle_client_is_closed_after_its_time_and_a_quarter_at_most(void **state)
{
    static const double limits[] = {1, 10, 60, 600};
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
        begin(limits[k]);
        for (int i = 0; i < CLIENTS; i++) comes(i, NULL);
        assert_int_equal(passes(0.99 * limits[k]), CLIENTS);
        for (int i = 0; i < CLIENTS; i += 2) says(i, "verbosity 1\r\n");
        assert_int_equal(passes(0.45 * limits[k]), CLIENTS / 2);
        for (int i = 0; i < CLIENTS; i++) assert_int_equal(of(i) != NULL, i % 2 == 0);
        assert_int_equal(passes(0.5 * limits[k]), CLIENTS / 2);
        assert_int_equal(passes(0.5 * limits[k]), 0);
        assert_int_equal(w.part.row.idle_kicks, CLIENTS);
        end();
    }
}

/* What a look has to do is bounded by the time that it has: not all clients at once. */
static void a_look_sees_some_of_them(void **state)
{
    begin(64);
    for (int i = 0; i < MANY; i++) comes(i, NULL);
    (void)passes(w.set.waits.look.repeat);
    uint32_t seen = 0;
    for (int i = 0; i < MANY; i++) seen += of(i)->idle_since > 0;
    assert_in_range(seen, 10, MANY / 20);
    end();
}

static void a_look_closes_some_of_them_and_the_next_one_comes_soon(void **state)
{
    begin(0);
    for (int i = 0; i < MANY; i++) comes(i, "proxy-from=unix");
    assert_int_equal(passes(ENTRY_SECONDS - 0.75), MANY);
    while (w.set.n == MANY) (void)passes(0.001);
    assert_int_equal(w.set.n, MANY - 64);
    double began = w.turn.now;
    for (uint32_t before = w.set.n; w.set.n > 0; before = w.set.n) {
        (void)passes(0.001);
        assert_in_range(before - w.set.n, 1, 64);
    }
    assert_in_range(w.turn.now, (uint32_t)began, (uint32_t)began + 2);
    begin_again(2);
    for (int i = 0; i < MANY; i++) comes(i, NULL);
    for (uint32_t before = MANY; w.set.n > 0; before = w.set.n) {
        (void)passes(0.001);
        assert_in_range(before - w.set.n, 0, 64);
    }
    assert_in_range(w.turn.now, 1002, 1002 + 2);
    end();
}

/* The one that is looked at next may go, and others may come. */
static void clients_come_and_go_between_looks(void **state)
{
    begin(8);
    for (int i = 0; i < CLIENTS; i++) comes(i, NULL);
    for (int i = 0; i < CLIENTS - 10; i++) {
        (void)passes(w.set.waits.look.repeat);
        struct client *next = w.set.waits.next ? w.set.waits.next : w.set.all;
        if (next) client_close(next, "goes");
    }
    comes(CLIENTS, NULL);
    assert_true(passes(0.9 * 8) >= 1);
    assert_int_equal(passes(0.4 * 8), 0);
    end();
}

static void a_limit_may_come_and_go(void **state)
{
    begin(0);
    comes(0, NULL);
    (void)passes(100);
    w.set.limits.idle_timeout = 10;
    waits_follow(&w.set);
    assert_int_equal(passes(9.9), 1);
    w.set.limits.idle_timeout = 0;
    waits_follow(&w.set);
    assert_int_equal(passes(100), 1);
    assert_false(ev_is_active(&w.set.waits.look));
    end();
}

/* --- on their way in --------------------------------------------------------------------------- */

static void a_header_has_ten_seconds(void **state)
{
    begin(0);
    for (int i = 0; i < CLIENTS; i++) comes(i, i % 2 ? "proxy-from=unix" : NULL);
    assert_true(ev_is_active(&w.set.waits.look));
    says(1, "PROXY UNKNOWN\r\n");
    says(3, "PROXY UNK");
    assert_int_equal(passes(ENTRY_SECONDS - 1), CLIENTS);
    comes(CLIENTS, "proxy-from=unix");
    assert_int_equal(passes(2), CLIENTS / 2 + 2);
    for (int i = 0; i < CLIENTS; i++) assert_int_equal(of(i) != NULL, i % 2 == 0 || i == 1);
    assert_int_equal(w.part.row.entry_timeouts, CLIENTS / 2 - 1);
    assert_int_equal(passes(ENTRY_SECONDS), CLIENTS / 2 + 1);
    assert_false(ev_is_active(&w.set.waits.look));
    assert_int_equal(passes(1000), CLIENTS / 2 + 1);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_looked_at_without_a_limit),
        cmocka_unit_test(an_idle_client_is_closed_after_its_time_and_a_quarter_at_most),
        cmocka_unit_test(a_look_sees_some_of_them),
        cmocka_unit_test(a_look_closes_some_of_them_and_the_next_one_comes_soon),
        cmocka_unit_test(clients_come_and_go_between_looks),
        cmocka_unit_test(a_limit_may_come_and_go),
        cmocka_unit_test(a_header_has_ten_seconds),
    };
    return cmocka_run_group_tests_name("waits", tests, NULL, NULL);
}
