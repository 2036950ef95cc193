/* Requests and responses that arrive cut anywhere mean the same as whole ones.
 *
 * Unix sockets, because they show when the other side has read a piece: each cut really is a read
 * of its own. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

/* Every command, values with line ends and protocol words in them, and errors; starts by making its
 * own state, so it can be played again and again. */
static const char requests[] = "set k1 1 0 9\r\n\r\nEND\r\n\r\n\r\n"
                               "set k2 4294967295 100 0\r\n\r\n"
                               "get k1 k2 none\r\n"
                               "delete k3\r\n"
                               "add k3 0 0 2\r\n10\r\n"
                               "add k3 0 0 2\r\n20\r\n"
                               "replace k3 0 0 2 noreply\r\n30\r\n"
                               "incr k3 12\r\n"
                               "decr k3 2 noreply\r\n"
                               "append k3 0 0 2\r\n\r\n\r\n"
                               "prepend k3 0 0 17\r\nVALUE k3 0 1\r\nx\r\n\r\n"
                               "touch k3 100\r\n"
                               "gat 100 k3 none\r\n"
                               "hello\r\n"
                               "cas k1 0 0 1 1\r\nx\r\n"
                               "get  k2 \n"
                               "delete k2 noreply\r\n"
                               "get k2\r\n"
                               "quit\r\n";

static const char replies[] =
    "STORED\r\n"
    "STORED\r\n"
    "VALUE k1 1 9\r\n\r\nEND\r\n\r\n\r\nVALUE k2 4294967295 0\r\n\r\nEND\r\n"
    "DELETED\r\n"
    "STORED\r\n"
    "NOT_STORED\r\n"
    "42\r\n"
    "STORED\r\n"
    "STORED\r\n"
    "TOUCHED\r\n"
    "VALUE k3 0 21\r\nVALUE k3 0 1\r\nx\r\n40\r\n\r\nEND\r\n"
    "ERROR\r\n"
    "EXISTS\r\n"
    "VALUE k2 4294967295 0\r\n\r\nEND\r\n"
    "END\r\n";

static void client_sees_replies(struct client *c)
{
    client_sees_bytes(c, replies, sizeof replies - 1);
    client_sees_closed(c);
    client_closes(c);
}

static struct moongate *moongate_on_a_unix_socket(const char *server)
{
    return moongate_start(script_of_one(server, ""), "-b",
                          textf("unix:%s/socket", program_folder()), NULL);
}

static void requests_cut_at_every_byte_mean_the_same(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_on_a_unix_socket(memcached_address(s));
    struct client *first = client_connects_to(memcached_address(s));
    client_sends(first, "set k3 0 0 0\r\n\r\n");
    client_sees(first, "STORED\r\n");

    for (size_t cut = 0; cut < sizeof requests - 1; cut++) {
        struct client *c = client_connects(m);
        client_sends_bytes(c, requests, cut);
        client_is_read(c);
        client_sends_bytes(c, requests + cut, sizeof requests - 1 - cut);
        client_sees_replies(c);
    }
}

static void requests_that_come_byte_by_byte_mean_the_same(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_on_a_unix_socket(memcached_address(s));
    struct client *first = client_connects_to(memcached_address(s));
    client_sends(first, "set k3 0 0 0\r\n\r\n");
    client_sees(first, "STORED\r\n");

    for (size_t piece = 1; piece <= 7; piece++) {
        struct client *c = client_connects(m);
        client_sends_in_pieces(c, requests, sizeof requests - 1, piece);
        client_sees_replies(c);
    }
}

/* --- the other side ------------------------------------------------------------------------- */

static const char asked[] = "get k1 none k2\r\n"
                            "set k1 0 0 1\r\na\r\n"
                            "gets k3\r\n"
                            "incr n 1\r\n"
                            "get none\r\n"
                            "delete k1\r\n"
                            "touch k1 1\r\n"
                            "add k1 0 0 1\r\na\r\n"
                            "incr text 1\r\n"
                            "get k4\r\n";

static const char answered[] = "VALUE k1 0 7\r\nEND\r\n\r\n\r\nVALUE k2 4294967295 0\r\n\r\nEND\r\n"
                               "STORED\r\n"
                               "VALUE k3 1 12 18446744073709551615\r\n\r\nSTORED\r\n\r\n\r\nEND\r\n"
                               "18446744073709551615\r\n"
                               "END\r\n"
                               "DELETED\r\n"
                               "NOT_FOUND\r\n"
                               "NOT_STORED\r\n"
                               "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"
                               "VALUE k4 16 3\r\n\0\r\n\r\nEND\r\n";

static void play_answers(struct client *c, struct backend *b, size_t cut, size_t piece)
{
    client_sends_bytes(c, asked, sizeof asked - 1);
    backend_sees_bytes(b, asked, sizeof asked - 1);
    if (cut > 0) backend_answers_in_pieces(b, answered, cut, piece);
    backend_answers_in_pieces(b, answered + cut, sizeof answered - 1 - cut, piece);
    client_sees_bytes(c, answered, sizeof answered - 1);
}

static void responses_cut_at_every_byte_mean_the_same(void **state)
{
    struct backend *b = backend_listens_unix();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));

    for (size_t cut = 0; cut < sizeof answered - 1; cut++) play_answers(c, b, cut, sizeof answered);
    client_sees_nothing_more(c);
    assert_int_equal(backend_links(b), 1);
}

static void responses_that_come_byte_by_byte_mean_the_same(void **state)
{
    struct backend *b = backend_listens_unix();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));

    for (size_t piece = 1; piece <= 7; piece++) play_answers(c, b, 0, piece);
    client_sees_nothing_more(c);
    assert_int_equal(backend_links(b), 1);
}

