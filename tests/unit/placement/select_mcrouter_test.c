/* ch3, weighted_ch3, rendezvous and crc31 with modula: every number here is mcrouter's own, from its tests or its code. */
#include "unit/placement/selectors.h"

#include "placement/hash_old.h"
#include <math.h>
#include <stdlib.h>

/* The servers are xxx.0.yy, xxx.1.yy ..., as mcrouter's tests call them. */
static void init(struct selector *s, enum distribution distribution, const double *weights,
                 uint32_t n)
{
    selector_init(s, &(struct selector_settings){.distribution = distribution},
                  numbered("xxx.", ".yy", weights, n), n);
}

/* How many of the keys PREFIX0, PREFIX1 ... each server gets is what is wanted. */
static void assert_counts(const struct selector *s, const char *prefix, unsigned keys,
                          const unsigned *wanted)
{
    unsigned *counts = calloc(s->servers, sizeof *counts);
    assert_non_null(counts);
    for (unsigned i = 0; i < keys; i++) counts[pick_numbered(s, prefix, i)]++;
    for (uint32_t i = 0; i < s->servers; i++) assert_int_equal(counts[i], wanted[i]);
    free(counts);
}

/* Bytes 128 ... 255, 0 ... 127, as mcrouter's tests have them, or the other way round. */
static void every_byte(uint8_t key[256], bool backwards)
{
    for (unsigned i = 0; i < 256; i++) key[i] = (uint8_t)((backwards ? 255 - i : i) + 128);
}

/* --- ch3 ----------------------------------------------------------------------------------------- */

static const uint32_t ch3_sizes[] = {2, 3, 7, 8, 10, 100, 1000, 65536};
static const struct {
    const char *key;
    uint32_t server[COUNT(ch3_sizes)];
} ch3_table[] = {
    {"apple", {0, 0, 3, 3, 3, 42, 667, 38400}},    {"foo:bar", {1, 2, 2, 2, 2, 51, 572, 6796}},
    {"a", {1, 1, 4, 4, 4, 34, 900, 55594}},        {"key1", {0, 2, 2, 2, 2, 2, 808, 24368}},
    {"user:1000", {1, 2, 2, 2, 2, 54, 54, 35254}}, {"", {1, 1, 6, 6, 8, 72, 72, 3031}},
};

static void ch3_places_keys_as_furc_hash_does(void **state)
{
    for (size_t k = 0; k < COUNT(ch3_sizes); k++) {
        struct selector s;
        init(&s, DISTRIBUTION_CH3, NULL, ch3_sizes[k]);
        for (size_t i = 0; i < COUNT(ch3_table); i++)
            assert_int_equal(pick(&s, ch3_table[i].key), ch3_table[i].server[k]);
        selector_release(&s);
    }
}

static void a_key_stays_as_ch3_grows_until_a_new_server_takes_it(void **state)
{
    static const uint32_t rows[][2] = {{4, 0},     {8, 7},     {32, 22},   {64, 22},
                                       {128, 115}, {256, 115}, {512, 413}, {1024, 950}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct selector s;
        init(&s, DISTRIBUTION_CH3, NULL, rows[i][0]);
        assert_int_equal(pick(&s, "key0"), rows[i][1]);
        selector_release(&s);
    }
}

static void a_hundred_thousand_keys_lie_where_furc_hash_puts_them(void **state)
{
    static const uint32_t rows[][2] = {{2, 1346413954}, {10, 2894016351}, {1000, 2251851331}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct selector s;
        init(&s, DISTRIBUTION_CH3, NULL, rows[i][0]);
        assert_int_equal(sum_of_keys(&s, 100000), rows[i][1]);
        selector_release(&s);
    }
}

static void ch3_takes_keys_of_any_bytes(void **state)
{
    uint8_t key[256];
    struct selector s;
    init(&s, DISTRIBUTION_CH3, NULL, 99999);
    every_byte(key, false);
    assert_int_equal(selector_pick(&s, key, sizeof key).server, 31015);
    every_byte(key, true);
    assert_int_equal(selector_pick(&s, key, sizeof key).server, 67101);
    selector_release(&s);
}

/* --- weighted_ch3 -------------------------------------------------------------------------------- */

static void weighted_ch3_with_full_weights_is_ch3(void **state)
{
    uint8_t key[256];
    struct selector s, ch3;
    init(&s, DISTRIBUTION_WEIGHTED_CH3, NULL, 100);
    init(&ch3, DISTRIBUTION_CH3, NULL, 100);
    assert_int_equal(pick(&s, "sample"), 97);
    assert_int_equal(pick(&s, ""), 72);
    for (unsigned i = 0; i < 10000; i++)
        assert_int_equal(pick_numbered(&s, "k", i), pick_numbered(&ch3, "k", i));
    selector_release(&s);
    selector_release(&ch3);
    init(&s, DISTRIBUTION_WEIGHTED_CH3, NULL, 99999);
    every_byte(key, false);
    assert_int_equal(selector_pick(&s, key, sizeof key).server, 31015);
    selector_release(&s);
}

