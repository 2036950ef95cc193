/* SIGUSR2 with a new binary that cannot start: the old one serves on, and the log says what to do. And processes that die on the
 * way. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"
#include "lib/upgrade.h"

#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A moongate with all that an upgrade takes over. */
struct service {
    struct backend *b;
    struct moongate *m;
    struct client *lasting;
    const char *script, *pid_file, *address;
    size_t failures;
};

static struct service *service_begins(const char *option, const char *value)
{
    struct service *s = stage_memory(sizeof *s);
    const char *folder = program_folder();
    upgrade_begins();
    s->b = backend_listens();
    s->script = script_of_one(backend_address(s->b), "timeout = 60");
    s->pid_file = textf("%s/pid", folder);
    s->address = textf("unix:%s/s", folder);
    s->m = moongate_start(s->script, "-b", "127.0.0.1", "-b", s->address, "-P", s->pid_file, option,
                          value, NULL);
    s->lasting = client_connects(s->m);
    client_sees_nothing_more(s->lasting);
    return s;
}

static long pid_in(const char *path)
{
    char text[32] = "";
    FILE *file = fopen(path, "re");
    if (!file || !fgets(text, sizeof text, file)) stage_fails("no id in %s", path);
    fclose(file);
    return strtol(text, NULL, 10);
}

/* As if nothing had been tried. */
static void service_goes_on(struct service *s)
{
    s->failures++;
    client_sees_nothing_more(s->lasting);
    client_sees_nothing_more(client_connects(s->m));
    client_sees_nothing_more(client_connects_to(s->address));
    assert_true(moongate_runs_on(s->m));
    assert_int_equal(pid_in(s->pid_file), moongate_pid(s->m));
    stat_becomes(s->lasting, "proxy", "upgrade_failures", textf("%zu", s->failures));
    assert_int_equal(stat_number(s->lasting, "", "pid"), moongate_pid(s->m));
}

static void upgrade_fails(struct service *s, const char *why, const char *what_to_do)
{
    moongate_signal(s->m, SIGUSR2);
    const char *line = moongate_log_nth_line(s->m, "upgrade: not done: ", s->failures + 1);
    has(line, why);
    has(line, textf(": this process serves on: %s", what_to_do));
    service_goes_on(s);
}

static void upgrade_works(struct service *s, size_t nth)
{
    moongate_signal(s->m, SIGUSR2);
    moongate_becomes_new(s->m, nth);
    moongate_sees_log_times(s->m, " has ended", nth);
    client_sees_nothing_more(s->lasting);
    client_sees_nothing_more(client_connects_to(s->address));
    assert_int_equal(pid_in(s->pid_file), moongate_pid(s->m));
}

static void what_cannot_be_run_changes_nothing(void **state)
{
    struct service *s = service_begins(NULL, NULL);
    upgrade_puts_nothing();
    upgrade_fails(s, "/moongate: No such file or directory",
                  "put a binary there that can be run and send SIGUSR2 again");
    upgrade_puts_text("no program");
    upgrade_fails(s, "/moongate: Permission denied", "put a binary there that can be run");
    upgrade_puts_script("no program");
    upgrade_fails(s, "/moongate: Exec format error", "put a binary there that can be run");
    upgrade_puts_binary();
    upgrade_works(s, 1);
}

static void what_ends_at_start_changes_nothing(void **state)
{
    struct service *s = service_begins(NULL, NULL);
    upgrade_puts_script(textf("#!/bin/sh\nexec %s --nonsense\n", upgrade_binary()));
    upgrade_fails(s, "/moongate: exit 2", "it does not take these options");
    upgrade_puts_script(textf("#!/bin/sh\nexec %s \"$@\" --single-process\n", upgrade_binary()));
    upgrade_fails(s, "/moongate: exit 2", "it does not take these options");
    moongate_sees_log(s->m, "moongate: --single-process: not in an upgrade: restart instead");
    upgrade_puts_script("#!/bin/sh\nkill -SEGV $$\n");
    upgrade_fails(s, "/moongate: signal 11", "it crashed");
    upgrade_puts_script("#!/bin/sh\nexit 9\n");
    upgrade_fails(s, "/moongate: exit 9", "correct that and send SIGUSR2 again");
    upgrade_puts_script(
        textf("#!/bin/sh\nunset MOONGATE_UPGRADE\nexec %s \"$@\" -p %s\n", upgrade_binary(),
              strrchr(moongate_address(s->m), ':') + 1)); /* a version that knows of no upgrade */
    upgrade_fails(
        s, "/moongate: exit 3",
        "it cannot have a socket: send SIGUSR2 again if a reload was under way, or restart");
    upgrade_puts_binary();
    moongate_gets_script(s->m, "return nonsense(\n");
    upgrade_fails(s, "/moongate: exit 1", "correct the script and send SIGUSR2 again");
    moongate_gets_script(s->m, s->script);
    upgrade_works(s, 1);
}

