/* What mg.near and mg.lease count: known plays, and the numbers of `stats near` and `stats leases` after each. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdlib.h>
#include <string.h>

#define GET  "get k\r\n"
#define MISS "END\r\n"
#define HIT  "VALUE k 3 1\r\n1\r\nEND\r\n"

/* --- leases ------------------------------------------------------------------------------------ */

static struct client *a, *b, *c, *looks;

static bool opens_with(const char *workers, const char *options)
{
    if (!memcached_at_hand_has_meta()) return false;
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(
        textf(MG "return mg.lease { mg.pool { '%s', name = 'users' }, ttl = 30, %s }\n",
              memcached_address(s), options),
        "-j", workers, NULL);
    a = client_connects(m);
    b = client_connects(m);
    c = client_connects(m);
    looks = client_connects(m);
    return true;
}

static bool opens(const char *options)
{
    return opens_with("2", options);
}

/* Cells and their numbers, as in "wins 1 waits 2"; every other counter is 0, and nothing waits. */
static void counted(const char *cells)
{
    static const char *const all[] = {"requests",    "hits",        "misses",    "errors",
                                      "wins",        "refreshes",   "shed",      "waits",
                                      "waits_value", "waits_stale", "waits_won", "waits_missed",
                                      "waits_failed"};
    stat_becomes(looks, "leases", "users:waiting", "0");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const char *at = strstr(textf(" %s ", cells), textf(" %s ", all[i]));
        unsigned long n = at ? strtoul(at + strlen(all[i]) + 2, NULL, 10) : 0;
        if (stat_number(looks, "leases", textf("users:%s", all[i])) != n)
            stage_fails("%s is %lu where %s", all[i],
                        stat_number(looks, "leases", textf("users:%s", all[i])), cells);
    }
}

static void begins_to_wait(struct client *who, const char *request, const char *waiting)
{
    client_sends(who, request);
    stat_becomes(looks, "leases", "users:waiting", waiting);
}

static void one_stores_what_others_wait_for(void **state)
{
    if (!opens("wait = 20")) skip();
    assert_int_equal(stat_number(looks, "leases", "users:users"), 2);
    counted("");
    client_asks(a, GET, MISS);
    counted("requests 1 misses 1 wins 1");
    begins_to_wait(b, GET, "1");
    begins_to_wait(c, "mg k v\r\n", "2");
    client_asks(a, "set k 3 0 1\r\n1\r\n", "STORED\r\n");
    client_sees(b, HIT);
    client_sees(c, "VA 1\r\n1\r\n");
    counted("requests 3 misses 1 wins 1 hits 2 waits 2 waits_value 2");
    client_asks(a, "gat 50 k\r\n", HIT);
    counted("requests 4 misses 1 wins 1 hits 3 waits 2 waits_value 2");
    assert_true(stat_number(looks, "leases", "users:p99_us") > 0);
}

static void others_wait_in_vain(void **state)
{
    if (!opens("wait = 0.01")) skip();
    client_asks(a, GET, MISS);
    client_asks(b, GET, MISS);
    client_asks(c, "mg k v\r\n", "EN\r\n");
    counted("requests 3 misses 3 wins 1 waits 2 waits_missed 2");
}

/* On a busy machine the time of an mg may be over before anybody has looked: then it does not know of the old value. */
static void those_in_vain_get_what_is_old(void **state)
{
    unsigned missed = 0;
    if (!opens("wait = 0.01, stale = 60")) skip();
    client_asks(a, "set k 3 0 1\r\n1\r\n", "STORED\r\n");
    client_asks(a, "delete k\r\n", "DELETED\r\n");
    client_asks(a, GET, MISS);
    client_asks(b, GET, HIT);
    client_sends(c, "mg k v\r\n");
    for (; strcmp(client_sees_line(c), "EN") == 0; missed++) client_sends(c, "mg k v\r\n");
    client_sees(c, "1\r\n");
    counted(textf("requests %u misses %u wins 1 hits 2 waits %u waits_stale 2 waits_missed %u",
                  missed + 3, missed + 1, missed + 2, missed));
}

static void one_is_to_renew(void **state)
{
    if (!opens("wait = 0.01, refresh = 30")) skip();
    client_asks(a, "set k 3 20 1\r\n1\r\n", "STORED\r\n");
    client_asks(a, GET, MISS);
    client_asks(b, GET, HIT);
    counted("requests 2 misses 1 refreshes 1 hits 1");
}

static void the_next_one_wins(void **state)
{
    if (!opens("wait = 20")) skip();
    client_asks(a, GET, MISS);
    begins_to_wait(b, GET, "1");
    client_asks(c, "delete k\r\n", "NOT_FOUND\r\n");
    client_sees(b, MISS);
    counted("requests 2 misses 2 wins 2 waits 1 waits_won 1");
}

