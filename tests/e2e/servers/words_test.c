/* In which words a server is asked for the one key of a client's get: by its version and by `ask`. Whatever it is asked, the client sees
 * what a get is answered (I2), and an answer that does not fit ends the connection (I3). What real servers do: wins_test. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KNOWS "VERSION 1.6.18\r\n"
#define K50   "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define K250  K50 K50 K50 K50 K50

static struct backend *server_of(const char *version, const char *noop)
{
    struct backend *b = backend_listens();
    backend_is(b, 2, version, noop);
    return b;
}

static struct client *before(struct backend *b, const char *options)
{
    return client_connects(moongate_start(
        script_of_one(backend_address(b), textf("timeout = 60, stall_timeout = 60, %s", options)),
        NULL));
}

/* --- which words ------------------------------------------------------------------------------- */

static void a_server_is_asked_in_the_words_of_its_version_or_of_the_pool(void **state)
{
    static const struct {
        const char *version, *noop, *options;
        bool is_mg;
    } kinds[] = {
        {"VERSION 1.6.9\r\n", "MN\r\n", "", false},
        {"VERSION 1.6.10\r\n", "MN\r\n", "", true},
        {"VERSION 1.6.18\r\n", "MN\r\n", "", true},
        {"VERSION 1.6.34\r\n", "MN\r\n", "ask = 'auto'", true},
        {"VERSION 1.6.35\r\n", "MN\r\n", "", false},
        {"VERSION 1.6.45\r\n", "MN\r\n", "", false},
        {"VERSION 1.6.18\r\n", "ERROR\r\n", "", false},
        {"VERSION UNKNOWN\r\n", "MN\r\n", "", false},
        {"VERSION 1.6.18\r\n", "MN\r\n", "ask = 'get'", false},
        {"VERSION 1.6.45\r\n", "MN\r\n", "ask = 'mg'", true},
        {"VERSION UNKNOWN\r\n", "MN\r\n", "ask = 'mg'", true},
        {"VERSION 1.6.45\r\n", "ERROR\r\n", "ask = 'mg'", false},
        {"VERSION 1.6.9\r\n", "MN\r\n", "ask = 'mg'", false},
        {"VERSION 1.6.18\r\n", "MN\r\n", "requests = 'one'", false},
        {"VERSION 1.6.18\r\n", "MN\r\n", "requests = 'one', ask = 'mg'", false},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct backend *b = server_of(kinds[i].version, kinds[i].noop);
        struct client *c = before(b, kinds[i].options);
        client_sends(c, "get k\r\n");
        backend_sees(b, kinds[i].is_mg ? "mg k v f c k\r\n" : "get k\r\n");
        backend_answers(b,
                        kinds[i].is_mg ? "VA 1 f7 c9 kk\r\nx\r\n" : "VALUE k 7 1\r\nx\r\nEND\r\n");
        client_sees(c, "VALUE k 7 1\r\nx\r\nEND\r\n");
        client_sees_nothing_more(c);
        stage_clears();
    }
}

static void only_a_get_of_one_key_is_asked_so(void **state)
{
    struct backend *b = server_of(KNOWS, "MN\r\n");
    struct client *c = before(b, "");
    client_sends(c, "gets a\r\nget a b\r\ngat 9 a\r\ngats 9 a\r\nmg a v\r\nget z\r\n");
    backend_sees(b, "gets a\r\nget a b\r\ngat 9 a\r\ngats 9 a\r\nmg a v\r\nmg z v f c k\r\n");
    backend_answers(b, "END\r\nEND\r\nEND\r\nEND\r\nEN\r\nEN\r\n");
    client_sees(c, "END\r\nEND\r\nEND\r\nEND\r\nEN\r\nEND\r\n");
    client_sees_nothing_more(c);
}

/* Behind a policy each key has a call of its own. */
static void keys_that_a_policy_separates_are_asked_so(void **state)
{
    struct backend *a = server_of(KNOWS, "MN\r\n"), *b = server_of(KNOWS, "MN\r\n");
    struct client *c = client_connects(
        moongate_start(textf(MG "return mg.failover { mg.pool { '%s' }, mg.pool { '%s' } }\n",
                             backend_address(a), backend_address(b)),
                       NULL));
    client_sends(c, "get a b\r\n");
    backend_sees(a, "mg a v f c k\r\nmg b v f c k\r\n");
    backend_answers(a, "VA 1 f0 c1 ka\r\nx\r\nSERVER_ERROR busy\r\n");
    backend_sees(a, "get b\r\n");
    backend_answers(a, "SERVER_ERROR busy\r\n");
    backend_sees(b, "mg b v f c k\r\n");
    backend_answers(b, "VA 1 f0 c1 kb\r\ny\r\n");
    client_sees(c, "VALUE a 0 1\r\nx\r\nVALUE b 0 1\r\ny\r\nEND\r\n");
    client_sees_nothing_more(c);
}

