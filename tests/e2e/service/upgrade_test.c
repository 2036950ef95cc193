/* SIGUSR2: a new binary takes over, and no client notices: none is refused or closed, no value is wrong, no count is lost.
 *
 * UPGRADES: how many under load (5).
 */
#include "lib/application.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/upgrade.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

static void upgrades(struct moongate *m, size_t nth)
{
    moongate_signal(m, SIGUSR2);
    moongate_becomes_new(m, nth);
    moongate_sees_log_times(m, " has ended", nth);
}

/* --- under load ------------------------------------------------------------------------------- */

enum { LASTING = 10, FRESH = 8, WORKERS = 2, TICK_MS = 5 };

/* Clients that come and go: one with each tick. */
struct crowd {
    struct actor clock; /* first */
    struct moongate *m;
    struct application *lasting[LASTING], *fresh[FRESH];
    struct tally gone;
    unsigned long came;
    bool is_over;
};

static void crowd_acts(struct actor *actor, short revents)
{
    struct crowd *c = (struct crowd *)(void *)actor;
    uint64_t ticks;
    (void)revents;
    if (read(actor->fd, &ticks, sizeof ticks) < 0 || c->is_over) return;
    struct application **place = &c->fresh[c->came++ % FRESH];
    if (*place) {
        tally_add(&c->gone, *place);
        application_leaves(*place);
    }
    *place = application_connects(c->m, "k", 4, (unsigned)c->came);
}

static bool crowd_leaves(struct actor *actor)
{
    close(actor->fd);
    return true;
}

static struct crowd *crowd_comes(struct moongate *m)
{
    struct crowd *c = stage_memory(sizeof *c);
    struct itimerspec every = {.it_value.tv_nsec = TICK_MS * 1000000,
                               .it_interval.tv_nsec = TICK_MS * 1000000};
    c->m = m;
    for (unsigned i = 0; i < LASTING; i++)
        c->lasting[i] = application_connects(m, "k", 1 + i % 3 * 4, 1000 + i);
    c->clock = (struct actor){.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
                              .rank = RANK_CLIENT,
                              .acts = crowd_acts,
                              .leaves = crowd_leaves};
    timerfd_settime(c->clock.fd, 0, &every, NULL);
    stage_enter(&c->clock);
    return c;
}

/* Every request has its answer. */
static struct tally crowd_rests(struct crowd *c)
{
    c->is_over = true;
    for (int i = 0; i < LASTING; i++) {
        application_rests(c->lasting[i]);
        tally_add(&c->gone, c->lasting[i]);
    }
    for (int i = 0; i < FRESH; i++) {
        if (!c->fresh[i]) continue;
        application_rests(c->fresh[i]);
        tally_add(&c->gone, c->fresh[i]);
    }
    tally_print(&c->gone);
    printf("%lu clients came\n", c->came);
    return c->gone;
}

static size_t descriptors(pid_t pid)
{
    size_t n = 0;
    DIR *folder = opendir(textf("/proc/%d/fd", (int)pid));
    if (!folder) stage_fails("no descriptors of %d", (int)pid);
    while (readdir(folder)) n++;
    closedir(folder);
    return n;
}

struct wanted {
    pid_t pid;
    size_t n;
};

static bool has_no_more(void *what)
{
    const struct wanted *w = what;
    return descriptors(w->pid) <= w->n;
}

static void has_at_most(pid_t pid, size_t n)
{
    struct wanted w = {pid, n};
    if (!stage_waits(has_no_more, &w))
        stage_fails("%d has %zu descriptors, more than %zu", (int)pid, descriptors(pid), n);
}

