/* Clients of the binary protocol: what servers get for their frames, and what they get for answers and failures. Random frames:
 * binary_differential_test.c. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/frames.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

enum {
    GET = 0x00,
    SET = 0x01,
    ADD = 0x02,
    REPLACE = 0x03,
    DELETE = 0x04,
    INCR = 0x05,
    FLUSH = 0x08
};
enum { GETQ = 0x09, NOOP = 0x0a, VERSION = 0x0b, GETK = 0x0c, GETKQ = 0x0d, APPEND = 0x0e };
enum { STAT = 0x10, SETQ = 0x11, FLUSHQ = 0x18, TOUCH = 0x1c, GAT = 0x1d };
enum { NOT_FOUND = 0x01, EXISTS = 0x02, TOO_LARGE = 0x03, INVALID = 0x04, NOT_STORED = 0x05 };
enum { NOT_NUMERIC = 0x06, AUTH_FAILED = 0x20, UNKNOWN = 0x81, NO_MEMORY = 0x82, INTERNAL = 0x84 };
enum { FAILED_FOR_NOW = 0x86 };

static struct frame value_frame(uint8_t opcode, uint32_t opaque, const char *value)
{
    return (struct frame){.opcode = opcode,
                          .opaque = opaque,
                          .cas = UINT64_MAX,
                          .extras = "\0\0\0\0",
                          .extras_n = 4,
                          .value = value};
}

static void sees_noop(struct client *c)
{
    client_asks_frame(c, (struct frame){.opcode = NOOP, .opaque = 77}, 0, "");
}

/* --- frames and lines -------------------------------------------------------------------------- */

/* What a server answers, and the frame that it is: a status with its text, or a value. */
static const struct {
    uint8_t opcode;
    const char *sent, *answer;
    uint16_t status;
    const char *body;
    uint64_t cas;
} OUTCOMES[] = {
    {GET, "gets k\r\n", "END\r\n", NOT_FOUND, "Not found", 0},
    {GET, "gets k\r\n", "SERVER_ERROR busy\r\n", FAILED_FOR_NOW, "busy", 0},
    {GET, "gets k\r\n", "SERVER_ERROR out of memory reading\r\n", NO_MEMORY, "Out of memory", 0},
    {GET, "gets k\r\n", "CLIENT_ERROR no\r\n", INVALID, "no", 0},
    {GET, "gets k\r\n", "ERROR\r\n", UNKNOWN, "Unknown command", 0},
    {SET, "ms k 1 c\r\nv\r\n", "HD c18446744073709551615\r\n", 0, "", UINT64_MAX},
    {SET, "ms k 1 c\r\nv\r\n", "HD\r\n", 0, "", 0},
    {SET, "ms k 1 c\r\nv\r\n", "NS\r\n", NOT_STORED, "Not stored.", 0},
    {SET, "ms k 1 c\r\nv\r\n", "SERVER_ERROR object too large for cache\r\n", TOO_LARGE,
     "Too large.", 0},
    {ADD, "ms k 1 c ME\r\nv\r\n", "NS\r\n", EXISTS, "Data exists for key.", 0},
    {REPLACE, "ms k 1 c MR\r\nv\r\n", "NS\r\n", NOT_FOUND, "Not found", 0},
    {DELETE, "delete k\r\n", "DELETED\r\n", 0, "", 0},
    {DELETE, "delete k\r\n", "NOT_FOUND\r\n", NOT_FOUND, "Not found", 0},
    {INCR, "ma k v c D1\r\n", "NF\r\n", NOT_FOUND, "Not found", 0},
    {INCR, "ma k v c D1\r\n", "EX\r\n", EXISTS, "Data exists for key.", 0},
    {INCR, "ma k v c D1\r\n", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n",
     NOT_NUMERIC, "Non-numeric server-side value for incr or decr", 0},
    {TOUCH, "mg k f c T9\r\n", "EN\r\n", NOT_FOUND, "Not found", 0},
    {GAT, "gats 9 k\r\n", "END\r\n", NOT_FOUND, "Not found", 0},
};

