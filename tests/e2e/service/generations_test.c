/* I8: a reload is all workers or none: whatever a worker does meanwhile, no two of them serve by
 * different scripts for longer than the switch takes. */
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/seat.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two workers, and a client of each. */
struct pair {
    struct moongate *m;
    pid_t workers[2];
    struct client *clients[2];
};

/* A script that answers every request itself, with a word. */
static const char *saying(const char *word)
{
    return textf(MG "return function() return mg.reply.error '%s' end\n", word);
}

static const char *word_path(const struct moongate *m)
{
    const char *script = moongate_script_path(m);
    return textf("%.*s/word", (int)(strrchr(script, '/') - script), script);
}

/* One that has the word from a file beside it, which each worker reads by itself: only --unsafe-lua lets a script do that. */
static const char *reading(const struct moongate *m)
{
    return textf(MG "local file = assert(io.open '%s')\n"
                    "local word = file:read '*l'\n"
                    "file:close()\n"
                    "return function() return mg.reply.error(word) end\n",
                 word_path(m));
}

/* Never half-written: workers read it at any time. */
static void word_file_says(const struct moongate *m, const char *word)
{
    const char *written = textf("%s.new", word_path(m));
    FILE *file = fopen(written, "we");
    assert_non_null(file);
    fprintf(file, "%s\n", word);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(written, word_path(m)), 0);
}

static void word_file_goes(const struct moongate *m)
{
    assert_int_equal(remove(word_path(m)), 0);
}

static pid_t worker_named(struct moongate *m, unsigned index)
{
    const char *name = textf("worker %u[", index);
    const char *line = moongate_log_line(m, name);
    return (pid_t)strtol(strstr(line, name) + strlen(name), NULL, 10);
}

static struct pair two_workers(void)
{
    struct pair p = {.m = moongate_start(saying("old"), "-j", "2", "-v", "--unsafe-lua", NULL)};
    for (unsigned i = 0; i < 2; i++) {
        p.workers[i] = worker_named(p.m, i);
        p.clients[i] = client_connects_at(p.m, p.workers[i]);
    }
    return p;
}

static void client_hears(struct client *c, const char *word)
{
    client_sends(c, "get k\r\n");
    client_sees(c, textf("SERVER_ERROR %s\r\n", word));
}

static void both_hear(const struct pair *p, const char *word)
{
    for (int i = 0; i < 2; i++) client_hears(p->clients[i], word);
}

static bool is_stopped(void *what)
{
    return program_is_stopped(*(pid_t *)what);
}

static void stands_still(pid_t worker)
{
    kill(worker, SIGSTOP);
    if (!stage_waits(is_stopped, &worker)) stage_fails("worker %d does not stop", (int)worker);
}

static void goes_on(pid_t worker)
{
    kill(worker, SIGCONT);
}

/* Worker `still` is stopped before it can load generation 2, which the other one has loaded. */
static void half_is_loaded(struct pair *p, int still, const char *script)
{
    stands_still(p->workers[still]);
    moongate_gets_script(p->m, script);
    moongate_signal(p->m, SIGHUP);
    moongate_sees_log(p->m, "generation 2: every worker loads it"); /* all have been asked */
    moongate_sees_log(p->m, "generation 2 waits for the other workers");
}

static void nobody_switched(const struct pair *p)
{
    assert_int_equal(moongate_log_count(p->m, "generation 2 loaded"), 0);
    assert_int_equal(moongate_log_count(p->m, "reloaded"), 0);
}

static void the_next_reload_works(struct pair *p)
{
    moongate_gets_script(p->m, saying("next"));
    moongate_signal(p->m, SIGHUP);
    moongate_sees_log(p->m, "reloaded: generation 3");
    both_hear(p, "next");
}

static void no_worker_switches_before_all_have_loaded(void **state)
{
    struct pair p = two_workers();
    half_is_loaded(&p, 1, saying("new"));
    client_hears(p.clients[0], "old");
    nobody_switched(&p);
    goes_on(p.workers[1]);
    moongate_sees_log(p.m, "reloaded: generation 2");
    both_hear(&p, "new");
    assert_int_equal(moongate_log_count(p.m, "generation 2 loaded"), 2);
}

