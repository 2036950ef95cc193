/* `moongate replay`: options that do not fit, recordings that are cut or none, scripts that do not load or do not end, and control-C. */
#include "unit/replay/tape.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#define USE "local mg = require 'moongate'\n"

static const char ONE[] = USE "return mg.pool { '10.0.0.1:11211', name = 'all' }\n";

static void a_cut_recording_is_replayed_up_to_there(void **state)
{
    const char *new = file_of("new", ONE);
    struct tape t = usual_tape(100);
    struct stat about;
    assert_int_equal(stat(t.path, &about), 0);
    assert_int_equal(truncate(t.path, about.st_size * 2 / 3), 0);
    struct run run = moongate_runs("replay", t.path, "--script", new, "--json", NULL);
    exits(run, 1);
    has(run.err, t.path);
    has(run.out, "\"whole\":false");
    double replayed = number_of(run.out, "", "replayed");
    assert_true(replayed >= 50 && replayed < 80 && (int)replayed % 10 == 0);
    number_is(run.out, "new", "misses", replayed);
}

static void a_file_that_is_no_recording_is_refused(void **state)
{
    const char *new = file_of("new", ONE);
    struct run run = moongate_runs("replay", new, "--script", new, NULL);
    exits(run, 4);
    has(run.err, new);
    is_said(run.out, "");
}

static void a_script_that_does_not_load_is_an_error(void **state)
{
    struct tape t = usual_tape(1);
    const char *new = file_of("new", "return nonsense(\n");
    struct run run = moongate_runs("replay", t.path, "--script", new, NULL);
    exits(run, 1);
    has(run.err, "new.lua");
    run = moongate_runs("replay", t.path, "--script", "/nowhere/x.lua", NULL);
    exits(run, 1);
    has(run.err, "/nowhere/x.lua");
    new = file_of("new", USE "return mg.pool { discover = 'dns+srv://_mc._tcp.example.org' }\n");
    run = moongate_runs("replay", t.path, "--script", new, NULL);
    exits(run, 1);
    has(run.err, "are discovered");
}

static void an_endless_script_ends_the_replay(void **state)
{
    struct tape t = usual_tape(50);
    const char *new = file_of("new", USE "local all = mg.pool { '10.0.0.1:11211' }\n"
                                         "return function(req)\n"
                                         "    if req.key == 'k30' then while true do end end\n"
                                         "    return all\n"
                                         "end\n");
    struct run run =
        moongate_runs("replay", t.path, "--script", new, "--json", "--script-timeout", "0.1", NULL);
    exits(run, 1);
    has(run.err, "new.lua: took longer than --script-timeout for one request, near 'get k30'");
    number_is(run.out, "new", "misses", 30);
    new = file_of("new", USE "local all = mg.pool { '10.0.0.1:11211' }\n"
                             "return function(req)\n"
                             "    if req.key == 'k30' then string.find(('a'):rep(60), "
                             "('a?'):rep(60) .. ('a'):rep(60)) end\n"
                             "    return all\n"
                             "end\n");
    run = moongate_runs("replay", t.path, "--script", new, "--json", "--script-timeout", "0.05",
                        NULL);
    exits(run, 1);
    has(run.err, "a script does not end, in something that --script-timeout cannot interrupt");
}

static bool has_child(void *what)
{
    pid_t child;
    const struct program *p = what;
    return program_children(p->pid, &child, 1) == 1;
}

/* Control-C: what was found so far is shown. */
static void it_can_be_stopped(void **state)
{
    struct tape t = usual_tape(5000); /* seconds */
    const char *out = textf("%s/out", program_folder());
    const char *argv[] = {getenv("MOONGATE"), "replay",  t.path, "--script", file_of("new", ONE),
                          "--json",           "--speed", "1x",   NULL};
    int fd = open(out, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct program *p = replay_begins(argv, fd, -1);
    assert_true(stage_waits(has_child, p));
    assert_int_equal(kill(p->pid, SIGINT), 0);
    assert_true(program_waits(p));
    is_said(program_end(p), "exit 1");
    char *text = stage_memory(1 << 20);
    assert_true(pread(fd, text, (1 << 20) - 1, 0) > 0);
    close(fd);
    has(text, "\"end\":\"it was stopped\"");
}

static void options_that_do_not_fit_are_refused(void **state)
{
    const char *new = file_of("new", ONE);
    exits(moongate_runs("replay", NULL), 2);
    exits(moongate_runs("replay", "tape", NULL), 2);
    exits(moongate_runs("replay", "tape", "--script", new, "--speed", "fast", NULL), 2);
    exits(moongate_runs("replay", "tape", "--script", new, "--speed", "-1x", NULL), 2);
    exits(moongate_runs("replay", "tape", "--script", new, "--writes", NULL), 2);
    exits(moongate_runs("replay", "tape", "--script", new, "--max-moved", "1%", NULL), 2);
    exits(moongate_runs("replay", "tape", "--script", new, "--rate", "5", NULL), 2);
    exits(moongate_runs("replay", "a", "b", "--script", new, NULL), 2);
    struct run run = moongate_runs("replay", "/nowhere/tape", "--script", new, NULL);
    exits(run, 4);
    has(run.err, "/nowhere/tape");
}

static char *text_at(const char *path)
{
    FILE *from = fopen(path, "re");
    if (!from) return NULL;
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, from) > 0);
    fclose(from);
    return text;
}

static void the_page_says_what_was_found(void **state)
{
    struct tape t = usual_tape(100);
    const char *new = file_of("new", ONE), *page = textf("%s/page.html", program_folder());
    struct run run = moongate_runs("replay", t.path, "--script", new, "--report", page,
                                   "--max-errors", "100%", NULL);
    char *text = text_at(page);
    exits(run, 0);
    assert_non_null(text);
    has(text, "the whole recording was replayed");
    has(text, new);
    has(text, "--max-errors");
    has(text, "</html>");
    assert_int_not_equal(access(textf("%s.new", page), F_OK), 0);
    free(text);
    run = moongate_runs("replay", t.path, "--script", new, "--report", "/nowhere/page.html", NULL);
    exits(run, 4);
    has(run.err, "--report /nowhere/page.html: not written: No such file or directory");
    has(run.out, "hit rate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(options_that_do_not_fit_are_refused),    play(a_cut_recording_is_replayed_up_to_there),
        play(a_file_that_is_no_recording_is_refused), play(a_script_that_does_not_load_is_an_error),
        play(an_endless_script_ends_the_replay),      play(it_can_be_stopped),
        play(the_page_says_what_was_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
