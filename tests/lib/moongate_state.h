/* moongate_state: the struct behind lib/moongate.h, for the files of lib that make it up: moongate.c and moongate_about.c.
 *
 * Owned as lib/moongate.h says.
 */
#ifndef TESTS_LIB_MOONGATE_STATE_H
#define TESTS_LIB_MOONGATE_STATE_H

#include "lib/moongate.h"

enum { LISTENERS_MAX = 8 };

struct moongate {
    struct program program; /* first: the stage knows it by its actor */
    struct actor log_reader;
    struct octets log; /* all of it, from the beginning */
    const char *script_path;
    const char *listeners[LISTENERS_MAX];
    unsigned workers;
    unsigned generation;
    bool is_single;
    bool is_by_default; /* no -j */
    bool may_fail;
    bool log_is_left; /* unread */
};

#endif
