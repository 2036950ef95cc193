/* Long values that go to the client while they come from the server: what happens when one of the two goes, or when what comes is
 * wrong. */
#include "e2e/servers/streamed.h"

#include <signal.h>

/* --- one of them goes ---------------------------------------------------------------------------- */

/* The client has all that had come, and then the end. */
static void client_is_cut(struct moongate *m, struct client *c)
{
    client_sees_closed(c);
    moongate_sees_log(m, "closed in the middle of a value");
    assert_int_equal(counted(m, "streamed_cut"), 1);
}

static void a_server_that_dies_cuts_it(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), "on_failure = 'miss'"), way, NULL);
    struct client *c = client_connects(m);
    (void)value_begins(c, b, LONG, FIRST);

    client_sends(c, "get m\r\n");
    backend_sees(b, "get m\r\n");
    backend_closes(b);
    client_is_cut(m, c);
}

/* Everything of a right answer but one byte behind the data. */
static const char *const WRONG_ENDS[] = {"\rXEND\r\n",   "\n\nEND\r\n",
                                         "x\r\nEND\r\n", "\r\nENDX\n",
                                         "\r\nEND\r\r",  "\r\nVALUE l 0 1\r\nx\r\nEND\r\n"};

static void a_wrong_end_is_never_passed_on(void **state)
{
    for (size_t i = 0; i < sizeof WRONG_ENDS / sizeof *WRONG_ENDS; i++) {
        struct backend *b = backend_listens();
        struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), way, NULL);
        struct client *c = client_connects(m);
        const char *data = value_begins(c, b, LONG, FIRST);

        backend_answers_bytes(b, data + FIRST, LONG - FIRST);
        client_sees_bytes(c, data + FIRST, LONG - FIRST);
        backend_answers(b, WRONG_ENDS[i]);
        client_is_cut(m, c);
        assert_int_equal(counted(m, "desyncs"), 1);
        stage_clears();
    }
}

/* The same for a get that was asked as mg, whose answer has no END. */
static void a_wrong_end_of_an_mg_is_never_passed_on(void **state)
{
    static const char *const ends[] = {"\rX", "\n\n", "END\r\n"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct backend *b = backend_listens();
        backend_is(b, 2, "VERSION 1.6.18\r\n", "MN\r\n");
        struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), way, NULL);
        struct client *c = client_connects(m);
        const char *data = noise(LONG, 8);

        client_sends(c, "get k\r\n");
        backend_sees(b, "mg k v f c k\r\n");
        backend_answers(b, "VA 300000 f5 c77 kk\r\n");
        backend_answers_bytes(b, data, LONG);
        client_sees(c, "VALUE k 5 300000\r\n");
        client_sees_bytes(c, data, LONG);
        backend_answers(b, ends[i]);
        client_is_cut(m, c);
        assert_int_equal(counted(m, "desyncs"), 1);
        stage_clears();
    }
}

/* Nothing is passed on of an answer that is not this call's. */
static void another_answer_is_not_passed_on(void **state)
{
    const char *const pairs[][2] = {{"get k\r\n", "VALUE l 0 300000\r\n"},
                                    {"mg k v k\r\n", "VA 300000 kl\r\n"},
                                    {"mg k v O1\r\n", "VA 300000 O2\r\n"}};

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct backend *b = backend_listens();
        struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), way, NULL);
        struct client *c = client_connects(m);
        client_sends(c, pairs[i][0]);
        backend_sees(b, pairs[i][0]);
        backend_answers(b, pairs[i][1]);
        client_sees_line_starting(c, failure_of(backend_address(b)));
        client_sees_nothing_more(c);
        stage_clears();
    }
}

static void a_server_that_is_late_cuts_it(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), "timeout = 0.2"), way, NULL);
    struct client *c = client_connects(m), *other = client_connects(m);
    const char *data = value_begins(c, b, LONG, FIRST);

    client_is_cut(m, c);
    backend_answers_bytes(b, data + FIRST, LONG - FIRST);
    backend_answers(b, "\r\nEND\r\n");
    get_finds(other, "o", b, "o", "right");
    assert_int_equal(backend_links(b), 1);
}

static void the_rest_for_a_client_that_has_gone_is_dropped(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), way, NULL);
    struct client *c = client_connects(m), *other = client_connects(m);
    const char *data = value_begins(c, b, HUGE, FIRST);

    client_resets(c);
    client_sends(other, "get o\r\n");
    backend_sees(b, "get o\r\n");
    backend_answers_bytes(b, data + FIRST, HUGE - FIRST);
    backend_answers(b, "\r\nEND\r\nVALUE o 0 1\r\nx\r\nEND\r\n");
    client_sees(other, "VALUE o 0 1\r\nx\r\nEND\r\n");
    assert_int_equal(backend_links(b), 1);
    assert_int_equal(stat_number(other, "proxy", "streamed_cut"), 0);
}

/* The server waits for it; when it goes, the connection is of use again. */
static void a_client_that_goes_while_it_is_behind_frees_the_server(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_with_short_buffers(script_of_one(backend_address(b), ""), "8m");
    struct client *c = client_connects(m), *other = client_connects(m);
    (void)client_is_behind(c, b);

    client_resets(c);
    stat_becomes(other, "servers", textf("%s:in_flight", backend_address(b)), "0");
    get_finds(other, "o", b, "o", "right");
    assert_int_equal(backend_links(b), 1);
}

static void a_drain_waits_for_its_end(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), "timeout = 60"), way, NULL);
    struct client *c = client_connects(m);
    const char *data = value_begins(c, b, LONG, FIRST);

    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining: SIGTERM");
    backend_answers_bytes(b, data + FIRST, LONG - FIRST);
    client_sees_bytes(c, data + FIRST, LONG - FIRST);
    backend_answers(b, "\r\nEND\r\n");
    client_sees(c, "\r\nEND\r\n");
    client_sees_closed(c);
    moongate_exits(m, 0);
}

/* The old script's server stays until the value has ended. */
static void a_reload_leaves_it_alone(void **state)
{
    struct backend *b = backend_listens(), *next = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), "timeout = 60"), way, NULL);
    struct client *c = client_connects(m);
    const char *data = value_begins(c, b, LONG, FIRST);

    moongate_reloads(m, script_of_one(backend_address(next), ""));
    backend_answers_bytes(b, data + FIRST, LONG - FIRST);
    backend_answers(b, "\r\nEND\r\n");
    client_sees_bytes(c, data + FIRST, LONG - FIRST);
    client_sees(c, "\r\nEND\r\n");
    get_finds(c, "n", next, "n", "new");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_server_that_dies_cuts_it),
        play(a_wrong_end_is_never_passed_on),
        play(a_wrong_end_of_an_mg_is_never_passed_on),
        play(another_answer_is_not_passed_on),
        play(a_server_that_is_late_cuts_it),
        play(the_rest_for_a_client_that_has_gone_is_dropped),
        play(a_client_that_goes_while_it_is_behind_frees_the_server),
        play(a_drain_waits_for_its_end),
        play(a_reload_leaves_it_alone),
    };
    streamed_main(tests);
}
