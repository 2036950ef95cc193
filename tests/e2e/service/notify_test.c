/* What a service manager is told: a socket of the test stands for systemd's. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"
#include "lib/upgrade.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { TOLD_MAX = 512 };

struct manager {
    struct actor actor;
    const char *told[TOLD_MAX];
    size_t n, seen;
};

static void manager_acts(struct actor *actor, short revents)
{
    struct manager *s = (struct manager *)(void *)actor;
    char text[1024];
    for (ssize_t n; s->n < TOLD_MAX && (n = recv(actor->fd, text, sizeof text - 1, 0)) >= 0;) {
        text[n] = '\0';
        s->told[s->n++] = textf("%s", text);
    }
}

static short manager_wants_nothing(struct actor *actor)
{
    (void)actor;
    return 0;
}

static bool manager_leaves(struct actor *actor)
{
    close(actor->fd);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    return true;
}

static void manager_tells(struct actor *actor)
{
    const struct manager *s = (struct manager *)(void *)actor;
    for (size_t i = 0; i < s->n; i++) fprintf(stderr, "  told: %s\n", s->told[i]);
}

/* Moongate that is started from now on tells it. */
static struct manager *manager_begins(void)
{
    struct manager *s = stage_memory(sizeof *s);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s/notify", program_folder());
    s->actor = (struct actor){.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                              .rank = RANK_FOLDER,
                              .acts = manager_acts,
                              .leaves = manager_leaves,
                              .tells = manager_tells};
    if (bind(s->actor.fd, (struct sockaddr *)&at, sizeof at) != 0)
        stage_fails("no socket at %s: %s", at.sun_path, strerror(errno));
    setenv("NOTIFY_SOCKET", at.sun_path, 1);
    stage_enter(&s->actor);
    return s;
}

static bool has_more(void *what)
{
    const struct manager *s = what;
    return s->n > s->seen;
}

static const char *manager_is_told_something(struct manager *s)
{
    if (!stage_waits(has_more, s)) stage_fails("the manager is told nothing more");
    return s->told[s->seen++];
}

/* The next message begins and ends like this. */
static const char *manager_is_told(struct manager *s, const char *start, const char *end)
{
    const char *told = manager_is_told_something(s);
    size_t n = strlen(told), tail = strlen(end);
    if (strncmp(told, start, strlen(start)) != 0 || n < tail || strcmp(told + n - tail, end) != 0)
        stage_fails("\"%s...%s\" expected, the manager is told \"%s\"", start, end, told);
    return told;
}

static struct moongate *start_of(int workers)
{
    return moongate_start(script_of_one(backend_address(backend_listens()), ""), "-j",
                          textf("%d", workers), NULL);
}

static unsigned long long microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000;
}

/* Its time lies between that of the order and now. */
static void manager_sees_a_reload_begin(struct manager *s, unsigned long long since)
{
    static const char start[] = "RELOADING=1\nMONOTONIC_USEC=";
    const char *told = manager_is_told(s, start, "");
    unsigned long long usec = strtoull(told + sizeof start - 1, NULL, 10);
    assert_true(usec >= since && usec <= microseconds());
}

static void it_is_ready_when_the_workers_are(void **state)
{
    struct manager *s = manager_begins();
    struct moongate *m = start_of(1);
    manager_is_told(s, "READY=1\nSTATUS=1 of 1 workers, generation 1; last reload none", "none");
    client_sees_nothing_more(client_connects(m));
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    manager_is_told(s, "STOPPING=1\nSTATUS=draining", "draining");
    stage_turns(0);
    assert_int_equal(s->n, s->seen);
}