static void upgrades_under_load_cost_nothing(void **state)
{
    size_t times = getenv("UPGRADES") ? strtoul(getenv("UPGRADES"), NULL, 10) : 5;
    upgrade_begins();
    struct memcached *one = memcached_start(NULL), *two = memcached_start(NULL);
    struct moongate *m = moongate_start(textf(MG "return mg.pool { '%s', '%s', timeout = 30 }",
                                              memcached_address(one), memcached_address(two)),
                                        "-j", textf("%d", WORKERS), NULL);
    struct client *c = client_connects(m);
    client_sees_nothing_more(c);
    client_sees_nothing_more(client_connects(m));
    size_t before = descriptors(moongate_pid(m));
    struct crowd *crowd = crowd_comes(m);
    unsigned long requests = 0, came = 0;
    for (size_t i = 1; i <= times; i++) {
        upgrades(m, i);
        unsigned long now = stat_number(c, "proxy", "requests");
        assert_true(now > requests);
        requests = now;
        now = stat_number(c, "proxy", "total_connections");
        assert_true(now >= came);
        came = now;
        assert_int_equal(stat_number(c, "", "pid"), moongate_pid(m));
    }
    struct tally sum = crowd_rests(crowd);
    assert_int_equal(sum.errors, 0);
    assert_true(sum.hits > 0 && sum.stored > 0);
    assert_int_equal(stat_number(c, "proxy", "upgrades"), times);
    assert_int_equal(stat_number(c, "proxy", "upgrade_failures"), 0);
    assert_int_equal(stat_number(c, "proxy", "rejected_connections"), 0);
    assert_true(stat_number(c, "proxy", "requests") >= sum.requests);
    has_at_most(moongate_pid(m),
                before); /* the master may have had a client on its way to a worker then */
}

/* --- what goes over --------------------------------------------------------------------------- */

static void counters_and_dictionaries_go_over(void **state)
{
    upgrade_begins();
    struct moongate *m =
        moongate_start(MG "local seen = mg.shared('seen', 65536)\n"
                          "local asked = mg.counter 'asked'\n"
                          "return function(req) asked:add(1) "
                          "return mg.reply.error(tostring(seen:incr('n', 1, 0))) end\n",
                       NULL);
    struct client *c = client_connects(m);
    for (int i = 1; i <= 9; i++) {
        client_sends(c, "get k\r\n");
        client_sees(c, textf("SERVER_ERROR %d\r\n", i));
        if (i % 3 == 0) upgrades(m, (size_t)i / 3);
    }
    assert_int_equal(stat_number(c, "script", "asked"), 9);
    assert_int_equal(stat_number(c, "proxy", "cmd_get"), 9);
    assert_int_equal(stat_number(c, "proxy", "moved_connections"), 3);
    assert_int_equal(stat_number(c, "", "curr_connections"), 1);
    assert_int_equal(stat_number(c, "proxy", "ready"), 1);
}

/* A client whose request is under way gets its answer from the old process; one that has sent a part finishes it there; both then
 * go on with the new one. */
static void what_is_under_way_is_finished_before_a_client_moves(void **state)
{
    upgrade_begins();
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"),
                                        "--drain-timeout", "600", NULL);
    struct client *waits = client_connects(m), *half = client_connects(m);
    struct client *idle = client_connects(m);
    client_sends(waits, "get k\r\n");
    backend_sees(b, "get k\r\n");
    client_sends(half, "delete lo");
    client_sees_nothing_more(idle);
    moongate_signal(m, SIGUSR2);
    moongate_sees_log(m, "upgrade: this process takes over from process ");
    client_sees_nothing_more(idle);
    client_sees_nothing_more(client_connects(m));
    stat_becomes(idle, "proxy", "moved_connections", "1");
    assert_true(moongate_runs_on(m));
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(waits, hit_and_end("k", "x"));
    client_sends(half, "ng\r\n");
    backend_turns_to_input(b);
    backend_sees(b, "delete long\r\n");
    backend_answers(b, "DELETED\r\n");
    client_sees(half, "DELETED\r\n");
    moongate_becomes_new(m, 1);
    client_sees_nothing_more(waits);
    client_sees_nothing_more(half);
    assert_int_equal(stat_number(idle, "proxy", "moved_connections"), 3);
}

static long pid_of(const char *path)
{
    char text[32] = "";
    FILE *file = fopen(path, "re");
    if (!file || !fgets(text, sizeof text, file)) stage_fails("no id in %s", path);
    fclose(file);
    return strtol(text, NULL, 10);
}

