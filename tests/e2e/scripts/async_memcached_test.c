/* Functions that wait, before real memcached servers: they answer as if they were not there. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything through a function that waits for one server, or asks two and takes the first's word. */
static const char *one_call(const struct memcached *s)
{
    return textf(MG "local pool = mg.pool { '%s' }\n"
                    "return mg.async(function(req) return mg.call(pool, req) end)\n",
                 memcached_address(s));
}

static const char *two_calls(const struct memcached *s, const struct memcached *other)
{
    return textf(MG "local one, two = mg.pool { '%s' }, mg.pool { '%s' }\n"
                    "return mg.async(function(req) return mg.call_all({ one, two }, req)[1] end)\n",
                 memcached_address(s), memcached_address(other));
}

static const char *returned(const struct memcached *s)
{
    return textf(MG "local pool = mg.pool { '%s' }\n"
                    "return mg.async(function(req) return pool end)\n",
                 memcached_address(s));
}

/* What a client says and hears in turn. */
static void plays(struct client *c)
{
    client_sends(c, "set a 5 0 1\r\n1\r\nget a\r\nincr a 41\r\nappend a 0 0 1\r\n0\r\nget "
                    "a\r\ndelete a\r\nget a\r\n");
    client_sees(c, "STORED\r\nVALUE a 5 1\r\n1\r\nEND\r\n42\r\nSTORED\r\nVALUE a 5 "
                   "3\r\n420\r\nEND\r\nDELETED\r\nEND\r\n");
    client_sends(c, "add a 0 0 1\r\nx\r\nadd a 0 0 1\r\ny\r\nreplace n 0 0 1\r\nz\r\ntouch a "
                    "0\r\ntouch n 0\r\nincr a 1\r\n");
    client_sees(c, "STORED\r\nNOT_STORED\r\nNOT_STORED\r\nTOUCHED\r\nNOT_FOUND\r\n"
                   "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    client_sends(c, "gets a\r\n");
    client_sees(c, "VALUE a 0 1 ");
    unsigned long cas = strtoul(client_sees_line(c), NULL, 10);
    client_sees(c, "x\r\nEND\r\n");
    client_sends(
        c,
        textf("cas a 7 0 1 %lu\r\nw\r\ncas a 7 0 1 %lu\r\nv\r\ncas n 0 0 1 1\r\nv\r\ngat 0 a\r\n",
              cas, cas));
    client_sees(c, "STORED\r\nEXISTS\r\nNOT_FOUND\r\nVALUE a 7 1\r\nw\r\nEND\r\n");
    client_sends(c, "set b 1 0 2\r\nbb\r\nget n a m b a n\r\nget n m\r\n");
    client_sees(
        c, "STORED\r\nVALUE a 7 1\r\nw\r\nVALUE b 1 2\r\nbb\r\nVALUE a 7 1\r\nw\r\nEND\r\nEND\r\n");
}

static void plays_without_answers(struct client *c)
{
    client_sends(c, "set q 0 0 1 noreply\r\n1\r\nincr q 6 noreply\r\nget q\r\ndelete q "
                    "noreply\r\ntouch q 1 noreply\r\nget q\r\n");
    client_sees(c, "VALUE q 0 1\r\n7\r\nEND\r\nEND\r\n");
    client_sends(c, "mg n v q\r\nms q 1 q\r\nx\r\nmg q v q O1\r\nmd q q\r\nmn\r\n");
    client_sees(c, "VA 1 O1\r\nx\r\nMN\r\n");
}

static void plays_in_meta(struct client *c)
{
    client_sends(c, "ms Zm9vIGJhcg== 2 b F9 T0 k O7\r\nhi\r\nmg Zm9vIGJhcg== b k v f t O8\r\n");
    client_sees(c, "HD kZm9vIGJhcg== b O7\r\nVA 2 kZm9vIGJhcg== b f9 t-1 O8\r\nhi\r\n");
    client_sends(c, "ma n N0 J5 v\r\nma n D3 v\r\nmd Zm9vIGJhcg== b\r\nmg Zm9vIGJhcg== b v\r\nmg n "
                    "k O9\r\nmg m k O9\r\n");
    client_sees(c, "VA 1\r\n5\r\nVA 1\r\n8\r\nHD\r\nEN\r\nHD kn O9\r\n");
    client_sees_line_starting(c, "EN");
    client_sends(c, "md n\r\n");
    client_sees(c, "HD\r\n");
}

static void a_function_in_between_changes_no_answer(void **state)
{
    for (int way = 0; way < 3; way++) {
        struct memcached *s = memcached_start(NULL), *other = memcached_start(NULL);
        const char *script = way == 0 ? one_call(s) : way == 1 ? two_calls(s, other) : returned(s);
        struct client *c = client_connects(moongate_start(script, NULL));
        plays(c);
        plays_without_answers(c);
        plays_in_meta(c);
        client_sees_nothing_more(c);
        stage_clears();
    }
}

/* Byte by byte: each command is whole by itself, and functions of several turns wait at once. */
static void it_changes_none_when_commands_come_in_pieces(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct client *c = client_connects(moongate_start(one_call(s), NULL));
    static const char commands[] =
        "set a 0 0 3\r\nabc\r\nget a b\r\ndelete a\r\nget a\r\nmg a v\r\n";
    client_sends_in_pieces(c, commands, sizeof commands - 1, 1);
    client_sees(c, "STORED\r\nVALUE a 0 3\r\nabc\r\nEND\r\nDELETED\r\nEND\r\nEN\r\n");
    client_sees_nothing_more(c);
}

static void long_values_go_through_functions(void **state)
{
    enum { LONG = 1000 * 1000 };
    struct memcached *s = memcached_start("-I", "2m", NULL),
                     *other = memcached_start("-I", "2m", NULL);
    struct client *c = client_connects(moongate_start(
        textf(MG "local pool, other = mg.pool { '%s' }, mg.pool { '%s' }\n"
                 "local copy = mg.async(function(req)\n"
                 "  local res = mg.call(pool, mg.request.get 'long')\n"
                 "  return mg.call(other, mg.request.set(req.key, res, res.flags))\n"
                 "end)\n"
                 "local fetch = mg.async(function(req)\n"
                 "  local both = mg.call_all({ pool, other }, mg.request.get 'long')\n"
                 "  assert(both[1].size == %d and both[2].size == %d)\n"
                 "  return both[2]\n"
                 "end)\n"
                 "local plain = mg.async(function(req) return mg.call(pool, req) end)\n"
                 "return function(req)\n"
                 "  if req.command == 'set' and req.key == 'long' and req.size == 1 then return "
                 "copy end\n"
                 "  return req.key == 'both' and fetch or plain\n"
                 "end\n",
              memcached_address(s), memcached_address(other), LONG, LONG),
        "--max-value", "2m", NULL));
    char *value = noise(LONG, 7);
    client_sends(c, textf("set long 3 0 %d\r\n", LONG));
    client_sends_bytes(c, value, LONG);
    client_sends(c, "\r\n");
    client_sees(c, "STORED\r\n");
    client_sends(c, "set long 0 0 1\r\nx\r\n");
    client_sees(c, "STORED\r\n");
    client_sends(c, "get both\r\nget none long\r\n");
    for (int i = 0; i < 2; i++) {
        client_sees(c, textf("VALUE %s 3 %d\r\n", i == 0 ? "both" : "long", LONG));
        client_sees_bytes(c, value, LONG);
        client_sees(c, "\r\nEND\r\n");
    }
    client_sees_nothing_more(c);
}

/* Requests that go the same way keep their order, as far as the calls go that functions make before they first wait. */
static void a_clients_requests_reach_a_server_in_its_order(void **state)
{
    enum { ROUNDS = 200 };
    static const char *const routes[] = {"slow", "mg.failover { slow, pool }",
                                         "mg.async(function(req) return mg.call(slow, req) end)",
                                         "function() return slow end"};
    struct octets sent = {0}, seen = {0};
    for (int i = 0; i < ROUNDS; i++) {
        char n[16];
        snprintf(n, sizeof n, "%d", i);
        const char *in = textf("set k 0 0 %zu\r\n%s\r\nget k\r\n", strlen(n), n);
        const char *out = textf("STORED\r\n%s", hit_and_end("k", n));
        octets_add(&sent, in, strlen(in));
        octets_add(&seen, out, strlen(out));
    }
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct memcached *s = memcached_start(NULL);
        struct client *c = client_connects(moongate_start(
            textf(MG "local pool = mg.pool { '%s' }\n"
                     "local slow = mg.async(function(req) return mg.call(pool, req) end)\n"
                     "return %s\n",
                  memcached_address(s), routes[i]),
            NULL));
        client_sends_bytes(c, octets_at(&sent), octets_n(&sent));
        client_sees_bytes(c, octets_at(&seen), octets_n(&seen));
        stage_clears();
    }
    octets_release(&sent);
    octets_release(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_function_in_between_changes_no_answer),
        play(it_changes_none_when_commands_come_in_pieces),
        play(long_values_go_through_functions),
        play(a_clients_requests_reach_a_server_in_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
