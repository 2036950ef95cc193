/* A script that loads and then fails: the last good one comes back, in all workers, and the log says why. */
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/seat.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* A call of C that takes practically for ever. */
#define FOR_EVER "string.match(('a'):rep(40), ('a?'):rep(40) .. ('a'):rep(40) .. 'b')"

/* Answers each request with a word, and every nth (0: none) with an error of the script. */
static const char *failing_every(unsigned nth, const char *word)
{
    return textf(MG "local n = 0\n"
                    "return function()\n"
                    "    n = n + 1\n"
                    "    if %u > 0 and n %% %u == 0 then error 'not this one' end\n"
                    "    return mg.reply.error '%s'\n"
                    "end\n",
                 nth, nth ? nth : 1, word);
}

static const char *saying(const char *word)
{
    return failing_every(0, word);
}

static struct moongate *starts(const char *script, const char *probation, const char *workers)
{
    return moongate_start(script, "-j", workers, "--rehearse", "0", "--probation", probation,
                          "--script-timeout", "0.1", NULL);
}

/* n requests, of which this many are failed by the script. */
static void asks(struct client *c, unsigned n, unsigned failed)
{
    unsigned is = 0;
    for (unsigned i = 0; i < n; i++) {
        client_sends(c, "get k\r\n");
        is += strcmp(client_sees_line(c), "SERVER_ERROR script error") == 0;
    }
    if (is != failed) stage_fails("%u of %u requests failed, not %u", is, n, failed);
}

static void hears(struct client *c, const char *word)
{
    client_sends(c, "get k\r\n");
    client_sees(c, textf("SERVER_ERROR %s\r\n", word));
}

static void answers_become(struct client *c, const char *word)
{
    client_asks_until(c, "get k\r\n", textf("SERVER_ERROR %s\r\n", word));
}

static void line_has(const char *line, const char *text)
{
    if (!strstr(line, text)) stage_fails("not %s: %s", text, line);
}

/* Without waiting for the log to be asked for: a reload that is under way may end in any way. */
static void reloads(struct moongate *m, const char *script, unsigned generation)
{
    moongate_gets_script(m, script);
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, textf("reloaded: generation %u", generation));
}

static void errors_in_every_request_bring_the_last_good_script_back(void **state)
{
    struct moongate *m = starts(saying("good"), "60", "2");
    struct client *one = client_connects(m), *other = client_connects(m);
    asks(one, 150, 0);
    reloads(m, failing_every(1, "bad"), 2);
    asks(one, 60, 60);
    asks(other, 40, 40); /* no more than it takes: from then on the other script may answer */
    const char *line = moongate_log_line(m, "generation 2 fails");
    line_has(line, " error ");
    line_has(line, "script errors: 100 in 100 ");
    line_has(line, "requests since the switch, before it 0 in 1");
    line_has(line, "; the last good script comes back");
    moongate_sees_log(m, "rolled back: generation 3 is the script of generation 1");
    answers_become(one, "good");
    answers_become(other, "good");
    asks(one, 200, 0);
    asks(other, 200, 0);
    stat_becomes(one, "proxy", "rollbacks", "1");
    assert_int_equal(stat_number(one, "proxy", "generation"), 3);
}

static void a_worker_started_later_runs_the_script_that_came_back(void **state)
{
    struct moongate *m = starts(saying("good"), "60", "1");
    struct client *c = client_connects(m);
    reloads(m, failing_every(1, "bad"), 2);
    asks(c, 100, 100);
    moongate_sees_log(m, "rolled back: generation 3");
    kill(moongate_worker(m), SIGKILL);
    client_sees_closed(c);
    hears(client_connects(m), "good");
}

static void a_few_errors_let_a_script_pass(void **state)
{
    struct moongate *m = starts(saying("good"), "0.5", "1");
    struct client *c = client_connects(m);
    reloads(m, failing_every(200, "new"), 2);
    asks(c, 1000, 5);
    moongate_sees_log(m, "generation 2 has passed its probation");
    asks(c, 1000, 5);
    assert_int_equal(moongate_log_count(m, " fails: "), 0);
    assert_int_equal(stat_number(c, "proxy", "rollbacks"), 0);
}

static void as_many_errors_as_before_let_it_pass(void **state)
{
    struct moongate *m = starts(failing_every(10, "old"), "0.5", "1");
    struct client *c = client_connects(m);
    asks(c, 1000, 100);
    reloads(m, failing_every(10, "new"), 2);
    asks(c, 1000, 100);
    moongate_sees_log(m, "generation 2 has passed its probation");
    asks(c, 10, 1);
    assert_int_equal(moongate_log_count(m, "generation 2 fails: "), 0);
}