static void what_fails_in_its_workers_changes_nothing(void **state)
{
    struct service *s = service_begins("--unsafe-lua", NULL);
    moongate_gets_script(s->m, textf("local f = io.open('%s.seen')\n"
                                     "if f then error 'not twice' end\n"
                                     "io.open('%s.seen', 'w'):close()\n%s",
                                     s->pid_file, s->pid_file, s->script));
    upgrade_fails(s, "/moongate: exit 1", "correct the script");
    moongate_gets_script(s->m, s->script);
    upgrade_works(s, 1);
}

/* The last step before the new process takes over. A pid file is not written through a link. */
static void a_new_process_that_cannot_write_the_pid_file_changes_nothing(void **state)
{
    struct service *s = service_begins(NULL, NULL);
    const char *other = textf("%s.other", s->pid_file);
    assert_int_equal(rename(s->pid_file, other), 0);
    assert_int_equal(symlink(other, s->pid_file), 0);
    upgrade_fails(s, "/moongate: exit 4", "correct that and send SIGUSR2 again");
    assert_int_equal(unlink(s->pid_file), 0);
    assert_int_equal(rename(other, s->pid_file), 0);
    upgrade_works(s, 1);
}

static void what_hangs_is_killed(void **state)
{
    struct service *s = service_begins("--upgrade-timeout", "1");
    upgrade_puts_script("#!/bin/sh\nexec sleep 1000\n");
    upgrade_fails(s, "/moongate: not ready within 1 s",
                  "find out what it waits for, or give it more with --upgrade-timeout");
    upgrade_puts_binary();
    upgrade_works(s, 1);
}

static void a_process_that_ends_takes_the_new_one_along(void **state)
{
    struct service *s = service_begins(NULL, NULL);
    upgrade_puts_script("#!/bin/sh\nexec sleep 1000\n");
    moongate_signal(s->m, SIGUSR2);
    moongate_sees_log(s->m, "upgrade: SIGUSR2: starting ");
    moongate_signal(s->m, SIGTERM);
    moongate_exits(s->m, 0);
    moongate_sees_log(s->m, "upgrade: not done: this process ends: process ");
    assert_int_not_equal(access(s->pid_file, F_OK), 0);
}

/* --- deaths ----------------------------------------------------------------------------------- */

static pid_t new_process(struct service *s)
{
    const char *line = moongate_log_line(s->m, "upgrade: SIGUSR2: starting ");
    return (pid_t)strtol(strstr(line, " as process ") + 12, NULL, 10);
}

static void a_new_process_takes_over_from_one_that_died(void **state)
{
    struct service *s = service_begins("--unsafe-lua", NULL);
    const char *go = textf("%s.go", s->pid_file);
    moongate_gets_script(
        s->m, textf("os.execute('until test -e %s; do sleep 0.02; done')\n%s", go, s->script));
    moongate_signal(s->m, SIGUSR2);
    pid_t fresh = new_process(s), check;
    while (program_children(fresh, &check, 1) == 0) stage_turns(5);
    client_sends(s->lasting, "get k\r\n");
    backend_sees(s->b, "get k\r\n");
    moongate_signal(s->m, SIGKILL);
    moongate_ends(s->m);
    struct client *waits = client_connects(s->m); /* in the backlog */
    moongate_sees_log(s->m, "master: gone: this worker drains, at most 10 s");
    backend_answers(s->b, hit_and_end("k", "x"));
    client_sees(s->lasting, hit_and_end("k", "x"));
    client_sees_closed(s->lasting);
    fclose(fopen(go, "we"));
    client_sees_nothing_more(waits);
    moongate_sees_log(s->m, "is gone: this one takes its place");
    program_becomes(moongate_program(s->m), fresh);
    moongate_sees_log(s->m, " has ended");
    stat_becomes(waits, "proxy", "curr_connections", "1");
    assert_int_equal(pid_in(s->pid_file), fresh);
    moongate_gets_script(s->m, s->script);
    moongate_signal(s->m, SIGUSR2);
    moongate_becomes_new(s->m, 1);
    client_sees_nothing_more(waits);
}

