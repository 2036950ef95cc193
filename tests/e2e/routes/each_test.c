/* mg.each: routes to the single servers of a pool: they share its connections, counters and drains. */
#include "lib/client.h"
#include "lib/desk.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

struct stand {
    struct memcached *first, *second;
    struct client *to_first, *to_second; /* not through moongate */
    struct moongate *m;
    struct client *c, *desk;
};

/* moongate over a pool, `users`, of two servers, with that route; it probes often. */
static struct stand stand_up(const char *route)
{
    const char *path = desk_path("a.sock");
    struct stand s = {.first = memcached_start(NULL), .second = memcached_start(NULL)};
    s.m = moongate_start(textf(MG "local users = mg.pool { '%s', '%s', name = 'users' }\n"
                                  "return %s\n",
                               memcached_address(s.first), memcached_address(s.second), route),
                         "--admin", textf("unix:%s", path), "-j", "2", NULL);
    s.c = client_connects(s.m);
    s.desk = desk_opens(path);
    s.to_first = client_connects_to(memcached_address(s.first));
    s.to_second = client_connects_to(memcached_address(s.second));
    return s;
}

static void all_sync_over_each_server_of_a_pool_keeps_full_copies(void **state)
{
    struct stand s = stand_up("mg.by_command { get = mg.all_fastest(mg.each(users)), default = "
                              "mg.all_sync(mg.each(users)) }");
    (void)state;
    client_asks(s.c, "set k 5 0 3\r\nabc\r\n", "STORED\r\n");
    client_asks(s.to_first, "get k\r\n", "VALUE k 5 3\r\nabc\r\nEND\r\n");
    client_asks(s.to_second, "get k\r\n", "VALUE k 5 3\r\nabc\r\nEND\r\n");
    client_asks(s.c, "get k\r\n", "VALUE k 5 3\r\nabc\r\nEND\r\n");
    client_asks(s.to_second, "delete k\r\n", "DELETED\r\n");
    client_asks(s.c, "delete k\r\n", "NOT_FOUND\r\n");
    client_asks(s.to_first, "get k\r\n", "END\r\n");
}

static void a_drained_server_gets_nothing_through_its_route(void **state)
{
    struct stand s = stand_up("mg.failover(mg.each(users))");
    const char *first = memcached_address(s.first);
    (void)state;
    client_asks(s.to_first, "set k 0 0 1\r\n1\r\n", "STORED\r\n");
    client_asks(s.to_second, "set k 0 0 1\r\n2\r\n", "STORED\r\n");
    client_asks(s.c, "get k\r\n", "VALUE k 0 1\r\n1\r\nEND\r\n");
    desk_gets(s.desk, textf("drain %s", first), "drained");
    client_asks(s.c, "get k\r\n", "VALUE k 0 1\r\n2\r\nEND\r\n");
    desk_gets(s.desk, textf("undrain %s", first), "END\n");
    client_asks(s.c, "get k\r\n", "VALUE k 0 1\r\n1\r\nEND\r\n");
}

static void a_drained_server_is_named_in_the_error(void **state)
{
    struct stand s = stand_up("mg.all_sync(mg.each(users))");
    const char *first = memcached_address(s.first);
    (void)state;
    desk_gets(s.desk, textf("drain %s", first), "drained");
    client_asks(s.c, "set k 0 0 1\r\n1\r\n", textf("SERVER_ERROR %s is drained\r\n", first));
    client_asks(s.to_second, "get k\r\n", "VALUE k 0 1\r\n1\r\nEND\r\n");
}

/* `stats servers` has each server once, `stats pools` the pool once, with the requests of all its routes. */
static void requests_count_for_the_pool_and_the_server(void **state)
{
    struct stand s = stand_up("mg.by_command { get = mg.each(users)[2], default = users }");
    const char *second = memcached_address(s.second);
    uint32_t servers = 0;
    (void)state;
    for (int i = 0; i < 10; i++) client_asks(s.c, "get k\r\n", "END\r\n");
    for (int i = 0; i < 10; i++) client_asks(s.c, textf("delete k%d\r\n", i), "NOT_FOUND\r\n");
    client_sends(s.c, "stats servers\r\n");
    for (const char *line; strcmp(line = client_sees_line(s.c), "END") != 0;)
        servers += strstr(line, ":state ") != NULL;
    assert_int_equal(servers, 2);
    client_sends(s.c, "stats pools\r\n");
    bool is_counted = false;
    for (const char *line; strcmp(line = client_sees_line(s.c), "END") != 0;)
        is_counted |= strcmp(line, "STAT users:requests 20") == 0;
    assert_true(is_counted);
    client_sends(s.c, "stats explain get k\r\n");
    bool is_named = false;
    for (const char *line; strcmp(line = client_sees_line(s.c), "END") != 0;)
        is_named |= strcmp(line, textf("STAT server %s", second)) == 0;
    assert_true(is_named);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(all_sync_over_each_server_of_a_pool_keeps_full_copies),
        play(a_drained_server_gets_nothing_through_its_route),
        play(a_drained_server_is_named_in_the_error),
        play(requests_count_for_the_pool_and_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
