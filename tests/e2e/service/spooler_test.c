/* The spooler as a part of the service: when it is started, what its end, a disk that is full or does not answer, an upgrade and the end of the
 * whole service cost, which folders are refused, and what operators see of it. In front of real memcached. */
#include "lib/client.h"
#include "lib/desk.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/program.h"
#include "lib/scene.h"
#include "lib/stage.h"
#include "lib/upgrade.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct memcached *server;
static struct moongate *m;
static struct client *c, *desk;
static const char *dir;

static const char *script(const char *folder, const char *options)
{
    return textf(
        MG "local pool = mg.pool { '%s', timeout = 0.3, failure_limit = 1, probe_max = 0.1 }\n"
           "return mg.spool_deletes { pool, dir = '%s'%s }\n",
        memcached_address(server), folder, options);
}

static void prepare(void)
{
    server = memcached_start(NULL);
    dir = textf("%s/spool", program_folder());
}

static void begin(const char *options)
{
    const char *path = desk_path("a.sock");
    m = moongate_start(script(dir, options), "-v", "--admin", textf("unix:%s", path), NULL);
    c = client_connects(m);
    desk = desk_opens(path);
}

/* The process that was started as the nth one. */
static pid_t spooler(size_t nth)
{
    const char *line = strstr(moongate_log_nth_line(m, "]: started", 1), "");
    size_t found = 0;
    for (size_t i = 1; found < nth; i++) {
        line = strstr(moongate_log_nth_line(m, "]: started", i), "spooler[");
        found += line != NULL;
    }
    return (pid_t)atoi(strchr(line, '[') + 1);
}

/* The server does not answer any more, but keeps what it has. */
static void server_hangs(void)
{
    memcached_freezes(server);
    client_asks_until(c, "touch probe 0\r\n",
                      textf("SERVER_ERROR %s timeout\r\n", memcached_address(server)));
}

static void server_answers(void)
{
    memcached_thaws(server);
}

static void deletes(const char *key)
{
    client_asks_until(c, textf("delete %s\r\n", key), "NOT_FOUND\r\n"); /* of a busy disk */
}

/* What was deleted is not found, from the first get on that the server answers. */
static void is_never_found(const char *key)
{
    for (;;) {
        client_sends(c, textf("get %s\r\n", key));
        const char *line = client_sees_line(c);
        if (strncmp(line, "SERVER_ERROR", 12) != 0) {
            assert_string_equal(line, "END");
            return;
        }
        stage_turns(5);
    }
}

/* --- the service -------------------------------------------------------------------------------- */

static void what_was_deleted_while_a_server_hung_is_never_found(void **state)
{
    prepare();
    begin("");
    client_stores_value(c, "k", "old");
    server_hangs();
    deletes("k");
    deletes("l");
    deletes("k");
    desk_gets(desk, "json spool", "\"pending\":2,");
    assert_int_equal(stat_number(c, "proxy", "spool_pending"), 2);
    server_answers();
    is_never_found("k");
    stat_becomes(c, "proxy", "spool_pending", "0");
    assert_true(stat_number(c, "proxy", "spool_kept") >= 3);
    assert_int_equal(stat_number(c, "proxy", "spool_replayed"), 2);
    moongate_sees_log(m, "deletes for it wait on the disk: 1 so far");
    moongate_sees_log(m, "replay begins: 2 deletes");
    moongate_sees_log(m, "replayed: 2 deletes in 0.");
}

static void a_service_that_is_killed_replays_when_it_is_back(void **state)
{
    prepare();
    begin("");
    client_stores_value(c, "k", "old");
    server_hangs();
    deletes("k");
    kill(moongate_pid(m), SIGKILL);
    moongate_ends(m);
    server_answers();
    begin("");
    is_never_found("k");
    stat_becomes(c, "proxy", "spool_replayed", "1");
}

