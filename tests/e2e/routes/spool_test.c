/* mg.spool_deletes in front of a played server and a played spooler: which deletes are kept, what the client learns and when, that
 * nothing else reaches a server for which deletes wait, and how they are replayed. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/spooler.h"
#include "lib/stage.h"

#include <signal.h>
#include <string.h>

static struct backend *b;
static struct spooler *spooler;
static struct moongate *m;
static struct client *c;
static const char *server;

#define GATED "spooled deletes wait"

static void prepare(void)
{
    b = backend_listens();
    server = backend_address(b);
    spooler = spooler_listens();
}

/* options: of the pool. */
static void begin(const char *options)
{
    m = moongate_start(textf(MG "local pool = mg.pool { '%s', probe_max = 0.1%s }\n"
                                "return mg.spool_deletes { pool, dir = '%s' }\n",
                             server, options, spooler_dir(spooler)),
                       NULL);
    c = client_connects(m);
}

static void server_goes(void)
{
    backend_stops_listening(b);
    backend_closes(b);
    client_asks_until(c, "touch probe 0\r\n",
                      textf("SERVER_ERROR %s Connection refused\r\n", server));
}

static const char *gated(void)
{
    return textf("SERVER_ERROR %s " GATED "\r\n", server);
}

/* The delete that was said last is on the disk. */
static void is_kept(uint64_t number)
{
    spooler_says(spooler, SPOOL_STATE, 1, server);
    spooler_says(spooler, SPOOL_KEPT, number, NULL);
}

/* --- what is kept ------------------------------------------------------------------------------ */

static void a_delete_that_is_answered_is_not_kept(void **state)
{
    prepare();
    begin("");
    client_sends(c, "delete k\r\ndelete l noreply\r\nmd m I T30 q\r\n");
    backend_sees(b, "delete k\r\ndelete l\r\nmd m I T30\r\n");
    backend_answers(b, "DELETED\r\nNOT_FOUND\r\nHD\r\n");
    client_sees(c, "DELETED\r\n");
    client_sees_nothing_more(c);
    spooler_has_nothing_yet(spooler);
}

static void a_delete_of_a_server_that_is_down_is_answered_when_it_is_kept(void **state)
{
    prepare();
    begin("");
    server_goes();
    client_sends(c, "delete k\r\n");
    uint64_t number = spooler_sees_keep(spooler, server, "delete k\r\n");
    client_has_nothing_yet(c);
    is_kept(number);
    client_sees(c, "NOT_FOUND\r\n");
    client_sees_nothing_more(c);
}

/* sent: by the client; kept: the line for the disk; seen: by the client. */
static const struct {
    const char *sent, *kept, *seen;
} forms[] = {
    {"delete k\r\n", "delete k\r\n", "NOT_FOUND\r\n"},
    {"delete k 0\r\n", "delete k\r\n", "NOT_FOUND\r\n"},
    {"delete k noreply\r\n", "delete k\r\n", ""},
    {"delete noreply 0\r\n", "delete noreply 0\r\n", "NOT_FOUND\r\n"},
    {"md k\r\n", "md k\r\n", "NF\r\n"},
    {"md k q\r\n", "md k\r\n", "NF\r\n"},
    {"md k I T30 Oab k\r\n", "md k I T30 Oab k\r\n", "NF Oab kk\r\n"},
    {"md AAEC b\r\n", "md AAEC b\r\n", "NF\r\n"},
};

static void every_form_of_a_delete_is_kept_as_it_would_be_sent(void **state)
{
    prepare();
    begin("");
    server_goes();
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        client_sends(c, forms[i].sent);
        is_kept(spooler_sees_keep(spooler, server, forms[i].kept));
        client_sees(c, forms[i].seen);
        client_sees_nothing_more(c);
    }
}

static void a_delete_that_times_out_is_kept(void **state)
{
    prepare();
    begin(", timeout = 0.2, failure_limit = 100");
    client_sends(c, "delete k\r\n");
    backend_sees(b, "delete k\r\n");
    is_kept(spooler_sees_keep(spooler, server, "delete k\r\n"));
    client_sees(c, "NOT_FOUND\r\n");
    client_asks(c, "get k\r\n", gated());
}

