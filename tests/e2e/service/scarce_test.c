/* The kernel has run out of something, and system calls fail that never do: it costs a pause or one connection, and one line of the
 * log says so. When there is room again, everything goes on by itself. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/shim.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ALWAYS = 1 << 30 };

static double processor_seconds(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
        stage_fails("no clock of %d", (int)pid);
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

static void get_is_answered(struct client *c, struct backend *b)
{
    backend_sees(b, "get k\r\n");
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
}

/* --- clients that come -------------------------------------------------------------------------- */

/* EPERM: a security module forbids accept. It is met again and again without a pause in between. */
static void accepting_pauses_and_goes_on_whatever_has_run_out(void **state)
{
    static const int errors[] = {ENOBUFS, ENOMEM, EMFILE, EPERM};
    struct backend *b = backend_listens();
    struct shim *shim = shim_begin();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    pid_t master = moongate_pid(m);
    struct client *before = client_connects(m);

    client_sees_nothing_more(before);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        const char *line = textf("accept: paused for 0.1 s: %s", strerror(errors[i]));
        shim_fails(shim, SHIM_ACCEPT, master, ALWAYS, errors[i]);
        struct client *c = client_connects(m);
        client_sends(c, "get k\r\n");
        moongate_sees_log(m, line);
        double used = processor_seconds(master), began = stage_now();
        client_sends(before, "get k\r\n"); /* who is here is served */
        get_is_answered(before, b);
        moongate_sees_log_times(m, line, 2);
        assert_true(stage_now() - began > 0.8); /* one line a second */
        assert_true(processor_seconds(master) - used < 0.3);
        shim->faults[SHIM_ACCEPT].left = 0;
        get_is_answered(c, b);
        client_closes(c);
    }
}

/* Each of these is refused with the reason, and the next one is served. */
static void a_client_that_epoll_does_not_watch_is_refused(void **state)
{
    static const char *const options[] = {"-v", "--single-process"};
    for (size_t i = 0; i < 2; i++) {
        struct backend *b = backend_listens();
        struct shim *shim = shim_begin();
        struct moongate *m =
            moongate_start(script_of_one(backend_address(b), ""), options[i], NULL);
        struct client *before = client_connects(m);
        client_sees_nothing_more(before);

        shim_fails(shim, SHIM_EPOLL, moongate_worker(m), 3, ENOSPC);
        for (int n = 0; n < 3; n++) {
            struct client *c = client_connects(m);
            client_sends(c, "get k\r\n");
            client_sees(c, "ERROR Too many open connections\r\n");
            client_sees_closed(c);
        }
        shim_has_failed(shim, SHIM_EPOLL);
        assert_int_equal(moongate_log_count(m, "refused: epoll does not watch it"), 3);
        get_finds(client_connects(m), "k", b, "k", "x");
        stat_becomes(before, "", "rejected_connections", "3");
        assert_int_equal(stat_number(before, "", "curr_connections"), 2);
        stage_clears();
    }
}

/* The master cannot hand them over: its messages find no room. */
static void clients_wait_while_there_is_no_room_to_hand_them_over(void **state)
{
    static const int errors[] = {ENOBUFS, ENOMEM, ETOOMANYREFS};
    struct backend *b = backend_listens();
    struct shim *shim = shim_begin();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        shim_fails(shim, SHIM_SENDMSG, moongate_pid(m), 5, errors[i]);
        struct client *c = client_connects(m);
        client_sends(c, "get k\r\n");
        get_is_answered(c, b);
        shim_has_failed(shim, SHIM_SENDMSG);
        client_closes(c);
    }
}

/* --- servers ------------------------------------------------------------------------------------ */