static void files_belong_to_the_new_one(void **state)
{
    upgrade_begins();
    struct backend *b = backend_listens();
    const char *folder = program_folder();
    const char *file = textf("%s/s", folder), *pid_file = textf("%s/pid", folder);
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "-b", "127.0.0.1",
                                        "-b", textf("web=unix:%s", file), "-P", pid_file, NULL);
    const char *address = textf("unix:%s", file);
    struct stat before, after;
    assert_int_equal(stat(file, &before), 0);
    for (size_t i = 1; i <= 2; i++) {
        struct client *c = client_connects_to(address);
        client_sees_nothing_more(c);
        upgrades(m, i);
        client_sees_nothing_more(c);
        assert_int_equal(pid_of(pid_file), moongate_pid(m));
        assert_int_equal(moongate_log_count(m, "it named process"), 0);
        assert_int_equal(stat(file, &after), 0);
        assert_true(before.st_ino == after.st_ino);
        client_sees_nothing_more(client_connects_to(address));
    }
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    assert_int_not_equal(access(file, F_OK), 0);
    assert_int_not_equal(access(pid_file, F_OK), 0);
}

/* The pid file and the socket belong to the user, who may do no more than that from the first upgrade on. */
static void a_process_that_is_not_root_any_more_is_upgraded(void **state)
{
    const struct passwd *user = getpwnam("nobody");
    if (getuid() != 0 || !user) {
        fprintf(stderr, "only root can become nobody\n");
        skip();
        return;
    }
    upgrade_begins();
    const char *folder = program_folder();
    const char *address = textf("unix:%s/s", folder), *pid_file = textf("%s/pid", folder);
    struct moongate *m = moongate_start(script_of_one(backend_address(backend_listens()), ""), "-u",
                                        "nobody", "-b", address, "-P", pid_file, NULL);
    struct client *c = client_connects_to(address);
    for (size_t i = 1; i <= 2; i++) {
        upgrades(m, i);
        client_sees_nothing_more(c);
        assert_int_equal(pid_of(pid_file), moongate_pid(m));
        struct stat
            process; /* the kernel gives it to root when no other of its user may look into it */
        assert_int_equal(stat(textf("/proc/%d/environ", (int)moongate_pid(m)), &process), 0);
        assert_int_equal(process.st_uid, 0);
    }
}

