/* selector: placements that must equal libmemcached's and twemproxy's, and the index against the plain search. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/selector.h"
#include "base/hash.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* libmemcached's test set: 10.0.1.1 .. 10.0.1.8, all on port 11211. */
static const struct selector_server weighted[] = {
    {"10.0.1.1", 600},  {"10.0.1.2", 300}, {"10.0.1.3", 200}, {"10.0.1.4", 350},
    {"10.0.1.5", 1000}, {"10.0.1.6", 800}, {"10.0.1.7", 950}, {"10.0.1.8", 100},
};

static const struct selector_settings libmemcached = {.distribution = DISTRIBUTION_KETAMA,
                                                      .hash = HASH_MD5};

/* Key, and the last number of its server's address. */
static const struct {
    const char *key;
    unsigned server;
} placements[] = {
    {"SVa_]_V41)", 7}, {"30C1*Z*S/_", 2}, {"1I=cTMNTKF", 5}, {"P1[Ma3=K1/", 8}, {"D[HE+cFXDK", 3},
    {"EM75N0+[X1", 4}, {"6,cEI`F_P>", 6}, {"@7RU6C6T+Z", 5}, {"VDEAAAAA", 3},
};

static uint32_t points_of(const struct selector *s, uint32_t server)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->ring.points_n; i++) n += s->ring.points[i].server == server;
    return n;
}

/* n servers s0, s1 ... of equal weight; the names live until the next call. */
static void init_equal(struct selector *s, enum distribution distribution, uint32_t n)
{
    static char names[512][24];
    static struct selector_server servers[512];
    for (uint32_t i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "s%u", i);
        servers[i] = (struct selector_server){names[i], 1};
    }
    selector_init(s, &(struct selector_settings){.distribution = distribution}, servers, n);
}

static void each_distribution_is_found_by_its_name_alone(void **state)
{
    for (unsigned i = 0; i < DISTRIBUTION_COUNT; i++) {
        const char *name = distribution_name((enum distribution)i);
        assert_int_equal(distribution_find(name, strlen(name)), i);
        assert_int_equal(distribution_find(name, strlen(name) - 1), DISTRIBUTION_COUNT);
    }
    assert_int_equal(distribution_find("Ketama", 6), DISTRIBUTION_COUNT);
}

static void weights_give_the_points_that_libmemcached_gives(void **state)
{
    static const uint32_t wanted[] = {176, 88, 56, 104, 296, 236, 280, 28};
    struct selector s;
    selector_init(&s, &libmemcached, weighted, COUNT(weighted));
    for (uint32_t i = 0; i < COUNT(wanted); i++) assert_int_equal(points_of(&s, i), wanted[i]);
    assert_int_equal(s.ring.points_n, 1264);
    assert_int_equal(s.ring.points[0].value, 2148620);
    selector_release(&s);
}

static void keys_are_placed_as_libmemcached_places_them(void **state)
{
    struct selector s;
    selector_init(&s, &libmemcached, weighted, COUNT(weighted));
    for (size_t i = 0; i < COUNT(placements); i++) {
        const char *key = placements[i].key;
        assert_int_equal(selector_pick(&s, key, strlen(key)).server + 1, placements[i].server);
    }
    selector_release(&s);
}

/* 1/n * 40 * n rounds below 40 in float for these n: 156 points a server instead of 160. */
static void equal_servers_get_156_points_where_float_arithmetic_says_so(void **state)
{
    static const uint32_t fewer[] = {25,  47,  50,  55,  61,  71,  94,  100, 107, 109,
                                     110, 115, 122, 142, 159, 163, 188, 193, 200, 0};
    size_t at = 0;
    for (uint32_t n = 2; n <= 200; n++) {
        struct selector s;
        init_equal(&s, DISTRIBUTION_KETAMA, n);
        uint32_t wanted = n == fewer[at] ? 156 : 160;
        assert_int_equal(s.ring.points_n, wanted * n);
        if (n == fewer[at]) at++;
        selector_release(&s);
    }
    assert_int_equal(fewer[at], 0);
}

static uint32_t plain_search(const struct selector *s, uint32_t hash)
{
    for (uint32_t i = 0; i < s->ring.points_n; i++) {
        if (s->ring.points[i].value >= hash) return s->ring.points[i].server;
    }
    return s->ring.points[0].server;
}

static void assert_index_is_right(const struct selector *s, uint32_t hash)
{
    assert_int_equal(ring_find(&s->ring, hash)->server, plain_search(s, hash));
}