static void a_spooler_that_is_killed_costs_nothing_that_was_acknowledged(void **state)
{
    prepare();
    begin("");
    client_stores_value(c, "k", "old");
    server_hangs();
    kill(spooler(1), SIGTERM); /* as a service manager that ends all processes of a service */
    deletes("k");
    assert_int_equal(moongate_log_count(m, "gone: "), 0);
    kill(spooler(1), SIGKILL);
    moongate_sees_log(m, "gone: signal 9; another one is started");
    deletes("l"); /* waits for the next one */
    kill(spooler(2), SIGKILL);
    desk_asks_until(desk, "json spool", "\"pending\":2,");
    server_answers();
    is_never_found("k");
}

static void a_disk_that_does_not_answer_holds_up_deletes_alone(void **state)
{
    prepare();
    begin("");
    client_stores_value(c, "k", "old");
    server_hangs();
    kill(spooler(1), SIGSTOP);
    client_sends(c, "delete k\r\n");
    assert_non_null(strstr(client_sees_line(c), "SERVER_ERROR ")); /* by its deadline */
    client_sends(c, "get k\r\n");
    assert_non_null(strstr(client_sees_line(c), "SERVER_ERROR "));
    client_sends(desk, "spool\n");
    kill(spooler(1), SIGCONT);
    client_sees_line_starting(desk, "folder ");
    server_answers();
    is_never_found("k");
}

static void a_full_disk_refuses_deletes_with_the_reason(void **state)
{
    struct rlimit least = {1, 1}, before;
    prepare();
    begin("");
    client_stores_value(c, "k", "old");
    server_hangs();
    pid_t pid = spooler(1);
    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, NULL, &before), 0);
    least.rlim_max = before.rlim_max;
    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &least, NULL), 0);
    client_sends(c, "delete k\r\n");
    assert_non_null(strstr(client_sees_line(c), "the spool is not written: File too large"));
    assert_int_equal(stat_number(c, "proxy", "spool_refused"), 1);
    assert_int_equal(stat_number(c, "proxy", "spool_pending"), 0);
    moongate_sees_log(m, "the spool is not written: File too large: its deletes are refused");
    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &before, NULL), 0);
    deletes("k");
    moongate_sees_log(m, "written again");
    server_answers();
    is_never_found("k");
}

static void an_upgrade_takes_over_what_waits(void **state)
{
    upgrade_begins();
    prepare();
    begin("");
    client_stores_value(c, "k", "old");
    server_hangs();
    deletes("k");
    client_closes(c);
    moongate_signal(m, SIGUSR2);
    moongate_becomes_new(m, 1);
    c = client_connects(m);
    deletes("l");
    deletes("k"); /* waits already */
    stat_becomes(c, "proxy", "spool_pending", "2");
    server_answers();
    is_never_found("k");
}

static void a_single_process_has_a_spooler_too(void **state)
{
    prepare();
    m = moongate_start(script(dir, ""), "-v", "--single-process", NULL);
    c = client_connects(m);
    client_stores_value(c, "k", "old");
    server_hangs();
    deletes("k");
    kill(spooler(1), SIGKILL);
    deletes("l");
    assert_int_equal(stat_number(c, "proxy", "spool_pending"), 2);
    server_answers();
    is_never_found("k");
    const char *second = textf("%s/second", program_folder());
    moongate_reloads(m, script(second, ""));
    assert_int_equal(access(second, W_OK), 0);
    server_hangs();
    deletes("m");
}

/* --- folders ------------------------------------------------------------------------------------ */

