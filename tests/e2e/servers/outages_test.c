/* What the log says of a server that goes down: one line then, one when it is back, whatever the number of workers, connections and
 * tries. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

enum { WORKERS = 2, CONNECTIONS = 3 };

static struct moongate *begins(struct backend *b, const char *more)
{
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), "probe_min = 0.02, probe_max = 0.05"),
                       "-j", "2", "-n", "3", more, NULL);
    backend_sees_links(b, WORKERS * CONNECTIONS);
    return m;
}

static void goes_down(struct backend *b)
{
    backend_stops_listening(b);
    backend_closes_other_links(b);
    backend_closes(b);
}

static size_t lines_of(struct moongate *m, const struct backend *b)
{
    return moongate_log_count(m, textf("backend %s: ", backend_address(b)));
}

static void a_server_that_dies_is_two_lines(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = begins(b, NULL);
    struct client *clients[WORKERS * 4];
    const char *down = textf("backend %s: down", backend_address(b));
    for (size_t i = 0; i < WORKERS * 4; i++) clients[i] = client_connects(m);

    goes_down(b);
    stat_becomes(clients[0], "servers", textf("%s:down", backend_address(b)), "2");
    moongate_sees_log(m, down);
    for (size_t i = 0; i < WORKERS * 4; i++) {
        client_sends(clients[i], "get k\r\nget k\r\n");
        client_sees_line_starting(clients[i], failure_of(backend_address(b)));
        client_sees_line_starting(clients[i], failure_of(backend_address(b)));
    }
    double until = stage_now() + 0.3; /* many tries */
    while (stage_now() < until) stage_turns(20);
    backend_listens_again(b);
    const char *back = moongate_log_line(m, textf("backend %s: back after ", backend_address(b)));
    assert_non_null(strstr(back, " info  master["));
    assert_non_null(strstr(back, " s: 16 calls failed"));
    const char *line = moongate_log_line(m, down);
    assert_non_null(strstr(line, " warn  master["));
    assert_non_null(strstr(line, " of 2 workers: "));
    assert_non_null(strstr(line, ": its calls fail at once"));
    assert_int_equal(moongate_log_count(m, down), 1);
    assert_in_range(lines_of(m, b), 2, 6); /* and how connections ended before that was noticed */
}

static void connections_that_end_are_counted_in_one_line(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = begins(b, NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get k\r\n");
    backend_turns_to_input(b);
    backend_sees(b, "get k\r\n");
    backend_answers(b, "VALUE other 0 1\r\nx\r\nEND\r\n");
    client_sees_line_starting(c, failure_of(backend_address(b)));
    const char *line =
        moongate_log_line(m, textf("backend %s: 1 connection ended: ", backend_address(b)));
    assert_non_null(strstr(line, "desync: "));
    assert_non_null(strstr(line, ": 1 call failed"));
    assert_int_equal(moongate_log_count(m, ": down"), 0);
}

static void without_a_master_the_process_says_it_itself(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), "probe_min = 0.02, probe_max = 0.05"),
                       "--single-process", NULL);
    backend_sees_links(b, 1);
    goes_down(b);
    const char *line = moongate_log_line(m, textf("backend %s: down: ", backend_address(b)));
    assert_non_null(strstr(line, " warn  moongate["));
}

static void debug_lines_tell_each_worker_and_connection(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = begins(b, "-v");
    goes_down(b);
    moongate_sees_log_times(
        m, textf("backend %s: down: its calls fail at once", backend_address(b)), WORKERS);
    moongate_sees_log_times(m, textf("backend %s: closed", backend_address(b)), CONNECTIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_server_that_dies_is_two_lines),
        play(connections_that_end_are_counted_in_one_line),
        play(without_a_master_the_process_says_it_itself),
        play(debug_lines_tell_each_worker_and_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
