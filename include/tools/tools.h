/* tools: what moongate does besides serving, each a word behind its name: `moongate explain ...`.
 *
 * TOOLS is the only list. A tool reads its own options (see ask) and returns an exit code; it owns nothing that outlives it. A script
 * that has a tool's name can still be given as ./explain.
 */
#ifndef MOONGATE_TOOLS_TOOLS_H
#define MOONGATE_TOOLS_TOOLS_H

#include <stdio.h>

/* name, arguments, meaning; each has its function NAME_tool */
#define TOOLS(X)                                                                                   \
    X(explain, "SCRIPT.lua ['get KEY' ...]",                                                       \
      "where each request would go, and why; or how a list of keys spreads")                       \
    X(diff, "OLD.lua NEW.lua --keys FILE", "which keys another script would look for elsewhere")   \
    X(test, "FILE-or-FOLDER ...",                                                                  \
      "runs tests of scripts: with servers in memory and a clock of their own")                    \
    X(repl, "SCRIPT.lua [--fake]",                                                                 \
      "a prompt: type requests, see where they go and what comes back")                            \
    X(help, "[COMMAND]", "this, or the options of a command")

/* argv[0] is the tool's name. */
typedef int tool_run_fn(int argc, char **argv);

struct tool {
    const char *name;
    const char *arguments;
    const char *meaning;
    tool_run_fn *run;
};

#define X(name, arguments, meaning) tool_run_fn name##_tool;
TOOLS(X)
#undef X

/* The tool of that name, or NULL. */
const struct tool *tool_find(const char *name);

/* A line or two each, for the daemon's own help. */
void tools_print(FILE *out);

/* Flushes the standard output: text that nobody gets is a failure of the command. Returns code, or EXIT_SYSTEM. */
int tools_finish(int code);

#endif
