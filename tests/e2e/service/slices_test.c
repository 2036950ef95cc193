/* A reload with much to do: the new script is loaded between the turns of the loop, so that clients are served meanwhile; and
 * however it ends, by an error, by another reload or by a drain, nothing of it is left. */
#include "lib/address.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { SERVERS = 1000 };

/* Three pools of b and of 999 servers that nobody listens on. Then comes `rest`, and the script returns `route`. */
static const char *a_thousand(const struct backend *b, const char *route, const char *rest)
{
    return textf(MG
                 "local function many(hash)\n"
                 "  local servers = { '%s' }\n"
                 "  for i = 2, %d do\n"
                 "    servers[i] = ('127.9.%%d.%%d:%d'):format(math.floor(i / 250), i %% 250 + 1)\n"
                 "  end\n"
                 "  servers.hash = hash\n"
                 "  return mg.pool(servers)\n"
                 "end\n"
                 "for _, hash in ipairs { 'md5', 'crc32a', 'fnv1a_32' } do many(hash) end\n"
                 "%s\n"
                 "return %s\n",
                 backend_address(b), SERVERS, address_free_port(), rest, route);
}

static const char *one(const struct backend *b)
{
    return textf("mg.pool { '%s' }", backend_address(b));
}

/* So much that it is not done before a client, or a signal, comes; it says when it begins. */
static const char *BUSY = "mg.log 'begins'\n"
                          "local x = 0\n"
                          "for i = 1, 1e12 do x = (x + i) % 7 end\n";

static struct moongate *alone(const struct backend *b)
{
    return moongate_start(script_of_one(backend_address(b), ""), "--single-process", "-vv", NULL);
}

static void begins_to_load(struct moongate *m, const char *script)
{
    moongate_gets_script(m, script);
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "begins");
}

static void client_is_served(struct client *c, struct backend *b)
{
    get_finds(c, "k", b, "k", "x");
}

/* How many slices the nth script that was loaded took. */
static long slices(struct moongate *m, size_t nth)
{
    static const char text[] = "its loading took ";
    return strtol(strstr(moongate_log_nth_line(m, text, nth), text) + strlen(text), NULL, 10);
}

static void a_thousand_servers_are_loaded_in_many_slices(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = alone(b);
    struct client *c = client_connects(m);

    client_is_served(c, b);
    moongate_reloads(m, a_thousand(b, one(b), ""));
    client_is_served(c, b);
    assert_in_range(slices(m, 1), 5, 100000);
    moongate_reloads(m, a_thousand(b, one(b), "-- again"));
    client_is_served(c, b);
    stat_becomes(c, "proxy", "generations", "1");
}

static void clients_are_served_while_a_script_is_loaded(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = alone(b);
    struct client *c = client_connects(m);

    begins_to_load(m, a_thousand(b, one(b), BUSY));
    for (int i = 0; i < 20; i++) client_is_served(c, b);
    assert_int_equal(moongate_log_count(m, "its loading took"), 0);
    moongate_reloads(m, script_of_one(backend_address(b), "timeout = 2"));
    client_is_served(c, b);
}

/* It is the first of its pool, so the last that is connected. */
static void
a_server_whose_connection_was_not_begun_yet_is_connected_for_its_first_request(void **state)
{
    struct backend *b = backend_listens(), *new = backend_listens();
    struct moongate *m = alone(b);
    struct client *c = client_connects(m);

    client_is_served(c, b);
    moongate_reloads(m, a_thousand(new, one(new), ""));
    client_is_served(c, new);
}

/* The worker's memory is as before: what the script had is gone. */
static void a_script_that_errs_half_way_leaves_the_old_one_and_nothing_else(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = alone(b);
    struct client *c = client_connects(m);
    client_is_served(c, b);
    const char *memory = stat_text(c, "proxy", "script_memory");

    moongate_gets_script(m, a_thousand(b, one(b), "error 'half way'"));
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "half way; generation 1 goes on");
    assert_in_range(slices(m, 1), 5, 100000);
    client_is_served(c, b);
    stat_becomes(c, "proxy", "generations", "1");
    stat_becomes(c, "proxy", "script_memory", memory);
}

static void another_reload_takes_the_place_of_the_one_under_way(void **state)
{
    struct backend *b = backend_listens(), *new = backend_listens();
    struct moongate *m = alone(b);
    struct client *c = client_connects(m);

    client_is_served(c, b);
    begins_to_load(m, a_thousand(b, one(b), BUSY));
    moongate_reloads(m, a_thousand(new, one(new), ""));
    client_is_served(c, new);
    assert_int_equal(moongate_log_count(m, "its loading took"), 2);
    assert_int_equal(moongate_log_count(m, "generation 2 loaded"), 1);
    assert_int_equal(moongate_log_count(m, "not loaded"), 0); /* nobody asks for it any more */
    assert_int_equal(stat_number(c, "proxy", "script_timeouts"), 0);
    stat_becomes(c, "proxy", "generations", "1");
}

static void a_drain_ends_a_script_that_is_being_loaded(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = alone(b);
    struct client *c = client_connects(m);

    client_is_served(c, b);
    begins_to_load(m, a_thousand(b, one(b), BUSY));
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining");
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    client_sees_closed(c);
    moongate_exits(m, 0);
}

static void a_drain_after_a_reload_ends_what_is_being_destroyed(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = alone(b);

    moongate_reloads(m, a_thousand(b, one(b), ""));
    moongate_reloads(m, script_of_one(backend_address(b), ""));
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
}

static void workers_load_in_slices_and_switch_together(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "-j", "2", "-vv", NULL);
    struct client *c = client_connects(m);

    client_is_served(c, b);
    moongate_reloads(m, a_thousand(b, one(b), ""));
    client_is_served(c, b);
    for (size_t worker = 1; worker <= 2; worker++) assert_in_range(slices(m, worker), 5, 100000);
    stat_becomes(c, "proxy", "generations", "2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_thousand_servers_are_loaded_in_many_slices),
        play(clients_are_served_while_a_script_is_loaded),
        play(a_server_whose_connection_was_not_begun_yet_is_connected_for_its_first_request),
        play(a_script_that_errs_half_way_leaves_the_old_one_and_nothing_else),
        play(another_reload_takes_the_place_of_the_one_under_way),
        play(a_drain_ends_a_script_that_is_being_loaded),
        play(a_drain_after_a_reload_ends_what_is_being_destroyed),
        play(workers_load_in_slices_and_switch_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
