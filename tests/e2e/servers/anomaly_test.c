/* I3: after any anomaly in a backend's byte stream that connection is closed and its outstanding
 * calls fail, but for gets that it has not begun to answer: they are sent once more, on a new one. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

/* What comes next is right again. */
static void all_is_well(struct client *c, struct backend *b)
{
    client_sees_nothing_more(c);
    client_sends(c, "get well\r\nset well 0 0 1\r\nx\r\n");
    backend_sees(b, "get well\r\nset well 0 0 1\r\nx\r\n");
    backend_answers(b, hit_and_end("well", "again"));
    backend_answers(b, "STORED\r\n");
    client_sees(c, hit_and_end("well", "again"));
    client_sees(c, "STORED\r\n");
    client_sees_nothing_more(c);
}

/* A request, a bad answer to it, and two more requests that wait behind it. */
static void an_answer_breaks_the_connection(const char *request, const char *bad_answer)
{
    struct backend *b = backend_listens();
    struct client *c =
        client_connects(moongate_start(script_of_one(backend_address(b), "timeout = 60"), NULL));
    const char *failure = failure_of(backend_address(b));

    client_sends(c, textf("%sget k2\r\nset k3 0 0 1\r\nx\r\n", request));
    backend_sees(b, textf("%sget k2\r\nset k3 0 0 1\r\nx\r\n", request));
    backend_answers(b, bad_answer);
    client_sees_line_starting(c, failure);
    backend_sees_closed(b);
    backend_sees(b, "get k2\r\n");
    backend_answers(b, hit_and_end("k2", "2"));
    client_sees(c, hit_and_end("k2", "2"));
    client_sees_line_starting(c, failure);
    all_is_well(c, b);
}

static void all_is_well_on_a_new_connection(struct client *c, struct backend *b)
{
    backend_sees_closed(b);
    backend_sees_links(b, 2);
    all_is_well(c, b);
}

static void a_value_for_another_key_closes(void **state)
{
    an_answer_breaks_the_connection("get k1\r\n", "VALUE k2 0 1\r\nx\r\nEND\r\n");
}

static void a_value_for_a_longer_key_closes(void **state)
{
    an_answer_breaks_the_connection("get k1\r\n", "VALUE k10 0 1\r\nx\r\nEND\r\n");
}

static void a_value_for_a_shorter_key_closes(void **state)
{
    an_answer_breaks_the_connection("get k10\r\n", "VALUE k1 0 1\r\nx\r\nEND\r\n");
}

static void a_second_value_for_one_key_closes(void **state)
{
    an_answer_breaks_the_connection("get k1\r\n",
                                    "VALUE k1 0 1\r\nx\r\nVALUE k1 0 1\r\nx\r\nEND\r\n");
}

static void garbage_closes(void **state)
{
    an_answer_breaks_the_connection("get k1\r\n", "\001\002garbage\r\n");
}

static void an_answer_of_another_command_closes(void **state)
{
    an_answer_breaks_the_connection("get k1\r\n", "STORED\r\n");
    stage_clears();
    an_answer_breaks_the_connection("set k1 0 0 1\r\na\r\n", "END\r\n");
    stage_clears();
    an_answer_breaks_the_connection("delete k1\r\n", "VALUE k1 0 1\r\nx\r\nEND\r\n");
    stage_clears();
    an_answer_breaks_the_connection("incr k1 1\r\n", "TOUCHED\r\n");
}

static void a_value_without_its_line_end_closes(void **state)
{
    an_answer_breaks_the_connection("get k1\r\n", "VALUE k1 0 1\r\nxyz\r\nEND\r\n");
}

