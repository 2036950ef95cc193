/* share: a get that is asked already in this turn is not asked a second time. What is on the wire, byte by byte, and what each owner
 * gets. */
#include "askers.h"

/* --- the same key ------------------------------------------------------------------------------ */

static void the_same_key_is_asked_once(void **state)
{
    begins();
    gets(0, "k");
    gets(1, "other");
    gets(2, "k");
    gets(3, "k");
    server_sees("get k\r\nget other\r\n");
    server_says(K "END\r\n");
    for (int i = 0; i < 4; i++) has_got(i, i == 1 ? "END\r\n" : K);
    assert_int_equal(w.part.row.gets_shared, 2);
    assert_int_equal(w.part.row.calls, 2);
    assert_int_equal(w.set.pools[0]->requests, 2);
    assert_int_equal(w.set.pools[1]->requests, 2);
    assert_int_equal(w.set.pools[0]->hits, 2);
    assert_int_equal(w.set.pools[1]->hits, 1);
    assert_int_equal(w.set.pools[1]->misses, 1);
    assert_int_equal(w.b->stats->hits, 1);
    assert_int_equal(w.b->stats->misses, 1);
    ends();
}

static void what_was_written_is_not_joined(void **state)
{
    begins();
    gets(0, "k");
    server_sees("get k\r\n");
    gets(1, "k");
    server_sees("get k\r\n");
    server_says("END\r\n" K);
    has_got(0, "END\r\n");
    has_got(1, K);
    ends();
}

/* Keys that differ in one byte at any place, or in their length. */
static void another_key_is_asked_by_itself(void **state)
{
    char keys[64][64], line[8192] = "", answer[8192] = "";
    begins();
    for (int i = 0; i < 64; i++) {
        memset(keys[i], 'k', 32);
        keys[i][i < 32 ? 32 : i - 31] = '\0';
        if (i < 32) keys[i][i] = 'j';
        gets(i, keys[i]);
        sprintf(line + strlen(line), "get %s\r\n", keys[i]);
        if (i != 63) sprintf(answer + strlen(answer), "VALUE %s 0 1\r\nx\r\nEND\r\n", keys[i]);
    }
    server_sees(line);
    server_says(answer);
    server_says("END\r\n");
    for (int i = 0; i < 63; i++) assert_string_equal(w.owners[i].shown, keys[i]);
    ends();
}

static void only_the_same_command_is_shared(void **state)
{
    static const struct request others[] = {
        {.command_id = COMMAND_GETS},
        {.command_id = COMMAND_GAT, .exptime = 9},
        {.command_id = COMMAND_META_GET, .args_at = (uintptr_t) "v", .args_len = 1},
        {.command_id = COMMAND_TOUCH, .exptime = 9},
        {.command_id = COMMAND_DELETE},
        {.command_id = COMMAND_GET, .multi = true},
    };
    begins();
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        uint64_t calls = w.part.row.calls;
        gets(0, "k");
        send_of(1, others[i], "k", 30);
        send_of(2, others[i], "k", 30);
        bool is_gets = others[i].command_id == COMMAND_GETS;
        assert_int_equal(w.part.row.calls - calls, is_gets ? 2 : 3);
        gets(3, "k"); /* of what is not a get, it comes before; after a gets it is asked again */
        assert_int_equal(w.part.row.calls - calls, 3);
        passes(0);
    }
    backends_stop(&w.set);
    for (int i = 0; i < 4; i++) assert_true(w.owners[i].failures > 0);
    ends();
}

static void a_get_in_other_words_is_shared_too(void **state)
{
    struct backend_settings settings = usual();
    settings.ask = ASK_MG;
    begins_with(settings, "MN\r\n");
    for (int i = 0; i < 3; i++) gets(i, "k");
    gets(3, "j");
    for (int i = 4; i < 7; i++) gets(i, "k");
    server_sees("mg k v f c k\r\nmg j v f c k\r\n");
    server_says("VA 1 f0 c7 kk\r\nx\r\nEN\r\n");
    for (int i = 0; i < 7; i++) has_got(i, i == 3 ? "END\r\n" : K);
    assert_int_equal(w.part.row.gets_shared, 5);

    /* One that is refused is asked as get for all of them. */
    memset(w.owners, 0, sizeof w.owners);
    for (int i = 0; i < 3; i++) gets(i, "k");
    server_sees("mg k v f c k\r\n");
    server_says("CLIENT_ERROR bad\r\n");
    server_sees("get k\r\n");
    server_says(K);
    for (int i = 0; i < 3; i++) has_got(i, K);
    ends();
}

