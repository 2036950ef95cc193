/* merge: the keys of several clients in one line: what is on the wire, byte by byte, and what each owner gets. */
#include "askers.h"

/* --- merged lines ------------------------------------------------------------------------------ */

#define V(key) "VALUE " #key " 0 1\r\nx\r\n"

static void keys_go_in_one_line_where_the_server_knows_no_meta_commands(void **state)
{
    merges();
    gets(0, "a");
    gets(1, "b");
    gets(2, "c");
    gets(3, "b");
    gets(4, "d");
    server_sees("get a b c d\r\n");
    server_says(V(b) V(d));
    has_got(0, "END\r\n");
    has_got(1, V(b) "END\r\n");
    has_got(2, "END\r\n");
    has_got(3, V(b) "END\r\n");
    has_got(4, V(d) "END\r\n");
    server_says("END\r\n");
    assert_int_equal(w.part.row.gets_merged, 3);
    assert_int_equal(w.part.row.gets_shared, 1);
    assert_int_equal(w.part.row.calls, 1);
    assert_int_equal(w.b->stats->hits, 2);
    assert_int_equal(w.b->stats->misses, 2);
    assert_int_equal(w.set.pools[0]->misses, 2);
    assert_int_equal(w.set.pools[0]->hits, 1);
    assert_int_equal(w.set.pools[1]->hits, 2);
    ends();
}

/* By ask = "auto" one that knows them is asked in other words; by "merge" each is asked in lines. */
static void a_server_that_knows_them_gets_a_line_for_each(void **state)
{
    static const struct {
        enum ask_words ask;
        uint32_t merge;
        const char *version, *noop, *sent;
    } plays[] = {
        {ASK_AUTO, 1, "VERSION 1.6.45\r\n", "MN\r\n", "get a\r\nget b\r\n"},
        {ASK_AUTO, 1, "VERSION 1.6.45\r\n", "ERROR\r\n", "get a b\r\n"},
        {ASK_AUTO, 0, "VERSION 1.6.45\r\n", "ERROR\r\n", "get a\r\nget b\r\n"},
        {ASK_GET, 1, "VERSION 1.6.45\r\n", "ERROR\r\n", "get a\r\nget b\r\n"},
        {ASK_MERGE, 0, "VERSION 1.6.45\r\n", "MN\r\n", "get a b\r\n"},
        {ASK_MERGE, 0, "VERSION 1.6.18\r\n", "MN\r\n", "get a b\r\n"},
    };
    for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
        struct backend_settings settings = usual();
        settings.ask = plays[i].ask;
        settings.merge = plays[i].merge;
        begins_at(plays[i].version, settings, plays[i].noop);
        gets(0, "a");
        gets(1, "b");
        server_sees(plays[i].sent);
        server_says(strstr(plays[i].sent, "a b") ? "END\r\n" : "END\r\nEND\r\n");
        has_got(0, "END\r\n");
        has_got(1, "END\r\n");
        ends();
    }
}

/* Every set of keys that are found, of lines of one to five. */
static void misses_are_the_keys_that_do_not_come(void **state)
{
    static const char *const keys[] = {"a", "b", "c", "d", "e"};
    merges();
    for (int n = 1; n <= 5; n++) {
        for (int found = 0; found < 1 << n; found++) {
            char line[64] = "get", answer[256] = "";
            memset(w.owners, 0, sizeof w.owners);
            for (int i = 0; i < n; i++) {
                gets(i, keys[i]);
                sprintf(line + strlen(line), " %s", keys[i]);
                if (found >> i & 1)
                    sprintf(answer + strlen(answer), "VALUE %s 0 1\r\nx\r\n", keys[i]);
            }
            server_sees(strcat(line, "\r\n"));
            server_says(strcat(answer, "END\r\n"));
            for (int i = 0; i < n; i++) {
                char value[64];
                sprintf(value, "VALUE %s 0 1\r\nx\r\nEND\r\n", keys[i]);
                has_got(i, found >> i & 1 ? value : "END\r\n");
            }
        }
    }
    ends();
}

static void a_write_ends_the_line(void **state)
{
    merges();
    gets(0, "a");
    send_of(1, set_request(1), "a", 30);
    gets(1 + 1, "b");
    gets_as(3, 1, "a");
    send_of(4, (struct request){.command_id = COMMAND_GETS}, "c", 30);
    gets(5, "d");
    server_sees("get a\r\nset a 0 0 1\r\nx\r\nget b a\r\ngets c\r\nget d\r\n");
    server_says("END\r\nSTORED\r\n" V(b) V(a) "END\r\nEND\r\n" V(d) "END\r\n");
    has_got(5, V(d) "END\r\n");
    has_got(0, "END\r\n");
    has_got(3, V(a) "END\r\n");
    ends();
}