static void impossible_lengths_close(void **state)
{
    static const char *const lengths[] = {"4294967293",
                                          "2147483647",
                                          "-1",
                                          "",
                                          "x",
                                          "1e3",
                                          "18446744073709551615",
                                          "99999999999",
                                          "0x10",
                                          "1 2 3",
                                          "1,2",
                                          "999999999999999999999999999999"};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        an_answer_breaks_the_connection("get k1\r\n",
                                        textf("VALUE k1 0 %s\r\nabc\r\nEND\r\n", lengths[i]));
        stage_clears();
    }
}

static void a_line_without_end_closes(void **state)
{
    char *line = stage_memory(100001);
    memset(line, 'A', 100000);
    an_answer_breaks_the_connection("incr k1 1\r\n", line);
}

static void bytes_behind_an_answer_close_when_nothing_is_asked(void **state)
{
    struct backend *b = backend_listens();
    struct client *c =
        client_connects(moongate_start(script_of_one(backend_address(b), "timeout = 60"), NULL));

    client_sends(c, "get k1\r\n");
    backend_sees(b, "get k1\r\n");
    backend_answers(b, textf("%sgarbage\r\n", hit_and_end("k1", "x")));
    client_sees(c, hit_and_end("k1", "x"));
    all_is_well_on_a_new_connection(c, b);
}

static void unsolicited_bytes_close_an_idle_connection(void **state)
{
    static const char *const bytes[] = {"x", "END\r\n", "STORED\r\n",
                                        "VALUE well 0 3\r\nbad\r\nEND\r\n"};
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        struct backend *b = backend_listens();
        struct client *c = client_connects(
            moongate_start(script_of_one(backend_address(b), "timeout = 60"), NULL));
        backend_answers(b, bytes[i]);
        all_is_well_on_a_new_connection(c, b);
        stage_clears();
    }
}

static void an_answer_too_many_reaches_nobody(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), "timeout = 60"), NULL);
    struct client *c = client_connects(m), *other = client_connects(m);

    client_sends(c, "get k1\r\n");
    backend_sees(b, "get k1\r\n");
    backend_answers(b, "END\r\nVALUE k2 0 4\r\nevil\r\nEND\r\n");
    client_sees(c, "END\r\n");
    backend_sees_closed(b);
    backend_sees_links(b, 2);
    client_sees_nothing_more(other);
    get_finds(other, "k2", b, "k2", "good");
}

/* Values that came whole may be passed on; then comes one error line, never half a value. */
static void client_sees_whole_values_and_an_error(struct client *c, size_t cut)
{
    const char *line = client_sees_line(c);
    if (strcmp(line, "VALUE k1 0 5") == 0) {
        client_sees(c, "hello\r\n");
        line = client_sees_line(c);
    }
    if (strcmp(line, "VALUE k2 0 1") == 0) {
        client_sees(c, "x\r\n");
        line = client_sees_line(c);
    }
    if (strncmp(line, "SERVER_ERROR ", 13) != 0) stage_fails("cut at %zu: %s", cut, line);
    client_sees_nothing_more(c);
}

static void a_backend_that_dies_within_a_value_fails_the_whole_request(void **state)
{
    static const char answer[] = "VALUE k1 0 5\r\nhello\r\nVALUE k2 0 1\r\nx\r\nEND\r\n";

    for (size_t cut = 3; cut < sizeof answer - 1; cut += 3) {
        struct backend *b = backend_listens();
        struct client *c = client_connects(
            moongate_start(script_of_one(backend_address(b), "timeout = 60"), NULL));
        client_sends(c, "get k1 k2\r\n");
        backend_sees(b, "get k1 k2\r\n");
        backend_answers_bytes(b, answer, cut);
        backend_closes(b);
        client_sees_whole_values_and_an_error(c, cut);
        stage_clears();
    }
}

