/* Requests that are watched, and slow ones, at the admin socket: what is shown of each, filters, what is lost, and that neither viewers
 * nor workers that end disturb the others. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/desk.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"
#include "lib/upgrade.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const char *admin; /* the path of its socket */

static struct moongate *begins(const char *script, const char *more, const char *value)
{
    admin = desk_path("a.sock");
    return moongate_start(script, "--admin", textf("unix:%s", admin), more, value, NULL);
}

/* From now on what fits is shown. */
static struct client *watches(const char *words)
{
    struct client *desk = desk_opens(admin);
    client_sends(desk, textf("watch %s\n", words));
    client_sees_line_starting(desk, "# time us command key result ");
    return desk;
}

/* The next event must have these columns behind its time and microseconds. */
static void sees_event(struct client *desk, const char *columns)
{
    const char *line = client_sees_line(desk);
    const char *us = strchr(line, ' '), *rest = us ? strchr(us + 1, ' ') : NULL;
    if (!rest || line[10] != 'T' || strncmp(rest + 1, columns, strlen(columns)) != 0)
        stage_fails("'... %s' expected, not '%s'", columns, line);
}

static void each_request_is_shown_with_what_became_of_it(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        begins(textf(MG "return mg.pool { '%s', name = 'users' }\n", backend_address(b)), "-b",
               "web=127.0.0.1:0");
    const char *from = textf("%s users pool\\x20users 127.0.0.1:", backend_address(b));
    struct client *c = client_connects(m), *desk = watches("");

    get_finds(c, "k", b, "k", "hello");
    sees_event(desk, textf("get k hit 25 %s", from));
    client_sends(c, "set k 0 0 3 noreply\r\nabc\r\ndelete k\r\nmg k v q\r\nversion\r\nbogus\r\n");
    backend_sees(b, "set k 0 0 3\r\nabc\r\ndelete k\r\nmg k v\r\n");
    sees_event(desk, "version - answered 16 - - moongate 127.0.0.1:");
    sees_event(desk, "? - error 7 - - moongate 127.0.0.1:");
    backend_answers(b, "STORED\r\nNOT_FOUND\r\nEN\r\n");
    client_sees(c, "NOT_FOUND\r\nVERSION 1.6.45\r\nERROR\r\n");
    sees_event(desk, textf("set k stored 3 %s", from));
    sees_event(desk, textf("delete k miss 11 %s", from));
    sees_event(desk, textf("mg k miss 0 %s", from));
    client_sends(c, "get a b c\r\n");
    backend_sees(b, "get a b c\r\n");
    backend_answers(b, "VALUE b 0 1\r\nx\r\nEND\r\n");
    client_sees(c, "VALUE b 0 1\r\nx\r\nEND\r\n");
    sees_event(desk, textf("get a miss 0 %s", from));
    sees_event(desk, textf("get b hit 16 %s", from));
    sees_event(desk, textf("get c miss 0 %s", from));
}

static void what_was_in_flight_before_is_not_shown(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = begins(script_of_one(backend_address(b), ""), NULL, NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get before\r\n");
    backend_sees(b, "get before\r\n");
    struct client *desk = watches("");
    client_sends(c, "get after\r\n");
    backend_sees(b, "get after\r\n");
    backend_answers(b, "END\r\nEND\r\n");
    client_sees(c, "END\r\nEND\r\n");
    sees_event(desk, "get after miss ");
}

static void only_what_fits_the_filter_is_shown(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    const char *script = textf(MG "local one = mg.pool { '%s', name = 'one' }\n"
                                  "local two = mg.pool { '%s', name = 'two' }\n"
                                  "return function(req)\n"
                                  "  if req:has_prefix 'a' then return one end\n"
                                  "  if req:has_prefix 'e' then return mg.reply.error 'no' end\n"
                                  "  return two\nend\n",
                               backend_address(a), backend_address(b));
    struct moongate *m = begins(script, NULL, NULL);
    struct client *c = client_connects(m);
    struct client *key = watches("key a:"), *pool = watches("pool two"),
                  *server = watches(textf("server %s", backend_address(a))),
                  *errors = watches("errors"), *touch = watches("command touch"),
                  *slow = watches("slower-than 100ms");

    get_misses(c, "a:1", a, "a:1");
    get_misses(c, "ab", a, "ab");
    client_sends(c, "touch b 5\r\nget e\r\n");
    backend_sees(b, "touch b 5\r\n");
    for (double end = stage_now() + 0.12; stage_now() < end;) stage_turns(5);
    backend_answers(b, "TOUCHED\r\n");
    client_sees(c, "TOUCHED\r\nSERVER_ERROR no\r\n");
    sees_event(key, "get a:1 miss ");
    sees_event(pool, "touch b touched ");
    sees_event(server, "get a:1 miss ");
    sees_event(server, "get ab miss ");
    sees_event(errors, "get e error 17 - - function 127.0.0.1:");
    sees_event(touch, "touch b touched ");
    sees_event(slow, "touch b touched ");
    struct client *all[] = {key, pool, server, errors, touch, slow};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        client_sends(all[i], "\n");
        client_sees(all[i], "END\n");
    }
}

