/* The distributions of client libraries: placements that were the libraries' own, servers and keys as written here. */
#include "unit/placement/selectors.h"

#include "placement/hash.h"
#include <math.h>
#include <stdlib.h>

#define K50      "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define LONG_KEY K50 K50 K50 K50 K50

enum { SERVERS = 5, NUMBERED = 56 };

/* The same servers as each library names them. */
static const char *const with_port[] = {"10.0.1.1:11211", "10.0.1.2:11311", "cache.example:11211",
                                        "10.0.1.4:22122", "10.0.1.5:11211"};
static const char *const without_11211[] = {"10.0.1.1", "10.0.1.2:11311", "cache.example",
                                            "10.0.1.4:22122", "10.0.1.5"};
static const char *const resolved[] = {"10.0.1.1:11211", "10.0.1.2:11311",
                                       "cache.example/10.9.9.9:11211", "10.0.1.4:22122",
                                       "10.0.1.5:11211"};

static const double equal[SERVERS] = {1, 1, 1, 1, 1};
static const double weights[SERVERS] = {2, 1, 3, 1, 2};

/* The servers of key:0 to key:55, of three keys in UTF-8, of one of 250 k, and of one whose CRC-32 has 15 zero bits where
 * libmemcached looks. */
static const struct {
    const char *library;
    enum distribution distribution;
    enum hash hash;
    uint32_t points;
    const char *const *names;
    const double *weights;
    const char *servers;
} placements[] = {
    {"libmemcached, ketama", DISTRIBUTION_KETAMA_100, HASH_ONE_AT_A_TIME, 0, without_11211, equal,
     "0231240000112012434241134102002304232131444013403010404013140"},
    {"libmemcached, ketama with weights", DISTRIBUTION_KETAMA, HASH_ONE_AT_A_TIME, 0, without_11211,
     weights, "2212031004340402242002201241314020024414204201013222040242411"},
    {"spymemcached, ketama", DISTRIBUTION_SPYMEMCACHED, HASH_MD5, 0, resolved, equal,
     "0313241040134003042014023434142300013132214332132323140304110"},
    {"spymemcached, weighted", DISTRIBUTION_SPYMEMCACHED, HASH_MD5, 0, resolved, weights,
     "0323224040434203042014003434142300013202214232132223140204110"},
    {"npm's memcached", DISTRIBUTION_HASHRING, HASH_MD5, 0, without_11211, equal,
     "0313214100042203030412003320244321212133312330132333133333014"},
    {"npm's memcached, weighted", DISTRIBUTION_HASHRING, HASH_MD5, 0, without_11211, weights,
     "0343234000042200032422203320444322412124412330132323140224214"},
    {"Dalli", DISTRIBUTION_DALLI, HASH_CRC32A, 0, with_port, equal,
     "2121422211433413143411113114303113304101014403403121142223300"},
    {"Dalli, weighted", DISTRIBUTION_DALLI, HASH_CRC32A, 0, with_port, weights,
     "2221422213403433122212123124303212204101014003404324440224340"},
    {"php-memcache", DISTRIBUTION_PHP_MEMCACHE, HASH_CRC32A, 0, with_port, equal,
     "3400333110430233143040341103104201003224143104431422441132310"},
    {"php-memcache, weighted", DISTRIBUTION_PHP_MEMCACHE, HASH_CRC32A, 0, with_port, weights,
     "3400233112430232144020341123224202022224143400432422244444042"},
    {"php-memcache, fnv", DISTRIBUTION_PHP_MEMCACHE, HASH_FNV1A_32, 0, with_port, weights,
     "2244424000224200321222340223402014341340022234322342300412444"},
    {"Cache::Memcached::Fast, 150 points", DISTRIBUTION_FAST_KETAMA, HASH_CRC32A, 0, with_port,
     equal, "1433011413324041431100044322312041130000332200330224324112340"},
    {"Cache::Memcached::Fast, 160 points, weighted", DISTRIBUTION_FAST_KETAMA, HASH_CRC32A, 160,
     with_port, weights, "2433211012224040432400044322344001232000232224030220322422440"},
    {"pymemcache", DISTRIBUTION_PYMEMCACHE, HASH_XXH3, 0, with_port, equal,
     "0023303121232222104431012400030141444141243001142103203133240"},
    {"python-memcached", DISTRIBUTION_MODULA, HASH_CRC32_NOT0, 0, with_port, equal,
     "3203342030144411201231332401421201443011404023343320111412201"},
    {"Cache::Memcached", DISTRIBUTION_MODULA, HASH_CRC32, 0, with_port, equal,
     "3203342030144411201231332401421201443011404023343320111412200"},
    {"Cache::Memcached, weighted", DISTRIBUTION_MODULA, HASH_CRC32, 0, with_port, weights,
     "3123122421222203431231220222202043200023140220434322113134420"},
    {"spymemcached", DISTRIBUTION_MODULA, HASH_JAVA, 0, with_port, equal,
     "0123401234401234012301234012341234012340234012340134012342400"},
    {"gomemcache", DISTRIBUTION_MODULA, HASH_CRC32A, 0, with_port, equal,
     "1203443311430443114034121411033132332043023244243334241033112"},
    {"libmemcached", DISTRIBUTION_MODULA, HASH_ONE_AT_A_TIME, 0, with_port, equal,
     "3413321131301230344010421104102442344220333143134333244421311"},
};

