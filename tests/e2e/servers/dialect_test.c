/* Servers of many kinds: what each connection learns of its server before its first request, what is sent to it then, and what never
 * is (I10): a request with a value goes only where it is read as one request, and where that is not certain nobody else's call is on
 * that connection.
 */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>

static struct moongate *before(struct backend *b, const char *options)
{
    return moongate_start(script_of_one(backend_address(b), options), NULL);
}

/* --- meta commands ----------------------------------------------------------------------------- */

/* What a client sends, what the server is sent and answers, and what the client sees. Without a server's part: an error that names the
 * server, with that end. */
static const struct {
    const char *request, *sent, *answer, *seen;
} metas[] = {
    {"mg k v\r\n", "get k\r\n", "VALUE k 7 1\r\nx\r\nEND\r\n", "VA 1\r\nx\r\n"},
    {"mg k v q\r\nmn\r\n", "get k\r\n", "END\r\n", "MN\r\n"},
    {"mg k f s k O1\r\n", "get k\r\n", "VALUE k 7 1\r\nx\r\nEND\r\n", "HD f7 s1 kk O1\r\n"},
    {"mg azE= b k c\r\n", "gets k1\r\n", "VALUE k1 0 1 9\r\nx\r\nEND\r\n", "HD kazE= b c9\r\n"},
    {"mg k T30\r\n", "touch k 30\r\n", "TOUCHED\r\n", "HD\r\n"},
    {"ms k 9\r\nflush_all\r\n", "set k 0 0 9\r\nflush_all\r\n", "STORED\r\n", "HD\r\n"},
    {"ms k 9 T30 F5 ME k\r\nget other\r\n", "add k 5 30 9\r\nget other\r\n", "NOT_STORED\r\n",
     "NS kk\r\n"},
    {"ms k 1 C7 c\r\nx\r\n", "cas k 0 0 1 7\r\nx\r\n", "EXISTS\r\n", "EX c0\r\n"},
    {"md k q O1\r\nmn\r\n", "delete k\r\n", "DELETED\r\n", "MN\r\n"},
    {"ma k D5 MD v\r\n", "decr k 5\r\n", "12\r\n", "VA 2\r\n12\r\n"},
    {"ma k k\r\n", "incr k 1\r\n", "NOT_FOUND\r\n", "NF kk\r\n"},
    {"mg k t\r\n", NULL, NULL, "only they have flag t of mg\r\n"},
    {"mg k N30 v\r\n", NULL, NULL, "only they have flag N of mg\r\n"},
    {"ms k 1 MA C3\r\nx\r\n", NULL, NULL, "only they have flag C of ms\r\n"},
    {"md k I\r\n", NULL, NULL, "only they have flag I of md\r\n"},
    {"ma k J1 N0\r\n", NULL, NULL, "only they have flag J of ma\r\n"},
    {"md YSBi b\r\n", NULL, NULL, "the key of this md is not text\r\n"},
    {"me k\r\n", NULL, NULL, "only they have me\r\n"},
};

static void plays_meta(struct client *c, struct backend *b, size_t i)
{
    client_sends(c, metas[i].request);
    if (metas[i].sent) {
        backend_sees(b, metas[i].sent);
        backend_answers(b, metas[i].answer);
        client_sees(c, metas[i].seen);
    } else {
        client_sees(c, textf("SERVER_ERROR %s does not know meta commands: %s", backend_address(b),
                             metas[i].seen));
    }
}

/* None of them is sent as it is; the stream goes on. */
static void meta_commands_are_translated(struct client *c, struct backend *b)
{
    for (size_t i = 0; i < sizeof metas / sizeof *metas; i++) plays_meta(c, b, i);
    backend_has_nothing_yet(b);
    client_sends(c, "ms k 3\r\nabc\r\nset k 0 0 1\r\ny\r\nme k\r\nmg k v\r\n");
    backend_sees(b, "set k 0 0 3\r\nabc\r\nset k 0 0 1\r\ny\r\nget k\r\n");
    backend_answers(b, "STORED\r\nSTORED\r\nEND\r\n");
    client_sees(c, "HD\r\nSTORED\r\n");
    client_sees_line_starting(c, "SERVER_ERROR");
    client_sees(c, "EN\r\n");
    client_sees_nothing_more(c);
}

