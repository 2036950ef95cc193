/* hash: names, and known values of each function, from programs and libraries other than ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "placement/hash.h"
#include "placement/hash_old.h"
#include <cmocka.h>
#include <endian.h>
#include <string.h>
#include <xxhash.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void each_hash_is_found_by_its_name_alone(void **state)
{
    for (unsigned i = 0; i < HASH_COUNT; i++) {
        const char *name = hash_name((enum hash)i);
        assert_int_equal(hash_find(name, strlen(name)), i);
        assert_int_not_equal(hash_find(name, strlen(name) - 1), i);
    }
    assert_int_equal(hash_find("crc", 3), HASH_COUNT);
    assert_int_equal(hash_find("", 0), HASH_COUNT);
    assert_int_equal(hash_find("MD5", 3), HASH_COUNT);
    assert_int_equal(hash_find("md5x", 3), HASH_MD5);
    assert_int_equal(hash_find("md5x", 4), HASH_COUNT);
}

/* The hashes of a key in the order of HASHES, from md5 to java. They are what the functions of nutcracker 0.5.0 gave on
 * x86-64, and libmemcached 1.1.4 where it has them; crc31 and java by Python's zlib and over the key in UTF-16. */
enum { FIRST = HASH_MD5, VALUES = HASH_JAVA - HASH_MD5 + 1 };

static const struct {
    const char *key;
    uint32_t values[VALUES];
} vectors[] = {
    {"",
     {3649838548u, 0u, 0u, 0u, 0u, 2166136261u, 2166136261u, 2216829733u, 2216829733u, 0u,
      3735928572u, 0u, 0u, 0u}},
    {"a",
     {3111502092u, 31879u, 26807u, 3904355907u, 1756872259u, 84696446u, 3826002220u, 2248259518u,
      2248273036u, 2472816263u, 3768813200u, 1262581116u, 3392050242u, 97u}},
    {"\xe9",
     {1988560436u, 27655u, 3028u, 198489425u, 198489425u, 4210270966u, 3958606660u, 2046707766u,
      2046701220u, 1008785338u, 120703460u, 3710375128u, 1083721983u, 65533u}},
    {"ab\xff",
     {2192293236u, 2088034275u, 19613u, 3432881837u, 1285398189u, 3160658135u, 3283607919u,
      2488291927u, 4206756399u, 1977393110u, 3920586603u, 3968893618u, 100913432u, 161788u}},
    {"apple",
     {3195025439u, 3662830516u, 10542u, 2838417488u, 690933840u, 67176023u, 280767167u, 473199127u,
      1488911807u, 3738850110u, 1442444624u, 4142305122u, 2297466611u, 93029210u}},
    {"schl\xc3\xbcssel",
     {196118054u, 1664359933u, 26106u, 3858404598u, 1710920950u, 3095407223u, 1695197927u,
      3705183831u, 418049095u, 247739663u, 1142540291u, 2043642541u, 3525279087u, 180015919u}},
    {"user:1000:profile",
     {2585628903u, 2691867350u, 471u, 30907001u, 30907001u, 2253373212u, 66513402u, 1037178972u,
      1426878874u, 1203955876u, 886310305u, 78543240u, 522545543u, 3107730653u}},
    {"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xf0\x9f\x94\x91",
     {2418155047u, 4161136957u, 30248u, 1982358399u, 1982358399u, 3229635449u, 2583916285u,
      1288198553u, 368589021u, 1565800671u, 587915012u, 2168280703u, 321212892u, 3437923403u}},
    {"0123456789abcdefghijklmnopqrstuvwxyz:0123456789ABCDEFGHIJK",
     {2855743783u, 33846571u, 10916u, 715450242u, 715450242u, 2470798084u, 2695015666u, 2348550756u,
      455504498u, 1498134319u, 3636108660u, 43071190u, 3875833994u, 843255577u}},
};

static void every_hash_is_what_it_is_elsewhere(void **state)
{
    for (size_t i = 0; i < COUNT(vectors); i++) {
        for (unsigned k = 0; k < VALUES; k++)
            assert_int_equal(hash_bytes(FIRST + k, vectors[i].key, strlen(vectors[i].key)),
                             vectors[i].values[k]);
    }
}