static void one_worker_that_cannot_load_keeps_all_on_the_old_script(void **state)
{
    for (int still = 0; still < 2; still++) {
        struct pair p = two_workers();
        word_file_says(p.m, "new");
        half_is_loaded(&p, still, reading(p.m));
        client_hears(p.clients[1 - still], "old");
        word_file_goes(p.m);
        client_sends(p.clients[still], "get k\r\n");
        goes_on(p.workers[still]);
        client_sees(p.clients[still], "SERVER_ERROR old\r\n"); /* waits, and gets no error */
        const char *line = moongate_log_line(p.m, "not loaded");
        if (!strstr(line, textf(": not loaded: worker %d: ", still)) ||
            !strstr(line, "/word: No such file") || !strstr(line, "generation 1 goes on"))
            stage_fails("who, and why? %s", line);
        both_hear(&p, "old");
        nobody_switched(&p);
        the_next_reload_works(&p);
        stage_clears();
    }
}

static void a_script_that_no_worker_can_load_changes_nothing(void **state)
{
    struct pair p = two_workers();
    for (int i = 0; i < 2; i++) stands_still(p.workers[i]);
    word_file_says(p.m, "new");
    moongate_gets_script(p.m, reading(p.m));
    moongate_signal(p.m, SIGHUP);
    moongate_sees_log(p.m, "generation 2: every worker loads it");
    word_file_goes(p.m);
    for (int i = 0; i < 2; i++) goes_on(p.workers[i]);
    moongate_sees_log(p.m, "not loaded: worker ");
    both_hear(&p, "old");
    nobody_switched(&p);
    the_next_reload_works(&p);
    assert_int_equal(moongate_log_count(p.m, "not loaded"), 1);
}

static void a_worker_that_is_replaced_meanwhile_loads_and_switches_with_the_others(void **state)
{
    struct pair p = two_workers();
    half_is_loaded(&p, 1, saying("new"));
    kill(p.workers[0], SIGKILL);
    client_sees_closed(p.clients[0]);
    moongate_sees_log_times(p.m, "generation 2 waits for the other workers", 2);
    p.clients[0] = client_connects(p.m);
    client_hears(p.clients[0], "old");
    nobody_switched(&p);
    goes_on(p.workers[1]);
    moongate_sees_log(p.m, "reloaded: generation 2");
    both_hear(&p, "new");
}

static void a_worker_that_is_replaced_before_the_others_give_up_keeps_the_old_script(void **state)
{
    struct pair p = two_workers();
    word_file_says(p.m, "new");
    half_is_loaded(&p, 1, reading(p.m));
    kill(p.workers[0], SIGKILL);
    client_sees_closed(p.clients[0]);
    word_file_goes(p.m);
    goes_on(p.workers[1]);
    moongate_sees_log(p.m, "generation 1 goes on");
    moongate_sees_log_times(p.m, "]: ready: generation 1", 3);
    p.clients[0] = client_connects(p.m);
    both_hear(&p, "old");
    the_next_reload_works(&p);
}

static void a_worker_that_dies_while_it_loads_keeps_all_on_the_old_script(void **state)
{
    struct pair p = two_workers();
    half_is_loaded(&p, 1, saying("new"));
    kill(p.workers[1], SIGKILL);
    const char *line = moongate_log_line(p.m, "not loaded");
    if (!strstr(line, "worker 1: ") || !strstr(line, "generation 1 goes on"))
        stage_fails("who, and why? %s", line);
    client_sees_closed(p.clients[1]);
    moongate_sees_log_times(p.m, "]: ready: generation 1", 3);
    p.clients[1] = client_connects(p.m);
    both_hear(&p, "old");
    nobody_switched(&p);
    the_next_reload_works(&p);
}

/* The word file as a pipe: who reads it stands still until the test has written it. */
struct pipe_file {
    const char *path;
    int fd;
};