/* The server's connection ends; no new one can be made, for this reason. Clients learn it at once, and the log too. */
static void a_server_is_connected_again_when_there_is_room(void **state)
{
    static const struct {
        enum shim_call call;
        int error;
        const char *reason;
    } ways[] = {
        {SHIM_SOCKET, ENOBUFS, "No buffer space available"},
        {SHIM_SOCKET, EMFILE, "Too many open files"},
        {SHIM_SOCKET, ENFILE, "Too many open files in system"},
        {SHIM_CONNECT, EADDRNOTAVAIL, "Cannot assign requested address"},
        {SHIM_CONNECT, ENOBUFS, "No buffer space available"},
        {SHIM_CONNECT, EAGAIN, "Resource temporarily unavailable"},
        {SHIM_EPOLL, ENOSPC, "epoll does not watch it"},
        {SHIM_EPOLL, ENOMEM, "epoll does not watch it"},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct backend *b = backend_listens();
        struct shim *shim = shim_begin();
        struct moongate *m = moongate_start(
            script_of_one(backend_address(b), "probe_min = 0.05, probe_max = 0.2"), NULL);
        pid_t worker = moongate_worker(m);
        struct client *c = client_connects(m);

        client_sees_nothing_more(c);
        shim_fails(shim, ways[i].call, worker, ALWAYS, ways[i].error);
        backend_closes(b);
        moongate_sees_log(m, ways[i].reason);
        double used = processor_seconds(worker);
        client_sends(c, "get k\r\n");
        client_sees_line_starting(c, failure_of(backend_address(b)));
        for (double end = stage_now() + 0.5; stage_now() < end;) stage_turns(20);
        assert_true(processor_seconds(worker) - used < 0.2);
        assert_in_range(moongate_log_count(m, ways[i].reason), 1, 20);
        shim->faults[ways[i].call].left = 0;
        backend_sees_links(b, 2);
        stat_becomes(c, "servers", textf("%s:state", backend_address(b)), "ready");
        client_sends(c, "get k\r\n");
        backend_turns_to_input(b);
        get_is_answered(c, b);
        stage_clears();
    }
}

/* --- processes ---------------------------------------------------------------------------------- */

/* The old script goes on, each try says why it cannot begin, and the one that can is the last. */
static void a_reload_for_which_there_is_no_room_is_done_later(void **state)
{
    static const struct {
        enum shim_call call;
        int error;
    } ways[] = {{SHIM_MEMFD, EMFILE},
                {SHIM_MEMFD, ENFILE},
                {SHIM_PIPE, EMFILE},
                {SHIM_FORK, EAGAIN},
                {SHIM_FORK, ENOMEM}};
    struct backend *both[] = {backend_listens(), backend_listens()};
    struct shim *shim = shim_begin();
    struct moongate *m = moongate_start(script_of_one(backend_address(both[0]), ""), NULL);
    struct client *c = client_connects(m);

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        shim_fails(shim, ways[i].call, moongate_pid(m), i == 0 ? 2 : 1, ways[i].error);
        moongate_gets_script(m, script_of_one(backend_address(both[(i + 1) % 2]), ""));
        moongate_signal(m, SIGHUP);
        const char *line = moongate_log_nth_line(m, "next try in 0.5 s", i + 1);
        if (!strstr(line, textf("not loaded: %s: next", strerror(ways[i].error))))
            stage_fails("why? %s", line);
        client_sends(c, "get k\r\n");
        get_is_answered(c, both[i % 2]);
        moongate_sees_log(m, textf("reloaded: generation %zu", i + 2));
        client_sends(c, "get k\r\n");
        backend_turns_to_input(both[(i + 1) % 2]);
        get_is_answered(c, both[(i + 1) % 2]);
    }
    assert_int_equal(moongate_log_count(m, "next try in 1 s"), 1);
    shim_fails(shim, SHIM_FORK, moongate_pid(m), ALWAYS,
               EAGAIN); /* a signal does not wait for the try */
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "next try in 2 s");
    shim->faults[SHIM_FORK].left = 0;
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 7");
    assert_int_equal(moongate_log_count(m, "next try in 2 s"), 1);
}