static void servers_that_lack_meta_commands_never_get_one(void **state)
{
    static const char *const kinds[][2] = {
        {"VERSION 1.4.25 Ubuntu\r\n", "ERROR\r\n"},
        {"VERSION 1.5.22\r\n", "ERROR\r\n"},
        {"VERSION 1.6.6\r\n", "MN\r\n"}, /* another form of ms */
        {"VERSION 1.6.9\r\n", "MN\r\n"},
        {"VERSION 1.6.18\r\n", "ERROR\r\n"},
        {"VERSION UNKNOWN\r\n", "CLIENT_ERROR unknown command\r\n"},
        {"ERROR\r\n", "ERROR\r\n"},
        {"SERVER_ERROR not implemented\r\n", "SERVER_ERROR not implemented\r\n"},
        {"VERSION\r\n", "ERROR\r\n"},
        {"\n", "\n"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct backend *b = backend_listens();
        backend_is(b, 2, kinds[i][0], kinds[i][1]);
        struct client *c = client_connects(before(b, ""));
        meta_commands_are_translated(c, b);
        stage_clears();
    }
}

/* nutcracker asks the server behind it for its version, and closes on mn. */
static void a_server_that_closes_on_mn_is_not_asked_again_for_a_while(void **state)
{
    struct backend *b = backend_listens();
    backend_is(b, 2, "VERSION 1.6.18\r\n", NULL);
    struct moongate *m = before(b, "probe_max = 0.3");
    struct client *c = client_connects(m);
    moongate_sees_log(m, "no meta commands: it closes connections after mn");
    stat_becomes(c, "servers", textf("%s:state", backend_address(b)), "ready");
    assert_int_equal(stat_number(c, "servers", textf("%s:falls", backend_address(b))), 0);
    meta_commands_are_translated(c, b);
    unsigned links = backend_links(b);
    /* Later it is another server that is there: the next meta command asks again. */
    backend_is(b, 2, "VERSION 1.6.18\r\n", "MN\r\n");
    for (double end = stage_now() + 0.4; stage_now() < end;) stage_turns(1);
    client_sends(c, "mg k\r\n");
    backend_sees_closed(b);
    backend_sees(b, "mg k\r\n");
    backend_answers(b, "EN\r\n");
    client_sees(c, "EN\r\n");
    assert_int_equal(backend_links(b), links + 1);
}

/* --- what proves a server ---------------------------------------------------------------------- */

static void what_proves_a_server_is_the_pools_to_say(void **state)
{
    static const struct {
        const char *options, *version;
        bool proves;
    } plays[] = {
        {"", "VERSION 1.6.45\r\n", true},
        {"", "ERROR\r\n", true},
        {"", "hello\r\n", true},
        {"", "\n", true},
        {"", "ERROR Too many open connections\r\n", false},
        {"probe = 'any'", "CLIENT_ERROR no\r\n", true},
        {"probe = 'version'", "VERSION UNKNOWN\r\n", true},
        {"probe = 'version'", "VERSION\r\n", false},
        {"probe = 'version'", "ERROR\r\n", false},
        {"probe = 'version'", "hello\tthere\r\n", false},
    };
    for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
        struct backend *b = backend_listens();
        backend_is(b, 2, plays[i].version, "ERROR\r\n");
        if (!plays[i].proves) backend_is(b, 1, plays[i].version, "");
        struct client *c = client_connects(before(b, plays[i].options));
        if (plays[i].proves) {
            get_finds(c, "k", b, "k", "x");
        } else {
            int shown =
                (int)strcspn(plays[i].version, "\r\t"); /* no control byte reaches a client */
            const char *why = textf("%sanswers version with: %.*s\r\n",
                                    failure_of(backend_address(b)), shown, plays[i].version);
            client_asks_until(c, "get k\r\n", why);
        }
        stage_clears();
    }
}

