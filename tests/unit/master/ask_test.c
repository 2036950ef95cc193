/* ask: which answers count, and how long and how large they may be. */
#include "unit/master/crew_host.h"

#include "master/ask.h"

struct outcome {
    unsigned calls;
    uint32_t answered, missing;
    bool is_cut;
    char error[64];
    char text[256]; /* of all answers, cut */
    size_t bytes;
    char last; /* byte, of the last worker that has said anything */
};

static void on_done(void *arg, const struct ask_result *r)
{
    struct outcome *o = arg;
    o->calls++;
    o->answered = r->answered;
    o->missing = r->missing;
    o->is_cut = r->is_cut;
    snprintf(o->error, sizeof o->error, "%s", r->error);
    for (uint32_t i = 0; i < r->n; i++) {
        const struct records *all = &r->answers[i].records;
        o->bytes += all->len;
        if (all->len > 0) o->last = all->bytes[all->len - 1];
        size_t has = strlen(o->text), fits = sizeof o->text - 1 - has;
        if (all->len > 0) memcpy(o->text + has, all->bytes, all->len < fits ? all->len : fits);
    }
}

/* The number of the question that worker i has got. */
static uint32_t number_of(struct host *h, int i, const char *question)
{
    struct channel_message m;
    assert_true(host_receives(h, i, &m));
    assert_int_equal(m.type, CHANNEL_ASK);
    assert_string_equal(m.text, question);
    return m.number;
}

static void all_are_asked_and_answers_are_put_together(void **state)
{
    struct host h;
    struct asks asks;
    struct outcome o = {0};
    host_begins(&h);
    asks_init(&asks, h.crew);
    assert_non_null(ask_begin(&asks, ASK_ALL, "clients", 10, on_done, &o));
    for (int i = 0; i < HOST_WORKERS; i++) {
        uint32_t number = number_of(&h, i, "clients");
        asks_take_piece(&asks, &h.crew->slots[i], number, "a");
        asks_take_piece(&asks, &h.crew->slots[i], number + 1, "not this");
        asks_take_piece(&asks, &h.crew->slots[i], number, "b ");
        asks_take_end(&asks, &h.crew->slots[i], number + 1, "");
        assert_int_equal(o.calls, 0);
        asks_take_end(&asks, &h.crew->slots[i], number, "");
        asks_take_end(&asks, &h.crew->slots[i], number, "");
        asks_take_piece(&asks, &h.crew->slots[i], number, "late");
    }
    assert_int_equal(o.calls, 1);
    assert_int_equal(o.answered, HOST_WORKERS);
    assert_int_equal(o.missing, 0);
    assert_string_equal(o.text, "ab ab ab ");
    assert_false(o.is_cut);
    asks_release(&asks);
    host_ends(&h);
}

static void one_answer_is_enough_where_all_are_the_same(void **state)
{
    struct host h;
    struct asks asks;
    struct outcome o = {0}, refused = {0};
    host_begins(&h);
    asks_init(&asks, h.crew);
    assert_non_null(ask_begin(&asks, ASK_ONE, "pools", 10, on_done, &o));
    uint32_t number = number_of(&h, 1, "pools");
    asks_take_end(&asks, &h.crew->slots[1], number, "");
    assert_int_equal(o.calls, 1);
    assert_int_equal(o.answered, 1);
    asks_take_end(&asks, &h.crew->slots[2], number, "");
    assert_int_equal(o.calls, 1);
    assert_non_null(ask_begin(&asks, ASK_ONE, "may", 10, on_done, &refused));
    asks_take_end(&asks, &h.crew->slots[1], number_of(&h, 1, "may"), "no");
    assert_int_equal(refused.answered, 0);
    assert_string_equal(refused.error, "no");
    asks_release(&asks);
    host_ends(&h);
}

static void who_is_late_gone_or_full_is_missing(void **state)
{
    struct host h;
    struct asks asks;
    struct outcome o = {0};
    host_begins(&h);
    asks_init(&asks, h.crew);
    (void)host_fills(&h, 2);
    assert_non_null(ask_begin(&asks, ASK_ALL, "x", 0.05, on_done, &o));
    asks_take_piece(&asks, &h.crew->slots[1], number_of(&h, 1, "x"), "half");
    asks_forget(&asks, &h.crew->slots[1]);
    assert_int_equal(o.calls, 0);
    host_turns(&h, 0.3);
    assert_int_equal(o.calls, 1);
    assert_int_equal(o.answered, 0);
    assert_int_equal(o.missing, 3);
    assert_int_equal(o.bytes, 0);
    asks_release(&asks);
    host_ends(&h);
}

static void without_workers_the_answer_comes_from_the_loop(void **state)
{
    struct host h;
    struct asks asks;
    struct outcome o = {0};
    host_begins(&h);
    asks_init(&asks, h.crew);
    for (int i = 0; i < HOST_WORKERS; i++) h.crew->slots[i].state = SLOT_STARTING;
    assert_non_null(ask_begin(&asks, ASK_ALL, "x", 60, on_done, &o));
    assert_int_equal(o.calls, 0);
    host_turns(&h, 0.05);
    assert_int_equal(o.calls, 1);
    assert_int_equal(o.missing, 0);
    asks_release(&asks);
    host_ends(&h);
}

static void answers_and_questions_are_bounded(void **state)
{
    struct host h;
    struct asks asks;
    struct outcome o = {0};
    char piece[CHANNEL_TEXT_MAX];
    struct ask *all[ASKS_MOST];
    host_begins(&h);
    asks_init(&asks, h.crew);
    memset(piece, 'x', sizeof piece - 1);
    piece[sizeof piece - 2] = '\n';
    piece[sizeof piece - 1] = '\0';
    assert_non_null(ask_begin(&asks, ASK_ALL, "x", 60, on_done, &o));
    uint32_t number = number_of(&h, 0, "x");
    for (int i = 0; i < 3 * ASK_BYTES / CHANNEL_TEXT_MAX; i++)
        asks_take_piece(&asks, &h.crew->slots[i % HOST_WORKERS], number, piece);
    for (int i = 0; i < HOST_WORKERS; i++) asks_take_end(&asks, &h.crew->slots[i], number, "");
    assert_int_equal(o.calls, 1);
    assert_in_range(o.bytes, ASK_BYTES - CHANNEL_TEXT_MAX, ASK_BYTES);
    assert_true(o.is_cut);
    assert_int_equal(o.last, '\n');
    assert_int_equal(o.bytes % (CHANNEL_TEXT_MAX - 1), 0); /* whole records */
    for (int i = 0; i < ASKS_MOST; i++) {
        all[i] = ask_begin(&asks, ASK_ALL, "y", 60, on_done, &o);
        assert_non_null(all[i]);
    }
    assert_null(ask_begin(&asks, ASK_ALL, "y", 60, on_done, &o));
    ask_drop(&asks, all[7]);
    assert_non_null(ask_begin(&asks, ASK_ALL, "y", 60, on_done, &o));
    asks_release(&asks);
    assert_int_equal(o.calls, 1);
    host_ends(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_asked_and_answers_are_put_together),
        cmocka_unit_test(one_answer_is_enough_where_all_are_the_same),
        cmocka_unit_test(who_is_late_gone_or_full_is_missing),
        cmocka_unit_test(without_workers_the_answer_comes_from_the_loop),
        cmocka_unit_test(answers_and_questions_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