/* It is the last good one, from the disk or from memory, that runs. */
static void the_state_says_when_it_is_not_the_file_that_runs(void **state)
{
    static const char kept[] = "; the last good script runs, not the file";
    const char *folder = program_folder();
    struct moongate *m = moongate_start(MG "return mg.reply.miss()\n", "--state-dir", folder, "-v",
                                        "--probation", "0", NULL);
    moongate_sees_log(m, "last-good: written");
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);

    struct manager *s = manager_begins();
    const char *script = moongate_script_path(m);
    moongate_gets_script(m, "return nonsense(\n");
    struct moongate *next = moongate_start(NULL, script, "--state-dir", folder, "--probation", "60",
                                           "--rehearse", "0", "--start-with-last-good", NULL);
    manager_is_told(s, "READY=1\nSTATUS=1 of 1 workers, generation 1; last reload none", kept);
    moongate_signal(next, SIGHUP);
    manager_is_told(s, "RELOADING=1\n", "");
    manager_is_told(s, "READY=1\nSTATUS=1 of 1 workers, generation 1; last reload 20", kept);
    moongate_gets_script(m, "return function() error 'always' end\n");
    moongate_signal(next, SIGHUP);
    manager_is_told(s, "RELOADING=1\n", "");
    manager_is_told(s, "READY=1\nSTATUS=1 of 1 workers, generation 2; last reload 20",
                    "Z: accepted");
    struct client *c = client_connects(next);
    for (int i = 0; i < 100; i++) {
        client_sends(c, "get k\r\n");
        client_sees(c, "SERVER_ERROR script error\r\n");
    }
    manager_is_told(s, "RELOADING=1\n", "");
    manager_is_told(s, "READY=1\nSTATUS=1 of 1 workers, generation 3; last reload 20",
                    "Z: rolled back; the last good script runs, not the file");
}

static void each_reload_begins_and_ends(void **state)
{
    struct manager *s = manager_begins();
    struct moongate *m = start_of(2);
    const char *told = manager_is_told(s, "READY=1\n", ""); /* a slow worker may come later */
    while (!strstr(told, "2 of 2 workers")) told = manager_is_told(s, "STATUS=", "");
    unsigned long long before = microseconds();
    moongate_reloads(m, script_of_one(backend_address(backend_listens()), ""));
    manager_sees_a_reload_begin(s, before);
    manager_is_told(s, "READY=1\nSTATUS=2 of 2 workers, generation 2; last reload 20",
                    "Z: accepted");

    before = microseconds();
    moongate_gets_script(m, "return nonsense(\n");
    moongate_signal(m, SIGHUP);
    manager_sees_a_reload_begin(s, before);
    manager_is_told(s, "READY=1\nSTATUS=2 of 2 workers, generation 2; last reload 20",
                    "Z: refused");

    before = microseconds();
    assert_int_equal(unlink(moongate_script_path(m)), 0);
    moongate_signal(m, SIGHUP);
    manager_sees_a_reload_begin(s, before);
    manager_is_told(s, "READY=1\nSTATUS=", "Z: refused");
    stage_turns(0);
    assert_int_equal(s->n, s->seen);
}

static void a_worker_that_is_gone_shows_in_the_status(void **state)
{
    struct manager *s = manager_begins();
    struct moongate *m = start_of(1);
    manager_is_told(s, "READY=1\nSTATUS=1 of 1 workers", "");
    kill(moongate_worker(m), SIGKILL);
    manager_is_told(s, "STATUS=0 of 1 workers", "");
    manager_is_told(s, "STATUS=1 of 1 workers", "");
}

/* 0.2 s are wanted: 0.1 s is what comes. Ten take a second: less would be too often, and a busy machine takes more. */
static void signs_of_life_come_twice_as_often_as_wanted(void **state)
{
    struct manager *s = manager_begins();
    setenv("WATCHDOG_USEC", "200000", 1);
    struct moongate *m = start_of(1);
    size_t signs = 0;
    double begin = stage_now();
    while (signs < 10) signs += strcmp(manager_is_told_something(s), "WATCHDOG=1") == 0;
    assert_true(stage_now() - begin > 0.7);
    client_sees_nothing_more(client_connects(m));
}

/* A master that waited for the manager would reload no more: the kernel keeps about ten messages. */
static void a_manager_that_does_not_read_holds_up_nothing(void **state)
{
    enum { RELOADS = 15 };
    struct manager *s = manager_begins();
    s->actor.wants = manager_wants_nothing;
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    for (int i = 0; i < RELOADS; i++) moongate_reloads(m, script_of_one(backend_address(b), ""));
    client_sees_nothing_more(client_connects(m));
    s->actor.wants = NULL;
    const char *last;
    do last = manager_is_told_something(s);
    while (!strstr(last, textf("generation %d;", RELOADS + 1)));
    has(last, "READY=1\n");
}