static void a_reload_may_name_another_folder(void **state)
{
    prepare();
    m = moongate_start(textf(MG "return mg.pool { '%s' }\n", memcached_address(server)), "-v",
                       NULL);
    c = client_connects(m);
    assert_int_equal(moongate_log_count(m, "spooler["), 0);
    moongate_reloads(m, script(dir, ", max_size = 65536"));
    struct stat about;
    assert_int_equal(stat(dir, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0700);
    server_hangs();
    deletes("k");
    moongate_reloads(m, script(textf("%s-second", dir), ""));
    deletes("l");
    server_answers();
    is_never_found("l");
}

static void refuses(const char *folder, const char *why)
{
    struct run run = moongate_runs("-b", textf("unix:%s/x", program_folder()),
                                   moongate_script_file(script(folder, "")), NULL);
    assert_int_equal(run.code, 1);
    if (!strstr(run.err, why)) stage_fails("%s, not: %s", run.err, why);
}

static void a_folder_that_cannot_be_used_is_an_error_with_the_reason(void **state)
{
    prepare();
    const char *other = textf("%s/other", program_folder()), *file = textf("%s/file", other);
    assert_int_equal(mkdir(other, 0777), 0);
    assert_int_equal(chmod(other, 0777), 0);
    close(open(file, O_WRONLY | O_CREAT, 0600));
    refuses("spool", "dir: give an absolute path");
    refuses(textf("%s/%0100d", other, 7),
            "dir: the path is too long: give one of at most 90 bytes");
    refuses(textf("%s/none/spool", other),
            "No such file or directory: make the folder above it first");
    refuses(file, "Not a directory: make it a folder of moongate's user");
    refuses(other, "others may write there: chmod 700");
    /* a check of the script alone does not look at the folder */
    struct run run =
        moongate_runs("-t", moongate_script_file(script(textf("%s/none/spool", other), "")), NULL);
    assert_int_equal(run.code, 0);
}

static void a_folder_of_another_service_is_refused(void **state)
{
    prepare();
    begin("");
    refuses(dir, textf("the moongate of process %d has it: give each service a folder of its own",
                       (int)moongate_pid(m)));
    moongate_reloads(m, script(dir, "")); /* its own */
    kill(moongate_pid(m), SIGKILL);
    moongate_ends(m);
    begin(""); /* it was that of one that is dead */
}

/* --- operators ---------------------------------------------------------------------------------- */

static void operators_see_and_drop(void **state)
{
    prepare();
    begin("");
    const char *name = memcached_address(server);
    desk_gets(desk, "spool", "open");
    desk_lacks(desk, "spool", name);
    server_hangs();
    deletes("k");
    deletes("l");
    desk_gets(desk, "spool", textf("\n%s        2 ", name));
    desk_gets(desk, "json spool",
              textf("{\"type\":\"spool\",\"server\":\"%s\",\"pending\":2,\"bytes\":", name));
    desk_gets(desk, "json spool", textf("\"folder\":\"%s\",\"state\":\"open\"", dir));
    desk_gets(desk, "spool drop", "ERROR spool: give `spool`");
    desk_gets(desk, "spool forget all", "ERROR spool: give `spool`");
    desk_gets(desk, "spool drop 10.9.9.9:1", "ERROR spool: no deletes wait for it");
    desk_gets(desk, textf("spool drop %s", name), "dropped       2\n");
    moongate_sees_log(m, textf("admin: spool drop %s by uid %d", name, (int)getuid()));
    stat_becomes(c, "proxy", "spool_dropped", "2");
    server_answers();
    client_asks_until(c, "touch probe 0\r\n", "NOT_FOUND\r\n");
    server_hangs();
    deletes("k");
    desk_gets(desk, "json spool drop all", "{\"type\":\"spool\",\"dropped\":1}\n");
}

static void without_a_folder_there_is_no_spooler(void **state)
{
    prepare();
    const char *path = desk_path("a.sock");
    m = moongate_start(script_of_one(memcached_address(server), ""), "-v", "--admin",
                       textf("unix:%s", path), NULL);
    desk = desk_opens(path);
    desk_gets(desk, "spool", "ERROR spool: no script has named a folder for deletes");
    assert_int_equal(moongate_log_count(m, "spooler["), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(what_was_deleted_while_a_server_hung_is_never_found),
        play(a_service_that_is_killed_replays_when_it_is_back),
        play(a_spooler_that_is_killed_costs_nothing_that_was_acknowledged),
        play(a_disk_that_does_not_answer_holds_up_deletes_alone),
        play(a_full_disk_refuses_deletes_with_the_reason),
        play(an_upgrade_takes_over_what_waits),
        play(a_single_process_has_a_spooler_too),
        play(a_reload_may_name_another_folder),
        play(a_folder_that_cannot_be_used_is_an_error_with_the_reason),
        play(a_folder_of_another_service_is_refused),
        play(operators_see_and_drop),
        play(without_a_folder_there_is_no_spooler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