static void the_index_finds_what_a_plain_search_finds(void **state)
{
    static const uint32_t sizes[] = {2, 3, 8, 25, 100};
    uint64_t seed = 1;
    for (size_t k = 0; k < COUNT(sizes); k++) {
        struct selector s;
        init_equal(&s, DISTRIBUTION_KETAMA, sizes[k]);
        for (unsigned i = 0; i < 3000; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            assert_index_is_right(&s, (uint32_t)(seed >> 32));
        }
        for (uint32_t i = 0; i < s.ring.points_n; i += 1 + sizes[k] / 8) {
            assert_index_is_right(&s, s.ring.points[i].value - 1);
            assert_index_is_right(&s, s.ring.points[i].value);
            assert_index_is_right(&s, s.ring.points[i].value + 1);
        }
        assert_index_is_right(&s, 0);
        assert_index_is_right(&s, UINT32_MAX);
        selector_release(&s);
    }
}

static void points_are_sorted_by_value_and_then_by_server(void **state)
{
    struct selector s;
    init_equal(&s, DISTRIBUTION_KETAMA, 100);
    for (uint32_t i = 1; i < s.ring.points_n; i++) {
        const struct ring_point *a = &s.ring.points[i - 1], *b = &s.ring.points[i];
        assert_true(a->value < b->value || (a->value == b->value && a->server <= b->server));
    }
    selector_release(&s);
}

static void one_server_gets_everything_without_a_ring(void **state)
{
    for (unsigned d = 0; d < DISTRIBUTION_COUNT; d++) {
        struct selector s;
        init_equal(&s, (enum distribution)d, 1);
        assert_null(s.ring.points);
        assert_null(s.own);
        assert_int_equal(selector_pick(&s, "a", 1).server, 0);
        assert_int_equal(selector_pick(&s, "bc", 2).server, 0);
        selector_release(&s);
    }
}

static void modula_is_the_hash_modulo_the_servers_in_their_order(void **state)
{
    for (uint32_t n = 2; n < 50; n++) {
        struct selector s;
        init_equal(&s, DISTRIBUTION_MODULA, n);
        for (uint32_t key = 0; key < 1000; key++)
            assert_int_equal(selector_pick(&s, &key, sizeof key).server,
                             hash_bytes(HASH_XXH3, &key, sizeof key) % n);
        selector_release(&s);
    }
}

static void modula_gives_each_server_as_many_slots_as_it_weighs(void **state)
{
    static const struct selector_server servers[] = {{"a", 2}, {"b", 1}, {"c", 3}};
    static const uint32_t slots[] = {0, 0, 1, 2, 2, 2};
    struct selector s;
    selector_init(&s, &(struct selector_settings){.distribution = DISTRIBUTION_MODULA}, servers,
                  COUNT(servers));
    for (uint32_t key = 0; key < 1000; key++)
        assert_int_equal(selector_pick(&s, &key, sizeof key).server,
                         slots[hash_bytes(HASH_XXH3, &key, sizeof key) % COUNT(slots)]);
    selector_release(&s);
}

static void one_server_more_moves_about_its_share_of_the_keys(void **state)
{
    struct selector before, after;
    unsigned moved = 0, elsewhere = 0;
    init_equal(&before, DISTRIBUTION_KETAMA, 9);
    init_equal(&after, DISTRIBUTION_KETAMA, 10);
    for (uint32_t i = 0; i < 10000; i++) {
        uint32_t from = selector_pick(&before, &i, sizeof i).server;
        uint32_t to = selector_pick(&after, &i, sizeof i).server;
        moved += from != to;
        elsewhere += from != to && to != 9;
    }
    assert_in_range(moved, 700, 1300);
    assert_int_equal(elsewhere, 0);
    selector_release(&before);
    selector_release(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_distribution_is_found_by_its_name_alone),
        cmocka_unit_test(weights_give_the_points_that_libmemcached_gives),
        cmocka_unit_test(keys_are_placed_as_libmemcached_places_them),
        cmocka_unit_test(equal_servers_get_156_points_where_float_arithmetic_says_so),
        cmocka_unit_test(the_index_finds_what_a_plain_search_finds),
        cmocka_unit_test(points_are_sorted_by_value_and_then_by_server),
        cmocka_unit_test(one_server_gets_everything_without_a_ring),
        cmocka_unit_test(modula_is_the_hash_modulo_the_servers_in_their_order),
        cmocka_unit_test(modula_gives_each_server_as_many_slots_as_it_weighs),
        cmocka_unit_test(one_server_more_moves_about_its_share_of_the_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