static void a_pool_that_asks_nothing_is_ready_when_it_is_connected(void **state)
{
    struct backend *b = backend_listens();
    backend_is(b, 0, NULL, NULL);
    struct client *c = client_connects(before(b, "probe = 'connect'"));
    get_finds(c, "k", b, "k", "x");
    client_sends(c, "mg k\r\nms k 1\r\nx\r\n");
    backend_sees(b, "get k\r\nset k 0 0 1\r\nx\r\n");
    backend_answers(b, "END\r\nSTORED\r\n");
    client_sees(c, "EN\r\nHD\r\n");
    get_misses(c, "k2", b, "k2");
}

/* --- apart ------------------------------------------------------------------------------------- */

/* On the connection that it has come on now. */
static void comes_apart(struct backend *b, const char *bytes)
{
    assert_int_not_equal(backend_turns_to_input(b), 0);
    backend_sees(b, bytes);
}

static void an_ms_to_an_unknown_version_travels_apart(void **state)
{
    static const char *const versions[] = {"VERSION 1.6.46\r\n", "VERSION UNKNOWN\r\n",
                                           "VERSION 1.7.0\r\n"};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct backend *b = backend_listens();
        backend_is(b, 2, versions[i], "MN\r\n");
        struct moongate *m = before(b, "timeout = 60, stall_timeout = 60");
        struct client *one = client_connects(m), *other = client_connects(m);
        client_sends(other, "get k1\r\n");
        backend_sees(b, "get k1\r\n");
        client_sends(one, "ms k 1 T30\r\nx\r\n");
        comes_apart(b, "ms k 1 T30\r\nx\r\n");
        backend_answers(b, "CLIENT_ERROR something new\r\nERROR\r\n"); /* its value was left over */
        client_sees(one, "CLIENT_ERROR something new\r\n");
        backend_sees_closed(b);
        backend_answers(b, hit_and_end("k1", "x")); /* the other's has not moved */
        client_sees(other, hit_and_end("k1", "x"));
        get_finds(one, "k2", b, "k2", "y");
        client_sends(one, "ms k 1\r\nx\r\n");
        comes_apart(b, "ms k 1\r\nx\r\n");
        backend_answers(b, "HD\r\n");
        client_sees(one, "HD\r\n");
        client_sees_nothing_more(other);
        stat_becomes(one, "servers", textf("%s:connections", backend_address(b)), "1");
        assert_int_equal(stat_number(one, "servers", textf("%s:falls", backend_address(b))), 0);
        stage_clears();
    }
}