static const char *key_of(unsigned i, char room[static 16])
{
    static const char *const others[] = {"schl\u00fcssel", "\u043a\u043b\u044e\u0447", "\U0001f600",
                                         LONG_KEY, "zero:3529"};
    if (i >= NUMBERED) return others[i - NUMBERED];
    sprintf(room, "key:%u", i);
    return room;
}

static void keys_are_placed_as_the_library_places_them(void **state)
{
    for (size_t p = 0; p < COUNT(placements); p++) {
        struct selector_server servers[SERVERS];
        for (unsigned i = 0; i < SERVERS; i++)
            servers[i] = (struct selector_server){placements[p].names[i], placements[p].weights[i]};
        struct selector s;
        selector_init(&s,
                      &(struct selector_settings){.distribution = placements[p].distribution,
                                                  .hash = placements[p].hash,
                                                  .points = placements[p].points},
                      servers, SERVERS);
        char found[NUMBERED + 6] = "", room[16];
        for (unsigned i = 0; placements[p].servers[i]; i++) {
            found[i] = (char)('0' + pick(&s, key_of(i, room)));
        }
        if (strcmp(found, placements[p].servers) != 0)
            fail_msg("%s: %s", placements[p].library, found);
        selector_release(&s);
    }
}

/* Ten thousand keys, k0 to k9999, over many servers: what was reckoned with the libraries' maps written down in Python, which
 * were compared with the libraries at work. */
static const struct {
    enum distribution distribution;
    enum hash hash;
    uint32_t servers, sum;
} sums[] = {
    {DISTRIBUTION_KETAMA_100, HASH_ONE_AT_A_TIME, 49, 1263723288u},
    {DISTRIBUTION_SPYMEMCACHED, HASH_MD5, 49, 474331606u},
    {DISTRIBUTION_HASHRING, HASH_MD5, 49, 2527058088u},
    {DISTRIBUTION_DALLI, HASH_CRC32A, 49, 4174819418u},
    {DISTRIBUTION_PHP_MEMCACHE, HASH_CRC32A, 49, 4203252140u},
    {DISTRIBUTION_FAST_KETAMA, HASH_CRC32A, 49, 3609746787u},
    {DISTRIBUTION_PYMEMCACHE, HASH_CRC32A, 49, 3804699119u},
    {DISTRIBUTION_KETAMA_100, HASH_ONE_AT_A_TIME, 1000, 2248295636u},
    {DISTRIBUTION_SPYMEMCACHED, HASH_MD5, 1000, 1341194884u},
    {DISTRIBUTION_HASHRING, HASH_MD5, 1000, 1341194884u},
    {DISTRIBUTION_DALLI, HASH_CRC32A, 1000, 116243939u},
    {DISTRIBUTION_PHP_MEMCACHE, HASH_CRC32A, 1000, 2586495899u},
    {DISTRIBUTION_FAST_KETAMA, HASH_CRC32A, 1000, 344097007u},
};

