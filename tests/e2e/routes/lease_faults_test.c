/* mg.lease against a server that is played: who looks and how often, and what happens where an answer is an error, or comes too late, or
 * nobody is there to get it. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <string.h>

#define ASKED  "mg k v f c t k N30\r\n"
#define LOOKED "mg k s f c t k\r\n"
#define WON    "VA 0 f0 c7 t30 kk W\r\n\r\n"
#define TAKEN  "VA 0 f0 c7 t30 kk Z\r\n\r\n"
#define THERE  "VA 1 f0 c9 t-1 kk\r\nx\r\n"

static struct backend *a;
static struct moongate *m;

static struct client *over(const char *options)
{
    a = backend_listens();
    m = moongate_start(textf(MG
                             "return mg.lease { mg.pool { '%s', timeout = 60 }, ttl = 30, %s }\n",
                             backend_address(a), options),
                       NULL);
    return client_connects(m);
}

/* What clients did before has been acted on. */
static void settles(void)
{
    struct client *c = client_connects(m);
    client_sends(c, "verbosity 1\r\nmn\r\n");
    client_sees(c, "OK\r\nMN\r\n");
}

/* The client misses the key, and the server is asked who has won it. */
static void misses(struct client *c)
{
    client_sends(c, "get k\r\n");
    backend_sees(a, "get k\r\n");
    backend_answers(a, "END\r\n");
}

/* The same for both; then one has asked for both. */
static void both_miss(struct client *one, struct client *other)
{
    client_sends(one, "get k\r\n");
    backend_sees(a, "get k\r\n");
    client_sends(other, "gets k\r\n");
    backend_sees(a, "gets k\r\n");
    backend_answers(a, "END\r\nEND\r\n");
    backend_sees(a, ASKED);
    settles();
    backend_has_nothing_yet(a);
}

static void waits(struct client *c)
{
    misses(c);
    backend_sees(a, ASKED);
    backend_answers(a, TAKEN);
}

/* --- looks -------------------------------------------------------------------------------------- */

static void those_that_wait_for_a_key_share_their_looks(void **state)
{
    struct client *c[4];
    c[0] = over("wait = 60");
    waits(c[0]);
    for (int i = 1; i < 4; i++) {
        c[i] = client_connects(m);
        client_sends(c[i], i == 3 ? "gets k\r\n" : "get k\r\n");
    }
    /* Looks come in between, and only looks of one. */
    for (int gets = 0, looks = 0; gets < 2 || looks < 4;) { /* equal gets share a call */
        const char *line = backend_sees_line(a);
        bool is_look = strncmp(line, "mg ", 3) == 0;
        if (is_look) assert_string_equal(textf("%s\r\n", line), ASKED);
        backend_answers(a, is_look ? TAKEN : "END\r\n");
        gets += !is_look;
        looks += is_look;
    }
    for (int i = 0; i < 4; i++) client_has_nothing_yet(c[i]);
    backend_sees(a, ASKED);
    backend_answers(a, THERE);
    for (int i = 0; i < 3; i++) client_sees(c[i], hit_and_end("k", "x"));
    client_sees(c[3], "VALUE k 0 1 9\r\nx\r\nEND\r\n");
    client_sends(c[0], "get j\r\n");
    backend_sees(a, "get j\r\n"); /* nobody looks any more */
    backend_answers(a, hit_and_end("j", "1"));
    client_sees(c[0], hit_and_end("j", "1"));
}

static void while_one_asks_others_wait_for_its_answer(void **state)
{
    struct client *one = over("wait = 60"), *other = client_connects(m);
    both_miss(one, other);
    backend_answers(a, WON);
    client_sees(one, "END\r\n");
    backend_sees(a, ASKED);
    backend_answers(a, THERE);
    client_sees(other, "VALUE k 0 1 9\r\nx\r\nEND\r\n");
}

static void too_many_do_not_wait(void **state)
{
    struct client *one = over("wait = 60, waiting = 1"), *other = client_connects(m);
    waits(one);
    client_sends(other, "get k\r\n");
    for (bool seen = false; !seen;) {
        const char *line = backend_sees_line(a);
        seen = strcmp(line, "get k") == 0;
        backend_answers(a, seen ? "END\r\n" : TAKEN);
    }
    client_sees(other, "END\r\n");
    backend_sees(a, ASKED);
    backend_answers(a, WON); /* the placeholder has ended */
    client_sees(one, "END\r\n");
}

/* --- wins that nobody gets ---------------------------------------------------------------------- */

