/* I5: noreply is never forwarded: moongate asks, reads the answer, and swallows it. */
#include "lib/address.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

static void noreply_is_stripped_and_the_answer_swallowed(void **state)
{
    static const struct {
        const char *sent, *forwarded, *answer;
    } cases[] = {
        {"set k 1 0 1 noreply\r\na\r\n", "set k 1 0 1\r\na\r\n", "STORED\r\n"},
        {"add k 0 100 1 noreply\r\na\r\n", "add k 0 100 1\r\na\r\n", "NOT_STORED\r\n"},
        {"replace k 0 0 1 noreply\r\na\r\n", "replace k 0 0 1\r\na\r\n", "STORED\r\n"},
        {"append k 0 0 1 noreply\r\na\r\n", "append k 0 0 1\r\na\r\n", "STORED\r\n"},
        {"prepend k 0 0 1 noreply\r\na\r\n", "prepend k 0 0 1\r\na\r\n", "NOT_STORED\r\n"},
        {"cas k 0 0 1 77 noreply\r\na\r\n", "cas k 0 0 1 77\r\na\r\n", "EXISTS\r\n"},
        {"delete k noreply\r\n", "delete k\r\n", "NOT_FOUND\r\n"},
        {"incr k 1 noreply\r\n", "incr k 1\r\n", "12\r\n"},
        {"decr k 1 noreply\r\n", "decr k 1\r\n", "CLIENT_ERROR cannot increment\r\n"},
        {"touch k 10 noreply\r\n", "touch k 10\r\n", "TOUCHED\r\n"},
        {"set k 0 0 1 noreply\r\na\r\n", "set k 0 0 1\r\na\r\n", "SERVER_ERROR out of memory\r\n"},
    };
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        client_sends(c, cases[i].sent);
        backend_sees(b, cases[i].forwarded);
        backend_answers(b, cases[i].answer);
        client_sends(c, "get next\r\n"); /* whose answer comes behind the swallowed one */
        backend_sees(b, "get next\r\n");
        backend_answers(b, "END\r\n");
        client_sees(c, "END\r\n");
    }
    client_sees_nothing_more(c);
    assert_int_equal(backend_links(b), 1);
}

static void many_noreply_sets_in_one_write_leave_no_trace(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));

    client_sends(c, "set k1 0 0 1 noreply\r\n1\r\nset k2 0 0 1 noreply\r\n2\r\nget k1 k2\r\n"
                    "delete k1 noreply\r\nget k1\r\n");
    backend_sees(b,
                 "set k1 0 0 1\r\n1\r\nset k2 0 0 1\r\n2\r\nget k1 k2\r\ndelete k1\r\nget k1\r\n");
    backend_answers(b, textf("STORED\r\nSTORED\r\n%s%sEND\r\n", hit("k1", "1"), hit("k2", "2")));
    client_sees(c, textf("%s%sEND\r\n", hit("k1", "1"), hit("k2", "2")));
    backend_answers(b, "DELETED\r\nEND\r\n");
    client_sees(c, "END\r\n");
    client_sees_nothing_more(c);
}

static void failures_of_noreply_requests_are_silent(void **state)
{
    const char *dead = address_of_nobody();
    struct moongate *m =
        moongate_start(textf(MG "local dead = mg.pool { '%s' }\n"
                                "return function(req)\n"
                                "  if req:has_prefix 'error' then error 'oh' end\n"
                                "  if req:has_prefix 'no' then return mg.reply.error 'no' end\n"
                                "  return dead\n"
                                "end\n",
                             dead),
                       NULL);
    struct client *c = client_connects(m);

    client_sends(c, "set k 0 0 1 noreply\r\na\r\ndelete k noreply\r\n"
                    "set error 0 0 1 noreply\r\na\r\nincr error 1 noreply\r\n"
                    "set no 0 0 1 noreply\r\na\r\ntouch no 1 noreply\r\n");
    client_sees_nothing_more(c);
    client_sends(c, "set k 0 0 1\r\na\r\n");
    client_sees_line_starting(c, failure_of(dead));
}

static void a_noreply_value_over_the_limit_is_swallowed_silently(void **state)
{
    struct backend *b = backend_listens();
    struct client *c = client_connects(moongate_start(script_of_one(backend_address(b), ""), NULL));

    client_sends(c, "set big 0 0 2000000 noreply\r\n");
    client_sends_bytes(c, noise(2000000, 1), 2000000);
    client_sends(c, "\r\n");
    backend_sees(b, "delete big\r\n"); /* as memcached drops what the set would have replaced */
    backend_answers(b, "DELETED\r\n");
    client_sees_nothing_more(c);
    backend_has_nothing_yet(b);
}

static void noreply_writes_reach_a_real_server(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct client *c =
        client_connects(moongate_start(script_of_one(memcached_address(s), ""), NULL));

    client_sends(c,
                 "set n 5 0 2 noreply\r\n10\r\nincr n 5 noreply\r\nappend n 0 0 1 noreply\r\n0\r\n"
                 "prepend n 0 0 1 noreply\r\n9\r\ntouch n 100 noreply\r\nget n\r\n"
                 "delete n noreply\r\nget n\r\n");
    client_sees(c, "VALUE n 5 4\r\n9150\r\nEND\r\nEND\r\n");
    client_sees_nothing_more(c);
}

/* Nothing waits for an answer, but nothing may be lost for it either. */
static void any_number_of_noreply_writes_is_carried_out(void **state)
{
    enum { WRITES = 300000 };
    struct memcached *s = memcached_start(NULL);
    struct client *c =
        client_connects(moongate_start(script_of_one(memcached_address(s), "timeout = 60"), NULL));
    struct octets requests = {0};

    client_sends(c, "set n 0 0 1\r\n0\r\n");
    client_sees(c, "STORED\r\n");
    for (int i = 0; i < WRITES; i++) octets_add(&requests, "incr n 1 noreply\r\n", 18);
    octets_add(&requests, "get n\r\n", 7);
    client_sends_bytes(c, octets_at(&requests), octets_n(&requests));
    octets_release(&requests);
    client_sees(c, hit_and_end("n", textf("%d", WRITES)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(noreply_is_stripped_and_the_answer_swallowed),
        play(many_noreply_sets_in_one_write_leave_no_trace),
        play(failures_of_noreply_requests_are_silent),
        play(a_noreply_value_over_the_limit_is_swallowed_silently),
        play(noreply_writes_reach_a_real_server),
        play(any_number_of_noreply_writes_is_carried_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
