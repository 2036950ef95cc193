/* Real servers behind moongate: every command, keys on their servers, and values that belong to
 * their keys whatever happens to the servers. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void every_command_works(void **state)
{
    static const char *const plays[][2] = {
        {"set k 5 0 3\r\nabc\r\n", "STORED\r\n"},
        {"get k\r\n", "VALUE k 5 3\r\nabc\r\nEND\r\n"},
        {"add k 0 0 1\r\nx\r\n", "NOT_STORED\r\n"},
        {"add j 0 0 1\r\n1\r\n", "STORED\r\n"},
        {"replace none 0 0 1\r\nx\r\n", "NOT_STORED\r\n"},
        {"replace k 7 0 2\r\nde\r\n", "STORED\r\n"},
        {"append k 0 0 1\r\nf\r\n", "STORED\r\n"},
        {"prepend k 0 0 1\r\nc\r\n", "STORED\r\n"},
        {"get k j none\r\n", "VALUE k 7 4\r\ncdef\r\nVALUE j 0 1\r\n1\r\nEND\r\n"},
        {"incr j 41\r\n", "42\r\n"},
        {"decr j 2\r\n", "40\r\n"},
        {"decr j 100\r\n", "0\r\n"},
        {"incr none 1\r\n", "NOT_FOUND\r\n"},
        {"incr k 1\r\n", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"},
        {"touch k 100\r\n", "TOUCHED\r\n"},
        {"touch none 100\r\n", "NOT_FOUND\r\n"},
        {"gat 100 k none\r\n", "VALUE k 7 4\r\ncdef\r\nEND\r\n"},
        {"cas none 0 0 1 1\r\nx\r\n", "NOT_FOUND\r\n"},
        {"cas k 0 0 1 999999\r\nx\r\n", "EXISTS\r\n"},
        {"delete k\r\n", "DELETED\r\n"},
        {"delete k\r\n", "NOT_FOUND\r\n"},
        {"get k\r\n", "END\r\n"},
        /* mg shows a key as it was stored, whichever form it was asked for in. */
        {"set a 5 0 1\r\nx\r\n", "STORED\r\n"},
        {"mg YQ== b v k f\r\nmg a k\r\n", "VA 1 ka f5\r\nx\r\nHD ka\r\n"},
        {"ms YQ== 1 b k\r\ny\r\n", "HD kYQ== b\r\n"},
        {"mg a v k f\r\nmg YQ== b k\r\n", "VA 1 kYQ== b f0\r\ny\r\nHD kYQ== b\r\n"},
    };
    struct memcached *s = memcached_start(NULL);
    struct client *c =
        client_connects(moongate_start(script_of_one(memcached_address(s), ""), NULL));

    for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
        client_sends(c, plays[i][0]);
        client_sees(c, plays[i][1]);
    }
    client_sees_nothing_more(c);
}

/* me shows a key as it was stored, too, and does not say in which form that is. */
static void an_item_is_looked_at_in_both_forms_of_its_key(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), ""), NULL);
    struct client *c = client_connects(m);
    client_sends(c, "set a 0 0 1\r\nx\r\nms Yg== 1 b\r\ny\r\n");
    client_sees(c, "STORED\r\nHD\r\n");
    static const char *const plays[][2] = {{"me a\r\n", "ME a exp=-1 "},
                                           {"me YQ== b\r\n", "ME a exp=-1 "},
                                           {"me Yg== b\r\n", "ME Yg== exp=-1 "},
                                           {"me b\r\n", "ME Yg== exp=-1 "},
                                           {"me c\r\n", "EN"}};
    for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
        client_sends(c, plays[i][0]);
        client_sees_line_starting(c, plays[i][1]);
    }
    assert_int_equal(moongate_log_count(m, "desync"), 0);
}

static void a_cas_number_stands_for_one_version(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct client *c =
        client_connects(moongate_start(script_of_one(memcached_address(s), ""), NULL));
    unsigned long long cas = 0;

    client_sends(c, "set k 0 0 1\r\na\r\ngets k\r\n");
    client_sees(c, "STORED\r\n");
    assert_int_equal(sscanf(client_sees_line(c), "VALUE k 0 1 %llu", &cas), 1);
    client_sees(c, "a\r\nEND\r\n");
    client_sends(c, textf("cas k 0 0 1 %llu\r\nb\r\ncas k 0 0 1 %llu\r\nc\r\n", cas, cas));
    client_sees(c, "STORED\r\nEXISTS\r\n");
    client_sends(c, "gats 100 k\r\n");
    client_sees_line_starting(c, "VALUE k 0 1 ");
    client_sees(c, "b\r\nEND\r\n");
}

/* --- distribution ---------------------------------------------------------------------------- */

enum { SERVERS = 3, KEYS = 300 };

static struct moongate *moongate_before(struct memcached *s[SERVERS], const char *options)
{
    return moongate_start(textf(MG "return mg.pool { '%s', '%s', '%s', %s }",
                                memcached_address(s[0]), memcached_address(s[1]),
                                memcached_address(s[2]), options),
                          "-j", "2", NULL);
}

/* Which of the servers has it; fails when it is not exactly one. */
static int owner_of(struct client *servers[SERVERS], const char *key)
{
    int owner = -1;
    for (int i = 0; i < SERVERS; i++) {
        client_sends(servers[i], textf("get %s\r\n", key));
        const char *line = client_sees_line(servers[i]);
        if (strcmp(line, "END") == 0) continue;
        if (owner >= 0) stage_fails("%s is on two servers", key);
        owner = i;
        client_sees(servers[i], "x\r\nEND\r\n");
    }
    if (owner < 0) stage_fails("%s is nowhere", key);
    return owner;
}

