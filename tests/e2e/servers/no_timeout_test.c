/* timeout = 0 and stall_timeout = 0: a call waits as long as it takes, and only then. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

static void a_call_without_a_timeout_outlives_one_that_has_one(void **state)
{
    struct backend *slow = backend_listens(), *timed = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG "local slow = mg.pool { '%s', name = 'slow', timeout = 0, stall_timeout = 0 }\n"
                 "local timed = mg.pool { '%s', timeout = 0.08, stall_timeout = 0.05 }\n"
                 "return mg.by_prefix { { t = timed }, default = slow, separator = ':' }\n",
              backend_address(slow), backend_address(timed)),
        NULL);
    struct client *c = client_connects(m), *other = client_connects(m);

    assert_string_equal(stat_text(c, "pools", "slow:timeout"), "0");
    client_sends(c, "gat 10 a b\r\n");
    backend_sees(slow, "gat 10 a b\r\n");
    client_sends(other, "get t:1\r\n");
    client_sees_line_starting(other, failure_of(backend_address(timed)));
    client_has_nothing_yet(c);
    backend_answers(slow, hit_and_end("a", "x"));
    client_sees(c, hit_and_end("a", "x"));
    client_sees_nothing_more(c);
}

static void a_silent_server_is_left_after_its_stall_timeout(void **state)
{
    struct backend *b = backend_listens();
    const char *options = "timeout = 0, stall_timeout = 0.05";
    struct client *c =
        client_connects(moongate_start(script_of_one(backend_address(b), options), NULL));

    client_sends(c, "set k 0 0 1\r\nx\r\n"); /* a get would be sent again */
    backend_sees(b, "set k 0 0 1\r\nx\r\n");
    client_sees(c, textf("%sstalled\r\n", failure_of(backend_address(b))));
    backend_sees_closed(b);
    get_misses(c, "l", b, "l");
    client_sees_nothing_more(c);
}

static void many_connections_go_to_one_server(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), "connections = 100"), NULL);
    struct client *c = client_connects(m);

    backend_sees_links(b, 100);
    stat_becomes(c, "servers", textf("%s:ready", backend_address(b)), "100");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_call_without_a_timeout_outlives_one_that_has_one),
        play(a_silent_server_is_left_after_its_stall_timeout),
        play(many_connections_go_to_one_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
