/* mg.big_value: values larger than a server takes, in parts; and what happens when parts are missing. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>

enum { PART = 2000, LONG = 10 * PART + 17 };

struct stand {
    struct memcached *one, *two;
    struct moongate *m;
    struct client *c;
    char *value;
};

static struct stand stand(void)
{
    struct stand s = {
        .one = memcached_start(NULL), .two = memcached_start(NULL), .value = noise(LONG, 3)};
    s.m = moongate_start(textf(MG "local pool = mg.pool { '%s', '%s', probe_min = 0.05 }\n"
                                  "return mg.big_value { pool, threshold = %d }\n",
                               memcached_address(s.one), memcached_address(s.two), PART),
                         NULL);
    s.c = client_connects(s.m);
    return s;
}

static void stores(struct client *c, const char *line, const char *value, size_t len,
                   const char *answer)
{
    client_sends(c, textf("%s %zu\r\n", line, len));
    client_sends_bytes(c, value, len);
    client_sends(c, "\r\n");
    client_sees(c, answer);
}

static void sees_value(struct client *c, const char *head, const char *value, size_t len,
                       const char *tail)
{
    client_sees(c, textf("%s\r\n", head));
    client_sees_bytes(c, value, len);
    client_sees(c, textf("\r\n%s", tail));
}

/* Items of both servers together. */
static unsigned items(const struct stand *s)
{
    const char *const servers[] = {memcached_address(s->one), memcached_address(s->two)};
    unsigned sum = 0;
    for (int i = 0; i < 2; i++) {
        struct client *direct = client_connects_to(servers[i]);
        const char *line = "";
        client_sends(direct, "stats\r\n");
        while (strcmp(line, "END") != 0) {
            unsigned n;
            line = client_sees_line(direct);
            if (sscanf(line, "STAT curr_items %u", &n) == 1) sum += n;
        }
        client_closes(direct);
    }
    return sum;
}

static void values_of_every_length_come_back(void **state)
{
    static const size_t lengths[] = {0, 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1, LONG};
    struct stand s = stand();
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n = lengths[i];
        stores(s.c, "set k 32769 0", s.value, n, "STORED\r\n");
        client_sends(s.c, "get k\r\nget none k\r\nmg k v f s k O3\r\n");
        for (int k = 0; k < 2; k++)
            sees_value(s.c, textf("VALUE k 32769 %zu", n), s.value, n, "END\r\n");
        sees_value(s.c, textf("VA %zu f32769 s%zu kk O3", n, n), s.value, n, "");
    }
    client_sees_nothing_more(s.c);
    assert_int_equal(items(&s), 1 + 2 + 2 + 3 + 11);
}

static void every_store_and_read_knows_parts(void **state)
{
    struct stand s = stand();
    stores(s.c, "add k 5 0", s.value, LONG, "STORED\r\n");
    stores(s.c, "add k 5 0", s.value + 1, LONG - 1, "NOT_STORED\r\n");
    client_sends(s.c, "gets k\r\n");
    client_sees(s.c, textf("VALUE k 5 %d ", LONG));
    const char *cas = client_sees_line(s.c);
    client_sees_bytes(s.c, s.value, LONG);
    client_sees(s.c, "\r\nEND\r\n");
    client_sends(s.c, textf("cas k 6 0 %d %s\r\n", LONG - 9, cas));
    client_sends_bytes(s.c, s.value + 9, LONG - 9);
    client_sends(s.c, "\r\n");
    client_sees(s.c, "STORED\r\n"); /* functions that wait are not in order among themselves */
    client_sends(s.c, textf("cas k 7 0 %d %s\r\n", PART + 1, cas));
    client_sends_bytes(s.c, s.value, PART + 1);
    client_sends(s.c, "\r\n");
    client_sees(s.c, "EXISTS\r\n");
    client_sends(s.c, "gat 100 k\r\n");
    sees_value(s.c, textf("VALUE k 6 %d", LONG - 9), s.value + 9, LONG - 9, "END\r\n");
    stores(s.c, "replace k 8 0", s.value, LONG, "STORED\r\n");
    stores(s.c, "replace none 8 0", s.value, LONG, "NOT_STORED\r\n");
    client_asks(s.c, "touch k 100\r\ntouch none 1\r\n", "TOUCHED\r\nNOT_FOUND\r\n");
    client_asks(s.c, "append k 0 0 1\r\nx\r\n",
                "SERVER_ERROR the value is kept in parts, to which nothing can be added\r\n");
    client_asks(s.c, "ms k 1 MA\r\nx\r\nms k 1 q MP\r\nx\r\nmn\r\n",
                "SERVER_ERROR the value is kept in parts, to which nothing can be added\r\n"
                "SERVER_ERROR the value is kept in parts, to which nothing can be added\r\nMN\r\n");
    client_asks(s.c, "set s 0 0 1\r\nx\r\n", "STORED\r\n");
    client_asks(s.c, "append s 0 0 1\r\ny\r\n", "STORED\r\n");
    client_asks(s.c, "prepend s 0 0 1\r\nw\r\n", "STORED\r\n");
    client_asks(s.c, "get s\r\n", hit_and_end("s", "wxy"));
    client_sends(s.c, "get k\r\n");
    sees_value(s.c, textf("VALUE k 8 %d", LONG), s.value, LONG, "END\r\n");
    client_asks(s.c, "delete k\r\n", "DELETED\r\n");
    client_asks(s.c, "get k\r\n", "END\r\n");
    client_sees_nothing_more(s.c);
}