static void each_key_has_one_server_for_all_workers_and_times(const char *options)
{
    struct memcached *s[SERVERS];
    struct client *servers[SERVERS];
    int share[SERVERS] = {0};
    for (int i = 0; i < SERVERS; i++) {
        s[i] = memcached_start(NULL);
        servers[i] = client_connects_to(memcached_address(s[i]));
    }
    for (int run = 0; run < 2; run++) { /* two daemons, one after the other, and two workers each */
        struct moongate *m = moongate_before(s, options);
        struct client *c[2] = {client_connects(m), client_connects(m)};
        for (int i = 0; i < KEYS; i++) {
            client_sends(c[i % 2], textf("set key:%d 0 0 1\r\nx\r\n", i));
            client_sees(c[i % 2], "STORED\r\n");
            client_sends(c[1 - i % 2], textf("get key:%d\r\n", i));
            client_sees(c[1 - i % 2], hit_and_end(textf("key:%d", i), "x"));
        }
        client_closes(c[0]);
        client_closes(c[1]);
        moongate_signal(m, SIGTERM);
        moongate_exits(m, 0);
    }
    for (int i = 0; i < KEYS; i++) share[owner_of(servers, textf("key:%d", i))]++;
    for (int i = 0; i < SERVERS; i++)
        if (share[i] < KEYS / SERVERS / 3)
            stage_fails("shares: %d %d %d", share[0], share[1], share[2]);
}

static void each_key_has_one_server(void **state)
{
    each_key_has_one_server_for_all_workers_and_times("");
}

static void each_key_has_one_server_by_ketama(void **state)
{
    each_key_has_one_server_for_all_workers_and_times("distribution = 'ketama'");
}

static void each_key_has_one_server_by_modula(void **state)
{
    each_key_has_one_server_for_all_workers_and_times("distribution = 'modula'");
}

/* --- load ------------------------------------------------------------------------------------ */

/* Reads one reply to a get: every value must begin with its key. Returns false when a server
 * failed. */
static bool client_sees_values_of_their_keys(struct client *c)
{
    for (;;) {
        char key[64];
        unsigned n;
        const char *line = client_sees_line(c);
        if (strcmp(line, "END") == 0) return true;
        if (strncmp(line, "SERVER_ERROR 127.0.0.1:", 23) == 0) return false;
        if (sscanf(line, "VALUE %63s 0 %u", key, &n) != 2)
            stage_fails("no reply to a get: %s", line);
        const char *data = client_sees_some(c, n + 2);
        if (strncmp(data, key, strlen(key)) != 0 || data[strlen(key)] != '=')
            stage_fails("%s is %s", key, data);
    }
}

static bool client_sees_stored(struct client *c)
{
    const char *line = client_sees_line(c);
    if (strcmp(line, "STORED") == 0) return true;
    if (strncmp(line, "SERVER_ERROR 127.0.0.1:", 23) != 0)
        stage_fails("no reply to a set: %s", line);
    return false;
}

/* One turn of all clients: a set and a get of many keys each, all under way at once. */
static unsigned clients_work(struct client *clients[], unsigned n, unsigned *seed)
{
    unsigned failures = 0;
    for (unsigned i = 0; i < n; i++) {
        const char *key = textf("k%u", random_below(seed, 200)),
                   *more = noise(random_below(seed, 2000), *seed);
        size_t size = strlen(more) + strlen(key) + 1;
        client_sends(clients[i], textf("set %s 0 0 %zu\r\n%s=%s\r\nget k%u k%u k%u %s\r\n", key,
                                       size, key, more, random_below(seed, 200),
                                       random_below(seed, 200), random_below(seed, 200), key));
    }
    for (unsigned i = 0; i < n; i++) {
        if (!client_sees_stored(clients[i])) failures++;
        if (!client_sees_values_of_their_keys(clients[i])) failures++;
    }
    return failures;
}

static void no_value_is_ever_wrong_though_servers_die_hang_and_return(void **state)
{
    enum { CLIENTS = 24, TURNS = 240 };
    struct memcached *s[SERVERS];
    struct client *clients[CLIENTS];
    unsigned seed = 77, failures = 0;
    for (int i = 0; i < SERVERS; i++) s[i] = memcached_start(NULL);
    struct moongate *m = moongate_before(s, "timeout = 0.05, stall_timeout = 0.3");
    for (int i = 0; i < CLIENTS; i++) clients[i] = client_connects(m);

    for (int turn = 0; turn < TURNS; turn++) {
        failures += clients_work(clients, CLIENTS, &seed);
        switch (turn % 60) {
        case 10: memcached_kill(s[0]); break;
        case 20: memcached_freezes(s[1]); break;
        case 24: memcached_thaws(s[1]); break;
        case 30: memcached_starts_again(s[0]); break;
        default: break;
        }
    }
    assert_int_not_equal(failures, 0); /* the servers really were away */
    /* All servers are back: in the end nothing fails. */
    double end = stage_now() + stage_deadline();
    while (clients_work(clients, CLIENTS, &seed) > 0)
        if (stage_now() > end) stage_fails("requests still fail");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(every_command_works),
        play(an_item_is_looked_at_in_both_forms_of_its_key),
        play(a_cas_number_stands_for_one_version),
        play(each_key_has_one_server),
        play(each_key_has_one_server_by_ketama),
        play(each_key_has_one_server_by_modula),
        play(no_value_is_ever_wrong_though_servers_die_hang_and_return),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
