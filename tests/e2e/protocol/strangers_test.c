/* Clients that speak another protocol: named in the log with what to do, counted, and answered as memcached does. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

#define IN(text) text, sizeof(text) - 1

static const struct {
    const char *bytes;
    size_t n;
    const char *answer; /* before it is closed; NULL: it stays */
    const char *counter, *says, *cure;
} strangers[] = {
    {IN("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), "", "foreign_tls",
     "speaks TLS, not memcache", "turn TLS off in the client"},
    {IN("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), "", "foreign_http",
     "speaks HTTP, not memcache", "health check elsewhere"},
    {IN("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nset k 0 0 1\r\nx\r\n"), "", "foreign_http",
     "speaks HTTP, not memcache", "health check elsewhere"},
    {IN("*1\r\n$4\r\nPING\r\n"), NULL, "foreign_resp", "speaks Redis' protocol, not memcache",
     "point the client to a Redis server"},
};

enum { STRANGERS = sizeof strangers / sizeof *strangers };

static void stranger_is_answered(struct client *c, const char *answer)
{
    if (answer) {
        client_sees(c, answer);
        client_sees_closed(c);
    } else {
        client_sees(c, "ERROR\r\nERROR\r\nERROR\r\n");
        client_sees_nothing_more(c);
    }
}

static void each_is_named_with_its_address_and_what_to_do(void **state)
{
    for (size_t i = 0; i < STRANGERS; i++) {
        struct backend *b = backend_listens();
        struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
        struct client *known = client_connects(m), *c = client_connects(m);

        client_sends_bytes(c, strangers[i].bytes, strangers[i].n);
        stranger_is_answered(c, strangers[i].answer);
        moongate_sees_log(m, strangers[i].says);
        const char *line = moongate_log_line(m, strangers[i].says);
        assert_non_null(strstr(line, "warn  "));
        assert_non_null(strstr(line, ": client 127.0.0.1:"));
        assert_non_null(strstr(line, " at listener 127.0.0.1: speaks "));
        assert_non_null(strstr(line, strangers[i].cure));
        assert_int_equal(stat_number(known, "proxy", strangers[i].counter), 1);
        backend_has_nothing_yet(b);
        stage_clears();
    }
}

static void one_that_sends_byte_by_byte_is_known_too(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "-b",
                                        textf("cron=unix:%s/s", program_folder()), NULL);
    struct client *known = client_connects(m);

    for (size_t i = 0; i < STRANGERS; i++) {
        struct client *c = client_connects(m);
        size_t n = strangers[i].answer ? 5 : strangers[i].n; /* then it may be closed already */
        if (strangers[i].bytes[0] == '\x16') n = 2;
        client_sends_in_pieces(c, strangers[i].bytes, n - 1, 1);
        client_sends_bytes(c, strangers[i].bytes + n - 1, strangers[i].n - (n - 1));
        stranger_is_answered(c, strangers[i].answer);
    }
    stat_becomes(known, "proxy", "foreign_http", "2");
    moongate_sees_log(m, textf("client unix at listener cron: speaks HTTP, not memcache's text "
                               "protocol: point the browser, proxy or health check elsewhere"));
    assert_int_equal(stat_number(known, "proxy", "foreign_tls"), 1);
    assert_int_equal(stat_number(known, "proxy", "foreign_resp"), 1);
}

static void many_are_counted_and_cost_one_line(void **state)
{
    enum { MANY = 100 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *known = client_connects(m);

    for (int i = 0; i < MANY; i++) {
        struct client *c = client_connects(m);
        client_sends(c, "\x16\x03\x01");
        client_sees_closed(c);
    }
    assert_int_equal(stat_number(known, "proxy", "foreign_tls"), MANY);
    assert_in_range(moongate_log_count(m, "speaks TLS"), 1,
                    2); /* two: the budget was renewed meanwhile */
}

/* Only how a connection begins says what it speaks. */
static void what_memcache_clients_send_is_never_taken_for_another_protocol(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m);

    client_sends(c, "version\r\n");
    client_sees_line_starting(c, "VERSION ");
    client_sends(c, "*1\r\n");
    client_sees(c, "ERROR\r\n");
    client_sends(c, "set k 0 0 4\r\n\x16\x03\x01\x80\r\n");
    backend_sees(b, "set k 0 0 4\r\n\x16\x03\x01\x80\r\n");
    backend_answers(b, "STORED\r\n");
    client_sees(c, "STORED\r\n");
    static const char *const counters[] = {"foreign_binary", "foreign_tls", "foreign_http",
                                           "foreign_resp"};
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        assert_int_equal(stat_number(c, "proxy", counters[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(each_is_named_with_its_address_and_what_to_do),
        play(one_that_sends_byte_by_byte_is_known_too),
        play(many_are_counted_and_cost_one_line),
        play(what_memcache_clients_send_is_never_taken_for_another_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
