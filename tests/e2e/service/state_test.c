/* --state-dir: the last good script is on the disk, with what it requires; a start with a script that is broken can use it. */
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The script's place, and where it is kept; a play's own. */
struct place {
    const char *script, *word, *dir, *kept;
};

static void file_is(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) stage_fails("cannot write %s", path);
}

static const char REQUIRING[] = MG "local word = require 'word'\n"
                                   "return function() return mg.reply.error(word) end\n";

static struct place place(void)
{
    struct place p = {.script = moongate_script_file(REQUIRING), .dir = program_folder()};
    p.word = textf("%.*s/word.lua", (int)(strrchr(p.script, '/') - p.script), p.script);
    p.kept = textf("%s/last-good", p.dir);
    file_is(p.word, "return 'good'");
    return p;
}

static struct moongate *starts(const struct place *p, const char *probation)
{
    return moongate_start(NULL, p->script, "--state-dir", p->dir, "--start-with-last-good",
                          "--probation", probation, "-v", NULL);
}

static struct run start_fails(const struct place *p)
{
    struct run run =
        moongate_runs("-p", "0", "--state-dir", p->dir, "--start-with-last-good", p->script, NULL);
    assert_int_equal(run.code, 1);
    return run;
}

static void has(const char *text, const char *what)
{
    if (!strstr(text, what)) stage_fails("no \"%s\" in: %s", what, text);
}

static void hears(struct client *c, const char *word)
{
    client_sends(c, "get k\r\n");
    client_sees(c, textf("SERVER_ERROR %s\r\n", word));
}

/* A good script has been kept, and moongate has ended. */
static struct place place_with_good(void)
{
    struct place p = place();
    struct moongate *m = starts(&p, "0.05");
    moongate_sees_log(m, "last-good: written");
    struct client *c = client_connects(m);
    hears(c, "good");
    client_closes(c); /* a drain would give it a second */
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    return p;
}

static void a_broken_script_is_started_as_it_was_kept_until_it_is_repaired(void **state)
{
    struct place p = place_with_good();
    file_is(p.script, "this is not Lua");
    file_is(p.word, "nor is this");
    struct moongate *m = starts(&p, "0.05");
    struct client *c = client_connects(m);
    hears(c, "good");
    const char *line = moongate_log_line(m, "takes its place");
    has(line, " warn ");
    has(line, textf("script %s: does not load: the last good one, of 20", p.script));
    has(line, "; correct the file and reload");
    moongate_sees_log(m, "script.lua:1: ");

    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "; generation 1 goes on");
    hears(c, "good");
    file_is(p.script, REQUIRING);
    file_is(p.word, "return 'repaired'");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 2");
    hears(c, "repaired");
    moongate_sees_log(m, "last-good: written");
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);

    unlink(p.script);
    unlink(p.word);
    m = starts(&p, "0.05");
    hears(client_connects(m), "repaired");
    moongate_sees_log(m, "takes its place");
}

static void a_worker_started_later_runs_the_kept_one_too(void **state)
{
    struct place p = place_with_good();
    unlink(p.word);
    struct moongate *m = starts(&p, "30");
    struct client *c = client_connects(m);
    hears(c, "good");
    kill(moongate_worker(m), SIGKILL);
    client_sees_closed(c);
    hears(client_connects(m), "good");
}

static void a_script_that_fails_is_not_kept(void **state)
{
    struct place p = place_with_good();
    file_is(p.script, "return function() error 'always' end\n");
    struct moongate *m = starts(&p, "30"); /* a slow machine has time to fail, too */
    struct client *c = client_connects(m);
    for (int i = 0; i < 150; i++) {
        client_sends(c, "get k\r\n");
        client_sees(c, "SERVER_ERROR script error\r\n");
    }
    moongate_sees_log(m, "generation 1 fails");
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    file_is(p.script, "broken");
    m = starts(&p, "0.05");
    hears(client_connects(m), "good");
}

static void a_good_script_is_started_as_it_is(void **state)
{
    struct place p = place_with_good();
    file_is(p.word, "return 'newer'");
    struct moongate *m = starts(&p, "30");
    hears(client_connects(m), "newer");
    assert_int_equal(moongate_log_count(m, "takes its place"), 0);
}

