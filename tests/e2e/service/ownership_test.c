/* Unix sockets and the pid file: whose they are, and what becomes of them at the end. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* NULL where this process cannot become nobody. */
static const struct passwd *nobody(void)
{
    const struct passwd *user = getpwnam("nobody");
    if (getuid() == 0 && user) return user;
    fprintf(stderr, "only root can become nobody\n");
    skip();
    return NULL; /* skip() does not return, but does not say so */
}

static struct stat file_at(const char *path)
{
    struct stat file;
    if (lstat(path, &file) != 0) stage_fails("%s is not there", path);
    return file;
}

static const char *one_script(void)
{
    return script_of_one(backend_address(backend_listens()), "");
}

static void a_socket_has_the_mode_that_bind_gives_it(void **state)
{
    const char *path = textf("%s/s", program_folder());
    struct moongate *m =
        moongate_start(one_script(), "-b", textf("web=unix:%s,mode=0620", path), NULL);
    assert_int_equal(file_at(path).st_mode & 0777, 0620);
    assert_non_null(strstr(moongate_log_line(m, "listening on unix:"), " as web"));
    client_sees_nothing_more(client_connects_to(textf("unix:%s", path)));
}

static void a_socket_in_use_is_an_error_and_stays(void **state)
{
    const char *path = textf("%s/s", program_folder()), *address = textf("unix:%s", path);
    const char *script = moongate_script_file(one_script());
    struct moongate *m = moongate_start(one_script(), "-b", address, NULL);
    struct run run = moongate_runs("-p", "0", "-b", address, script, NULL);
    assert_int_equal(run.code, 3);
    assert_non_null(strstr(run.err, "address in use"));
    client_sees_nothing_more(client_connects_to(address));
    assert_true(moongate_runs_on(m));
}

static void access_of_a_tcp_listener_is_a_usage_error(void **state)
{
    struct run run = moongate_runs("-s", "127.0.0.1:1", "-b", "127.0.0.1:0,mode=0660", NULL);
    assert_int_equal(run.code, 2);
    assert_non_null(strstr(run.err, "mode=, owner= and group= are for unix sockets"));
}

/* Before anything is bound: -b is right, and its socket is not made. */
static void a_user_who_is_not_known_is_named_with_its_option(void **state)
{
    const char *path = textf("%s/s", program_folder());
    struct run run = moongate_runs("-s", "127.0.0.1:1", "-u", "no-such-user", "-b",
                                   textf("unix:%s", path), NULL);
    exits(run, 4);
    is_said(run.err,
            "moongate: user no-such-user: not known on this system: choose another with -u\n");
    assert_int_equal(access(path, F_OK), -1);
}

/* In a folder of its own, the user that moongate becomes owns both and takes both away. */
static void what_the_user_owns_goes_with_it(void **state)
{
    const struct passwd *user = nobody();
    const char *folder = program_folder(), *run = textf("%s/run", folder);
    const char *path = textf("%s/s", run), *pid = textf("%s/pid", run);
    if (!user) return;
    assert_int_equal(mkdir(run, 0755), 0);
    assert_int_equal(chown(run, user->pw_uid, user->pw_gid), 0);
    struct moongate *m = moongate_start(one_script(), "-u", "nobody", "-P", pid, "-b",
                                        textf("unix:%s,mode=0660", path), NULL);
    assert_int_equal(file_at(path).st_uid, user->pw_uid);
    assert_int_equal(file_at(path).st_gid, user->pw_gid);
    assert_int_equal(file_at(path).st_mode & 0777, 0660);
    assert_int_equal(file_at(pid).st_uid, user->pw_uid);
    client_sees_nothing_more(client_connects_to(textf("unix:%s", path)));
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(access(pid, F_OK), -1);
    assert_int_equal(moongate_log_count(m, "not removed"), 0);
    assert_int_equal(moongate_log_count(m, "may not remove"), 0);
}

/* What bind says goes before the user. */
static void an_owner_that_is_named_goes_before_the_user(void **state)
{
    const struct passwd *user = nobody();
    const char *path = textf("%s/s", program_folder());
    if (!user) return;
    moongate_start(one_script(), "-u", "nobody", "-b",
                   textf("unix:%s,group=54321,owner=12345,mode=0666", path), NULL);
    assert_int_equal(file_at(path).st_uid, 12345);
    assert_int_equal(file_at(path).st_gid, 54321);
    client_sees_nothing_more(client_connects_to(textf("unix:%s", path)));
}

/* A folder that the user may not write to: said at start; what stays names no process, and is no obstacle for the next one. */
static void what_cannot_be_removed_is_said_at_start(void **state)
{
    const struct passwd *user = nobody();
    const char *folder = program_folder();
    const char *path = textf("%s/s", folder), *address = textf("unix:%s", path);
    const char *pid = textf("%s/pid", folder);
    if (!user) return;
    struct moongate *m =
        moongate_start(one_script(), "-u", "nobody", "-P", pid, "-b", address, NULL);
    assert_non_null(strstr(moongate_log_line(m, "its file stays when moongate ends"), path));
    assert_non_null(strstr(moongate_log_line(m, "it is emptied, not removed"), pid));
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    assert_true(S_ISSOCK(file_at(path).st_mode));
    assert_int_equal(file_at(pid).st_size, 0);
    moongate_start(one_script(), "-u", "nobody", "-P", pid, "-b", address, NULL);
    assert_true(file_at(pid).st_size > 0);
    client_sees_nothing_more(client_connects_to(address));
}

static void a_pid_file_that_names_another_one_is_said(void **state)
{
    const char *pid = textf("%s/pid", program_folder());
    struct moongate *one = moongate_start(one_script(), "-P", pid, NULL);
    assert_int_equal(moongate_log_count(one, "pid file"), 0);
    struct moongate *other = moongate_start(one_script(), "-P", pid, NULL);
    const char *line = moongate_log_line(other, "which still runs");
    assert_non_null(strstr(line, pid));
    assert_non_null(strstr(line, textf("process %d,", (int)moongate_pid(one))));
    moongate_signal(one, SIGTERM);
    moongate_exits(one, 0);
    assert_true(file_at(pid).st_size > 0); /* it is the other one's */
}

static void a_pid_file_that_names_something_else_is_overwritten(void **state)
{
    const char *pid = textf("%s/pid", program_folder());
    FILE *file = fopen(pid, "w");
    assert_non_null(file);
    fprintf(file, "%d\n", (int)getpid()); /* which runs, but is no moongate */
    fclose(file);
    struct moongate *m = moongate_start(one_script(), "-P", pid, NULL);
    assert_int_equal(moongate_log_count(m, "pid file"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_socket_has_the_mode_that_bind_gives_it),
        play(a_socket_in_use_is_an_error_and_stays),
        play(access_of_a_tcp_listener_is_a_usage_error),
        play(a_user_who_is_not_known_is_named_with_its_option),
        play(what_the_user_owns_goes_with_it),
        play(an_owner_that_is_named_goes_before_the_user),
        play(what_cannot_be_removed_is_said_at_start),
        play(a_pid_file_that_names_another_one_is_said),
        play(a_pid_file_that_names_something_else_is_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
