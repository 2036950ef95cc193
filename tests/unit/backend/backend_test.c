/* backend: what happens to calls when the machine has no socket for a connection, seen through a dial of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"
#include "backend/conn.h"
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    struct ev_loop *loop;
    struct arena arena;
    struct backends set;
    int server;  /* the server's end of the last connection */
    int sockets; /* so many more there are */
    int failures, answers;
    char why[128];
} w;

static int dial(void *about, const struct backend *b, int *fd)
{
    int pair[2];
    (void)about;
    (void)b;
    *fd = -1;
    if (w.sockets-- <= 0) return EMFILE;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    *fd = pair[0];
    w.server = pair[1];
    return 0;
}

static void hear(void *owner, const struct call_news *news)
{
    (void)owner;
    w.answers += news->event == CALL_ANSWERED;
    if (news->event != CALL_FAILED) return;
    w.failures++;
    snprintf(w.why, sizeof w.why, "%s", news->failure);
}

/* What the loop brings within so many seconds. */
static void passes(double seconds)
{
    double end = ev_time() + seconds;
    do {
        w.set.now = ev_now(w.loop);
        ev_run(w.loop, EVRUN_NOWAIT);
        backends_flush(&w.set);
        arena_reset(&w.arena);
        usleep(1000);
    } while (ev_time() < end);
}