static void a_delete_whose_connection_is_lost_is_kept(void **state)
{
    prepare();
    begin("");
    client_sends(c, "delete k\r\n");
    backend_sees(b, "delete k\r\n");
    backend_closes(b);
    is_kept(spooler_sees_keep(spooler, server, "delete k\r\n"));
    client_sees(c, "NOT_FOUND\r\n");
    client_asks(c, "get k\r\n", gated());
}

/* A get whose connection is lost is sent once more: not past a delete that came before it. */
static void what_a_client_has_sent_behind_a_delete_does_not_overtake_it(void **state)
{
    prepare();
    begin("");
    client_sends(c, "delete k\r\nget k\r\n");
    backend_sees(b, "delete k\r\nget k\r\n");
    backend_closes(b);
    is_kept(spooler_sees_keep(spooler, server, "delete k\r\n"));
    client_sees(c, "NOT_FOUND\r\n");
    client_sees(c, gated());
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    backend_has_nothing_yet(b);
}

static void an_error_of_the_server_keeps_the_delete_and_one_of_the_client_does_not(void **state)
{
    prepare();
    begin("");
    client_sends(c, "delete k\r\n");
    backend_sees(b, "delete k\r\n");
    backend_answers(b, "CLIENT_ERROR no\r\n");
    client_sees(c, "CLIENT_ERROR no\r\n");
    client_sends(c, "delete k\r\n");
    backend_sees(b, "delete k\r\n");
    backend_answers(b, "SERVER_ERROR busy\r\n");
    uint64_t number = spooler_sees_keep(spooler, server, "delete k\r\n");
    spooler_refuses(spooler, server, number, "the spool is full");
    client_sees(c, "SERVER_ERROR SERVER_ERROR busy; not kept: the spool is full\r\n");
}

static void what_compares_a_cas_and_what_stores_is_not_kept(void **state)
{
    prepare();
    begin("");
    server_goes();
    client_asks(c, "md k C7\r\n", textf("SERVER_ERROR %s Connection refused\r\n", server));
    client_asks(c, "set k 0 0 1\r\nx\r\n", textf("SERVER_ERROR %s Connection refused\r\n", server));
    client_asks(c, "touch k 1\r\n", textf("SERVER_ERROR %s Connection refused\r\n", server));
    spooler_has_nothing_yet(spooler);
}

/* --- what is not kept -------------------------------------------------------------------------- */

static void a_spooler_that_does_not_answer_costs_a_timeout(void **state)
{
    prepare();
    begin(", timeout = 0.3");
    server_goes();
    client_sends(c, "delete k\r\n");
    (void)spooler_sees_keep(spooler, server, "delete k\r\n");
    client_sees(c, textf("SERVER_ERROR %s Connection refused; not kept: the spooler has not "
                         "answered in time\r\n",
                         server));
    client_sees_nothing_more(c);
}

static void a_delete_that_is_refused_opens_the_gate_when_nothing_else_waits(void **state)
{
    prepare();
    begin("");
    client_sends(c, "delete k\r\n");
    backend_sees(b, "delete k\r\n");
    backend_answers(b, "SERVER_ERROR busy\r\n");
    uint64_t number = spooler_sees_keep(spooler, server, "delete k\r\n");
    client_asks(client_connects(m), "get k\r\n", gated());
    spooler_refuses(spooler, server, number, "the disk is full");
    spooler_says(spooler, SPOOL_STATE, 0, server);
    client_sees(c, "SERVER_ERROR SERVER_ERROR busy; not kept: the disk is full\r\n");
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
}

/* --- the gate ---------------------------------------------------------------------------------- */

static void nothing_but_deletes_reaches_a_server_for_which_deletes_wait(void **state)
{
    static const char *const refused[] = {"get k\r\n",     "gat 0 k\r\n", "set k 0 0 1\r\nx\r\n",
                                          "incr k 1\r\n",  "mg k v\r\n",  "ms k 1\r\nx\r\n",
                                          "touch k 1\r\n", "ma k\r\n"};
    prepare();
    spooler_has(spooler, server, 1);
    begin("");
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        client_asks(c, refused[i], gated());
    backend_has_nothing_yet(b);
    client_sends(c, "delete k\r\nmd l\r\n");
    backend_sees(b, "delete k\r\nmd l\r\n");
    backend_answers(b, "DELETED\r\nHD\r\n");
    client_sees(c, "DELETED\r\nHD\r\n");
    spooler_says(spooler, SPOOL_STATE, 0, server);
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
}

