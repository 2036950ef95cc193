/* Long values go to the client while they come from the server: what it has seen at each moment, and which of them waits for the
 * other. */
#include "e2e/servers/streamed.h"

/* --- what comes when ----------------------------------------------------------------------------- */

static void first_bytes_come_before_the_last(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), way, NULL);
    struct client *c = client_connects(m);
    const char *data = value_begins(c, b, LONG, FIRST);

    client_sends(c, "get k l\r\nget m\r\n");
    backend_sees(b, "get k l\r\nget m\r\n");
    backend_answers_bytes(b, data + FIRST, LONG - FIRST);
    client_sees_bytes(c, data + FIRST, LONG - FIRST);
    backend_answers(b, "\r");
    backend_answers(b, "\nEN");
    client_has_nothing_yet(c);
    backend_answers(b, "D\r\nEND\r\nVALUE m 0 1\r\nx\r\nEND\r\n");
    client_sees(c, "\r\nEND\r\nEND\r\nVALUE m 0 1\r\nx\r\nEND\r\n");
    client_sees_nothing_more(c);
    assert_int_equal(counted(m, "streamed_values"), 1);
    assert_int_equal(stat_number(c, "proxy", "get_hits"), 2);
}

/* Every command that may bring one long value, and its answer. */
static const struct {
    const char *asked, *sent, *head, *end;
} COMMANDS[] = {
    {"get k", "get k", "VALUE k 5 300000", "END\r\n"},
    {"gets k", "gets k", "VALUE k 5 300000 77", "END\r\n"},
    {"gat 9 k", "gat 9 k", "VALUE k 5 300000", "END\r\n"},
    {"gats 9 k", "gats 9 k", "VALUE k 5 300000 77", "END\r\n"},
    {"mg k v", "mg k v", "VA 300000", ""},
    {"mg k v f k O9 q", "mg k v f k O9", "VA 300000 f5 kk O9", ""},
};

static void every_command_passes_it_on(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), way, NULL);
    struct client *c = client_connects(m);
    const char *data = noise(LONG, 8);

    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
        client_sends(c, textf("%s\r\n", COMMANDS[i].asked));
        backend_sees_line(b);
        backend_answers(b, textf("%s\r\n", COMMANDS[i].head));
        backend_answers_bytes(b, data, FIRST);
        client_sees(c, textf("%s\r\n", COMMANDS[i].head));
        client_sees_bytes(c, data, FIRST);
        backend_answers_bytes(b, data + FIRST, LONG - FIRST);
        backend_answers(b, textf("\r\n%s", COMMANDS[i].end));
        client_sees_bytes(c, data + FIRST, LONG - FIRST);
        client_sees(c, textf("\r\n%s", COMMANDS[i].end));
    }
    client_sees_nothing_more(c);
}

/* The server is asked as mg, and the client gets the head and the end of a get's answer. */
static void a_get_that_is_asked_as_mg_is_answered_as_a_get(void **state)
{
    struct backend *b = backend_listens();
    backend_is(b, 2, "VERSION 1.6.18\r\n", "MN\r\n");
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), way, NULL);
    struct client *c = client_connects(m);
    const char *data = noise(LONG, 8);

    client_sends(c, "get k\r\nget m\r\n");
    backend_sees(b, "mg k v f c k\r\nmg m v f c k\r\n");
    backend_answers(b, "VA 300000 f5 c77 kk\r\n");
    backend_answers_bytes(b, data, FIRST);
    client_sees(c, "VALUE k 5 300000\r\n");
    client_sees_bytes(c, data, FIRST);
    backend_answers_bytes(b, data + FIRST, LONG - FIRST);
    client_sees_bytes(c, data + FIRST, LONG - FIRST);
    backend_answers(b, "\r");
    client_has_nothing_yet(c);
    backend_answers(b, "\nEN\r\n");
    client_sees(c, "\r\nEND\r\nEND\r\n");
    client_sees_nothing_more(c);
    assert_int_equal(counted(m, "streamed_values"), 1);
    assert_int_equal(stat_number(c, "proxy", "get_hits"), 1);
}

