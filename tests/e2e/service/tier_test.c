/* `stats` and `stats settings` are for moongate and its servers as one, and programs that read memcached's statistics read them. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/exporter.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

enum { SERVERS = 3 };

static const char *script_over(const char *const *addresses, int n, const char *options)
{
    const char *list = "";
    for (int i = 0; i < n; i++) list = textf("%s'%s', ", list, addresses[i]);
    return textf(MG "return mg.pool { name = 'all', %s%s }\n", list, options);
}

struct scene {
    struct backend *servers[SERVERS];
    struct moongate *m;
    struct client *c;
};

static struct scene scene_of(int n)
{
    struct scene s;
    const char *addresses[SERVERS];
    for (int i = 0; i < n; i++) {
        s.servers[i] = backend_listens();
        addresses[i] = backend_address(s.servers[i]);
    }
    s.m = moongate_start(script_over(addresses, n, ""), NULL);
    s.c = client_connects(s.m);
    return s;
}

/* All of a command's answer, from a client that is new. */
static bool shows(struct client *c, const char *command, const char *line)
{
    bool is_there = false;
    client_sends(c, textf("%s\r\n", command));
    for (const char *got; strcmp(got = client_sees_line(c), "END") != 0;)
        is_there = is_there || strcmp(got, line) == 0;
    return is_there;
}

/* --- sums -------------------------------------------------------------------------------------- */

static void counts_are_summed_and_nothing_else_is(void **state)
{
    struct scene s = scene_of(3);
    static const char *const said[SERVERS] = {
        "STAT bytes 100\r\nSTAT hash_power_level 16\r\nSTAT accepting_conns 1\r\n"
        "STAT cmd_get 5\r\nSTAT pid 7\r\nSTAT libevent 2.1.8\r\nEND\r\n",
        "STAT bytes 20\r\nSTAT hash_power_level 18\r\nSTAT accepting_conns 0\r\n"
        "STAT cmd_get 5\r\nSTAT libevent 2.1.12\r\nSTAT evictions 3\r\nEND\r\n",
        "STAT bytes 3\r\nSTAT hash_power_level 9\r\nSTAT accepting_conns 1\r\n"
        "STAT odd:name 1\r\nSTAT libevent 2.1.8\r\nEND\r\n"};
    for (int i = 0; i < SERVERS; i++) backend_tells(s.servers[i], said[i], "END\r\n");
    assert_string_equal(stat_text(s.c, "", "bytes"), "123");
    assert_string_equal(stat_text(s.c, "", "hash_power_level"), "18");
    assert_string_equal(stat_text(s.c, "", "accepting_conns"), "0");
    assert_string_equal(stat_text(s.c, "", "cmd_get"), "0");
    assert_int_equal(stat_number(s.c, "", "pid"), moongate_pid(s.m));
    assert_string_equal(stat_text(s.c, "", "libevent"), "2.1.8,2.1.12");
    assert_string_equal(stat_text(s.c, "", "evictions"), "3");
    assert_false(shows(s.c, "stats", "STAT odd:name 1"));
}

static void settings_are_one_word_or_number_each(void **state)
{
    struct scene s = scene_of(2);
    backend_tells(
        s.servers[0], "END\r\n",
        "STAT maxbytes 64\r\nSTAT lru_crawler yes\r\nSTAT hot_max_factor 0.20\r\n"
        "STAT ssl_enabled yes\r\nSTAT maxconns 5\r\nSTAT hash_algorithm murmur3\r\nEND\r\n");
    backend_tells(s.servers[1], "END\r\n",
                  "STAT maxbytes 36\r\nSTAT lru_crawler no\r\nSTAT hot_max_factor 0.30\r\n"
                  "STAT new_setting 7\r\nSTAT hash_algorithm murmur3\r\nEND\r\n");
    assert_string_equal(stat_text(s.c, "settings", "maxbytes"), "100");
    assert_string_equal(stat_text(s.c, "settings", "lru_crawler"), "no");
    assert_string_equal(stat_text(s.c, "settings", "hot_max_factor"), "0.30");
    assert_string_equal(stat_text(s.c, "settings", "hash_algorithm"), "murmur3");
    assert_string_equal(stat_text(s.c, "settings", "new_setting"), "7");
    assert_string_equal(stat_text(s.c, "settings", "maxconns"), "10000");
    assert_false(shows(s.c, "stats settings", "STAT ssl_enabled yes"));
}

/* --- asked once -------------------------------------------------------------------------------- */

static void an_answer_is_good_for_a_second(void **state)
{
    struct scene s = scene_of(1);
    unsigned before = backend_links(s.servers[0]);
    backend_tells(s.servers[0], "STAT bytes 1\r\nEND\r\n", "END\r\n");
    double from = stage_now();
    assert_int_equal(stat_number(s.c, "", "bytes"), 1);
    backend_tells(s.servers[0], "STAT bytes 2\r\nEND\r\n", "END\r\n");
    while (stat_number(s.c, "", "bytes") == 1) {
        if (stage_now() < from + 1) assert_int_equal(backend_links(s.servers[0]), before + 1);
        if (stage_now() > from + 10) stage_fails("it is older than a second");
        stage_turns(10);
    }
    assert_true(stage_now() >= from + 1);
    assert_int_equal(backend_links(s.servers[0]), before + 2);
}

