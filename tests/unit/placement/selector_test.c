/* selector: placements that must equal those of libmemcached, twemproxy and spymemcached, the index against the plain search, jump
 * and random. What is mcrouter's: select_mcrouter_test.c. How many keys move: movement_test.c. */
#include "unit/placement/selectors.h"

#include "placement/hash.h"
#include "placement/select.h"

/* libmemcached's test set: 10.0.1.1 .. 10.0.1.8, all on port 11211. */
static const struct selector_server weighted[] = {
    {"10.0.1.1", 600},  {"10.0.1.2", 300}, {"10.0.1.3", 200}, {"10.0.1.4", 350},
    {"10.0.1.5", 1000}, {"10.0.1.6", 800}, {"10.0.1.7", 950}, {"10.0.1.8", 100},
};

static const struct selector_settings libmemcached = {.distribution = DISTRIBUTION_KETAMA,
                                                      .hash = HASH_MD5};

/* Key, its MD5, the point it meets, and the last number of its server's address: under the servers' own names, and under those
 * that spymemcached gives to servers. */
static const struct {
    const char *key;
    uint32_t hash, point;
    unsigned server, spy;
} placements[] = {
    {"SVa_]_V41)", 443691461, 445379617, 7, 2},   {"30C1*Z*S/_", 1473165754, 1480075959, 2, 2},
    {"1I=cTMNTKF", 2882686667, 2885206587, 5, 4}, {"P1[Ma3=K1/", 1989324036, 1994028240, 8, 1},
    {"D[HE+cFXDK", 2117036136, 2117124014, 3, 5}, {"EM75N0+[X1", 1558531507, 1559308507, 4, 5},
    {"6,cEI`F_P>", 3972869246, 3974773167, 6, 3}, {"@7RU6C6T+Z", 3862737685, 3871917949, 5, 6},
    {"VDEAAAAA", 0xfffcd1b5, 2148620, 3, 6}, /* past the last point: the first one */
};

static uint32_t points_of(const struct selector *s, uint32_t server)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->ring.points_n; i++) n += s->ring.points[i].server == server;
    return n;
}

static void each_distribution_is_found_by_its_name_alone(void **state)
{
    for (unsigned i = 0; i < DISTRIBUTION_COUNT; i++) {
        const char *name = distribution_name((enum distribution)i);
        assert_int_equal(distribution_find(name, strlen(name)), i);
        assert_int_not_equal(distribution_find(name, strlen(name) - 1), i);
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
        struct selector_choice choice = selector_pick(&s, key, strlen(key));
        assert_int_equal(choice.hash, placements[i].hash);
        assert_true(choice.has_point);
        assert_int_equal(choice.point, placements[i].point);
        assert_int_equal(choice.server + 1, placements[i].server);
    }
    selector_release(&s);
}

static void keys_are_placed_as_spymemcached_places_them(void **state)
{
    struct selector_server named[COUNT(weighted)];
    char names[COUNT(weighted)][32];
    struct selector s;
    for (size_t i = 0; i < COUNT(weighted); i++) {
        snprintf(names[i], sizeof names[i], "/%s:11211", weighted[i].name);
        named[i] = (struct selector_server){names[i], weighted[i].weight};
    }
    selector_init(&s, &libmemcached, named, COUNT(named));
    assert_int_equal(s.ring.points_n, 1264);
    assert_int_equal(s.ring.points[0].value, 2164980);
    for (size_t i = 0; i < COUNT(placements); i++) {
        const char *key = placements[i].key;
        assert_int_equal(pick(&s, key) + 1, placements[i].spy);
    }
    selector_release(&s);
}

