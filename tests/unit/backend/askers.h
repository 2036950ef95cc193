/* askers: owners that ask one server for keys, in one turn or another, and what each gets; the server's bytes are the test's.
 *
 * Each program that includes this has a set of servers of its own: begins makes it, ends frees it.
 */
#ifndef TESTS_UNIT_BACKEND_ASKERS_H
#define TESTS_UNIT_BACKEND_ASKERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"
#include "backend/conn.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OWNERS = 600 };

/* One who asks, and what has come for it. */
struct owner {
    int answers, failures;
    char text[64];
    char shown[64];
    uint32_t part;
    struct blob *blob;
};

static struct {
    struct ev_loop *loop;
    struct arena arena;
    struct board_worker part;
    struct backends set;
    struct backend *b;
    int server; /* the server's end of the last connection */
    int before; /* that of the one before, where `keeps` */
    bool keeps; /* a connection that is dialled does not end the one before */
    struct owner owners[OWNERS];
} w;

static inline int dial(void *about, const struct backend *b, int *fd)
{
    int pair[2];
    (void)about;
    (void)b;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    *fd = pair[0];
    if (w.keeps)
        w.before = w.server;
    else if (w.server >= 0)
        close(w.server);
    w.server = pair[1];
    return 0;
}

static inline void hear(void *owner, const struct call_news *news)
{
    struct owner *o = owner;
    o->answers += news->event == CALL_ANSWERED;
    o->failures += news->event == CALL_FAILED;
    if (news->event == CALL_FAILED) {
        snprintf(o->text, sizeof o->text, "%s", news->failure);
        return;
    }
    size_t len = news->response->len < sizeof o->text ? news->response->len : sizeof o->text - 1;
    memcpy(o->text, news->response->bytes, len);
    o->text[len] = '\0';
    o->part = news->key.part;
    o->blob = news->blob;
    if (news->response->kind != RESPONSE_VALUE) return;
    snprintf(o->shown, sizeof o->shown, "%.*s", (int)news->key.shown_len, news->key.shown);
}

static inline void passes(double seconds)
{
    double end = ev_time() + seconds;
    do {
        w.set.now = ev_now(w.loop);
        ev_run(w.loop, EVRUN_NOWAIT);
        backends_flush(&w.set);
        arena_reset(&w.arena);
        if (seconds > 0) usleep(1000);
    } while (ev_time() < end);
}

static inline void server_sees(const char *text)
{
    static char bytes[64 * 1024];
    size_t n = 0, len = strlen(text);
    for (int i = 0; i < 5000 && n < len; i++) {
        ssize_t got = read(w.server, bytes + n, sizeof bytes - 1 - n);
        if (got > 0) n += (size_t)got;
        if (n < len) passes(0.001);
    }
    bytes[n] = '\0';
    assert_string_equal(bytes, text);
}

static inline void server_has_nothing_more(void)
{
    char bytes[64];
    passes(0);
    assert_true(read(w.server, bytes, sizeof bytes) < 0);
}

static inline void server_says(const char *text)
{
    assert_int_equal(write(w.server, text, strlen(text)), strlen(text));
    passes(0);
    passes(0);
}

static inline void server_is_proved(const char *version, const char *noop)
{
    server_sees("version\r\n");
    server_says(version);
    server_sees("mn\r\n");
    server_says(noop);
}

static inline struct backend_settings usual(void)
{
    struct backend_settings settings = backend_settings_default();
    settings.connect_timeout = 30;
    settings.stall_timeout = 30;
    settings.failure_limit = 1000;
    settings.ask = ASK_GET;
    return settings;
}

static inline void begins_at(const char *version, struct backend_settings settings,
                             const char *noop)
{
    struct addr_spec spec;
    memset(&w, 0, sizeof w);
    w.server = -1;
    assert_null(addr_spec_parse(&spec, "server:1", 8));
    w.loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    arena_init(&w.arena, 64 * 1024);
    backends_init(&w.set, w.loop, &w.arena, &w.part);
    w.set.now = ev_now(w.loop);
    w.set.dial = dial;
    w.set.log.burst = 0;
    w.b = backends_get(&w.set, "server:1", &spec, &settings);
    backends_start(&w.set);
    server_is_proved(version, noop);
}

static inline void begins_with(struct backend_settings settings, const char *noop)
{
    begins_at("VERSION 1.6.18\r\n", settings, noop);
}

static inline void begins(void)
{
    begins_with(usual(), "MN\r\n");
}

static inline void merges(void)
{
    struct backend_settings settings = usual();
    settings.merge = 1;
    settings.ask = ASK_AUTO;
    begins_with(settings, "ERROR\r\n");
}

static inline void ends(void)
{
    assert_int_equal(backends_in_flight(&w.set), 0);
    for (int i = 0; i <= BACKEND_NO_POOL; i++) assert_int_equal(w.set.pools[i]->in_flight, 0);
    backend_give(w.b);
    backends_release(&w.set);
    arena_release(&w.arena);
    ev_loop_destroy(w.loop);
    close(w.server);
    if (w.keeps) close(w.before);
}

static inline void send_of(int owner, struct request r, const char *key, double seconds)
{
    const char *reason;
    struct backend_call how = {.deadline = w.set.now + seconds,
                               .pool = (uint8_t)(owner % 2),
                               .done = hear,
                               .owner = &w.owners[owner]};
    r.key_at = (uintptr_t)key;
    r.key_len = (uint16_t)strlen(key);
    if (!r.affinity) r.affinity = (uint32_t)owner + 1;
    assert_int_equal(backend_send(w.b, &r, &how, &reason), BACKEND_OK);
}

/* The client of that number gets a key. */
static inline void gets(int owner, const char *key)
{
    send_of(owner, (struct request){.command_id = COMMAND_GET}, key, 30);
}

/* The same by the client of another owner. */
static inline void gets_as(int owner, int client, const char *key)
{
    struct request r = {.command_id = COMMAND_GET, .affinity = (uint32_t)client + 1};
    send_of(owner, r, key, 30);
}

static inline struct request set_request(int client)
{
    return (struct request){.command_id = COMMAND_SET,
                            .value_at = (uintptr_t) "x",
                            .value_len = 1,
                            .affinity = (uint32_t)client + 1};
}

static inline void until_it_fails(int owner)
{
    for (int i = 0; i < 6000 && w.owners[owner].failures == 0; i++) passes(0.005);
    assert_int_equal(w.owners[owner].failures, 1);
}

static inline void has_got(int owner, const char *text)
{
    assert_string_equal(w.owners[owner].text, text);
    assert_int_equal(w.owners[owner].answers + w.owners[owner].failures, 1);
}

#define K "VALUE k 0 1\r\nx\r\nEND\r\n"

#endif
