/* hasher: a key's hash is the same each time and by each process that has the secret; and the key is nowhere to be found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/request.h"
#include "record/hasher.h"
#include "record/recorder.h"
#include "unit/record/random_takes.h"
#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

static const char secret[] = "0123456789abcdef", other_secret[] = "0123456789abcdeg";

static struct take take_of(const char *key, size_t len)
{
    return (struct take){.parts = 1,
                         .command = COMMAND_META_GET,
                         .key = (const uint8_t *)key,
                         .key_len = (uint16_t)len};
}

/* The hash of a key, with a NUL. */
static const char *hash_of(const char *with, const char *key, char prefix)
{
    static char texts[8][TAKE_KEY + 1];
    static unsigned turn;
    char *to = texts[turn++ % 8];
    struct hasher h;
    struct take t = take_of(key, strlen(key));
    hasher_init(&h, with, 16, prefix);
    hasher_apply(&h, &t);
    memcpy(to, t.key, t.key_len);
    to[t.key_len] = '\0';
    hasher_release(&h);
    return to;
}

static void equal_keys_have_equal_hashes_by_one_secret_alone(void **state)
{
    (void)state;
    assert_string_equal(hash_of(secret, "user:42", 0), hash_of(secret, "user:42", 0));
    assert_string_not_equal(hash_of(secret, "user:42", 0), hash_of(other_secret, "user:42", 0));
    assert_string_not_equal(hash_of(secret, "user:42", 0), hash_of(secret, "user:43", 0));
}

/* By openssl dgst -sha256 -mac HMAC -macopt hexkey:..., its first 16 bytes in base64url: recordings can be compared for ever. */
static void the_hash_is_a_shortened_hmac(void **state)
{
    (void)state;
    assert_string_equal(hash_of(secret, "user:42", 0), "JMONfz82Jn1VDOEHZ6mntQ");
}

static void prefixes_stay_where_they_are_asked_for(void **state)
{
    (void)state;
    const char *hash = hash_of(secret, "user:a:42", 0), *kept = hash_of(secret, "user:a:42", ':');
    assert_memory_equal(kept, "user:", 5);
    assert_string_equal(kept + 5, hash);
    assert_int_equal(strlen(hash), HASHER_HASH);
    assert_string_equal(hash_of(secret, "nothing", ':'), hash_of(secret, "nothing", 0));
}

/* A prefix that would make the key too long goes. */
static void hashed_keys_are_valid_keys(void **state)
{
    char key[TAKE_KEY];
    struct hasher h;
    (void)state;
    hasher_init(&h, secret, 16, ':');
    for (size_t len = 1; len <= TAKE_KEY; len++) {
        for (int base64 = 0; base64 < 2; base64++) {
            size_t most = base64 ? KEY_MAX_BASE64 : KEY_MAX;
            if (len > most) continue;
            memset(key, 'x', len);
            key[len - 1] = ':';
            struct take t = take_of(key, len);
            t.base64 = base64;
            hasher_apply(&h, &t);
            assert_true(request_key_is_valid(t.key, t.key_len, true));
            assert_int_equal(t.key_len, HASHER_HASH + (len + HASHER_HASH <= most ? len : 0));
        }
    }
    hasher_release(&h);
}

static void args_are(struct hasher *h, unsigned command, const char *args, const char *expected)
{
    struct take t = take_of("user42", 6);
    t.command = (uint8_t)command;
    t.args = (const uint8_t *)args;
    t.args_len = (uint16_t)strlen(args);
    hasher_apply(h, &t);
    assert_int_equal(t.args_len, strlen(expected));
    assert_memory_equal(t.args, expected, t.args_len);
}

static void tokens_that_may_be_the_key_go(void **state)
{
    static char longest[TAKE_ARGS + 1];
    struct hasher h;
    (void)state;
    hasher_init(&h, secret, 16, 0);
    args_are(&h, COMMAND_META_GET, "v t Ouser42 q", "v t O0 q");
    args_are(&h, COMMAND_META_GET, "v  k O123 T30 N-1", "v k O0 T30 N-1");
    args_are(&h, COMMAND_META_SET, "MS T0 F4294967295 I C12 S5", "MS T0 F4294967295 I C12 S5");
    args_are(&h, COMMAND_META_GET, "v Puser42 L1 Nuser42 Mappend", "v");
    args_are(&h, COMMAND_META_GET, "O", "O");
    args_are(&h, COMMAND_META_GET, "", "");
    args_are(&h, COMMAND_STATS, "cachedump 1 user42", "");
    memset(longest, '1', TAKE_ARGS);
    args_are(&h, COMMAND_META_GET, longest, longest);
    hasher_release(&h);
}

static void of_errors_the_first_word_stays(void **state)
{
    static const char *const texts[][2] = {{"SERVER_ERROR no such user42", "SERVER_ERROR"},
                                           {"ERROR", "ERROR"},
                                           {"user42 is wrong", ""},
                                           {"CLIENT_ERROR", "CLIENT_ERROR"},
                                           {"", ""}};
    struct hasher h;
    (void)state;
    hasher_init(&h, secret, 16, 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct take t = take_of("user42", 6);
        t.error = (const uint8_t *)texts[i][0];
        t.error_len = (uint16_t)strlen(texts[i][0]);
        hasher_apply(&h, &t);
        assert_int_equal(t.error_len, strlen(texts[i][1]));
        assert_memory_equal(t.error, texts[i][1], t.error_len);
    }
    hasher_release(&h);
}

/* In what a reader gets of it: the file itself is compressed. */
static void no_key_is_in_the_file(void **state)
{
    const struct recording_about about = {.mode = RECORDING_SIZES, .number = 1, .hashed = true};
    int fd = memfd_create("recording", MFD_CLOEXEC);
    char key[] = "customer-4711", path[64], error[RECORDING_ERROR], text[64];
    struct recorder *r = recorder_create(fd, &about);
    struct hasher h;
    struct take t;
    (void)state;
    hasher_init(&h, secret, 16, 0);
    for (unsigned command = 0; command < COMMAND_COUNT; command++) {
        snprintf(text, sizeof text, "SERVER_ERROR no %s", key);
        t = take_of(key, strlen(key));
        t.command = (uint8_t)command;
        t.error = t.args = t.value = (const uint8_t *)text;
        t.error_len = t.args_len = (uint16_t)strlen(text);
        t.value_len = (uint32_t)strlen(text);
        hasher_apply(&h, &t);
        assert_true(recorder_take(r, &t));
    }
    assert_true(recorder_finish(r));
    recorder_destroy(r);
    hasher_release(&h);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct recording *file = recording_open(path, error);
    unsigned n = 0;
    for (; recording_next(file, &t) == RECORDING_TAKE; n++) {
        /* key, args, error, listener and value stand in this order in one piece of memory */
        const uint8_t *end = t.value ? t.value + t.value_len : t.listener + t.listener_len;
        assert_null(memmem(t.key, (size_t)(end - t.key), "4711", 4));
    }
    assert_int_equal(n, COMMAND_COUNT);
    recording_close(file);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_keys_have_equal_hashes_by_one_secret_alone),
        cmocka_unit_test(the_hash_is_a_shortened_hmac),
        cmocka_unit_test(prefixes_stay_where_they_are_asked_for),
        cmocka_unit_test(hashed_keys_are_valid_keys),
        cmocka_unit_test(tokens_that_may_be_the_key_go),
        cmocka_unit_test(of_errors_the_first_word_stays),
        cmocka_unit_test(no_key_is_in_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