static struct frame request_of(uint8_t opcode)
{
    switch (opcode) {
    case SET:
    case ADD:
    case REPLACE: return frame_store(opcode, "k", "v");
    case INCR: return frame_count(opcode, "k", 1, 0, UINT32_MAX);
    case TOUCH:
    case GAT: return frame_touch(opcode, "k", 9);
    default: return frame_of(opcode, "k");
    }
}

static void every_outcome_has_a_frame(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m);

    for (size_t i = 0; i < sizeof OUTCOMES / sizeof *OUTCOMES; i++) {
        struct frame f = request_of(OUTCOMES[i].opcode);
        f.opaque = 0x01020304;
        client_sends_frame(c, f);
        backend_sees(b, OUTCOMES[i].sent);
        backend_answers(b, OUTCOMES[i].answer);
        client_sees_frame(c, (struct frame){.opcode = f.opcode,
                                            .opaque = f.opaque,
                                            .status = OUTCOMES[i].status,
                                            .cas = OUTCOMES[i].cas,
                                            .value = OUTCOMES[i].body});
    }
    sees_noop(c);
}

static void what_a_server_has_comes_with_flags_and_cas(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m);
    struct frame number = {.opcode = INCR, .cas = 9, .value = "\0\0\0\0\0\0\1\0", .value_n = 8};

    client_sends_frame(c, frame_of(GETK, "k"));
    backend_sees(b, "gets k\r\n");
    backend_answers(b, "VALUE k 4294967295 3 18446744073709551614\r\na\r\n\r\nEND\r\n");
    client_sees_frame(c, (struct frame){.opcode = GETK,
                                        .extras = "\xff\xff\xff\xff",
                                        .key = "k",
                                        .cas = UINT64_MAX - 1,
                                        .value = "a\r\n"});
    client_sends_frame(c, frame_of(GETK, "a b"));
    backend_sees(b, "mg YSBi b v f c\r\n");
    backend_answers(b, "VA 1 f16777216 c5\r\nx\r\n");
    client_sees_frame(c, (struct frame){.opcode = GETK,
                                        .extras = "\1\0\0\0",
                                        .extras_n = 4,
                                        .key = "a b",
                                        .cas = 5,
                                        .value = "x"});
    client_sends_frame(c, frame_count(INCR, "k", 6, 7, 0));
    backend_sees(b, "ma k v c D6 N0 J7\r\n");
    backend_answers(b, "VA 3 c9\r\n256\r\n");
    client_sees_frame(c, number);
    client_sends_frame(c, frame_touch(TOUCH, "k", 9));
    backend_sees(b, "mg k f c T9\r\n");
    backend_answers(b, "HD f1 c8\r\n");
    client_sees_frame(
        c, (struct frame){.opcode = TOUCH, .extras = "\0\0\0\1", .extras_n = 4, .cas = 8});
    sees_noop(c);
}

/* --- quiet frames ------------------------------------------------------------------------------ */

static void a_quiet_run_is_answered_at_its_end_in_order(void **state)
{
    struct backend *a = backend_listens(), *b = backend_listens();
    struct moongate *m =
        moongate_start(script_by_letter(backend_address(a), backend_address(b), ""), NULL);
    struct client *c = client_connects(m);
    struct frame first = value_frame(GETKQ, 1, "A"), last = value_frame(GETKQ, 3, "B");

    client_sends_frame(c, (struct frame){.opcode = GETKQ, .key = "a1", .opaque = 1});
    client_sends_frame(c, (struct frame){.opcode = GETKQ, .key = "a2", .opaque = 2});
    client_sends_frame(c, (struct frame){.opcode = GETKQ, .key = "b1", .opaque = 3});
    client_sends_frame(c, (struct frame){.opcode = NOOP, .opaque = 4});
    backend_sees(b, "gets b1\r\n");
    backend_answers(b, "VALUE b1 0 1 12\r\nB\r\nEND\r\n");
    client_has_nothing_yet(c);
    backend_sees(a, "gets a1\r\ngets a2\r\n");
    backend_answers(a, "VALUE a1 0 1 11\r\nA\r\nEND\r\nEND\r\n");
    first.key = "a1";
    first.cas = 11;
    last.key = "b1";
    last.cas = 12;
    client_sees_frame(c, first);
    client_sees_frame(c, last);
    client_sees_frame(c, (struct frame){.opcode = NOOP, .opaque = 4});
}

