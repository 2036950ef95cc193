/* --watch: what is loaded is what the file holds in the end, and nothing that is loaded already. */
#include "e2e/service/watched.h"
#include "lib/shim.h"

#include <errno.h>

/* A folder that is renamed is no event of inotify where we watch; and there is none at all on some file systems. */
static void a_change_is_found_without_inotify(void **state)
{
    struct shim *shim = shim_begin();
    shim_fails(shim, SHIM_INOTIFY, 0, 1, EMFILE);
    struct watched w = script_says_one();
    moongate_sees_log(w.m, "watch: inotify: Too many open files: changes are found every few "
                           "seconds only");
    changes(&w, "mv new script.lua");
    changes(&w, "dd if=new of=script.lua conv=notrunc 2>/dev/null");
}

static void a_file_that_is_written_without_a_change_is_not_loaded(void **state)
{
    static const char *const ways[] = {"touch script.lua", "cp script.lua new; mv new script.lua",
                                       "chmod 600 script.lua", "mv script.lua x; mv x script.lua"};
    struct watched w = script_says_one();
    moongate_sees_log_times(w.m, "has the bytes that are loaded", 1); /* the first look */
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        does(&w, ways[i]);
        moongate_sees_log_times(w.m, "has the bytes that are loaded", i + 2);
    }
    does(&w, "touch other.lua; rm other.lua");
    assert_int_equal(reloads_begun(&w), 0);
    changes(&w, "mv new script.lua");
    assert_int_equal(reloads_begun(&w), 1);
}

/* It is loaded when it is whole; the part of it is refused, and costs nothing. */
static void a_part_of_a_file_is_refused_and_the_whole_is_loaded(void **state)
{
    struct watched w = script_says_one();
    does(&w, textf("%s >new; head -c 50 new >script.lua", saying("two")));
    moongate_sees_log(w.m, "not loaded");
    client_hears(w.c, "one");
    does(&w, "tail -c +51 new >>script.lua");
    is_reloaded(&w, "two");
    does(&w, "echo 'return 7' >script.lua");
    moongate_sees_log_times(w.m, "not loaded", 2);
    size_t before = moongate_log_count(w.m, "has the bytes that are loaded");
    does(&w, "cp new script.lua"); /* as it is loaded */
    moongate_sees_log_times(w.m, "has the bytes that are loaded", before + 1);
    assert_int_equal(reloads_begun(&w), 3);
    client_hears(w.c, "two");
}

/* What is changed while a reload is under way is loaded after it, also when it is what was loaded before. */
static void a_change_during_a_reload_is_loaded_after_it(void **state)
{
    struct watched w = script_says_one();
    pid_t children[2];
    does(&w, textf("cp script.lua one; (echo 'local began = os.clock()'; "
                   "echo 'while os.clock() - began < 0.7 do end'; %s) >new; mv new script.lua",
                   saying("two")));
    moongate_workers(w.m, children, 2); /* one of them is the check, which has the text */
    does(&w, "mv one script.lua");
    moongate_sees_log(w.m,
                      "reload: script.lua changed: remembered until the one under way is done");
    moongate_sees_log(w.m, "reloaded: generation 2");
    moongate_sees_log(w.m, "reloaded: generation 3");
    client_hears(w.c, "one");
}

/* What is written between the start of the program and the first look. */
static void a_change_while_moongate_starts_is_loaded(void **state)
{
    struct watched w = {.folder = program_folder(), .generation = 1};
    does(&w, textf("(echo 'local began = os.clock()'; "
                   "echo 'while os.clock() - began < 0.7 do end'; %s) >script.lua; %s >new",
                   saying("one"), saying("two")));
    does(&w, "(i=0; until [ -s pid ] || [ $i -gt 2000 ]; do i=$((i+1)); sleep 0.01; done; "
             "mv new script.lua) >/dev/null 2>&1 &");
    w.m = moongate_start(NULL, "--watch", "-v", "-P", textf("%s/pid", w.folder),
                         textf("%s/script.lua", w.folder), NULL);
    w.c = client_connects(w.m);
    is_reloaded(&w, "two");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_change_is_found_without_inotify),
        play(a_file_that_is_written_without_a_change_is_not_loaded),
        play(a_part_of_a_file_is_refused_and_the_whole_is_loaded),
        play(a_change_during_a_reload_is_loaded_after_it),
        play(a_change_while_moongate_starts_is_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
