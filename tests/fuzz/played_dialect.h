/* played_dialect: kinds of servers, as worker_fuzz.c plays them, and what the worker promises each of them. Constant data. */
#ifndef TESTS_FUZZ_PLAYED_DIALECT_H
#define TESTS_FUZZ_PLAYED_DIALECT_H

#include <stdbool.h>
#include <stddef.h>

static const struct played_dialect {
    const char *version, *noop; /* NULL: it ends the connection */
    bool has_meta;              /* is sent meta commands */
    bool is_seen;               /* else a refusal of a value ends the connection */
} dialects[] = {
    {"VERSION 1.6.18\r\n", "MN\r\n", true, true}, {"VERSION UNKNOWN\r\n", "MN\r\n", true, false},
    {"VERSION 1.6.9\r\n", "MN\r\n", false, true}, {"VERSION 1.6.18\r\n", "ERROR\r\n", false, true},
    {"VERSION 1.6.18\r\n", NULL, false, true},
};

enum { DIALECTS = sizeof dialects / sizeof *dialects };

#endif