/* Two backends, each cut on its own: the merge of a get stays whole. */
static void parts_of_a_get_may_come_in_any_pieces(void **state)
{
    static const char from_a[] = "VALUE a1 0 5\r\nEND\r\n\r\nVALUE a3 0 2\r\n\r\n\r\nEND\r\n";
    static const char from_b[] = "VALUE b2 0 7\r\nVALUE b\r\nVALUE b4 0 1\r\nx\r\nEND\r\n";
    static const char merged[] = "VALUE a1 0 5\r\nEND\r\n\r\nVALUE b2 0 7\r\nVALUE b\r\n"
                                 "VALUE a3 0 2\r\n\r\n\r\nVALUE b4 0 1\r\nx\r\nEND\r\n";
    struct backend *a = backend_listens_unix(), *b = backend_listens_unix();
    const char *script = script_by_letter(backend_address(a), backend_address(b), "");
    struct client *c = client_connects(moongate_start(script, NULL));
    unsigned seed = 5;

    for (int round = 0; round < 100; round++) {
        size_t cut_a = random_below(&seed, sizeof from_a - 1),
               cut_b = random_below(&seed, sizeof from_b - 1);
        client_sends(c, "get a1 b2 a3 b4\r\n");
        backend_sees(a, "get a1 a3\r\n");
        backend_sees(b, "get b2 b4\r\n");
        backend_answers_in_pieces(a, from_a, cut_a, 1 + random_below(&seed, 40));
        backend_answers_in_pieces(b, from_b, cut_b, 1 + random_below(&seed, 40));
        backend_answers_in_pieces(a, from_a + cut_a, sizeof from_a - 1 - cut_a,
                                  1 + random_below(&seed, 40));
        backend_answers_in_pieces(b, from_b + cut_b, sizeof from_b - 1 - cut_b,
                                  1 + random_below(&seed, 40));
        client_sees_bytes(c, merged, sizeof merged - 1);
    }
    client_sees_nothing_more(c);
}

static void nothing_is_forwarded_before_a_value_is_complete(void **state)
{
    struct backend *b = backend_listens_unix();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "-b",
                                        textf("unix:%s/socket", program_folder()), NULL);
    struct client *slow = client_connects(m), *other = client_connects(m);

    client_sends(slow, "set k 0 0 10\r\n01234");
    client_is_read(slow);
    client_sends(other, "get k\r\n");
    backend_sees(b, "get k\r\n"); /* first: the set has not been sent */
    client_sends(slow, "56789\r");
    client_is_read(slow);
    client_sends(other, "get k\r\n");
    backend_sees(b, "get k\r\n");
    client_sends(slow, "\n");
    backend_sees(b, "set k 0 0 10\r\n0123456789\r\n");
    backend_answers(b, "END\r\nEND\r\nSTORED\r\n");
    client_sees(slow, "STORED\r\n");
    client_sees(other, "END\r\nEND\r\n");
}

static void a_value_of_the_wrong_length_is_not_forwarded(void **state)
{
    static const char *const values[] = {"abcdef\r\n", "abcd\r\n\r\n", "abcde\n\n", "abcdexx"};
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct client *c = client_connects(m);
        client_sends(c, textf("set k 0 0 5\r\n%s", values[i]));
        client_sees(c, "CLIENT_ERROR bad data chunk\r\n");
        client_closes(c);
    }
    struct client *last = client_connects(m);
    client_sends(last, "get k\r\n");
    backend_sees(b, "get k\r\n"); /* the first thing it hears */
}

static void what_clients_write_in_their_own_way_is_forwarded_in_the_plain_one(void **state)
{
    static const char *const lines[][2] = {
        {"get k\n", "get k\r\n"},
        {"get  k1   k2 \r\n", "get k1 k2\r\n"},
        {"set k 16 0 1 \r\na\r\n", "set k 16 0 1\r\na\r\n"},
        {"set k 0 0 1\na\r\n", "set k 0 0 1\r\na\r\n"},
        {"delete k 0\r\n", "delete k\r\n"},
        {"delete k 0 noreply\n", "delete k\r\n"},
        {"incr  k  5 \n", "incr k 5\r\n"},
        {"gat  10  k \n", "gat 10 k\r\n"},
    };
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        client_sends(c, lines[i][0]);
        backend_sees(b, lines[i][1]);
    }
}

static void a_value_that_is_never_finished_reaches_nobody(void **state)
{
    struct backend *b = backend_listens_unix();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), "-b",
                                        textf("unix:%s/socket", program_folder()), NULL);

    for (size_t n = 0; n <= 12; n++) {
        struct client *c = client_connects(m);
        client_sends_bytes(c, "set k 0 0 10\r\n0123456789\r\n", 13 + n);
        client_is_read(c);
        client_half_closes(c);
        client_sees_closed(c);
    }
    struct client *last = client_connects(m);
    get_misses(last, "k", b, "k");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(requests_cut_at_every_byte_mean_the_same),
        play(requests_that_come_byte_by_byte_mean_the_same),
        play(responses_cut_at_every_byte_mean_the_same),
        play(responses_that_come_byte_by_byte_mean_the_same),
        play(parts_of_a_get_may_come_in_any_pieces),
        play(nothing_is_forwarded_before_a_value_is_complete),
        play(a_value_of_the_wrong_length_is_not_forwarded),
        play(what_clients_write_in_their_own_way_is_forwarded_in_the_plain_one),
        play(a_value_that_is_never_finished_reaches_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