static void each_sees_its_own_key_and_part(void **state)
{
    begins();
    struct request r = {.command_id = COMMAND_GET, .part = 3};
    send_of(0, r, "k", 30);
    r.part = 5;
    r.shown_key_at = (uintptr_t) "mine";
    r.shown_key_len = 4;
    send_of(1, r, "k", 30);
    gets(2, "k");
    server_sees("get k\r\n");
    server_says(K);
    assert_string_equal(w.owners[0].shown, "k");
    assert_string_equal(w.owners[1].shown, "mine");
    assert_string_equal(w.owners[2].shown, "k");
    assert_int_equal(w.owners[0].part, 3);
    assert_int_equal(w.owners[1].part, 5);
    assert_int_equal(w.owners[2].part, 0);
    ends();
}

/* --- order ------------------------------------------------------------------------------------- */

/* A client's get finds what the client has written. What it writes to other keys counts too; what others write does not. */
static void a_get_does_not_overtake_its_clients_requests(void **state)
{
    static const struct request own[] = {
        {.command_id = COMMAND_SET, .value_at = (uintptr_t) "x", .value_len = 1, .affinity = 8},
        {.command_id = COMMAND_INCR, .number = 1, .affinity = 8},
        {.command_id = COMMAND_TOUCH, .exptime = 9, .affinity = 8},
        {.command_id = COMMAND_GAT, .exptime = 9, .affinity = 8},
        {.command_id = COMMAND_DELETE, .affinity = 8},
        {.command_id = COMMAND_META_DELETE, .affinity = 8},
        {.command_id = COMMAND_META_GET,
         .args_at = (uintptr_t) "N30",
         .args_len = 3,
         .affinity = 8},
        {.command_id = COMMAND_FLUSH_ALL, .affinity = 8},
        {.command_id = COMMAND_GET, .multi = true, .affinity = 8},
    };
    begins();
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        uint64_t calls = w.part.row.calls;
        gets(0, "k");
        send_of(1, own[i], "w", 30);
        gets_as(2, 7, "k");
        assert_int_equal(w.part.row.calls - calls, 3);
        gets(3, "k"); /* of another client: joins the last one */
        gets_as(4, 7, "k");
        assert_int_equal(w.part.row.calls - calls, 3);
        passes(0);
    }
    backends_stop(&w.set);
    ends();
}

/* A store that travels apart waits for the get that the client sent before, also where another one asks for it. */
static void a_store_apart_waits_for_a_get_that_others_share(void **state)
{
    begins_at("VERSION UNKNOWN\r\n", usual(), "MN\r\n");
    gets(0, "k");
    gets(1, "k");
    server_sees("get k\r\n");
    w.keeps = true;
    struct request store = set_request(1);
    store.command_id = COMMAND_META_SET;
    send_of(2, store, "k", 30);
    server_is_proved("VERSION UNKNOWN\r\n", "MN\r\n");
    server_has_nothing_more();
    assert_int_equal(write(w.before, K, strlen(K)), strlen(K));
    server_sees("ms k 1\r\nx\r\n");
    has_got(0, K);
    has_got(1, K);
    server_says("HD\r\n");
    has_got(2, "HD\r\n");
    ends();
}

static void what_another_client_writes_is_no_reason_to_ask_again(void **state)
{
    begins();
    gets(0, "k");
    send_of(1, set_request(1), "other", 30);
    gets(2, "k");
    server_sees("get k\r\nset other 0 0 1\r\nx\r\n");
    server_says(K "STORED\r\n");
    has_got(2, K);
    ends();
}

/* Time does not go backwards for a client that reads a key in two ways. */
static void the_latest_get_of_a_key_is_joined(void **state)
{
    begins();
    gets(0, "k");
    send_of(1, (struct request){.command_id = COMMAND_GETS}, "k", 30);
    gets_as(2, 1, "k");
    gets(3, "k");
    server_sees("get k\r\ngets k\r\nget k\r\n");
    server_says(K "VALUE k 0 1 7\r\nx\r\nEND\r\n" K);
    for (int i = 0; i < 4; i++) assert_int_equal(w.owners[i].answers, 1);
    ends();
}