static bool has_begun_to_ask(void *what)
{
    return backend_links(what) > 1;
}

static void those_who_ask_meanwhile_wait_for_the_same_answer(void **state)
{
    enum { CLIENTS = 5 };
    struct scene s = scene_of(1);
    struct client *all[CLIENTS];
    unsigned before = backend_links(s.servers[0]);
    assert_int_equal(before, 1);
    backend_tells(s.servers[0], NULL, NULL);
    for (int i = 0; i < CLIENTS; i++) all[i] = client_connects(s.m);
    for (int i = 0; i < CLIENTS; i++) {
        client_sends(all[i], textf("get k%d\r\nstats\r\nversion\r\n", i));
    }
    assert_true(stage_waits(has_begun_to_ask, s.servers[0]));
    client_closes(all[0]);
    for (int i = 0; i < CLIENTS; i++) {
        backend_sees_line(s.servers[0]);
        backend_answers(s.servers[0], "END\r\n");
    }
    for (int i = 1; i < CLIENTS; i++) {
        client_sees(all[i], "END\r\n");
        client_sees_line_starting(all[i], "STAT pid ");
        while (strcmp(client_sees_line(all[i]), "END") != 0) continue;
        client_sees(all[i], "VERSION 1.6.45\r\n");
    }
    assert_int_equal(backend_links(s.servers[0]), before + 1);
}

static void a_server_of_two_pools_counts_once(void **state)
{
    struct backend *b = backend_listens();
    const char *script = textf(MG "local a = mg.pool { '%s', timeout = 1 }\n"
                                  "local b = mg.pool { 'localhost:%s', connect_timeout = 2 }\n"
                                  "return function(req) return req:has_prefix 'a' and a or b end\n",
                               backend_address(b), strchr(backend_address(b), ':') + 1);
    struct client *c = client_connects(moongate_start(script, NULL));
    backend_tells(b, "STAT bytes 7\r\nEND\r\n", "END\r\n");
    stat_becomes(c, "servers", textf("%s:state", backend_address(b)), "ready");
    assert_int_equal(stat_number(c, "", "bytes"), 7);
}

/* --- faults ------------------------------------------------------------------------------------ */

/* The time that it costs is bounded, and the others count. */
static void a_server_that_does_not_answer_is_left_out(void **state)
{
    static const char *const answers[] = {NULL,
                                          "STAT bytes 1000\r\n",
                                          "ERROR\r\n",
                                          "STAT bytes 1000\r\nSERVER_ERROR out of memory\r\n",
                                          "STAT bytes 1000\r\nnonsense\r\nEND\r\n",
                                          "STAT bytes 1000\nEND\r\n",
                                          "STAT bytes 1000\r\nSTAT bytes\r\nEND\r\n",
                                          "VALUE k 0 1\r\nx\r\nEND\r\n"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct scene s = scene_of(2);
        backend_tells(s.servers[0], "STAT bytes 7\r\nEND\r\n", "END\r\n");
        backend_tells(s.servers[1], answers[i], "END\r\n");
        assert_int_equal(stat_number(s.c, "", "bytes"), 7);
        assert_int_equal(stat_number(s.c, "settings", "maxconns"), 10000);
        assert_int_equal(stat_number(s.c, "proxy", "call_timeouts"), 0);
        stat_becomes(s.c, "servers", textf("%s:state", backend_address(s.servers[1])), "ready");
        stage_clears();
    }
}

/* It is not asked at all, so it costs no time. */
static void a_server_that_is_down_is_not_asked(void **state)
{
    struct scene s = scene_of(2);
    backend_tells(s.servers[0], "STAT bytes 7\r\nEND\r\n", "END\r\n");
    backend_stops_listening(s.servers[1]);
    backend_closes(s.servers[1]);
    stat_becomes(s.c, "pools", "all:answering", "1");
    assert_int_equal(stat_number(s.c, "", "bytes"), 7);
    backend_stops_listening(s.servers[0]);
    backend_closes(s.servers[0]);
    stat_becomes(s.c, "pools", "all:answering", "0");
    assert_int_equal(stat_number(s.c, "", "accepting_conns"), 1);
    assert_int_equal(stat_number(s.c, "settings", "maxconns"), 10000);
}

/* --- programs that read them ------------------------------------------------------------------- */

static void is_up(const struct readings *r)
{
    if (!r->up) stage_fails("memcached_up 0: %s", r->why);
}

/* What only the server has, and what grows there by itself. */
static bool is_the_servers(const char *name)
{
    static const char *const own[] = {"get_",   "delete_", "incr_",     "decr_",   "cas_",
                                      "touch_", "uptime",  "time",      "cmd_",    "bytes_",
                                      "curr_c", "total_c", "rejected_", "rusage_", "settings:maxc"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strncmp(name, own[i], strlen(own[i])) == 0) return false;
    return true;
}