static void many_servers_are_placed_as_the_libraries_place_them_too(void **state)
{
    for (size_t i = 0; i < COUNT(sums); i++) {
        struct selector s;
        init_equal(&s, sums[i].distribution, sums[i].hash, sums[i].servers);
        uint32_t sum = sum_of_keys(&s, 10000);
        if (sum != sums[i].sum)
            fail_msg("%s, %u servers: %u", distribution_name(sums[i].distribution), sums[i].servers,
                     sum);
        selector_release(&s);
    }
}

static void hashring_counts_points_in_double_arithmetic(void **state)
{
    static const struct {
        uint32_t servers, points;
    } counts[] = {{10, 1600}, {25, 4000}, {47, 7520}, {49, 49 * 156}, {98, 98 * 156}};
    for (size_t i = 0; i < COUNT(counts); i++) {
        struct selector s;
        init_equal(&s, DISTRIBUTION_HASHRING, HASH_MD5, counts[i].servers);
        assert_int_equal(s.ring.points_n, counts[i].points);
        selector_release(&s);
    }
}

static void spymemcached_gives_160_points_whatever_float_arithmetic_says(void **state)
{
    struct selector s;
    init_equal(&s, DISTRIBUTION_SPYMEMCACHED, HASH_MD5, 25);
    assert_int_equal(s.ring.points_n, 25 * 160);
    selector_release(&s);
}

/* Among 4,000 servers some points coincide. */
static void of_two_equal_points_spymemcached_keeps_the_last_servers(void **state)
{
    struct selector s, first;
    unsigned ties = 0;
    init_equal(&s, DISTRIBUTION_SPYMEMCACHED, HASH_MD5, 4000);
    init_equal(&first, DISTRIBUTION_HASHRING, HASH_MD5, 4000);
    assert_int_equal(s.ring.points_n, first.ring.points_n);
    for (uint32_t i = 1; i < s.ring.points_n; i++) {
        if (s.ring.points[i - 1].value != s.ring.points[i].value) continue;
        ties++;
        assert_int_equal(ring_find(&s.ring, s.ring.points[i].value)->server,
                         first.ring.points[i].server);
    }
    assert_in_range(ties, 20, 100);
    selector_release(&s);
    selector_release(&first);
}

/* Dalli's look-up by a plain search: the last point that is not above the hash. */
static void dalli_takes_the_last_point_up_to_the_hash(void **state)
{
    struct selector s;
    init_equal(&s, DISTRIBUTION_DALLI, HASH_CRC32A, 3);
    unsigned before_the_first = 0;
    for (uint32_t key = 0; key < 20000; key++) {
        uint32_t hash = hash_bytes(HASH_CRC32A, &key, sizeof key), at = s.ring.points_n - 1;
        for (uint32_t i = 0; i < s.ring.points_n && s.ring.points[i].value <= hash; i++) at = i;
        before_the_first += hash < s.ring.points[0].value;
        assert_int_equal(selector_pick(&s, &key, sizeof key).server, s.ring.points[at].server);
    }
    assert_int_not_equal(before_the_first, 0);
    selector_release(&s);
}

static void php_memcache_knows_only_1024_places(void **state)
{
    struct selector s;
    init_equal(&s, DISTRIBUTION_PHP_MEMCACHE, HASH_CRC32A, 3);
    uint32_t servers[1024];
    memset(servers, 0xff, sizeof servers);
    for (uint32_t key = 0; key < 20000; key++) {
        uint32_t bucket = hash_bytes(HASH_CRC32A, &key, sizeof key) % 1024;
        uint32_t server = selector_pick(&s, &key, sizeof key).server;
        if (servers[bucket] != UINT32_MAX) assert_int_equal(servers[bucket], server);
        servers[bucket] = server;
    }
    selector_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_placed_as_the_library_places_them),
        cmocka_unit_test(many_servers_are_placed_as_the_libraries_place_them_too),
        cmocka_unit_test(hashring_counts_points_in_double_arithmetic),
        cmocka_unit_test(spymemcached_gives_160_points_whatever_float_arithmetic_says),
        cmocka_unit_test(of_two_equal_points_spymemcached_keeps_the_last_servers),
        cmocka_unit_test(dalli_takes_the_last_point_up_to_the_hash),
        cmocka_unit_test(php_memcache_knows_only_1024_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