static void a_quiet_frame_says_what_went_wrong(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m);

    client_sends_frame(c, frame_store(SETQ, "k", "v"));
    client_sends_frame(c, frame_store(SETQ, "l", "v"));
    client_sends_frame(c, frame_of(GETQ, "n"));
    client_sends_frame(c, frame_of(GETQ, "o"));
    backend_sees(b, "ms k 1 c\r\nv\r\nms l 1 c\r\nv\r\ngets n\r\ngets o\r\n");
    backend_answers(b, "HD c1\r\nSERVER_ERROR out of memory storing object\r\nEND\r\n");
    backend_answers(b, "SERVER_ERROR broken\r\n");
    client_sees_frame(
        c, (struct frame){.opcode = SETQ, .status = NO_MEMORY, .value = "Out of memory"});
    client_sees_frame(c,
                      (struct frame){.opcode = GETQ, .status = FAILED_FOR_NOW, .value = "broken"});
    sees_noop(c);
}

/* --- failures, policies, scripts --------------------------------------------------------------- */

static void a_dead_server_is_a_failure_for_now(void **state)
{
    struct backend *b = backend_listens();
    const char *address = textf("%s", backend_address(b));
    struct moongate *m = moongate_start(script_of_one(address, ""), NULL);
    struct client *c = client_connects(m);

    client_sends_frame(c, frame_store(SET, "k", "v"));
    backend_sees(b, "ms k 1 c\r\nv\r\n");
    backend_resets(b);
    char *head = client_sees_some(c, FRAME_HEAD);
    assert_int_equal((unsigned char)head[7], FAILED_FOR_NOW);
    size_t n = (unsigned char)head[11];
    char *text = client_sees_some(c, n);
    assert_true(n > strlen(address) && memcmp(text, address, strlen(address)) == 0);
}

static void policies_and_scripts_answer_in_frames(void **state)
{
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG "local pool = mg.pool { '%s', timeout = 5 }\n"
                 "return function(req)\n"
                 "  if req.key == 'miss' then return mg.reply.miss() end\n"
                 "  if req.key == 'deny' then return mg.reply.error 'not here' end\n"
                 "  if req.key == 'value' then return mg.reply.value('own', 3, 4) end\n"
                 "  if req.key == 'bad' then error 'oops' end\n"
                 "  if req.key == 'say' then return mg.reply.value(req.protocol .. ' ' .. "
                 "req.command) end\n"
                 "  req.key = 'p:' .. req.key\n"
                 "  return pool\nend\n",
              backend_address(b)),
        "--rehearse", "0", "--probation", "0", NULL);
    struct client *c = client_connects(m);

    client_asks_frame(c, frame_of(GET, "miss"), NOT_FOUND, "Not found");
    client_asks_frame(c, frame_store(SET, "miss", "v"), NOT_STORED, "Not stored.");
    client_asks_frame(c, frame_store(ADD, "miss", "v"), NOT_STORED, "Not stored.");
    client_asks_frame(c, frame_of(DELETE, "miss"), NOT_FOUND, "Not found");
    client_asks_frame(c, frame_of(GET, "deny"), FAILED_FOR_NOW, "not here");
    client_asks_frame(c, frame_of(GET, "bad"), INTERNAL, "script error");
    client_sends_frame(c, frame_of(GETK, "value"));
    client_sees_frame(c, (struct frame){.opcode = GETK,
                                        .extras = "\0\0\0\3",
                                        .extras_n = 4,
                                        .key = "value",
                                        .cas = 4,
                                        .value = "own"});
    struct frame said = value_frame(GET, 0, "binary gets");
    said.cas = 0;
    client_sends_frame(c, frame_of(GET, "say"));
    client_sees_frame(c, said);
    client_sends_frame(c, frame_of(GETK, "k"));
    backend_sees(b, "gets p:k\r\n");
    backend_answers(b, "VALUE p:k 0 1 2\r\nv\r\nEND\r\n");
    struct frame shown = value_frame(GETK, 0, "v");
    shown.key = "k";
    client_sees_frame(c, shown);
    struct client *t = client_connects(m);
    client_asks(t, "get say\r\n", hit_and_end("say", "text get"));
}

