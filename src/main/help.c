/* The texts of options and commands come from their tables, so that help and parser cannot differ; a test compares both with
 * src/main/README.md. */
#include "main/help.h"

#include "main/commands.h"
#include "worker/options.h"

void help_print(FILE *out)
{
    fputs("moongate: a memcache proxy whose routing is a Lua script\n\n"
          "  moongate [options] SCRIPT.lua\n"
          "  moongate [options] --servers HOST:PORT[,...]\n"
          "  moongate [options] --store BYTES\n"
          "  moongate [options] --twemproxy FILE, or --mcrouter FILE, or --routelib FILE\n",
          out);
    commands_print(out);
    fputs("\n", out);
    option_table_print(&options_table, out);
    fputs(
        "\nSizes take k, m or g. Signals: HUP reloads the script; TERM and INT answer what is in "
        "flight and\n"
        "exit, and a second one exits at once; QUIT is TERM without a time limit; USR1 opens the\n"
        "log file again; USR2 upgrades the binary.\n"
        "Exit codes: 0 ok, 1 script, 2 usage, 3 binding, 4 other failures of the system.\n",
        out);
}

/* `help COMMAND` is `COMMAND --help`: only the command knows its options. */
int help_tool(int argc, char **argv)
{
    const struct command *command = argc > 1 ? command_find(argv[1]) : NULL;
    char option[] = "--help";
    char *own[] = {argv[1], option, NULL};
    if (command && command->run != help_tool) return command->run(2, own);
    if (argc > 1 && !command && argv[1][0] != '-') {
        fprintf(stderr, "moongate: no command '%s': moongate help lists them\n", argv[1]);
        return EXIT_USAGE;
    }
    help_print(stdout);
    return EXIT_OK;
}
