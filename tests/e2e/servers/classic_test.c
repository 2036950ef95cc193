/* Meta requests in front of servers that do not know meta commands: they are asked in classic words, and the client sees what a server that
 * knows them answers. Answers of real servers are compared by classic_alike_test.
 */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* A server that answers this to `version` and knows no mn. */
static struct backend *old_server(const char *version)
{
    struct backend *b = backend_listens();
    backend_is(b, 2, version, "ERROR\r\n");
    return b;
}

static struct client *before(const struct backend *b, const char *options)
{
    return client_connects(moongate_start(
        script_of_one(backend_address(b), textf("timeout = 60, stall_timeout = 60, %s", options)),
        NULL));
}

/* --- when the server is known -------------------------------------------------------------------- */

/* They are held back until then, and stay in order with what is not about meta commands. */
static void what_waits_for_a_connection_is_said_in_its_words(void **state)
{
    static const char requests[] =
        "set k 0 0 1\r\na\r\nms k 4 T5 k\r\nget \r\nmg aw== b v k O1\r\nme k\r\n"
        "ma k v q\r\nget k\r\nmd k q\r\n";
    struct backend *b = backend_listens();
    backend_is(b, 0, "", ""); /* its answers are below */
    struct client *c = before(b, "connect_timeout = 60");
    backend_sees(b, "version\r\n");
    client_sends(c, requests);
    for (int i = 0; i < 20; i++) stage_turns(1);
    backend_answers(b, "VERSION 1.4.25\r\n");
    backend_sees(b, "mn\r\n");
    backend_answers(b, "ERROR\r\n");
    backend_sees(
        b, "set k 0 0 1\r\na\r\nset k 0 5 4\r\nget \r\nget k\r\nincr k 1\r\nget k\r\ndelete k\r\n");
    backend_answers(
        b, textf("STORED\r\nSTORED\r\n%s7\r\nEND\r\nNOT_FOUND\r\n", hit_and_end("k", "x")));
    client_sees(c, "STORED\r\nHD kk\r\nVA 1 kaw== b O1\r\nx\r\n");
    client_sees(c, textf("%sdoes not know meta commands: only they have me\r\n",
                         failure_of(backend_address(b))));
    client_sees(c, "END\r\nNF\r\n");
    client_sees_nothing_more(c);
}