static void a_share_of_the_requests_is_taken_by_chance(void **state)
{
    enum { MANY = 4000, AT_ONCE = 100 };
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = begins(script_of_one(memcached_address(s), ""), NULL, NULL);
    struct client *c = client_connects(m), *desk = watches("sample 5%");
    size_t shown = 0;

    for (int i = 0; i < MANY / AT_ONCE; i++) {
        for (int j = 0; j < AT_ONCE; j++) client_sends(c, "get k\r\n");
        for (int j = 0; j < AT_ONCE; j++) client_sees(c, "END\r\n");
    }
    client_sends(desk, "watch command version\n"); /* ends the first watch and begins another one */
    for (;;) {
        const char *line = client_sees_line(desk);
        if (strncmp(line, "END", 3) == 0) break;
        shown += strstr(line, " get k miss ") != NULL;
    }
    assert_in_range(shown, MANY / 20 / 2, MANY / 20 * 2);
    client_sees_line_starting(desk, "# time ");
    client_sees_nothing_more(c);
    sees_event(desk, "version - answered ");
}

static void bytes_of_any_kind_are_shown_as_text_and_as_json(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = begins(script_of_one(backend_address(b), ""), NULL, NULL);
    struct client *c = client_connects(m), *text = watches("key \"\\x1b[\""),
                  *json = desk_opens(admin);

    client_sends(json, "json watch\n");
    client_sees(json, "{\"type\":\"watching\"}\n");
    client_sends(c, "get \x1b[2J\xff\"\r\n");
    backend_sees(b, "get \x1b[2J\xff\"\r\n");
    backend_answers(b, "SERVER_ERROR \x1b]0;x\x07\r\n");
    client_sees(c, "SERVER_ERROR \x1b]0;x\x07\r\n");
    const char *line = client_sees_line(text);
    has(line, " get \\x1b[2J\\xff\" error ");
    has(line, " SERVER_ERROR \\x1b]0;x\\x07");
    line = client_sees_line(json);
    has(line, "\"key\":\"\\u001b[2J\\ufffd\\\"\",\"key_base64\":\"G1sySv8i\"");
    has(line, "\"error\":\"SERVER_ERROR \\u001b]0;x\\u0007\"");
    has(line, textf("\"server\":\"%s\"", backend_address(b)));
}

static void a_viewer_that_does_not_read_loses_events_and_nobody_waits(void **state)
{
    enum { MANY = 40000, AT_ONCE = 200 };
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = begins(script_of_one(memcached_address(s), ""), NULL, NULL);
    struct client *c = client_connects(m), *desk = watches("");
    unsigned long lost = 0, shown = 0;

    client_stops_reading(desk);
    for (int i = 0; i < MANY / AT_ONCE; i++) {
        for (int j = 0; j < AT_ONCE; j++) client_sends(c, "get k\r\n");
        for (int j = 0; j < AT_ONCE; j++) client_sees(c, "END\r\n");
    }
    client_reads_again(desk);
    while (lost + shown < MANY) {
        const char *line = client_sees_line(desk);
        if (strncmp(line, "note: ", 6) == 0)
            lost += strtoul(line + 6, NULL, 10);
        else
            shown++;
        if (lost + shown == MANY) break;
        if (shown % 100 == 0) client_sends(c, "get k\r\n"), client_sees(c, "END\r\n"), lost--;
    }
    assert_true(lost > 0);
}

static void nine_may_not_watch_and_one_that_goes_makes_room(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = begins(script_of_one(backend_address(b), ""), NULL, NULL);
    struct client *desks[8], *ninth = desk_opens(admin);

    (void)m;
    for (int i = 0; i < 8; i++) desks[i] = watches("");
    desk_gets(ninth, "watch", "ERROR watch: 8 sessions watch already: end one");
    client_closes(desks[3]);
    double end = stage_now() + stage_deadline();
    for (;;) {
        client_sends(ninth, "watch\n");
        if (strncmp(client_sees_line(ninth), "# time", 6) == 0) break;
        if (stage_now() > end) stage_fails("a viewer that has gone makes no room");
    }
}

