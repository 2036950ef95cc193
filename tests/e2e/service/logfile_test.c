/* --log-file: who writes to it, its rotation, its owner, and what the -u user must be able to read. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Moongate whose standard error says nothing, so that the log of lib/moongate.h is of no use. */
struct quiet {
    struct program program; /* first */
    const char *path;       /* of the log file */
};

static bool quiet_leaves(struct actor *actor)
{
    struct program *p = (struct program *)(void *)actor;
    if (!p->is_gone) kill(p->pid, SIGTERM);
    bool is_well = program_waits(p) && WIFEXITED(p->status) && WEXITSTATUS(p->status) == 0;
    program_kill(p);
    return is_well;
}

/* What the file holds now; "" when there is none. */
static const char *text_of(const char *path)
{
    char text[32768];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    text[n > 0 ? n : 0] = '\0';
    return textf("%s", text);
}

struct awaited {
    const char *path, *text;
};

static bool has_text(void *what)
{
    const struct awaited *a = what;
    return strstr(text_of(a->path), a->text);
}

static const char *file_says(const char *path, const char *text)
{
    struct awaited a = {path, text};
    if (!stage_waits(has_text, &a))
        stage_fails("%s does not say \"%s\" but:\n%s", path, text, text_of(path));
    return text_of(path);
}

static struct quiet *quiet_begins(const char *path, const char *first, ...)
{
    const char *const before[] = {getenv("MOONGATE"), "-p", "0", "--log-file", path, NULL};
    struct quiet *q = stage_memory(sizeof *q);
    va_list rest;
    va_start(rest, first);
    const char **argv = program_arguments(before, first, rest);
    va_end(rest);
    q->path = path;
    q->program.actor.rank = RANK_MOONGATE;
    q->program.actor.leaves = quiet_leaves;
    program_start(&q->program, argv, -1, -1);
    stage_enter(&q->program.actor);
    file_says(path, " ready: ");
    return q;
}

static const char *fresh_path(void)
{
    return textf("%s/log", program_folder());
}

/* Where it listens, as its log says. */
static struct client *client_of(const struct quiet *q)
{
    static const char says[] = "listening on ";
    const char *at = strstr(file_says(q->path, says), says) + sizeof says - 1;
    return client_connects_to(textf("%.*s", (int)strcspn(at, " \n"), at));
}

/* A request whose error the worker logs. */
static void worker_logs(struct client *c)
{
    client_sends(c, "get k\r\n");
    client_sees(c, "SERVER_ERROR script error\r\n");
}

static const char WRONG[] = MG "return function() error 'wrong on purpose' end\n";

/* The master and two workers, before and after; the signal alone goes to the master. */
static void all_processes_follow_a_rotation(void **state)
{
    const char *path = fresh_path(), *old = textf("%s.1", path);
    struct quiet *q = quiet_begins(path, "-j", "2", moongate_script_file(WRONG), NULL);
    struct client *one = client_of(q), *other = client_of(q);
    worker_logs(one);
    file_says(path, "wrong on purpose");
    assert_int_equal(rename(path, old), 0);
    kill(q->program.pid, SIGUSR1);
    file_says(path, textf("log file %s: opened again", path));
    size_t before = strlen(text_of(old));
    worker_logs(one);
    worker_logs(other);
    const char *text = file_says(path, "wrong on purpose");
    has(text, "worker 0[");
    file_says(path, "worker 1[");
    kill(q->program.pid, SIGHUP);
    file_says(path, "reloaded: generation 2");
    assert_int_equal(strlen(text_of(old)), before);
    kill(q->program.pid, SIGTERM);
    assert_true(program_waits(&q->program)); /* a second SIGTERM could come when it ends already */
    file_says(path, "drained");
}

/* A worker that starts later writes there too, and a worker ignores the signal. */
static void a_worker_that_starts_later_has_the_new_file(void **state)
{
    const char *path = fresh_path(), *old = textf("%s.1", path);
    struct quiet *q = quiet_begins(path, "-j", "1", moongate_script_file(WRONG), NULL);
    assert_int_equal(rename(path, old), 0);
    kill(q->program.pid, SIGUSR1);
    file_says(path, "opened again");
    pid_t worker;
    assert_int_equal(program_children(q->program.pid, &worker, 1), 1);
    kill(worker, SIGUSR1);
    kill(worker, SIGTERM);
    file_says(path, "gone: exit 0");
    assert_int_equal(program_children(q->program.pid, &worker, 1), 1);
    q->path = old; /* where it said its address */
    worker_logs(client_of(q));
    file_says(path, textf("worker 0[%d]", (int)worker));
}