/* --- what the client sees ---------------------------------------------------------------------- */

static void answers_are_those_of_a_get(void **state)
{
    static const struct {
        const char *key, *answer, *seen;
    } plays[] = {
        {"k", "EN\r\n", "END\r\n"},
        {"k", "EN kk\r\n", "END\r\n"},
        {"k", "VA 0 f0 c1 kk\r\n\r\n", "VALUE k 0 0\r\n\r\nEND\r\n"},
        {"k", "VA 3 f4294967295 c18446744073709551615 kk\r\nabc\r\n",
         "VALUE k 4294967295 3\r\nabc\r\nEND\r\n"},
        {"k", "VA 5 f0 c1 kk Z X\r\nEND\r\n\r\n", "VALUE k 0 5\r\nEND\r\n\r\nEND\r\n"},
        {"foo", "VA 1 f1 c1 kZm9v b\r\nx\r\n", "VALUE foo 1 1\r\nx\r\nEND\r\n"},
        {"a\tb\x01\x7f\xff", "VA 1 f1 c1 ka\tb\x01\x7f\xff\r\nx\r\n",
         "VALUE a\tb\x01\x7f\xff 1 1\r\nx\r\nEND\r\n"},
        {K250, "VA 1 f1 c1 k" K250 "\r\nx\r\n", "VALUE " K250 " 1 1\r\nx\r\nEND\r\n"},
    };
    struct backend *b = server_of(KNOWS, "MN\r\n");
    struct client *c = before(b, "");
    for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
        client_sends(c, textf("get %s\r\nget after\r\n", plays[i].key));
        backend_sees(b, textf("mg %s v f c k\r\nmg after v f c k\r\n", plays[i].key));
        backend_answers(b, textf("%sVA 2 f0 c2 kafter\r\nok\r\n", plays[i].answer));
        client_sees(c, textf("%s%s", plays[i].seen, hit_and_end("after", "ok")));
    }
    client_sees_nothing_more(c);
    assert_int_equal(stat_number(c, "proxy", "get_misses"), 2);
    assert_int_equal(stat_number(c, "proxy", "cmd_meta"), 0);
    assert_int_equal(stat_number(c, "servers", textf("%s:misses", backend_address(b))), 2);
}

/* Answers of all lengths around those at which they are read in another way, and cut everywhere. */
static void values_come(const char *window)
{
    static const char *const behind = "\r\nEN\r\nVA 1 f0 c1 klast\r\nz\r\n";
    static const size_t lengths[] = {1, 100, 4070, 8192, 70000, 300000, 1024 * 1024};
    struct backend *b = server_of(KNOWS, "MN\r\n");
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), "timeout = 60, stall_timeout = 60"),
                       "--stream-window", window, NULL);
    struct client *c = client_connects(m);
    stat_becomes(c, "servers", textf("%s:state", backend_address(b)), "ready");
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n = lengths[i];
        char *value = noise(n, (unsigned)i);
        for (size_t piece = n < 5000 ? 7 : n / 3 + 1; piece <= n + 100; piece += n / 2 + 40) {
            struct octets answer = {0};
            const char *head = textf("VA %zu f5 c77 kk\r\n", n);
            octets_add(&answer, head, strlen(head));
            octets_add(&answer, value, n);
            octets_add(&answer, behind, strlen(behind));
            client_sends(c, "get k\r\nget no\r\nget last\r\n");
            backend_sees(b, "mg k v f c k\r\nmg no v f c k\r\nmg last v f c k\r\n");
            backend_answers_in_pieces(b, octets_at(&answer), octets_n(&answer), piece);
            client_sees(c, textf("VALUE k 5 %zu\r\n", n));
            client_sees_bytes(c, value, n);
            client_sees(c, "\r\nEND\r\nEND\r\nVALUE last 0 1\r\nz\r\nEND\r\n");
            octets_release(&answer);
        }
    }
    client_sees_nothing_more(c);
    stage_clears();
}

/* Streamed, as far as they are long, and held. */
static void values_of_any_length_come_as_they_are(void **state)
{
    values_come("256k");
    values_come("0");
}

static void a_rewritten_key_is_sent_and_the_clients_own_is_shown(void **state)
{
    struct backend *b = server_of(KNOWS, "MN\r\n");
    struct client *c = client_connects(
        moongate_start(script_routing(b, "req.key = 'p:' .. req.key return pool"), NULL));
    size_t n = 100000;
    char *value = noise(n, 3);
    client_sends(c, "get k\r\nget l\r\n");
    backend_sees(b, "mg p:k v f c k\r\nmg p:l v f c k\r\n");
    backend_answers(b, textf("VA 1 f2 c1 kp:k\r\nx\r\nVA %zu f3 c1 kp:l\r\n", n));
    backend_answers_in_pieces(b, value, n, 30000);
    backend_answers(b, "\r\n");
    client_sees(c, textf("VALUE k 2 1\r\nx\r\nEND\r\nVALUE l 3 %zu\r\n", n));
    client_sees_bytes(c, value, n);
    client_sees(c, "\r\nEND\r\n");
    client_sees_nothing_more(c);
}