/* What a client pipelines reaches the server in its order, over both connections. */
static void a_clients_requests_keep_their_order_around_one_apart(void **state)
{
    struct backend *b = backend_listens();
    backend_is(b, 2, "VERSION UNKNOWN\r\n", "MN\r\n");
    struct client *c = client_connects(before(b, "timeout = 60, stall_timeout = 60"));
    client_sends(c, "set k 0 0 1\r\na\r\nms k 1\r\nb\r\nget k\r\nms k 1\r\nc\r\ndelete k\r\n");
    backend_sees(b, "set k 0 0 1\r\na\r\n");
    backend_sees_links(b, 2); /* it is connected meanwhile */
    for (int i = 0; i < 20; i++) stage_turns(1);
    backend_has_nothing_anywhere(b);
    backend_answers(b, "STORED\r\n");
    comes_apart(b, "ms k 1\r\nb\r\n");
    for (int i = 0; i < 20; i++) stage_turns(1);
    backend_has_nothing_anywhere(b);
    backend_answers(b, "HD\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, hit_and_end("k", "b"));
    backend_sees(b, "ms k 1\r\nc\r\n");
    backend_answers(b, "CLIENT_ERROR no\r\n"); /* this connection is closed; the delete goes on */
    backend_sees_closed(b);
    assert_int_equal(backend_turns_to_input(b), 2);
    backend_sees(b, "delete k\r\n");
    backend_answers(b, "DELETED\r\n");
    client_sees(c,
                textf("STORED\r\nHD\r\n%sCLIENT_ERROR no\r\nDELETED\r\n", hit_and_end("k", "b")));
    client_sees_nothing_more(c);
}

/* The same where all of them waited for the first connection. */
static void order_holds_when_they_waited_for_the_connection(void **state)
{
    struct backend *b = backend_listens();
    backend_is(b, 0, "", ""); /* its answers are below */
    struct client *c =
        client_connects(before(b, "timeout = 60, stall_timeout = 60, connect_timeout = 60"));
    backend_sees(b, "version\r\n");
    client_sends(c, "set k 4294967296 0 1\r\nx\r\nget k\r\ndelete k\r\n");
    for (int i = 0; i < 20; i++) stage_turns(1);
    backend_answers(b, "VERSION 1.6.18\r\n");
    backend_sees(b, "mn\r\n");
    backend_answers(b, "MN\r\n");
    comes_apart(b, "version\r\n");
    backend_answers(b, "VERSION 1.6.18\r\n");
    backend_sees(b, "mn\r\n");
    backend_answers(b, "MN\r\n");
    backend_sees(b, "set k 4294967296 0 1\r\nx\r\n");
    for (int i = 0; i < 20; i++) stage_turns(1);
    backend_has_nothing_anywhere(b);
    backend_answers(b, "STORED\r\n");
    backend_sees(b, "get k\r\n");
    backend_answers(b, "END\r\n");
    backend_sees(b, "delete k\r\n");
    backend_answers(b, "NOT_FOUND\r\n");
    client_sees(c, "STORED\r\nEND\r\nNOT_FOUND\r\n");
}

/* nutcracker ends a connection that asks what it does not know. The answers to what it does know stay. */
static void what_ends_connections_is_not_sent_where_others_are(void **state)
{
    static const char *const lines[] = {"gat 0 k\r\n", "gats 0 k k2\r\n", "gat -1 noreply\r\n"};
    static const char *const stores[] = {"set k 0 -1 1\r\nx\r\n", "cas k 0 -5 1 7\r\nx\r\n",
                                         "delete noreply\r\n"};
    static const char *const sent[] = {"set k 0 -1 1\r\nx\r\n", "cas k 0 -5 1 7\r\nx\r\n",
                                       "delete noreply 0\r\n"};
    struct backend *b = backend_listens();
    backend_is(b, 2, "VERSION 1.6.18\r\n", NULL);
    struct moongate *m = before(b, "timeout = 60, stall_timeout = 60");
    struct client *one = client_connects(m), *other = client_connects(m);
    moongate_sees_log(m, "no meta commands: it closes connections after mn");
    stat_becomes(one, "servers", textf("%s:state", backend_address(b)), "ready");
    client_sends(other, "set k1 0 0 1\r\nx\r\n");
    backend_sees(b, "set k1 0 0 1\r\nx\r\n");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        client_sends(one, lines[i]);
        client_sees_line_starting(one, "ERROR");
    }
    client_sends(one, "stats items\r\n");
    client_sees_line_starting(one, textf("STAT error:%s failed: ERROR", backend_address(b)));
    client_sees(one, "END\r\n");
    backend_has_nothing_anywhere(b);
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++) {
        client_sends(one, stores[i]);
        comes_apart(b, sent[i]);
        backend_closes(b);
        client_sees_line_starting(one, "SERVER_ERROR");
    }
    client_sends(one, "get k\r\n"); /* which goes behind the other's, where that still waits */
    backend_turns_to_input(b);
    backend_sees(b, "get k\r\n");
    backend_answers(b, "STORED\r\nEND\r\n");
    client_sees(other, "STORED\r\n");
    client_sees(one, "END\r\n");
    assert_int_equal(stat_number(one, "servers", textf("%s:falls", backend_address(b))), 0);
}

