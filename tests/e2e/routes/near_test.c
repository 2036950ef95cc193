/* Copies in a store of this machine: which answers become one, and when they are void. */
#include "lib/address.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define NEAR "mg.near { mg.store { size = '1m', name = 'near' }, a, ttl = 60 }"

static struct backend *a;

static const char *script(const char *address, const char *route)
{
    return textf(
        MG "local a = mg.pool { '%s', name = 'a', connections = 1, timeout = 5 }\nreturn %s\n",
        address, route);
}

static struct moongate *near_starts(void)
{
    a = backend_listens();
    return moongate_start(script(backend_address(a), NEAR), NULL);
}

/* Asks for k; the server is asked. */
static void is_asked(struct client *c, const char *value)
{
    client_sends(c, "get k\r\n");
    backend_sees(a, "get k\r\n");
    backend_answers(a, hit_and_end("k", value));
    client_sees(c, hit_and_end("k", value));
}

static void is_copied(struct client *c, const char *value)
{
    client_sends(c, "get k\r\n");
    client_sees(c, hit_and_end("k", value));
}

static void a_value_is_asked_for_once(void **state)
{
    struct moongate *m = near_starts();
    is_asked(client_connects(m), "1");
    is_copied(client_connects(m), "1");
    struct client *c = client_connects(m);
    client_sends(c, "get k none\r\n");
    backend_sees(a, "get none\r\n");
    backend_answers(a, "END\r\n");
    client_sees(c, hit_and_end("k", "1"));
    client_sees_nothing_more(c);
}

/* Its key in the store is none of a client's. */
static void a_dump_of_keys_shows_no_copies(void **state)
{
    struct moongate *m = moongate_start(
        MG "return mg.near { mg.store { size = '1m', name = 'near' }, mg.store { size = '1m' } }\n",
        NULL);
    struct client *c = client_connects(m);
    client_sends(c, "set k 0 0 1\r\n1\r\n");
    client_sees(c, "STORED\r\n");
    is_copied(c, "1");
    client_sends(c, "lru_crawler mgdump all\r\n");
    client_sees(c, "mg k\r\nEN\r\n");
}

/* The server may have read before it wrote. */
static void what_is_read_while_a_write_is_in_flight_is_not_copied(void **state)
{
    struct moongate *m = near_starts();
    struct client *writes = client_connects(m), *reads = client_connects(m);
    client_sends(writes, "set k 0 0 1\r\n2\r\n");
    backend_sees(a, "set k 0 0 1\r\n2\r\n");
    client_sends(reads, "get k\r\n");
    backend_sees(a, "get k\r\n");
    backend_answers(a, "STORED\r\n");
    client_sees(writes, "STORED\r\n");
    backend_answers(a, hit_and_end("k", "1"));
    client_sees(reads, hit_and_end("k", "1"));
    is_asked(reads, "2");
    is_copied(reads, "2");
}

/* A write whose connection is lost may still be carried out, a little later. */
static void what_is_read_after_a_lost_write_is_not_copied(void **state)
{
    struct moongate *m = near_starts();
    struct client *c = client_connects(m);
    is_asked(c, "1");
    client_sends(c, "delete k\r\n");
    backend_sees(a, "delete k\r\n");
    backend_closes(a);
    client_sees_line_starting(c, "SERVER_ERROR ");
    backend_sees_links(a, 2); /* it is connected again */
    is_asked(c, "1");
    is_asked(c, "1");
}

static void another_script_begins_without_copies(void **state)
{
    struct moongate *m = near_starts();
    struct backend *old = a;
    struct client *c = client_connects(m);
    is_asked(c, "1");
    moongate_reloads(m, script(backend_address(old), NEAR));
    is_copied(c, "1"); /* the same script: they are still right */
    a = backend_listens();
    moongate_reloads(m, script(backend_address(a), NEAR));
    is_asked(c, "2");
    moongate_reloads(m, script(backend_address(old), NEAR));
    is_copied(c, "1");
}

/* An mg says that it is, a get does not: so a get may be answered by such a copy, and an mg not. */
static void a_stale_item_is_not_copied_for_those_who_can_tell(void **state)
{
    struct memcached *server = memcached_start(NULL);
    struct client *c =
        client_connects(moongate_start(script(memcached_address(server), NEAR), NULL));
    client_sends(c, "set k 0 0 1\r\n1\r\nmd k I\r\nget k\r\nget k\r\n");
    client_sees(c, textf("STORED\r\nHD\r\n%s%s", hit_and_end("k", "1"), hit_and_end("k", "1")));
    for (const char *mark = " W"; mark; mark = strcmp(mark, " W") == 0 ? " Z" : NULL) {
        client_sends(c, "mg k v f\r\n");
        const char *line = client_sees_line(c);
        if (!strstr(line, mark)) stage_fails("no%s in %s", mark, line);
        client_sees(c, "1\r\n");
    }
    client_sends(c, "ms k 1\r\n2\r\nmg k v f\r\nmg k v f\r\n");
    client_sees(c, "HD\r\nVA 1 f0\r\n2\r\nVA 1 f0\r\n2\r\n");
}

/* Each worker has clients; each of them finds what any of them has written. */
static void all_workers_know_of_a_write_even_after_one_is_killed(void **state)
{
    enum { CLIENTS = 9, ROUNDS = 40 };
    pid_t workers[3];
    struct memcached *server = memcached_start(NULL);
    struct moongate *m = moongate_start(script(memcached_address(server), NEAR), "-j", "3", NULL);
    for (unsigned life = 0; life < 2; life++) {
        struct client *c[CLIENTS];
        for (unsigned i = 0; i < CLIENTS; i++) c[i] = client_connects(m);
        for (unsigned round = 0; round < ROUNDS; round++) {
            struct client *writes = c[round % CLIENTS];
            const char *value = textf("%u", 100 * (life + 1) + round);
            client_sends(writes, textf("set k 0 0 3\r\n%s\r\n", value));
            client_sees(writes, "STORED\r\n");
            for (unsigned i = 0; i < CLIENTS; i++) is_copied(c[i], value);
        }
        if (life == 0) moongate_workers(m, workers, 3);
        if (life == 0) kill(workers[0], SIGKILL);
        if (life == 0) moongate_sees_log(m, "signal 9");
        for (unsigned i = 0; i < CLIENTS; i++) client_closes(c[i]);
    }
    struct client *c = client_connects_to(memcached_address(server));
    unsigned long gets = 0;
    client_sends(c, "stats\r\n");
    for (const char *line = ""; strcmp(line, "END") != 0; line = client_sees_line(c))
        sscanf(line, "STAT cmd_get %lu", &gets);
    assert_in_range(gets, 1, 2 * ROUNDS * 3); /* at most once a worker and write */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_value_is_asked_for_once),
        play(a_dump_of_keys_shows_no_copies),
        play(what_is_read_while_a_write_is_in_flight_is_not_copied),
        play(what_is_read_after_a_lost_write_is_not_copied),
        play(another_script_begins_without_copies),
        play(a_stale_item_is_not_copied_for_those_who_can_tell),
        play(all_workers_know_of_a_write_even_after_one_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
