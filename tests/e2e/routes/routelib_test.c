/* Configurations of memcached's proxy for routelib, run as they are before real servers: zones, listeners with tags, files beside them. */
#include "lib/address.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>

/* A set of two zones, east and west, before real servers; and that zone in a file. */
struct place {
    const char *path, *zone_path;
    struct memcached *east, *west;
};

static const char FORM[] =
    "local_zone_from_file(\"%s\")\n"
    "pools{ set_all = { east = { backends = { \"%s\" } }, west = { backends = { \"%s\" } } } }\n"
    "%s";

static struct place place(const char *routes)
{
    const char *folder = program_folder();
    struct place p = {.path = textf("%s/routes.lua", folder),
                      .zone_path = textf("%s/zone", folder),
                      .east = memcached_start(NULL),
                      .west = memcached_start(NULL)};
    file_becomes(p.zone_path, "east\n");
    file_becomes(p.path, textf(FORM, p.zone_path, memcached_address(p.east),
                               memcached_address(p.west), routes));
    return p;
}

static void server_has(const struct memcached *s, const char *key, const char *value)
{
    struct client *c = client_connects_to(memcached_address(s));
    client_sends(c, textf("get %s\r\n", key));
    client_sees(c, value ? hit_and_end(key, value) : "END\r\n");
}

static const char ZONES[] =
    "routes{ cmap = { get = route_zfailover{ children = \"set_all\", miss = true } },\n"
    "  default = route_allsync{ children = \"set_all\" } }\n";

static void a_zone_stands_in_for_another(void **state)
{
    struct place p = place(ZONES);
    struct moongate *m = moongate_start(NULL, "--routelib", p.path, NULL);
    struct client *c = client_connects(m);
    client_stores_value(c, "both", "v");
    server_has(p.east, "both", "v");
    server_has(p.west, "both", "v");
    client_stores_value(client_connects_to(memcached_address(p.west)), "far", "w");
    client_gets_value(c, "far", "w");
    memcached_kill(p.east);
    client_gets_value(c, "both", "v");
    client_sends(c, "get none\r\n");
    client_sees(c, "END\r\n");
}

/* The file that names the zone is a part of the configuration: each reload reads it again. */
static void a_zone_is_read_from_its_file_at_each_reload(void **state)
{
    struct place p = place("routes{ default = route_failover{ children = \"set_all\", local_zone = "
                           "local_zone() } }\n");
    struct moongate *m = moongate_start(NULL, "--routelib", p.path, NULL);
    struct client *c = client_connects(m);
    client_stores_value(c, "first", "e");
    server_has(p.east, "first", "e");
    file_becomes(p.zone_path, "west\n");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 2");
    client_stores_value(c, "second", "w");
    server_has(p.west, "second", "w");
    server_has(p.east, "second", NULL);
    file_becomes(p.path, "pools{\n  a = 5 }\nroutes{ default = route_null{} }\n");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "routes.lua:2: pool a: takes a table with backends, not a number");
    client_gets_value(c, "second", "w");
}

static void listeners_have_routes_of_their_own(void **state)
{
    struct place p =
        place("routes{ default = route_direct{ child = \"set_all_east\" } }\n"
              "routes{ tag = \"b\", default = route_direct{ child = \"set_all_west\" } }\n");
    const char *folder = program_folder(), *a = textf("unix:%s/a", folder),
               *b = textf("unix:%s/b", folder);
    moongate_start(NULL, "--routelib", p.path, "-b", a, "-b", textf("b=%s", b), NULL);
    client_stores_value(client_connects_to(a), "k", "east");
    client_stores_value(client_connects_to(b), "k", "west");
    client_gets_value(client_connects_to(a), "k", "east");
    client_gets_value(client_connects_to(b), "k", "west");
    server_has(p.east, "k", "east");
    server_has(p.west, "k", "west");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_zone_stands_in_for_another),
        play(a_zone_is_read_from_its_file_at_each_reload),
        play(listeners_have_routes_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