/* libmemcached's own ketama vectors. */
static void md5_is_the_first_digest_word_in_little_endian(void **state)
{
    assert_int_equal(hash_bytes(HASH_MD5, "SVa_]_V41)", 10), 443691461);
    assert_int_equal(hash_bytes(HASH_MD5, "VDEAAAAA", 8), 0xfffcd1b5);
}

static void what_is_no_utf8_counts_as_the_replacement_character_in_java(void **state)
{
    static const struct {
        const char *key;
        uint32_t characters[3];
    } rows[] = {
        {"\x80", {0xfffd}},                             /* follows nothing */
        {"\xc0\xaf", {0xfffd, 0xfffd}},                 /* longer than need be */
        {"\xe2\x82z", {0xfffd, 'z'}},                   /* cut off: one for all that is there */
        {"\xe0\x9f\x80", {0xfffd, 0xfffd, 0xfffd}},     /* longer than need be */
        {"\xed\xa0\x80", {0xfffd, 0xfffd, 0xfffd}},     /* half of a pair */
        {"\xf4\x90z", {0xfffd, 0xfffd, 'z'}},           /* above U+10FFFF */
        {"\xf0\x9f\x94", {0xfffd}},                     /* cut off by the end */
        {"\xf4\x8f\xbf\xbf", {0xdbff, 0xdfff}},         /* the last character there is */
        {"\xed\x9f\xbf\xee\x80\x80", {0xd7ff, 0xe000}}, /* beside the pairs */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t wanted = 0;
        for (unsigned k = 0; k < 3 && rows[i].characters[k]; k++)
            wanted = 31 * wanted + rows[i].characters[k];
        assert_int_equal(hash_bytes(HASH_JAVA, rows[i].key, strlen(rows[i].key)), wanted);
    }
}

/* From Bob Jenkins' own test: the bytes 128, 129 ... (mod 256), as many as the length, with seed 0. */
static const struct {
    size_t len;
    uint32_t hash;
} spooky[] = {
    {0, 0x6bf50919},   {1, 0x70de1d26},   {7, 0xf9f1a233},   {8, 0xee193982},   {15, 0x83ec01f9},
    {16, 0xf274736c},  {31, 0x027bca7c},  {32, 0xe5cfc8b6},  {37, 0xef408aec},  {48, 0x390e5fdc},
    {63, 0x09c1afb4},  {64, 0x069c8bb7},  {128, 0x94e948ec}, {191, 0xe13d9e19}, {192, 0x77e012bd},
    {193, 0x2d05114c}, {255, 0x2f40ee0b}, {256, 0x38cebf03}, {288, 0x47880140}, {511, 0xcc1c8250},
};

static void spooky_is_bob_jenkins_second_version(void **state)
{
    uint8_t bytes[511];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i + 128);
    for (size_t i = 0; i < COUNT(spooky); i++)
        assert_int_equal(hash_spooky_seeded(bytes, spooky[i].len, 0), spooky[i].hash);
    assert_int_equal(hash_bytes(HASH_SPOOKY, bytes, 100),
                     hash_spooky_seeded(bytes, 100, 0xface2014));
}

/* As pymemcache has it (pymemcache.client.murmur3). */
static const struct {
    const char *key;
    uint32_t unseeded, seeded;
} murmur3[] = {
    {"", 0, 3954623016},
    {"a", 1009084850, 2141232806},
    {"ab", 2613040991, 1955026322},
    {"abc", 3017643002, 3360318173},
    {"abcd", 1139631978, 4031219239},
    {"127.0.0.1:11211-user:1000", 778121438, 125802021},
};

static void murmur3_is_pymemcaches(void **state)
{
    for (size_t i = 0; i < COUNT(murmur3); i++) {
        size_t len = strlen(murmur3[i].key);
        assert_int_equal(hash_murmur3_32(murmur3[i].key, len, 0), murmur3[i].unseeded);
        assert_int_equal(hash_murmur3_32(murmur3[i].key, len, 0x9747b28c), murmur3[i].seeded);
    }
}