/* Long lines, of which nothing may be cut and behind which nothing may come. A name that is too long for a statistic is left out. */
static void long_lines_of_a_server_stay_within_their_bounds(void **state)
{
    enum { LONG = 900 };
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));
    char word[LONG + 1];
    memset(word, 'x', LONG);
    word[LONG] = '\0';
    client_sends(c, "stats items\r\n");
    backend_sees(b, "stats items\r\n");
    backend_answers(b, textf("STAT %.255s %s\r\nSTAT %s 1\r\nEND\r\n", word, word, word));
    client_sees(c, textf("STAT %.255s %s\r\nEND\r\n", word, word));
    client_sends(c, "stats slabs\r\n");
    backend_sees(b, "stats slabs\r\n");
    backend_answers(b, textf("SERVER_ERROR%s%s\r\n", word, word));
    client_sees(
        c, textf("STAT error:%s failed: SERVER_ERROR%.468s\r\nEND\r\n", backend_address(b), word));
    client_sends(c, "flush_all\r\n");
    backend_sees(b, "flush_all\r\n");
    backend_answers(b, textf("SERVER_ERROR%s%s\r\n", word, word));
    client_sees(c, textf("SERVER_ERROR%.468s\r\n", word));
    client_sees_nothing_more(c);
}

/* --- in time, but oddly ---------------------------------------------------------------------- */

static void passes(double seconds)
{
    for (double end = stage_now() + seconds; stage_now() < end;) stage_turns(1);
}

static void an_answer_of_one_byte_each_ten_milliseconds_is_an_answer(void **state)
{
    struct backend *b = backend_listens();
    struct client *c =
        client_connects(moongate_start(script_of_one(backend_address(b), "timeout = 5"), NULL));
    const char *answer = textf("STORED\r\n%sVA 2 kk1\r\nab\r\n", hit_and_end("k1", "ab"));

    client_sends(c, "set k1 0 0 2\r\nab\r\nget k1\r\nmg k1 v k\r\n");
    backend_sees(b, "set k1 0 0 2\r\nab\r\nget k1\r\nmg k1 v k\r\n");
    for (const char *at = answer; *at; at++) {
        backend_answers_bytes(b, at, 1);
        passes(0.01);
    }
    client_sees(c, answer);
    client_sees_nothing_more(c);
    assert_int_equal(backend_links(b), 1);
    assert_int_equal(stat_number(c, "servers", textf("%s:falls", backend_address(b))), 0);
}

static void a_late_answer_reaches_nobody_and_those_behind_it_are_right(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        script_of_one(backend_address(b), "timeout = 0.5, stall_timeout = 60"), NULL);
    struct client *one = client_connects(m), *two = client_connects(m), *three = client_connects(m);

    client_sends(one, "get k\r\n");
    backend_sees(b, "get k\r\n");
    client_sees(one, textf("%stimeout\r\n", failure_of(backend_address(b))));
    client_sends(two, "get k\r\n");
    backend_sees(b, "get k\r\n");
    client_sends(three, "get k\r\n");
    backend_sees(b, "get k\r\n");
    passes(0.2);
    backend_answers(b, hit_and_end("k", "A"));
    passes(0.05);
    client_has_nothing_yet(two);
    client_has_nothing_yet(three);
    backend_answers(b, hit_and_end("k", "B"));
    backend_answers(b, hit_and_end("k", "C"));
    client_sees(two, hit_and_end("k", "B"));
    client_sees(three, hit_and_end("k", "C"));
    client_sees_nothing_more(one);
    assert_int_equal(backend_links(b), 1);
}

/* Cut at every byte of it: the reply is an error and nothing else. */
static void half_a_value_and_then_silence_is_one_whole_error(void **state)
{
    static const char answer[] = "VALUE k 0 5\r\nhello\r\nEND\r\n";
    struct backend *b = backend_listens();
    const char *options = "timeout = 0.05, stall_timeout = 60, failure_limit = 1000";
    struct client *c =
        client_connects(moongate_start(script_of_one(backend_address(b), options), NULL));

    for (size_t cut = 1; cut < sizeof answer - 1; cut++) {
        client_sends(c, "get k\r\n");
        backend_sees(b, "get k\r\n");
        backend_answers_bytes(b, answer, cut);
        client_sees(c, textf("%stimeout\r\n", failure_of(backend_address(b))));
        client_sees_nothing_more(c);
        backend_answers(b, answer + cut);
    }
    assert_int_equal(backend_links(b), 1);
}

