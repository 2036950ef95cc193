/* random_takes: takes of any content, with the bytes that they point to, and whether two are the same.
 *
 * A struct random_take owns its bytes in itself. The generator is a number that the test seeds and prints.
 */
#ifndef TESTS_UNIT_RECORD_RANDOM_TAKES_H
#define TESTS_UNIT_RECORD_RANDOM_TAKES_H

#include "base/live.h"
#include "protocol/command.h"
#include "record/take.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct random_take {
    struct take take;
    uint8_t bytes[TAKE_KEY + TAKE_ARGS + TAKE_ERROR + TAKE_LISTENER + 4096];
};

static inline uint64_t seed_of_test(void)
{
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("SEED=%llu\n", (unsigned long long)seed);
    return seed * 2 + 1;
}

static inline uint64_t random_number(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed * 0x2545f4914f6cdd1du;
}

/* Zero, small and any numbers, each often. */
static inline uint64_t random_size(uint64_t *seed)
{
    uint64_t n = random_number(seed);
    return n % 4 == 0 ? 0 : random_number(seed) >> n % 64;
}

static inline uint16_t random_text(uint64_t *seed, uint8_t **at, const uint8_t **text, size_t most)
{
    size_t len = random_size(seed) % (most + 1);
    if (random_number(seed) % 3) len %= 20;
    for (size_t i = 0; i < len; i++) (*at)[i] = (uint8_t)random_number(seed);
    *text = *at;
    *at += len;
    return (uint16_t)len;
}

static inline void random_take(struct random_take *to, uint64_t *seed)
{
    struct take *t = &to->take;
    uint8_t *at = to->bytes;
    memset(t, 0, sizeof *t);
    t->at_us = random_size(seed);
    t->worker = (uint32_t)random_size(seed);
    t->client = (uint32_t)random_size(seed);
    t->parts = random_number(seed) % 3 ? 1 : 1 + (uint32_t)(random_size(seed) % TAKE_PARTS);
    t->part = (uint32_t)(random_number(seed) % t->parts);
    t->command = (uint8_t)(random_number(seed) % COMMAND_COUNT);
    t->result = (uint8_t)(random_number(seed) % LIVE_RESULT_COUNT);
    t->noreply = random_number(seed) & 1;
    t->base64 = random_number(seed) & 1;
    t->exptime = (int64_t)random_size(seed);
    t->client_flags = random_size(seed);
    t->number = random_size(seed);
    t->us = random_size(seed);
    t->bytes = random_size(seed);
    t->value_len = (uint32_t)random_size(seed);
    t->key_len = random_text(seed, &at, &t->key, TAKE_KEY);
    t->args_len = random_text(seed, &at, &t->args, TAKE_ARGS);
    t->error_len = random_text(seed, &at, &t->error, TAKE_ERROR);
    t->listener_len = random_text(seed, &at, &t->listener, TAKE_LISTENER);
    if (random_number(seed) & 1) t->value_len = random_text(seed, &at, &t->value, 4096);
    t->cut = !t->value && random_number(seed) & 1;
}

static inline int same_text(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

/* NULL, or the field that differs. */
static inline const char *take_difference(const struct take *a, const struct take *b)
{
#define SAME(field)                                                                                \
    if (a->field != b->field) return #field
#define SAME_TEXT(field)                                                                           \
    if (!same_text(a->field, a->field##_len, b->field, b->field##_len)) return #field
    SAME(at_us);
    SAME(worker);
    SAME(client);
    SAME(part);
    SAME(parts);
    SAME(command);
    SAME(result);
    SAME(noreply);
    SAME(base64);
    SAME(cut);
    SAME(exptime);
    SAME(client_flags);
    SAME(number);
    SAME(us);
    SAME(bytes);
    SAME(value_len);
    SAME_TEXT(key);
    SAME_TEXT(args);
    SAME_TEXT(error);
    SAME_TEXT(listener);
    if (!a->value != !b->value) return "value";
    if (a->value) SAME_TEXT(value);
#undef SAME
#undef SAME_TEXT
    return NULL;
}

#endif
