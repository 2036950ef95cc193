/* Frames to servers that do not know meta commands: what takes several steps there, and what cannot be asked. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/frames.h"
#include "lib/moongate.h"
#include "lib/oldserver.h"
#include "lib/scene.h"

#include <string.h>

enum {
    GET = 0x00,
    SET = 0x01,
    ADD = 0x02,
    REPLACE = 0x03,
    DELETE = 0x04,
    INCR = 0x05,
    DECR = 0x06
};
enum {
    NOOP = 0x0a,
    GETK = 0x0c,
    APPEND = 0x0e,
    INCRQ = 0x15,
    TOUCH = 0x1c,
    GAT = 0x1d,
    GATK = 0x23
};
enum { NOT_FOUND = 1, EXISTS = 2, NOT_SUPPORTED = 0x83 };

static struct frame number(uint8_t opcode, const char *bytes)
{
    return (struct frame){.opcode = opcode, .value = bytes, .value_n = 8};
}

static void asks(struct client *c, struct frame f, struct frame answer)
{
    client_sends_frame(c, f);
    client_sees_frame(c, answer);
}

static struct client *client_of_old(enum oldserver_kind kind, struct oldserver **old)
{
    *old = oldserver_listens(kind);
    struct moongate *m = moongate_start(script_of_one(oldserver_address(*old), ""), NULL);
    struct client *c = client_connects(m);
    stat_becomes(c, "servers", textf("%s:state", oldserver_address(*old)), "ready");
    client_closes(c);
    return client_connects(m);
}

static void counts_and_stores(struct client *c, struct oldserver *old)
{
    asks(c, frame_count(INCR, "n", 5, 41, 0), number(INCR, "\0\0\0\0\0\0\0\x29"));
    assert_string_equal(oldserver_value(old, "n"), "41");
    asks(c, frame_count(INCR, "n", 5, 41, 0), number(INCR, "\0\0\0\0\0\0\0\x2e"));
    asks(c, frame_count(DECR, "n", 6, 41, 0), number(DECR, "\0\0\0\0\0\0\0\x28"));
    client_sends_frame(c, frame_count(INCRQ, "q", 5, 7, 0));
    client_asks_frame(c, frame_count(INCR, "none", 5, 41, UINT32_MAX), NOT_FOUND, "Not found");
    assert_string_equal(oldserver_value(old, "q"), "7");
    client_asks_frame(c, frame_store(SET, "k", "v"), 0, "");
    client_asks_frame(c, frame_store(ADD, "k", "w"), EXISTS, "Data exists for key.");
    client_asks_frame(c, frame_store(REPLACE, "l", "w"), NOT_FOUND, "Not found");
    client_asks_frame(c, frame_of(DELETE, "l"), NOT_FOUND, "Not found");
    client_asks_frame(c, (struct frame){.opcode = APPEND, .key = "k", .value = "w"}, 0, "");
    assert_string_equal(oldserver_value(old, "k"), "vw");
}

static void touches(struct client *c)
{
    client_sends_frame(c, frame_of(GETK, "k"));
    char *head = client_sees_some(c, FRAME_HEAD + 4 + 1 + 2);
    assert_memory_equal(head + FRAME_HEAD + 4, "kvw", 3);
    client_sends_frame(c, frame_touch(TOUCH, "k", 100));
    head = client_sees_some(c, FRAME_HEAD + 4);
    assert_int_equal(head[7], 0);
    client_sends_frame(c, frame_touch(GATK, "k", 100));
    head = client_sees_some(c, FRAME_HEAD + 4 + 1 + 2);
    assert_memory_equal(head + FRAME_HEAD + 4, "kvw", 3);
    client_asks_frame(c, frame_touch(TOUCH, "none", 100), NOT_FOUND, "Not found");
    client_asks_frame(c, frame_touch(GAT, "none", 100), NOT_FOUND, "Not found");
}

static void an_old_server_is_asked_in_steps(void **state)
{
    static const enum oldserver_kind kinds[] = {OLDSERVER_1_4_25, OLDSERVER_1_5_22, OLDSERVER_1_6_6,
                                                OLDSERVER_FOREIGN};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct oldserver *old;
        struct client *c = client_of_old(kinds[i], &old);
        counts_and_stores(c, old);
        touches(c);
        oldserver_never_executed(old, "m[gsad] *");
        client_asks_frame(c, frame_of(NOOP, NULL), 0, "");
        stage_clears();
    }
}

/* An item that another client adds between incr and add is counted. */
static void an_item_that_comes_between_two_steps_is_counted(void **state)
{
    struct backend *b = backend_listens();
    backend_is(b, 2, "VERSION 1.4.25\r\n", "ERROR\r\n");
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m);

    client_sends_frame(c, frame_count(INCR, "n", 5, 41, 60));
    backend_sees(b, "incr n 5\r\n");
    backend_answers(b, "NOT_FOUND\r\n");
    backend_sees(b, "add n 0 60 2\r\n41\r\n");
    backend_answers(b, "NOT_STORED\r\n");
    backend_sees(b, "incr n 5\r\n");
    backend_answers(b, "12\r\n");
    client_sees_frame(c, number(INCR, "\0\0\0\0\0\0\0\x0c"));
    assert_int_equal(stat_number(client_connects(m), "proxy", "incr_hits"), 1);
}

static void a_client_that_leaves_between_two_steps_costs_nothing(void **state)
{
    struct backend *b = backend_listens();
    backend_is(b, 2, "VERSION 1.4.25\r\n", "ERROR\r\n");
    struct moongate *m = moongate_start(script_of_one(backend_address(b), ""), NULL);
    struct client *c = client_connects(m), *d = client_connects(m);

    client_sends_frame(c, frame_count(INCR, "n", 5, 41, 60));
    backend_sees(b, "incr n 5\r\n");
    client_resets(c); /* one that closes gets its answers */
    stat_becomes(d, "proxy", "curr_connections", "1");
    backend_answers(b, "NOT_FOUND\r\n");
    get_misses(d, "k", b, "k"); /* whose answer comes behind that one */
    backend_has_nothing_yet(b);
}

static void what_has_no_words_is_not_supported(void **state)
{
    struct oldserver *old;
    struct client *c = client_of_old(OLDSERVER_1_4_25, &old);
    struct frame f = frame_count(INCR, "n", 1, 1, 0);

    f.cas = 7;
    static const char *const wanted[] = {"a b"};
    for (size_t i = 0; i <= sizeof wanted / sizeof *wanted; i++) {
        client_sends_frame(c, i ? frame_store(SET, wanted[i - 1], "v") : f);
        char *head = client_sees_some(c, FRAME_HEAD);
        assert_int_equal((unsigned char)head[7], NOT_SUPPORTED);
        (void)client_sees_some(c, (unsigned char)head[11]);
    }
    client_asks_frame(c, frame_of(NOOP, NULL), 0, "");
    oldserver_never_executed(old, "incr *");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(an_old_server_is_asked_in_steps),
        play(an_item_that_comes_between_two_steps_is_counted),
        play(a_client_that_leaves_between_two_steps_costs_nothing),
        play(what_has_no_words_is_not_supported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