static void a_client_sees_its_own_key(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_routing(b, "req.key = 'v2:' .. req.key return pool"), way, NULL);
    struct client *c = client_connects(m);
    const char *data = noise(LONG, 8);

    client_sends(c, "get k\r\n");
    backend_sees(b, "get v2:k\r\n");
    backend_answers(b, head_of("v2:k", LONG));
    backend_answers_bytes(b, data, FIRST);
    client_sees(c, head_of("k", LONG));
    client_sees_bytes(c, data, FIRST);
    backend_answers_bytes(b, data + FIRST, LONG - FIRST);
    backend_answers(b, "\r\nEND\r\n");
    client_sees_bytes(c, data + FIRST, LONG - FIRST);
    client_sees(c, "\r\nEND\r\n");
    client_sees_nothing_more(c);
}

/* The client has earlier replies to wait for: nothing can go before them. */
static void behind_another_reply_it_is_held(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens_unix();
    struct moongate *m =
        moongate_start(script_by_letter(backend_address(a), backend_address(b), ""), way, NULL);
    struct client *c = client_connects(m);
    const char *data = noise(LONG, 7);

    client_sends(c, "get a\r\nget k\r\n");
    backend_sees(a, "get a\r\n");
    backend_sees(b, "get k\r\n");
    const char *first = textf("%s%.*s", head_of("k", LONG), 1, data);
    backend_answers_in_pieces(b, first, strlen(first), strlen(first) - 1);
    backend_answers_bytes(b, data + 1, LONG - 1);
    backend_answers(a, "END\r\n");
    client_sees(c, "END\r\n");
    backend_answers(b, "\r\nEND\r\n");
    client_sees(c, head_of("k", LONG));
    client_sees_bytes(c, data, LONG);
    client_sees(c, "\r\nEND\r\n");
    client_sees_nothing_more(c);
    assert_int_equal(counted(m, "streamed_values"), 0);
}

/* A policy decides on the whole answer: the second server is asked when the first one breaks off. */
static void a_policy_sees_it_whole(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    struct moongate *m =
        moongate_start(textf(MG "return mg.failover { mg.pool { '%s' }, mg.pool { '%s' } }",
                             backend_address(a), backend_address(b)),
                       way, NULL);
    struct client *c = client_connects(m);

    client_sends(c, "get k\r\n");
    backend_sees(a, "get k\r\n");
    backend_answers(a, head_of("k", LONG));
    backend_answers_bytes(a, noise(LONG, 1), LONG);
    backend_closes(a);
    backend_sees(b, "get k\r\n");
    backend_answers(b, "VALUE k 0 1\r\nx\r\nEND\r\n");
    client_sees(c, "VALUE k 0 1\r\nx\r\nEND\r\n");
    assert_int_equal(counted(m, "streamed_values"), 0);
}

static void without_a_window_it_is_held(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m =
        moongate_start(script_of_one(backend_address(b), ""), "--stream-window", "0", NULL);
    struct client *c = client_connects(m);
    const char *data = noise(LONG, 7);

    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, head_of("k", LONG));
    backend_answers_bytes(b, data, LONG);
    backend_answers(b, "\r\nEND\r\n");
    client_sees(c, head_of("k", LONG));
    client_sees_bytes(c, data, LONG);
    client_sees(c, "\r\nEND\r\n");
    client_sees_nothing_more(c);
    assert_int_equal(counted(m, "streamed_values"), 0);
}