/* A script that reads an answer and a policy that keeps it get a get's, too. */
static void routes_see_a_gets_answer(void **state)
{
    struct backend *b = server_of(KNOWS, "MN\r\n");
    struct client *c = client_connects(moongate_start(
        script_waiting(b, "local res = mg.call(pool, req) local more = mg.call(pool, req) "
                          "return mg.reply.value(res.value .. (more.value or '-'), res.flags)"),
        NULL));
    client_sends(c, "get k\r\n");
    backend_sees(b, "mg k v f c k\r\n");
    backend_answers(b, "VA 3 f9 c5 kk\r\nabc\r\n");
    backend_sees(b, "mg k v f c k\r\n");
    backend_answers(b, "EN\r\n");
    client_sees(c, "VALUE k 9 4\r\nabc-\r\nEND\r\n");
    client_sees_nothing_more(c);
}

/* --- a server that refuses --------------------------------------------------------------------- */

static void a_refused_mg_is_asked_again_as_get(void **state)
{
    static const char *const errors[] = {"ERROR\r\n", "CLIENT_ERROR bad command line format\r\n",
                                         "SERVER_ERROR out of memory\r\n"};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct backend *b = server_of(KNOWS, "MN\r\n");
        struct client *c = before(b, "");
        client_sends(c, "get k\r\nget l\r\n");
        backend_sees(b, "mg k v f c k\r\nmg l v f c k\r\n");
        backend_answers(b, textf("%s%s", errors[i], errors[i]));
        backend_sees(b, "get k\r\nget l\r\n");
        backend_answers(b, hit_and_end("k", "x"));
        backend_answers(b, errors[i]);
        client_sees(c, hit_and_end("k", "x"));
        client_sees(c, errors[i]);
        get_finds(c, "m", b, "m", "1"); /* and the next ones are asked so at once */
        client_sees_nothing_more(c);
        stage_clears();
    }
}

/* What its client has sent behind it may write that key: a get of later would see that. */
static void a_refused_mg_does_not_follow_a_write_of_its_client(void **state)
{
    struct backend *b = server_of(KNOWS, "MN\r\n");
    struct client *c = before(b, "");
    client_sends(c, "get k\r\nset k 0 0 1\r\ny\r\n");
    backend_sees(b, "mg k v f c k\r\nset k 0 0 1\r\ny\r\n");
    backend_answers(b, "SERVER_ERROR out of memory\r\nSTORED\r\n");
    client_sees(c, "SERVER_ERROR out of memory\r\nSTORED\r\n");
    client_sees_nothing_more(c);
    backend_has_nothing_yet(b);
}

/* --- I3 ---------------------------------------------------------------------------------------- */

static void an_answer_that_does_not_fit_closes(void **state)
{
    static const char *const wrong[] = {"VA 1 f0 c1 kk2\r\nx\r\n",
                                        "VA 1 f0 c1 kk10\r\nx\r\n",
                                        "VA 1 f0 c1 k\r\nx\r\n",
                                        "VA 1 f0 c1\r\nx\r\n",
                                        "VA 1 c1 kk1\r\nx\r\n",
                                        "VA 1 f0 kk1\r\nx\r\n",
                                        "VA 1 f0 c1 kk1\r\nxy\r\n",
                                        "HD f0 c1 kk1\r\n",
                                        "VALUE k1 0 1\r\nx\r\nEND\r\n",
                                        "END\r\n",
                                        "EN kk2\r\n",
                                        "STORED\r\n",
                                        "NF\r\n",
                                        "hello\r\n",
                                        "VA 1 f0 c1 kk1 O1\r\nx\r\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct backend *b = server_of(KNOWS, "MN\r\n");
        struct client *c = before(b, "");
        client_sends(c, "get k1\r\nget k2\r\n");
        backend_sees(b, "mg k1 v f c k\r\nmg k2 v f c k\r\n");
        backend_answers(b, wrong[i]);
        backend_sees_closed(b);
        client_sees_line_starting(c, failure_of(backend_address(b)));
        backend_sees(b, "mg k2 v f c k\r\n");
        backend_answers(b, "VA 1 f0 c1 kk2\r\n2\r\n");
        client_sees(c, hit_and_end("k2", "2"));
        client_sees_nothing_more(c);
        assert_int_equal(stat_number(c, "proxy", "desyncs"), 1);
        stage_clears();
    }
}