static void a_clients_get_of_several_keys_stays_alone(void **state)
{
    merges();
    gets(0, "a");
    send_of(1, (struct request){.command_id = COMMAND_GET, .multi = true}, "m", 30);
    gets(2, "b");
    server_sees("get a\r\nget m\r\nget b\r\n");
    server_says("END\r\nEND\r\nEND\r\n");
    ends();
}

static void a_line_is_as_long_as_the_pool_allows(void **state)
{
    struct backend_settings settings = usual();
    settings.merge = 1;
    settings.ask = ASK_AUTO;
    settings.keys_per_get = 2;
    begins_with(settings, "ERROR\r\n");
    for (int i = 0; i < 5; i++) gets(i, (const char *[]){"a", "b", "c", "d", "e"}[i]);
    server_sees("get a b\r\nget c d\r\nget e\r\n");
    server_says("END\r\nEND\r\nEND\r\n");
    ends();

    settings.keys_per_get = 0;
    settings.line_max = 512;
    begins_with(settings, "ERROR\r\n");
    char keys[3][204];
    for (int i = 0; i < 3; i++) {
        memset(keys[i], 'a' + i, 203);
        keys[i][203] = '\0';
        gets(i, keys[i]);
    }
    char lines[700];
    sprintf(lines, "get %s %s\r\nget %s\r\n", keys[0], keys[1], keys[2]);
    server_sees(lines);
    server_says("END\r\nEND\r\n");
    ends();
}

/* Each key that is not answered yet is asked for alone, once: then its owners get what comes. */
static void a_refused_line_is_asked_again_key_by_key(void **state)
{
    static const char *const errors[] = {"ERROR\r\n", "CLIENT_ERROR bad\r\n",
                                         "SERVER_ERROR out\r\n"};
    for (int i = 0; i < 3; i++) {
        merges();
        gets(0, "a");
        gets(1, "b");
        gets(2, "c");
        gets(3, "d");
        gets(4, "c");
        server_sees("get a b c d\r\n");
        server_says(V(b));
        server_says(errors[i]);
        for (int k = 0; k < 5; k++) assert_int_equal(w.owners[k].answers, k < 2);
        gets(5, "c"); /* what is asked alone is not joined, and takes no key */
        server_sees("get c\r\nget d\r\nget c\r\n");
        server_says(errors[i]);
        server_says(V(d) "END\r\n");
        has_got(0, "END\r\n");
        has_got(1, V(b) "END\r\n");
        has_got(2, errors[i]);
        has_got(4, errors[i]);
        has_got(3, V(d) "END\r\n");
        server_says("END\r\n");
        has_got(5, "END\r\n");
        assert_int_equal(w.set.pools[0]->server_errors, 2);
        assert_int_equal(w.set.pools[1]->server_errors, 0);
        ends();
    }
}

/* Asked again, a get would find what its own client has written behind it: so the client gets the error. */
static void a_refused_get_does_not_find_what_its_client_wrote_later(void **state)
{
    for (int writer = 0; writer < 3; writer++) {
        char lines[64] = "", sets[64];
        merges();
        gets(0, "a");
        gets(1, "b");
        gets(2, "b");
        send_of(3, set_request(writer), "z", 30);
        sprintf(sets, "get a b\r\nset z 0 0 1\r\nx\r\n");
        server_sees(sets);
        server_says("SERVER_ERROR out\r\n");
        strcat(lines, writer == 0 ? "" : "get a\r\n");
        server_sees(strcat(lines, "get b\r\n"));
        has_got(writer, "SERVER_ERROR out\r\n");
        server_says("STORED\r\n");
        if (writer != 0) server_says(V(a) "END\r\n");
        server_says(V(b) "END\r\n");
        for (int i = 0; i < 3; i++) {
            if (i != writer) has_got(i, i == 0 ? V(a) "END\r\n" : V(b) "END\r\n");
        }
        ends();
    }
}

static void what_was_asked_alone_is_not_sent_a_third_time(void **state)
{
    merges();
    gets(0, "a");
    gets(1, "b");
    server_sees("get a b\r\n");
    server_says("ERROR\r\n");
    server_sees("get a\r\nget b\r\n");
    shutdown(w.server, SHUT_RDWR);
    passes(0);
    assert_int_equal(w.owners[0].failures + w.owners[1].failures, 2);
    server_is_proved("VERSION 1.6.18\r\n", "ERROR\r\n");
    server_has_nothing_more();
    ends();
}

static void each_key_of_a_line_has_its_own_deadline(void **state)
{
    static const char *const keys[] = {"a", "b", "c"};
    for (int early = 0; early < 3; early++) {
        merges();
        for (int i = 0; i < 3; i++)
            send_of(i, (struct request){.command_id = COMMAND_GET}, keys[i],
                    i == early ? 0.02 : 30);
        server_sees("get a b c\r\n");
        until_it_fails(early);
        server_says("ERROR\r\n"); /* who does not wait is not asked for again */
        char lines[64] = "";
        for (int i = 0; i < 3; i++)
            sprintf(lines + strlen(lines), i == early ? "" : "get %s\r\n", keys[i]);
        server_sees(lines);
        server_says("END\r\nEND\r\n");
        for (int i = 0; i < 3; i++) has_got(i, i == early ? "server:1 timeout" : "END\r\n");
        ends();
    }
}

