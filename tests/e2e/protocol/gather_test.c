/* Statistics that are asked of all servers: counts add up, and nothing else does. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { SERVERS = 3 };

static const char *script_over(const char *const addresses[SERVERS])
{
    return textf(MG "return mg.pool { name = 'all', '%s', '%s', '%s' }\n", addresses[0],
                 addresses[1], addresses[2]);
}

struct farm {
    struct backend *servers[SERVERS];
    struct moongate *m;
    struct client *c;
};

static struct farm farm_of_fakes(void)
{
    struct farm f;
    const char *addresses[SERVERS];
    for (int i = 0; i < SERVERS; i++) {
        f.servers[i] = backend_listens();
        addresses[i] = backend_address(f.servers[i]);
    }
    f.m = moongate_start(script_over(addresses), NULL);
    f.c = client_connects(f.m);
    return f;
}

/* What three servers say, and what comes of it; NULL: that server does not have it. */
static const struct {
    const char *about, *name, *values[SERVERS], *shown;
} gathered[] = {
    {"slabs", "5:chunk_size", {"96", "96", "96"}, "96"},
    {"slabs", "5:chunk_size", {"96", "104", "96"}, "104"},
    {"slabs", "5:chunks_per_page", {"10922", NULL, "10922"}, "10922"},
    {"slabs", "5:chunks_per_page", {"10922", "10082", "10922"}, "10082"},
    {"slabs", "5:total_chunks", {"1", "2", "30"}, "33"},
    {"slabs", "5:get_hits", {NULL, NULL, "7"}, "7"},
    {"slabs", "active_slabs", {"3", "9", "4"}, "9"},
    {"slabs", "total_malloced", {"1048576", "0", "1"}, "1048577"},
    {"items", "items:5:number", {"1", "1", "1"}, "3"},
    {"items", "items:5:age", {"30", "4000", "0"}, "4000"},
    {"items", "items:5:evicted_time", {"0", "0", "12"}, "12"},
    {"items", "items:5:new_statistic", {"7", "7", "7"}, "7"},
    {"items", "items:5:new_statistic", {"7", "8", "7"}, "7,8"},
    {"items", "version", {"1.6.9", "1.6.18", "1.6.9"}, "1.6.9,1.6.18"},
    {"items", "version", {"1.6.45", "1.6.9", "1.6.18"}, "1.6.9,1.6.18,1.6.45"},
    {"items", "version", {"b", "b", "a"}, "a,b"},
    {"items", "items:5:new_text", {"7", "", "7"}, ",7"},
    {"sizes", "96", {"5", "6", "7"}, "18"},
    {"sizes", "sizes_status", {"disabled", "enabled", "disabled"}, "enabled,disabled"},
};

static void counts_add_up_and_nothing_else_does(void **state)
{
    struct farm f = farm_of_fakes();
    for (size_t i = 0; i < sizeof gathered / sizeof *gathered; i++) {
        client_sends(f.c, textf("stats %s\r\n", gathered[i].about));
        for (int s = 0; s < SERVERS; s++) {
            const char *value = gathered[i].values[s];
            backend_sees(f.servers[s], textf("stats %s\r\n", gathered[i].about));
            if (value)
                backend_answers(f.servers[s],
                                textf("STAT %s %s\r\nEND\r\n", gathered[i].name, value));
            else
                backend_answers(f.servers[s], "END\r\n");
        }
        client_sees(f.c, textf("STAT %s %s\r\nEND\r\n", gathered[i].name, gathered[i].shown));
    }
}

/* However many values differ, a line stays a line that clients can read. */
static void a_list_of_values_is_bounded(void **state)
{
    enum { LONG = 500 };
    struct farm f = farm_of_fakes();
    char value[LONG + 1];
    client_sends(f.c, "stats items\r\n");
    for (int s = 0; s < SERVERS; s++) {
        memset(value, 'a' + s, LONG);
        value[LONG] = '\0';
        backend_sees(f.servers[s], "stats items\r\n");
        backend_answers(f.servers[s], textf("STAT text %s\r\nEND\r\n", value));
    }
    const char *line = client_sees_line(f.c);
    client_sees(f.c, "END\r\n");
    assert_int_equal(strlen(line), strlen("STAT text ") + 2 * LONG + 1);
}

/* --- real servers ------------------------------------------------------------------------------ */

static void what_three_servers_have_in_common_is_shown_once(void **state)
{
    struct memcached *servers[SERVERS];
    const char *addresses[SERVERS];
    for (int i = 0; i < SERVERS; i++) {
        servers[i] = memcached_start("-m", "64", NULL);
        addresses[i] = memcached_address(servers[i]);
        struct client *c = client_connects_to(addresses[i]);
        client_sends(c, "set k 0 0 1\r\nx\r\n");
        client_sees(c, "STORED\r\n");
    }
    struct client *alone = client_connects_to(addresses[0]);
    struct client *all = client_connects(moongate_start(script_over(addresses), NULL));
    assert_true(stat_number(alone, "slabs", "1:chunk_size") > 0);
    static const char *const same[] = {"1:chunk_size", "1:chunks_per_page", "active_slabs"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_int_equal(stat_number(all, "slabs", same[i]), stat_number(alone, "slabs", same[i]));
    static const char *const counts[] = {"1:total_pages", "1:total_chunks", "1:cmd_set",
                                         "1:used_chunks", "total_malloced"};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        assert_int_equal(stat_number(all, "slabs", counts[i]),
                         SERVERS * stat_number(alone, "slabs", counts[i]));
    assert_int_equal(stat_number(all, "items", "items:1:number"), SERVERS);
}

/* --- moongate's own ---------------------------------------------------------------------------- */

static void the_generation_is_no_sum_over_workers(void **state)
{
    struct backend *b = backend_listens();
    const char *script = script_of_one(backend_address(b), "");
    struct moongate *m = moongate_start(script, "-j", "3", NULL);
    struct client *c = client_connects(m);
    stat_becomes(c, "proxy", "ready", "3");
    assert_int_equal(stat_number(c, "proxy", "generation"), 1);
    moongate_reloads(m, script);
    assert_int_equal(stat_number(c, "proxy", "generation"), 2);
    client_sends(c, "stats reset\r\n");
    client_sees(c, "RESET\r\n");
    assert_int_equal(stat_number(c, "proxy", "generation"), 2);
}

/* A pool that keeps its ring whole keeps a dead server in it; that one does not answer. */
static void a_pool_says_how_many_servers_are_in_its_ring_and_how_many_answer(void **state)
{
    struct farm f = farm_of_fakes();
    stat_becomes(f.c, "pools", "all:answering", "3");
    assert_int_equal(stat_number(f.c, "pools", "all:in_ring"), 3);
    assert_int_equal(stat_number(f.c, "pools", "all:living"), 3);
    backend_stops_listening(f.servers[1]);
    backend_closes(f.servers[1]);
    stat_becomes(f.c, "pools", "all:answering", "2");
    assert_int_equal(stat_number(f.c, "pools", "all:servers"), 3);
    assert_int_equal(stat_number(f.c, "pools", "all:in_ring"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(counts_add_up_and_nothing_else_does),
        play(a_list_of_values_is_bounded),
        play(what_three_servers_have_in_common_is_shown_once),
        play(the_generation_is_no_sum_over_workers),
        play(a_pool_says_how_many_servers_are_in_its_ring_and_how_many_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
