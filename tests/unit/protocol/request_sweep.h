/* request_sweep: what the tests of the request parser share. Owns nothing. */
#ifndef TESTS_UNIT_REQUEST_SWEEP_H
#define TESTS_UNIT_REQUEST_SWEEP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/request.h"
#include "unit/protocol/guard.h"
#include <cmocka.h>
#include <stdio.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define IN(text)     text, sizeof(text) - 1
#define K50          "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define K250         K50 K50 K50 K50 K50
#define K251         K250 "k"
#define FORMAT       "CLIENT_ERROR bad command line format\r\n"

/* As without options, and with --strict-keys. */
static const struct request_rules RULES = {.max_value = 1024 * 1024};
static const struct request_rules STRICT = {.max_value = 1024 * 1024, .strict_keys = true};

/* Every strict prefix of a whole message asks for more, and says for how much once its line is whole. */
static inline void sweep(const struct guard *g, const char *bytes, size_t len)
{
    size_t line = (size_t)((const char *)memchr(bytes, '\n', len) - bytes) + 1;
    for (size_t n = 0; n < len; n++) {
        struct request r;
        struct request_parse p = request_parse(guard_place(g, bytes, n), n, &RULES, &r);
        if (p.status != REQUEST_AGAIN) print_error("%.*s", (int)n, bytes);
        assert_int_equal(p.status, REQUEST_AGAIN);
        assert_int_equal(p.consumed, 0);
        assert_int_equal(p.need, n < line ? 0 : len);
    }
}

#endif
