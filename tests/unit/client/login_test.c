/* login: what a worker does with clients that are no users yet, as time goes by: who must come in, and what they hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "client/clients.h"
#include "client/entry.h"
#include "net/rules.h"
#include "net/users.h"
#include "protocol/auth.h"

static struct {
    struct ev_loop *loop;
    struct arena arena;
    struct backends backends;
    struct turn turn;
    struct clients clients;
    struct board_worker part;
    double now;
} w;

static void step(void)
{
    w.backends.now = w.turn.now = w.now;
    clients_end_turn(&w.clients);
    ev_run(w.loop, EVRUN_NOWAIT);
    clients_end_turn(&w.clients);
}

/* As if the timer had fired. */
static void time_passes(double seconds)
{
    w.now += seconds;
    step();
    ev_invoke(w.loop, &w.clients.waits.look, EV_TIMER);
    step();
}

static struct client *comes(const char *rules, int *peer)
{
    int pair[2];
    struct newcomer n = {.listener = 0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    if (*rules) assert_null(rules_parse(&n.rules, rules));
    n.fd = pair[1];
    *peer = pair[0];
    return client_create(&w.clients, n);
}

static void says(int peer, const void *bytes, size_t n)
{
    assert_int_equal(write(peer, bytes, n), n);
    step();
}

static void gets(int peer, const char *text)
{
    char bytes[256];
    assert_int_equal(read(peer, bytes, sizeof bytes), strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

static bool is_closed(int peer)
{
    char byte;
    return read(peer, &byte, 1) == 0;
}

static void one_that_does_not_come_in_is_closed(void **state)
{
    int silent, slow, user, open;
    comes("", &silent);
    comes("", &slow);
    comes("", &user);
    comes("auth=off", &open);
    says(user, "set x 0 0 10\r\napp secret\r\n", 26);
    gets(user, "STORED\r\n");
    for (int i = 0; i < 9; i++) {
        says(slow, "s", 1);
        time_passes(1);
    }
    assert_int_equal(w.clients.n, 4);
    time_passes(1.1);
    assert_int_equal(w.clients.n, 2);
    assert_true(is_closed(silent) && is_closed(slow));
    assert_int_equal(w.part.row.entry_timeouts, 2);
    time_passes(1000);
    assert_int_equal(w.clients.n, 2);
    assert_false(is_closed(user) || is_closed(open));
    assert_string_equal(client_identity(clients_find(&w.clients, 3)), "user:app");
    close(silent);
    close(slow);
    close(user);
    close(open);
}

static void where_nobody_is_asked_a_client_may_take_its_time(void **state)
{
    int peer;
    clients_know(&w.clients, NULL);
    comes("", &peer);
    time_passes(1000);
    assert_int_equal(w.clients.n, 1);
    close(peer);
}

/* I6: whatever it begins, as long as it is no user. */
static void what_it_holds_is_bounded(void **state)
{
    static char bytes[16 * 1024];
    int line, value, frame;
    comes("", &line);
    comes("", &value);
    comes("", &frame);
    memset(bytes, 'x', sizeof bytes);
    says(line, bytes, 2048);
    int n = snprintf(bytes, sizeof bytes, "set x 0 0 %d\r\n", AUTH_VALUE_MAX);
    bytes[n] = 'x';
    says(value, bytes, (size_t)n + AUTH_VALUE_MAX + 1);
    memset(bytes, 0, 24);
    memcpy(bytes, "\x80\x21\0\5", 4);
    bytes[9] = 1; /* a body of 64 KiB */
    says(frame, bytes, sizeof bytes);
    assert_true(w.clients.unfinished > 0 && w.clients.unfinished < 24 * 1024);
    says(line, "x", 1);
    says(value, "x", 1);
    assert_int_equal(w.clients.unfinished, 0);
    assert_true(is_closed(line));
    gets(value, "CLIENT_ERROR bad command line termination\r\n");
    close(line);
    close(value);
    close(frame);
}

static int begin(void **state)
{
    char why[USERS_WHY];
    struct clients_limits limits = {.client_buffer = 64 * 1024, .input_buffer = 1 << 30};
    struct turn_limits of_turn = {.rules = {.max_value = 1 << 20}};
    memset(&w, 0, sizeof w);
    w.now = 1000;
    w.loop = ev_loop_new(EVFLAG_AUTO);
    arena_init(&w.arena, 128 * 1024);
    backends_init(&w.backends, w.loop, &w.arena, &w.part);
    turn_init(&w.turn, w.loop, &w.arena, &w.backends, &w.part.row, &of_turn);
    w.backends.now = w.turn.now = w.now;
    clients_init(&w.clients, &w.turn, &limits);
    struct users *users = users_read("app:secret\n", 11, why);
    clients_know(&w.clients, users);
    users_give(users);
    return 0;
}

static int end(void **state)
{
    clients_release(&w.clients);
    turn_release(&w.turn);
    backends_release(&w.backends);
    arena_release(&w.arena);
    ev_loop_destroy(w.loop);
    return 0;
}

#define alone(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(one_that_does_not_come_in_is_closed),
        alone(where_nobody_is_asked_a_client_may_take_its_time),
        alone(what_it_holds_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