/* --- deadlines and connections ----------------------------------------------------------------- */

static void each_has_its_own_deadline(void **state)
{
    for (int early = 0; early < 3; early++) {
        begins();
        for (int i = 0; i < 3; i++)
            send_of(i, (struct request){.command_id = COMMAND_GET}, "k", i == early ? 0.02 : 30);
        server_sees("get k\r\n");
        until_it_fails(early);
        for (int i = 0; i < 3; i++) assert_int_equal(w.owners[i].failures, i == early);
        has_got(early, "server:1 timeout");
        assert_int_equal(w.set.pools[early % 2]->timeouts, 1);
        assert_int_equal(w.part.row.call_timeouts, 1);
        assert_true(backends_are_awaited(&w.set));
        server_says(K);
        for (int i = 0; i < 3; i++) has_got(i, i == early ? "server:1 timeout" : K);
        ends();
    }
}

/* For the server's health, the deadlines of one call are one. */
static void many_deadlines_of_one_call_do_not_make_a_server_down(void **state)
{
    struct backend_settings settings = usual();
    settings.failure_limit = 2;
    begins_with(settings, "MN\r\n");
    for (int i = 0; i < 5; i++)
        send_of(i, (struct request){.command_id = COMMAND_GET}, "k", 0.01 + i * 0.005);
    server_sees("get k\r\n");
    until_it_fails(4);
    assert_int_equal(w.b->late, 1);
    assert_false(w.b->down);
    assert_false(backends_are_awaited(&w.set));
    server_says(K);
    for (int i = 0; i < 5; i++) has_got(i, "server:1 timeout");
    ends();
}

static void a_lost_get_is_sent_again_for_all(void **state)
{
    begins();
    for (int i = 0; i < 3; i++) gets(i, "k");
    send_of(0, (struct request){.command_id = COMMAND_GET}, "k", 30);
    w.owners[0] = (struct owner){0};
    server_sees("get k\r\n");
    shutdown(w.server, SHUT_RDWR);
    passes(0);
    server_is_proved("VERSION 1.6.18\r\n", "MN\r\n");
    server_sees("get k\r\n");
    gets(4, "k"); /* what was sent again is not joined */
    server_sees("get k\r\n");
    server_says(K "END\r\n");
    for (int i = 1; i < 3; i++) has_got(i, K);
    has_got(4, "END\r\n");
    ends();
}

static void a_lost_get_fails_for_all_when_it_was_answered_in_part(void **state)
{
    begins();
    for (int i = 0; i < 3; i++) gets(i, "k");
    server_sees("get k\r\n");
    server_says("VALUE k 0");
    shutdown(w.server, SHUT_RDWR);
    passes(0);
    for (int i = 0; i < 3; i++) assert_int_equal(w.owners[i].failures, 1);
    assert_int_equal(w.set.pools[0]->failed, 2);
    assert_int_equal(w.set.pools[1]->failed, 1);
    assert_int_equal(w.b->stats->failed, 1);
    server_is_proved("VERSION 1.6.18\r\n", "MN\r\n");
    ends();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_key_is_asked_once),
        cmocka_unit_test(what_was_written_is_not_joined),
        cmocka_unit_test(another_key_is_asked_by_itself),
        cmocka_unit_test(only_the_same_command_is_shared),
        cmocka_unit_test(a_get_in_other_words_is_shared_too),
        cmocka_unit_test(each_sees_its_own_key_and_part),
        cmocka_unit_test(a_get_does_not_overtake_its_clients_requests),
        cmocka_unit_test(a_store_apart_waits_for_a_get_that_others_share),
        cmocka_unit_test(what_another_client_writes_is_no_reason_to_ask_again),
        cmocka_unit_test(the_latest_get_of_a_key_is_joined),
        cmocka_unit_test(each_has_its_own_deadline),
        cmocka_unit_test(many_deadlines_of_one_call_do_not_make_a_server_down),
        cmocka_unit_test(a_lost_get_is_sent_again_for_all),
        cmocka_unit_test(a_lost_get_fails_for_all_when_it_was_answered_in_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
