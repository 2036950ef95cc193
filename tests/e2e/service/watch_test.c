/* --watch: a script whose file has changed is loaded, whatever way the file was changed. */
#include "e2e/service/watched.h"

#include <stdlib.h>

static const char link_to_a_link_to_a_link[] =
    "ln -s releases/3.lua next; mv new releases/3.lua; ln -sfn ../next releases/4.lua; "
    "ln -sfn releases/4.lua script.lua";

static void every_way_to_write_a_file_is_noticed(void **state)
{
    static const char *const ways[] = {
        "cat new >script.lua",                                          /* written in place */
        "mv new script.lua",                                            /* renamed into place */
        "cp new script.lua",                                            /* truncated and written */
        "mv script.lua script.lua~; cp new script.lua; rm script.lua~", /* as vim does */
        "cp script.lua script.lua~; cat new >script.lua; rm script.lua~", /* likewise, by a copy */
        "rm script.lua; cp new script.lua",                               /* as git does */
        "dd if=new of=script.lua conv=notrunc 2>/dev/null",               /* as long as before */
        "touch -r script.lua new; cat new >script.lua; touch -r new script.lua", /* as old, too */
        "ln new linked; mv linked script.lua",                                   /* a hard link */
        "mkdir -p releases; mv new releases/2.lua; ln -sfn releases/2.lua script.lua",
        "mv new releases/3.lua; ln -sfn releases/3.lua script.lua", /* a link that points elsewhere */
        "mv new releases/3.lua",                                    /* the target of a link */
        link_to_a_link_to_a_link,
        "mv new releases/5.lua; ln -sfn releases/5.lua next", /* of which one changes */
    };
    struct watched w = script_says_one();
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) changes(&w, ways[i]);
    const char *word = textf("word%u", w.generation + 1);
    does(&w, textf("sed -i s/word%u/%s/ script.lua", w.generation, word));
    is_reloaded(&w, word);
    assert_int_equal(moongate_log_count(w.m, "not loaded"), 0);
    assert_int_equal(moongate_log_count(w.m, "reload: script.lua changed: checking script"),
                     w.generation - 1);
}

/* All files of a volume are links through `..data`, which is swapped by a rename; the old folder is then removed. */
static void a_swap_of_a_config_map_is_noticed(void **state)
{
    struct watched w =
        watched_begins(textf("mkdir ..2026_1; %s >..2026_1/script.lua; ln -s ..2026_1 ..data; "
                             "ln -s ..data/script.lua script.lua",
                             saying("one")),
                       "script.lua");
    for (unsigned i = 2; i < 6; i++)
        changes(&w,
                textf("mkdir ..2026_%u; mv new ..2026_%u/script.lua; ln -s ..2026_%u ..data_tmp; "
                      "mv -T ..data_tmp ..data; rm -r ..2026_%u",
                      i, i, i, i - 1));
    assert_int_equal(moongate_log_count(w.m, "not loaded"), 0);
}

/* A folder on the way is a link, or is renamed. */
static void another_folder_on_the_way_is_noticed(void **state)
{
    struct watched w =
        watched_begins(textf("mkdir -p releases/1/lua; %s >releases/1/lua/script.lua; "
                             "ln -s releases/1 current",
                             saying("one")),
                       "current/lua/script.lua");
    changes(&w, "mkdir -p releases/2/lua; mv new releases/2/lua/script.lua; "
                "ln -sfn releases/2 current");
    changes(&w, "cp -r releases/2/lua lua; mv new lua/script.lua; mv releases/2/lua old; "
                "mv lua releases/2/lua");
    changes(&w, "mv new releases/2/lua/script.lua");
}

static void without_the_option_nothing_is_watched(void **state)
{
    struct watched w = {.folder = program_folder(), .generation = 1};
    does(&w, textf("%s >script.lua", saying("one")));
    w.m = moongate_start(NULL, textf("%s/script.lua", w.folder), NULL);
    w.c = client_connects(w.m);
    does(&w, textf("%s >script.lua", saying("two")));
    stage_turns(500);
    client_hears(w.c, "one");
    assert_int_equal(reloads_begun(&w), 0);
}

static void what_cannot_be_watched_is_refused(void **state)
{
    struct run run = moongate_runs("--watch", "--servers", "127.0.0.1:1", NULL);
    assert_int_equal(run.code, 2);
    assert_string_equal(run.err, "moongate: --watch and --servers: give one of them\n");
    run = moongate_runs("--watch", "--single-process", "script.lua", NULL);
    assert_int_equal(run.code, 2);
    assert_string_equal(run.err, "moongate: --watch and --single-process: give one of them\n");
}

/* How many descriptors a process has, or how many that are of inotify. */
static size_t descriptors(pid_t pid, const char *what)
{
    const char *argv[] = {"sh", "-c", textf("ls -l /proc/%d/fd | grep -c -e '%s'", (int)pid, what),
                          NULL};
    return strtoul(program_run(argv).out, NULL, 10);
}

static void a_script_that_is_refused_costs_no_descriptor(void **state)
{
    struct watched w = script_says_one();
    size_t before = 0;
    for (size_t i = 1; i < 5; i++) {
        does(&w, textf("echo 'return %zu' >script.lua", i));
        moongate_sees_log_times(w.m, "not loaded", i);
        stage_turns(50);
        if (i == 1) before = descriptors(moongate_pid(w.m), "->");
    }
    assert_int_equal(descriptors(moongate_pid(w.m), "->"), before);
    assert_int_equal(descriptors(moongate_pid(w.m), "inotify"), 1);
    assert_int_equal(descriptors(moongate_worker(w.m), "inotify"), 0);
}

/* The workers read such a file again by themselves. */
static void a_file_of_servers_needs_no_reload(void **state)
{
    struct watched w = {.folder = program_folder(), .generation = 1};
    does(&w, textf("echo 127.0.0.1:1 >servers; echo \"local mg = require 'moongate' "
                   "return mg.pool { discover = 'file://%s/servers', name = 'p' }\" >script.lua",
                   w.folder));
    w.m = moongate_start(NULL, "--watch", textf("%s/script.lua", w.folder), NULL);
    w.c = client_connects(w.m);
    stat_becomes(w.c, "pools", "p:server", "127.0.0.1:1");
    does(&w, "echo 127.0.0.1:2 >new; mv new servers");
    stat_becomes(w.c, "pools", "p:server", "127.0.0.1:2");
    assert_int_equal(reloads_begun(&w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(every_way_to_write_a_file_is_noticed),
        play(a_swap_of_a_config_map_is_noticed),
        play(another_folder_on_the_way_is_noticed),
        play(without_the_option_nothing_is_watched),
        play(what_cannot_be_watched_is_refused),
        play(a_script_that_is_refused_costs_no_descriptor),
        play(a_file_of_servers_needs_no_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
