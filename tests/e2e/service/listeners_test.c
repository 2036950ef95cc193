/* mg.listen: a script says where clients connect, and a reload changes that: who stays connected, who is refused, what is never closed. */
#include "lib/address.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/program.h"
#include "lib/said.h"
#include "lib/scene.h"
#include "lib/upgrade.h"

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRUSTED "--rehearse", "0", "--probation", "0"

/* A unix socket in the folder of the test. */
static const char *at(const char *name)
{
    return textf("unix:%s/%s", program_folder(), name);
}

/* mg.listen with a route that answers with a word; and with further options. */
static const char *saying(const char *address, const char *word, const char *options)
{
    return textf("mg.listen { '%s', mg.reply.error '%s' %s}\n", address, word, options);
}

static void hears(struct client *c, const char *word)
{
    client_sends(c, "get k\r\n");
    client_sees(c, textf("SERVER_ERROR %s\r\n", word));
}

static void all_hear(const char *address, const char *word)
{
    hears(client_connects_to(address), word);
}

static mode_t mode_of(const char *address)
{
    struct stat file;
    if (lstat(address + strlen("unix:"), &file) != 0) stage_fails("%s is not there", address);
    return file.st_mode & 0777;
}

static bool is_there(const char *address)
{
    return access(address + strlen("unix:"), F_OK) == 0;
}

/* --- start ---------------------------------------------------------------------------------------- */

static void each_listener_has_its_route(void **state)
{
    struct memcached *one = memcached_start(NULL), *two = memcached_start(NULL);
    const char *tcp = textf("127.0.0.1:%d", address_free_port()), *file = at("two");
    struct moongate *m = moongate_start(
        textf(MG "local one, two = mg.pool { '%s' }, mg.pool { '%s' }\n"
                 "mg.listen { '%s', one, name = 'one' }\n"
                 "mg.listen { '%s', function(req) return two end, mode = '0620', backlog = 7 }\n",
              memcached_address(one), memcached_address(two), tcp, file),
        "-j", "2", NULL);
    assert_int_equal(moongate_log_count(m, "listening on"), 2);
    assert_non_null(strstr(moongate_log_line(m, textf("listening on %s", tcp)), " as one"));
    assert_int_equal(mode_of(file), 0620);
    for (int i = 0; i < 2; i++) { /* one in each worker */
        struct client *a = client_connects_to(tcp), *b = client_connects_to(file);
        client_sends(a, "set k 0 0 1\r\na\r\nget k k\r\n");
        client_sees(a, textf("STORED\r\n%s%s", hit("k", "a"), hit_and_end("k", "a")));
        client_sends(b, "set k 0 0 1\r\nb\r\nget k\r\n");
        client_sees(b, textf("STORED\r\n%s", hit_and_end("k", "b")));
        client_sends(a, "get k\r\n");
        client_sees(a, hit_and_end("k", "a"));
        client_sends(b, "stats explain get k\r\n");
        client_sees_line_starting(b, "STAT route function at");
        client_closes(b);
    }
    stat_becomes(client_connects_to(tcp), "listeners", "one:hits", "6");
}

static void the_returned_route_serves_those_without_one(void **state)
{
    const char *a = at("a"), *b = at("b"), *bound = at("c"), *own = at("own");
    moongate_start(textf(MG "mg.listen { '%s', name = 'alpha' }\n"
                            "mg.listen { '%s' }\n%s"
                            "return function(req) return mg.reply.error(req.listener) end\n",
                         a, b, saying(own, "own", "")),
                   "-b", textf("web=%s,backlog=9", bound), NULL);
    all_hear(a, "alpha");
    all_hear(b, b);
    all_hear(bound, "web");
    all_hear(own, "own");
}