static void a_lower_weight_gives_away_part_of_its_own_keys_and_no_others(void **state)
{
    static const double weights[] = {1, 1, 0.7};
    static const unsigned even[] = {307, 342, 351}, lower[] = {341, 371, 288};
    struct selector s, ch3;
    init(&ch3, DISTRIBUTION_CH3, NULL, 3);
    init(&s, DISTRIBUTION_WEIGHTED_CH3, weights, 3);
    assert_counts(&ch3, "", 1000, even);
    assert_counts(&s, "", 1000, lower);
    for (unsigned i = 0; i < 1000; i++) {
        uint32_t before = pick_numbered(&ch3, "", i);
        if (before != 2) assert_int_equal(pick_numbered(&s, "", i), before);
    }
    selector_release(&s);
    selector_release(&ch3);
}

static void weights_of_all_sizes_share_the_keys_as_mcrouter_does(void **state)
{
    static const double weights[] = {0.429, 0.541, 0.117, 0.998, 0.283,
                                     0.065, 0.109, 0.042, 0.676, 0.943};
    static const unsigned wanted[] = {1016, 1252, 288, 2354, 661, 195, 247, 122, 1668, 2197};
    struct selector s;
    init(&s, DISTRIBUTION_WEIGHTED_CH3, weights, COUNT(weights));
    assert_counts(&s, "", 10000, wanted);
    selector_release(&s);
}

static void when_no_server_takes_a_key_the_last_one_tried_has_it(void **state)
{
    static const double none[100];
    struct selector s;
    init(&s, DISTRIBUTION_WEIGHTED_CH3, none, 100);
    assert_int_equal(pick(&s, "sample"), 59);
    assert_int_equal(pick(&s, ""), 45);
    selector_release(&s);
}

/* --- rendezvous ---------------------------------------------------------------------------------- */

/* Where "sample", "", "mykey" and every byte go. */
static void assert_places(const struct selector *s, const uint32_t wanted[4])
{
    uint8_t key[256];
    every_byte(key, false);
    assert_int_equal(pick(s, "sample"), wanted[0]);
    assert_int_equal(pick(s, ""), wanted[1]);
    assert_int_equal(pick(s, "mykey"), wanted[2]);
    assert_int_equal(selector_pick(s, key, sizeof key).server, wanted[3]);
}

static void rendezvous_picks_as_mcrouters_does(void **state)
{
    struct selector s;
    init(&s, DISTRIBUTION_RENDEZVOUS, NULL, 3);
    assert_places(&s, (const uint32_t[]){1, 1, 1, 1});
    selector_release(&s);
    init(&s, DISTRIBUTION_RENDEZVOUS, NULL, 343);
    assert_places(&s, (const uint32_t[]){45, 291, 132, 183});
    selector_release(&s);
}

static void rendezvous_shares_keys_as_mcrouters_does(void **state)
{
    static const unsigned three[] = {337, 353, 310};
    static const unsigned ten[] = {947, 1026, 1028, 981, 1016, 970, 1013, 939, 1023, 1057};
    struct selector s;
    init(&s, DISTRIBUTION_RENDEZVOUS, NULL, 3);
    assert_counts(&s, "mykey:", 1000, three);
    selector_release(&s);
    init(&s, DISTRIBUTION_RENDEZVOUS, NULL, 10);
    assert_counts(&s, "mykey:", 10000, ten);
    selector_release(&s);
}

/* mcrouter's counts for three and for ten servers. */
static const struct {
    uint32_t n;
    double weights[10];
    unsigned wanted[10];
} weighted[] = {
    {3, {1, 0.5, 0.1}, {6292, 3118, 590}},
    {3, {1, 0, 0.5}, {6737, 0, 3263}},
    {10,
     {1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5},
     {1381, 1299, 1283, 1359, 1296, 667, 669, 665, 672, 709}},
};

static void weighted_rendezvous_shares_keys_as_mcrouters_does(void **state)
{
    for (size_t i = 0; i < COUNT(weighted); i++) {
        struct selector s;
        init(&s, DISTRIBUTION_RENDEZVOUS, weighted[i].weights, weighted[i].n);
        assert_counts(&s, "mykey:", 10000, weighted[i].wanted);
        selector_release(&s);
    }
}

/* mcrouter's WeightedRendezvous puts keys elsewhere than its Rendezvous even with equal weights, and goes by their ratio alone: a weight
 * that is not 1 switches over. Its own numbers for weights of 1, here under weights of 2. */
