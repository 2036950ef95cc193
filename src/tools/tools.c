#include "tools/tools.h"

#include "worker/options.h"
#include <errno.h>
#include <string.h>

static const struct tool tools[] = {
#define X(name, arguments, meaning) {#name, arguments, meaning, name##_tool},
    TOOLS(X)
#undef X
};

enum { TOOLS_N = sizeof tools / sizeof *tools };

const struct tool *tool_find(const char *name)
{
    for (size_t i = 0; i < TOOLS_N; i++)
        if (strcmp(tools[i].name, name) == 0) return &tools[i];
    return NULL;
}

void tools_print(FILE *out)
{
    for (size_t i = 0; i < TOOLS_N; i++)
        fprintf(out, "  moongate %s %s\n      %s\n", tools[i].name, tools[i].arguments,
                tools[i].meaning);
}

int tools_finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    fprintf(stderr, "moongate: standard output: %s: free some room\n", strerror(errno));
    return EXIT_SYSTEM;
}

int help_tool(int argc, char **argv)
{
    const struct tool *tool = argc > 1 ? tool_find(argv[1]) : NULL;
    char option[] = "--help";
    char *own[] = {argv[1], option, NULL};
    if (tool && tool->run != help_tool) return tool->run(2, own);
    if (argc > 1 && !tool && argv[1][0] != '-') {
        fprintf(stderr, "moongate: no command '%s': moongate help lists them\n", argv[1]);
        return EXIT_USAGE;
    }
    options_help(stdout);
    return EXIT_OK;
}
