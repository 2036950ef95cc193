/* eject = "twemproxy": the same faults put the same servers out of the ring as in nutcracker, which runs beside moongate over the same
 * servers; and clients are told the same. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/nutcracker.h"
#include "lib/octets.h"
#include "lib/program.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERVERS = 4, KEYS = 24 };

/* Both proxies over the same servers, each of which has all keys, with its own number as their value. */
struct pair {
    struct memcached *servers[SERVERS];
    bool is_dead[SERVERS];
    struct nutcracker *nutcracker;
    struct client *theirs, *ours;
};

/* They differ at their beginnings: FNV does not spread keys that differ in their last byte alone. */
static const char *key_of(unsigned i)
{
    return textf("%08x:key", i * 2654435761U);
}

static void server_is_filled(const struct pair *p, unsigned s)
{
    struct client *c = client_connects_to(memcached_address(p->servers[s]));
    for (unsigned i = 0; i < KEYS; i++) {
        client_sends(c, textf("set %s 0 0 1\r\n%u\r\n", key_of(i), s));
        client_sees(c, "STORED\r\n");
    }
    client_closes(c);
}

/* The options of both: nutcracker's in milliseconds. */
struct terms {
    unsigned servers, limit, retry_ms, timeout_ms;
    const char *hash, *distribution;
    bool on_unix; /* a connection to a dead server fails at once */
};

static const char *their_pool(const struct pair *p, const struct terms *t)
{
    const char *servers = "";
    for (unsigned s = 0; s < t->servers; s++)
        servers =
            textf("%s   - %s:%u s%u\n", servers,
                  memcached_address(p->servers[s]) + (t->on_unix ? strlen("unix:") : 0), s + 1, s);
    return textf("  hash: %s\n  distribution: %s\n  auto_eject_hosts: true\n"
                 "  server_failure_limit: %u\n  server_retry_timeout: %u\n  timeout: %u\n"
                 "  servers:\n%s",
                 t->hash, t->distribution, t->limit, t->retry_ms, t->timeout_ms, servers);
}

static const char *our_pool(const struct pair *p, const struct terms *t)
{
    const char *servers = "";
    for (unsigned s = 0; s < t->servers; s++)
        servers = textf("%s'%s:%u s%u', ", servers, memcached_address(p->servers[s]), s + 1, s);
    return textf(MG "return mg.pool { name = 'all', like = 'twemproxy', eject = 'twemproxy',\n"
                    "  hash = '%s', distribution = '%s', failure_limit = %u, eject_retry = %g,\n"
                    "  timeout = %g, connect_timeout = %g, %s }\n",
                 t->hash, t->distribution, t->limit, t->retry_ms / 1e3, t->timeout_ms / 1e3,
                 t->timeout_ms / 1e3, servers);
}

static void pair_starts(struct pair *p, const struct terms *t)
{
    const char *folder = t->on_unix ? program_folder() : NULL;
    for (unsigned s = 0; s < t->servers; s++) {
        p->servers[s] = folder ? memcached_start_at(textf("unix:%s/%u", folder, s), NULL)
                               : memcached_start(NULL);
        server_is_filled(p, s);
    }
    const char *pool = their_pool(p, t);
    p->nutcracker = nutcracker_start(&pool, 1);
    p->theirs = client_connects_to(nutcracker_address(p->nutcracker, 0));
    p->ours = client_connects(moongate_start(our_pool(p, t), NULL));
}

/* The whole answer to a get. */
static const char *answer(struct client *c, const char *request)
{
    const char *all = "";
    client_sends(c, request);
    for (;;) {
        const char *line = client_sees_line(c);
        all = textf("%s%s|", all, line);
        if (strcmp(line, "END") == 0 || strstr(line, "ERROR")) return all;
    }
}

/* Or the end of a dead server's connection has come to nutcracker after the request: the kernel may take its time on a busy machine. */
static bool is_alike(const char *theirs, const char *ours)
{
    return strcmp(theirs, ours) == 0 || (strcmp(theirs, "SERVER_ERROR unknown|") == 0 &&
                                         strcmp(ours, "SERVER_ERROR Connection refused|") == 0);
}

/* To a get of several keys of which one fails, nutcracker says the error, or nothing at all, and closes the client's connection. Moongate says
 * the error. */
static void they_fail_all_of(struct pair *p, const char *request, const char *ours)
{
    struct octets all = {0};
    client_sends(p->theirs, request);
    client_sees_end(p->theirs, &all);
    octets_add(&all, "", 1);
    const char *said = octets_at(&all);
    const char *line = textf("%.*s|", (int)strcspn(said, "\r"), said);
    if (said[0] && !is_alike(line, ours))
        stage_fails("to %s nutcracker answers %s, moongate %s", request, line, ours);
    octets_release(&all);
    client_closes(p->theirs);
    p->theirs = client_connects_to(nutcracker_address(p->nutcracker, 0));
}