static void a_win_whose_client_has_gone_is_handed_back(void **state)
{
    struct client *gone = over("wait = 60");
    misses(gone);
    backend_sees(a, ASKED);
    client_resets(gone);
    settles();
    backend_answers(a, WON);
    backend_sees(a, "md k C7\r\n");
    backend_answers(a, "HD\r\n");
}

/* It may still read, but sends no set. */
static void a_win_whose_client_has_closed_its_side_is_handed_back(void **state)
{
    struct client *ends = over("wait = 60"), *other = client_connects(m);
    misses(ends);
    backend_sees(a, ASKED);
    client_half_closes(ends);
    settles();
    backend_answers(a, WON);
    backend_sees(a, "md k C7\r\n");
    backend_answers(a, "HD\r\n");
    client_sees(ends, "END\r\n");
    client_sees_closed(ends);
    client_sends(other, "get k\r\n");
    backend_sees(a, "get k\r\n");
    backend_answers(a, "END\r\n");
    backend_sees(a, ASKED);
    backend_answers(a, WON);
    client_sees(other, "END\r\n");
}

static void one_that_waits_and_goes_leaves_the_look_to_the_next(void **state)
{
    struct client *gone = over("wait = 60"), *stays = client_connects(m);
    both_miss(gone, stays);
    client_resets(gone);
    settles();
    backend_answers(a, TAKEN);
    backend_sees(a, ASKED);
    backend_answers(a, TAKEN);
    backend_sees(a, ASKED);
    backend_answers(a, THERE);
    client_sees(stays, "VALUE k 0 1 9\r\nx\r\nEND\r\n");
}

static void a_win_that_comes_too_late_is_handed_back(void **state)
{
    struct client *c = over("wait = 0.02");
    waits(c);
    backend_sees(a, ASKED);
    client_sees(c, "END\r\n");
    backend_answers(a, WON);
    backend_sees(a, "md k C7\r\n");
    backend_answers(a, "HD\r\n");
    client_sees_nothing_more(c);
}

static void a_win_of_an_old_item_is_handed_back_with_its_mark(void **state)
{
    struct client *gone = over("wait = 60, stale = 60");
    client_sends(gone, "get k\r\n");
    backend_sees(a, "mg k v f c t k\r\n");
    client_resets(gone);
    settles();
    backend_answers(a, "VA 1 f0 c7 t50 kk X W\r\nx\r\n");
    backend_sees(a, "md k C7 I\r\n");
    backend_answers(a, "HD\r\n");
}

static void a_set_that_fails_leaves_no_placeholder(void **state)
{
    struct client *c = over("wait = 60");
    misses(c);
    backend_sees(a, ASKED);
    backend_answers(a, WON);
    client_sees(c, "END\r\n");
    client_sends(c, "set k 0 0 1\r\nx\r\n");
    backend_sees(a, "set k 0 0 1\r\nx\r\n");
    backend_answers(a, "SERVER_ERROR out of memory storing object\r\n");
    client_sees(c, "SERVER_ERROR out of memory storing object\r\n");
    backend_sees(a, LOOKED);
    backend_answers(a, "HD s0 f0 c7 t20 kk Z\r\n");
    backend_sees(a, "md k C7\r\n");
    backend_answers(a, "HD\r\n");
    client_sends(c, "ms k 1\r\nx\r\n");
    backend_sees(a, "ms k 1\r\nx\r\n");
    backend_answers(a, "SERVER_ERROR out of memory storing object\r\n");
    client_sees(c, "SERVER_ERROR out of memory storing object\r\n");
    backend_sees(a, LOOKED);
    backend_answers(a, "HD s5 f0 c8 t-1 kk\r\n");
    client_sees_nothing_more(c);
    backend_has_nothing_yet(a);
}

/* --- errors ------------------------------------------------------------------------------------- */

static void an_error_is_the_answer_for_all_that_wait(void **state)
{
    struct client *one = over("wait = 60"), *other = client_connects(m);
    both_miss(one, other);
    backend_answers(a, "SERVER_ERROR busy\r\n");
    client_sees(one, "SERVER_ERROR busy\r\n");
    client_sees(other, "SERVER_ERROR busy\r\n");
    both_miss(one, other);
    backend_stops_listening(a);
    backend_closes(a);
    client_sees_line_starting(one, failure_of(backend_address(a)));
    client_sees_line_starting(other, failure_of(backend_address(a)));
}

