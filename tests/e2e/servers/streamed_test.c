/* Long values go to the client while they come from the server: what it has seen at each moment, which of them waits for the
 * other, and what happens when one goes. All plays run with pipes and without. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <string.h>

enum { LONG = 300000, HUGE = 4 << 20, FIRST = 100000 };

/* With pipes, or by copying: the option of the moongate that plays. The first one changes nothing here. */
static const char *const WAYS[] = {"--strict-keys", "--no-splice"};
static const char *way;

static char *head_of(const char *key, size_t n)
{
    return textf("VALUE %s 0 %zu\r\n", key, n);
}

/* c asks for k, and b answers with the head and the first `n` bytes of a value. */
static const char *value_begins(struct client *c, struct backend *b, size_t size, size_t n)
{
    const char *data = noise(size, 7);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, head_of("k", size));
    backend_answers_bytes(b, data, n);
    client_sees(c, head_of("k", size));
    client_sees_bytes(c, data, n);
    return data;
}

static void seconds_pass(double seconds)
{
    for (double end = stage_now() + seconds; stage_now() < end;) stage_turns(10);
}

static unsigned long counted(struct moongate *m, const char *name)
{
    return stat_number(client_connects(m), "proxy", name);
}

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

/* --- clients that do not read -------------------------------------------------------------------- */

/* Its clients come over a unix socket, which holds little. */
static struct moongate *moongate_with_short_buffers(const char *script, const char *buffer)
{
    return moongate_start(script, "-b", textf("unix:%s/s", program_folder()), "--client-buffer",
                          buffer, "--max-value", "64k", way, NULL);
}

/* c asks for a value that no socket buffers hold, and reads none of it. */
static const char *client_is_behind(struct client *c, struct backend *b)
{
    const char *data = noise(HUGE, 7);
    client_stops_reading(c);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_begins_to_answer(b, textf("VALUE k 0 %d\r\n", HUGE), strlen(head_of("k", HUGE)));
    backend_begins_to_answer(b, data, HUGE);
    backend_begins_to_answer(b, "\r\nEND\r\n", 7);
    return data;
}

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
        play(first_bytes_come_before_the_last),
        play(every_command_passes_it_on),
        play(a_client_sees_its_own_key),
        play(behind_another_reply_it_is_held),
        play(a_policy_sees_it_whole),
        play(without_a_window_it_is_held),
        play(the_server_waits_for_a_client_alone),
        play(nobody_waits_behind_a_client_that_does_not_read),
        play(a_spool_is_bounded_by_the_client_buffer),
        play(a_server_that_dies_cuts_it),
        play(a_wrong_end_is_never_passed_on),
        play(another_answer_is_not_passed_on),
        play(a_server_that_is_late_cuts_it),
        play(the_rest_for_a_client_that_has_gone_is_dropped),
        play(a_client_that_goes_while_it_is_behind_frees_the_server),
        play(a_drain_waits_for_its_end),
        play(a_reload_leaves_it_alone),
    };
    int failed = 0;
    for (int i = 0; i < 2; i++) {
        way = WAYS[i];
        failed += cmocka_run_group_tests_name(way, tests, NULL, NULL);
    }
    return failed;
}
