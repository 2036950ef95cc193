/* How many of 10,000 keys change their server when a server is added or removed, distribution by distribution: as few as theory
 * allows, and, where a distribution promises it, none but those of the server that came or went. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "placement/selector.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { KEYS = 10000, SERVERS = 10, SERVERS_MAX = 64 };

/* Where the server is that came or went. */
enum place { AT_THE_END, IN_THE_MIDDLE, AT_THE_START, PLACES };

/* What a distribution promises for a server more or less at that place. */
enum promise {
    ONLY_ITS_OWN, /* no key moves but to the new server, or from the removed one */
    FOLLOWERS,    /* all servers after it take each other's places, so that many keys move */
    NEARLY_ALL,   /* the number of servers decides on every key */
};

static const struct row {
    enum distribution distribution;
    double weight;
    enum promise promises[PLACES];
    unsigned
        spread; /* of a server's share, in percent: 160 points lie unevenly, else it is the keys' own chance */
} rows[] = {
    {DISTRIBUTION_KETAMA, 1, {ONLY_ITS_OWN, ONLY_ITS_OWN, ONLY_ITS_OWN}, 30},
    {DISTRIBUTION_RENDEZVOUS, 1, {ONLY_ITS_OWN, ONLY_ITS_OWN, ONLY_ITS_OWN}, 15},
    {DISTRIBUTION_RENDEZVOUS, 3, {ONLY_ITS_OWN, ONLY_ITS_OWN, ONLY_ITS_OWN}, 15},
    {DISTRIBUTION_JUMP, 1, {ONLY_ITS_OWN, FOLLOWERS, FOLLOWERS}, 15},
    {DISTRIBUTION_CH3, 1, {ONLY_ITS_OWN, FOLLOWERS, FOLLOWERS}, 15},
    {DISTRIBUTION_WEIGHTED_CH3, 1, {ONLY_ITS_OWN, FOLLOWERS, FOLLOWERS}, 15},
    {DISTRIBUTION_WEIGHTED_CH3, 0.5, {ONLY_ITS_OWN, FOLLOWERS, FOLLOWERS}, 15},
    {DISTRIBUTION_MODULA, 1, {NEARLY_ALL, NEARLY_ALL, NEARLY_ALL}, 15},
    {DISTRIBUTION_MODULA_SIGNED, 1, {NEARLY_ALL, NEARLY_ALL, NEARLY_ALL}, 15},
    {DISTRIBUTION_KETAMA_100, 1, {ONLY_ITS_OWN, ONLY_ITS_OWN, ONLY_ITS_OWN}, 30},
    {DISTRIBUTION_SPYMEMCACHED, 1, {ONLY_ITS_OWN, ONLY_ITS_OWN, ONLY_ITS_OWN}, 30},
    {DISTRIBUTION_HASHRING, 1, {ONLY_ITS_OWN, ONLY_ITS_OWN, ONLY_ITS_OWN}, 30},
    {DISTRIBUTION_DALLI, 1, {ONLY_ITS_OWN, ONLY_ITS_OWN, ONLY_ITS_OWN}, 30},
    {DISTRIBUTION_PHP_MEMCACHE, 1, {ONLY_ITS_OWN, ONLY_ITS_OWN, ONLY_ITS_OWN}, 30},
    {DISTRIBUTION_FAST_KETAMA, 1, {ONLY_ITS_OWN, ONLY_ITS_OWN, ONLY_ITS_OWN}, 30},
    {DISTRIBUTION_PYMEMCACHE, 1, {ONLY_ITS_OWN, ONLY_ITS_OWN, ONLY_ITS_OWN}, 15},
};

/* n servers s0, s1 ..., the one at `without` left out. */
struct pool {
    struct selector selector;
    struct selector_server servers[SERVERS_MAX];
    uint32_t n;
};

static void pool_init(struct pool *p, const struct row *row, uint32_t n, uint32_t without)
{
    static char names[SERVERS_MAX][16];
    p->n = 0;
    assert_in_range(n, 1, SERVERS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "s%u", i);
        if (i != without) p->servers[p->n++] = (struct selector_server){names[i], row->weight};
    }
    selector_init(&p->selector, &(struct selector_settings){.distribution = row->distribution},
                  p->servers, p->n);
}

static const char *server_of(const struct pool *p, uint32_t key)
{
    char text[24];
    int len = snprintf(text, sizeof text, "user:%u", key);
    return p->servers[selector_pick(&p->selector, text, (size_t)len).server].name;
}

struct movement {
    unsigned moved, /* keys whose server is another one */
        strangers;  /* of them: neither end is the server that one of the pools lacks */
};

static struct movement compare(const struct pool *from, const struct pool *to, const char *changed)
{
    struct movement m = {0};
    for (uint32_t key = 0; key < KEYS; key++) {
        const char *before = server_of(from, key), *after = server_of(to, key);
        if (before == after) continue;
        m.moved++;
        m.strangers += before != changed && after != changed;
    }
    return m;
}

