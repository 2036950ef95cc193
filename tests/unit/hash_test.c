/* hash: names, and known values of each function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include <cmocka.h>
#include <string.h>
#include <xxhash.h>

static void each_hash_is_found_by_its_name_alone(void **state)
{
    for (unsigned i = 0; i < HASH_COUNT; i++) {
        const char *name = hash_name((enum hash)i);
        assert_int_equal(hash_find(name, strlen(name)), i);
        assert_int_equal(hash_find(name, strlen(name) - 1), HASH_COUNT);
    }
    assert_int_equal(hash_find("", 0), HASH_COUNT);
    assert_int_equal(hash_find("MD5", 3), HASH_COUNT);
    assert_int_equal(hash_find("md5x", 3), HASH_MD5);
    assert_int_equal(hash_find("md5x", 4), HASH_COUNT);
}

/* Sources: libmemcached's and twemproxy's tests, and the weighted vectors of libmemcached's ketama. */
static const struct {
    const char *key;
    uint32_t md5;
} vectors[] = {
    {"apple", 3195025439},      {"SVa_]_V41)", 443691461},  {"30C1*Z*S/_", 1473165754},
    {"1I=cTMNTKF", 2882686667}, {"P1[Ma3=K1/", 1989324036}, {"VDEAAAAA", 0xfffcd1b5},
    {"@7RU6C6T+Z", 3862737685},
};

static void md5_is_the_first_digest_word_in_little_endian(void **state)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_int_equal(hash_bytes(HASH_MD5, vectors[i].key, strlen(vectors[i].key)),
                         vectors[i].md5);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_hash_is_found_by_its_name_alone),
        cmocka_unit_test(md5_is_the_first_digest_word_in_little_endian),
        cmocka_unit_test(the_four_words_of_a_digest_are_twemproxys_ketama_hash),
        cmocka_unit_test(xxh3_is_the_librarys_low_32_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