/* The manager has started the parent, which ends; so the child says who it is. */
static void a_daemon_says_which_process_it_is(void **state)
{
    struct manager *s = manager_begins();
    struct run run = moongate_runs("-d", "-j", "1", "-p", "0", "-s", "127.0.0.1:1", NULL);
    exits(run, 0);
    static const char start[] = "READY=1\nMAINPID=";
    const char *told = manager_is_told(s, start, "none");
    pid_t pid = (pid_t)strtol(told + sizeof start - 1, NULL, 10);
    assert_true(pid > 1 && kill(pid, SIGTERM) == 0);
    manager_is_told(s, "STOPPING=1", "");
}

static void manager_is_told_beside_signs(struct manager *s, const char *start, const char *end)
{
    while (strcmp(manager_is_told_something(s), "WATCHDOG=1") == 0) {
    }
    s->seen--;
    manager_is_told(s, start, end);
}

/* The old process says who is the main one now, and then only the new one speaks. A new one that fails says nothing. */
static void an_upgrade_changes_the_main_process(void **state)
{
    upgrade_begins();
    struct manager *s = manager_begins();
    setenv("WATCHDOG_USEC", "600000000", 1); /* a sign each 5 minutes */
    struct moongate *m = start_of(1);
    struct client *c = client_connects(m);
    client_sees_nothing_more(c);
    manager_is_told_beside_signs(
        s, "READY=1\nSTATUS=1 of 1 workers, generation 1; last reload none", "none");
    upgrade_puts_nothing();
    moongate_signal(m, SIGUSR2);
    moongate_sees_log(m, "upgrade: not done: ");
    upgrade_puts_binary();
    for (size_t i = 1; i <= 2; i++) {
        moongate_signal(m, SIGUSR2);
        moongate_becomes_new(m, i);
        manager_is_told_beside_signs(s, textf("MAINPID=%d", (int)moongate_pid(m)), "");
        manager_is_told_beside_signs(s, "READY=1\nSTATUS=1 of 1 workers, generation 1", "none");
        moongate_sees_log_times(m, " has ended", i);
    }
    char environment[8192] = "";
    FILE *file = fopen(textf("/proc/%d/environ", (int)moongate_pid(m)), "re");
    assert_true(file && fread(environment, 1, sizeof environment - 1, file) > 0);
    fclose(file);
    const char *wanted = textf("WATCHDOG_PID=%d", (int)moongate_pid(m));
    assert_non_null(memmem(environment, sizeof environment, wanted, strlen(wanted) + 1));
    client_sees_nothing_more(c);
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    manager_is_told_beside_signs(s, "STOPPING=1", "");
    stage_turns(0);
    while (s->seen < s->n) assert_string_equal(s->told[s->seen++], "WATCHDOG=1");
}

/* What a script starts is not the service: the environment has no socket for it. */
static void scripts_have_no_socket_of_the_manager(void **state)
{
    struct manager *s = manager_begins();
    struct moongate *m =
        moongate_start(MG "print = nil\nlocal socket = tostring(os.getenv 'NOTIFY_SOCKET')\n"
                          "return function() return mg.reply.error(socket) end\n",
                       "--unsafe-lua", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    client_sees(c, "SERVER_ERROR nil\r\n");
    manager_is_told(s, "READY=1", "");
}

static void what_is_no_socket_costs_a_line(void **state)
{
    setenv("NOTIFY_SOCKET", "nonsense", 1);
    struct moongate *m = start_of(1);
    unsetenv("NOTIFY_SOCKET");
    moongate_sees_log(m, "service manager: not told anything: NOTIFY_SOCKET nonsense");
    client_sees_nothing_more(client_connects(m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(it_is_ready_when_the_workers_are),
        play(the_state_says_when_it_is_not_the_file_that_runs),
        play(each_reload_begins_and_ends),
        play(a_worker_that_is_gone_shows_in_the_status),
        play(signs_of_life_come_twice_as_often_as_wanted),
        play(a_manager_that_does_not_read_holds_up_nothing),
        play(a_daemon_says_which_process_it_is),
        play(an_upgrade_changes_the_main_process),
        play(scripts_have_no_socket_of_the_manager),
        play(what_is_no_socket_costs_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
