/* store: random operations beside a model that has every byte (tests/fuzz/played_store.h), with time that passes, values of every length up
 * to half of the store, flushes, and the crawler. SEED, and MODEL_SECONDS for more than one round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fuzz/played_store.h"

enum { PLAYS = 60, PLAY_BYTES = 6000 };

static uint64_t seed;

static uint8_t random_byte(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint8_t)(seed >> 56);
}

static void a_store_does_what_its_model_does(void **state)
{
    const char *given = getenv("SEED"), *length = getenv("MODEL_SECONDS");
    time_t end = time(NULL) + (length ? atoi(length) : 0);
    static uint8_t bytes[PLAY_BYTES];
    seed = given ? strtoull(given, NULL, 10) : 17;
    do {
        printf("SEED=%llu\n", (unsigned long long)seed);
        for (int i = 0; i < PLAYS; i++) {
            for (int k = 0; k < PLAY_BYTES; k++) bytes[k] = random_byte();
            bytes[0] = (uint8_t)i;
            played_all(bytes, PLAY_BYTES);
        }
    } while (time(NULL) < end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_store_does_what_its_model_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
