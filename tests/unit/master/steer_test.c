/* steer: every worker gets every change, in order, whenever its channel has room. */
#include "unit/master/crew_host.h"

#include "master/steer.h"

static struct steer steer_of(const char *server, bool drained)
{
    struct steer s = {.drained = drained, .weight = -1};
    snprintf(s.server, sizeof s.server, "%s", server);
    return s;
}

static uint64_t sets(struct steers *steers, const char *server, bool drained)
{
    struct steer s = steer_of(server, drained);
    return steers_set(steers, &s);
}

/* The next change that worker i gets. */
static uint32_t gets(struct host *h, int i, const char *server, bool drained)
{
    struct channel_message m;
    struct steer s;
    do assert_true(host_receives(h, i, &m));
    while (m.type == CHANNEL_DROP);
    assert_int_equal(m.type, CHANNEL_STEER);
    assert_true(steer_read(&s, m.text));
    assert_string_equal(s.server, server);
    assert_int_equal(s.drained, drained);
    return m.number;
}

static void a_change_goes_to_all_and_is_confirmed(void **state)
{
    struct host h;
    static struct steers steers;
    host_begins(&h);
    steers_init(&steers, h.crew, NULL);
    uint64_t number = sets(&steers, "a", true);
    assert_int_equal(steers_missing(&steers, number), HOST_WORKERS);
    for (int i = 0; i < HOST_WORKERS; i++) {
        uint32_t got = gets(&h, i, "a", true);
        steers_take(&steers, &h.crew->slots[i], got + 1); /* not sent yet */
        assert_int_equal(steers_missing(&steers, number), HOST_WORKERS - i);
        steers_take(&steers, &h.crew->slots[i], got);
        assert_int_equal(steers_missing(&steers, number), HOST_WORKERS - i - 1);
    }
    steers_stop(&steers);
    host_ends(&h);
}

static void a_channel_that_was_full_gets_the_latest_of_each_later(void **state)
{
    struct host h;
    static struct steers steers;
    host_begins(&h);
    steers_init(&steers, h.crew, NULL);
    (void)host_fills(&h, 1);
    (void)sets(&steers, "a", true);
    (void)sets(&steers, "b", true);
    uint64_t last = sets(&steers, "a", false);
    (void)gets(&h, 0, "a", true);
    (void)gets(&h, 0, "b", true);
    (void)gets(&h, 0, "a", false);
    /* What was taken back stays until all have it. */
    assert_int_equal(steers.table.n, 2);
    struct channel_message m;
    while (host_receives(&h, 1, &m)) assert_int_equal(m.type, CHANNEL_DROP);
    host_turns(&h, 0.4);
    (void)gets(&h, 1, "b", true);
    assert_int_equal(gets(&h, 1, "a", false), last);
    assert_false(host_receives(&h, 1, &m));
    assert_int_equal(steers.table.n, 1);
    assert_true(steering_drains(&steers.table, "b"));
    steers_stop(&steers);
    host_ends(&h);
}

static void a_table_that_is_full_takes_no_more(void **state)
{
    struct host h;
    static struct steers steers;
    char name[16];
    struct channel_message m;
    host_begins(&h);
    steers_init(&steers, h.crew, NULL);
    for (int i = 0; i < STEERING_MAX; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_true(sets(&steers, name, true) > 0);
        for (int k = 0; k < HOST_WORKERS; k++) assert_true(host_receives(&h, k, &m));
    }
    assert_int_equal(sets(&steers, "more", true), 0);
    assert_true(sets(&steers, "5", false) > 0);
    assert_true(sets(&steers, "more", true) > 0);
    steers_stop(&steers);
    host_ends(&h);
}

static void what_is_inherited_is_there(void **state)
{
    struct host h;
    static struct steers steers;
    static struct steering before;
    struct steer s = steer_of("a", true);
    host_begins(&h);
    assert_true(steering_set(&before, &s));
    steers_init(&steers, h.crew, &before);
    assert_true(steering_drains(h.crew->steering, "a"));
    struct channel_message m;
    assert_true(sets(&steers, "b", true) > 0);
    (void)gets(&h, 0, "b", true);
    assert_false(host_receives(&h, 0, &m));
    assert_true(sets(&steers, "a", false) > 0);
    assert_false(steering_drains(h.crew->steering, "a"));
    steers_stop(&steers);
    host_ends(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_goes_to_all_and_is_confirmed),
        cmocka_unit_test(a_channel_that_was_full_gets_the_latest_of_each_later),
        cmocka_unit_test(a_table_that_is_full_takes_no_more),
        cmocka_unit_test(what_is_inherited_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