static void what_is_wrong_ends_the_start(void **state)
{
    const char *a = at("a");
    struct run run = moongate_runs(
        "-b", a, moongate_script_file(textf(MG "mg.listen { '%s' }\nreturn mg.null()\n", a)), NULL);
    assert_int_equal(run.code, 1);
    has(run.err, "--bind has this address, too: leave it out there or here");
    const char *busy = memcached_address(memcached_start(NULL));
    run = moongate_runs(moongate_script_file(textf(MG "%s", saying(busy, "x", ""))), NULL);
    assert_int_equal(run.code, 3);
    has(run.err, textf("moongate: %s: address in use: choose another port in mg.listen or "
                       "stop what listens there\n",
                       busy));
    run = moongate_runs("-b", a, moongate_script_file(textf(MG "%s", saying(at("b"), "x", ""))),
                        NULL);
    assert_int_equal(run.code, 1);
    has(run.err, "--bind listens, too: let the script return a route for its clients");
}

/* --- a reload ------------------------------------------------------------------------------------- */

static void a_reload_opens_keeps_and_closes(void **state)
{
    const char *stays = at("stays"), *comes = at("comes"), *goes = at("goes");
    struct moongate *m =
        moongate_start(textf(MG "%s%s", saying(stays, "one", ""), saying(goes, "one", "")), "-j",
                       "2", TRUSTED, NULL);
    struct client *kept = client_connects_to(stays), *left = client_connects_to(goes);
    hears(kept, "one");
    hears(left, "one");
    moongate_reloads(m, textf(MG "%s%s", saying(stays, "two", ", mode = '0600'"),
                              saying(comes, "new", ", name = 'new'")));
    moongate_sees_log(m, textf("listening no more on %s", goes));
    hears(kept, "two");
    hears(left, textf("the script has no listener %s: connect to another", goes));
    all_hear(stays, "two");
    all_hear(comes, "new");
    assert_true(client_is_refused(goes));
    assert_false(is_there(goes));
    assert_int_equal(mode_of(stays), 0600);
    stat_becomes(kept, "listeners", "new:workers", "2");
    stat_becomes(kept, "listeners", textf("%s:workers", goes), "0");
    assert_string_equal(stat_text(kept, "settings", "listen"), textf("%s,new=%s", stays, comes));
    stat_becomes(kept, "listeners", textf("%s:total_connections", stays), "2");
    moongate_reloads(m, textf(MG "%sreturn mg.reply.error 'returned'\n", saying(goes, "back", "")));
    moongate_sees_log(m, textf("listening no more on %s", stays));
    hears(left, "back");
    hears(kept, "returned");
}

/* The master is stopped, so that clients stay in the backlogs until the reload is over. */
static void clients_that_wait_are_never_reset(void **state)
{
    enum { N = 20 };
    const char *stays = textf("127.0.0.1:%d", address_free_port()), *goes = at("goes");
    struct client *kept[N], *left[N];
    struct moongate *m = moongate_start(
        textf(MG "%s%s", saying(stays, "one", ""), saying(goes, "one", "")), TRUSTED, NULL);
    moongate_gets_script(m, textf(MG "%sreturn mg.reply.error 'returned'\n",
                                  saying(stays, "two", ", backlog = 50")));
    moongate_signal(m, SIGSTOP);
    moongate_signal(m, SIGHUP);
    for (int i = 0; i < N; i++) {
        kept[i] = client_connects_to(stays);
        left[i] = client_connects_to(goes);
    }
    moongate_signal(m, SIGCONT);
    moongate_sees_log(m, "reloaded: generation 2");
    for (int i = 0; i < N; i++) {
        hears(kept[i], "two");
        hears(left[i], "returned");
    }
}

static void what_cannot_be_bound_refuses_the_reload(void **state)
{
    const char *old = at("old"), *new = at("new");
    const char *busy = memcached_address(memcached_start(NULL));
    struct moongate *m =
        moongate_start(textf(MG "%s", saying(old, "one", "")), "-j", "2", TRUSTED, NULL);
    struct client *c = client_connects_to(old);
    moongate_gets_script(m, textf(MG "%s%s%s", saying(old, "two", ", mode = '0600'"),
                                  saying(new, "two", ""), saying(busy, "two", "")));
    mode_t before = mode_of(old);
    moongate_signal(m, SIGHUP);
    has(moongate_log_line(m, "not loaded"),
        textf("listener %s: address in use: choose another port in mg.listen or stop what "
              "listens there; generation 1 goes on",
              busy));
    assert_false(is_there(new));
    assert_int_equal(mode_of(old), before);
    hears(c, "one");
    all_hear(old, "one");
    moongate_reloads(m, textf(MG "%s%s", saying(old, "three", ""), saying(new, "three", "")));
    all_hear(new, "three");
    hears(c, "three");
}

