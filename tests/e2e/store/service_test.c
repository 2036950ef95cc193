/* The life of stores in a service: all workers have the same items; reloads and upgrades keep them; a worker that is killed harms nothing;
 * what no script names goes, with its memory. */
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/asked.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/stage.h"
#include "lib/upgrade.h"

#define STORE "return mg.store { size = '16m', name = 'one' }\n"

enum { CLIENTS = 12 };

/* Clients are spread over the workers. */
static void connect_all(struct moongate *m, struct client **all)
{
    for (int i = 0; i < CLIENTS; i++) all[i] = client_connects(m);
}

static void all_workers_have_the_same_items(void **state)
{
    struct moongate *m = moongate_start(NULL, "--store", "16m", "-j", "3", NULL);
    struct client *c[CLIENTS];
    connect_all(m, c);
    for (int i = 0; i < CLIENTS; i++)
        client_stores_value(c[i], textf("key%d", i), textf("value%d", i));
    for (int i = 0; i < CLIENTS; i++)
        for (int k = 0; k < CLIENTS; k++)
            client_gets_value(c[i], textf("key%d", k), textf("value%d", k));
    client_asks(c[0], "set n 0 0 1\r\n0\r\n", "STORED\r\n");
    for (int i = 0; i < CLIENTS; i++) client_asks(c[i], "incr n 1\r\n", textf("%d\r\n", i + 1));
    client_asks(c[3], "flush_all\r\n", "OK\r\n");
    for (int i = 0; i < CLIENTS; i++) client_asks(c[i], "get n key1\r\n", "END\r\n");
}

static void a_reload_keeps_what_a_store_has(void **state)
{
    struct moongate *m = moongate_start(MG STORE, "-j", "2", NULL);
    struct client *c = client_connects(m);
    client_stores_value(c, "a", "before");
    moongate_reloads(m, MG "local s = mg.store { size = '16m', name = 'one' }\n"
                           "return function(req) return s end\n");
    client_gets_value(c, "a", "before");
    moongate_reloads(m, MG "return mg.store { size = '8m', name = 'one' }\n"); /* another store */
    client_asks(c, "get a\r\n", "END\r\n");
    client_sees_nothing_more(c);
}

/* --probation 60: the script before may come back for a minute. */
static void a_script_that_comes_back_finds_its_items(void **state)
{
    struct moongate *m =
        moongate_start(MG STORE, "-j", "2", "--probation", "60", "--rehearse", "0", NULL);
    struct client *c = client_connects(m);
    client_stores_value(c, "a", "kept");
    moongate_gets_script(m, MG "return function() error 'wrong' end\n");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 2");
    for (int i = 0; i < 200; i++) client_asks(c, "get a\r\n", "SERVER_ERROR script error\r\n");
    moongate_sees_log(m, "rolled back");
    client_gets_value(c, "a", "kept");
}

static void an_upgrade_keeps_what_a_store_has(void **state)
{
    upgrade_begins();
    struct moongate *m = moongate_start(MG STORE, "-j", "2", NULL);
    struct client *c = client_connects(m);
    client_stores_value(c, "a", "of the old process");
    client_asks(c, "set short 0 100 1\r\nx\r\n", "STORED\r\n");
    moongate_signal(m, SIGUSR2);
    moongate_becomes_new(m, 1);
    struct client *next = client_connects(m);
    client_gets_value(next, "a", "of the old process");
    client_gets_value(c, "short", "x");
    client_stores_value(next, "b", "of the new one");
    client_gets_value(c, "b", "of the new one");
}

/* --- workers that die -------------------------------------------------------------------------- */

enum { KILLS = 6, KEYS = 200 };