static void without_being_asked_to_a_start_does_not_use_it(void **state)
{
    struct place p = place_with_good();
    file_is(p.script, "this is not Lua");
    struct run run = moongate_runs("-p", "0", "--state-dir", p.dir, p.script, NULL);
    assert_int_equal(run.code, 1);
    run = moongate_runs("-t", "--state-dir", p.dir, "--start-with-last-good", p.script, NULL);
    assert_int_equal(run.code, 1);
    has(run.err, "script.lua:1: ");
    if (strstr(run.err, "last good")) stage_fails("a check uses it: %s", run.err);
    unlink(p.script);
    assert_int_equal(
        moongate_runs("-t", "--state-dir", p.dir, "--start-with-last-good", p.script, NULL).code,
        1);
}

static void what_is_kept_and_is_not_whole_is_refused_with_the_reason(void **state)
{
    struct place p = place_with_good();
    struct stat about;
    file_is(p.script, "this is not Lua");
    assert_int_equal(stat(p.kept, &about), 0);
    assert_int_equal(truncate(p.kept, about.st_size - 1), 0);
    struct run run = start_fails(&p);
    has(run.err, "script.lua:1: ");
    has(run.err, textf("moongate: last good script %s: it is cut short", p.kept));
    assert_int_equal(truncate(p.kept, about.st_size), 0);
    has(start_fails(&p).err, "last-good: it is damaged");
    file_is(p.kept, "return 'a script, but not one of moongate, and longer than its head'\n");
    has(start_fails(&p).err, "last-good: it is no script that moongate has kept");
    unlink(p.kept);
    has(start_fails(&p).err, "last-good: No such file or directory");
    assert_int_equal(mkfifo(p.kept, 0600), 0);
    has(start_fails(&p).err, "last-good: it is not a file");
    unlink(p.kept);
    assert_int_equal(symlink("/etc/passwd", p.kept), 0);
    has(start_fails(&p).err, "last-good: Too many levels of symbolic links");
}

static void one_of_another_script_is_refused(void **state)
{
    struct place p = place_with_good(), other = place();
    other.dir = p.dir;
    unlink(other.script);
    has(start_fails(&other).err, textf("last-good: it is of the script %s", p.script));
}

/* What was kept loaded then; it needs something else that is gone. */
static void a_kept_script_that_does_not_load_either_ends_the_start(void **state)
{
    struct place p = {.script = moongate_script_file(""), .dir = program_folder()};
    p.word = textf("%.*s/word.lua", (int)(strrchr(p.script, '/') - p.script), p.script);
    file_is(p.script, textf("assert(io.open '%s'):close() return function() end", p.word));
    file_is(p.word, "");
    struct moongate *m = moongate_start(NULL, p.script, "--state-dir", p.dir, "--probation", "0",
                                        "--unsafe-lua", "-v", NULL);
    moongate_sees_log(m, "last-good: written");
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    unlink(p.word);
    struct run run = moongate_runs("-p", "0", "--state-dir", p.dir, "--start-with-last-good",
                                   "--unsafe-lua", p.script, NULL);
    assert_int_equal(run.code, 1);
    has(run.err, "takes its place");
    has(strstr(run.err, "takes its place"), "No such file or directory");
}

static void a_folder_that_cannot_be_written_is_refused_at_start(void **state)
{
    struct place p = place();
    const char *none = textf("%s/none", p.dir);
    struct run run = moongate_runs("-p", "0", "--state-dir", none, p.script, NULL);
    assert_int_equal(run.code, 4);
    has(run.err, textf("moongate: --state-dir %s: No such file or directory: ", none));
    run = moongate_runs("-p", "0", "--state-dir", "/proc", p.script, NULL);
    assert_int_equal(run.code, 4);
    assert_int_equal(moongate_runs("-t", "--state-dir", none, p.script, NULL).code, 0);
}

