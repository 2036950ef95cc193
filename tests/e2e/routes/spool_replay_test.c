/* mg.spool_deletes in front of a played server and a played spooler: how what waits is replayed, and what happens when the spooler goes,
 * or moongate ends. */
#include "e2e/routes/spooled.h"

#include <signal.h>

#include "lib/memcached.h"

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

/* The bytes of a key in base64 are never a line of their own. */
static void a_key_in_base64_stays_so_when_its_flags_go(void **state)
{
    prepare();
    spooler_has(spooler, server, 2);
    begin("");
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    spooler_gives(spooler, server, 1, "md YQ0KZmx1c2hfYWxs b x\r\n", "md YSBi x b\r\n", NULL);
    backend_sees(b, "md YQ0KZmx1c2hfYWxs b x\r\nmd YSBi x b\r\n");
    backend_answers(b, "CLIENT_ERROR invalid flag\r\nCLIENT_ERROR invalid flag\r\n");
    backend_sees(b, "md YQ0KZmx1c2hfYWxs b\r\nmd YSBi b\r\n");
    backend_answers(b, "HD\r\nNF\r\n");
    assert_int_equal(spooler_sees(spooler, SPOOL_DONE, server), 2);
}

/* A server without meta commands: md is said as a delete, and what no delete says becomes one. */
static void an_old_server_gets_the_words_that_it_knows(void **state)
{
    prepare();
    backend_is(b, 2, "VERSION 1.4.25\r\n", "ERROR\r\n");
    spooler_has(spooler, server, 3);
    begin("");
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    spooler_gives(spooler, server, 1, "md a k\r\n", "md b I T30\r\n", "delete noreply 0\r\n", NULL);
    backend_sees(b, "delete a\r\ndelete b\r\ndelete noreply 0\r\n");
    backend_answers(b, "DELETED\r\nNOT_FOUND\r\nDELETED\r\n");
    assert_int_equal(spooler_sees(spooler, SPOOL_DONE, server), 3);
}

static void a_server_in_the_binary_protocol_gets_frames(void **state)
{
    struct memcached *real = memcached_start(NULL);
    struct client *direct = client_connects_to(memcached_address(real));
    server = memcached_address(real);
    spooler = spooler_listens();
    spooler_has(spooler, server, 3);
    client_asks(direct, "set a 0 0 1\r\nx\r\n", "STORED\r\n");
    client_asks(direct, "set b 0 0 1\r\nx\r\n", "STORED\r\n");
    begin(", protocol = 'binary'");
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    client_asks(c, "get a\r\n", gated());
    spooler_gives(spooler, server, 1, "delete a\r\n", "md b I\r\n", "delete none\r\n", NULL);
    assert_int_equal(spooler_sees(spooler, SPOOL_DONE, server), 3);
    client_asks(direct, "get a b\r\n", "END\r\n");
    spooler_says(spooler, SPOOL_STATE, 0, server);
    client_asks(c, "get a\r\n", "END\r\n");
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

static void an_answer_that_comes_after_the_lease_is_not_told(void **state)
{
    prepare();
    spooler_has(spooler, server, 1);
    begin("");
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    spooler_gives(spooler, server, 1, "delete a\r\n", NULL);
    backend_sees(b, "delete a\r\n");
    spooler_dies(spooler);
    spooler_is_back(spooler);
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    spooler_says(spooler, SPOOL_LEASED, 0, server);
    client_sends(c, "delete b\r\n");
    backend_sees(b, "delete b\r\n");
    backend_answers(b, "DELETED\r\nDELETED\r\n");
    client_sees(c, "DELETED\r\n");
    spooler_has_nothing_yet(spooler);
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

/* --- reloads ----------------------------------------------------------------------------------- */

static void a_script_without_the_policy_reads_the_server_and_one_with_it_does_not(void **state)
{
    prepare();
    spooler_has(spooler, server, 1);
    const char *with = textf(MG "return mg.spool_deletes { mg.pool { '%s' }, dir = '%s' }\n",
                             server, spooler_dir(spooler));
    m = moongate_start(with, NULL);
    c = client_connects(m);
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    client_asks(c, "get k\r\n", gated());
    moongate_reloads(m, script_of_one(server, ""));
    moongate_sees_log(m, "deletes for 1 server wait in it");
    client_sends(c, "get k\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    client_sees(c, "END\r\n");
    moongate_reloads(m, with);
    client_asks(c, "get k\r\n", gated());
    moongate_gets_script(m, "return 5\n");
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "generation 3 goes on");
    client_asks(c, "get k\r\n", gated());
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
        play(what_waits_is_replayed_in_order_before_anything_is_read),
        play(what_the_server_did_not_answer_stays_with_the_spooler),
        play(words_that_the_server_does_not_know_become_a_plain_delete),
        play(a_key_in_base64_stays_so_when_its_flags_go),
        play(an_old_server_gets_the_words_that_it_knows),
        play(a_server_in_the_binary_protocol_gets_frames),
        play(a_script_without_the_policy_reads_the_server_and_one_with_it_does_not),
        play(a_lease_of_another_worker_is_waited_for),
        play(what_was_said_is_said_again_to_the_next_spooler),
        play(the_gate_stays_closed_while_there_is_no_spooler),
        play(an_answer_that_comes_after_the_lease_is_not_told),
        play(a_spooler_that_talks_nonsense_is_left),
        play(a_drain_waits_for_what_is_being_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