static void a_single_process_follows_a_rotation(void **state)
{
    const char *path = fresh_path(), *old = textf("%s.1", path);
    struct quiet *q = quiet_begins(path, "--single-process", moongate_script_file(WRONG), NULL);
    struct client *c = client_of(q);
    assert_int_equal(rename(path, old), 0);
    kill(q->program.pid, SIGUSR1);
    file_says(path, "opened again");
    worker_logs(c);
    file_says(path, "wrong on purpose");
}

static void a_file_that_cannot_be_opened_again_is_written_on(void **state)
{
    const char *path = fresh_path(), *old = textf("%s.1", path);
    struct quiet *q = quiet_begins(path, "-j", "1", moongate_script_file(WRONG), NULL);
    struct client *c = client_of(q);
    assert_int_equal(rename(path, old), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    kill(q->program.pid, SIGUSR1);
    file_says(old, textf("log file %s: not opened again: Is a directory", path));
    worker_logs(c);
    const char *text = file_says(old, "wrong on purpose");
    has_not(strstr(text, "not opened again") + 1, "not opened again");
}

/* As it was before there was a log file. */
static void without_a_log_file_the_signal_means_nothing(void **state)
{
    struct moongate *m =
        moongate_start(script_of_one(backend_address(backend_listens()), ""), NULL);
    moongate_signal(m, SIGUSR1);
    client_sees_nothing_more(client_connects(m));
    assert_true(moongate_runs_on(m));
    assert_int_equal(moongate_log_count(m, "log file"), 0);
}

static void what_cannot_be_opened_is_an_error_at_start(void **state)
{
    const char *folder = program_folder();
    struct run run = moongate_runs("--log-file", folder, "-s", "127.0.0.1:1", NULL);
    exits(run, 4);
    is_said(run.err, textf("moongate: --log-file %s: Is a directory: give the path of a file that "
                           "this user may write to\n",
                           folder));
    run = moongate_runs("--log-file", "/nonexistent/log", "-s", "127.0.0.1:1", NULL);
    exits(run, 4);
    begins_with(run.err, "moongate: --log-file /nonexistent/log: No such file or directory");
}

/* The device stands for a disk that is full. */
static void a_full_disk_costs_lines_and_nothing_else(void **state)
{
    const char *pid_file = textf("%s/pid", program_folder());
    const char *socket = textf("unix:%s/s", program_folder());
    struct run run = moongate_runs("-d", "-j", "1", "-P", pid_file, "-b", socket, "--log-file",
                                   "/dev/full", moongate_script_file(WRONG), NULL);
    exits(run, 0);
    struct client *c = client_connects_to(socket);
    for (int i = 0; i < 20; i++) {
        client_sends(c, "get k\r\n");
        client_sees(c, "SERVER_ERROR script error\r\n");
    }
    int pid = atoi(text_of(pid_file));
    assert_true(pid > 1 && kill(pid, SIGUSR1) == 0);
    client_sees_nothing_more(c);
    assert_int_equal(kill(pid, SIGTERM), 0);
    client_sees_closed(c);
}

static void a_daemon_logs_there_and_not_to_syslog(void **state)
{
    const char *path = fresh_path(), *pid_file = textf("%s/pid", program_folder());
    struct run run = moongate_runs("-d", "-j", "1", "-p", "0", "-P", pid_file, "--log-file", path,
                                   moongate_script_file(WRONG), NULL);
    exits(run, 0);
    file_says(path, "ready: 1 worker");
    assert_int_equal(kill(atoi(text_of(pid_file)), SIGTERM), 0);
    file_says(path, "drained");
}

/* --- with -u ----------------------------------------------------------------------------------- */

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

/* The folder is root's: what is made there is given to the user. The folder does not let the user make the next one, and the log says so. */
static void a_file_that_is_made_belongs_to_the_user(void **state)
{
    const struct passwd *user = nobody();
    if (!user) return;
    const char *path = fresh_path(), *old = textf("%s.1", path);
    struct quiet *q =
        quiet_begins(path, "-j", "1", "-u", "nobody", moongate_script_file(WRONG), NULL);
    assert_int_equal(file_at(path).st_uid, user->pw_uid);
    assert_int_equal(file_at(path).st_gid, user->pw_gid);
    assert_int_equal(file_at(path).st_mode & 0777, 0640);
    assert_int_equal(rename(path, old), 0);
    kill(q->program.pid, SIGUSR1);
    file_says(old, "not opened again: Permission denied");

    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640); /* as logrotate's create */
    assert_int_equal(fchown(fd, user->pw_uid, user->pw_gid), 0);
    close(fd);
    kill(q->program.pid, SIGUSR1);
    file_says(path, "opened again");
}