/* Another one is tried later and later, with a line each time. */
static void a_worker_that_cannot_be_started_is_started_later(void **state)
{
    static const struct {
        enum shim_call call;
        int error;
    } ways[] = {{SHIM_FORK, EAGAIN}, {SHIM_SOCKETPAIR, EMFILE}};
    for (size_t i = 0; i < 2; i++) {
        struct backend *b = backend_listens();
        struct shim *shim = shim_begin();
        struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
        const char *line =
            textf("worker 0: not started: %s; next try in ", strerror(ways[i].error));

        shim_fails(shim, ways[i].call, moongate_pid(m), 2, ways[i].error);
        kill(moongate_worker(m), SIGKILL);
        moongate_sees_log_times(m, line, 2);
        struct client *c = client_connects(m);
        client_sends(c, "get k\r\n");
        backend_sees_links(b, 2);
        backend_turns_to_input(b);
        get_is_answered(c, b);
        assert_int_equal(moongate_log_count(m, line), 2);
        stage_clears();
    }
}

/* A worker whose channel the master does not watch would never be heard of again. */
static void a_worker_that_cannot_be_heard_is_replaced(void **state)
{
    struct backend *b = backend_listens();
    struct shim *shim = shim_begin();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    pid_t first = moongate_worker(m);
    struct client *before = client_connects(m); /* so the listener is watched by now */

    client_sends(before, "version\r\n");
    client_sees_line_starting(before, "VERSION ");
    shim_fails(shim, SHIM_EPOLL, moongate_pid(m), 1, ENOMEM);
    kill(first, SIGKILL);
    client_sees_closed(before);
    moongate_sees_log_times(m, "respawn in", 2);
    shim_has_failed(shim, SHIM_EPOLL);
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    backend_turns_to_input(b);
    get_is_answered(c, b);
}

/* --- processors --------------------------------------------------------------------------------- */

static void file_has(const char *path, const char *text)
{
    char folder[512];
    snprintf(folder, sizeof folder, "mkdir -p $(dirname %s)", path);
    const char *const argv[] = {"sh", "-c", folder, NULL};
    assert_int_equal(program_run(argv).code, 0);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Four processors, in a container that may use one and a half. */
static void workers_are_as_many_as_the_quota_of_the_container_allows(void **state)
{
    static const char line[] = "workers: 2: the cgroup's CPU quota is 1.5 processors";
    const char *root = program_folder();
    struct backend *b = backend_listens();
    struct shim *shim = shim_begin();
    shim->processors = 4;
    snprintf(shim->root, sizeof shim->root, "%s", root);
    file_has(textf("%s/proc/self/cgroup", root), "0::/\n");
    file_has(textf("%s/proc/self/mountinfo", root),
             "1 2 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
    file_has(textf("%s/sys/fs/cgroup/cpu.max", root), "150000 100000\n");

    struct moongate *m = moongate_start_by_default(script_of_one(backend_address(b), ""), 2);
    moongate_sees_log(m, line);
    pid_t workers[2];
    moongate_workers(m, workers, 2);
    m = moongate_start(script_of_one(backend_address(b), ""), "-j", "3", NULL);
    assert_int_equal(moongate_log_count(m, "quota"), 0);
    pid_t three[3];
    moongate_workers(m, three, 3);
    file_has(textf("%s/sys/fs/cgroup/cpu.max", root), "max 100000\n");
    m = moongate_start_by_default(script_of_one(backend_address(b), ""), 4);
    assert_int_equal(moongate_log_count(m, "quota"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(accepting_pauses_and_goes_on_whatever_has_run_out),
        play(a_client_that_epoll_does_not_watch_is_refused),
        play(clients_wait_while_there_is_no_room_to_hand_them_over),
        play(a_server_is_connected_again_when_there_is_room),
        play(a_reload_for_which_there_is_no_room_is_done_later),
        play(a_worker_that_cannot_be_started_is_started_later),
        play(a_worker_that_cannot_be_heard_is_replaced),
        play(workers_are_as_many_as_the_quota_of_the_container_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