/* A server that nobody has looked at may not swallow what it refuses, and what is too large is its own to say. */
static void a_large_value_to_an_unknown_version_travels_apart(void **state)
{
    static const struct {
        size_t n;
        bool apart;
        const char *answer;
    } stores[] = {
        {500000, false, "STORED\r\n"},
        {600000, true, "SERVER_ERROR too large\r\n"},
        {299999, false, "STORED\r\n"},
        {300000, true, "STORED\r\n"},
        {300000, false, "STORED\r\n"},
        {300001, true, "SERVER_ERROR object too large for cache\r\n"},
    };
    struct backend *b = backend_listens();
    backend_is(b, 2, "VERSION\r\n", "ERROR\r\n");
    struct client *c = client_connects(before(b, "timeout = 60, stall_timeout = 60"));
    char *value = stage_memory(600001);
    memset(value, 'v', 600000);
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++) {
        const char *request =
            textf("set k 0 0 %zu\r\n%.*s\r\n", stores[i].n, (int)stores[i].n, value);
        client_sends(c, "get k\r\n");
        unsigned usual = backend_turns_to_input(b);
        backend_sees(b, "get k\r\n");
        backend_answers(b, "END\r\n");
        client_sees(c, "END\r\n");
        client_sends(c, request);
        assert_int_equal(backend_turns_to_input(b) != usual, stores[i].apart);
        backend_sees(b, request);
        backend_answers(b, stores[i].answer);
        client_sees(c, stores[i].answer);
        if (strncmp(stores[i].answer, "SERVER", 6) == 0) backend_sees_closed(b);
    }
    assert_int_equal(stat_number(c, "servers", textf("%s:falls", backend_address(b))), 0);
}

/* In front of a server that takes one call at a time an odd store may be on the usual connection: nobody else has a call there. */
static void a_server_that_refuses_stores_one_at_a_time_is_not_ill(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = before(b, "timeout = 60, stall_timeout = 60, requests = 'one'");
    struct client *one = client_connects(m), *odd = client_connects(m), *last = client_connects(m);
    struct client *watcher = client_connects(m);
    const char *in_flight = textf("%s:in_flight", backend_address(b));
    for (int i = 0; i < 6; i++) {
        client_sends(one, "get k\r\nget k2\r\n");
        backend_turns_to_input(b);
        backend_sees(b, "get k\r\n");
        client_sends(odd, "set k 4294967296 0 1\r\nx\r\n");
        stat_becomes(watcher, "servers", in_flight, "3");
        client_sends(last, "set k 0 0 1\r\ny\r\n");
        stat_becomes(watcher, "servers", in_flight, "4");
        backend_answers(b, "END\r\n");
        backend_sees(b, "get k2\r\n");
        backend_answers(b, "END\r\n");
        client_sees(one, "END\r\nEND\r\n");
        backend_sees(b, "set k 4294967296 0 1\r\nx\r\n");
        backend_answers(b, "CLIENT_ERROR bad command line format\r\n");
        client_sees(odd, "CLIENT_ERROR bad command line format\r\n");
        backend_sees_closed(b);
        backend_turns_to_input(b);
        backend_sees(b, "set k 0 0 1\r\ny\r\n");
        backend_answers(b, "STORED\r\n");
        client_sees(last, "STORED\r\n");
    }
    assert_int_equal(stat_number(one, "servers", textf("%s:falls", backend_address(b))), 0);
}

/* --- versions ---------------------------------------------------------------------------------- */

