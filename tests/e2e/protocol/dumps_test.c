/* Dumps of keys: those of all servers, passed on as the client reads. */
#include "e2e/protocol/dumps.h"
#include "lib/octets.h"

#include <signal.h>
#include <string.h>

enum { LINES = 400 * 1000 };

/* --- all servers ------------------------------------------------------------------------------- */

static void servers_are_asked_one_after_the_other_and_one_end_is_for_all(void **state)
{
    struct scene s = scene_of(3, "1.6.18", NULL, NULL);
    client_sends(s.c, METADUMP);
    is_asked(s.servers[0], METADUMP);
    backend_has_nothing_anywhere(s.servers[1]);
    tells_all(s.servers[0], KEY_A KEY_B "END\r\n");
    client_sees(s.c, KEY_A KEY_B);
    is_asked(s.servers[1], METADUMP);
    tells_all(s.servers[1], "END\r\n");
    is_asked(s.servers[2], METADUMP);
    tells_all(s.servers[2], KEY_A "END\r\n");
    client_sees(s.c, KEY_A "END\r\n");
    client_sees_nothing_more(s.c);
}

static void what_is_asked_is_written_from_what_was_read(void **state)
{
    static const char *const asked[][2] = {
        {"lru_crawler metadump 007,3,,3,", "lru_crawler metadump 3,7\r\n"},
        {"lru_crawler  metadump 63 ", "lru_crawler metadump 63\r\n"},
        {"stats cachedump 05 0 surplus", "stats cachedump 5 0\r\n"},
    };
    struct scene s = scene_of_one();
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        client_sends(s.c, textf("%s\r\n", asked[i][0]));
        is_asked(s.servers[0], asked[i][1]);
        tells_all(s.servers[0], "END\r\n");
        client_sees(s.c, "END\r\n");
    }
    client_sends(s.c, "lru_crawler metadump all noreply\r\n");
    client_sees_nothing_more(s.c);
    backend_has_nothing_anywhere(s.servers[0]);
}

/* While its reader is slow, older servers make clients wait (src/main/README.md, Dumps of keys). */
static void an_old_server_is_not_asked_by_its_hash_table(void **state)
{
    static const char *const asked[][2] = {
        {"1.6.9", "all"},   {"1.6.37", "all"},  {"private", "all"},
        {"1.6.38", "hash"}, {"1.6.45", "hash"},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct scene s = scene_of(1, asked[i][0], NULL, NULL);
        bool says_ok =
            strcmp(asked[i][0], "1.6.45") == 0; /* what it tells its clients as version */
        client_sends(s.c, "lru_crawler metadump hash\r\nlru_crawler mgdump hash\r\n");
        is_asked(s.servers[0], textf("lru_crawler metadump %s\r\n", asked[i][1]));
        tells_all(s.servers[0], KEY_A "END\r\n");
        is_asked(s.servers[0], "lru_crawler mgdump hash\r\n");
        tells_all(s.servers[0], "EN\r\n");
        client_sees(s.c, says_ok ? "OK\r\n" KEY_A "END\r\nOK\r\nEN\r\n" : KEY_A "END\r\nEN\r\n");
    }
}

static void a_limit_counts_over_all_servers(void **state)
{
    struct scene s = scene_of(3, "1.6.18", NULL, NULL);
    client_sends(s.c, "stats cachedump 1 3\r\n");
    is_asked(s.servers[0], "stats cachedump 1 3\r\n");
    tells_all(s.servers[0], ITEM_A ITEM_B "END\r\n");
    is_asked(s.servers[1], "stats cachedump 1 1\r\n");
    tells_all(s.servers[1], ITEM_A "END\r\n");
    client_sees(s.c, ITEM_A ITEM_B ITEM_A "END\r\n");
    client_sees_nothing_more(s.c);
    backend_has_nothing_anywhere(s.servers[2]);
}