/* How many items a server shows, each with the moment of its end. It leaves out those that it is busy with. */
static unsigned items_that_end_soon(struct client *direct)
{
    unsigned found = 0;
    const char *line = "";
    client_sends(direct, "lru_crawler metadump all\r\n");
    while (strcmp(line, "END") != 0 && strncmp(line, "BUSY", 4) != 0) {
        long end, last;
        line = client_sees_line(direct);
        if (sscanf(line, "key=%*s exp=%ld la=%ld", &end, &last) != 2) continue;
        assert_in_range(end - last, 48, 52);
        found++;
    }
    return found;
}

static void parts_live_as_long_as_their_value(void **state)
{
    struct stand s = stand();
    stores(s.c, "set k 0 100", s.value, 2 * PART, "STORED\r\n");
    client_asks(s.c, "touch k 50\r\n", "TOUCHED\r\n");
    struct client *direct[] = {client_connects_to(memcached_address(s.one)),
                               client_connects_to(memcached_address(s.two))};
    unsigned found = 0;
    for (int tries = 0; tries < 1000 && found != 3; tries++)
        found = items_that_end_soon(direct[0]) + items_that_end_soon(direct[1]);
    assert_int_equal(found, 3);
}

/* Of two values stored one over the other, what is left of the first does not count: parts of one value only make it whole. */
static void a_part_that_is_gone_reads_as_a_miss(void **state)
{
    struct stand s = stand();
    for (int round = 0; round < 2; round++) {
        stores(s.c, "set k 0 0", s.value + round, LONG - 1, "STORED\r\n");
        client_sends(s.c, "get k\r\n");
        sees_value(s.c, textf("VALUE k 0 %d", LONG - 1), s.value + round, LONG - 1, "END\r\n");
    }
    memcached_kill(s.two);
    memcached_starts_again(s.two); /* empty */
    moongate_sees_log(s.m, textf("%s: back after ", memcached_address(s.two)));
    struct client *c = client_connects(s.m);
    client_asks_until(c, "get k\r\n", "END\r\n");
    stat_becomes(c, "servers", textf("%s:state", memcached_address(s.two)), "ready");
    client_asks(c, "touch k 10\r\n", "NOT_FOUND\r\n");
    stores(c, "set k 0 0", s.value, LONG, "STORED\r\n");
    client_sends(c, "get k\r\n");
    sees_value(c, textf("VALUE k 0 %d", LONG), s.value, LONG, "END\r\n");
}

static void a_server_that_fails_costs_the_store_and_not_the_old_value(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(textf(MG "return mg.big_value { mg.pool { '%s' }, threshold = 1024 }\n",
                             backend_address(b)),
                       NULL);
    struct client *c = client_connects(m);
    char *value = stage_memory(2001);
    memset(value, 'v', 2000);
    client_sends(c, textf("set k 3 9 2000\r\n%s\r\n", value));
    const char *line = backend_sees_line(b);
    if (strncmp(line, "set k:", 6) != 0 || !strstr(line, ":1 0 9 1024"))
        stage_fails("first part: %s", line);
    backend_sees(b, textf("%.1024s\r\n", value));
    line = backend_sees_line(b);
    if (!strstr(line, ":2 0 9 976")) stage_fails("second part: %s", line);
    backend_sees(b, textf("%.976s\r\n", value));
    backend_answers(b, "STORED\r\nSERVER_ERROR out of memory storing object\r\n");
    client_sees(c, "SERVER_ERROR out of memory storing object\r\n");
    client_sees_nothing_more(c);
    backend_has_nothing_yet(b); /* and no index */
}

static void limits_are_errors(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(textf(MG "return mg.big_value { mg.pool { '%s' }, threshold = 1024 }\n",
                             backend_address(b)),
                       "--max-value", "4m", NULL);
    struct client *c = client_connects(m);
    char *key = stage_memory(230), *value = noise(1024 * 1024 + 1, 1);
    memset(key, 'k', 229);
    stores(c, textf("set %s 0 0", key), value, 1025, "SERVER_ERROR object too large for cache\r\n");
    stores(c, "set k 0 0", value, 1024 * 1024 + 1, "SERVER_ERROR object too large for cache\r\n");
    client_sees_nothing_more(c);
    backend_has_nothing_yet(b);
}

/* An index that a client wrote itself, or that was cut, is a value like others. */
static void what_only_looks_like_an_index_is_a_value(void **state)
{
    static const char *const values[] = {
        "moongate big value 1: 10 bytes, 0 parts of 5, flags 0, hash 00",
        "moongate big value 1: 10 bytes, 99999 parts of 5, flags 0, hash 00",
        "moongate big value 1: 10 bytes",
        "moongate big value 1: -1 bytes, 1 parts of 5, flags 0, hash 00",
    };
    struct stand s = stand();
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        size_t n = strlen(values[i]);
        stores(s.c, "set k 32768 0", values[i], n, "STORED\r\n");
        client_sends(s.c, "get k\r\n");
        sees_value(s.c, textf("VALUE k 32768 %zu", n), values[i], n, "END\r\n");
    }
    const char *lie = "moongate big value 1: 99999999999 bytes, 2 parts of 5, flags 0, hash 00";
    stores(s.c, "set k 32768 0", lie, strlen(lie), "STORED\r\n");
    client_asks(s.c, "get k\r\n", "END\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(values_of_every_length_come_back),
        play(every_store_and_read_knows_parts),
        play(parts_live_as_long_as_their_value),
        play(a_part_that_is_gone_reads_as_a_miss),
        play(a_server_that_fails_costs_the_store_and_not_the_old_value),
        play(limits_are_errors),
        play(what_only_looks_like_an_index_is_a_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
