/* sampling: which requests of a turn are kept, and that they can be made again from what is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/board.h"
#include "client/reply.h"
#include "client/sampling.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 100, SLOTS = 2000 };

static struct board *board;
static struct samples *ring;
static struct sampling sampling;
static struct turn turn;
static struct request slots[SLOTS];
static char keys[SLOTS][32];
static struct client client;
static struct reply reply;

static int make(void **state)
{
    board = board_create(1, 64 * 1024);
    if (!board) return -1;
    ring = &board->parts[0].samples;
    samples_begin(ring, SIZE);
    sampling_init(&sampling, ring);
    turn = (struct turn){.slots = slots};
    client = (struct client){.listener = 3};
    reply = (struct reply){.client = &client};
    return 0;
}

static int clear(void **state)
{
    board_destroy(board);
    return 0;
}

#define test(f) cmocka_unit_test_setup_teardown(f, make, clear)

static void ask(const struct request *r)
{
    struct request *slot = &slots[turn.used++];
    *slot = *r;
    slot->owner = (uintptr_t)&reply;
    slot->receiver = (uintptr_t)&reply_receiver;
}

/* A turn with gets of n keys, which begin at that number. */
static void turn_of(int first, int n)
{
    turn.used = 0;
    turn.now += 1;
    for (int i = 0; i < n; i++) {
        size_t len = (size_t)snprintf(keys[i], sizeof keys[i], "key%d", first + i);
        ask(&(struct request){
            .command_id = COMMAND_GET, .key_at = (uintptr_t)keys[i], .key_len = (uint16_t)len});
    }
    sampling_look(&sampling, &turn);
}

static void the_first_are_all_kept_and_then_few(void **state)
{
    turn_of(0, 60);
    assert_int_equal(ring->taken, 60);
    turn_of(60, 40);
    assert_int_equal(ring->taken, SIZE);
    for (int i = 0; i < 10; i++) turn_of(1000 + i * 1000, 1000);
    assert_true(ring->taken >= SIZE + 10000 / 127 - 1 && ring->taken <= SIZE + 10000 / 127 + 1);
}

static void the_size_of_turns_makes_no_difference(void **state)
{
    turn_of(0, SIZE);
    for (int i = 0; i < 12700; i++) turn_of(1000 + i, 1);
    assert_int_equal(ring->taken, SIZE + 100);
}

static void the_same_few_keys_are_looked_at_less_and_less(void **state)
{
    for (int i = 0; i < 5; i++) turn_of(0, 10);
    assert_int_equal(ring->taken, 10);
    assert_true(sampling.gap >= 8);
    for (int i = 0; i < 100; i++) turn_of(0, 10);
    assert_int_equal(sampling.gap, 127);
    assert_int_equal(ring->taken, 10);
    turn_of(100, 200); /* until a new one comes: from there on each is new */
    assert_true(ring->taken > 10 + 50);
}

static void without_samples_nothing_happens(void **state)
{
    sampling_init(&sampling, NULL);
    for (int i = 0; i < 10; i++) turn_of(i * 1000, 1000);
    assert_int_equal(sampling.left, UINT32_MAX);
    assert_int_equal(ring->taken, 0);
}

static void what_has_no_client_or_very_long_flags_is_left_out(void **state)
{
    char flags[SAMPLE_ARGS + 1];
    struct request r = {.command_id = COMMAND_META_GET,
                        .key_at = (uintptr_t) "k",
                        .key_len = 1,
                        .args_at = (uintptr_t)flags,
                        .args_len = sizeof flags};
    memset(flags, 'v', sizeof flags);
    ask(&r);
    sampling_look(&sampling, &turn);
    assert_int_equal(ring->taken, 0);
    r.args_len--;
    turn.used = 0;
    ask(&r);
    sampling_look(&sampling, &turn);
    assert_int_equal(ring->taken, 1);
    r.key_at = (uintptr_t) "l";
    reply.client = NULL;
    turn.used = 0;
    ask(&r);
    sampling_look(&sampling, &turn);
    assert_int_equal(ring->taken, 1);
}

/* What a client sends, and what is made of its sample. NULL: the same. */
static void every_command_comes_back(void **state)
{
    static const struct {
        const char *sent, *made;
    } all[] = {
        {"get a", NULL},
        {"gets a", NULL},
        {"gat 30 a", NULL},
        {"gats -1 a", NULL},
        {"set a 7 60 3", NULL},
        {"add a 4294967295 0 0", NULL},
        {"replace a 0 -5 3", NULL},
        {"append a 0 0 3", NULL},
        {"prepend a 0 0 3", NULL},
        {"cas a 1 2 3 18446744073709551615", NULL},
        {"set b 0 0 3 noreply", "set b 0 0 3"},
        {"delete a", NULL},
        {"delete b noreply", "delete b"},
        {"incr a 18446744073709551615", NULL},
        {"decr a 1", NULL},
        {"touch a 9999999999", NULL},
        {"mg a v t Oabc", NULL},
        {"mg YQFi b v q", "mg YQFi b v"},
        {"ms a 3 T30 F5 q", "ms a 3 T30 F5"},
        {"md a I T5", NULL},
        {"ma a N60 J1 D5 MD", NULL},
        {"get \x01\x80\xff", NULL},
    };
    const struct request_rules rules = {.max_value = 1024};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char bytes[256], line[REQUEST_LINE_ROOM];
        uint8_t key[KEY_MAX];
        struct request r;
        struct sample s;
        memset(bytes, 'x', sizeof bytes);
        int head = snprintf(bytes, sizeof bytes, "%s\r\n", all[i].sent);
        bytes[head] = 'x';
        struct request_parse p = request_parse((uint8_t *)bytes, (size_t)head, &rules, &r);
        if (p.status == REQUEST_AGAIN) {
            memcpy(bytes + p.need - 2, "\r\n", 2);
            p = request_parse((uint8_t *)bytes, p.need, &rules, &r);
        }
        assert_int_equal(p.status, REQUEST_OK);
        if (r.meta & META_BASE64) assert_true(request_decode_key(&r, key));
        turn.used = 0;
        turn.now = (double)i + 1;
        sampling_init(&sampling, ring);
        ask(&r);
        sampling_look(&sampling, &turn);
        assert_int_equal(samples_gather(board, &s, 1), 1);
        memset(bytes, 0, sizeof bytes); /* nothing of it points to what came */
        assert_int_equal(s.listener, 3);
        struct request made = sampling_request(&s);
        assert_int_equal(made.value_len, r.value_len);
        size_t len = request_encode_line(&made, (uint8_t *)line);
        while (line[len - 1] == '\r' || line[len - 1] == '\n') len--;
        line[len] = '\0';
        assert_string_equal(line, all[i].made ? all[i].made : all[i].sent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(the_first_are_all_kept_and_then_few),
        test(the_size_of_turns_makes_no_difference),
        test(the_same_few_keys_are_looked_at_less_and_less),
        test(without_samples_nothing_happens),
        test(what_has_no_client_or_very_long_flags_is_left_out),
        test(every_command_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