static void wrong_words_are_refused(void **state)
{
    static const char *const wrong[][2] = {
        {"watch pool nix", "ERROR watch: pool nix: there is no such pool"},
        {"watch server 1.2.3.4:5", "there is no such server"},
        {"watch command fetch", "there is no such command"},
        {"watch slower-than fast", "give a time such as 10ms"},
        {"watch slower-than", "give a time such as 10ms"},
        {"watch sample 0", "give a share above 0"},
        {"watch sample 101%", "give a share above 0"},
        {"watch key \"\"", "a word is empty"},
        {"watch key", "a prefix has 1 to 250 bytes"},
        {"watch colour red", "not a word of watch"},
        {"slow down", "ERROR slow: give slow"},
    };
    struct backend *b = backend_listens();
    (void)begins(script_of_one(backend_address(b), ""), NULL, NULL);
    struct client *desk = desk_opens(admin);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        desk_gets(desk, wrong[i][0], wrong[i][1]);
}

static void workers_that_die_do_not_disturb_a_viewer(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = begins(script_of_one(memcached_address(s), ""), NULL, NULL);
    struct client *desk = watches("key last");

    for (int i = 0; i < 3; i++) {
        struct client *c = client_connects(m);
        for (int j = 0; j < 500; j++) client_sends(c, "get other\r\n");
        pid_t worker = moongate_worker(m);
        assert_int_equal(kill(worker, SIGKILL), 0);
        moongate_sees_log_times(m, "gone: signal 9", (size_t)i + 1);
        client_closes(c);
        c = client_connects(m);
        client_asks_until(c, "get k\r\n", "END\r\n");
        client_sends(c, textf("get last%d\r\n", i));
        client_sees(c, "END\r\n");
        sees_event(desk, textf("get last%d miss ", i));
    }
}

static void slow_requests_are_kept_over_an_upgrade(void **state)
{
    upgrade_begins();
    struct backend *b = backend_listens();
    struct moongate *m = begins(script_of_one(backend_address(b), ""), "--slow-log", "0.000000001");
    struct client *c = client_connects(m);
    for (int i = 0; i < 140; i++) get_misses(c, textf("k%d", i), b, textf("k%d", i));

    struct client *desk = desk_opens(admin);
    const char *answer = desk_gets(desk, "json slow", "\"key\":\"k139\",\"result\":\"miss\"");
    has_not(answer, "\"key\":\"k11\"");
    has(answer, "\"key\":\"k12\"");
    has(answer, "\"in_server_us\":");
    assert_int_equal(lines_of(answer), 128 + 1);
    has(next_line(answer), "\"key\":\"k138\"");
    moongate_signal(m, SIGUSR2);
    moongate_becomes_new(m, 1);
    backend_sees_links(b, 2);
    desk = desk_opens(admin);
    desk_gets(desk, "json slow", "\"key\":\"k139\",\"result\":\"miss\"");
    desk_gets(desk, "slow", "k139");
}

static void ctl_watches_for_a_time(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = begins(script_of_one(backend_address(b), ""), "--slow-log", "1s");

    (void)m;
    struct run run = moongate_runs("ctl", "-s", admin, "--json", "watch", "--key", "a b",
                                   "--errors", "--slower-than", "10ms", "--timeout", "100ms", NULL);
    exits(run, 0);
    is_said(run.out, "{\"type\":\"watching\"}\n");
    run = moongate_runs("ctl", "-s", admin, "watch", "--sample", "2", NULL);
    exits(run, 1);
    has(run.err, "moongate: ctl: watch: sample 2: give a share above 0");
    run = moongate_runs("ctl", "-s", admin, "slow", "--pool", "x", NULL);
    exits(run, 2);
    has(run.err, "--pool is for watch: leave it out");
    run = moongate_runs("ctl", "-s", admin, "slow", NULL);
    exits(run, 0);
    is_said(run.out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(each_request_is_shown_with_what_became_of_it),
        play(what_was_in_flight_before_is_not_shown),
        play(only_what_fits_the_filter_is_shown),
        play(a_share_of_the_requests_is_taken_by_chance),
        play(bytes_of_any_kind_are_shown_as_text_and_as_json),
        play(a_viewer_that_does_not_read_loses_events_and_nobody_waits),
        play(nine_may_not_watch_and_one_that_goes_makes_room),
        play(wrong_words_are_refused),
        play(workers_that_die_do_not_disturb_a_viewer),
        play(slow_requests_are_kept_over_an_upgrade),
        play(ctl_watches_for_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
