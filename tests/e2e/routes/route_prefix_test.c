/* Keys with mcrouter's route prefix, /region/cluster/: each key goes to its prefix's server without it, and the client sees its own. */
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <string.h>

/* Three servers, moongate in front of them, and a client of each. */
struct stand {
    struct memcached *servers[3];
    struct client *c, *to[3];
    const char *script;
};

static struct stand stand_up(const char *options)
{
    struct stand s;
    for (int i = 0; i < 3; i++) s.servers[i] = memcached_start(NULL);
    s.script =
        textf(MG "return mg.by_route_prefix { {\n"
                 "  ['/us/one/'] = mg.pool { '%s', name = 'one' },\n"
                 "  ['/us/two/'] = mg.pool { '%s', name = 'two' },\n"
                 "  ['/eu/one/'] = mg.pool { '%s', name = 'far' } }, default = '/us/one/'%s }\n",
              memcached_address(s.servers[0]), memcached_address(s.servers[1]),
              memcached_address(s.servers[2]), options);
    s.c = client_connects(moongate_start(s.script, NULL));
    for (int i = 0; i < 3; i++) s.to[i] = client_connects_to(memcached_address(s.servers[i]));
    return s;
}

/* Waits until a server has the key, or has it no more: what nobody waits for is on its way. */
static void has_key(struct client *c, bool has)
{
    client_asks_until(c, "touch k 0\r\n", has ? "TOUCHED\r\n" : "NOT_FOUND\r\n");
}

static void each_key_of_a_get_goes_by_its_own_prefix(void **state)
{
    struct stand s = stand_up("");
    client_asks(s.c, "set k 1 0 1\r\na\r\nset /us/two/k 2 0 1\r\nb\r\nset /eu/one/k 3 0 1\r\nc\r\n",
                "STORED\r\nSTORED\r\nSTORED\r\n");
    for (int i = 0; i < 3; i++)
        client_asks(s.to[i], "get k\r\n", textf("VALUE k %d 1\r\n%c\r\nEND\r\n", i + 1, 'a' + i));
    client_asks(s.c, "get /eu/one/k k /us/two/k /us/one/k /us/two/none /us/k\r\n",
                "VALUE /eu/one/k 3 1\r\nc\r\nVALUE k 1 1\r\na\r\nVALUE /us/two/k 2 1\r\nb\r\n"
                "VALUE /us/one/k 1 1\r\na\r\nEND\r\n");
    client_asks(s.c, "get k /fr/one/k\r\n",
                "VALUE k 1 1\r\na\r\nSERVER_ERROR RootRoute: No rh found\r\n");
    client_asks(s.c, "get /us/one/\r\n", "SERVER_ERROR RootRoute: No rh found\r\n");
    client_sees_nothing_more(s.c);
}

static void every_command_goes_without_the_prefix(void **state)
{
    static const struct {
        const char *request, *answer;
    } rows[] = {
        {"add /us/two/n 0 0 1\r\n1\r\n", "STORED\r\n"},
        {"incr /us/two/n 5\r\n", "6\r\n"},
        {"decr /us/two/n 2\r\n", "4\r\n"},
        {"append /us/two/n 0 0 1\r\n2\r\n", "STORED\r\n"},
        {"prepend /us/two/n 0 0 1\r\n3\r\n", "STORED\r\n"},
        {"replace /eu/one/n 0 0 1\r\n1\r\n", "NOT_STORED\r\n"},
        {"touch /us/two/n 0\r\n", "TOUCHED\r\n"},
        {"gat 0 /us/two/n\r\n", "VALUE /us/two/n 0 3\r\n342\r\nEND\r\n"},
        {"cas /us/one/n 0 0 1 1\r\nx\r\n", "NOT_FOUND\r\n"},
        {"mg /us/two/n v k\r\n", "VA 3 k/us/two/n\r\n342\r\n"},
        {"ms /us/two/m 1 k\r\nm\r\n", "HD k/us/two/m\r\n"},
        {"ma /us/two/n v\r\n", "VA 3\r\n343\r\n"},
        {"md /us/two/m k\r\n", "HD k/us/two/m\r\n"},
        {"delete /us/two/n\r\n", "DELETED\r\n"},
        {"delete /us/two/n\r\n", "NOT_FOUND\r\n"},
    };
    struct stand s = stand_up("");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (*rows[i].request != 'm' || memcached_at_hand_has_meta())
            client_asks(s.c, rows[i].request, rows[i].answer);
    client_sees_nothing_more(s.c);
}

static void stars_reach_all_servers_that_they_mean(void **state)
{
    struct stand s = stand_up("");
    client_asks(s.c, "set /*/*/k 0 0 1\r\nx\r\n", "STORED\r\n");
    for (int i = 0; i < 3; i++) has_key(s.to[i], true);
    for (int i = 0; i < 3; i++) client_asks(s.to[i], "get k\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n");
    client_asks(s.c, "delete /us/*/k\r\n", "DELETED\r\n");
    has_key(s.to[0], false);
    has_key(s.to[1], false);
    client_asks(s.to[2], "get k\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n");
    client_asks(s.c, "get /*/one/k\r\n", "END\r\n"); /* the default prefix's counts */
    client_asks(s.c, "get /e*/one/k\r\n", "VALUE /e*/one/k 0 1\r\nx\r\nEND\r\n");
    client_asks(s.c, "get /*/three/k\r\n", "SERVER_ERROR RootRoute: No rh found\r\n");
    client_sees_nothing_more(s.c);
}

static void an_unknown_prefix_may_go_to_the_default_one(void **state)
{
    struct stand s = stand_up(", unknown_to_default = true");
    client_asks(s.c, "set /fr/one/k 0 0 1\r\nx\r\n", "STORED\r\n");
    client_asks(s.to[0], "get k\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n");
    client_asks(s.c, "get /fr/two/k\r\n", "VALUE /fr/two/k 0 1\r\nx\r\nEND\r\n");
    client_asks(s.c, "get /us/two/k\r\n", "END\r\n");
    client_sees_nothing_more(s.c);
}

static void explain_shows_the_prefix_go(void **state)
{
    static const char script[] =
        MG "return mg.by_route_prefix { { ['/us/one/'] = mg.pool { '127.0.0.1:1', name = 'one' },\n"
           "['/us/two/'] = mg.pool { '127.0.0.1:2', name = 'two' } }, default = '/us/one/' }\n";
    const char *path = moongate_script_file(script);
    struct run run = moongate_runs("explain", path, "get /us/two/k", NULL);
    has(run.out, "by_route_prefix(pool one, pool two)");
    has(run.out, "pool two");
    has(run.out, "get k");
    run = moongate_runs("explain", path, "set /us/*/k 0 0 1", NULL);
    has(run.out, "all_initial(pool one, pool two)");
    run = moongate_runs("explain", path, "get /fr/*/k", NULL);
    has(run.out, "RootRoute: No rh found");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(each_key_of_a_get_goes_by_its_own_prefix),
        play(every_command_goes_without_the_prefix),
        play(stars_reach_all_servers_that_they_mean),
        play(an_unknown_prefix_may_go_to_the_default_one),
        play(explain_shows_the_prefix_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