/* The connection ends behind each byte of the answer: what was answered stays, and the rest is asked for once more, and no third
 * time. */
static void a_line_that_is_cut_is_asked_again_from_there(void **state)
{
    static const char answer[] = V(a) V(c) "END\r\n";
    for (size_t cut = 0; cut < sizeof answer - 1; cut++) {
        size_t first = strlen(V(a)), second = first + strlen(V(c));
        merges();
        gets(0, "a");
        gets(1, "b");
        gets(2, "c");
        gets(3, "d");
        server_sees("get a b c d\r\n");
        assert_int_equal(write(w.server, answer, cut), cut);
        passes(0);
        shutdown(w.server, SHUT_RDWR);
        passes(0);
        server_is_proved("VERSION 1.6.18\r\n", "ERROR\r\n");
        server_sees(cut < first ? "get a b c d\r\n" : cut < second ? "get b c d\r\n" : "get d\r\n");
        assert_int_equal(w.owners[0].answers, cut >= first);
        assert_int_equal(w.owners[1].answers, cut >= second);
        if (cut % 3 == 0) {
            shutdown(w.server, SHUT_RDWR);
            passes(0);
            server_is_proved("VERSION 1.6.18\r\n", "ERROR\r\n");
            server_has_nothing_more();
            for (int i = 0; i < 4; i++)
                assert_int_equal(w.owners[i].answers + w.owners[i].failures, 1);
            assert_int_equal(w.owners[3].failures, 1);
        } else {
            server_says("VALUE d 0 1\r\ny\r\nEND\r\n");
            has_got(3, "VALUE d 0 1\r\ny\r\nEND\r\n");
            for (int i = 0; i < 4; i++) assert_int_equal(w.owners[i].answers, 1);
        }
        ends();
    }
}

/* I3. No key is taken for a miss by a value that was not asked for. */
static void a_value_that_was_not_asked_for_fails_the_rest(void **state)
{
    static const char *const wrongs[] = {V(x), V(a), "VALUE b 0 1 7\r\nx", "HD\r\n", "STORED\r\n"};
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        merges();
        gets(0, "a");
        gets(1, "b");
        gets(2, "c");
        server_sees("get a b c\r\n");
        server_says(V(a));
        server_says(wrongs[i]);
        if (i == 2) server_says("y\r\n");
        has_got(0, V(a) "END\r\n");
        assert_int_equal(w.part.row.desyncs, 1);
        server_is_proved("VERSION 1.6.18\r\n", "ERROR\r\n");
        server_has_nothing_more();
        assert_int_equal(w.owners[1].failures, 1);
        assert_int_equal(w.owners[2].failures, 1);
        ends();
    }
}

/* A long value lies in one blob, which its owners share. */
static void a_long_value_is_shared_and_not_copied(void **state)
{
    enum { LONG = 300 * 1024 };
    static char value[LONG + 64];
    merges();
    gets(0, "a");
    gets(1, "b");
    gets(3, "b");
    server_sees("get a b\r\n");
    int n = sprintf(value, "VALUE b 0 %d\r\n", LONG);
    memset(value + n, 'x', LONG);
    strcpy(value + n + LONG, "\r\nEND\r\n");
    for (size_t at = 0, len = strlen(value); at < len;) {
        ssize_t wrote = write(w.server, value + at, len - at);
        if (wrote > 0) at += (size_t)wrote;
        passes(0);
    }
    passes(0.001);
    has_got(0, "END\r\n");
    assert_non_null(w.owners[1].blob);
    assert_ptr_equal(w.owners[1].blob, w.owners[3].blob);
    ends();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_go_in_one_line_where_the_server_knows_no_meta_commands),
        cmocka_unit_test(a_server_that_knows_them_gets_a_line_for_each),
        cmocka_unit_test(misses_are_the_keys_that_do_not_come),
        cmocka_unit_test(a_write_ends_the_line),
        cmocka_unit_test(a_clients_get_of_several_keys_stays_alone),
        cmocka_unit_test(a_line_is_as_long_as_the_pool_allows),
        cmocka_unit_test(a_refused_line_is_asked_again_key_by_key),
        cmocka_unit_test(a_refused_get_does_not_find_what_its_client_wrote_later),
        cmocka_unit_test(what_was_asked_alone_is_not_sent_a_third_time),
        cmocka_unit_test(each_key_of_a_line_has_its_own_deadline),
        cmocka_unit_test(a_line_that_is_cut_is_asked_again_from_there),
        cmocka_unit_test(a_value_that_was_not_asked_for_fails_the_rest),
        cmocka_unit_test(a_long_value_is_shared_and_not_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