/* --- long values ------------------------------------------------------------------------------- */

static void a_long_value_is_passed_on_while_it_comes(void **state)
{
    enum { LONG = 300000, FIRST = 100000 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m);
    const char *data = noise(LONG, 3);

    client_sends_frame(c, (struct frame){.opcode = GETK, .key = "k", .opaque = 5});
    client_sends_frame(c, frame_of(GET, "l"));
    backend_sees(b, "gets k\r\ngets l\r\n");
    backend_answers(b, "VALUE k 7 300000 99\r\n");
    backend_answers_bytes(b, data, FIRST);
    const char head[] = "\x81\x0c\0\1\4\0\0\0\0\4\x93\xe5\0\0\0\5\0\0\0\0\0\0\0\x63\0\0\0\7k";
    client_sees_bytes(c, head, sizeof head - 1);
    client_sees_bytes(c, data, FIRST);
    backend_answers_bytes(b, data + FIRST, LONG - FIRST);
    client_sees_bytes(c, data + FIRST, LONG - FIRST);
    backend_answers(b, "\r\nEND\r\nEND\r\n");
    client_sees_frame(c, (struct frame){.opcode = GET, .status = NOT_FOUND, .value = "Not found"});
    struct client *t = client_connects(m);
    assert_int_equal(stat_number(t, "proxy", "streamed_values"), 1);
}

static void a_value_that_breaks_off_closes_its_client(void **state)
{
    enum { LONG = 300000, FIRST = 100000 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m);

    client_sends_frame(c, frame_of(GET, "k"));
    backend_sees(b, "gets k\r\n");
    backend_answers(b, "VALUE k 7 300000 99\r\n");
    backend_answers_bytes(b, noise(FIRST, 3), FIRST);
    (void)client_sees_some(c, FRAME_HEAD + 4 + FIRST);
    backend_resets(b);
    client_sees_closed(c);
    moongate_sees_log(m, "closed in the middle of a value");
}

static void a_value_that_is_too_large_costs_its_frame_and_the_old_value(void **state)
{
    enum { LARGE = 1100000 };
    struct backend *b = backend_listens();
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m);
    struct frame f = frame_store(SETQ, "a b", noise(LARGE, 1));

    f.value_n = LARGE;
    client_sends_frame(c, f);
    client_sees_frame(c,
                      (struct frame){.opcode = SETQ, .status = TOO_LARGE, .value = "Too large."});
    backend_sees(b, "md YSBi b\r\n");
    backend_answers(b, "HD\r\n");
    sees_noop(c);
    f.opcode = APPEND;
    f.extras_n = 0;
    f.extras = NULL;
    client_sends_frame(c, f);
    client_sees_frame(c,
                      (struct frame){.opcode = APPEND, .status = TOO_LARGE, .value = "Too large."});
    sees_noop(c);
    backend_has_nothing_yet(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(every_outcome_has_a_frame),
        play(what_a_server_has_comes_with_flags_and_cas),
        play(a_quiet_run_is_answered_at_its_end_in_order),
        play(a_quiet_frame_says_what_went_wrong),
        play(a_dead_server_is_a_failure_for_now),
        play(policies_and_scripts_answer_in_frames),
        play(a_long_value_is_passed_on_while_it_comes),
        play(a_value_that_breaks_off_closes_its_client),
        play(a_value_that_is_too_large_costs_its_frame_and_the_old_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