static void clients_are_told_the_lowest_version(void **state)
{
    struct backend *old = backend_listens(), *new = backend_listens(), *odd = backend_listens();
    backend_is(old, 2, "VERSION 1.6.9\r\n", "MN\r\n");
    backend_is(new, 2, "VERSION 1.6.38\r\n", "MN\r\n");
    backend_is(odd, 2, "VERSION UNKNOWN\r\n", "MN\r\n");
    const char *all = textf(MG "return mg.pool { '%s', '%s', '%s' }\n", backend_address(old),
                            backend_address(new), backend_address(odd));
    struct client *c = client_connects(moongate_start(all, NULL));
    client_sends(c, "version\r\n");
    client_sees(c, "VERSION 1.6.9\r\n");
    assert_string_equal(stat_text(c, "", "version"), "1.6.9");
    stage_clears();
    struct backend *none = backend_listens();
    backend_is(none, 2, "ERROR\r\n", "ERROR\r\n");
    c = client_connects(before(none, ""));
    client_sends(c, "version\r\n");
    client_sees(c, "VERSION 1.6.18\r\n");
    stage_clears();
    c = client_connects(moongate_start(script_of_one(memcached_address(memcached_start(NULL)), ""),
                                       "--version-answer", "1.4.5_4_gaa7839e", NULL));
    client_sends(c, "version\r\n");
    client_sees(c, "VERSION 1.4.5_4_gaa7839e\r\n");
}

/* --- keys that break lines --------------------------------------------------------------------- */

/* Base64 of "a b", "\r\n", " ", "k\n", "x\r": asked for and answered in that form, in front of the real server, all on one
 * connection, however the item was made. */
static void keys_that_break_lines_are_answered_in_base64(void **state)
{
    static const char *const keys[] = {"YSBi", "DQo=", "IA==", "awo=", "eA0="};
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(script_of_one(memcached_address(s), ""), NULL);
    struct client *c = client_connects(m), *other = client_connects(m);
    client_sends(c, "version\r\n");
    bool has_me = strcmp(client_sees_line(c), "VERSION 1.6.45") != 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *k = keys[i];
        client_sends(c, textf("mg %s b k O1\r\nma %s b k N0 J5\r\nmg %s v k b O2\r\n", k, k, k));
        client_sees(c, textf("EN k%s b O1\r\nHD k%s b\r\nVA 1 k%s b O2\r\n5\r\n", k, k, k));
        client_sends(c, textf("mg %s s v O3 b k\r\nme %s b\r\n", k, k));
        client_sees(c, textf("VA 1 s1 O3 k%s b\r\n5\r\n", k));
        client_sees_line_starting(c, has_me ? textf("ME %s ", k) : "EN");
        client_sends(c, textf("md %s k b O4\r\nmg %s k b v N30\r\nmd %s b\r\n", k, k, k));
        client_sees(c, textf("HD k%s b O4\r\nVA 0 k%s b W\r\n\r\nHD\r\n", k, k));
        client_sends(c,
                     textf("ms %s 2 b k\r\nab\r\nms %s 1 MA k b\r\nc\r\nmg %s b k v\r\n", k, k, k));
        client_sees(c, textf("HD k%s b\r\nHD k%s b\r\nVA 3 k%s b\r\nabc\r\n", k, k, k));
    }
    client_sees_nothing_more(c);
    client_sees_nothing_more(other);
    assert_int_equal(stat_number(c, "servers", textf("%s:closes", memcached_address(s))), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(servers_that_lack_meta_commands_never_get_one),
        play(a_server_that_closes_on_mn_is_not_asked_again_for_a_while),
        play(what_proves_a_server_is_the_pools_to_say),
        play(a_pool_that_asks_nothing_is_ready_when_it_is_connected),
        play(an_ms_to_an_unknown_version_travels_apart),
        play(a_clients_requests_keep_their_order_around_one_apart),
        play(order_holds_when_they_waited_for_the_connection),
        play(what_ends_connections_is_not_sent_where_others_are),
        play(a_large_value_to_an_unknown_version_travels_apart),
        play(a_server_that_refuses_stores_one_at_a_time_is_not_ill),
        play(clients_are_told_the_lowest_version),
        play(keys_that_break_lines_are_answered_in_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