static void a_state_of_before_does_not_open_the_gate(void **state)
{
    prepare();
    begin("");
    server_goes();
    client_sends(c, "delete k\r\n");
    uint64_t number = spooler_sees_keep(spooler, server, "delete k\r\n");
    spooler_says(spooler, SPOOL_STATE, 0, server);
    backend_listens_again(b);
    is_kept(number);
    client_sees(c, "NOT_FOUND\r\n");
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    client_asks(c, "get k\r\n", gated());
}

static void a_worker_waits_for_the_first_words_of_its_spooler(void **state)
{
    prepare();
    spooler_has(spooler, server, 1);
    spooler_stays_silent(spooler);
    begin("");
    moongate_sees_log(m, "no spooler has said for which servers deletes wait");
    client_asks(c, "get k\r\n", gated());
}

/* --- replay ------------------------------------------------------------------------------------ */

static void what_waits_is_replayed_in_order_before_anything_is_read(void **state)
{
    prepare();
    spooler_has(spooler, server, 3);
    begin("");
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    spooler_gives(spooler, server, 7, "delete a\r\n", "md b I T30\r\n", NULL);
    backend_sees(b, "delete a\r\nmd b I T30\r\n");
    client_asks(c, "get a\r\n", gated());
    backend_answers(b, "DELETED\r\nNF\r\n");
    assert_int_equal(spooler_sees(spooler, SPOOL_DONE, server), 8);
    spooler_gives(spooler, server, 9, "md AAEC b\r\n", NULL);
    backend_sees(b, "md AAEC b\r\n");
    backend_answers(b, "HD\r\n");
    assert_int_equal(spooler_sees(spooler, SPOOL_DONE, server), 9);
    client_asks(c, "get a\r\n", gated());
    spooler_says(spooler, SPOOL_STATE, 0, server);
    client_sends(c, "get a\r\n");
    backend_sees(b, "get a\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
    assert_int_equal(stat_number(c, "servers", textf("%s:replayed", server)), 3);
}

static void what_the_server_did_not_answer_stays_with_the_spooler(void **state)
{
    prepare();
    spooler_has(spooler, server, 3);
    begin("");
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    spooler_gives(spooler, server, 1, "delete a\r\n", "delete b\r\n", "delete c\r\n", NULL);
    backend_sees(b, "delete a\r\ndelete b\r\ndelete c\r\n");
    backend_answers(b, "DELETED\r\nSERVER_ERROR no\r\nDELETED\r\n");
    assert_int_equal(spooler_sees(spooler, SPOOL_DONE, server), 1);
    (void)spooler_sees(spooler, SPOOL_LEAVE, server);
    spooler_says(spooler, SPOOL_STATE, 2, server);
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    spooler_gives(spooler, server, 2, "delete b\r\n", "delete c\r\n", NULL);
    backend_sees(b, "delete b\r\ndelete c\r\n");
    backend_closes(b);
    (void)spooler_sees(spooler, SPOOL_LEAVE, server);
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    client_asks(c, "get a\r\n", gated());
}

static void words_that_the_server_does_not_know_become_a_plain_delete(void **state)
{
    prepare();
    spooler_has(spooler, server, 2);
    begin("");
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    spooler_gives(spooler, server, 1, "md a x\r\n", "delete b\r\n", NULL);
    backend_sees(b, "md a x\r\ndelete b\r\n");
    backend_answers(b, "CLIENT_ERROR invalid flag\r\nDELETED\r\n");
    backend_sees(b, "delete a\r\n");
    backend_answers(b, "CLIENT_ERROR no\r\n");
    assert_int_equal(spooler_sees(spooler, SPOOL_DONE, server), 2);
    moongate_sees_log(m, "a spooled delete is left out: the server says CLIENT_ERROR no");
}

static void a_lease_of_another_worker_is_waited_for(void **state)
{
    prepare();
    spooler_has(spooler, server, 1);
    begin("");
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    spooler_says(spooler, SPOOL_LEASED, 0, server);
    client_asks(c, "get a\r\n", gated());
    spooler_has_nothing_yet(spooler);
    spooler_says(spooler, SPOOL_STATE, 1, server);
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
}

/* --- a spooler that goes ----------------------------------------------------------------------- */

static void what_was_said_is_said_again_to_the_next_spooler(void **state)
{
    prepare();
    begin("");
    server_goes();
    client_sends(c, "delete a\r\n");
    (void)spooler_sees_keep(spooler, server, "delete a\r\n");
    spooler_dies(spooler);
    client_sends(c, "delete b\r\n");
    client_has_nothing_yet(c);
    spooler_is_back(spooler);
    uint64_t number = spooler_sees_keeps(spooler, server, 2);
    assert_int_equal(number, 2);
    is_kept(number);
    client_sees(c, "NOT_FOUND\r\nNOT_FOUND\r\n");
}

static void the_gate_stays_closed_while_there_is_no_spooler(void **state)
{
    prepare();
    spooler_has(spooler, server, 1);
    begin("");
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    spooler_gives(spooler, server, 1, "delete a\r\n", NULL);
    backend_sees(b, "delete a\r\n");
    spooler_dies(spooler);
    moongate_sees_log(m, "no spooler: ");
    client_asks(c, "get a\r\n", gated());
    backend_answers(b, "DELETED\r\n");
    spooler_has(spooler, server, 0);
    spooler_is_back(spooler);
    moongate_sees_log(m, "there is a spooler");
    client_sends(c, "get a\r\n");
    backend_sees(b, "get a\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
}

static void a_spooler_that_talks_nonsense_is_left(void **state)
{
    prepare();
    spooler_has(spooler, server, 1);
    begin("");
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    spooler_says_garbage(spooler);
    spooler_sees_links(spooler, 2);
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    client_asks(c, "get a\r\n", gated());
}

/* --- the end ----------------------------------------------------------------------------------- */

static void a_drain_waits_for_what_is_being_kept(void **state)
{
    prepare();
    begin("");
    server_goes();
    client_sends(c, "delete a\r\n");
    uint64_t number = spooler_sees_keep(spooler, server, "delete a\r\n");
    moongate_signal(m, SIGTERM);
    moongate_sees_log(m, "draining");
    client_has_nothing_yet(c);
    is_kept(number);
    client_sees(c, "NOT_FOUND\r\n");
    client_sees_closed(c);
    moongate_exits(m, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_delete_that_is_answered_is_not_kept),
        play(a_delete_of_a_server_that_is_down_is_answered_when_it_is_kept),
        play(every_form_of_a_delete_is_kept_as_it_would_be_sent),
        play(a_delete_that_times_out_is_kept),
        play(a_delete_whose_connection_is_lost_is_kept),
        play(what_a_client_has_sent_behind_a_delete_does_not_overtake_it),
        play(an_error_of_the_server_keeps_the_delete_and_one_of_the_client_does_not),
        play(what_compares_a_cas_and_what_stores_is_not_kept),
        play(a_spooler_that_does_not_answer_costs_a_timeout),
        play(a_delete_that_is_refused_opens_the_gate_when_nothing_else_waits),
        play(nothing_but_deletes_reaches_a_server_for_which_deletes_wait),
        play(a_state_of_before_does_not_open_the_gate),
        play(a_worker_waits_for_the_first_words_of_its_spooler),
        play(what_waits_is_replayed_in_order_before_anything_is_read),
        play(what_the_server_did_not_answer_stays_with_the_spooler),
        play(words_that_the_server_does_not_know_become_a_plain_delete),
        play(a_lease_of_another_worker_is_waited_for),
        play(what_was_said_is_said_again_to_the_next_spooler),
        play(the_gate_stays_closed_while_there_is_no_spooler),
        play(a_spooler_that_talks_nonsense_is_left),
        play(a_drain_waits_for_what_is_being_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
