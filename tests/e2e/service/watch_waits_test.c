/* --watch: what is being written, or is gone for a moment, is waited for. */
#include "e2e/service/watched.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Another process writes to the file every few milliseconds. It ends with the test. */
static pid_t helper_writes_on(const char *path)
{
    pid_t helper = fork();
    if (helper != 0) return helper;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (double end = stage_now() + stage_deadline(); stage_now() < end; usleep(2000)) {
        FILE *file = fopen(path, "ae");
        if (!file || fputs("-- more\n", file) < 0 || fclose(file) != 0) _exit(1);
    }
    _exit(1);
}

/* Pieces that follow one another make one change; a file that is written for ever is loaded, too. */
static void pieces_are_waited_for_and_not_for_ever(void **state)
{
    struct watched w = script_says_one();
    double began = stage_now();
    does(&w, textf("%s >new; exec >script.lua; i=0; while [ $i -lt 40 ]; do printf ' '; "
                   "sleep 0.02; i=$((i+1)); done; cat new",
                   saying("two")));
    is_reloaded(&w, "two");
    double taken = stage_now() - began; /* on a busy machine some pieces come late */
    assert_in_range(reloads_begun(&w), 1, 1 + (unsigned)(taken / 0.2));
    does(&w, textf("%s >script.lua", saying("three")));
    pid_t helpers[4]; /* on a busy machine some have no turn for a while */
    for (int i = 0; i < 4; i++) helpers[i] = helper_writes_on(textf("%s/script.lua", w.folder));
    is_reloaded(&w, "three");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(waitpid(helpers[i], NULL, WNOHANG), 0); /* it still does */
        kill(helpers[i], SIGKILL);
        assert_int_equal(waitpid(helpers[i], NULL, 0), helpers[i]);
    }
}

static void a_file_that_is_gone_is_waited_for(void **state)
{
    struct watched w = script_says_one();
    does(&w, "mv script.lua away");
    const char *line = moongate_log_line(w.m, "/script.lua: not there");
    if (!strstr(line, " warn ")) stage_fails("no warning: %s", line);
    does(&w, "mv away script.lua");
    moongate_sees_log(w.m, "/script.lua: is there again");
    client_hears(w.c, "one");
    assert_int_equal(reloads_begun(&w), 0);
    does(&w, "rm script.lua");
    stage_turns(500); /* longer than what is waited for in general */
    changes(&w, "mv new script.lua");
    assert_int_equal(moongate_log_count(w.m, "not loaded"), 0);
    assert_int_equal(moongate_log_count(w.m, "/script.lua: not there"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(pieces_are_waited_for_and_not_for_ever),
        play(a_file_that_is_gone_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
