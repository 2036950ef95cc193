/* What a script may take: each request, each part between two waits and each load has its own time. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* When the error is caught, it comes again at the next check. */
static void nothing_swallows_the_error(void **state)
{
    struct moongate *m =
        moongate_start(MG "return function(req)\n"
                          "  for _ = 1, 10 do pcall(function() while true do end end) end\n"
                          "  return mg.reply.miss()\n"
                          "end\n",
                       "--script-timeout", "0.05", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get a\r\n");
    client_sees(c, "SERVER_ERROR script error\r\n");
    assert_int_equal(stat_number(c, "proxy", "script_timeouts"), 1);
}

/* The limit is a request's own, not that of a batch; nor that of a function between its waits together. */
static void each_request_has_the_time_for_itself(void **state)
{
    static const char *const jit[] = {NULL, "--no-jit"};
    for (size_t i = 0; i < COUNT(jit); i++) {
        struct moongate *m = moongate_start(MG "return function(req)\n"
                                               "  local till = os.clock() + 0.02\n"
                                               "  while os.clock() < till do end\n"
                                               "  return mg.reply.miss()\n"
                                               "end\n",
                                            "--script-timeout", "0.05", jit[i], NULL);
        struct client *c = client_connects(m);
        const char *batch = "";
        for (int n = 0; n < 20; n++) batch = textf("%sget a\r\n", batch);
        client_sends(c, batch);
        for (int n = 0; n < 20; n++) client_sees(c, "END\r\n");
        assert_int_equal(stat_number(c, "proxy", "script_timeouts"), 0);
        stage_clears();
    }
}

static void a_wait_begins_a_new_turn(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(textf(MG "local pool = mg.pool { '%s' }\n"
                                                 "return mg.async(function(req)\n"
                                                 "  for _ = 1, 10 do\n"
                                                 "    local till = os.clock() + 0.02\n"
                                                 "    while os.clock() < till do end\n"
                                                 "    mg.sleep(0.001)\n"
                                                 "  end\n"
                                                 "  return mg.reply.miss()\n"
                                                 "end)\n",
                                              backend_address(b)),
                                        "--script-timeout", "0.05", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get a\r\n");
    client_sees(c, "END\r\n");
    assert_int_equal(stat_number(c, "proxy", "script_timeouts"), 0);
}

/* The server has its whole time after that, not what the script has left of it. */
static void what_is_sent_afterwards_has_its_whole_timeout(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(textf(MG "local pool = mg.pool { '%s', timeout = 1 }\n"
                                "return function(req)\n"
                                "  if req.key == 'endless' then while true do end end\n"
                                "  return pool\n"
                                "end\n",
                             backend_address(b)),
                       "--script-timeout", "1.5", NULL);
    struct client *c = client_connects(m);
    client_sends(c, "get endless\r\nget good\r\n");
    backend_sees(b, "get good\r\n");
    stage_turns(100);
    backend_answers(b, hit_and_end("good", "value"));
    client_sees(c, textf("SERVER_ERROR script error\r\n%s", hit_and_end("good", "value")));
}

/* The script's own option holds; 0 is no limit, and the loop ends by itself. */
static void a_script_sets_its_own_limit(void **state)
{
    static const char *const rows[][2] = {{"0.05", "SERVER_ERROR script error\r\n"},
                                          {"0", "END\r\n"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct moongate *m = moongate_start(textf(MG "mg.options { script_timeout = %s }\n"
                                                     "return function(req)\n"
                                                     "  local till = os.clock() + 1.5\n"
                                                     "  while os.clock() < till do end\n"
                                                     "  return mg.reply.miss()\n"
                                                     "end\n",
                                                  rows[i][0]),
                                            NULL);
        struct client *c = client_connects(m);
        client_sends(c, "get a\r\n");
        client_sees(c, rows[i][1]);
        stage_clears();
    }
}

/* `moongate test` has a test of its own: tests/lua/time_test.lua. */
static void tools_interrupt_too(void **state)
{
    const char *says = "script timeout: took more than 0.05 s (--script-timeout)";
    const char *file = moongate_script_file(MG "mg.options { script_timeout = 0.05 }\n"
                                               "return function(req) while true do end end\n");
    struct run run = moongate_runs("explain", file, "get a", NULL);
    if (!strstr(run.out, says)) stage_fails("%s%s", run.out, run.err);
    run = shell_runs(
        textf("echo '= (function() while true do end end)()' | $MOONGATE repl %s", file));
    if (!strstr(run.out, says)) stage_fails("%s%s", run.out, run.err);
}

/* A script has 9 seconds to load. */
static void a_script_that_does_not_load_in_time_is_refused(void **state)
{
    const char *file = moongate_script_file("local n = 0\nwhile true do\nn = n + 1 end\n");
    struct run run = moongate_runs("-t", file, NULL);
    assert_int_equal(run.code, 1);
    if (!strstr(run.err, "script timeout: took more than 9 s to load") ||
        !strstr(run.err, textf("%s:2: ", file)))
        stage_fails("%s", run.err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(nothing_swallows_the_error),
        play(each_request_has_the_time_for_itself),
        play(a_wait_begins_a_new_turn),
        play(what_is_sent_afterwards_has_its_whole_timeout),
        play(a_script_that_does_not_load_in_time_is_refused),
        play(tools_interrupt_too),
        play(a_script_sets_its_own_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