static void server_sees(const char *text)
{
    char bytes[256];
    ssize_t n;
    for (int i = 0; i < 1000 && (n = read(w.server, bytes, sizeof bytes)) < 0; i++) passes(0);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

static void server_says(const char *text)
{
    assert_int_equal(write(w.server, text, strlen(text)), strlen(text));
}

/* Of a server with that version, proved. */
static struct backend *backend_of(const char *version)
{
    static struct board_worker part;
    struct backend_settings settings = backend_settings_default();
    struct addr_spec spec;
    assert_null(addr_spec_parse(&spec, "server:1", 8));
    settings.connect_timeout = 0.01;
    w.loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    arena_init(&w.arena, 64 * 1024);
    backends_init(&w.set, w.loop, &w.arena, &part);
    w.set.now = ev_now(w.loop);
    w.set.dial = dial;
    w.sockets = 1;
    w.failures = w.answers = 0;
    struct backend *b = backends_get(&w.set, "server:1", &spec, &settings);
    backends_start(&w.set);
    server_sees("version\r\n");
    server_says(version);
    server_sees("mn\r\n");
    server_says("MN\r\n");
    passes(0);
    return b;
}

static void the_end(struct backend *b)
{
    backend_give(b);
    backends_release(&w.set);
    arena_release(&w.arena);
    ev_loop_destroy(w.loop);
    close(w.server);
}

static enum backend_status ask_within(struct backend *b, struct request r, double seconds)
{
    const char *reason;
    struct backend_call how = {.deadline = w.set.now + seconds, .done = hear, .owner = &w};
    r.key_at = (uintptr_t) "k";
    r.key_len = 1;
    return backend_send(b, &r, &how, &reason);
}

static enum backend_status ask(struct backend *b, struct request r)
{
    return ask_within(b, r, 0.05);
}

static const struct request meta_set = {
    .command_id = COMMAND_META_SET, .value_at = (uintptr_t) "x", .value_len = 1};

/* The call fails at once; when its time would have passed nothing is left of it, and the server is not down. */
static void a_call_apart_for_which_there_is_no_socket_fails(void **state)
{
    struct backend *b = backend_of("VERSION UNKNOWN\r\n");
    for (int i = 1; i <= 3; i++) {
        ask(b, meta_set);
        assert_int_equal(w.failures, i);
        assert_non_null(strstr(w.why, "no socket"));
        passes(0.1);
    }
    assert_int_equal(backends_in_flight(&w.set), 0);
    assert_false(b->down);
    assert_int_equal(ask(b, (struct request){.command_id = COMMAND_GET}), BACKEND_OK);
    passes(0);
    server_sees("get k\r\n");
    server_says("END\r\n");
    passes(0);
    assert_int_equal(w.answers, 1);
    the_end(b);
}

/* A connection that would have asked `mn` after all, and cannot: the call is refused, and later ones are as the server is down. */
static void a_connection_that_cannot_start_again_refuses(void **state)
{
    struct backend *b = backend_of("VERSION 1.6.18\r\n");
    b->conns[0]->is_unasked = true;
    b->conns[0]->dialect.meta = false;
    assert_int_equal(ask(b, (struct request){.command_id = COMMAND_META_GET}), BACKEND_REFUSED);
    assert_int_equal(ask(b, (struct request){.command_id = COMMAND_GET}), BACKEND_REFUSED);
    passes(0.1);
    assert_int_equal(backends_in_flight(&w.set), 0);
    assert_int_equal(w.failures, 0);
    the_end(b);
}

/* Its call failed: sends another one, which fails at once and for another reason. */
static void ask_again(void *owner, const struct call_news *news)
{
    struct backend *b = owner;
    if (news->event != CALL_FAILED) return;
    ask(b, meta_set);
    assert_non_null(strstr(w.why, "no socket"));
}

static void a_failure_keeps_its_text_while_its_owner_sends_another_call(void **state)
{
    struct backend *b = backend_of("VERSION UNKNOWN\r\n");
    const char *reason;
    struct request get = {.command_id = COMMAND_GET, .key_at = (uintptr_t) "k", .key_len = 1};
    struct backend_call first = {.deadline = w.set.now + 0.05, .done = ask_again, .owner = b};
    assert_int_equal(backend_send(b, &get, &first, &reason), BACKEND_OK);
    get.affinity = 1;
    assert_int_equal(ask(b, get), BACKEND_OK);
    passes(0.1);
    assert_int_equal(w.failures, 2);
    assert_string_equal(w.why, "server:1 timeout");
    the_end(b);
}

/* Its call apart failed with the connection: sends a get, which goes the same way as the call behind it, and fails with that. */
static void read_back(void *owner, const struct call_news *news)
{
    w.failures += news->event == CALL_FAILED;
    ask(owner, (struct request){.command_id = COMMAND_GET});
}

/* The line of a get was left open for further keys; when the get fails, nothing of it is left for the next connection. */
static void a_get_that_fails_while_it_waits_leaves_nothing_in_the_stream(void **state)
{
    struct backend *b = backend_of("VERSION UNKNOWN\r\n");
    const char *reason;
    struct request r = meta_set;
    r.key_at = (uintptr_t) "k";
    r.key_len = 1;
    struct backend_call first = {.deadline = w.set.now + 9, .done = read_back, .owner = b};
    int usual = w.server;
    w.sockets = 2;
    assert_int_equal(backend_send(b, &r, &first, &reason), BACKEND_OK);
    assert_int_equal(ask_within(b, meta_set, 9), BACKEND_OK);
    passes(0);
    close(w.server); /* before it has said what it is */
    for (int i = 0; i < 1000 && w.failures < 3; i++) passes(0);
    assert_int_equal(w.failures, 3);
    server_sees("version\r\n");
    server_says("VERSION UNKNOWN\r\n");
    server_sees("mn\r\n");
    server_says("MN\r\n");
    passes(0);
    assert_int_equal(ask_within(b, meta_set, 9), BACKEND_OK);
    server_sees("ms k 1\r\nx\r\n");
    close(usual);
    the_end(b);
}

/* The server does not know its request: sends it again, when the connection may be made again for it. */
static void insist(void *owner, const struct call_news *news)
{
    struct backend *b = owner;
    w.failures += news->event == CALL_FAILED;
    b->shuns_noop_until = 0;
    assert_int_equal(ask(b, (struct request){.command_id = COMMAND_META_GET}), BACKEND_OK);
}

/* Requests that waited for a connection are let go, and the owner of the first makes it connect again: the others wait again, and
 * nothing of them is written before the server is known. */
static void calls_that_wait_stay_when_an_owner_makes_the_connection_again(void **state)
{
    struct backend *b = backend_of("VERSION 1.6.18\r\n");
    const char *reason;
    struct request r = {.command_id = COMMAND_META_GET,
                        .key_at = (uintptr_t) "k",
                        .key_len = 1,
                        .args_at = (uintptr_t) " N5", /* what classic commands cannot say */
                        .args_len = 3};
    struct backend_call first = {.deadline = w.set.now + 9, .done = insist, .owner = b};
    w.sockets = 2;
    b->shuns_noop_until = INFINITY;
    close(w.server);
    for (int i = 0; i < 1000 && b->conns[0]->state == CONN_READY; i++) passes(0);
    server_sees("version\r\n");
    assert_int_equal(backend_send(b, &r, &first, &reason), BACKEND_OK);
    assert_int_equal(ask_within(b, (struct request){.command_id = COMMAND_GET}, 9), BACKEND_OK);
    server_says("VERSION 1.6.18\r\n");
    int before = w.server;
    for (int i = 0; i < 1000 && w.server == before; i++) passes(0);
    close(before);
    server_sees("version\r\n");
    server_says("VERSION 1.6.18\r\n");
    server_sees("mn\r\n");
    server_says("MN\r\n");
    server_sees("mg k\r\nmg k v f c k\r\n");
    server_says("EN\r\nEN\r\n");
    passes(0);
    assert_int_equal(w.answers, 2);
    assert_int_equal(w.failures, 0);
    assert_int_equal(backends_in_flight(&w.set), 0);
    the_end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_apart_for_which_there_is_no_socket_fails),
        cmocka_unit_test(a_connection_that_cannot_start_again_refuses),
        cmocka_unit_test(a_get_that_fails_while_it_waits_leaves_nothing_in_the_stream),
        cmocka_unit_test(calls_that_wait_stay_when_an_owner_makes_the_connection_again),
        cmocka_unit_test(a_failure_keeps_its_text_while_its_owner_sends_another_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