static void more_errors_than_before_do_not(void **state)
{
    struct moongate *m = starts(failing_every(10, "old"), "60", "1");
    struct client *c = client_connects(m);
    asks(c, 1000, 100);
    reloads(m, failing_every(2, "new"), 2);
    asks(c, 100, 50);
    line_has(moongate_log_line(m, "generation 2 fails"), "before it 100 in 1000;");
    moongate_sees_log(m, "rolled back: generation 3");
    answers_become(c, "old");
}

/* A script that fails each request, but has few of them, is not good when its time is over. */
static void a_script_without_enough_requests_stays_on_probation(void **state)
{
    struct moongate *m = starts(saying("good"), "0.1", "1");
    struct client *c = client_connects(m);
    moongate_sees_log(m, "generation 1 has passed its probation");
    reloads(m, failing_every(1, "bad"), 2);
    asks(c, 99, 99);
    for (double until = stage_now() + 0.3; stage_now() < until;) stage_turns(20);
    assert_int_equal(moongate_log_count(m, "generation 2 has passed"), 0);
    asks(c, 1, 1);
    moongate_sees_log(m, "rolled back: generation 3");
    answers_become(c, "good");
}

static void a_worker_that_is_lost_brings_the_last_good_script_back(void **state)
{
    struct moongate *m = starts(saying("good"), "60", "2");
    struct client *stuck = client_connects(m), *other = client_connects(m);
    hears(stuck, "good");
    hears(other, "good");
    reloads(m,
            MG "return function(req)\n"
               "    if req.key == 'stuck' then " FOR_EVER " end\n"
               "    return mg.reply.error 'bad'\n"
               "end\n",
            2);
    hears(other, "bad");
    client_sends(stuck, "get stuck\r\n");
    client_sees_closed(stuck);
    line_has(moongate_log_line(m, "generation 2 fails"), ": worker ");
    line_has(moongate_log_line(m, "generation 2 fails"), " was stuck in it; ");
    moongate_sees_log(m, "rolled back: generation 3");
    answers_become(other, "good");
    hears(client_connects(m), "good");
    stat_becomes(other, "proxy", "rollbacks", "1");
}

static void the_only_worker_may_be_lost(void **state)
{
    struct moongate *m = starts(saying("good"), "60", "1");
    struct client *c = client_connects(m);
    reloads(m, MG "return function() " FOR_EVER " end\n", 2);
    client_sends(c, "get k\r\n");
    client_sees_closed(c);
    moongate_sees_log(m, "rolled back: generation 3");
    hears(client_connects(m), "good");
}

/* The worker is stuck in a function that waited, and was begun by the old script; the new one is in use by then. */
static void one_that_is_lost_to_the_old_script_does_not(void **state)
{
    struct moongate *m = starts(MG "return mg.async(function()\n"
                                   "    mg.sleep(0.3)\n"
                                   "    print 'now'\n"
                                   "    " FOR_EVER "\n"
                                   "end)\n",
                                "60", "1");
    struct client *c = client_connects(m);
    client_sends(c, "get k\r\n");
    reloads(m, saying("new"), 2);
    client_sees_closed(c);
    moongate_sees_log(m, "does not turn");
    hears(client_connects(m), "new");
    assert_int_equal(moongate_log_count(m, "rolled back"), 0);
    assert_int_equal(moongate_log_count(m, "generation 2 fails"), 0);
}

static void the_first_script_has_none_to_go_back_to(void **state)
{
    struct moongate *m = starts(failing_every(1, "bad"), "60", "1");
    struct client *c = client_connects(m);
    asks(c, 100, 100);
    line_has(moongate_log_line(m, "generation 1 fails"), "; there is no earlier one to go back to");
    asks(c, 500, 500);
    assert_int_equal(moongate_log_count(m, "generation 1 fails"), 1);
    reloads(m, saying("good"), 2);
    hears(c, "good");
}

static void two_bad_scripts_in_a_row_leave_the_good_one(void **state)
{
    struct moongate *m = starts(saying("good"), "60", "1");
    struct client *c = client_connects(m);
    asks(c, 200, 0);
    reloads(m, failing_every(1, "bad"), 2);
    asks(c, 100, 100);
    moongate_sees_log(m, "rolled back: generation 3 is the script of generation 1");
    hears(c, "good");
    reloads(m, failing_every(2, "worse"), 4);
    asks(c, 100, 50);
    line_has(moongate_log_line(m, "generation 4 fails"), "before it 0 in ");
    moongate_sees_log(m, "rolled back: generation 5 is the script of generation 3");
    answers_become(c, "good");
    stat_becomes(c, "proxy", "rollbacks", "2");
}