/* Two points of one server, from twemproxy's own test. */
static void a_points_place_is_a_word_of_its_digest(void **state)
{
    static const struct selector_server two[] = {{"server1", 1}, {"server2", 1}};
    unsigned found = 0;
    struct selector s;
    selector_init(&s, &libmemcached, two, COUNT(two));
    for (uint32_t i = 0; i < s.ring.points_n; i++) {
        const struct ring_point *p = &s.ring.points[i];
        found += p->server == 0 && (p->value == 3853726576 || p->value == 2667054752);
    }
    assert_int_equal(found, 2);
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
        init_equal(&s, DISTRIBUTION_KETAMA, HASH_XXH3, n);
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
        init_equal(&s, DISTRIBUTION_KETAMA, HASH_XXH3, sizes[k]);
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
    init_equal(&s, DISTRIBUTION_KETAMA, HASH_XXH3, 100);
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
        init_equal(&s, (enum distribution)d, HASH_XXH3, 1);
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
        init_equal(&s, DISTRIBUTION_MODULA, HASH_XXH3, n);
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

/* Hashes, numbers of servers and places that the public implementations of the algorithm agree on. */
static const struct {
    uint64_t hash;
    uint32_t servers, place;
} jumps[] = {
    {0, 100, 0},
    {1, 100, 55},
    {2, 100, 62},
    {3, 100, 8},
    {4, 100, 45},
    {5, 100, 59},
    {10, 100, 73},
    {19, 100, 83},
    {1, 6, 0},
    {1, 7, 6},
    {1, 18, 17},
    {0xdeadbeef, 6, 5},
    {2, 100001, 80343},
    {2201, 100001, 22152},
    {2202, 100001, 15018},
    {10863919174838991, 11, 6},
    {2016238256797177309, 11, 3},
    {1673758223894951030, 11, 5},
};

static void jump_puts_a_hash_where_the_papers_algorithm_does(void **state)
{
    for (size_t i = 0; i < COUNT(jumps); i++)
        assert_int_equal(select_jump_place(jumps[i].hash, jumps[i].servers), jumps[i].place);
}

/* As memcached's proxy: XXH3 with the seed, all of its bits. */
static void jump_uses_64_bits_of_the_hash_and_the_seed(void **state)
{
    static const uint64_t seeds[] = {0, 42, 0x2d06800538d394c2};
    struct selector_server servers[100];
    for (size_t i = 0; i < COUNT(servers); i++) servers[i] = (struct selector_server){"s", 1};
    for (size_t k = 0; k < COUNT(seeds); k++) {
        struct selector s;
        struct selector_settings settings = {.distribution = DISTRIBUTION_JUMP, .seed = seeds[k]};
        selector_init(&s, &settings, servers, COUNT(servers));
        for (uint32_t key = 0; key < 1000; key++) {
            uint64_t hash = hash_bytes64(HASH_XXH3, &key, sizeof key, seeds[k]);
            struct selector_choice choice = selector_pick(&s, &key, sizeof key);
            assert_int_equal(choice.hash, hash);
            assert_int_equal(choice.server, select_jump_place(hash, COUNT(servers)));
        }
        selector_release(&s);
    }
}

/* With a hash of 32 bits it goes by those. */
static void jump_takes_any_hash(void **state)
{
    static const struct selector_server servers[] = {{"a", 1}, {"b", 1}, {"c", 1}};
    struct selector_settings settings = {.distribution = DISTRIBUTION_JUMP, .hash = HASH_MURMUR};
    struct selector s;
    selector_init(&s, &settings, servers, COUNT(servers));
    for (uint32_t key = 0; key < 1000; key++)
        assert_int_equal(selector_pick(&s, &key, sizeof key).server,
                         select_jump_place(hash_bytes(HASH_MURMUR, &key, sizeof key), 3));
    selector_release(&s);
}

/* 6 standard deviations: a good generator misses that once in a hundred million runs of this test. */
static void random_takes_every_server_equally_often_for_the_same_key(void **state)
{
    enum { SERVERS = 5, PICKS = 50000, MEAN = PICKS / SERVERS, OFF = 540 };
    uint32_t counts[SERVERS] = {0}, repeated = 0, last = 0;
    struct selector s;
    init_equal(&s, DISTRIBUTION_RANDOM, HASH_XXH3, SERVERS);
    for (uint32_t i = 0; i < PICKS; i++) {
        uint32_t server = selector_pick(&s, "key", 3).server;
        assert_in_range(server, 0, SERVERS - 1);
        repeated += server == last;
        last = server;
        counts[server]++;
    }
    for (uint32_t i = 0; i < SERVERS; i++) assert_in_range(counts[i], MEAN - OFF, MEAN + OFF);
    assert_in_range(repeated, MEAN - OFF, MEAN + OFF);
    selector_release(&s);
}

static void two_random_pools_do_not_go_in_step(void **state)
{
    struct selector a, b;
    unsigned same = 0;
    init_equal(&a, DISTRIBUTION_RANDOM, HASH_XXH3, 4);
    init_equal(&b, DISTRIBUTION_RANDOM, HASH_XXH3, 4);
    for (unsigned i = 0; i < 1000; i++)
        same += selector_pick(&a, "k", 1).server == selector_pick(&b, "k", 1).server;
    assert_in_range(same, 150, 350);
    selector_release(&a);
    selector_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_distribution_is_found_by_its_name_alone),
        cmocka_unit_test(weights_give_the_points_that_libmemcached_gives),
        cmocka_unit_test(keys_are_placed_as_libmemcached_places_them),
        cmocka_unit_test(keys_are_placed_as_spymemcached_places_them),
        cmocka_unit_test(a_points_place_is_a_word_of_its_digest),
        cmocka_unit_test(equal_servers_get_156_points_where_float_arithmetic_says_so),
        cmocka_unit_test(the_index_finds_what_a_plain_search_finds),
        cmocka_unit_test(points_are_sorted_by_value_and_then_by_server),
        cmocka_unit_test(one_server_gets_everything_without_a_ring),
        cmocka_unit_test(modula_is_the_hash_modulo_the_servers_in_their_order),
        cmocka_unit_test(modula_gives_each_server_as_many_slots_as_it_weighs),
        cmocka_unit_test(jump_puts_a_hash_where_the_papers_algorithm_does),
        cmocka_unit_test(jump_uses_64_bits_of_the_hash_and_the_seed),
        cmocka_unit_test(jump_takes_any_hash),
        cmocka_unit_test(random_takes_every_server_equally_often_for_the_same_key),
        cmocka_unit_test(two_random_pools_do_not_go_in_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