/* True: with what was asked for. */
static bool both_answer(struct pair *p, const char *request)
{
    bool has_several = strchr(strchr(request, ' ') + 1, ' ');
    const char *ours = answer(p->ours, request);
    bool fails = strstr(ours, "ERROR");
    if (fails && has_several) {
        they_fail_all_of(p, request, ours);
        return false;
    }
    const char *theirs = answer(p->theirs, request);
    if (!is_alike(theirs, ours))
        stage_fails("to %s nutcracker answers %s, moongate %s", request, theirs, ours);
    return !fails;
}

static void server_dies(struct pair *p, unsigned s)
{
    p->is_dead[s] = true;
    memcached_kill(p->servers[s]);
    stat_becomes(p->ours, "servers", textf("%s:down", memcached_address(p->servers[s])), "1");
}

static void server_revives(struct pair *p, unsigned s)
{
    p->is_dead[s] = false;
    memcached_starts_again(p->servers[s]);
    server_is_filled(p, s);
}

/* --- the same as nutcracker -------------------------------------------------------------------- */

/* A server dies, one comes back, or keys are asked for, some of them together. No server comes back into the ring by the time. */
static void step(struct pair *p, unsigned *seed, unsigned counts[2])
{
    unsigned what = random_below(seed, 10), s = random_below(seed, SERVERS);
    if (what == 0 && !p->is_dead[s]) {
        server_dies(p, s);
    } else if (what <= 1 && p->is_dead[s]) {
        server_revives(p, s);
    } else {
        unsigned i = random_below(seed, KEYS), more = random_below(seed, 3);
        const char *request = textf("get %s", key_of(i));
        for (unsigned n = 1; n <= more; n++)
            request = textf("%s %s", request, key_of((i + 7 * n) % KEYS));
        counts[both_answer(p, textf("%s\r\n", request))]++;
    }
}

static void random_faults(const struct terms *t, unsigned *seed, unsigned counts[2])
{
    enum { STEPS = 70 };
    struct pair p = {0};
    pair_starts(&p, t);
    for (unsigned i = 0; i < STEPS; i++) step(&p, seed, counts);
    for (unsigned s = 0; s < SERVERS; s++) { /* in the end all are out */
        if (!p.is_dead[s]) server_dies(&p, s);
        for (unsigned i = 0; i < KEYS; i++)
            counts[both_answer(&p, textf("get %s\r\n", key_of(i)))]++;
    }
    assert_string_equal(answer(p.ours, "get x\r\n"), "SERVER_ERROR Connection refused|");
    assert_string_equal(stat_text(p.ours, "pools", "all:in_ring"), "0");
    stage_clears();
}

static void the_same_faults_put_the_same_servers_out_as_in_twemproxy(void **state)
{
    static const struct terms terms[] = {
        {SERVERS, 1, 600000, 20000, "fnv1a_64", "ketama", false},
        {SERVERS, 2, 600000, 20000, "md5", "ketama", false},
        {SERVERS, 4, 600000, 20000, "md5", "ketama", true},
        {SERVERS, 3, 600000, 20000, "fnv1a_64", "modula", false},
    };
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 20211, counts[2] = {0};
    printf("seed %u\n", seed);
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
        random_faults(&terms[i], &seed, counts);
    printf("%u errors, %u answers\n", counts[0], counts[1]);
    assert_true(counts[0] > 30 && counts[1] > 60);
}

/* Errors in a row until the client gets an answer. */
static unsigned row_of_errors(struct client *c, const char *request)
{
    unsigned n = 0;
    double begun = stage_now();
    while (strstr(answer(c, request), "ERROR") == NULL) /* as long as it is out */
        if (stage_now() > begun + stage_deadline()) stage_fails("the server never comes back");
    for (n = 1; strstr(answer(c, request), "ERROR"); n++)
        if (n > 100) stage_fails("the server is never out");
    return n;
}

static void a_dead_server_comes_back_without_a_probe_and_costs_its_errors_again(void **state)
{
    struct pair p = {0};
    pair_starts(&p, &(struct terms){2, 3, 150, 20000, "fnv1a_64", "ketama", false});
    const char *request = NULL;
    for (unsigned i = 0; i < KEYS && !request; i++) {
        const char *one = textf("get %s\r\n", key_of(i));
        if (strstr(answer(p.ours, one), "|1|")) request = one;
    }
    assert_non_null(request);
    both_answer(&p, request);
    server_dies(&p, 1);
    struct client *const clients[] = {p.theirs, p.ours};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(row_of_errors(clients[i], request), 2); /* its connection's end was one */
        assert_int_equal(row_of_errors(clients[i], request), 3);
        assert_int_equal(row_of_errors(clients[i], request), 3);
        assert_non_null(strstr(answer(clients[i], request), "|0|"));
    }
    server_revives(&p, 1);
    for (int i = 0; i < 2; i++)
        for (double begun = stage_now(); !strstr(answer(clients[i], request), "|1|");)
            if (stage_now() > begun + stage_deadline()) stage_fails("its keys never come back");
}

