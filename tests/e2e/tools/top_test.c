/* `moongate top --once` and `--json`, in front of a daemon that runs; and what is hot, as they tell it. In a terminal: tests/operate/top_test. */
#include "lib/client.h"
#include "lib/desk.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { DONE = 0, USAGE = 2, NO_SOCKET = 3 };

static const char *path;

static struct moongate *starts(const struct memcached *server)
{
    path = desk_path("a.sock");
    return moongate_start(
        textf(MG "return mg.pool { name = 'users', '%s' }\n", memcached_address(server)), "-j", "2",
        "--admin", textf("unix:%s,read-only", path), NULL);
}

static struct run tops(const char *how)
{
    return moongate_runs("top", "-s", path, how, NULL);
}

/* Until the last look of the master has the requests, and the worker's heat the key. */
static const char *tops_until(const char *how, const char *text)
{
    struct run run;
    double end = stage_now() + 30;
    do {
        run = tops(how);
        exits(run, DONE);
        if (strstr(run.out, text)) return run.out;
    } while (stage_now() < end);
    has(run.out, text);
    return run.out;
}

static void asks(struct client *c, const char *key, int times)
{
    for (int i = 0; i < times; i++) client_sends(c, textf("get %s\r\n", key));
    for (int i = 0; i < times; i++) client_sees(c, "END\r\n");
}

static void once_shows_all_tables(void **state)
{
    struct memcached *server = memcached_start(NULL);
    struct moongate *m = starts(server);
    struct client *c = client_connects(m);
    asks(c, "evil\x1b[2J\xff", 60);
    asks(c, "plain", 40);
    const char *text = tops_until("--once", "\nget ");
    begins_with(text, "moongate ");
    has(text, " running, up ");
    has(text, "workers 2/2");
    has(text, textf("\n%s ", memcached_address(server)));
    has(text, "\nserver ");
    has(text, "\npool ");
    has(text, "\ncommand ");
    has(text, "\nlistener ");
    has(text, "\nevil\\x1b[2J\\xff ");
    has(text, "\nplain ");
    has(text, " 60.0% ");
    has(text, "\n127.0.0.1 ");
    for (const char *at = text; *at; at++) assert_true(*at == '\n' || (*at >= ' ' && *at <= '~'));
}

static void json_is_the_status_document(void **state)
{
    struct memcached *server = memcached_start(NULL);
    struct moongate *m = starts(server);
    struct client *c = client_connects(m);
    asks(c, "a\xff", 75);
    asks(c, "b", 25);
    struct run run = tops("--json");
    exits(run, DONE);
    assert_int_equal(lines_of(run.out), 1);
    assert_string_equal(json_member(run.out, "state"), "running");
    assert_int_equal((int)json_member_number(run.out, "hot_keys_count"), 2);
    const char *keys = strstr(run.out, "\"hot_keys\":[");
    assert_non_null(keys);
    begins_with(
        keys, "\"hot_keys\":[{\"name\":\"a\xef\xbf\xbd\",\"name_base64\":\"Yf8=\",\"share\":0.75");
    has(keys, "{\"name\":\"b\",\"share\":0.25");
    const char *clients = strstr(run.out, "\"hot_clients\":[");
    assert_non_null(clients);
    begins_with(clients, "\"hot_clients\":[{\"name\":\"127.0.0.1\",\"share\":1,");
    assert_true(json_member_number(clients, "bytes_per_second") > 0);
}

/* The worker that counted is gone; what it has counted cools down with the time, and is still told. */
static void what_was_hot_in_a_worker_that_died_is_told(void **state)
{
    struct memcached *server = memcached_start(NULL);
    struct moongate *m = starts(server);
    pid_t workers[2];
    struct client *c = client_connects(m), *d = client_connects(m);
    moongate_workers(m, workers, 2);
    asks(c, "k", 200);
    asks(d, "k", 200);
    kill(workers[0], SIGKILL);
    moongate_sees_log(m, ": gone: signal 9");
    const char *text = tops_until("--json", "\"hot_keys\":[{\"name\":\"k\",\"share\":1,");
    assert_int_equal((int)json_member_number(text, "hot_keys_count"), 1);
}

static void what_cannot_be_done_is_said(void **state)
{
    path = desk_path("none.sock");
    struct run run = tops("--once");
    exits(run, NO_SOCKET);
    is_said(run.out, "");
    begins_with(run.err, textf("moongate: top: socket %s: No such file or directory: ", path));
    run = moongate_runs("top", "-s", path, NULL); /* its output is no terminal */
    exits(run, USAGE);
    has(run.err, "give --once or --json");
    exits(moongate_runs("top", "word", NULL), USAGE);
    run = moongate_runs("top", "-h", NULL);
    exits(run, DONE);
    has(run.out, "moongate top [options]\n");
    has(run.out, "? shows the keys");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(once_shows_all_tables),
        play(json_is_the_status_document),
        play(what_was_hot_in_a_worker_that_died_is_told),
        play(what_cannot_be_done_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