static void a_look_that_fails_is_no_reason_not_to_delete(void **state)
{
    struct client *c = over("wait = 60");
    client_sends(c, "delete k\r\n");
    backend_sees(a, LOOKED);
    backend_answers(a, "SERVER_ERROR busy\r\n");
    backend_sees(a, "delete k\r\n");
    backend_answers(a, "DELETED\r\n");
    client_sends(c, "append k 0 0 1\r\nx\r\n");
    client_sees(c, "DELETED\r\n");
    backend_sees(a, LOOKED);
    backend_answers(a, "SERVER_ERROR busy\r\n");
    client_sees(c, "SERVER_ERROR busy\r\n");
}

/* --- an item that changes ------------------------------------------------------------------------ */

static void a_change_falls_upon_no_other_item_than_was_looked_at(void **state)
{
    static const char *const changes[][3] = {
        {"append k 0 0 1\r\ny\r\n", "ms k 1 MA C9\r\ny\r\n", "NOT_STORED\r\n"},
        {"prepend k 0 0 1\r\ny\r\n", "ms k 1 MP C9\r\ny\r\n", "NOT_STORED\r\n"},
        {"replace k 5 0 1\r\ny\r\n", "cas k 5 0 1 9\r\ny\r\n", "NOT_STORED\r\n"},
        {"ms k 1 MA Ob\r\ny\r\n", "ms k 1 MA Ob C9\r\ny\r\n", "NS Ob\r\n"},
        {"ms k 1 MR\r\ny\r\n", "ms k 1 MR C9\r\ny\r\n", "NS\r\n"},
    };
    struct client *c = over("wait = 60");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        bool is_classic = strncmp(changes[i][1], "cas", 3) == 0;
        client_sends(c, changes[i][0]);
        backend_sees(a, LOOKED);
        backend_answers(a, "HD s1 f0 c9 t-1 kk\r\n");
        backend_sees(a, changes[i][1]);
        backend_answers(a, is_classic                    ? "EXISTS\r\n"
                           : strstr(changes[i][1], "Ob") ? "EX Ob\r\n"
                                                         : "EX\r\n");
        backend_sees(a, LOOKED);
        backend_answers(a, "HD s0 f0 c10 t30 kk Z\r\n");
        client_sees(c, changes[i][2]);
    }
}

static void what_changes_all_the_time_is_left_alone_or_deleted(void **state)
{
    struct client *c = over("wait = 60, stale = 60");
    client_sends(c, "delete k\r\n");
    for (int i = 0; i < 9; i++) {
        backend_sees(a, LOOKED);
        backend_answers(a, "HD s1 f0 c9 t-1 kk\r\n");
        backend_sees(a, "md k C9 I T60\r\n");
        backend_answers(a, "EX\r\n");
    }
    backend_sees(a, "delete k\r\n");
    backend_answers(a, "DELETED\r\n");
    client_sees(c, "DELETED\r\n");
    client_sends(c, "incr k 1\r\n");
    for (int i = 0; i < 9; i++) {
        backend_sees(a, LOOKED);
        backend_answers(a, "HD s1 f0 c9 t-1 kk\r\n");
        backend_sees(a, "ma k v D1 C9\r\n");
        backend_answers(a, "EX\r\n");
    }
    client_sees(c, "SERVER_ERROR mg.lease: the item changes too often\r\n");
    client_sees_nothing_more(c);
}

static void what_was_touched_in_vain_goes(void **state)
{
    struct client *c = over("wait = 60");
    client_sends(c, "touch k 100\r\n");
    backend_sees(a, LOOKED);
    backend_answers(a, "HD s1 f0 c9 t-1 kk\r\n");
    backend_sees(a, "mg k s f c t k T100\r\n");
    backend_answers(a, "HD s0 f0 c10 t30 kk Z\r\n");
    backend_sees(a, "md k C10\r\n");
    backend_answers(a, "HD\r\n");
    client_sees(c, "NOT_FOUND\r\n");
    client_sends(c, "gat 100 k\r\n");
    backend_sees(a, "mg k v f c t k\r\n");
    backend_answers(a, THERE);
    backend_sees(a, "mg k v f c t k T100\r\n");
    backend_answers(a, TAKEN);
    client_sees(c, "END\r\n");
    backend_sees(a, "md k C7\r\n");
    backend_answers(a, "HD\r\n");
}