static bool is_opened_by_reader(void *what)
{
    struct pipe_file *p = what;
    p->fd = open(p->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    return p->fd >= 0;
}

static void word_pipe_says(const struct moongate *m, const char *word)
{
    struct pipe_file p = {.path = word_path(m)};
    if (!stage_waits(is_opened_by_reader, &p)) stage_fails("nobody reads %s", p.path);
    dprintf(p.fd, "%s\n", word);
    close(p.fd);
}

static void a_worker_that_is_just_starting_is_waited_for(void **state)
{
    struct pair p = two_workers();
    word_file_says(p.m, "slow");
    moongate_reloads(p.m, reading(p.m));
    word_file_goes(p.m);
    assert_int_equal(mkfifo(word_path(p.m), 0600), 0);
    kill(p.workers[0], SIGKILL);
    client_sees_closed(p.clients[0]);
    moongate_sees_log(p.m, "respawn in");
    moongate_gets_script(p.m, saying("new"));
    moongate_sees_log_times(p.m, "]: started", 3);
    moongate_signal(p.m, SIGHUP);
    moongate_sees_log(p.m, "generation 3 waits for the other workers");
    client_hears(p.clients[1], "slow");
    assert_int_equal(moongate_log_count(p.m, "reloaded: generation 3"), 0);
    word_pipe_says(p.m, "slow");
    moongate_sees_log(p.m, "reloaded: generation 3");
    p.clients[0] = client_connects(p.m);
    both_hear(&p, "new");
    moongate_sees_log_times(p.m, "generation 3 loaded", 2);
}

static bool has_ended_both(void *what)
{
    struct moongate *const *both = what;
    return moongate_log_count(both[0], "not loaded") == 1 &&
           moongate_log_count(both[1], "reloaded") == 1;
}

/* Both at once, since the master's patience has to end: one that has not loaded ends the reload,
 * one that has not switched, when the others have, is replaced. */
static void a_worker_that_stands_still_splits_nobody(void **state)
{
    struct pair loading = two_workers(), switching = two_workers();
    struct moongate *both[] = {loading.m, switching.m};
    half_is_loaded(&loading, 1, saying("new"));
    half_is_loaded(&switching, 0, saying("new"));
    stands_still(switching.workers[1]);
    goes_on(switching.workers[0]);
    if (!stage_waits_for(has_ended_both, both, 10 + stage_deadline()))
        stage_fails("a reload waits without end");

    moongate_sees_log(loading.m,
                      "not loaded: worker 1: no answer within 10 s; generation 1 goes on");
    goes_on(loading.workers[1]);
    both_hear(&loading, "old");
    nobody_switched(&loading);
    the_next_reload_works(&loading);

    moongate_sees_log(switching.m, "killed: not switched to generation 2 within 10 s");
    client_sees_closed(switching.clients[1]);
    moongate_sees_log(switching.m, "]: ready: generation 2");
    switching.clients[1] = client_connects(switching.m);
    both_hear(&switching, "new");
}

static void a_storm_of_signals_with_every_kind_of_script_ends_with_the_newest_one(void **state)
{
    struct pair p = two_workers();
    for (int i = 0; i < 90; i++) {
        if (i % 3 == 0) moongate_gets_script(p.m, saying("other"));
        if (i % 3 == 1) moongate_gets_script(p.m, "return 7\n");
        if (i % 3 == 2) moongate_gets_script(p.m, reading(p.m));
        if (i % 6 == 2) word_file_says(p.m, "read");
        if (i % 6 == 5) word_file_goes(p.m);
        moongate_signal(p.m, SIGHUP);
        client_sends(p.clients[i % 2], "get k\r\n");
        const char *line = client_sees_line(p.clients[i % 2]);
        if (strcmp(line, "SERVER_ERROR old") != 0 && strcmp(line, "SERVER_ERROR other") != 0 &&
            strcmp(line, "SERVER_ERROR read") != 0)
            stage_fails("a client sees the storm: %s", line);
    }
    moongate_gets_script(p.m, saying("newest"));
    moongate_signal(p.m, SIGHUP);
    for (int i = 0; i < 2; i++)
        client_asks_until(p.clients[i], "get k\r\n", "SERVER_ERROR newest\r\n");
    both_hear(&p, "newest");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(no_worker_switches_before_all_have_loaded),
        play(one_worker_that_cannot_load_keeps_all_on_the_old_script),
        play(a_script_that_no_worker_can_load_changes_nothing),
        play(a_worker_that_is_replaced_meanwhile_loads_and_switches_with_the_others),
        play(a_worker_that_is_replaced_before_the_others_give_up_keeps_the_old_script),
        play(a_worker_that_dies_while_it_loads_keeps_all_on_the_old_script),
        play(a_worker_that_is_just_starting_is_waited_for),
        play(a_worker_that_stands_still_splits_nobody),
        play(a_storm_of_signals_with_every_kind_of_script_ends_with_the_newest_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