/* No request here is to be answered, so none is too late. */
static void calls_that_time_out_put_a_server_out(void **state)
{
    struct pair p = {0};
    pair_starts(&p, &(struct terms){1, 2, 600000, 60, "fnv1a_64", "ketama", false});
    memcached_freezes(p.servers[0]);
    static const char *const texts[] = {"Connection timed out", "Connection timed out",
                                        "Connection refused", "Connection refused"};
    for (int i = 0; i < 4; i++) {
        const char *wanted = textf("SERVER_ERROR %s|", texts[i]);
        assert_string_equal(answer(p.theirs, "get k\r\n"), wanted);
        assert_string_equal(answer(p.ours, "get k\r\n"), wanted);
    }
    memcached_thaws(p.servers[0]);
}

/* --- with a server that the test plays --------------------------------------------------------- */

static const char *pool_of(const struct backend *a, const struct backend *b, const char *options)
{
    return textf(MG "return mg.pool { name = 'p', distribution = 'modula', hash = 'crc32a',\n"
                    "  '%s', '%s', %s }\n",
                 backend_address(a), backend_address(b), options);
}

static void a_call_is_not_sent_again_when_its_connection_ends(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(
        moongate_start(script_of_one(backend_address(b), "eject = 'twemproxy'"), NULL));

    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_closes(b);
    client_sees(c, "SERVER_ERROR unknown\r\n");
    client_sends(c, "get l\r\n");
    backend_sees(b, "get l\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
    client_sees_nothing_more(c);
}

/* Its owner tries again while the calls of the connection fail: that finds no connection, and what follows the end goes on. */
static void a_second_try_at_a_server_whose_connection_ends_is_refused(void **state)
{
    struct backend *b = backend_listens();
    const char *script =
        textf(MG "local p = mg.pool { '%s', eject = 'twemproxy', failure_limit = 9 }\n"
                 "return mg.failover { p, mg.each(p)[1] }\n",
              backend_address(b));
    struct client *c = client_connects(moongate_start(script, NULL));

    for (int i = 0; i < 3; i++) { /* connected again at once, and later */
        client_sends(c, "get k\r\n");
        backend_sees(b, "get k\r\n");
        backend_resets(b);
        client_sees(c, "SERVER_ERROR Connection reset by peer\r\n");
    }
    assert_int_equal(stat_number(c, "servers", textf("%s:closes", backend_address(b))), 3);
    client_sends(c, "get l\r\n");
    backend_sees(b, "get l\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
    client_sees_nothing_more(c);
}

static void an_answer_ends_the_row_of_errors(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(
        script_of_one(backend_address(b), "eject = 'twemproxy', failure_limit = 2"), NULL));

    for (int i = 0; i < 4; i++) {
        client_sends(c, "get k\r\n");
        backend_sees(b, "get k\r\n");
        backend_closes(b);
        client_sees(c, "SERVER_ERROR unknown\r\n");
        client_sends(c, "get l\r\n");
        backend_sees(b, "get l\r\n");
        backend_answers(b, "SERVER_ERROR out of memory\r\n");
        client_sees(c, "SERVER_ERROR out of memory\r\n");
    }
    client_sees_nothing_more(c);
}

/* `d` goes to the one, `b` to the other: the CRC-32 of the first is even. */
static void one_dead_server_fails_a_whole_get_of_several_keys(void **state)
{
    struct backend *one = backend_listens(), *other = backend_listens();
    struct moongate *m = moongate_start(pool_of(one, other, "texts = 'twemproxy'"), NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get d b\r\n");
    backend_sees(one, "get d\r\n");
    backend_sees(other, "get b\r\n");
    backend_answers(one, hit_and_end("d", "x"));
    backend_stops_listening(other);
    backend_closes(other);
    client_sees(c, "SERVER_ERROR Connection refused\r\n");
    client_sends(c, "get d\r\n");
    backend_sees(one, "get d\r\n");
    backend_answers(one, hit_and_end("d", "x"));
    client_sees(c, hit_and_end("d", "x"));
    client_sees_nothing_more(c);
}

/* The call in flight tries a new connection, which is refused; then the server is down. A policy passes on the error of its last try,
 * which is not sent any more. */
static void with_mcrouters_texts_an_error_of_one_key_is_the_whole_answer(void **state)
{
    static const char *const routes[] = {"p", "mg.failover { p, mg.each(p)[2] }"};
    for (int i = 0; i < 2; i++) {
        struct backend *one = backend_listens(), *other = backend_listens();
        const char *script = textf(MG "local p = mg.pool { distribution = 'modula', "
                                      "hash = 'crc32a', '%s', '%s', texts = 'mcrouter' }\n"
                                      "return %s\n",
                                   backend_address(one), backend_address(other), routes[i]);
        struct client *c = client_connects(moongate_start(script, NULL));

        client_sends(c, "get d b\r\n");
        backend_sees(one, "get d\r\n");
        backend_answers(one, hit_and_end("d", "x"));
        backend_sees(other, "get b\r\n");
        backend_stops_listening(other);
        backend_closes(other);
        client_sees(c, i ? "SERVER_ERROR Server unavailable. Reason: mc_res_connect_error\r\n"
                         : "SERVER_ERROR AsyncSocketException: connect failed, type = Socket not "
                           "open, errno = 111 (Connection refused)\r\n");
        client_sends(c, "set b 0 0 1\r\nx\r\n");
        client_sees(c, "SERVER_ERROR Server unavailable. Reason: mc_res_connect_error\r\n");
        client_sends(c, "get d\r\n");
        backend_sees(one, "get d\r\n");
        backend_answers(one, hit_and_end("d", "x"));
        client_sees(c, hit_and_end("d", "x"));
        client_sees_nothing_more(c);
    }
}

/* Policies pass on what they have kept of a failure. */
static void below_a_policy_one_server_fails_a_whole_get_too(void **state)
{
    struct backend *one = backend_listens(), *other = backend_listens();
    const char *script = textf(MG "local p = mg.pool { distribution = 'modula', hash = 'crc32a',\n"
                                  "  '%s', '%s', texts = 'twemproxy' }\n"
                                  "return mg.failover { p, mg.each(p)[2] }\n",
                               backend_address(one), backend_address(other));
    struct client *c = client_connects(moongate_start(script, NULL));

    client_sends(c, "get d b\r\n");
    backend_sees(one, "get d\r\n");
    backend_sees(other, "get b\r\n");
    backend_answers(one, hit_and_end("d", "x"));
    backend_stops_listening(other);
    backend_closes(other);
    client_sees(c, "SERVER_ERROR Connection refused\r\n");
    client_sees_nothing_more(c);
}

static void what_is_out_is_seen(void **state)
{
    struct backend *one = backend_listens(), *other = backend_listens();
    struct moongate *m = moongate_start(
        pool_of(one, other, "eject = 'twemproxy', failure_limit = 1, eject_retry = 600"), NULL);
    struct client *c = client_connects(m);
    const char *name = backend_address(other);

    assert_string_equal(stat_text(c, "pools", "p:eject"), "twemproxy");
    client_sends(c, "get b\r\n");
    backend_sees(other, "get b\r\n");
    backend_resets(other);
    client_sees(c, "SERVER_ERROR Connection reset by peer\r\n");
    client_sends(c, "get b\r\n");
    backend_sees(one, "get b\r\n");
    backend_answers(one, "END\r\n");
    client_sees(c, "END\r\n");
    assert_string_equal(stat_text(c, "pools", "p:in_ring"), "1");
    assert_string_equal(stat_text(c, "pools", "p:ejected"), name);
    assert_int_equal(stat_number(c, "servers", textf("%s:ejected", name)), 1);
    assert_int_equal(stat_number(c, "servers", textf("%s:ejections", name)), 1);
    assert_string_equal(stat_text(c, "explain get b", "ring"),
                        "1 of 2 servers (1 ejected, 0 drained)");
    moongate_reloads(m, pool_of(one, other, "timeout = 2")); /* the next script begins with all */
    stat_becomes(c, "servers", textf("%s:ejected", name), "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(the_same_faults_put_the_same_servers_out_as_in_twemproxy),
        play(a_dead_server_comes_back_without_a_probe_and_costs_its_errors_again),
        play(calls_that_time_out_put_a_server_out),
        play(a_call_is_not_sent_again_when_its_connection_ends),
        play(a_second_try_at_a_server_whose_connection_ends_is_refused),
        play(an_answer_ends_the_row_of_errors),
        play(one_dead_server_fails_a_whole_get_of_several_keys),
        play(with_mcrouters_texts_an_error_of_one_key_is_the_whole_answer),
        play(below_a_policy_one_server_fails_a_whole_get_too),
        play(what_is_out_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
