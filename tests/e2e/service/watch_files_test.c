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
    moongate_sees_log(w.m, "word.lua: has the bytes that are loaded"); /* the first look */
    module_says(&w, "word.lua", "two");
    is_reloaded(&w, "two");
    moongate_sees_log(w.m, "reload: word.lua changed: checking script");
    does(&w, "touch word.lua");
    moongate_sees_log_times(w.m, "word.lua: has the bytes that are loaded", 2);
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

/* The script before it comes back, which does not have the module. */
static void a_module_of_a_script_that_has_failed_on_probation_is_watched(void **state)
{
    struct watched w = script_says_one();
    does(&w, "echo 'return function() error \"no\" end' >word.lua; "
             "printf '%s\\n' \"local mg, word = require 'moongate', require 'word'\" "
             "'mg.options { rehearse = 0 }' "
             "'return function() return mg.reply.error(word()) end' >script.lua");
    moongate_sees_log(w.m, "reloaded: generation 2");
    for (int i = 0; i < 120; i++) client_hears(w.c, "script error");
    moongate_sees_log(w.m, "rolled back: generation 3");
    client_hears(w.c, "one");
    w.generation = 3;
    does(&w, "echo 'return function() return \"four\" end' >new; mv new word.lua");
    is_reloaded(&w, "four");
}

static void a_module_that_was_missing_is_loaded_when_it_comes(void **state)
{
    struct watched w = script_says_one();
    does(&w, REQUIRING);
    moongate_sees_log(w.m, "not loaded");
    module_says(&w, "word.lua", "two");
    is_reloaded(&w, "two");
    does(&w, "rm word.lua");
    stage_turns(500); /* longer than what is waited for in general */
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

/* A deployment removes all files and then writes them: none of them is loaded without the others. */
static void nothing_is_loaded_while_a_file_is_gone(void **state)
{
    struct watched w = script_requires_one();
    moongate_sees_log(w.m, "word.lua: has the bytes that are loaded");
    does(&w, "mv script.lua away; echo \"return 'two'\" >word.lua");
    stage_turns(2500); /* longer than changes are gathered */
    assert_int_equal(reloads_begun(&w), 0);
    double began = stage_now();
    does(&w, "echo -- >>away; rm word.lua; mv away script.lua; sleep 0.6; "
             "echo \"return 'three'\" >word.lua");
    is_reloaded(&w, "three");
    if (stage_now() - began < 1.8) assert_int_equal(moongate_log_count(w.m, "not loaded"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_module_that_has_changed_is_loaded),
        play(files_that_change_together_make_one_reload),
        play(a_module_of_a_script_that_was_refused_is_watched),
        play(a_module_of_a_script_that_has_failed_on_probation_is_watched),
        play(a_module_that_was_missing_is_loaded_when_it_comes),
        play(a_module_that_is_left_is_not_watched),
        play(nothing_is_loaded_while_a_file_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
