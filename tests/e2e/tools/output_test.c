/* Whatever prints to its standard output fails when the output does not arrive: a full disk, a descriptor that is closed, a
 * reader that has gone. */
#include "lib/moongate.h"
#include "lib/said.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SYSTEM = 4 };

#define T "local t = require 'moongate.test'\n"

/* What prints: behind "$MOONGATE", in a folder with route.lua, route_test.lua and keys. */
static const char *const printing[] = {
    "-t route.lua",
    "-t --servers 127.0.0.1:1",
    "-V",
    "-h",
    "--print-script",
    "help",
    "help diff",
    "explain -h",
    "explain route.lua 'get a'",
    "explain --json route.lua 'get a'",
    "explain route.lua --keys keys",
    "explain route.lua --keys keys --summary",
    "diff -h",
    "diff route.lua route.lua --keys keys",
    "diff route.lua route.lua --keys keys --json",
    "test -h",
    "test route_test.lua",
    "test --tap route_test.lua",
    "repl -h",
    "repl --fake route.lua",
};

static void put(const char *folder, const char *name, const char *text)
{
    FILE *f = fopen(textf("%s/%s", folder, name), "we");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0) stage_fails("%s cannot be written", name);
}

/* Runs all of them so, and finds that each says why its output did not arrive, and nothing else. */
static void each_fails(const char *how, const char *complaint)
{
    const char *folder = program_folder();
    put(folder, "route.lua", MG "return mg.pool { '127.0.0.1:1', name = 'only' }\n");
    put(folder, "route_test.lua", T "t.describe('a', function() t.it('b', function() end) end)\n");
    put(folder, "keys", "a\n");
    for (size_t i = 0; i < sizeof printing / sizeof *printing; i++) {
        struct run run = shell_runs(
            textf("cd %s && echo 'get a' | exec \"$MOONGATE\" %s %s", folder, printing[i], how));
        if (run.code != SYSTEM || !strstr(run.err, complaint) || lines_of(run.err) != 1)
            stage_fails("%s %s: exit %d: %s", printing[i], how, run.code, run.err);
    }
}

static void a_full_disk_is_a_failure_that_is_named(void **state)
{
    each_fails("> /dev/full", "moongate: standard output: No space left on device: free some room");
}

static void so_is_an_output_that_is_closed(void **state)
{
    each_fails(">&-", "moongate: standard output: ");
}

/* The shell's own exit code would be that of the reader. */
static void so_is_a_reader_that_has_gone(void **state)
{
    struct run run =
        shell_runs(textf("cd %s && { until [ -e gone ]; do sleep 0.01; done; \"$MOONGATE\" -h;"
                         " echo \"exit $?\" >&2; } | { exec <&-; : >gone; }",
                         program_folder()));
    has(run.err, "moongate: standard output: Broken pipe: let its reader read to the end\n");
    has(run.err, "exit 4\n");
}

/* Else the script's file, a socket or the loop's own descriptor would be where output goes to. */
static void nothing_else_gets_the_number_of_a_closed_descriptor(void **state)
{
    struct run run = shell_runs(
        textf("cd %s && { \"$MOONGATE\" --single-process -p 0 -s 127.0.0.1:1 <&- >&- 2>log &"
              " p=$!; until grep -q 'ready: ' log; do sleep 0.05; done;"
              " readlink /proc/$p/fd/0 /proc/$p/fd/1; kill $p; wait $p; }",
              program_folder()));
    exits(run, 0);
    is_said(run.out, "/dev/null\n/dev/null\n");
}

static void a_closed_input_is_named(void **state)
{
    struct run run = shell_runs("\"$MOONGATE\" explain -s 127.0.0.1:1 <&-");
    exits(run, SYSTEM);
    has(run.err, "moongate: standard input: Bad file descriptor: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_full_disk_is_a_failure_that_is_named),
        play(so_is_an_output_that_is_closed),
        play(so_is_a_reader_that_has_gone),
        play(nothing_else_gets_the_number_of_a_closed_descriptor),
        play(a_closed_input_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