static bool is_between(double value, double one, double other)
{
    return (value >= one && value <= other) || (value <= one && value >= other);
}

/* Through moongate the exporter has the metrics that it has directly. Counts of the server's own work go on meanwhile. */
static void an_exporter_reads_through_moongate_what_it_reads_directly(void **state)
{
    struct memcached *server = memcached_start("-m", "64", NULL);
    struct client *direct = client_connects_to(memcached_address(server));
    const char *address = memcached_address(server);
    struct client *through = client_connects(moongate_start(script_over(&address, 1, ""), NULL));
    for (int i = 0; i < 20; i++) {
        client_sends(through, textf("set key%d 0 0 %d\r\n%0*d\r\n", i, 50 * i + 1, 50 * i + 1, 0));
        client_sees(through, "STORED\r\n");
    }
    struct readings *before = exporter_reads(direct), *seen = exporter_reads(through),
                    *after = exporter_reads(direct);
    is_up(before);
    is_up(seen);
    assert_true(seen->n > 100);
    for (size_t i = 0; i < before->n; i++) {
        const struct reading *first = &before->all[i], *last = reading_of(after, first->name);
        const struct reading *r = reading_of(seen, first->name);
        if (!r || !last) stage_fails("%s is missing", first->name);
        if (is_the_servers(r->name) && !is_between(r->value, first->value, last->value))
            stage_fails("%s is %g, and directly %g to %g", r->name, r->value, first->value,
                        last->value);
    }
    for (size_t i = 0; i < seen->n; i++)
        if (!reading_of(before, seen->all[i].name)) stage_fails("%s is new", seen->all[i].name);
    assert_true(reading_of(seen, "curr_items")->value == 20);
}

/* With several servers, which differ in what they can: one number each. */
static void an_exporter_reads_several_servers(void **state)
{
    const char *addresses[SERVERS];
    static const char *const factors[SERVERS] = {"1.25", "1.10", "2.0"};
    for (int i = 0; i < SERVERS; i++) {
        struct memcached *server =
            memcached_start("-m", textf("%d", 64 + 64 * i), "-f", factors[i], "-o",
                            i == 1 ? "no_lru_crawler,no_lru_maintainer" : "hot_lru_pct=30", NULL);
        addresses[i] = memcached_address(server);
    }
    struct client *c = client_connects(moongate_start(script_over(addresses, SERVERS, ""), NULL));
    for (int i = 0; i < 60; i++) {
        client_sends(c, textf("set key%d 0 0 150\r\n%0150d\r\n", i, 0));
        client_sees(c, "STORED\r\n");
    }
    struct readings *seen = exporter_reads(c);
    is_up(seen);
    assert_true(reading_of(seen, "curr_items")->value == 60);
    assert_true(reading_of(seen, "limit_maxbytes")->value == (64. + 128 + 192) * 1024 * 1024);
    assert_null(reading_of(seen, "settings:lru_crawler"));
}

/* The lines about a server that fails are none that the exporter stumbles over. */
static void an_exporter_is_content_while_a_server_fails(void **state)
{
    static const char stats[] = "STAT cmd_set 1\r\nSTAT bytes 5\r\nEND\r\n";
    struct scene s = scene_of(2);
    for (int i = 0; i < 2; i++) backend_tells(s.servers[i], stats, "END\r\n");
    client_sends(s.c, "stats slabs\r\n");
    backend_sees(s.servers[0], "stats slabs\r\n");
    backend_answers(s.servers[0], "STAT 1:chunk_size 96\r\nSTAT 1:cmd_set 1\r\nEND\r\n");
    backend_sees(s.servers[1], "stats slabs\r\n");
    backend_resets(s.servers[1]);
    const char *failure =
        textf("STAT error:%s failed: Connection reset by peer", backend_address(s.servers[1]));
    bool has_failure = false;
    for (const char *line; strcmp(line = client_sees_line(s.c), "END") != 0;)
        has_failure = has_failure || strcmp(line, failure) == 0;
    assert_true(has_failure);
    for (int i = 0; i < 2; i++) {
        backend_stops_listening(s.servers[i]);
        backend_closes(s.servers[i]);
    }
    stat_becomes(s.c, "pools", "all:answering", "0");
    is_up(exporter_reads(s.c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(counts_are_summed_and_nothing_else_is),
        play(settings_are_one_word_or_number_each),
        play(an_answer_is_good_for_a_second),
        play(those_who_ask_meanwhile_wait_for_the_same_answer),
        play(a_server_of_two_pools_counts_once),
        play(a_server_that_does_not_answer_is_left_out),
        play(a_server_that_is_down_is_not_asked),
        play(an_exporter_reads_through_moongate_what_it_reads_directly),
        play(an_exporter_reads_several_servers),
        play(an_exporter_is_content_while_a_server_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
