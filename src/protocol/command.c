/* Every command may be answered with an error, so the table adds these kinds here. */
#include "protocol/command.h"

const struct command_info command_table[COMMAND_COUNT] = {
#define X(name, text, shape, responses, miss)                                                      \
    [COMMAND_##name] = {                                                                           \
        text, sizeof text - 1, sizeof miss - 1, shape, (responses) | RESPONSE_ANY_ERROR, miss},
    COMMANDS(X)
#undef X
};