/* As libstdc++ has it (std::_Hash_bytes), with seeds 1 and 4193360111. */
static const struct {
    const char *key;
    uint64_t one, mcrouters;
} murmur64a[] = {
    {"", 0xc6a4a7935bd064dc, 0x4d408de62dee109a},
    {"a", 0xa52be5b3f6674b2a, 0x3d6961c699914c7b},
    {"1234567", 0xa53c8f05908f0328, 0x6202c309252cb20f},
    {"12345678", 0x890060166fadafa0, 0xbb67ddb4b50b6fc0},
    {"fransisco", 0x083fdaf4a6d0d3d9, 0x897d272df2c05c14},
    {"user:1000:profile", 0x7cabb94d12af38c2, 0xd45045bd7c5049a8},
};

static void murmur64a_is_libstdcpps(void **state)
{
    uint64_t word = le64toh(0x3837363534333231); /* "12345678" */
    for (size_t i = 0; i < COUNT(murmur64a); i++) {
        size_t len = strlen(murmur64a[i].key);
        assert_int_equal(hash_murmur64a(murmur64a[i].key, len, 1), murmur64a[i].one);
        assert_int_equal(hash_murmur64a(murmur64a[i].key, len, 4193360111), murmur64a[i].mcrouters);
    }
    assert_int_equal(hash_murmur64a(&word, 8, 1), murmur64a[3].one);
    assert_int_equal(hash_murmur64a_word(0x3837363534333231, 1), murmur64a[3].one);
}

/* Bytes are read one by one or copied: where they lie makes no difference, and what follows them neither. */
static void a_hash_depends_on_the_bytes_alone(void **state)
{
    uint8_t here[320], there[320];
    for (size_t i = 0; i < sizeof here; i++) here[i] = (uint8_t)(i * 37);
    for (unsigned hash = 0; hash < HASH_COUNT; hash++) {
        for (size_t len = 0; len <= 250; len++) {
            memset(there, (int)len, sizeof there);
            memcpy(there + len % 9 + 1, here, len);
            assert_int_equal(hash_bytes(hash, here, len),
                             hash_bytes(hash, there + len % 9 + 1, len));
        }
    }
}

static void the_four_words_of_a_digest_are_twemproxys_ketama_hash(void **state)
{
    uint32_t words[4];
    hash_md5_words("server1-8", 9, words);
    assert_int_equal(words[0], 3853726576);
    assert_int_equal(words[3], 2667054752);
}

static void xxh3_is_the_librarys_low_32_bits(void **state)
{
    uint8_t bytes[300];
    assert_int_equal(hash_bytes(HASH_XXH3, "", 0),
                     0x38d394c2); /* xxHash's own test: 2d06800538d394c2 */
    for (size_t n = 0; n < sizeof bytes; n++) {
        bytes[n] = (uint8_t)(n * 37);
        assert_int_equal(hash_bytes(HASH_XXH3, bytes, n), (uint32_t)XXH3_64bits(bytes, n));
    }
}

static void only_xxh3_has_64_bits_and_a_seed(void **state)
{
    const char *key = "user:1000";
    for (unsigned i = 0; i < HASH_COUNT; i++) {
        uint64_t wanted = i == HASH_XXH3 ? XXH3_64bits(key, 9) : hash_bytes(i, key, 9);
        uint64_t seeded = i == HASH_XXH3 ? XXH3_64bits_withSeed(key, 9, 42) : wanted;
        assert_int_equal(hash_bytes64(i, key, 9, 0), wanted);
        assert_int_equal(hash_bytes64(i, key, 9, 42), seeded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_hash_is_found_by_its_name_alone),
        cmocka_unit_test(every_hash_is_what_it_is_elsewhere),
        cmocka_unit_test(md5_is_the_first_digest_word_in_little_endian),
        cmocka_unit_test(the_four_words_of_a_digest_are_twemproxys_ketama_hash),
        cmocka_unit_test(what_is_no_utf8_counts_as_the_replacement_character_in_java),
        cmocka_unit_test(spooky_is_bob_jenkins_second_version),
        cmocka_unit_test(murmur3_is_pymemcaches),
        cmocka_unit_test(murmur64a_is_libstdcpps),
        cmocka_unit_test(a_hash_depends_on_the_bytes_alone),
        cmocka_unit_test(xxh3_is_the_librarys_low_32_bits),
        cmocka_unit_test(only_xxh3_has_64_bits_and_a_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