/* Only root can become another user. */
static void it_is_tried_out_as_the_user_that_moongate_becomes(void **state)
{
    const struct passwd *nobody = geteuid() == 0 ? getpwnam("nobody") : NULL;
    if (!nobody) return;
    struct place p = place();
    assert_int_equal(chmod(p.dir, 0755), 0);
    struct run run = moongate_runs("-p", "0", "-u", "nobody", "--state-dir", p.dir, p.script, NULL);
    assert_int_equal(run.code, 4);
    has(run.err, textf("moongate: --state-dir %s: Permission denied: ", p.dir));
    assert_int_equal(chown(p.dir, nobody->pw_uid, nobody->pw_gid), 0);
    struct moongate *m = moongate_start(NULL, p.script, "-u", "nobody", "--state-dir", p.dir,
                                        "--probation", "0", "-v", NULL);
    moongate_sees_log(m, "last-good: written");
    struct stat about;
    assert_int_equal(stat(p.kept, &about), 0);
    assert_int_equal(about.st_uid, nobody->pw_uid);
}

static void a_folder_that_goes_costs_a_line(void **state)
{
    struct place p = place();
    struct moongate *m =
        moongate_start(NULL, p.script, "--state-dir", p.dir, "--probation", "0", "-v", NULL);
    moongate_sees_log(m, "last-good: written");
    unlink(p.kept);
    assert_int_equal(rmdir(p.dir), 0);
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 2");
    const char *line = moongate_log_line(m, "not written");
    has(line,
        textf("state: %s: not written: No such file or directory; what is there stays", p.kept));
    hears(client_connects(m), "good");
    assert_int_equal(mkdir(p.dir, 0700), 0);
    moongate_signal(m, SIGHUP);
    moongate_sees_log_times(m, "last-good: written", 2);
}

/* What is kept has that text in it. */
struct kept {
    const char *path, *text;
};

static bool is_kept(void *what)
{
    const struct kept *k = what;
    char bytes[4096];
    FILE *file = fopen(k->path, "rbe");
    size_t n = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file) fclose(file);
    return memmem(bytes, n, k->text, strlen(k->text)) != NULL;
}

static void reloads_in_quick_succession_leave_the_last_one(void **state)
{
    struct place p = place();
    struct moongate *m =
        moongate_start(NULL, p.script, "--state-dir", p.dir, "--probation", "0", "-v", NULL);
    for (unsigned i = 2; i < 20; i++) {
        file_is(p.word, textf("return 'word %u'", i));
        moongate_signal(m, SIGHUP);
        moongate_sees_log(m, textf("reloaded: generation %u", i));
    }
    struct kept last = {p.kept, "word 19"};
    if (!stage_waits(is_kept, &last)) stage_fails("the last one is not kept");
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    file_is(p.script, "broken");
    m = starts(&p, "30");
    hears(client_connects(m), "word 19");
}

static void a_single_process_starts_with_it_and_keeps_none(void **state)
{
    struct place p = place_with_good();
    file_is(p.script, "broken");
    struct moongate *m = moongate_start(NULL, p.script, "--single-process", "--state-dir", p.dir,
                                        "--start-with-last-good", NULL);
    hears(client_connects(m), "good");
    moongate_sees_log(m, "takes its place");
}

static void options_that_contradict_are_refused(void **state)
{
    struct place p = place();
    struct run run = moongate_runs("--start-with-last-good", p.script, NULL);
    assert_int_equal(run.code, 2);
    has(run.err, "--start-with-last-good: give the folder, --state-dir DIR");
    run = moongate_runs("--state-dir", p.dir, "-s", "127.0.0.1:1", NULL);
    assert_int_equal(run.code, 2);
    has(run.err, "--state-dir keeps a script");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_broken_script_is_started_as_it_was_kept_until_it_is_repaired),
        play(a_worker_started_later_runs_the_kept_one_too),
        play(a_script_that_fails_is_not_kept),
        play(a_good_script_is_started_as_it_is),
        play(without_being_asked_to_a_start_does_not_use_it),
        play(what_is_kept_and_is_not_whole_is_refused_with_the_reason),
        play(one_of_another_script_is_refused),
        play(a_kept_script_that_does_not_load_either_ends_the_start),
        play(a_folder_that_cannot_be_written_is_refused_at_start),
        play(it_is_tried_out_as_the_user_that_moongate_becomes),
        play(a_folder_that_goes_costs_a_line),
        play(reloads_in_quick_succession_leave_the_last_one),
        play(a_single_process_starts_with_it_and_keeps_none),
        play(options_that_contradict_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
