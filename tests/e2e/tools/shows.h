/* shows: the places that `moongate explain` shows, in a form that tests compare; and three pools.
 *
 * Pure functions; the texts that they return belong to the stage, and live as long as the test.
 */
#ifndef TESTS_E2E_SHOWS_H
#define TESTS_E2E_SHOWS_H

#include "lib/moongate.h"
#include "lib/said.h"

#include <stdio.h>
#include <string.h>

#define POOLS                                                                                      \
    MG "local a = mg.pool { '127.0.0.1:1', name = 'a' }\n"                                         \
       "local b = mg.pool { '127.0.0.1:2', name = 'b' }\n"                                         \
       "local c = mg.pool { '127.0.0.1:3', name = 'c' }\n"

/* The lines of places; of a request that just goes to one server, the same made of its first fields. */
static inline const char *places_of(const char *out)
{
    const char *text = "", *pool = NULL, *request = NULL;
    unsigned port = 0;
    for (const char *line = out; *line; line += strcspn(line, "\n") + 1) {
        int len = (int)strcspn(line, "\n");
        char name[16] = "";
        unsigned number;
        int at = 0;
        if (sscanf(line, "  place %*u %15s 127.0.0.1:%u%n", name, &number, &at) == 2)
            text = textf("%s%s@%u%.*s\n", text, name, number, len - at, line + at);
        if (strncmp(line, "  pool ", 7) == 0) pool = textf("%.*s", len - 16, line + 16);
        if (strncmp(line, "  server ", 9) == 0) (void)sscanf(line, "  server 127.0.0.1:%u", &port);
        if (strncmp(line, "  request ", 10) == 0) request = textf("%.*s", len - 16, line + 16);
    }
    if (*text) return text;
    return pool ? textf("%s@%u: %s\n", pool, port, request) : "-\n";
}

#endif