/* A script without mg.listen has the default of --bind, whatever the one before had. */
static void the_default_of_bind_comes_and_goes(void **state)
{
    const char *own = at("own");
    struct moongate *m = moongate_start(MG "return mg.reply.error 'default'\n", TRUSTED, NULL);
    const char *address = moongate_address(m);
    struct client *c = client_connects_to(address);
    hears(c, "default");
    moongate_reloads(m, textf(MG "%s", saying(own, "own", "")));
    moongate_sees_log(m, textf("listening no more on %s", address));
    assert_true(client_is_refused(address));
    all_hear(own, "own");
    hears(c, "own"); /* the only one there is */
    moongate_reloads(m, MG "return mg.reply.error 'again'\n");
    moongate_sees_log(m, textf("listening no more on %s", own));
    assert_int_equal(moongate_log_count(m, "listening on 127.0.0.1"), 2);
    hears(c, "again");
}

static void the_user_may_not_give_a_socket_away(void **state)
{
    const char *folder = textf("%s/run", program_folder());
    const char *file = textf("unix:%s/s", folder);
    const struct passwd *user = getpwnam("nobody");
    if (getuid() != 0 || !user) {
        fprintf(stderr, "only root can become nobody\n");
        skip();
        return;
    }
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(chown(folder, user->pw_uid, user->pw_gid), 0);
    struct moongate *m = moongate_start(textf(MG "%s", saying(file, "one", ", mode = '0660'")),
                                        "-u", "nobody", TRUSTED, NULL);
    moongate_gets_script(m, textf(MG "%s", saying(file, "two", ", mode = '0600', owner = 12345")));
    assert_int_equal(chmod(moongate_script_path(m), 0644), 0);
    moongate_signal(m, SIGHUP);
    has(moongate_log_line(m, "not loaded"), "cannot be changed: Operation not permitted");
    assert_int_equal(mode_of(file), 0660);
    moongate_gets_script(m, textf(MG "%s%s", saying(file, "two", ", mode = '0640'"),
                                  saying("127.0.0.1:81", "x", "")));
    assert_int_equal(chmod(moongate_script_path(m), 0644), 0);
    moongate_signal(m, SIGHUP);
    has(moongate_log_nth_line(m, "not loaded", 2), "ports below 1024 are bound at start alone");
    moongate_gets_script(m, textf(MG "%s", saying(file, "three", ", mode = '0640'")));
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 3");
    assert_int_equal(mode_of(file), 0640);
    all_hear(file, "three");
}

/* --- scripts that fail ---------------------------------------------------------------------------- */

static void the_listeners_of_the_last_good_script_come_back(void **state)
{
    const char *good = at("good"), *bad = at("bad");
    struct moongate *m = moongate_start(textf(MG "%s", saying(good, "good", "")), "--rehearse", "0",
                                        "--probation", "30", NULL);
    struct client *c = client_connects_to(good);
    hears(c, "good");
    moongate_reloads(m, textf(MG "mg.listen { '%s' }\nreturn function() error 'no' end\n", bad));
    struct client *other = client_connects_to(bad);
    for (int i = 0; i < 200; i++) client_sends(other, "get k\r\n");
    moongate_sees_log(m, "rolled back");
    hears(c, "good");
    all_hear(good, "good");
    assert_true(client_is_refused(bad));
}

/* A request is asked at the listener that it came by. */
static void the_rehearsal_asks_at_the_listener(void **state)
{
    const char *a = at("a"), *b = at("b");
    struct moongate *m =
        moongate_start(textf(MG "%s%s", saying(a, "one", ""), saying(b, "one", ", name = 'b'")),
                       "--probation", "0", NULL);
    all_hear(b, "one");
    moongate_gets_script(
        m, textf(MG "%smg.listen { '%s', function() error 'not here' end, name = 'b' }\n",
                 saying(a, "two", ""), b));
    moongate_signal(m, SIGHUP);
    has(moongate_log_line(m, "not loaded"), "1 of 1 requests fail");
    all_hear(b, "one");
    moongate_reloads(m, textf(MG "mg.listen { '%s', function() error 'not here' end }\n%s", a,
                              saying(b, "three", ", name = 'b'")));
    all_hear(b, "three");
}