/* Clients of the killed worker are closed, and come again. */
static void a_worker_that_is_killed_harms_no_store(void **state)
{
    struct moongate *m = moongate_start(NULL, "--store", "4m", "-j", "2", NULL);
    struct client *kept = client_connects(m);
    char value[4096];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (int round = 0; round < KILLS; round++) {
        pid_t workers[2];
        struct client *writers[8];
        moongate_workers(m, workers, 2);
        for (int i = 0; i < 8; i++) writers[i] = client_connects(m);
        for (int i = 0; i < 8; i++)
            for (int k = 0; k < KEYS; k++)
                client_sends(writers[i],
                             textf("set key%d 0 0 %zu noreply\r\n%s\r\n", k, strlen(value), value));
        kill(workers[round % 2], SIGKILL);
        for (int i = 0; i < 8; i++) client_closes(writers[i]);
        moongate_sees_log_times(m, "gone: signal 9", (size_t)round + 1);
        moongate_workers(m, workers, 2);
        kept = client_connects(m);
        for (int k = 0; k < KEYS; k++) { /* a value is whole, or not there */
            client_sends(kept, textf("get key%d\r\n", k));
            char *line = client_sees_line(kept);
            if (strncmp(line, "END", 3) == 0) continue;
            client_sees(kept, textf("%s\r\nEND\r\n", value));
        }
    }
    client_stores_value(kept, "after", "all");
    client_gets_value(kept, "after", "all");
}

/* --- memory ------------------------------------------------------------------------------------ */

/* KiB that the largest file of memory of that process has: its stores'. */
static size_t store_kib(pid_t pid)
{
    char path[64], target[PATH_MAX], name[PATH_MAX];
    off_t largest = 0;
    size_t kib = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    if (!dir) return 0;
    for (struct dirent *e; (e = readdir(dir));) {
        struct stat about;
        snprintf(name, sizeof name, "%s/%.20s", path, e->d_name);
        ssize_t n = readlink(name, target, sizeof target - 1);
        if (n < 0 || strncmp(target, "/memfd:", 7) != 0 || stat(name, &about) != 0) continue;
        if (about.st_size <= largest) continue;
        largest = about.st_size;
        kib = (size_t)about.st_blocks / 2;
    }
    closedir(dir);
    return kib;
}

struct memory {
    pid_t pid;
    size_t most;
};

static bool is_given_back(void *what)
{
    struct memory *m = what;
    return store_kib(m->pid) <= m->most;
}

static void fill(struct client *c, int megabytes)
{
    static char value[64 * 1024 + 1];
    memset(value, 'f', sizeof value - 1);
    for (int i = 0; i < megabytes * 16; i++)
        client_asks(c, textf("set fill%d 0 0 %zu\r\n%s\r\n", i, sizeof value - 1, value),
                    "STORED\r\n");
}

static void memory_of_a_store_that_no_script_has_is_given_back(void **state)
{
    struct moongate *m = moongate_start(MG STORE, "-j", "2", "--probation", "0", NULL);
    struct client *c = client_connects(m);
    fill(c, 8);
    size_t full = store_kib(moongate_pid(m));
    assert_true(full > 8 * 1024 && full < 17 * 1024);
    moongate_reloads(m, MG "return mg.store { size = '1m' }\n");
    struct memory memory = {moongate_pid(m), 2 * 1024};
    assert_true(stage_waits(is_given_back, &memory));
    client_stores_value(c, "a", "x");
    moongate_reloads(m, MG STORE); /* a new one of that name */
    client_asks(c, "get fill1\r\n", "END\r\n");
    fill(c, 8);
    assert_true(store_kib(moongate_pid(m)) > 8 * 1024);
}

/* --- a single process -------------------------------------------------------------------------- */

static void a_single_process_has_stores_too(void **state)
{
    struct moongate *m = moongate_start(MG STORE, "--single-process", NULL);
    struct client *c = client_connects(m);
    client_stores_value(c, "a", "kept");
    moongate_reloads(
        m, MG "return mg.failover { mg.store { size = '16m', name = 'one' }, mg.reply.miss() }\n");
    client_gets_value(c, "a", "kept");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(all_workers_have_the_same_items),
        play(a_reload_keeps_what_a_store_has),
        play(a_script_that_comes_back_finds_its_items),
        play(an_upgrade_keeps_what_a_store_has),
        play(a_worker_that_is_killed_harms_no_store),
        play(memory_of_a_store_that_no_script_has_is_given_back),
        play(a_single_process_has_stores_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