/* A placeholder made incr fail; before it was looked at, the number came. */
static void a_count_is_tried_again_where_the_number_has_just_come(void **state)
{
    struct client *c = over("wait = 60");
    client_sends(c, "incr k 1\r\n");
    backend_sees(a, "incr k 1\r\n");
    backend_answers(a, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    backend_sees(a, LOOKED);
    backend_answers(a, "HD s1 f0 c9 t-1 kk\r\n");
    backend_sees(a, "incr k 1\r\n");
    backend_answers(a, "5\r\n");
    client_sees(c, "5\r\n");
}

/* --- servers without meta commands ---------------------------------------------------------------- */

static struct client *over_old(const char *options)
{
    a = backend_listens();
    backend_is(a, 2, "VERSION 1.4.15\r\n", "ERROR\r\n");
    m = moongate_start(textf(MG "return mg.lease { mg.pool { '%s', timeout = 60 }, ttl = 30%s }\n",
                             backend_address(a), options),
                       NULL);
    return client_connects(m);
}

static void a_server_without_meta_commands_is_named(void **state)
{
    struct client *c = over_old("");
    const char *error = textf("SERVER_ERROR %s does not know meta commands, which mg.lease needs: "
                              "see its option without_meta\r\n",
                              backend_address(a));
    misses(c);
    client_sees(c, error);
    client_sends(c, "append k 0 0 1\r\nx\r\n");
    client_sees(c, error);
    client_sends(c, "gat 5 k\r\n");
    client_sees(c, error);
    client_sends(c, "get k\r\n");
    backend_sees(a, "get k\r\n");
    backend_answers(a, hit_and_end("k", "x"));
    client_sees(c, hit_and_end("k", "x"));
    client_sends(c, "delete k\r\n");
    backend_sees(a, "delete k\r\n");
    backend_answers(a, "DELETED\r\n");
    client_sees(c, "DELETED\r\n");
}

static void or_is_a_plain_pool(void **state)
{
    static const char *const requests[][2] = {{"append k 0 0 1\r\nx\r\n", "NOT_STORED\r\n"},
                                              {"touch k 5\r\n", "NOT_FOUND\r\n"},
                                              {"incr k 5\r\n", "6\r\n"},
                                              {"delete k\r\n", "NOT_FOUND\r\n"}};
    struct client *c = over_old(", refresh = 60, without_meta = 'plain'"),
                  *other = client_connects(m);
    for (int i = 0; i < 2; i++) {
        client_sends(c, "get k\r\n");
        backend_sees(a, "get k\r\n");
        backend_answers(a, i ? "END\r\n" : hit_and_end("k", "x"));
        client_sees(c, i ? "END\r\n" : hit_and_end("k", "x"));
    }
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        client_sends(other, requests[i][0]);
        backend_sees(a, requests[i][0]);
        backend_answers(a, requests[i][1]);
        client_sees(other, requests[i][1]);
    }
    client_sends(c, "gat 5 k\r\n");
    client_sees_line_starting(c, "SERVER_ERROR");
}

/* --- a reload, and the end ------------------------------------------------------------------------ */

static void a_client_waits_on_after_a_reload(void **state)
{
    struct client *c = over("wait = 60");
    waits(c);
    backend_sees(a, ASKED);
    moongate_reloads(m, MG "return mg.null()\n");
    backend_answers(a, TAKEN);
    backend_sees(a, ASKED);
    backend_answers(a, THERE);
    client_sees(c, hit_and_end("k", "x"));
    client_asks(c, "get k\r\n", "END\r\n");
}

static void it_ends_cleanly_while_clients_wait(void **state)
{
    struct client *c = over("wait = 60"), *other = client_connects(m);
    waits(c);
    backend_sees(a, ASKED);
    client_sends(other, "delete j\r\n");
    backend_sees(a, "mg j s f c t k\r\n");
    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining");
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(those_that_wait_for_a_key_share_their_looks),
        play(while_one_asks_others_wait_for_its_answer),
        play(too_many_do_not_wait),
        play(a_win_whose_client_has_gone_is_handed_back),
        play(a_win_whose_client_has_closed_its_side_is_handed_back),
        play(one_that_waits_and_goes_leaves_the_look_to_the_next),
        play(a_win_that_comes_too_late_is_handed_back),
        play(a_win_of_an_old_item_is_handed_back_with_its_mark),
        play(a_set_that_fails_leaves_no_placeholder),
        play(an_error_is_the_answer_for_all_that_wait),
        play(a_look_that_fails_is_no_reason_not_to_delete),
        play(a_change_falls_upon_no_other_item_than_was_looked_at),
        play(what_changes_all_the_time_is_left_alone_or_deleted),
        play(what_was_touched_in_vain_goes),
        play(a_count_is_tried_again_where_the_number_has_just_come),
        play(a_server_without_meta_commands_is_named),
        play(or_is_a_plain_pool),
        play(a_client_waits_on_after_a_reload),
        play(it_ends_cleanly_while_clients_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
