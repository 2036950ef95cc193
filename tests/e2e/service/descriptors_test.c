/* Descriptors that processes inherit: a worker and the child that checks a script have what they need and nothing of the master's or
 * of each other's; a program that a script runs has the standard three. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <dirent.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what a process has open -------------------------------------------------------------------- */

enum { DESCRIPTORS_MAX = 128 };

struct descriptors {
    size_t n;
    char *targets[DESCRIPTORS_MAX]; /* of those above 2: "socket:[123]", "anon_inode:[eventpoll]" */
};

/* Every one above 2 is closed by exec. */
static void is_close_on_exec(pid_t pid, const char *number)
{
    unsigned long flags = 0;
    char line[256];
    FILE *file = fopen(textf("/proc/%d/fdinfo/%s", (int)pid, number), "re");
    if (!file) return; /* closed meanwhile */
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "flags:", 6) == 0) flags = strtoul(line + 6, NULL, 8);
    fclose(file);
    if (!(flags & 02000000))
        stage_fails("%d: exec would not close descriptor %s", (int)pid, number);
}

static struct descriptors *descriptors_of(pid_t pid)
{
    struct descriptors *d = stage_memory(sizeof *d);
    DIR *folder = opendir(textf("/proc/%d/fd", (int)pid));
    char target[256];
    if (!folder) stage_fails("no descriptors of %d", (int)pid);
    for (struct dirent *entry; d->n < DESCRIPTORS_MAX && (entry = readdir(folder));) {
        ssize_t n = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        if (n <= 0 || strtol(entry->d_name, NULL, 10) <= 2) continue;
        d->targets[d->n++] = textf("%.*s", (int)n, target);
        is_close_on_exec(pid, entry->d_name);
    }
    closedir(folder);
    return d;
}

static size_t count(const struct descriptors *d, const char *start)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++) n += strncmp(d->targets[i], start, strlen(start)) == 0;
    return n;
}

/* Sockets and pipes have numbers of their own. `log` is the pipe that all write to. */
static bool have_common(const struct descriptors *a, const struct descriptors *b, const char *log)
{
    for (size_t i = 0; i < a->n; i++) {
        const char *target = a->targets[i];
        bool is_own = strncmp(target, "socket:", 7) == 0 || strncmp(target, "pipe:", 5) == 0;
        if (is_own && strcmp(target, log) != 0 && count(b, target) > 0) return true;
    }
    return false;
}

struct service {
    pid_t pids[3]; /* the master's first */
    const char *log;
};

/* The master keeps its copy of a new client until the worker has said that it has taken it. */
static bool shares_nothing(void *what)
{
    const struct service *s = what;
    const struct descriptors *all[3];
    for (int i = 0; i < 3; i++) all[i] = descriptors_of(s->pids[i]);
    return !have_common(all[0], all[1], s->log) && !have_common(all[0], all[2], s->log) &&
           !have_common(all[1], all[2], s->log);
}

static const char *log_of(pid_t pid)
{
    char target[256];
    ssize_t n = readlink(textf("/proc/%d/fd/2", (int)pid), target, sizeof target);
    return textf("%.*s", n > 0 ? (int)n : 0, target);
}

/* --- plays -------------------------------------------------------------------------------------- */

static void a_worker_has_its_loop_its_channel_and_its_connections(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "-j", "2", NULL);
    pid_t workers[2];
    for (int i = 0; i < 4; i++) client_sees_nothing_more(client_connects(m));
    moongate_workers(m, workers, 2);
    kill(workers[0],
         SIGKILL); /* the next one is forked by a master that has clients and channels */
    moongate_sees_log(m, "respawn in");
    backend_sees_links(b, 3);
    for (int i = 0; i < 4; i++) client_sees_nothing_more(client_connects(m));
    moongate_workers(m, workers, 2);
    pid_t master = moongate_pid(m);
    struct service service = {{master, workers[0], workers[1]}, log_of(master)};

    if (!stage_waits(shares_nothing, &service)) stage_fails("two processes have one socket open");
    assert_int_equal(count(descriptors_of(master), "anon_inode:[eventpoll]"), 1);
    for (int i = 0; i < 2; i++) {
        const struct descriptors *its = descriptors_of(workers[i]);
        assert_int_equal(count(its, "anon_inode:[eventpoll]"), 1);
        assert_int_equal(count(its, "anon_inode:[signalfd]"), 1);
        assert_in_range(count(its, "anon_inode:[eventfd]"), 0, 1);
        assert_int_equal(count(its, "/memfd:"), 1);
        assert_int_equal(count(its, "/dev/"), 0);      /* the master's reserve */
        assert_in_range(count(its, "socket:"), 2, 10); /* channel, server, clients */
    }
}

static void a_check_has_no_socket_at_all(void **state)
{
    struct backend *b = backend_listens();
    const char *go = textf("%s/go", program_folder());
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "--unsafe-lua", NULL);
    pid_t worker = moongate_worker(m), children[2];
    client_sees_nothing_more(client_connects(m));
    moongate_gets_script(m, textf("os.execute('until test -e %s; do sleep 0.02; done')\n%s", go,
                                  script_of_one(backend_address(b), "")));
    moongate_signal(m, SIGHUP);
    moongate_workers(m, children, 2);
    pid_t check = children[0] == worker ? children[1] : children[0], shell;
    while (program_children(check, &shell, 1) == 0) stage_turns(5); /* it runs the script */
    const struct descriptors *its = descriptors_of(check),
                             *masters = descriptors_of(moongate_pid(m));

    assert_int_equal(count(its, "socket:"), 0);
    assert_in_range(count(its, "pipe:"), 1, 2); /* what it says, and the log */
    assert_in_range(count(its, "anon_inode:[eventpoll]"), 0, 1);
    assert_in_range(count(its, "/memfd:"), 1, 2);
    assert_int_equal(count(masters, "pipe:"), 2); /* the same two */
    FILE *file = fopen(go, "we");
    assert_true(file && fclose(file) == 0);
    moongate_sees_log(m, "reloaded: generation 2");
}

/* What its shell has open while clients and servers are connected. Some shells keep their output as 10 while ls writes to the file. */
static void a_program_that_a_script_runs_has_the_standard_three(void **state)
{
    const char *list = textf("%s/list", program_folder());
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        script_routing(b, textf("os.execute('ls /proc/$$/fd >%s; true') return pool", list)),
        "--unsafe-lua", NULL);
    char line[64], all[256] = "";

    client_sees_nothing_more(client_connects(m));
    get_finds(client_connects(m), "k", b, "k", "x");
    FILE *file = fopen(list, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) strncat(all, line, sizeof all - strlen(all) - 1);
    fclose(file);
    if (strcmp(all, "0\n1\n10\n2\n") != 0) assert_string_equal(all, "0\n1\n2\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_worker_has_its_loop_its_channel_and_its_connections),
        play(a_check_has_no_socket_at_all),
        play(a_program_that_a_script_runs_has_the_standard_three),
    };
    /* the program that started this one may have left it some */
    if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
