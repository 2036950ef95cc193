/* One X-macro gives the table that finds a command and the lines of the help. A
 * command is a first argument and not an option, so its options need not differ from the daemon's. */
#include "main/commands.h"

#include <string.h>

static const struct command commands[] = {
#define X(name, arguments, meaning) {#name, arguments, meaning, name##_tool},
    COMMANDS(X)
#undef X
};

enum { COMMANDS_N = sizeof commands / sizeof *commands };

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS_N; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

void commands_print(FILE *out)
{
    for (size_t i = 0; i < COMMANDS_N; i++)
        fprintf(out, "  moongate %s %s\n      %s\n", commands[i].name, commands[i].arguments,
                commands[i].meaning);
}