/* The last good script stays the last that has passed. */
static void a_reload_during_probation_changes_nothing_about_the_last_good_script(void **state)
{
    struct moongate *m = starts(saying("good"), "60", "1");
    struct client *c = client_connects(m);
    asks(c, 200, 0);
    reloads(m, failing_every(2, "bad"), 2);
    asks(c, 90, 45);
    reloads(m, failing_every(3, "no better"), 3);
    asks(c, 100, 33);
    line_has(moongate_log_line(m, "generation 3 fails"), "before it 0 in 200;");
    moongate_sees_log(m, "rolled back: generation 4 is the script of generation 1");
    answers_become(c, "good");
    assert_int_equal(moongate_log_count(m, "generation 2 fails"), 0);
}

static void a_script_that_has_passed_is_the_one_that_comes_back(void **state)
{
    struct moongate *m = starts(saying("first"), "0.2", "1");
    struct client *c = client_connects(m);
    reloads(m, saying("second"), 2);
    moongate_sees_log(m, "generation 2 has passed its probation");
    reloads(m, failing_every(1, "bad"), 3);
    asks(c, 100, 100);
    moongate_sees_log(m, "rolled back: generation 4 is the script of generation 2");
    answers_become(c, "second");
}

/* The script before it fails as well by then; there is no third one. */
static void a_script_that_came_back_is_not_on_probation(void **state)
{
    struct moongate *m = starts(MG "local bad = mg.shared('state', '64k')\n"
                                   "return function(req)\n"
                                   "    if req.key == 'fail' then bad:set('on', 1) end\n"
                                   "    if bad:get 'on' then error 'as told' end\n"
                                   "    return mg.reply.error 'first'\n"
                                   "end\n",
                                "60", "1");
    struct client *c = client_connects(m);
    hears(c, "first");
    reloads(m,
            MG "mg.shared('state', '64k'):set('on', 1)\n"
               "return function() error 'always' end\n",
            2);
    asks(c, 100, 100);
    moongate_sees_log(m, "rolled back: generation 3");
    asks(c, 1000, 1000);
    for (double until = stage_now() + 0.6; stage_now() < until;) stage_turns(20);
    assert_int_equal(moongate_log_count(m, " fails: "), 1);
    stat_becomes(c, "proxy", "rollbacks", "1");
}

static void without_probation_nothing_comes_back(void **state)
{
    struct moongate *m = starts(saying("good"), "0", "1");
    struct client *c = client_connects(m);
    reloads(m, failing_every(1, "bad"), 2);
    asks(c, 1000, 1000);
    for (double until = stage_now() + 0.6; stage_now() < until;) stage_turns(20);
    asks(c, 100, 100);
    assert_int_equal(moongate_log_count(m, "rolled back"), 0);
}

/* The module of the good script is gone by then: it comes back as it was checked. */
static void what_comes_back_is_the_kept_text(void **state)
{
    const char *script =
        moongate_script_file(MG "local word = require 'word'\n"
                                "return function() return mg.reply.error(word) end\n");
    const char *word = textf("%.*s/word.lua", (int)(strrchr(script, '/') - script), script);
    FILE *file = fopen(word, "we");
    if (!file || fputs("return 'good'", file) < 0 || fclose(file) != 0) stage_fails("no module");
    struct moongate *m = moongate_start(NULL, script, "--rehearse", "0", "--probation", "60", NULL);
    struct client *c = client_connects(m);
    hears(c, "good");
    file = fopen(word, "we");
    if (!file || fputs("error 'later'", file) < 0 || fclose(file) != 0) stage_fails("no module");
    file = fopen(script, "we");
    if (!file || fputs("return function() require 'word' end", file) < 0 || fclose(file) != 0)
        stage_fails("no script");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 2");
    asks(c, 100, 100);
    moongate_sees_log(m, "rolled back: generation 3");
    answers_become(c, "good");
}

/* Only with --unsafe-lua may a script depend on what is not kept. */
static bool has_rolled_back(void *m)
{
    return moongate_log_count(m, "rolled back: generation 3 is the script of generation 1") == 1;
}

/* Its clients are served by the other one; it is killed when the limit of a reload is over. */
static void a_worker_that_is_stopped_keeps_no_script_that_fails(void **state)
{
    struct moongate *m = starts(saying("good"), "60", "2");
    pid_t workers[2];
    moongate_workers(m, workers, 2);
    struct client *c = client_connects_at(m, workers[1]);
    reloads(m, failing_every(1, "bad"), 2);
    assert_int_equal(kill(workers[0], SIGSTOP), 0);
    asks(c, 100, 100);
    moongate_sees_log(m, "generation 2 fails");
    if (!stage_waits_for(has_rolled_back, m, 10 + stage_deadline()))
        stage_fails("it does not come back");
    moongate_sees_log(
        m, textf("[%d]: killed: has not loaded the script that comes back", (int)workers[0]));
    hears(c, "good");
    answers_become(client_connects(m), "good");
}

