/* place: which requests belong to one place, and what they are elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/place.h"
#include <cmocka.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { C = PLACE_COMPARES, A = PLACE_ASKS, M = PLACE_MAKES, W = PLACE_WINS };

/* A request; why it belongs to a place; as it is for copies, NULL: nothing; without making, NULL: it never makes; the md that hands
 * back what it won, NULL: it wins nothing. */
static const struct {
    const char *line;
    unsigned place;
    const char *for_copies, *without_making, *handed_back;
} table[] = {
    {"get k\r\n", 0, NULL, NULL, NULL},
    {"gets k\r\n", A, NULL, NULL, NULL},
    {"gat 5 k\r\n", 0, "gat 5 k", NULL, NULL},
    {"gats 5 k\r\n", A, "gats 5 k", NULL, NULL},
    {"set k 1 2 1\r\nx\r\n", 0, "set k 1 2 1\r\n", NULL, NULL},
    {"cas k 1 2 1 9\r\nx\r\n", C, "set k 1 2 1\r\n", NULL, NULL},
    {"delete k\r\n", 0, "delete k\r\n", NULL, NULL},
    {"incr k 1\r\n", 0, "incr k 1\r\n", NULL, NULL},
    {"touch k 1\r\n", 0, "touch k 1\r\n", NULL, NULL},
    {"mg k\r\n", 0, NULL, "mg k\r\n", "md k I\r\n"},
    {"mg k v f Oc\r\n", 0, NULL, "mg k v f Oc\r\n", "md k I\r\n"},
    {"mg k v c\r\n", A, NULL, "mg k v c\r\n", "md k I\r\n"},
    {"mg k v C9\r\n", C, NULL, "mg k v C9\r\n", "md k I\r\n"},
    {"mg k N30 v\r\n", M, NULL, "mg k v\r\n", "md k I\r\n"},
    {"mg azAw b k N30 v R5\r\n", M | W, NULL, "mg azAw b k v R5\r\n", "md azAw I b\r\n"},
    {"mg k T9 N30 c R5 C1\r\n", A | C | M | W, "mg k T9 c\r\n", "mg k T9 c R5 C1\r\n",
     "md k I\r\n"},
    {"ms k 1 T5 F1\r\nx\r\n", 0, "ms k 1 T5 F1\r\n", NULL, NULL},
    {"ms k 1 N30 MA\r\nx\r\n", 0, "ms k 1 N30 MA\r\n", NULL, NULL},
    {"ms k 1 C9 c T5\r\nx\r\n", A | C, "ms k 1 c T5\r\n", NULL, NULL},
    {"ms k 1 C9 I\r\nx\r\n", C, "md k\r\n", NULL, NULL},
    {"ms azAw 1 I b C9 k\r\nx\r\n", C, "md azAw b\r\n", NULL, NULL},
    {"ms k 1 I\r\nx\r\n", 0, "ms k 1 I\r\n", NULL, NULL},
    {"md k C9 q\r\n", C, "md k\r\n", NULL, NULL},
    {"md k I C9 T5\r\n", C, "md k I T5\r\n", NULL, NULL},
    {"ma k C9 N0 J1 v\r\n", C | M, "ma k N0 J1 v\r\n", "ma k C9 J1 v\r\n", NULL},
    {"ma k R5\r\n", 0, "ma k R5\r\n", "ma k R5\r\n", NULL},
    {"me k\r\n", 0, "me k\r\n", NULL, NULL},
};

static struct request parsed(const char *line)
{
    struct request r;
    static uint8_t key[KEY_MAX];
    static const struct request_rules rules = {.max_value = 1024};
    struct request_parse parse = request_parse((const uint8_t *)line, strlen(line), &rules, &r);
    assert_int_equal(parse.status, REQUEST_OK);
    if (r.meta & META_BASE64) assert_true(request_decode_key(&r, key));
    return r;
}

static void is_sent_as(const struct request *r, const char *line)
{
    char sent[REQUEST_LINE_ROOM + 1];
    sent[request_encode_line(r, (uint8_t *)sent)] = '\0';
    assert_string_equal(sent, line);
}

static void requests_belong_to_one_place_or_to_any(void **state)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        struct request r = parsed(table[i].line);
        assert_int_equal(request_place(&r), table[i].place);
        assert_int_equal(request_has_place(&r), (table[i].place & (C | A | M)) != 0);
    }
}

static void requests_are_rewritten_for_other_places(void **state)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        struct request r = parsed(table[i].line), other;
        uint8_t args[256];
        assert_int_equal(request_for_copies(&r, &other, args), table[i].for_copies != NULL);
        if (table[i].for_copies) is_sent_as(&other, table[i].for_copies);
        if (table[i].without_making) {
            request_without_making(&r, &other, args);
            is_sent_as(&other, table[i].without_making);
        }
        if (table[i].handed_back) {
            request_hand_back(&r, &other, args);
            is_sent_as(&other, table[i].handed_back);
        }
    }
}

static void an_answer_to_mg_may_say_that_it_won(void **state)
{
    static const struct {
        const char *request, *answer;
        bool has_won;
    } answers[] = {
        {"mg k v\r\n", "VA 1 W\r\nx\r\n", true},
        {"mg k v\r\n", "VA 1 X W\r\nx\r\n", true},
        {"mg k v\r\n", "VA 1 Z X\r\nx\r\n", false},
        {"mg k k\r\n", "HD kW\r\n", false},
        {"mg k O1 t\r\n", "HD O1 t-1 X W\r\n", true},
        {"mg k v\r\n", "EN\r\n", false},
        {"get k\r\n", "VALUE k 0 1\r\nW\r\nEND\r\n", false},
        {"md k\r\n", "HD W\r\n", false},
    };
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct request r = parsed(answers[i].request);
        const uint8_t *bytes = (const uint8_t *)answers[i].answer;
        struct response response;
        assert_int_equal(response_parse(bytes, strlen(answers[i].answer), 1024, &response),
                         RESPONSE_DONE);
        assert_int_equal(response_has_won(&r, &response), answers[i].has_won);
    }
}

static void flags_are_among_letters(void **state)
{
    struct request r = parsed("mg k v f Oabc\r\n"), bare = parsed("mg k\r\n");
    assert_true(request_flags_are_among(&r, "Ofv"));
    assert_false(request_flags_are_among(&r, "abcfv"));
    assert_false(request_flags_are_among(&r, ""));
    assert_true(request_flags_are_among(&bare, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_belong_to_one_place_or_to_any),
        cmocka_unit_test(requests_are_rewritten_for_other_places),
        cmocka_unit_test(an_answer_to_mg_may_say_that_it_won),
        cmocka_unit_test(flags_are_among_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