static void a_meta_answer_to_another_request_closes(void **state)
{
    static const char *const plays[][2] = {
        {"mg k1 v O123\r\n", "VA 1 O124\r\nx\r\n"},
        {"mg k1 v k\r\n", "VA 1 kk2\r\nx\r\n"},
        {"mg k1 v k O1\r\n", "VA 1 kk1 O11\r\nx\r\n"},
        {"ms k1 1 O7\r\nx\r\n", "HD O8\r\n"},
        {"md k1 O7\r\n", "NF O\r\n"},
        {"ma k1 k\r\n", "HD kk12\r\n"},
        {"me k1\r\n", "ME k2 exp=-1 la=0 cas=1 fetch=no cls=1 size=63\r\n"},
        {"me azE= b\r\n", "ME k2 exp=-1 la=0 cas=1 fetch=no cls=1 size=63\r\n"},
        {"me k1\r\n", "ME azI= exp=-1 la=0 cas=1 fetch=no cls=1 size=63\r\n"},
        /* What was asked for and is left out */
        {"mg k1 v O1\r\n", "VA 1\r\nx\r\n"},
        {"mg k1 v k\r\n", "VA 1\r\nx\r\n"},
        {"mg k1 t k O1\r\n", "HD kk1 t-1\r\n"},
        {"ms k1 1 O1\r\nx\r\n", "HD\r\n"},
        /* What this command never says */
        {"ms k1 1\r\nx\r\n", "VA 1\r\nx\r\n"},
        {"mg k1 v\r\n", "NS\r\n"},
        {"md k1\r\n", "EN\r\n"},
    };
    for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
        an_answer_breaks_the_connection(plays[i][0], plays[i][1]);
        stage_clears();
    }
}

/* The call that waits is not sent yet, so nobody can have answered it. */
static void bytes_behind_the_answer_to_version_are_nobodys(void **state)
{
    struct backend *b = backend_listens();
    backend_stays_silent(b);
    struct moongate *m = moongate_start(
        script_of_one(backend_address(b), "timeout = 60, connect_timeout = 60"), NULL);
    struct client *c = client_connects(m);

    backend_sees(b, "version\r\n");
    client_sends(c, "get k1\r\n");
    stat_becomes(client_connects(m), "servers", textf("%s:in_flight", backend_address(b)), "1");
    backend_answers(b, "VERSION 1.6.18\r\nEND\r\n");
    client_sees_line_starting(c, textf("%sdesync: ", failure_of(backend_address(b))));
    backend_sees_closed(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(long_lines_of_a_server_stay_within_their_bounds),
        play(a_value_for_another_key_closes),
        play(a_value_for_a_longer_key_closes),
        play(a_value_for_a_shorter_key_closes),
        play(a_second_value_for_one_key_closes),
        play(garbage_closes),
        play(an_answer_of_another_command_closes),
        play(a_value_without_its_line_end_closes),
        play(impossible_lengths_close),
        play(a_line_without_end_closes),
        play(bytes_behind_an_answer_close_when_nothing_is_asked),
        play(unsolicited_bytes_close_an_idle_connection),
        play(an_answer_too_many_reaches_nobody),
        play(a_backend_that_dies_within_a_value_fails_the_whole_request),
        play(an_answer_of_one_byte_each_ten_milliseconds_is_an_answer),
        play(a_late_answer_reaches_nobody_and_those_behind_it_are_right),
        play(half_a_value_and_then_silence_is_one_whole_error),
        play(a_meta_answer_to_another_request_closes),
        play(bytes_behind_the_answer_to_version_are_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
