/* Long values in front of the real server: what a client gets through moongate is what it gets from memcached itself, byte for byte,
 * for sizes around those where something changes.
 *
 * STREAMED_MIB: the longest value (16; 2 where the build is sanitized). STREAMED_CLIENTS: how many read values of that length at
 * once, and what that may cost (8).
 */
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/octets.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long number_from(const char *name, unsigned long fallback)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : fallback;
}

static size_t longest(void)
{
    return number_from("STREAMED_MIB", stage_is_sanitized() ? 2 : 16) << 20;
}

static const char *script_of(struct memcached *s)
{
    return script_of_one(memcached_address(s), "timeout = 60, stall_timeout = 60");
}

static struct memcached *server_of_long_values(void)
{
    return memcached_start("-I", "128m", "-m", "1024", NULL);
}

static void server_gets(struct client *direct, const char *key, const char *data, size_t n)
{
    client_sends(direct, textf("set %s 5 0 %zu\r\n", key, n));
    client_sends_bytes(direct, data, n);
    client_sends(direct, "\r\n");
    client_sees(direct, "STORED\r\n");
}

/* Every way to ask for one value, a small one behind it. The answer of the server itself is read first. */
static const char *const ASKED[] = {
    "get k\r\nget s\r\n",     "gets k\r\nget s\r\n",         "gat 0 k\r\nget s\r\n",
    "get x k y\r\nget s\r\n", "mg k v f k t s\r\nget s\r\n", "mg k v c q O7\r\nmn\r\nget s\r\n"};

static void answers_are_alike(struct client *direct, struct client *c, size_t n)
{
    size_t asked_n = sizeof ASKED / sizeof *ASKED - (memcached_at_hand_has_meta() ? 0 : 2);
    for (size_t i = 0; i < asked_n; i++) {
        client_sends(direct, ASKED[i]);
        client_sends(c, ASKED[i]);
        client_sees(c, client_sees_line(direct));
        client_sees(c, "\r\n");
        const char *data = client_sees_some(direct, n);
        client_sees_bytes(c, data, n);
        const char *line;
        do {
            line = client_sees_line(direct);
            client_sees(c, textf("%s\r\n", line));
        } while (strcmp(line, "small") != 0);
        client_sees(direct, "END\r\n");
        client_sees(c, "END\r\n");
    }
}

static void values_come_as_from_the_server(void **state)
{
    static const size_t around[] = {16 << 10, 64 << 10, 256 << 10, 320 << 10, 1 << 20};
    const char *const options[][4] = {
        {"--strict-keys"}, {"--no-splice"}, {"--stream-from", "1k", "--stream-window", "3k"}};
    struct memcached *s = server_of_long_values();
    struct client *direct = client_connects_to(memcached_address(s)), *through[3];
    const char *data = noise(longest(), 3);

    for (int i = 0; i < 3; i++)
        through[i] =
            client_connects(moongate_start(script_of(s), "--max-value", "128m", options[i][0],
                                           options[i][1], options[i][2], options[i][3], NULL));
    server_gets(direct, "s", "small", 5);
    for (size_t i = 0; i < 3 * sizeof around / sizeof *around + 1; i++) {
        size_t n = i / 3 < 5 ? around[i / 3] + i % 3 - 1 : longest();
        server_gets(direct, "k", data, n);
        for (int k = 0; k < 3; k++) answers_are_alike(direct, through[k], n);
    }
    for (int k = 0; k < 3; k++) {
        assert_in_range(stat_number(through[k], "proxy", "streamed_values"), 30, 100);
        assert_int_equal(stat_number(through[k], "proxy", "streamed_cut"), 0);
    }
}

/* As many as there are clients, so that none waits behind another one: pools of other settings have connections of their own. */
static const char *pool_of_many(struct memcached *s, int number)
{
    return textf("mg.pool { '%s', connections = 64, timeout = 60, stall_timeout = 6%d }",
                 memcached_address(s), number);
}

static const char *script_of_many_connections(struct memcached *s)
{
    return textf(MG "local a, b = %s, %s\n"
                    "return function(req) return req:has_prefix 'k' and a or b end",
                 pool_of_many(s, 0), pool_of_many(s, 1));
}

/* All ask at once, and read a little at a time: none is held whole. */
static void many_clients_of_long_values_cost_little(void **state)
{
    enum { PIECE = 64 << 10 };
    size_t n = longest(), clients_n = number_from("STREAMED_CLIENTS", 8);
    struct memcached *s = server_of_long_values();
    struct moongate *m = moongate_start(script_of_many_connections(s), NULL);
    struct client *direct = client_connects_to(memcached_address(s));
    struct client **all = stage_memory(clients_n * sizeof *all);
    const char *data = noise(n, 4);
    pid_t worker = moongate_worker(m);

    server_gets(direct, "k", data, n);
    server_gets(direct, "l", data, n);
    for (size_t i = 0; i < clients_n; i++) {
        all[i] = client_connects(m);
        client_sees_nothing_more(all[i]);
    }
    size_t before = program_rss_kib(worker), most = before;
    for (size_t i = 0; i < clients_n; i++) {
        client_stops_reading(all[i]);
        client_sends(all[i], i < 64 ? "get k\r\n" : "get l\r\n");
    }
    for (size_t i = 0; i < clients_n; i++) {
        client_reads_again(all[i]);
        client_sees(all[i], textf("VALUE %s 5 %zu\r\n", i < 64 ? "k" : "l", n));
        for (size_t at = 0; at < n; at += PIECE)
            client_sees_bytes(all[i], data + at, n - at < PIECE ? n - at : PIECE);
        client_sees(all[i], "\r\nEND\r\n");
        size_t now = program_rss_kib(worker);
        if (now > most) most = now;
        client_closes(all[i]);
    }
    printf("%zu clients of %zu KiB each: %zu KiB, then %zu KiB\n", clients_n, n >> 10, before,
           most);
    if (!stage_is_sanitized() && most - before > clients_n * 512 + 1024)
        stage_fails("they cost %zu KiB", most - before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(values_come_as_from_the_server),
        play(many_clients_of_long_values_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