/* Its workers drain by themselves, and what they count as open ends with them. */
static void the_old_process_may_die_while_it_drains(void **state)
{
    struct service *s = service_begins(NULL, NULL);
    client_sends(s->lasting, "get k\r\n");
    backend_sees(s->b, "get k\r\n");
    moongate_signal(s->m, SIGUSR2);
    pid_t fresh = new_process(s);
    moongate_sees_log(s->m, "upgrade: this process takes over from process ");
    moongate_signal(s->m, SIGKILL);
    moongate_ends(s->m);
    moongate_sees_log(s->m, "master: gone: this worker drains");
    struct client *c = client_connects(s->m);
    assert_int_equal(stat_number(c, "proxy", "ready"), 2);
    assert_int_equal(moongate_log_count(s->m, " has ended"), 0);
    backend_answers(s->b, hit_and_end("k", "x"));
    client_sees(s->lasting, hit_and_end("k", "x"));
    client_sees_closed(s->lasting);
    program_becomes(moongate_program(s->m), fresh);
    moongate_sees_log(s->m, " has ended");
    stat_becomes(c, "proxy", "curr_connections", "1");
    stat_becomes(c, "proxy", "ready", "1");
    moongate_signal(s->m, SIGUSR2);
    moongate_becomes_new(s->m, 2);
    client_sees_nothing_more(c);
}

/* As with `kill -9`, or when the kernel needs memory. Clients get what they are owed; SIGTERM, which systemd then sends to what
 * is left, changes nothing. */
static void workers_of_a_master_that_died_drain(void **state)
{
    upgrade_begins();
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), "timeout = 60"), "-j", "1", NULL);
    struct client *waits = client_connects(m), *idle = client_connects(m);
    client_sees_nothing_more(idle);
    client_sends(waits, "get k\r\n");
    backend_sees(b, "get k\r\n");
    pid_t worker = moongate_worker(m);
    moongate_signal(m, SIGKILL);
    moongate_ends(m);
    moongate_sees_log(
        m, textf("worker 0[%d]: master: gone: this worker drains, at most 10 s", (int)worker));
    client_sees_closed(idle);
    kill(worker, SIGTERM);
    moongate_sees_log(m, "SIGTERM: this worker drains already");
    client_has_nothing_yet(waits);
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(waits, hit_and_end("k", "x"));
    client_sees_closed(waits);
    while (kill(worker, 0) == 0 && program_children(getpid(), &worker, 1) > 0) {
        stage_turns(5);
        waitpid(worker, NULL, WNOHANG);
    }
}

/* Nobody is left who would kill it. */
static void a_worker_that_does_not_turn_ends_after_its_master(void **state)
{
    upgrade_begins();
    struct moongate *m = moongate_start(
        MG "return function(req)\n"
           "    mg.log 'begins'\n"
           "    string.match(('a'):rep(40), ('a?'):rep(40) .. ('a'):rep(40) .. 'b')\n"
           "end\n",
        "--drain-timeout", "0.5", "--script-timeout", "0", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get stuck\r\n");
    moongate_sees_log(m, "begins");
    pid_t worker = moongate_worker(m);
    moongate_signal(m, SIGKILL);
    moongate_ends(m);
    client_sees_closed(c);
    assert_int_equal(waitpid(worker, NULL, 0), worker);
}

static void a_process_sends_a_worker_the_signal_of_its_masters_death(void **state)
{
    upgrade_begins();
    struct moongate *m =
        moongate_start(MG "return mg.reply.miss()\n", "--drain-timeout", "0", NULL);
    pid_t worker = moongate_worker(m);
    kill(worker, SIGVTALRM); /* its master lives */
    for (double until = stage_now() + 1.5; stage_now() < until;) stage_turns(50);
    client_sees_nothing_more(client_connects(m));
    assert_int_equal(moongate_worker(m), worker);
}

/* --- modes ------------------------------------------------------------------------------------ */

static void a_single_process_is_not_upgraded(void **state)
{
    struct service *s = service_begins("--single-process", NULL);
    moongate_signal(s->m, SIGUSR2);
    moongate_sees_log(s->m, "upgrade: SIGUSR2: not done: with --single-process there is none");
    client_sees_nothing_more(s->lasting);
    client_sees_nothing_more(client_connects(s->m));
}

/* A container ends with its process 1, whatever has taken over from it. */
static void process_1_is_not_upgraded(void **state)
{
    static const char *const can[] = {"unshare", "-fp", "--mount-proc", "true", NULL};
    if (program_run(can).code != 0) {
        fprintf(stderr, "no process can be process 1 here\n");
        skip();
        return;
    }
    upgrade_begins();
    upgrade_puts_script(textf("#!/bin/sh\nexec unshare -fp --mount-proc --kill-child %s \"$@\"\n",
                              upgrade_binary()));
    struct moongate *m = moongate_start(MG "return mg.reply.miss()\n", NULL);
    struct client *c = client_connects(m);
    pid_t first = moongate_worker(m); /* unshare's child */
    kill(first, SIGUSR2);
    has(moongate_log_line(m, "upgrade: not done: "), "this is process 1");
    client_sees_nothing_more(c);
    kill(first, SIGTERM);
    moongate_exits(m, 0);
}

static bool names_another(void *what)
{
    const struct service *s = what;
    return access(s->pid_file, F_OK) == 0 && (size_t)pid_in(s->pid_file) != s->failures;
}

static bool has_logged(const char *path, const char *text)
{
    char line[2048];
    bool found = false;
    FILE *file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof line, file)) found = strstr(line, text);
    if (file) fclose(file);
    return found;
}

