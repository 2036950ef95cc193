/* What a daemon records of its clients' requests: every kind of request once, with its outcome, and nothing else. */
#include "e2e/service/recorded.h"
#include "lib/backend.h"
#include "lib/frames.h"
#include "lib/memcached.h"

#include <time.h>

static void each_command_of_text_is_recorded_with_its_outcome(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = recorded_moongate(script_of_one(memcached_address(s), ""), NULL, NULL);
    struct recorded *r = recorded_begins(m, "");
    struct client *c = client_connects(m);
    (void)state;
    client_asks(c, "set k 5 100 3\r\nabc\r\n", "STORED\r\n");
    client_asks(c, "add k 0 0 1\r\nx\r\n", "NOT_STORED\r\n");
    client_asks(c, "replace k 6 -1 2\r\nxy\r\n", "STORED\r\n");
    client_asks(c, "get k\r\n", "END\r\n");
    client_asks(c, "set n 0 0 1\r\n7\r\n", "STORED\r\n");
    client_asks(c, "append n 0 0 1\r\n0\r\n", "STORED\r\n");
    client_asks(c, "prepend n 0 0 1\r\n1\r\n", "STORED\r\n");
    client_asks(c, "incr n 5\r\n", "175\r\n");
    client_asks(c, "decr n 75\r\n", "100\r\n");
    client_asks(c, "cas n 0 0 1 99999\r\nx\r\n", "EXISTS\r\n");
    client_asks(c, "touch n 60\r\n", "TOUCHED\r\n");
    client_asks(c, "gat 70 n\r\n", "VALUE n 0 3\r\n100\r\nEND\r\n");
    client_asks(c, "delete n\r\n", "DELETED\r\n");
    client_asks(c, "delete n\r\n", "NOT_FOUND\r\n");
    client_asks(c, "incr none 1\r\n", "NOT_FOUND\r\n");
    ARE(r, "set k stored 3 flags=5 exptime=100", "add k not_stored 1",
        "replace k stored 2 flags=6 exptime=-1", "get k miss", "set n stored 1",
        "append n stored 1", "prepend n stored 1", "incr n changed number=5",
        "decr n changed number=75", "cas n exists 1 number=99999", "touch n touched exptime=60",
        "gat n hit exptime=70", "delete n deleted", "delete n miss", "incr none miss number=1");
    assert_in_range(r->last.us, 1, 10000000);
    assert_int_equal(r->last.bytes, strlen("NOT_FOUND\r\n"));
    double age = (double)time(NULL) - (double)r->last.at_us * 1e-6;
    assert_true(age > -5 && age < 60);
}

static void meta_commands_keep_their_flags(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = recorded_moongate(script_of_one(memcached_address(s), ""), NULL, NULL);
    struct recorded *r = recorded_begins(m, "");
    struct client *c = client_connects(m);
    (void)state;
    client_asks(c, "ms k 3 T50 F7\r\nabc\r\n", "HD\r\n");
    client_asks(c, "mg k v t\r\n", "VA 3 t50\r\nabc\r\n");
    client_asks(c, "mg none v q\r\nmn\r\n", "MN\r\n");
    client_asks(c, "ms azE= 1 b\r\n5\r\n", "HD\r\n");
    client_asks(c, "ma k1 D3\r\n", "HD\r\n");
    client_asks(c, "md k q\r\nmn\r\n", "MN\r\n");
    client_asks(c, "me none\r\n", "EN\r\n");
    ARE(r, "ms k stored 3 flags=7 exptime=50 args=T50 F7", "mg k hit args=v t",
        "mg none miss args=v q", "ms k1 stored 1 base64 args=b", "ma k1 changed args=D3",
        "md k deleted args=q", "me none miss");
}

static void each_key_of_a_get_is_recorded(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    struct moongate *m =
        recorded_moongate(script_by_letter(backend_address(a), backend_address(b), ""), NULL, NULL);
    struct recorded *r = recorded_begins_at(desk_opens(recorded_admin), "");
    struct client *c = client_connects(m);
    (void)state;
    client_sees_nothing_more(c);
    stage_turns(0);
    client_sends(c, "gets a b a2 b2\r\n");
    backend_sees(a, "gets a a2\r\n");
    backend_answers(a, "VALUE a2 0 2 9\r\nxy\r\nEND\r\n");
    backend_sees(b, "gets b b2\r\n");
    backend_answers(b, "SERVER_ERROR out of order\r\n");
    client_sees(c, "VALUE a2 0 2 9\r\nxy\r\nSERVER_ERROR out of order\r\n");
    /* After a failure, what was not found may have been missing or not. */
    ARE(r, "gets a error part=0/4 error=SERVER_ERROR out of order",
        "gets b error part=1/4 error=SERVER_ERROR out of order", "gets a2 hit part=2/4",
        "gets b2 error part=3/4 error=SERVER_ERROR out of order");
}

