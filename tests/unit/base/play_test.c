/* PLAY in the environment of a test program: it runs its tests of that name alone. The programs are this one, run again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/stage.h"

/* What this program prints with that PLAY. */
static const char *prints(const char *play)
{
    char *out = stage_memory(4096);
    setenv("PLAY", play, 1);
    FILE *again = popen(textf("exec /proc/%d/exe 2>&1", (int)getpid()), "r");
    unsetenv("PLAY");
    assert_non_null(again);
    out[fread(out, 1, 4095, again)] = '\0';
    assert_int_equal(pclose(again), 0);
    return out;
}

static void one_that_is_asked_for_runs(void **state)
{
    (void)state;
}

static void two_that_are_asked_for_run(void **state)
{
    (void)state;
}

static void others_do_not_run(void **state)
{
    (void)state;
    assert_non_null(strstr(prints("one_that_*"), " 1 test(s) run"));
    assert_non_null(strstr(prints("t?o_that_*"), " 1 test(s) run"));
    assert_non_null(strstr(prints("*_asked_for_run*"), " 2 test(s) run"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(one_that_is_asked_for_runs),
        play(two_that_are_asked_for_run),
        play(others_do_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