/* Its length decides, not that of its line: of an empty one nothing can be streamed. */
static void an_empty_value_is_held_whatever_is_streamed(void **state)
{
    for (int mg = 0; mg < 2; mg++) {
        struct backend *b = backend_listens();
        if (mg) backend_is(b, 2, "VERSION 1.6.18\r\n", "MN\r\n");
        struct moongate *m =
            moongate_start(script_of_one(backend_address(b), ""), way, "--stream-from", "0", NULL);
        struct client *c = client_connects(m);
        client_sends(c, "get k\r\n");
        backend_sees(b, mg ? "mg k v f c k\r\n" : "get k\r\n");
        backend_answers(b, mg ? "VA 0 f0 c1 kk\r\n" : "VALUE k 0 0\r\n");
        client_has_nothing_yet(c);
        backend_answers(b, mg ? "\r\n" : "\r\nEND\r\n");
        client_sees(c, "VALUE k 0 0\r\n\r\nEND\r\n");

        client_sends(c, "get k\r\n");
        backend_sees(b, mg ? "mg k v f c k\r\n" : "get k\r\n");
        backend_answers(b, mg ? "VA 1 f0 c1 kk\r\n" : "VALUE k 0 1\r\n");
        client_sees(c, "VALUE k 0 1\r\n");
        backend_answers(b, mg ? "x\r\n" : "x\r\nEND\r\n");
        client_sees(c, "x\r\nEND\r\n");
        assert_int_equal(counted(m, "streamed_values"), 1);
        stage_clears();
    }
}

/* --- clients that do not read -------------------------------------------------------------------- */

static void client_catches_up(struct client *c, const char *data)
{
    client_reads_again(c);
    client_sees(c, head_of("k", HUGE));
    client_sees_bytes(c, data, HUGE);
    client_sees(c, "\r\nEND\r\n");
    client_sees_nothing_more(c);
}

/* Neither the call's timeout nor the stall timeout counts what the client takes. */
static void the_server_waits_for_a_client_alone(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_with_short_buffers(
        script_of_one(backend_address(b), "timeout = 0.4, stall_timeout = 0.4"), "8m");
    struct client *c = client_connects(m);
    pid_t worker = moongate_worker(m);
    client_sees_nothing_more(c);
    size_t before = program_rss_kib(worker);
    const char *data = client_is_behind(c, b);

    seconds_pass(0.6);
    size_t cost = program_rss_kib(worker) - before;
    if (!stage_is_sanitized() && cost > 2048) stage_fails("it cost %zu KiB", cost);
    assert_int_equal(counted(m, "streamed_spooled"), 0);
    client_catches_up(c, data);
    assert_int_equal(backend_links(b), 1);
    assert_int_equal(counted(m, "call_timeouts"), 0);
}

static void nobody_waits_behind_a_client_that_does_not_read(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_with_short_buffers(script_of_one(backend_address(b), ""), "8m");
    struct client *c = client_connects(m), *other = client_connects(m);
    const char *data = client_is_behind(c, b);

    client_sends(other, "get o\r\n");
    backend_sees(b, "get o\r\n");
    backend_begins_to_answer(b, "VALUE o 0 1\r\nx\r\nEND\r\n", 21);
    client_sees(other, "VALUE o 0 1\r\nx\r\nEND\r\n");
    assert_int_equal(stat_number(other, "proxy", "streamed_spooled"), 1);
    client_catches_up(c, data);
}

static void a_spool_is_bounded_by_the_client_buffer(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_with_short_buffers(script_of_one(backend_address(b), ""), "64k");
    struct client *c = client_connects(m), *other = client_connects(m);
    (void)client_is_behind(c, b);

    client_sends(other, "get o\r\n");
    backend_sees(b, "get o\r\n");
    backend_begins_to_answer(b, "VALUE o 0 1\r\nx\r\nEND\r\n", 21);
    client_sees(other, "VALUE o 0 1\r\nx\r\nEND\r\n");
    moongate_sees_log(m, "--client-buffer");
    assert_int_equal(stat_number(other, "proxy", "clients_shed"), 1);
    assert_int_equal(backend_links(b), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(first_bytes_come_before_the_last),
        play(every_command_passes_it_on),
        play(a_get_that_is_asked_as_mg_is_answered_as_a_get),
        play(a_client_sees_its_own_key),
        play(behind_another_reply_it_is_held),
        play(a_policy_sees_it_whole),
        play(without_a_window_it_is_held),
        play(an_empty_value_is_held_whatever_is_streamed),
        play(the_server_waits_for_a_client_alone),
        play(nobody_waits_behind_a_client_that_does_not_read),
        play(a_spool_is_bounded_by_the_client_buffer),
    };
    streamed_main(tests);
}
