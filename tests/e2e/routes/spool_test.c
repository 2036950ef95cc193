/* mg.spool_deletes in front of a played server and a played spooler: which deletes are kept, what the client learns and when, and that
 * nothing else reaches a server for which deletes wait. How they are replayed: spool_replay_test.c. */
#include "e2e/routes/spooled.h"

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

static void each_delete_waits_for_its_own_turn_on_the_disk(void **state)
{
    prepare();
    begin("");
    server_goes();
    client_sends(c, "delete a\r\ndelete b\r\ndelete c\r\n");
    uint64_t last = spooler_sees_keeps(spooler, server, 3);
    is_kept(last - 2);
    client_sees(c, "NOT_FOUND\r\n");
    spooler_refuses(spooler, server, last - 1, "no");
    client_sees_line_starting(c, "SERVER_ERROR ");
    client_has_nothing_yet(c);
    is_kept(last);
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
    client_sends(c, "delete k\r\n");
    backend_sees(b, "delete k\r\n");
    backend_answers(b, "SERVER_ERROR busy\r\n");
    uint64_t number = spooler_sees_keep(spooler, server, "delete k\r\n");
    spooler_says(spooler, SPOOL_STATE, 0, server);
    struct client *other = client_connects(m);
    for (int i = 0; i < 3; i++) client_asks(other, "get k\r\n", gated());
    is_kept(number);
    client_sees(c, "NOT_FOUND\r\n");
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    client_asks(c, "get k\r\n", gated());
}

static void a_gated_server_is_down_for_policies_and_pools(void **state)
{
    prepare();
    struct backend *spare = backend_listens();
    spooler_has(spooler, server, 1);
    m = moongate_start(textf(MG "local safe = mg.spool_deletes { mg.pool { '%s' }, dir = '%s' }\n"
                                "local spare = mg.pool { '%s' }\n"
                                "local both = mg.pool { '%s', '%s', on_failure = 'rehash' }\n"
                                "return mg.by_prefix { { r = both },\n"
                                "  default = mg.failover { safe, spare, on = 'down' } }\n",
                             server, spooler_dir(spooler), backend_address(spare), server,
                             backend_address(spare)),
                       NULL);
    c = client_connects(m);
    (void)spooler_sees(spooler, SPOOL_TAKE, server);
    stat_becomes(c, "servers", textf("%s:down", server), "1");
    for (int i = 0; i < 20; i++) {
        client_sends(c, textf("get k%d\r\nget r%d\r\n", i, i));
        for (int answers = 0; answers < 2; answers++) {
            while (!backend_has_input(spare)) (void)backend_turns_to_input(spare);
            (void)backend_sees_line(spare);
            backend_answers(spare, "END\r\n");
        }
        client_sees(c, "END\r\nEND\r\n");
    }
    backend_has_nothing_anywhere(b);
}

static void a_worker_waits_for_the_first_words_of_its_spooler(void **state)
{
    prepare();
    spooler_has(spooler, server, 1);
    spooler_stays_silent(spooler);
    double before = stage_now();
    begin("");
    assert_true(stage_now() - before > 2);
    moongate_sees_log(m, "no spooler has said for which servers deletes wait");
    client_asks(c, "get k\r\n", gated());
}

/* One worker is kept busy by its timer, again and again: when that ends it reads what clients have sent, without having looked whether
 * the spooler has said something. */
static const char busy[] =
    MG "local pool = mg.pool { '%s' }\n"
       "local safe = mg.spool_deletes { pool, dir = '%s' }\n"
       "local on = false\n"
       "mg.timer.every(0.01, function()\n"
       "  local till = mg.time() + 0.2\n"
       "  while on and mg.time() < till do end\n"
       "end)\n"
       "return function(req)\n"
       "  if req.key == 'on' then on = true end\n"
       "  if req.key == 'who' then return mg.reply.error(tostring(mg.worker.id)) end\n"
       "  return #req.key > 1 and mg.reply.miss() or req.key == 'x' and mg.reply.miss() or safe\n"
       "end\n";

static struct client *client_of_worker(const char *id)
{
    for (int i = 0; i < 8; i++) {
        struct client *one = client_connects(m);
        client_sends(one, "get who\r\n");
        if (strcmp(client_sees_line(one), textf("SERVER_ERROR %s", id)) == 0) return one;
    }
    stage_fails("no client at worker %s", id);
}

static void a_delete_by_another_worker_is_known_before_a_request_is_routed(void **state)
{
    prepare();
    m = moongate_start(textf(busy, server, spooler_dir(spooler)), "-j", "2", NULL);
    struct client *other = client_of_worker("1");
    c = client_of_worker("0");
    client_asks(other, "get on\r\n", "END\r\n");
    for (int i = 0; i < 6; i++) {
        client_sends(other, "get x\r\n");
        for (double till = stage_now() + 0.15; stage_now() < till;) stage_turns(10);
        client_sends(c, "delete k\r\n");
        while (!backend_has_input(b)) (void)backend_turns_to_input(b);
        backend_sees(b, "delete k\r\n");
        backend_answers(b, "SERVER_ERROR busy\r\n");
        uint64_t number = spooler_sees_keep(spooler, server, "delete k\r\n");
        spooler_says_all(spooler, SPOOL_STATE, 1, server);
        spooler_says(spooler, SPOOL_KEPT, number, NULL);
        client_sees(c, "NOT_FOUND\r\n");
        client_sends(other, "get k\r\n");
        client_sees(other, "END\r\n");
        client_sees(other, gated());
        (void)spooler_sees(spooler, SPOOL_TAKE, server);
        (void)spooler_sees(spooler, SPOOL_TAKE, server);
        spooler_says_all(spooler, SPOOL_STATE, 0, server);
    }
}

static void keeps_one(void)
{
    client_sends(c, "delete k\r\n");
    while (!backend_has_input(b)) (void)backend_turns_to_input(b);
    backend_sees(b, "delete k\r\n");
    backend_answers(b, "SERVER_ERROR busy\r\n");
    uint64_t number = spooler_sees_keep(spooler, server, "delete k\r\n");
    spooler_says(spooler, SPOOL_KEPT, number, NULL);
    client_sees(c, "NOT_FOUND\r\n");
}

/* It has lost its link, and has heard nothing yet on the next one. */
static void a_worker_that_is_not_told_which_server_it_is_reads_none(void **state)
{
    prepare();
    m = moongate_start(textf(busy, server, spooler_dir(spooler)), "-j", "2", NULL);
    struct client *other = client_of_worker("1");
    c = client_of_worker("0");
    keeps_one();
    spooler_stays_silent(spooler);
    spooler_loses_others(spooler);
    spooler_sees_links(spooler, 3);
    keeps_one();
    client_asks(other, "get k\r\n", gated());
    spooler_speaks_again(spooler);
    client_sends(other, "get k\r\n");
    while (!backend_has_input(b)) (void)backend_turns_to_input(b);
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    client_sees(other, "END\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_delete_that_is_answered_is_not_kept),
        play(a_delete_of_a_server_that_is_down_is_answered_when_it_is_kept),
        play(each_delete_waits_for_its_own_turn_on_the_disk),
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
        play(a_gated_server_is_down_for_policies_and_pools),
        play(a_worker_waits_for_the_first_words_of_its_spooler),
        play(a_delete_by_another_worker_is_known_before_a_request_is_routed),
        play(a_worker_that_is_not_told_which_server_it_is_reads_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