struct awaited {
    const char *path, *text;
};

static bool file_says(void *what)
{
    const struct awaited *a = what;
    return has_logged(a->path, a->text);
}

static void log_says(const char *path, const char *text)
{
    struct awaited a = {path, text};
    if (!stage_waits(file_says, &a)) stage_fails("%s does not say %s", path, text);
}

static bool is_reaped(void *what)
{
    pid_t pid = *(pid_t *)what;
    return waitpid(pid, NULL, WNOHANG) == pid;
}

/* Nobody sees its standard error, so what the new process complains of there is in the log of the old one. */
static void a_daemon_is_upgraded_and_stays_one(void **state)
{
    upgrade_begins();
    const char *folder = program_folder(), *log = textf("%s/log", folder);
    struct service s = {.pid_file = textf("%s/pid", folder)};
    const char *address = textf("unix:%s/s", folder);
    exits(moongate_runs("-d", "-j", "1", "-P", s.pid_file, "--log-file", log, "-b", address, "-s",
                        "127.0.0.1:1", NULL),
          0);
    struct client *c = client_connects_to(address);
    client_sees_nothing_more(c);
    pid_t old = (pid_t)pid_in(s.pid_file);
    s.failures = (size_t)old;
    upgrade_puts_script(textf("#!/bin/sh\nexec %s --nonsense\n", upgrade_binary()));
    kill(old, SIGUSR2);
    log_says(log, "/moongate: exit 2: moongate: ");
    client_sees_nothing_more(c);
    upgrade_puts_binary();
    kill(old, SIGUSR2);
    if (!stage_waits(names_another, &s)) stage_fails("%s names no other process", s.pid_file);
    client_sees_nothing_more(c);
    pid_t fresh = (pid_t)pid_in(s.pid_file), both[2] = {fresh, 0};
    assert_int_equal(program_children(fresh, both + 1, 1), 1);
    for (int i = 0; i < 2; i++) {
        char target[64] = "";
        assert_true(readlink(textf("/proc/%d/fd/2", (int)both[i]), target, sizeof target - 1) > 0);
        assert_string_equal(target, "/dev/null");
    }
    log_says(log, textf("master[%d]: upgrade: process %d has ended", (int)fresh, (int)old));
    kill(fresh, SIGTERM);
    log_says(log, textf("master[%d]: drained", (int)fresh));
    if (!stage_waits(is_reaped, &fresh)) stage_fails("%d does not end", (int)fresh);
    assert_int_not_equal(access(s.pid_file, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(what_cannot_be_run_changes_nothing),
        play(what_ends_at_start_changes_nothing),
        play(what_fails_in_its_workers_changes_nothing),
        play(a_new_process_that_cannot_write_the_pid_file_changes_nothing),
        play(what_hangs_is_killed),
        play(a_process_that_ends_takes_the_new_one_along),
        play(a_new_process_takes_over_from_one_that_died),
        play(the_old_process_may_die_while_it_drains),
        play(workers_of_a_master_that_died_drain),
        play(a_worker_that_does_not_turn_ends_after_its_master),
        play(a_process_sends_a_worker_the_signal_of_its_masters_death),
        play(a_single_process_is_not_upgraded),
        play(process_1_is_not_upgraded),
        play(a_daemon_is_upgraded_and_stays_one),
    };
    /* the program that started this one may have left it some */
    if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