/* The board is too small for it. */
static void what_does_not_fit_begins_at_zero(void **state)
{
    upgrade_begins();
    struct moongate *m = moongate_start(
        MG "local seen = mg.shared('seen', 65536)\n"
           "return function(req) return mg.reply.error(tostring(seen:incr('n', 1, 0))) end\n",
        NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    client_sees(c, "SERVER_ERROR 1\r\n");
    upgrade_puts_script(textf("#!/bin/sh\nexec %s \"$@\" -j 3\n", upgrade_binary()));
    upgrades(m, 1);
    moongate_sees_log(m, "upgrade: counters of servers and of the script begin at zero: ");
    moongate_sees_log(m, "upgrade: writes through process ");
    assert_int_equal(moongate_log_count(m, "dictionaries begin empty"), 0);
    client_sends(c, "get k\r\n");
    client_sees(c, "SERVER_ERROR 2\r\n");
    assert_int_equal(stat_number(c, "proxy", "cmd_get"), 2);
    upgrades(m, 2);
    assert_int_equal(stat_number(c, "proxy", "cmd_get"), 2);
    assert_int_equal(moongate_log_count(m, "begin at zero"), 1);
}

static size_t lines_with(const char *path, const char *text)
{
    char line[512];
    size_t n = 0;
    FILE *file = fopen(path, "re");
    if (!file) stage_fails("no file %s", path);
    while (fgets(line, sizeof line, file)) n += strstr(line, text) != NULL;
    fclose(file);
    return n;
}

/* What exec(2) leaves open: the listener and the channel, and five files of memory. Not what the old one was started with, nor
 * its clients. (The shell has its script open.) */
static void a_new_process_inherits_what_it_is_to_have(void **state)
{
    upgrade_begins();
    const char *list = textf("%s/list", program_folder());
    int foreign = fcntl(STDERR_FILENO, F_DUPFD, 70);
    struct moongate *m =
        moongate_start(script_of_one(backend_address(backend_listens()), ""), NULL);
    close(foreign);
    struct client *c = client_connects(m);
    client_sees_nothing_more(c);
    assert_true(descriptors(moongate_pid(m)) > 10);
    upgrade_puts_script(
        textf("#!/bin/sh\nls -l /proc/$$/fd >%s.new; mv %s.new %s; exec %s \"$@\"\n", list, list,
              list, upgrade_binary()));
    upgrades(m, 1);
    assert_int_equal(lines_with(list, "-> socket:"), 2);
    assert_int_equal(lines_with(list, "-> /memfd:moongate-board"), 5);
    assert_int_equal(lines_with(list, "-> /memfd:"), 5);
    assert_int_equal(lines_with(list, " 70 -> "), 0);
    assert_in_range(lines_with(list, " -> "), 10, 12);
    client_sees_nothing_more(c);
}

/* --- signals ---------------------------------------------------------------------------------- */

/* An upgrade is done, and the old process drains: a client still waits for the backend's answer to `get k`. */
struct half_upgraded {
    struct backend *backend;
    struct moongate *m;
    struct client *client;
    pid_t second; /* the new process */
};

static struct half_upgraded half_upgraded(void)
{
    upgrade_begins();
    struct half_upgraded u = {.backend = backend_listens()};
    u.m = moongate_start(script_of_one(backend_address(u.backend), "timeout = 60"),
                         "--drain-timeout", "600", NULL);
    u.client = client_connects(u.m);
    client_sends(u.client, "get k\r\n");
    backend_sees(u.backend, "get k\r\n");
    moongate_signal(u.m, SIGUSR2);
    const char *line = moongate_log_line(u.m, "upgrade: this process takes over from process ");
    u.second = (pid_t)strtol(strchr(line, '[') + 1, NULL, 10);
    return u;
}

static void a_second_signal_waits_until_the_process_before_has_ended(void **state)
{
    struct half_upgraded u = half_upgraded();
    struct backend *b = u.backend;
    struct moongate *m = u.m;
    struct client *c = u.client;
    kill(u.second, SIGUSR2);
    moongate_sees_log(m, "upgrade: SIGUSR2: remembered until the process before has ended");
    moongate_signal(m, SIGUSR2);
    moongate_sees_log(m, "upgrade: SIGUSR2: ignored while draining");
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    moongate_becomes_new(m, 1);
    assert_int_equal(moongate_pid(m), u.second);
    moongate_becomes_new(m, 2);
    client_sees_nothing_more(c);
    assert_int_equal(stat_number(c, "proxy", "upgrades"), 2);
}

/* The new one may have read the script before the file changed. */
static void a_reload_during_an_upgrade_is_done_again_by_the_new_one(void **state)
{
    upgrade_begins();
    struct backend *b = backend_listens();
    const char *go = textf("%s/go", program_folder());
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m);
    client_sees_nothing_more(c);
    upgrade_puts_script(textf("#!/bin/sh\nuntil test -e %s; do sleep 0.02; done\nexec %s \"$@\"\n",
                              go, upgrade_binary()));
    moongate_signal(m, SIGUSR2);
    moongate_sees_log(m, "upgrade: SIGUSR2: starting ");
    moongate_signal(m, SIGUSR2);
    moongate_sees_log(m, "upgrade: SIGUSR2: ignored: process ");
    moongate_reloads(m, script_of_one(backend_address(b), ""));
    fclose(fopen(go, "we"));
    moongate_becomes_new(m, 1);
    moongate_sees_log_times(m, "reloaded: generation 2", 2);
    client_sees_nothing_more(c);
}

/* As `systemctl stop` does it: all processes of the service get the signal. */
static void a_stop_while_the_old_one_drains_waits_for_what_is_under_way(void **state)
{
    struct half_upgraded u = half_upgraded();
    struct backend *b = u.backend;
    struct moongate *m = u.m;
    struct client *c = u.client;
    kill(u.second, SIGTERM);
    moongate_sees_log(m, "draining: SIGTERM");
    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "SIGTERM: this process drains already");
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    client_sees_closed(c);
    moongate_exits(m, 0);
    moongate_sees_log_times(m, "]: drained", 2);
    upgrade_sees_end(u.second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(upgrades_under_load_cost_nothing),
        play(counters_and_dictionaries_go_over),
        play(what_is_under_way_is_finished_before_a_client_moves),
        play(files_belong_to_the_new_one),
        play(a_process_that_is_not_root_any_more_is_upgraded),
        play(what_does_not_fit_begins_at_zero),
        play(a_new_process_inherits_what_it_is_to_have),
        play(a_second_signal_waits_until_the_process_before_has_ended),
        play(a_reload_during_an_upgrade_is_done_again_by_the_new_one),
        play(a_stop_while_the_old_one_drains_waits_for_what_is_under_way),
    };
    /* the program that started this one may have left it some */
    if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
