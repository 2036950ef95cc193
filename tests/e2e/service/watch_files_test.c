/* --watch: also the files that the script requires, and those that it has looked for and not found. */
#include "e2e/service/watched.h"

/* A script that has its word from a module. */
#define REQUIRING                                                                                  \
    "printf '%s\\n' \"local mg, word = require 'moongate', require 'word'\" "                      \
    "'return function() return mg.reply.error(word) end' >script.lua; "

static void module_says(const struct watched *w, const char *path, const char *word)
{
    does(w, textf("echo \"return '%s'\" >new; mv new %s", word, path));
}

static struct watched script_requires_one(void)
{
    return watched_begins(REQUIRING "echo \"return 'one'\" >word.lua", "script.lua");
}

static void a_module_that_has_changed_is_loaded(void **state)
{
    struct watched w = script_requires_one();
    module_says(&w, "word.lua", "two");
    is_reloaded(&w, "two");
    moongate_sees_log(w.m, "reload: word.lua changed: checking script");
    size_t before = moongate_log_count(w.m, "has the bytes that are loaded");
    does(&w, "touch word.lua");
    moongate_sees_log_times(w.m, "word.lua: has the bytes that are loaded", 1);
    assert_true(moongate_log_count(w.m, "has the bytes that are loaded") > before);
    assert_int_equal(reloads_begun(&w), 1);
}

/* Several files that change together are one change. */
static void files_that_change_together_make_one_reload(void **state)
{
    struct watched w = script_requires_one();
    does(&w, "echo \"return 'two'\" >word.lua; sed -i "
             "'s/mg.reply.error(word)/mg.reply.error(word:upper())/' "
             "script.lua");
    is_reloaded(&w, "TWO");
    moongate_sees_log(w.m, "reload: script.lua and 1 more changed: checking script");
    assert_int_equal(reloads_begun(&w), 1);
}

/* The script is refused for its new module, which the script in use does not have; it is loaded when the module is mended. */
static void a_module_of_a_script_that_was_refused_is_watched(void **state)
{
    struct watched w = script_says_one();
    does(&w, "echo 'return +' >word.lua; " REQUIRING);
    moongate_sees_log(w.m, "not loaded");
    client_hears(w.c, "one");
    module_says(&w, "word.lua", "two");
    is_reloaded(&w, "two");
    assert_int_equal(reloads_begun(&w), 2);
}

static void a_module_that_was_missing_is_loaded_when_it_comes(void **state)
{
    struct watched w = script_says_one();
    does(&w, REQUIRING);
    moongate_sees_log(w.m, "not loaded");
    module_says(&w, "word.lua", "two");
    is_reloaded(&w, "two");
    does(&w, "rm word.lua");
    moongate_sees_log(w.m, "/word.lua: not there");
    assert_int_equal(reloads_begun(&w), 2);
    client_hears(w.c, "two");
    module_says(&w, "word.lua", "three");
    is_reloaded(&w, "three");
}

/* A module that the script does not require any more is not watched; it may be removed with the change. */
static void a_module_that_is_left_is_not_watched(void **state)
{
    struct watched w = script_requires_one();
    does(&w, textf("rm word.lua; %s >script.lua", saying("two")));
    is_reloaded(&w, "two");
    module_says(&w, "word.lua", "three");
    changes(&w, "mv new script.lua");
    assert_int_equal(reloads_begun(&w), 2);
    assert_int_equal(moongate_log_count(w.m, "not there"), 0);
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
        play(a_module_that_has_changed_is_loaded),
        play(files_that_change_together_make_one_reload),
        play(a_module_of_a_script_that_was_refused_is_watched),
        play(a_module_that_was_missing_is_loaded_when_it_comes),
        play(a_module_that_is_left_is_not_watched),
        play(a_file_of_servers_needs_no_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
