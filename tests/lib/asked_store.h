/* asked_store: random requests about a few keys, for what answers them to be compared: every command with a key, every flag, times of every
 * kind. Bytes go into the caller's octets. The same seed makes the same requests; a plain value.
 */
#ifndef TESTS_LIB_ASKED_STORE_H
#define TESTS_LIB_ASKED_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/octets.h"

struct asked_store {
    unsigned seed;
    int64_t now; /* absolute times are near to it */
    unsigned long long
        cas;            /* the last number that was given out: those of requests are near to it */
    unsigned long play; /* in every key */
};

/* One request, with its value. True: it is a flush_all, which may count a cas number or not. */
bool asked_store_make(struct asked_store *a, struct octets *bytes);

#endif