static void a_start_with_the_last_good_script_has_its_listeners(void **state)
{
    const char *a = at("a"), *dir = program_folder();
    const char *script = moongate_script_file(textf(MG "%s", saying(a, "good", "")));
    struct moongate *m =
        moongate_start(NULL, script, "--state-dir", dir, "--probation", "0.05", "-v", NULL);
    moongate_sees_log(m, "last-good: written");
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    assert_false(is_there(a));
    FILE *file = fopen(script, "we");
    assert_true(file && fputs("return nothing\n", file) >= 0 && fclose(file) == 0);
    moongate_start(NULL, script, "--state-dir", dir, "--start-with-last-good", NULL);
    all_hear(a, "good");
}

/* --- other processes ------------------------------------------------------------------------------ */

static void a_single_process_changes_its_listeners(void **state)
{
    const char *stays = at("stays"), *comes = at("comes"), *goes = at("goes");
    const char *busy = memcached_address(memcached_start(NULL));
    struct moongate *m =
        moongate_start(textf(MG "%s%s", saying(stays, "one", ""), saying(goes, "one", "")),
                       "--single-process", NULL);
    struct client *kept = client_connects_to(stays), *left = client_connects_to(goes);
    hears(kept, "one");
    hears(left, "one");
    moongate_gets_script(m, textf(MG "%s%s", saying(comes, "two", ""), saying(busy, "two", "")));
    moongate_signal(m, SIGHUP);
    has(moongate_log_line(m, "not loaded"), textf("listener %s: address in use", busy));
    assert_false(is_there(comes));
    hears(kept, "one");
    moongate_reloads(
        m, textf(MG "%s%s", saying(stays, "three", ", mode = '0600'"), saying(comes, "new", "")));
    moongate_sees_log(m, textf("listening no more on %s", goes));
    hears(kept, "three");
    hears(left, textf("the script has no listener %s: connect to another", goes));
    all_hear(comes, "new");
    all_hear(stays, "three");
    assert_int_equal(mode_of(stays), 0600);
    assert_false(is_there(goes));
}

static void an_upgrade_passes_them_on(void **state)
{
    const char *stays = at("stays"), *comes = at("comes"), *goes = at("goes");
    upgrade_begins();
    struct moongate *m = moongate_start(
        textf(MG "%s%s", saying(stays, "one", ", name = 's'"), saying(goes, "one", "")), TRUSTED,
        NULL);
    struct client *kept = client_connects_to(stays), *left = client_connects_to(goes);
    hears(kept, "one");
    hears(left, "one");
    moongate_gets_script(m, textf(MG "%s%sreturn mg.reply.error 'returned'\n",
                                  saying(comes, "new", ""),
                                  saying(stays, "two", ", name = 's', mode = '0600'")));
    moongate_signal(m, SIGUSR2);
    moongate_becomes_new(m, 1);
    moongate_sees_log(m, " has ended");
    hears(kept, "two");
    hears(left, "returned");
    all_hear(stays, "two");
    all_hear(comes, "new");
    assert_int_equal(mode_of(stays), 0600);
    assert_true(client_is_refused(goes));
    assert_false(is_there(goes));
    stat_becomes(kept, "listeners", "s:total_connections", "3");
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    assert_false(is_there(stays));
    assert_false(is_there(comes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(each_listener_has_its_route),
        play(the_returned_route_serves_those_without_one),
        play(what_is_wrong_ends_the_start),
        play(a_reload_opens_keeps_and_closes),
        play(clients_that_wait_are_never_reset),
        play(what_cannot_be_bound_refuses_the_reload),
        play(the_default_of_bind_comes_and_goes),
        play(the_user_may_not_give_a_socket_away),
        play(the_listeners_of_the_last_good_script_come_back),
        play(the_rehearsal_asks_at_the_listener),
        play(a_start_with_the_last_good_script_has_its_listeners),
        play(a_single_process_changes_its_listeners),
        play(an_upgrade_passes_them_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
