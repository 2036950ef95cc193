/* Every worker runs the files that the check has read: also one that is started later, whatever is on the disk by then. */
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A script with a file beside it; both are a play's own. */
static const char *beside(const char *script, const char *name)
{
    return textf("%.*s/%s", (int)(strrchr(script, '/') - script), script, name);
}

static const char REQUIRING[] = MG "local word = require 'word'\n"
                                   "return function() return mg.reply.error(word) end\n";

static void hears(struct client *c, const char *word)
{
    client_sends(c, "get k\r\n");
    client_sees(c, textf("SERVER_ERROR %s\r\n", word));
}

/* The worker is killed; the next one serves the client that is returned. */
static struct client *next_worker(struct moongate *m, struct client *c)
{
    kill(moongate_worker(m), SIGKILL);
    client_sees_closed(c);
    return client_connects(m);
}

static void a_worker_started_later_runs_what_was_checked_at_start(void **state)
{
    const char *script = moongate_script_file(REQUIRING);
    const char *word = beside(script, "word.lua");
    file_becomes(word, "return 'first'");
    struct moongate *m = moongate_start(NULL, script, NULL);
    struct client *c = client_connects(m);
    hears(c, "first");
    file_becomes(word, "return 'second'");
    c = next_worker(m, c);
    hears(c, "first");
    unlink(word);
    unlink(script);
    c = next_worker(m, c);
    hears(c, "first");
}

static void and_what_was_checked_at_the_last_reload(void **state)
{
    const char *script = moongate_script_file(REQUIRING);
    const char *word = beside(script, "word.lua");
    file_becomes(word, "return 'first'");
    struct moongate *m = moongate_start(NULL, script, NULL);
    struct client *c = client_connects(m);
    file_becomes(word, "return 'second'");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 2");
    hears(c, "second");
    file_becomes(word, "return nonsense +");
    c = next_worker(m, c);
    hears(c, "second");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "word.lua:1: ");
    moongate_sees_log(m, "; generation 2 goes on");
    c = next_worker(m, c);
    hears(c, "second");
}

/* All workers get the module as the check has read it, though it changes between the check and their loading. */
static void a_module_that_changes_during_a_reload_gives_no_two_workers_two_scripts(void **state)
{
    const char *script = moongate_script_file(REQUIRING);
    const char *word = beside(script, "word.lua");
    file_becomes(word, "return 'word 0'");
    struct moongate *m = moongate_start(NULL, script, "-j", "2", NULL);
    for (unsigned i = 1; i <= 20; i++) {
        moongate_signal(m, SIGHUP);
        for (unsigned change = 0; change < 100; change++) {
            file_becomes(word, textf("return 'word %u'", 100 * i + change));
            stage_turns(0);
        }
        moongate_sees_log(m, textf("reloaded: generation %u", i + 1));
        struct client *one = client_connects(m), *other = client_connects(m);
        client_sends(one, "get k\r\n");
        const char *answer = client_sees_line(one);
        client_sends(other, "get k\r\n");
        client_sees(other, textf("%s\r\n", answer));
        client_closes(one);
        client_closes(other);
    }
}

static void a_module_that_was_not_there_stays_away(void **state)
{
    const char *script = moongate_script_file(
        MG "local good, word = pcall(require, 'word')\n"
           "return function()\n"
           "    local later, now = pcall(require, 'word')\n"
           "    return mg.reply.error(good and word or later and now or 'none')\n"
           "end\n");
    struct moongate *m = moongate_start(NULL, script, NULL);
    struct client *c = client_connects(m);
    hears(c, "none");
    file_becomes(beside(script, "word.lua"), "return 'late'");
    hears(c, "none");
    c = next_worker(m, c);
    hears(c, "none");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 2");
    hears(c, "late");
}

static void what_is_first_required_by_a_request_comes_from_the_disk(void **state)
{
    const char *script =
        moongate_script_file(MG "return function() return mg.reply.error(require 'word') end\n");
    file_becomes(beside(script, "word.lua"), "return 'first'");
    struct moongate *m = moongate_start(NULL, script, NULL);
    struct client *c = client_connects(m);
    hears(c, "first");
    file_becomes(beside(script, "word.lua"), "return 'second'");
    hears(c, "first");
    c = next_worker(m, c);
    hears(c, "second");
}

/* All ways in which Lua loads a file; package.path leads to another folder. */
static void with_all_of_lua_that_is_so_of_every_file_that_lua_loads(void **state)
{
    const char *folder = beside(moongate_script_file(""), "");
    const char *script =
        moongate_script_file(textf(MG "package.path = '%snone/?.lua;%s?.lua'\n"
                                      "local one = require 'one'\n"
                                      "local two = dofile '%stwo.lua'\n"
                                      "local three = assert(loadfile '%sthree.lua')()\n"
                                      "local four = require 'four'\n"
                                      "local words = table.concat({ one, two, three, four }, ' ')\n"
                                      "return function() return mg.reply.error(words) end\n",
                                   folder, folder, folder, folder));
    file_becomes(textf("%sone.lua", folder), "return 'one'");
    file_becomes(textf("%stwo.lua", folder), "#!/usr/bin/lua\nreturn 'two'");
    file_becomes(textf("%sthree.lua", folder), "return 'three'");
    file_becomes(beside(script, "four.lua"), "return 'four'");
    struct moongate *m = moongate_start(NULL, script, "--unsafe-lua", NULL);
    struct client *c = client_connects(m);
    hears(c, "one two three four");
    unlink(textf("%sone.lua", folder));
    file_becomes(textf("%stwo.lua", folder), "return 'changed'");
    file_becomes(textf("%sthree.lua", folder), "this is not Lua");
    file_becomes(beside(script, "one.lua"), "return 'nearer'");
    unlink(beside(script, "four.lua"));
    c = next_worker(m, c);
    hears(c, "one two three four");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "three.lua:1: ");
    moongate_sees_log(m, "; generation 1 goes on");
}

static void a_single_process_runs_what_was_checked_too(void **state)
{
    const char *script = moongate_script_file(REQUIRING);
    file_becomes(beside(script, "word.lua"), "return 'first'");
    struct moongate *m = moongate_start(NULL, script, "--single-process", NULL);
    struct client *c = client_connects(m);
    hears(c, "first");
    file_becomes(beside(script, "word.lua"), "return 'second'");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 2");
    hears(c, "second");
}

static void modules_without_end_are_refused(void **state)
{
    const char *script = moongate_script_file(REQUIRING);
    const char *word = beside(script, "word.lua");
    file_becomes(word, "return 'first'");
    struct moongate *m = moongate_start(NULL, script, NULL);
    file_becomes(word, "");
    if (truncate(word, 65 * 1024 * 1024) != 0) stage_fails("no large file");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "word.lua: the script and its modules are larger than 64 MiB");
    hears(client_connects(m), "first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_worker_started_later_runs_what_was_checked_at_start),
        play(and_what_was_checked_at_the_last_reload),
        play(a_module_that_changes_during_a_reload_gives_no_two_workers_two_scripts),
        play(a_module_that_was_not_there_stays_away),
        play(what_is_first_required_by_a_request_comes_from_the_disk),
        play(with_all_of_lua_that_is_so_of_every_file_that_lua_loads),
        play(a_single_process_runs_what_was_checked_too),
        play(modules_without_end_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