static void noreply_and_what_is_refused_or_made_by_the_script_is_recorded(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = recorded_moongate(
        textf(MG "local pool = mg.pool { '%s' }\n"
                 "return function(req)\n"
                 "  if req:has_prefix 'err' then return mg.reply.error 'not here' end\n"
                 "  if req:has_prefix 'none' then return mg.reply.miss() end\n"
                 "  if req:has_prefix 'bad' then error 'oh' end\n"
                 "  return pool\nend\n",
              memcached_address(s)),
        "--max-value", "1k");
    struct recorded *r = recorded_begins(m, "values");
    struct client *c = client_connects(m);
    char *big = noise(2000, 1);
    (void)state;
    client_asks(c, "set k 0 0 2 noreply\r\nab\r\ntouch k 0\r\n", "TOUCHED\r\n");
    client_asks(c, "get err\r\n", "SERVER_ERROR not here\r\n");
    client_asks(c, "get none\r\n", "END\r\n");
    client_asks(c, "get bad\r\n", "SERVER_ERROR script error\r\n");
    client_asks(c, "incr k x\r\n", "CLIENT_ERROR invalid numeric delta argument\r\n");
    client_sends(c, "set big 0 0 2000\r\n");
    client_sends_bytes(c, big, 2000);
    client_asks(c, "\r\n", "SERVER_ERROR object too large for cache\r\n");
    client_asks(c, "incr k 1\r\n",
                "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    ARE(r, "set k stored 2 noreply value=ab", "touch k touched",
        "get err error error=SERVER_ERROR not here", "get none miss",
        "get bad error error=SERVER_ERROR script error",
        "incr k error error=CLIENT_ERROR invalid numeric delta argum",
        "set big error 2000 cut error=SERVER_ERROR object too large for cache",
        "incr k error number=1 error=CLIENT_ERROR cannot increment or decreme");
}

static void what_asks_moongate_itself_is_not_recorded(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = recorded_moongate(script_of_one(memcached_address(s), ""), "--auth-file",
                                           moongate_script_file("app:secret\n"));
    struct recorded *r = recorded_begins_at(desk_opens(recorded_admin), "values");
    struct client *c = client_connects(m), *wrong = client_connects(m),
                  *frames = client_connects(m);
    struct frame f = frame_of(0x21, "PLAIN");
    (void)state;
    f.value = "\0app\0secret";
    f.value_n = 11;
    client_asks(wrong, "set app 0 0 9\r\napp wrong\r\n", "CLIENT_ERROR authentication failure\r\n");
    client_asks(c, "set app 0 0 10\r\napp secret\r\n", "STORED\r\n");
    client_asks_frame(frames, f, 0, "Authenticated");
    client_asks_frame(frames, frame_of(0x0a, NULL), 0, "");
    client_asks(c, "flush_all\r\n", "OK\r\n");
    client_asks(c, "verbosity 1\r\n", "OK\r\n");
    client_asks(c, "mn\r\n", "MN\r\n");
    client_asks(c, "bogus\r\n", "ERROR\r\n");
    assert_non_null(stat_text(c, "", "pid"));
    client_sees_nothing_more(c);
    client_asks(c, "get k\r\n", "END\r\n");
    ARE(r, "get k miss");
}

static void frames_are_recorded_in_the_words_of_text(void **state)
{
    enum {
        GET,
        SET,
        ADD,
        REPLACE,
        DELETE,
        INCR,
        DECR,
        SETQ = 0x11,
        APPEND = 0x0e,
        TOUCH = 0x1c,
        GAT,
        NOOP = 0x0a
    };
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = recorded_moongate(script_of_one(memcached_address(s), ""), NULL, NULL);
    struct recorded *r = recorded_begins(m, "values");
    struct client *c = client_connects(m);
    struct frame compares = frame_store(REPLACE, "k", "new");
    (void)state;
    compares.cas = 12345;
    struct frame set = frame_store(SET, "k", "abc");
    set.extras = frame_stores(5, 100);
    client_sends_frame(c, set);
    client_sends_frame(c, compares);
    client_sends_frame(c, frame_store(ADD, "k", "x"));
    client_sends_frame(c, frame_store(SETQ, "q", "5"));
    client_sends_frame(c, (struct frame){.opcode = APPEND, .key = "q", .value = "0"});
    client_sends_frame(c, frame_count(INCR, "q", 2, 40, 60));
    client_sends_frame(c, frame_count(DECR, "q", 1, 0, UINT32_MAX));
    client_sends_frame(c, frame_touch(TOUCH, "k", 30));
    client_sends_frame(c, frame_touch(GAT, "k", 20));
    client_sends_frame(c, frame_of(DELETE, "k"));
    client_sends_frame(c, frame_of(GET, "k"));
    client_sends_frame(c, frame_store(SET, "a b", "v"));
    client_sends_frame(c, frame_of(GET, "a b"));
    recorded_becomes(r, 13);
    ARE(r, "set k stored 3 flags=5 exptime=100 value=abc", "cas k exists 3 number=12345 value=new",
        "add k not_stored 1 value=x", "set q stored 1 noreply value=5", "append q stored 1 value=0",
        "ma q changed args=v c D2 N60 J40", "ma q changed args=v c D1 MD",
        "touch k touched exptime=30", "gat k hit exptime=20", "delete k deleted", "get k miss",
        "ms a b stored 1 base64 args=b c F0 T0 value=v", "mg a b hit base64 args=b v f c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(each_command_of_text_is_recorded_with_its_outcome),
        play(meta_commands_keep_their_flags),
        play(each_key_of_a_get_is_recorded),
        play(noreply_and_what_is_refused_or_made_by_the_script_is_recorded),
        play(what_asks_moongate_itself_is_not_recorded),
        play(frames_are_recorded_in_the_words_of_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