static void one_that_no_worker_can_load_any_more_is_tried_three_times(void **state)
{
    const char *path = moongate_script_file("");
    struct moongate *m =
        moongate_start(textf(MG "assert(io.open '%s'):close()\n"
                                "return function() return mg.reply.error 'good' end\n",
                             path),
                       "--unsafe-lua", "--rehearse", "0", "--probation", "60", NULL);
    struct client *c = client_connects(m);
    reloads(m, failing_every(1, "bad"), 2);
    assert_int_equal(remove(path), 0);
    asks(c, 100, 100);
    moongate_sees_log_times(m, "generation 2 goes on", 4);
    line_has(moongate_log_nth_line(m, "generation 2 goes on", 3), "not loaded: worker 0: ");
    line_has(moongate_log_nth_line(m, "generation 2 goes on", 4), "not rolled back after 3 tries");
    asks(c, 100, 100);
    reloads(m, saying("new"), 6);
    hears(c, "new");
    assert_int_equal(stat_number(c, "proxy", "rollbacks"), 0);
}

/* The script on the disk is checked as long as the gate is there, and then refused. */
static void it_comes_back_before_a_reload_that_was_asked_for_meanwhile(void **state)
{
    const char *gate = moongate_script_file("");
    struct moongate *m = moongate_start(saying("good"), "--unsafe-lua", "--rehearse", "0",
                                        "--probation", "60", NULL);
    struct client *c = client_connects(m);
    reloads(m, failing_every(1, "bad"), 2);
    moongate_gets_script(m, textf("local file\n"
                                  "repeat\n"
                                  "    if file then file:close() end\n"
                                  "    file = io.open '%s'\n"
                                  "until not file\n"
                                  "error 'broken'\n",
                                  gate));
    moongate_signal(m, SIGHUP);
    moongate_sees_log_times(m, "reload: SIGHUP: checking", 2);
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "remembered until the one under way is done");
    asks(c, 100, 100);
    moongate_sees_log(m, "generation 2 fails");
    assert_int_equal(remove(gate), 0);
    moongate_sees_log_times(m, "broken", 2);
    line_has(moongate_log_nth_line(m, "broken", 1), "generation 2 goes on");
    line_has(moongate_log_nth_line(m, "broken", 2), "generation 3 goes on");
    hears(c, "good");
}

/* Something writes the file again and again. */
static void with_watch_the_bytes_that_failed_are_not_loaded_again(void **state)
{
    struct moongate *m =
        moongate_start(saying("good"), "--watch", "--rehearse", "0", "--probation", "60", NULL);
    struct client *c = client_connects(m);
    moongate_gets_script(m, failing_every(1, "bad"));
    moongate_sees_log(m, "reloaded: generation 2");
    asks(c, 100, 100);
    moongate_sees_log(m, "rolled back: generation 3");
    for (size_t i = 1; i < 3; i++) {
        moongate_gets_script(m, failing_every(1, "bad"));
        moongate_sees_log_times(m, "it is the script that was rolled back", i);
    }
    hears(c, "good");
    moongate_gets_script(m, saying("new"));
    moongate_sees_log(m, "reloaded: generation 4");
    hears(c, "new");
    moongate_gets_script(m, failing_every(1, "bad")); /* it was another one that came in last */
    moongate_sees_log(m, "reloaded: generation 5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(errors_in_every_request_bring_the_last_good_script_back),
        play(a_worker_started_later_runs_the_script_that_came_back),
        play(a_few_errors_let_a_script_pass),
        play(as_many_errors_as_before_let_it_pass),
        play(more_errors_than_before_do_not),
        play(a_script_without_enough_requests_stays_on_probation),
        play(a_worker_that_is_lost_brings_the_last_good_script_back),
        play(the_only_worker_may_be_lost),
        play(one_that_is_lost_to_the_old_script_does_not),
        play(the_first_script_has_none_to_go_back_to),
        play(two_bad_scripts_in_a_row_leave_the_good_one),
        play(a_reload_during_probation_changes_nothing_about_the_last_good_script),
        play(a_script_that_has_passed_is_the_one_that_comes_back),
        play(a_script_that_came_back_is_not_on_probation),
        play(without_probation_nothing_comes_back),
        play(what_comes_back_is_the_kept_text),
        play(a_worker_that_is_stopped_keeps_no_script_that_fails),
        play(one_that_no_worker_can_load_any_more_is_tried_three_times),
        play(it_comes_back_before_a_reload_that_was_asked_for_meanwhile),
        play(with_watch_the_bytes_that_failed_are_not_loaded_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