/* A long value is not copied, so it is in a piece of its own. */
static void a_long_value_that_waits_is_stored_whole(void **state)
{
    struct backend *b = backend_listens();
    backend_is(b, 0, "", "");
    struct client *c = before(b, "connect_timeout = 60, requests = 'one'");
    char *value = noise(100000, 1);
    backend_sees(b, "version\r\n");
    client_sends(c, "ms k 100000 F3\r\n");
    client_sends_bytes(c, value, 100000);
    client_sends(c, "\r\nms k 2\r\nab\r\nme k\r\nmg k v\r\n");
    for (int i = 0; i < 20; i++) stage_turns(1);
    backend_answers(b, "VERSION 1.4.25\r\n");
    backend_sees(b, "mn\r\n");
    backend_answers(b, "ERROR\r\n");
    backend_sees(b, "set k 3 0 100000\r\n");
    backend_sees_bytes(b, value, 100000);
    backend_sees(b, "\r\n");
    backend_answers(b, "STORED\r\n");
    backend_sees(b, "set k 0 0 2\r\nab\r\n");
    backend_answers(b, "NOT_STORED\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "HD\r\nNS\r\n");
    client_sees_line_starting(c, "SERVER_ERROR");
    client_sees(c, "EN\r\n");
    client_sees_nothing_more(c);
}

/* The next connection may have another server at its end. */
static void it_is_decided_for_each_connection(void **state)
{
    struct backend *b = old_server("VERSION 1.4.25\r\n");
    struct client *c = before(b, "");
    client_sends(c, "mg k v\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "EN\r\n");
    backend_is(b, 2, "VERSION 1.6.45\r\n", "MN\r\n");
    backend_closes(b);
    stat_becomes(c, "servers", textf("%s:connects", backend_address(b)), "2");
    client_sends(c, "mg k v t\r\n");
    backend_sees(b, "mg k v t\r\n");
    backend_answers(b, "VA 1 t-1\r\nx\r\n");
    client_sees(c, "VA 1 t-1\r\nx\r\n");
}

/* --- apart ------------------------------------------------------------------------------------- */

/* I10: numbers on which versions disagree, or what a server may refuse that is not known, go where no other call is. */
static void an_odd_store_travels_apart_in_classic_words(void **state)
{
    static const char *const requests[][2] = {
        {"ms k 1 F4294967296\r\nx\r\n", "set k 4294967296 0 1\r\nx\r\n"},
        {"ms k 1 T4294967296 MA\r\nx\r\n", "append k 0 4294967296 1\r\nx\r\n"},
    };
    for (size_t i = 0; i < COUNT(requests); i++) {
        struct backend *b = old_server("VERSION 1.5.22\r\n");
        struct client *c = before(b, "");
        client_sends(c, "get k\r\n");
        unsigned usual = backend_turns_to_input(b);
        backend_sees(b, "get k\r\n");
        backend_answers(b, "END\r\n");
        client_sees(c, "END\r\n");
        client_sends(c, requests[i][0]);
        assert_int_not_equal(backend_turns_to_input(b), usual);
        backend_sees(b, requests[i][1]);
        backend_answers(b,
                        "CLIENT_ERROR bad data chunk\r\nERROR\r\n"); /* its value was left over */
        client_sees(c, "CLIENT_ERROR bad data chunk\r\n");
        backend_sees_closed(b);
        client_sends(c, "mg k\r\n");
        backend_turns_to_input(b);
        backend_sees(b, "get k\r\n");
        backend_answers(b, "END\r\n");
        client_sees(c, "EN\r\n");
        stage_clears();
    }
}

/* --- answers that do not fit --------------------------------------------------------------------- */

/* I2, I3: the connection is closed, and the client gets a failure. */
static void an_answer_that_does_not_fit_closes(void **state)
{
    static const char *const answers[][2] = {
        {"mg k v\r\n", "VALUE k2 0 1\r\nx\r\nEND\r\n"},
        {"mg aw== b v\r\n", "VALUE aw== 0 1\r\nx\r\nEND\r\n"},
        {"mg k v\r\n", "VALUE k 0 1\r\nx\r\nVALUE k 0 1\r\nx\r\nEND\r\n"},
        {"mg k\r\n", "VA 1\r\nx\r\n"},
        {"mg k\r\n", "HD\r\n"},
        {"mg k\r\n", "STORED\r\n"},
        {"mg k T5\r\n", "END\r\n"},
        {"ms k 1\r\nx\r\n", "HD\r\n"},
        {"ms k 1\r\nx\r\n", "DELETED\r\n"},
        {"md k\r\n", "STORED\r\n"},
        {"ma k\r\n", "5x\r\n"},
        {"ma k\r\n", "DELETED\r\n"},
        {"ma k\r\n", "hello\r\n"},
        {"mg k\r\n", "END\r\nEND\r\n"},
    };
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct backend *b = old_server("VERSION 1.4.25\r\n");
        struct client *c = before(b, "");
        stat_becomes(c, "servers", textf("%s:state", backend_address(b)), "ready");
        client_sends(c, answers[i][0]);
        backend_sees_line(b);
        if (strncmp(answers[i][0], "ms", 2) == 0) backend_sees(b, "x\r\n");
        backend_answers(b, answers[i][1]);
        if (i + 1 < COUNT(answers))
            client_sees_line_starting(c, failure_of(backend_address(b)));
        else
            client_sees(c, "EN\r\n"); /* its own; then a byte too many */
        backend_sees_closed(b);
        stage_clears();
    }
}

/* An error is a response (I9); that a command is not known at all is told as the known failure. */
static void errors_are_passed_on(void **state)
{
    static const char *const rows[][4] = {
        {"mg k v\r\n", "get k\r\n", "SERVER_ERROR out of memory\r\n",
         "SERVER_ERROR out of memory\r\n"},
        {"ms k 1\r\nx\r\n", "set k 0 0 1\r\nx\r\n", "SERVER_ERROR out of memory storing object\r\n",
         "SERVER_ERROR out of memory storing object\r\n"},
        {"ma k q\r\n", "incr k 1\r\n",
         "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n",
         "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"},
        {"mg k T5 v\r\n", "gat 5 k\r\n", "ERROR\r\n", "nor gat, which this mg needs\r\n"},
        {"mg k c T5\r\n", "gats 5 k\r\n", "ERROR\r\n", "nor gats, which this mg needs\r\n"},
        {"mg k T5\r\n", "touch k 5\r\n", "ERROR\r\n", "nor touch, which this mg needs\r\n"},
        {"mg k T5\r\n", "touch k 5\r\n", "CLIENT_ERROR no\r\n", "CLIENT_ERROR no\r\n"},
        {"md k\r\n", "delete k\r\n", "ERROR\r\n", "ERROR\r\n"},
    };
    struct backend *b = old_server("VERSION 1.5.22\r\n");
    struct client *c = before(b, "");
    stat_becomes(c, "servers", textf("%s:state", backend_address(b)), "ready");
    for (size_t i = 0; i < COUNT(rows); i++) {
        client_sends(c, rows[i][0]);
        backend_sees(b, rows[i][1]);
        backend_answers(b, rows[i][2]);
        bool is_whole = strchr(rows[i][3], ' ') == NULL || strncmp(rows[i][3], "nor", 3) != 0;
        client_sees(c, is_whole ? rows[i][3]
                                : textf("%sdoes not know meta commands: %s",
                                        failure_of(backend_address(b)), rows[i][3]));
    }
    client_sees_nothing_more(c);
}

/* --- values of any length, cut anywhere ---------------------------------------------------------- */

static void values_of_any_length_come_whole(void **state)
{
    static const size_t lengths[] = {0, 1, 100, 4000, 70000, 300000, 3000000};
    struct backend *b = old_server("VERSION 1.4.25\r\n");
    struct client *c = before(b, "");
    for (size_t i = 0; i < COUNT(lengths); i++) {
        size_t n = lengths[i];
        char *value = noise(n, (unsigned)i);
        for (int wants_value = 0; wants_value < 2; wants_value++) {
            client_sends(c, wants_value ? "mg k f c k O1 s v\r\n" : "mg k f c k O1 s\r\n");
            backend_sees(b, "gets k\r\n");
            const char *head = textf("VALUE k 7 %zu 9\r\n", n);
            char *answer = stage_memory(n + 64);
            size_t len = strlen(head);
            memcpy(answer, head, len);
            memcpy(answer + len, value, n);
            memcpy(answer + len + n, "\r\nEND\r\n", 7);
            size_t pieces[] = {1, 5, 1000, 100000};
            backend_answers_in_pieces(b, answer, len + n + 7,
                                      n < 1000 ? pieces[i % 2] : pieces[2 + i % 2]);
            if (wants_value) {
                client_sees(c, textf("VA %zu f7 c9 kk O1 s%zu\r\n", n, n));
                client_sees_bytes(c, value, n);
                client_sees(c, "\r\n");
            } else {
                client_sees(c, textf("HD f7 c9 kk O1 s%zu\r\n", n));
            }
        }
    }
    client_sees_nothing_more(c);
    assert_int_equal(stat_number(c, "servers", textf("%s:closes", backend_address(b))), 0);
}

/* A client that has a part of a value is closed; no other client sees a byte of it. */
static void a_long_value_without_its_end_closes_both(void **state)
{
    struct backend *b = old_server("VERSION 1.4.25\r\n");
    struct client *c = before(b, "");
    char *value = noise(2000000, 3);
    client_sends(c, "mg k v\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "VALUE k 0 2000000\r\n");
    backend_begins_to_answer(b, value, 2000000);
    client_sees(c, "VA 2000000\r\n");
    client_sees_bytes(c, value, 2000000);
    backend_answers(b, "\r\nENDE\r\n");
    backend_sees_closed(b);
    client_sees_closed(c);
}

/* --- policies, scripts and other clients --------------------------------------------------------- */

/* A policy sees the answers of meta commands: a miss, and a failure that another server may not have. */
static void policies_see_meta_answers(void **state)
{
    struct backend *old = old_server("VERSION 1.4.25\r\n"), *new = backend_listens();
    struct client *c = client_connects(
        moongate_start(textf(MG "local old, new = mg.pool { '%s' }, mg.pool { '%s' }\n"
                                "return mg.failover { old, new, on = { 'miss', 'error' } }\n",
                             backend_address(old), backend_address(new)),
                       NULL));
    stat_becomes(c, "servers", textf("%s:state", backend_address(old)), "ready");
    client_sends(c, "mg k v\r\n");
    backend_sees(old, "get k\r\n");
    backend_answers(old, "END\r\n");
    backend_sees(new, "mg k v\r\n");
    backend_answers(new, "VA 1\r\nx\r\n");
    client_sees(c, "VA 1\r\nx\r\n");
    client_sends(c, "mg k t v\r\n");
    backend_sees(new, "mg k t v\r\n");
    backend_answers(new, "VA 1 t5\r\nx\r\n");
    client_sees(c, "VA 1 t5\r\nx\r\n");
    backend_has_nothing_yet(old);
}

static void a_script_sees_them_too(void **state)
{
    struct backend *b = old_server("VERSION 1.4.25\r\n");
    const char *script = script_waiting(
        b,
        "local res = mg.call(pool, req)\n"
        "if res:is_hit() then return mg.reply.error('hit ' .. res.value .. ' ' .. res.flags) end\n"
        "return res\n");
    struct client *c = client_connects(moongate_start(script, NULL));
    client_sends(c, "mg k v f\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "VALUE k 7 1\r\nx\r\nEND\r\n");
    client_sees(c, "SERVER_ERROR hit x 7\r\n");
    client_sends(c, "mg k v\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "EN\r\n");
}

/* I11: gets of others share their own calls. */
static void gets_of_others_stay_their_own(void **state)
{
    struct backend *b = old_server("VERSION 1.4.25\r\n");
    struct moongate *m = moongate_start(
        script_of_one(backend_address(b), "timeout = 60, stall_timeout = 60, merge = true"), NULL);
    struct client *one = client_connects(m), *other = client_connects(m);
    get_misses(one, "z", b, "z");
    get_misses(other, "y", b, "y");
    client_sends(one, "mg k v\r\nget k\r\nmg k\r\nget k l\r\n");
    backend_sees(b, "get k\r\nget k\r\nget k\r\nget k l\r\n");
    client_sends(other, "get k\r\n");
    backend_answers(b, textf("%s%sEND\r\n%s", hit_and_end("k", "a"), hit_and_end("k", "b"),
                             hit_and_end("l", "d")));
    client_sees(one,
                textf("VA 1\r\na\r\n%sEN\r\n%s", hit_and_end("k", "b"), hit_and_end("l", "d")));
    client_closes(one);
    if (backend_has_input(b))
        backend_sees(b, "get k\r\n"), backend_answers(b, hit_and_end("k", "b"));
    client_sees_line_starting(other, "VALUE k 0 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(what_waits_for_a_connection_is_said_in_its_words),
        play(a_long_value_that_waits_is_stored_whole),
        play(it_is_decided_for_each_connection),
        play(an_odd_store_travels_apart_in_classic_words),
        play(an_answer_that_does_not_fit_closes),
        play(errors_are_passed_on),
        play(values_of_any_length_come_whole),
        play(a_long_value_without_its_end_closes_both),
        play(policies_see_meta_answers),
        play(a_script_sees_them_too),
        play(gets_of_others_stay_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
