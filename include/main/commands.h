/* commands: what moongate does besides serving, each a word behind its name: `moongate explain ...`.
 *
 * COMMANDS is the only list; each row's function NAME_tool is in the tools floor, but for help. Owns nothing. A script whose name
 * is that of a command is given with a path: ./explain.
 */
#ifndef MOONGATE_MAIN_COMMANDS_H
#define MOONGATE_MAIN_COMMANDS_H

#include <stdio.h>

#include "tools/tool.h"

/* name, arguments, meaning; each has its function NAME_tool */
#define COMMANDS(X)                                                                                \
    X(explain, "SCRIPT.lua ['get KEY' ...]",                                                       \
      "where each request would go, and why; or how a list of keys spreads")                       \
    X(diff, "OLD.lua NEW.lua --keys FILE", "which keys another script would look for elsewhere")   \
    X(copy, "OLD.lua NEW.lua",                                                                     \
      "puts items where another script will look for them, before clients use it")                 \
    X(verify, "SCRIPT.lua --keys FILE|--dump",                                                     \
      "which servers really have keys, and what lies where the script never looks")                \
    X(convert, "[--from KIND] FILE",                                                               \
      "prints the script that a configuration of nutcracker, mcrouter or routelib stands for")     \
    X(test, "FILE-or-FOLDER ...",                                                                  \
      "runs tests of scripts, with servers in memory and a clock that only the test moves")        \
    X(repl, "SCRIPT.lua [--fake]",                                                                 \
      "a prompt: type requests, see where they go and what comes back")                            \
    X(replay, "FILE --script NEW.lua [--compare OLD.lua]",                                         \
      "puts recorded requests to a script: where they go, what they find, how long they take")     \
    X(ctl, "COMMAND ...", "asks and commands a moongate that runs, through its admin socket")      \
    X(recording, "FILE ...",                                                                       \
      "what is in a file that ctl record has written: numbers of all requests, or each of them")   \
    X(top, "[--once|--json]",                                                                      \
      "shows a moongate that runs in a terminal: rates, servers, hot keys")                        \
    X(completion, "bash", "prints what a shell needs to complete words behind moongate")           \
    X(help, "[COMMAND]", "this, or the options of a command")

/* In help.c and completion.c. */
tool_run_fn help_tool, completion_tool;

struct command {
    const char *name;
    const char *arguments;
    const char *meaning;
    tool_run_fn *run;
};

/* The command of that name, or NULL. */
const struct command *command_find(const char *name);

/* Two lines for each command, for the daemon's own help. */
void commands_print(FILE *out);

#endif