/* It could not be opened again. */
static void a_file_that_the_user_may_not_write_to_is_an_error(void **state)
{
    if (!nobody()) return;
    const char *path = fresh_path();
    close(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    struct run run = moongate_runs("--log-file", path, "-u", "nobody", "-s", "127.0.0.1:1", NULL);
    exits(run, 4);
    is_said(run.err, textf("moongate: --log-file %s: Permission denied: give the path of a file "
                           "that user nobody may write to\n",
                           path));
    assert_int_equal(file_at(path).st_uid, 0);
    assert_int_equal(file_at(path).st_size, 0);
}

/* Nor does a link make root write where the user may not. */
static void a_link_leads_to_nothing_that_the_user_may_not_write_to(void **state)
{
    if (!nobody()) return;
    const char *path = fresh_path(), *aim = textf("%s.aim", path);
    close(open(aim, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    assert_int_equal(symlink(aim, path), 0);
    exits(moongate_runs("--log-file", path, "-u", "nobody", "-s", "127.0.0.1:1", NULL), 4);
    assert_int_equal(file_at(aim).st_size, 0);
    assert_int_equal(unlink(aim), 0); /* a link to nothing */
    exits(moongate_runs("--log-file", path, "-u", "nobody", "-s", "127.0.0.1:1", NULL), 4);
    assert_int_equal(access(aim, F_OK), -1);
}

static void a_script_that_the_user_may_not_read_is_refused(void **state)
{
    if (!nobody()) return;
    const char *folder = textf("%s/closed", program_folder());
    const char *script = moongate_script_file(WRONG), *inside = textf("%s/script.lua", folder);
    assert_int_equal(chmod(script, 0600), 0);
    struct run run = moongate_runs("-u", "nobody", "-p", "0", script, NULL);
    exits(run, 1);
    is_said(run.err,
            textf("moongate: script %s: user nobody: Permission denied: let that user read "
                  "the file and enter its folders\n",
                  script));
    assert_int_equal(chmod(script, 0644), 0);
    exits(moongate_runs("-t", "-u", "nobody", script, NULL), 0);

    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(rename(script, inside), 0);
    run = moongate_runs("-t", "-u", "nobody", inside, NULL);
    exits(run, 1);
    has(run.err, "user nobody: Permission denied");
    exits(moongate_runs("-t", inside, NULL), 0);
}

/* The check is made as that user, so what the script requires is looked at, too. */
static void a_module_that_the_user_may_not_read_is_refused(void **state)
{
    if (!nobody()) return;
    const char *script = moongate_script_file(MG "require 'secret'\nreturn mg.null()\n");
    const char *module = textf("%.*s/secret.lua", (int)(strrchr(script, '/') - script), script);
    FILE *file = fopen(module, "we");
    assert_true(file && fputs("return {}\n", file) >= 0 && fclose(file) == 0);
    exits(moongate_runs("-t", "-u", "nobody", script, NULL), 0);
    assert_int_equal(chmod(module, 0600), 0);
    struct run run = moongate_runs("-u", "nobody", "-p", "0", script, NULL);
    exits(run, 1);
    has(run.err, "secret");
    has_not(run.err, "listening on");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(all_processes_follow_a_rotation),
        play(a_worker_that_starts_later_has_the_new_file),
        play(a_single_process_follows_a_rotation),
        play(a_file_that_cannot_be_opened_again_is_written_on),
        play(without_a_log_file_the_signal_means_nothing),
        play(what_cannot_be_opened_is_an_error_at_start),
        play(a_full_disk_costs_lines_and_nothing_else),
        play(a_daemon_logs_there_and_not_to_syslog),
        play(a_file_that_is_made_belongs_to_the_user),
        play(a_file_that_the_user_may_not_write_to_is_an_error),
        play(a_link_leads_to_nothing_that_the_user_may_not_write_to),
        play(a_script_that_the_user_may_not_read_is_refused),
        play(a_module_that_the_user_may_not_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