static void one_that_waits_goes(void **state)
{
    if (!opens("wait = 20")) skip();
    client_asks(a, GET, MISS);
    begins_to_wait(b, GET, "1");
    client_resets(b);
    counted("requests 2 misses 2 wins 1 waits 1 waits_failed 1");
}

static void too_many_wait(void **state)
{
    if (!opens_with("1", "wait = 20, waiting = 1")) skip();
    client_asks(a, GET, MISS);
    begins_to_wait(b, GET, "1");
    client_asks(c, GET, MISS);
    client_asks(a, "set k 3 0 1\r\n1\r\n", "STORED\r\n");
    client_sees(b, HIT);
    counted("requests 3 misses 2 wins 1 shed 1 hits 1 waits 1 waits_value 1");
}

/* A script that has it no more leaves it out; one that has it again goes on counting. */
static void its_script_comes_and_goes(void **state)
{
    struct moongate *m = moongate_start(
        MG "return mg.lease { mg.pool { '127.0.0.1:1', name = 'users' }, ttl = 9 }\n", "-j", "2",
        "--probation", "0", NULL);
    looks = client_connects(m);
    client_sends(looks, GET);
    client_sees_line_starting(looks, "SERVER_ERROR ");
    counted("requests 1 errors 1");
    moongate_reloads(m, "return require 'moongate'.null()\n");
    client_asks(looks, "stats leases\r\n", "END\r\n");
    moongate_reloads(m, MG "return mg.lease { mg.null(), ttl = 9, name = 'users' }\n");
    counted("requests 1 errors 1");
    assert_int_equal(stat_number(looks, "leases", "users:users"), 2);
}

/* --- copies ------------------------------------------------------------------------------------ */

static void near_counted(const char *name, unsigned long hits, unsigned long misses,
                         unsigned long copies, unsigned long overtaken)
{
    assert_int_equal(stat_number(looks, "near", textf("%s:requests", name)), hits + misses);
    assert_int_equal(stat_number(looks, "near", textf("%s:hits", name)), hits);
    assert_int_equal(stat_number(looks, "near", textf("%s:misses", name)), misses);
    assert_int_equal(stat_number(looks, "near", textf("%s:copies", name)), copies);
    assert_int_equal(stat_number(looks, "near", textf("%s:overtaken", name)), overtaken);
}

/* children: of a pool, and of a policy over it. */
static void near_is_counted(const char *child, const char *name)
{
    struct backend *s = backend_listens();
    struct moongate *m =
        moongate_start(textf(MG "local users = mg.pool { '%s', name = 'users' }\n"
                                "return mg.near { mg.store { size = '1m' }, %s, ttl = 60 }\n",
                             backend_address(s), child),
                       NULL);
    looks = client_connects(m);
    a = client_connects(m);
    near_counted(name, 0, 0, 0, 0);
    client_sends(a, GET);
    backend_sees(s, GET);
    backend_answers(s, HIT);
    client_sees(a, HIT);
    near_counted(name, 0, 1, 1, 0);
    client_asks(a, "get k k\r\n", "VALUE k 3 1\r\n1\r\n" HIT);
    near_counted(name, 2, 1, 1, 0);
    client_sends(a, "get j\r\n");
    backend_sees(s, "get j\r\n");
    client_sends(a, "delete j\r\n");
    backend_sees(s, "delete j\r\n");
    backend_answers(s, "VALUE j 0 1\r\n1\r\nEND\r\nNOT_FOUND\r\n");
    client_sees(a, "VALUE j 0 1\r\n1\r\nEND\r\nNOT_FOUND\r\n");
    near_counted(name, 2, 2, 1, 1);
    client_sends(a, "mg k t\r\n");
    backend_sees(s, "mg k t\r\n");
    backend_answers(s, "HD t9\r\n");
    client_sees(a, "HD t9\r\n");
    near_counted(name, 2, 3, 1, 1);
    assert_int_equal(stat_number(looks, "stores", "store:get_hits"), 2);
}

static void copies_of_a_pool(void **state)
{
    near_is_counted("users", "users");
}

static void copies_of_a_policy(void **state)
{
    near_is_counted("mg.coalesce { users }, name = 'hot'", "hot");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(one_stores_what_others_wait_for),
        play(others_wait_in_vain),
        play(those_in_vain_get_what_is_old),
        play(one_is_to_renew),
        play(the_next_one_wins),
        play(one_that_waits_goes),
        play(too_many_wait),
        play(its_script_comes_and_goes),
        play(copies_of_a_pool),
        play(copies_of_a_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