static void assert_kept(const struct row *row, enum promise promise, struct movement m)
{
    const unsigned share = KEYS / SERVERS, spread = share * row->spread / 100;
    switch (promise) {
    case ONLY_ITS_OWN:
        assert_int_equal(m.strangers, 0);
        assert_in_range(m.moved, share - spread, share + spread);
        break;
    case FOLLOWERS:
        assert_true(m.strangers > 0);
        assert_true(m.moved > share + spread);
        break;
    case NEARLY_ALL: /* 1 in 10 has the same rest by 9 and by 10 */
        assert_in_range(m.moved, KEYS - share - spread, KEYS - share + spread);
        break;
    }
}

static uint32_t index_of(enum place place)
{
    return place == AT_THE_END ? SERVERS - 1 : place == IN_THE_MIDDLE ? SERVERS / 2 : 0;
}

/* 9 and 10 servers, ways and back: what moves to the one that is added is what leaves it when it is removed. */
static void a_server_more_or_less_moves_the_keys_it_must(void **state)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (unsigned place = 0; place < PLACES; place++) {
            struct pool nine, ten;
            pool_init(&nine, &rows[i], SERVERS, index_of(place));
            pool_init(&ten, &rows[i], SERVERS, SERVERS);
            const char *changed = ten.servers[index_of(place)].name;
            struct movement added = compare(&nine, &ten, changed);
            struct movement removed = compare(&ten, &nine, changed);
            print_message(
                "%s, weights %g, %s: %.1f %% of the keys move, theory of a share: 10 %%\n",
                distribution_name(rows[i].distribution), rows[i].weight,
                place == AT_THE_END      ? "the last"
                : place == IN_THE_MIDDLE ? "one in the middle"
                                         : "the first",
                added.moved * 100.0 / KEYS);
            assert_int_equal(added.moved, removed.moved);
            assert_kept(&rows[i], rows[i].promises[place], added);
            assert_kept(&rows[i], rows[i].promises[place], removed);
            selector_release(&nine.selector);
            selector_release(&ten.selector);
        }
    }
}

/* From 24 to 25 equal servers each loses 4 of its 160 points to float arithmetic: a few keys more move, which is what libmemcached and
 * twemproxy do too. */
static void ketama_moves_a_little_more_where_servers_lose_points(void **state)
{
    static const struct row ketama = {.distribution = DISTRIBUTION_KETAMA, .weight = 1};
    struct pool before, after;
    pool_init(&before, &ketama, 25, 24);
    pool_init(&after, &ketama, 25, 25);
    struct movement m = compare(&before, &after, after.servers[24].name);
    assert_in_range(m.strangers, 1, KEYS * 4 / 100);
    assert_in_range(m.moved, KEYS * 3 / 100, KEYS * 8 / 100);
    selector_release(&before.selector);
    selector_release(&after.selector);
}

/* A weight lowered gives away keys of that server alone; where the others' share of a sum changes, as with ketama, so may theirs. */
static void a_lower_weight_moves_keys_of_that_server_alone(void **state)
{
    static const struct row row[] = {{DISTRIBUTION_RENDEZVOUS, 0.8},
                                     {DISTRIBUTION_WEIGHTED_CH3, 0.8}};
    for (size_t i = 0; i < COUNT(row); i++) {
        struct pool before, after;
        pool_init(&before, &row[i], SERVERS, SERVERS);
        pool_init(&after, &row[i], SERVERS, SERVERS);
        selector_release(&after.selector);
        after.servers[3].weight = 0.4;
        selector_init(&after.selector,
                      &(struct selector_settings){.distribution = row[i].distribution},
                      after.servers, SERVERS);
        struct movement m = compare(&before, &after, after.servers[3].name);
        assert_int_equal(m.strangers, 0);
        assert_in_range(m.moved, KEYS * 4 / 100, KEYS * 6 / 100);
        selector_release(&before.selector);
        selector_release(&after.selector);
    }
}

/* Nothing to measure in random, which has no place for a key to move from; a distribution that is neither here nor in the table has been
 * forgotten. */
static void every_distribution_is_measured(void **state)
{
    for (unsigned d = 0; d < DISTRIBUTION_COUNT; d++) {
        bool measured = d == DISTRIBUTION_RANDOM;
        for (size_t i = 0; i < COUNT(rows); i++) measured |= rows[i].distribution == d;
        assert_true(measured);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_more_or_less_moves_the_keys_it_must),
        cmocka_unit_test(ketama_moves_a_little_more_where_servers_lose_points),
        cmocka_unit_test(a_lower_weight_moves_keys_of_that_server_alone),
        cmocka_unit_test(every_distribution_is_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