/* --- another connection ------------------------------------------------------------------------ */

/* What waits for a connection is asked in the words of the server that is found there; so is what is sent a second time. */
static void the_words_are_chosen_again_for_each_connection(void **state)
{
    static const struct {
        const char *first, *second, *before, *after, *answer;
    } plays[] = {
        {KNOWS, "VERSION 1.6.45\r\n", "mg k v f c k\r\n", "get k\r\n",
         "VALUE k 0 1\r\nx\r\nEND\r\n"},
        {"VERSION 1.6.45\r\n", KNOWS, "get k\r\n", "mg k v f c k\r\n", "VA 1 f0 c1 kk\r\nx\r\n"},
        {KNOWS, "VERSION 1.6.9\r\n", "mg k v f c k\r\n", "get k\r\n", "END\r\n"},
        {KNOWS, KNOWS, "mg k v f c k\r\n", "mg k v f c k\r\n", "EN\r\n"},
    };
    for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
        struct backend *b = server_of(plays[i].first, "MN\r\n");
        struct client *c = before(b, "");
        client_sends(c, "get k\r\n");
        backend_sees(b, plays[i].before);
        backend_is(b, 2, plays[i].second, "MN\r\n");
        backend_closes(b);
        backend_sees(b, plays[i].after);
        backend_answers(b, plays[i].answer);
        client_sees(c, plays[i].answer[0] == 'V' ? "VALUE k 0 1\r\nx\r\nEND\r\n" : "END\r\n");
        client_sees_nothing_more(c);
        stage_clears();
    }
}

static void what_waits_for_a_connection_is_asked_in_its_words(void **state)
{
    struct backend *b = backend_listens();
    backend_is(b, 0, "", ""); /* the play answers all */
    struct client *c = before(b, "connect_timeout = 60");
    client_sends(c, "get a\r\nget b c\r\nset d 0 0 1\r\nx\r\nget e\r\nversion\r\n");
    backend_sees(b, "version\r\n");
    backend_answers(b, KNOWS);
    backend_sees(b, "mn\r\n");
    backend_answers(b, "MN\r\n");
    backend_sees(b, "mg a v f c k\r\nget b c\r\nset d 0 0 1\r\nx\r\nmg e v f c k\r\n");
    backend_answers(b, "EN\r\nEND\r\nSTORED\r\nVA 1 f0 c1 ke\r\ne\r\n");
    client_sees(c, "END\r\nEND\r\nSTORED\r\nVALUE e 0 1\r\ne\r\nEND\r\n");
    client_sees_line_starting(c, "VERSION ");
    client_sees_nothing_more(c);
}

/* On a connection that takes one call at a time nothing is won by an mg. */
static void a_get_apart_stays_a_get(void **state)
{
    struct backend *b = server_of(KNOWS, "MN\r\n");
    struct client *c = before(b, "");
    client_sends(c, "set k 4294967296 0 1\r\nx\r\nget k\r\n");
    backend_sees_links(b, 2);
    backend_turns_to_input(b);
    backend_sees(b, "set k 4294967296 0 1\r\nx\r\n");
    backend_answers(b, "STORED\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(c, "STORED\r\n");
    client_sees(c, hit_and_end("k", "x"));
    client_sees_nothing_more(c);
}

static void a_late_answer_is_read_and_dropped(void **state)
{
    struct backend *b = server_of(KNOWS, "MN\r\n");
    struct client *c = client_connects(moongate_start(
        script_of_one(backend_address(b), "timeout = 0.2, stall_timeout = 60"), NULL));
    client_sends(c, "get k\r\n");
    backend_sees(b, "mg k v f c k\r\n");
    client_sees_line_starting(c, failure_of(backend_address(b)));
    client_sends(c, "get l\r\n");
    backend_sees(b, "mg l v f c k\r\n");
    backend_answers(b, "VA 1 f0 c1 kk\r\nx\r\nVA 1 f0 c1 kl\r\ny\r\n");
    client_sees(c, hit_and_end("l", "y"));
    client_sees_nothing_more(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_server_is_asked_in_the_words_of_its_version_or_of_the_pool),
        play(only_a_get_of_one_key_is_asked_so),
        play(keys_that_a_policy_separates_are_asked_so),
        play(answers_are_those_of_a_get),
        play(values_of_any_length_come_as_they_are),
        play(a_rewritten_key_is_sent_and_the_clients_own_is_shown),
        play(routes_see_a_gets_answer),
        play(a_refused_mg_is_asked_again_as_get),
        play(a_refused_mg_does_not_follow_a_write_of_its_client),
        play(an_answer_that_does_not_fit_closes),
        play(the_words_are_chosen_again_for_each_connection),
        play(what_waits_for_a_connection_is_asked_in_its_words),
        play(a_get_apart_stays_a_get),
        play(a_late_answer_is_read_and_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
