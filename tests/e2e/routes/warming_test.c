/* Policies that fill one pool from another: warm_up, staging, migrate, l1_l2; over real servers, one of which fails. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>
#include <time.h>

/* Two servers, moongate over a policy of both, and a client of each of the three. */
struct stand {
    struct memcached *one, *two;
    struct moongate *m;
    struct client *c, *first, *second;
};

static struct stand stand_over(const char *policy, const char *options)
{
    struct stand s = {.one = memcached_start(NULL), .two = memcached_start(NULL)};
    s.m = moongate_start(textf(MG "local one = mg.pool { '%s', probe_min = 0.05 }\n"
                                  "local two = mg.pool { '%s', probe_min = 0.05 }\n"
                                  "return mg.%s { one, two, %s }\n",
                               memcached_address(s.one), memcached_address(s.two), policy, options),
                         NULL);
    s.c = client_connects(s.m);
    s.first = client_connects_to(memcached_address(s.one));
    s.second = client_connects_to(memcached_address(s.two));
    return s;
}

/* --- warm_up ----------------------------------------------------------------------------------- */

static void a_cold_pool_is_filled_from_the_warm_one(void **state)
{
    static const char *const exptimes[] = {"exptime = 'same'", "exptime = 100", ""};
    for (size_t i = 0; i < 3; i++) {
        struct stand s = stand_over("warm_up", exptimes[i]);
        client_asks(s.second, "set k 7 200 3\r\nabc\r\nset e 0 0 1\r\n1\r\n",
                    "STORED\r\nSTORED\r\n");
        client_asks(s.c, "get k\r\nget none\r\nget k e\r\n",
                    textf("VALUE k 7 3\r\nabc\r\nEND\r\nEND\r\nVALUE k 7 3\r\nabc\r\nVALUE e 0 "
                          "1\r\n1\r\nEND\r\n"));
        client_asks_until(s.first, "mg k f t v\r\n",
                          i == 1 ? "VA 3 f7 t100\r\n" : "VA 3 f7 t198\r\n");
        client_sees(s.first, "abc\r\n");
        client_asks_until(s.first, "mg e t\r\n", i == 1 ? "HD t100\r\n" : "HD t-1\r\n");
        stage_clears();
    }
}