static void a_server_of_two_pools_is_asked_once(void **state)
{
    struct backend *b = backend_listens();
    backend_is(b, 2, "VERSION 1.6.18\r\n", "MN\r\n");
    struct moongate *m =
        moongate_start(textf(MG "local a = mg.pool { '%s', timeout = 1 }\n"
                                "local b = mg.pool { '%s', connect_timeout = 2 }\n"
                                "return function(req) return req:has_prefix 'a' and a or b end\n",
                             backend_address(b), backend_address(b)),
                       NULL);
    struct client *c = client_connects(m);
    client_sends(c, METADUMP);
    is_asked(b, METADUMP);
    tells_all(b, KEY_A "END\r\n");
    client_sees(c, KEY_A "END\r\n");
    client_sees_nothing_more(c);
    backend_has_nothing_anywhere(b);
}

static void the_form_is_that_of_the_version_that_clients_are_told(void **state)
{
    static const struct {
        const char *version, *question, *first, *line, *last;
    } forms[] = {
        {"1.6.18", METADUMP, "", KEY_A, "END\r\n"},
        {"1.6.42", MGDUMP, "", "mg a\r\nmg YSBi b\r\n", "EN\r\n"},
        {"1.6.43", METADUMP, "OK\r\n", KEY_B, "END\r\n"},
        {"1.6.45", MGDUMP, "OK\r\n", "mg a\r\nmg YSBi b\r\n", "EN\r\n"},
        {"1.6.45", "stats cachedump 1 0\r\n", "", ITEM_A, "END\r\n"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct scene s = scene_of(2, forms[i].version, NULL, NULL);
        client_sends(s.c, forms[i].question);
        is_asked(s.servers[0], forms[i].question);
        tells_all(s.servers[0], textf("%s%s%s", forms[i].first, forms[i].line, forms[i].last));
        is_asked(s.servers[1], forms[i].question);
        tells_all(s.servers[1], textf("%s%s%s", forms[i].first, forms[i].line, forms[i].last));
        client_sees(s.c,
                    textf("%s%s%s%s", forms[i].first, forms[i].line, forms[i].line, forms[i].last));
        client_sees_nothing_more(s.c);
        stage_clears();
    }
}

/* --- order, and others ------------------------------------------------------------------------- */

static void what_is_asked_around_a_dump_is_answered_in_order(void **state)
{
    struct scene s = scene_of_one();
    struct backend *b = s.servers[0];
    client_sends(s.c,
                 "get before\r\nstats cachedump 1 0\r\nget between\r\n" METADUMP "get after\r\n");
    backend_sees(b, "get before\r\nget between\r\nget after\r\n");
    backend_has_nothing_anywhere(b);
    backend_answers(b, "END\r\n");
    client_sees(s.c, "END\r\n");
    is_asked(b, "stats cachedump 1 0\r\n");
    tells_all(b, ITEM_A "END\r\n");
    client_sees(s.c, ITEM_A "END\r\n");
    backend_answers(b, hit_and_end("between", "x"));
    client_sees(s.c, hit_and_end("between", "x"));
    backend_answers(b, hit_and_end("after", "y"));
    is_asked(b, METADUMP);
    backend_answers(b, KEY_A);
    client_sees(s.c, KEY_A);
    tells_all(b, "END\r\n");
    client_sees(s.c, textf("END\r\n%s", hit_and_end("after", "y")));
    client_sees_nothing_more(s.c);
}

/* Large answers behind the dump are held, and do not hold it up. */
static void what_waits_behind_a_dump_does_not_stop_it(void **state)
{
    enum { LARGE = 100 * 1000 };
    struct scene s = scene_of_one();
    struct backend *b = s.servers[0];
    const char *large = hit_and_end("k", noise(LARGE, 1));
    client_sends(s.c, METADUMP "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, large);
    is_asked(b, METADUMP);
    for (int i = 0; i < 3; i++) {
        backend_answers(b, KEY_A);
        client_sees(s.c, KEY_A);
    }
    tells_all(b, "END\r\n");
    client_sees(s.c, textf("END\r\n%s", large));
}

static void a_client_that_does_not_read_stops_its_server_and_nobody_else(void **state)
{
    struct scene s = scene_of_one();
    struct backend *b = s.servers[0];
    struct client *other = client_connects(s.m);
    struct octets all = {0};
    for (int i = 0; i < LINES; i++) octets_add(&all, KEY_B, strlen(KEY_B));
    octets_add(&all, "END\r\n", 5);
    client_sends(s.c, METADUMP);
    is_asked(b, METADUMP);
    client_stops_reading(s.c);
    backend_begins_to_answer(b, octets_at(&all), octets_n(&all));
    for (double end = stage_now() + 0.4; stage_now() < end;) {
        client_sends(other, "version\r\n");
        client_sees(other, "VERSION 1.6.18\r\n");
        stage_turns(1);
    }
    assert_int_equal(stat_number(other, "proxy", "dumps"), 1);
    client_reads_again(s.c);
    client_sees_bytes(s.c, octets_at(&all), octets_n(&all));
    client_sees_nothing_more(s.c);
    assert_int_equal(stat_number(other, "proxy", "clients_shed"), 0);
    octets_release(&all);
}

static void a_client_that_goes_ends_its_dump(void **state)
{
    struct scene s = scene_of_one();
    client_sends(s.c, METADUMP);
    is_asked(s.servers[0], METADUMP);
    backend_answers(s.servers[0], KEY_A);
    client_sees(s.c, KEY_A);
    client_resets(s.c);
    backend_sees_closed(s.servers[0]);
    the_next_one_works(&s);
}

/* --- one at a time ----------------------------------------------------------------------------- */

static void a_second_dump_is_told_that_another_one_runs(const char *workers)
{
    struct scene s = scene_of(1, "1.6.18", "-j", workers);
    struct client *other = client_connects(s.m);
    stat_becomes(other, "proxy", "ready", workers);
    client_sends(s.c, METADUMP);
    is_asked(s.servers[0], METADUMP);
    client_sends(other, METADUMP);
    client_sees(other, BUSY);
    tells_all(s.servers[0], KEY_A "END\r\n");
    client_sees(s.c, KEY_A "END\r\n");
    stat_becomes(other, "proxy", "dumps", "0");
    the_next_one_works(&s);
}

static void one_dump_runs_in_a_worker(void **state)
{
    a_second_dump_is_told_that_another_one_runs("1");
}

/* The master gives each client to the worker that has the fewest. */
static void one_dump_runs_in_the_service(void **state)
{
    a_second_dump_is_told_that_another_one_runs("2");
}

static void dumps_of_a_class_run_beside_others(void **state)
{
    struct scene s = scene_of(2, "1.6.18", NULL, NULL);
    struct client *other = client_connects(s.m);
    client_sends(s.c, "stats cachedump 1 0\r\n");
    is_asked(s.servers[0], "stats cachedump 1 0\r\n");
    tells_all(s.servers[0], "END\r\n");
    is_asked(s.servers[1], "stats cachedump 1 0\r\n");
    client_sends(other, "stats cachedump 2 0\r\n");
    is_asked(s.servers[0], "stats cachedump 2 0\r\n");
    tells_all(s.servers[0], ITEM_A "END\r\n");
    tells_all(s.servers[1], ITEM_B "END\r\n");
    client_sees(s.c, ITEM_B "END\r\n");
    is_asked(s.servers[1], "stats cachedump 2 0\r\n");
    tells_all(s.servers[1], "END\r\n");
    client_sees(other, ITEM_A "END\r\n");
}

static void a_busy_server_is_asked_again(void **state)
{
    struct scene s = scene_of(2, "1.6.45", NULL, NULL);
    client_sends(s.c, METADUMP);
    for (int i = 0; i < 3; i++) {
        is_asked(s.servers[0], METADUMP);
        tells_all(s.servers[0], BUSY);
    }
    is_asked(s.servers[0], METADUMP);
    tells_all(s.servers[0], "OK\r\n" KEY_A "END\r\n");
    is_asked(s.servers[1], METADUMP);
    tells_all(s.servers[1], BUSY);
    is_asked(s.servers[1], METADUMP);
    tells_all(s.servers[1], "OK\r\nERROR locked try again later\r\n");
    is_asked(s.servers[1], METADUMP);
    tells_all(s.servers[1], "OK\r\nEND\r\n");
    client_sees(s.c, "OK\r\n" KEY_A "END\r\n");
    client_sees_nothing_more(s.c);
}

/* --- who may, and for how long ----------------------------------------------------------------- */

static void a_dump_is_refused_where_it_is_not_allowed(void **state)
{
    struct scene s = scene_of(1, "1.6.18", "--allow-dump", "no");
    client_sends(s.c, "stats cachedump 1 0\r\n" METADUMP MGDUMP "stats cachedump\r\n");
    client_sees_line_starting(s.c, "CLIENT_ERROR stats cachedump not allowed");
    client_sees_line_starting(s.c, "ERROR metadump not allowed");
    client_sees_line_starting(s.c, "ERROR key dump not allowed");
    client_sees_line_starting(s.c, "CLIENT_ERROR stats cachedump not allowed");
    client_sees_nothing_more(s.c);
    backend_has_nothing_anywhere(s.servers[0]);
    assert_string_equal(stat_text(s.c, "settings", "dump_enabled"), "no");
}

/* A server that no pool names any more when its turn comes is left out. */
static void a_dump_outlives_a_reload(void **state)
{
    struct scene s = scene_of(3, "1.6.18", NULL, NULL);
    client_sends(s.c, METADUMP);
    is_asked(s.servers[0], METADUMP);
    backend_answers(s.servers[0], KEY_A);
    client_sees(s.c, KEY_A);
    moongate_reloads(s.m, script_of_one(backend_address(s.servers[2]), ""));
    backend_sees_closed(s.servers[1]); /* the old script has gone, with its servers */
    tells_all(s.servers[0], "END\r\n");
    is_asked(s.servers[2], METADUMP);
    tells_all(s.servers[2], KEY_B "END\r\n");
    client_sees(s.c, KEY_B "END\r\n");
    client_sees_nothing_more(s.c);
}

static void moongate_ends_while_a_dump_runs(void **state)
{
    struct scene s = scene_of(1, "1.6.18", "--drain-timeout", "0.1");
    client_sends(s.c, METADUMP "stats cachedump 1 0\r\n");
    is_asked(s.servers[0], METADUMP);
    backend_answers(s.servers[0], KEY_A);
    client_sees(s.c, KEY_A);
    moongate_signal(s.m, SIGTERM);
    client_sees_closed(s.c);
    moongate_exits(s.m, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(servers_are_asked_one_after_the_other_and_one_end_is_for_all),
        play(what_is_asked_is_written_from_what_was_read),
        play(an_old_server_is_not_asked_by_its_hash_table),
        play(a_limit_counts_over_all_servers),
        play(a_server_of_two_pools_is_asked_once),
        play(the_form_is_that_of_the_version_that_clients_are_told),
        play(what_is_asked_around_a_dump_is_answered_in_order),
        play(what_waits_behind_a_dump_does_not_stop_it),
        play(a_client_that_does_not_read_stops_its_server_and_nobody_else),
        play(a_client_that_goes_ends_its_dump),
        play(one_dump_runs_in_a_worker),
        play(one_dump_runs_in_the_service),
        play(dumps_of_a_class_run_beside_others),
        play(a_busy_server_is_asked_again),
        play(a_dump_is_refused_where_it_is_not_allowed),
        play(a_dump_outlives_a_reload),
        play(moongate_ends_while_a_dump_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
