/* A disk that is full, and a file at the limit of its size: no line of the log can be written, and the service goes on. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A daemon whose standard error is a file of the test. */
struct logging {
    struct program program; /* first: the stage knows it by its actor */
    const char *socket, *address, *log;
    pid_t worker;
};

static bool logging_leaves(struct actor *actor)
{
    struct logging *l = (struct logging *)(void *)actor;
    if (!l->program.is_gone) kill(l->program.pid, SIGTERM);
    bool ended = program_waits(&l->program) && WIFEXITED(l->program.status) &&
                 WEXITSTATUS(l->program.status) == 0;
    program_kill(&l->program);
    if (!ended) fprintf(stderr, "moongate ended badly\n");
    return ended;
}

/* When the socket is there, the child that checks the script has gone; the next one is the worker. */
static bool has_worker(void *what)
{
    struct logging *l = what;
    return access(l->socket, F_OK) == 0 && program_children(l->program.pid, &l->worker, 1) == 1;
}

static struct logging *starts_with_log(const char *path, const char *script)
{
    struct logging *l = stage_memory(sizeof *l);
    const char *folder = program_folder();
    l->socket = textf("%s/socket", folder);
    l->address = textf("unix:%s", l->socket);
    l->log = path;
    const char *const argv[] = {getenv("MOONGATE"),           "-v", "-j", "1", "-b", l->address,
                                moongate_script_file(script), NULL};
    int log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    assert_true(log >= 0 && argv[0]);
    l->program.actor.rank = RANK_MOONGATE;
    l->program.actor.leaves = logging_leaves;
    program_start(&l->program, argv, -1, log);
    close(log);
    stage_enter(&l->program.actor);
    if (!stage_waits(has_worker, l)) stage_fails("moongate does not serve");
    return l;
}

/* Each of them is a line, or more, of the worker's log. */
static void clients_come_and_go(struct logging *l, int n)
{
    for (int i = 0; i < n; i++) {
        struct client *c = client_connects_to(l->address);
        client_sees_nothing_more(c);
        client_closes(c);
    }
}

static void all_goes_on(struct logging *l, struct backend *b, unsigned generation)
{
    struct client *c = client_connects_to(l->address);
    clients_come_and_go(l, 50);
    get_finds(c, "k", b, "k", "x");
    kill(l->program.pid, SIGHUP);
    stat_becomes(c, "proxy", "generation", textf("%u", generation));
    clients_come_and_go(l, 10);
    get_finds(c, "k", b, "k", "x");
}

static void a_log_on_a_full_disk_stops_nothing(void **state)
{
    struct backend *b = backend_listens();
    struct logging *l = starts_with_log("/dev/full", script_of_one(backend_address(b), ""));

    backend_sees_links(b, 1);
    all_goes_on(l, b, 2);
    kill(l->worker, SIGKILL);
    backend_sees_closed(b);
    backend_sees_links(b, 2);
    all_goes_on(l, b, 3);
}

static size_t size_of(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0) stage_fails("there is no %s", path);
    return (size_t)status.st_size;
}

static void may_write(const struct logging *l, rlim_t size)
{
    const struct rlimit limit = {size, RLIM_INFINITY};
    if (prlimit(l->program.pid, RLIMIT_FSIZE, &limit, NULL) < 0 ||
        prlimit(l->worker, RLIMIT_FSIZE, &limit, NULL) < 0)
        stage_fails("cannot limit the size of files");
}

static bool says_lost(void *what)
{
    const struct logging *l = what;
    char line[8192];
    size_t lost = 0;
    FILE *file = fopen(l->log, "re");
    if (!file) return false;
    while (fgets(line, sizeof line, file))
        lost += strstr(line, "Z warn  worker 0[") == line + 23 &&
                strstr(line, "lines lost: there was no room for them");
    fclose(file);
    return lost == 1;
}

/* The last line before is cut by the limit; what follows stands on a line of its own. */
static void a_log_at_the_limit_of_its_size_goes_on_when_there_is_room(void **state)
{
    struct backend *b = backend_listens();
    const char *log = textf("%s/log", program_folder());
    struct logging *l = starts_with_log(log, script_of_one(backend_address(b), ""));

    backend_sees_links(b, 1);
    clients_come_and_go(l, 5);
    size_t full = size_of(log) + 20;
    may_write(l, full);
    all_goes_on(l, b, 2);
    assert_int_equal(size_of(log), full);
    may_write(l, RLIM_INFINITY);
    clients_come_and_go(l, 5);
    if (!stage_waits(says_lost, l)) stage_fails("the log does not say once what was lost");
    assert_true(size_of(log) > full);
}

static void a_pid_file_on_a_full_disk_ends_the_start(void **state)
{
    struct backend *b = backend_listens();
    const char *script = moongate_script_file(script_of_one(backend_address(b), ""));
    struct run run = moongate_runs("-p", "0", "-j", "1", "-P", "/dev/full", script, NULL);

    assert_int_equal(run.code, 4);
    assert_non_null(strstr(run.err, "moongate: pid file /dev/full: No space left on device: "
                                    "choose another path with -P\n"));
}

/* The script's copy is a file in memory. */
static void a_script_beyond_the_limit_of_files_is_refused_with_the_reason(void **state)
{
    const char *script = moongate_script_file(MG "return mg.reply.miss()\n");
    const char *const argv[] = {"sh", "-c", textf("ulimit -f 0; exec \"$MOONGATE\" -t %s", script),
                                NULL};
    struct run run = program_run(argv);

    assert_int_equal(run.code, 1);
    (void)run.err; /* which is a file, too, that cannot be written */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_log_on_a_full_disk_stops_nothing),
        play(a_log_at_the_limit_of_its_size_goes_on_when_there_is_room),
        play(a_pid_file_on_a_full_disk_ends_the_start),
        play(a_script_beyond_the_limit_of_files_is_refused_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