static void what_only_the_cold_pool_can_answer_waits_until_it_is_filled(void **state)
{
    struct stand s = stand_over("warm_up", "exptime = 60");
    client_asks(s.second, "set a 1 0 1\r\na\r\nset b 2 0 1\r\nb\r\nset c 3 0 1\r\nc\r\n",
                "STORED\r\nSTORED\r\nSTORED\r\n");
    client_asks(s.second, "ms Zm9vIGJhcg== 1 b F4\r\nd\r\n", "HD\r\n");
    client_sends(s.c, "gets a\r\n");
    client_sees(s.c, "VALUE a 1 1 ");
    const char *cas = client_sees_line(s.c);
    client_sees(s.c, "a\r\nEND\r\n");
    client_asks(s.c, textf("cas a 0 0 1 %s\r\nA\r\n", cas), "STORED\r\n");
    client_asks(
        s.c, "gat 50 b\r\nmg c v f t k O1\r\nmg Zm9vIGJhcg== b v f t\r\nmg none v\r\ngets none\r\n",
        "VALUE b 2 1\r\nb\r\nEND\r\nVA 1 f3 t60 kc O1\r\nc\r\nVA 1 f4 t60\r\nd\r\nEN\r\nEND\r\n");
    client_asks(s.first, "mg b t\r\nget a\r\n", "HD t50\r\nVALUE a 0 1\r\nA\r\nEND\r\n");
    client_asks(s.second, "get a\r\n",
                "VALUE a 1 1\r\na\r\nEND\r\n"); /* writes are the cold one's */
    client_asks(
        s.c, "delete c\r\nset n 0 0 1\r\nn\r\nincr n 1\r\n",
        "DELETED\r\nSTORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    client_asks(s.second, "get c n\r\n", "VALUE c 3 1\r\nc\r\nEND\r\n");
}

static void without_the_cold_pool_the_warm_one_answers_gets(void **state)
{
    struct stand s = stand_over("warm_up", "exptime = 60");
    client_asks(s.second, "set k 0 0 1\r\nx\r\n", "STORED\r\n");
    memcached_kill(s.one);
    client_closes(s.first);
    client_sends(s.c, "get k\r\n");
    client_sees(s.c, hit_and_end("k", "x"));
    client_sends(s.c, "set k 0 0 1\r\ny\r\n");
    client_sees_line_starting(s.c, failure_of(memcached_address(s.one)));
    client_sends(s.c, "gets k\r\n");
    client_sees_line_starting(s.c, failure_of(memcached_address(s.one)));
    memcached_starts_again(s.one);
    client_asks_until(s.c, "delete k\r\n", "NOT_FOUND\r\n");
    client_asks(s.c, "get k\r\n", hit_and_end("k", "x"));
}

static void without_the_warm_pool_the_cold_one_goes_on(void **state)
{
    struct stand s = stand_over("warm_up", "exptime = 60");
    client_asks(s.c, "set k 0 0 1\r\nx\r\n", "STORED\r\n");
    memcached_kill(s.two);
    client_closes(s.second);
    client_asks(s.c, "get k\r\n", hit_and_end("k", "x"));
    client_sends(s.c, "get none\r\n");
    client_sees_line_starting(s.c, failure_of(memcached_address(s.two)));
    client_asks(s.c, "gets none\r\nmg none v\r\n", "END\r\nEN\r\n");
}

/* --- staging ----------------------------------------------------------------------------------- */

static void a_staging_pool_gets_what_the_warm_one_gets(void **state)
{
    struct stand s = stand_over("staging", "");
    client_asks(s.first, "set old 7 300 3\r\nold\r\n", "STORED\r\n");
    client_asks(s.c, "set a 1 0 1\r\na\r\nadd b 0 0 1\r\nb\r\nadd old 0 0 1\r\nx\r\nincr n 1\r\n",
                "STORED\r\nSTORED\r\nNOT_STORED\r\nNOT_FOUND\r\n");
    client_asks_until(s.second, "mg b f\r\n", "HD f0\r\n");
    client_asks(s.second, "get a\r\nget old\r\n", "VALUE a 1 1\r\na\r\nEND\r\nEND\r\n");
    client_asks(s.c, "get old\r\nget none\r\n", "VALUE old 7 3\r\nold\r\nEND\r\nEND\r\n");
    client_asks_until(s.second, "mg old f t v\r\n", "VA 3 f7 t298\r\n");
    client_sees(s.second, "old\r\n");
    client_sends(s.c, "gets a\r\n");
    client_sees(s.c, "VALUE a 1 1 ");
    const char *cas = client_sees_line(s.c);
    client_sees(s.c, "a\r\nEND\r\n");
    client_asks(s.c, textf("cas a 3 0 1 %s\r\nA\r\ncas a 3 0 1 %s\r\nB\r\n", cas, cas),
                "STORED\r\nEXISTS\r\n");
    client_asks_until(s.second, "mg a f v\r\n", "VA 1 f3\r\n");
    client_sees(s.second, "A\r\n");
    client_asks(s.c, "ms m 1 ME F5\r\nm\r\nms m 1 ME\r\nn\r\ndelete a\r\n",
                "HD\r\nNS\r\nDELETED\r\n");
    client_asks_until(s.second, "mg m f v\r\n", "VA 1 f5\r\n");
    client_sees(s.second, "m\r\n");
    client_asks_until(s.second, "mg a v\r\n", "EN\r\n");
}

static void a_staging_pool_that_fails_harms_nobody(void **state)
{
    struct stand s = stand_over("staging", "exptime = 5");
    memcached_kill(s.two);
    client_closes(s.second);
    client_asks(
        s.c,
        "set a 1 0 1\r\na\r\nget a\r\nadd a 0 0 1\r\nb\r\nadd b 0 0 1\r\nb\r\ndelete a\r\nget "
        "a\r\nincr a 1\r\n",
        "STORED\r\nVALUE a 1 "
        "1\r\na\r\nEND\r\nNOT_STORED\r\nSTORED\r\nDELETED\r\nEND\r\nNOT_FOUND\r\n");
    client_sees_nothing_more(s.c);
}

/* --- migrate ----------------------------------------------------------------------------------- */

static void keys_move_in_four_phases(void **state)
{
    long now = (long)time(NULL);
    const struct {
        long start, interval;
        const char *get;
        bool old_goes; /* from the first, when it is deleted */
    } phases[] = {
        {now + 3600, 10, "old", true},    /* before */
        {now - 5, 1L << 27, "old", true}, /* begun: hardly any key has moved; deletes go to both */
        {now - 3600, 10, "new", false},   /* over */
    };
    for (size_t i = 0; i < 3; i++) {
        struct stand s = stand_over(
            "migrate", textf("start = %ld, interval = %ld", phases[i].start, phases[i].interval));
        client_asks(s.first, "set k 0 0 3\r\nold\r\n", "STORED\r\n");
        client_asks(s.second, "set k 0 0 3\r\nnew\r\n", "STORED\r\n");
        client_asks(s.c, "get k\r\n", hit_and_end("k", phases[i].get));
        client_asks(s.c, "delete k\r\n", "DELETED\r\n");
        client_asks(s.first, "get k\r\n", phases[i].old_goes ? "END\r\n" : hit_and_end("k", "old"));
        stage_clears();
    }
}

/* In the middle of the window half of the keys have moved, and each stays where it is. */
static void each_key_moves_once(void **state)
{
    enum { KEYS = 400 };
    struct stand s =
        stand_over("migrate", textf("start = %ld, interval = 100000", (long)time(NULL) - 100000));
    unsigned moved = 0;
    for (int i = 0; i < KEYS; i++) {
        client_sends(s.first, textf("set k%d 0 0 3\r\nold\r\n", i));
        client_sends(s.second, textf("set k%d 0 0 3\r\nnew\r\n", i));
        client_sees(s.first, "STORED\r\n");
        client_sees(s.second, "STORED\r\n");
        client_sends(s.c, textf("get k%d\r\nget k%d\r\n", i, i));
        client_sees(s.c, textf("VALUE k%d 0 3\r\n", i));
        bool is_new = client_sees_line(s.c)[0] == 'n';
        client_sees(s.c, textf("END\r\n%s", hit_and_end(textf("k%d", i), is_new ? "new" : "old")));
        moved += is_new;
    }
    assert_in_range(moved, KEYS * 35 / 100, KEYS * 65 / 100);
    client_asks(s.second, "delete k2\r\n", "DELETED\r\n"); /* that one had it is enough */
    client_asks(s.c, "delete k2\r\ndelete k2\r\n", "DELETED\r\nNOT_FOUND\r\n");
    client_asks(s.c, "delete k0\r\n", "DELETED\r\n");
    client_asks(s.first, "get k0\r\n", "END\r\n");
    client_asks(s.second, "get k0\r\n", "END\r\n");
    memcached_kill(s.one);
    client_closes(s.first);
    client_sends(s.c, "delete k1\r\n"); /* a delete that did not reach both is an error */
    client_sees_line_starting(s.c, failure_of(memcached_address(s.one)));
}

/* --- l1_l2 ------------------------------------------------------------------------------------- */

static void l1_is_filled_from_l2(void **state)
{
    struct stand s = stand_over("l1_l2", "exptime = 60");
    client_asks(s.second, "set k 7 0 3\r\nabc\r\n", "STORED\r\n");
    client_asks(s.c, "get k\r\n", "VALUE k 7 3\r\nabc\r\nEND\r\n");
    client_asks_until(s.first, "mg k f t\r\n", "HD f7 t60\r\n");
    client_asks(s.second, "set k 0 0 3\r\nnew\r\n", "STORED\r\n");
    client_asks(s.c, "get k\r\nmg k v f\r\n", "VALUE k 7 3\r\nabc\r\nEND\r\nVA 3 f7\r\nabc\r\n");
    client_asks(s.c, "mg k v f t\r\ngat 0 k\r\n",
                "VA 3 f0 t-1\r\nnew\r\nVALUE k 0 3\r\nnew\r\nEND\r\n");
    client_asks(s.c, "get none\r\n", "END\r\n");
    client_asks(s.first, "mg none v\r\n", "EN\r\n");
}

static void writes_reach_l2_and_leave_nothing_old_in_l1(void **state)
{
    struct stand s = stand_over("l1_l2", "exptime = 60");
    client_asks(s.c, "set a 0 0 1\r\n1\r\nset b 0 30 1\r\nb\r\nset c 0 0 1\r\nc\r\n",
                "STORED\r\nSTORED\r\nSTORED\r\n");
    client_asks(s.first, "mg a t\r\nmg b t\r\n", "HD t60\r\nHD t30\r\n");
    client_asks(s.second, "mg a t\r\nmg b t\r\n", "HD t-1\r\nHD t30\r\n");
    client_asks(s.c, "incr a 1\r\nappend b 0 0 1\r\nB\r\ntouch c 0\r\n",
                "2\r\nSTORED\r\nTOUCHED\r\n");
    client_asks(s.first, "mg a v\r\nmg b v\r\nmg c v\r\n", "EN\r\nEN\r\nEN\r\n");
    client_asks(s.c, "get a b c\r\n",
                "VALUE a 0 1\r\n2\r\nVALUE b 0 2\r\nbB\r\nVALUE c 0 1\r\nc\r\nEND\r\n");
    client_asks_until(s.first, "mg b t\r\n", "HD t60\r\n");
    client_asks(s.c, "delete b\r\ndelete b\r\nmd c\r\nms a 1\r\n9\r\n",
                "DELETED\r\nNOT_FOUND\r\nHD\r\nHD\r\n");
    client_asks(s.first, "mg a v\r\nmg b v\r\nmg c v\r\n", "EN\r\nEN\r\nEN\r\n");
    client_asks(s.second, "mg a v\r\nmg b v\r\nmg c v\r\n", "VA 1\r\n9\r\nEN\r\nEN\r\n");
}

static void a_miss_of_l2_is_remembered_in_l1(void **state)
{
    struct stand s = stand_over("l1_l2", "exptime = 60, negative = 50");
    client_asks(s.c, "get k\r\n", "END\r\n");
    client_asks_until(s.first, "mg k t\r\n", "HD t50\r\n");
    client_asks(s.second, "set k 0 0 1\r\nx\r\n", "STORED\r\n");
    client_asks(s.c, "get k\r\nmg k v f\r\n", "END\r\nEN\r\n");
    client_asks(s.c, "add k 0 0 1\r\ny\r\n", "NOT_STORED\r\n"); /* and every write ends that */
    client_asks(s.c, "get k\r\n", hit_and_end("k", "x"));
}

static void without_l1_l2_answers(void **state)
{
    struct stand s = stand_over("l1_l2", "exptime = 60, negative = 50");
    client_asks(s.c, "set k 0 0 1\r\nx\r\n", "STORED\r\n");
    memcached_kill(s.one);
    client_closes(s.first);
    client_asks(s.c, "get k\r\nget none\r\n", "VALUE k 0 1\r\nx\r\nEND\r\nEND\r\n");
    client_asks(s.c, "set k 0 0 1\r\ny\r\n", "STORED\r\n");
    client_asks(s.c, "get k\r\n", hit_and_end("k", "y"));
    client_asks(s.c, "incr k 1\r\n",
                "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    client_sends(s.c, "delete k\r\n");
    client_sees_line_starting(s.c, failure_of(memcached_address(s.one)));
    client_asks(s.second, "get k\r\n", "END\r\n");
}

static void without_l2_l1_goes_on_answering(void **state)
{
    struct stand s = stand_over("l1_l2", "exptime = 60");
    client_asks(s.c, "set k 0 0 1\r\nx\r\n", "STORED\r\n");
    memcached_kill(s.two);
    client_closes(s.second);
    client_asks(s.c, "get k\r\n", hit_and_end("k", "x"));
    client_sends(s.c, "set k 0 0 1\r\ny\r\n"); /* which fails, and takes the old value along */
    client_sees_line_starting(s.c, failure_of(memcached_address(s.two)));
    client_asks(s.first, "get k\r\n", "END\r\n");
    client_sends(s.c, "get k\r\n");
    client_sees_line_starting(s.c, failure_of(memcached_address(s.two)));
}

/* --- options ----------------------------------------------------------------------------------- */

static void their_options_are_checked_when_they_are_built(void **state)
{
    static const char *const wrong[][2] = {
        {"mg.warm_up { p }", "mg.warm_up takes 2 routes, not 1"},
        {"mg.warm_up { p, p, exptime = -1 }", "takes whole seconds from 0, or \"same\""},
        {"mg.warm_up { p, p, exptime = 'long' }", "not long"},
        {"mg.warm_up { p, p, expire = 1 }", "unknown option 'expire'"},
        {"mg.staging { p, p, p }", "mg.staging takes 2 routes, not 3"},
        {"mg.migrate { p, p, interval = 1 }", "mg.migrate wants the option 'start'"},
        {"mg.migrate { p, p, start = 1 }", "mg.migrate wants the option 'interval'"},
        {"mg.migrate { p, p, start = 1, interval = 0.5 }", "whole number"},
        {"mg.migrate { p, p, start = 1, interval = 1, writes = 'all' }",
         "takes one of both, one, not all"},
        {"mg.l1_l2 { p, p, negative = 0 }", "option 'negative'"},
        {"mg.big_value { p, threshold = 10 }", "option 'threshold'"},
        {"mg.big_value { p, p }", "mg.big_value takes 1 routes, not 2"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *text =
            textf(MG "local p = mg.pool { '127.0.0.1:1' }\nreturn %s\n", wrong[i][0]);
        struct run run = moongate_runs("-t", moongate_script_file(text), NULL);
        assert_int_equal(run.code, 1);
        if (!strstr(run.err, wrong[i][1]) || !strstr(run.err, "script.lua:3"))
            stage_fails("%s: %s", wrong[i][0], run.err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_cold_pool_is_filled_from_the_warm_one),
        play(what_only_the_cold_pool_can_answer_waits_until_it_is_filled),
        play(without_the_cold_pool_the_warm_one_answers_gets),
        play(without_the_warm_pool_the_cold_one_goes_on),
        play(a_staging_pool_gets_what_the_warm_one_gets),
        play(a_staging_pool_that_fails_harms_nobody),
        play(keys_move_in_four_phases),
        play(each_key_moves_once),
        play(l1_is_filled_from_l2),
        play(writes_reach_l2_and_leave_nothing_old_in_l1),
        play(a_miss_of_l2_is_remembered_in_l1),
        play(without_l1_l2_answers),
        play(without_l2_l1_goes_on_answering),
        play(their_options_are_checked_when_they_are_built),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