static void equal_weights_other_than_1_are_weighted_rendezvous_too(void **state)
{
    static const unsigned three[] = {3409, 3360, 3231};
    double twos[343];
    struct selector s;
    for (size_t i = 0; i < COUNT(twos); i++) twos[i] = 2;
    init(&s, DISTRIBUTION_RENDEZVOUS, twos, 3);
    assert_int_equal(pick(&s, "sample"), 0);
    assert_int_equal(pick(&s, ""), 2);
    assert_int_equal(pick(&s, "mykey"), 1);
    assert_counts(&s, "mykey:", 10000, three);
    selector_release(&s);
    init(&s, DISTRIBUTION_RENDEZVOUS, twos, 343);
    assert_places(&s, (const uint32_t[]){115, 279, 302, 142});
    selector_release(&s);
}

/* The formula as it is written down, for every server. */
static uint32_t plain_weighted_rendezvous(const struct selector_server *servers, uint32_t n,
                                          const char *key)
{
    uint64_t hash = hash_murmur64a(key, strlen(key), 2718281828);
    double highest = 0;
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t k = 0x9ddfea08eb382d69;
        uint64_t server = hash_murmur64a(servers[i].name, strlen(servers[i].name), 4193360111);
        uint64_t a = (server ^ hash) * k;
        uint64_t b = (server ^ (a ^ a >> 47)) * k;
        uint64_t score = (b ^ b >> 47) * k;
        double unit = (double)(score % (1ull << 53)) / (double)(1ull << 53);
        double weighted_score = servers[i].weight * (1.0 / -log(unit));
        if (weighted_score >= highest) highest = weighted_score, at = i;
    }
    return at;
}

static void no_server_is_passed_over_that_would_have_won(void **state)
{
    enum { SERVERS = 60 };
    double weights[SERVERS];
    struct selector s;
    for (unsigned i = 0; i < SERVERS; i++) weights[i] = i % 4 ? 0.01 * i : 100.0 / (i + 1);
    const struct selector_server *servers = numbered("s", "", weights, SERVERS);
    selector_init(&s, &(struct selector_settings){.distribution = DISTRIBUTION_RENDEZVOUS}, servers,
                  SERVERS);
    for (unsigned i = 0; i < 20000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(pick(&s, key), plain_weighted_rendezvous(servers, SERVERS, key));
    }
    selector_release(&s);
}

/* --- the rest ------------------------------------------------------------------------------------ */

static void crc31_and_modula_are_mcrouters_crc32(void **state)
{
    struct selector s;
    init_equal(&s, DISTRIBUTION_MODULA, HASH_CRC31, 100);
    assert_int_equal(pick(&s, "sample"), 7);
    selector_release(&s);
}

static void mcrouters_own_distributions_hash_keys_themselves(void **state)
{
    static const enum distribution own[] = {DISTRIBUTION_CH3, DISTRIBUTION_WEIGHTED_CH3,
                                            DISTRIBUTION_RENDEZVOUS};
    for (size_t i = 0; i < COUNT(own); i++) {
        struct selector s, other;
        struct selector_settings settings = {own[i], HASH_MD5, 42};
        assert_true(distribution_hashes_itself(own[i]));
        init_equal(&s, own[i], HASH_XXH3, 10);
        selector_init(&other, &settings, numbered("s", "", NULL, 10), 10);
        assert_int_equal(pick(&s, "user:1000"), pick(&other, "user:1000"));
        selector_release(&s);
        selector_release(&other);
    }
    assert_true(distribution_hashes_itself(DISTRIBUTION_RANDOM));
    assert_false(distribution_hashes_itself(DISTRIBUTION_JUMP));
    assert_false(distribution_hashes_itself(DISTRIBUTION_KETAMA));
    assert_false(distribution_hashes_itself(DISTRIBUTION_MODULA));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ch3_places_keys_as_furc_hash_does),
        cmocka_unit_test(a_key_stays_as_ch3_grows_until_a_new_server_takes_it),
        cmocka_unit_test(a_hundred_thousand_keys_lie_where_furc_hash_puts_them),
        cmocka_unit_test(ch3_takes_keys_of_any_bytes),
        cmocka_unit_test(weighted_ch3_with_full_weights_is_ch3),
        cmocka_unit_test(a_lower_weight_gives_away_part_of_its_own_keys_and_no_others),
        cmocka_unit_test(weights_of_all_sizes_share_the_keys_as_mcrouter_does),
        cmocka_unit_test(when_no_server_takes_a_key_the_last_one_tried_has_it),
        cmocka_unit_test(rendezvous_picks_as_mcrouters_does),
        cmocka_unit_test(rendezvous_shares_keys_as_mcrouters_does),
        cmocka_unit_test(weighted_rendezvous_shares_keys_as_mcrouters_does),
        cmocka_unit_test(equal_weights_other_than_1_are_weighted_rendezvous_too),
        cmocka_unit_test(no_server_is_passed_over_that_would_have_won),
        cmocka_unit_test(crc31_and_modula_are_mcrouters_crc32),
        cmocka_unit_test(mcrouters_own_distributions_hash_keys_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
