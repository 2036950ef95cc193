/* admin_commands: the commands of the admin socket, for the master that serves them, for `moongate ctl` and for shell completion.
 *
 * ADMIN_COMMANDS is the only list. Owns nothing.
 */
#ifndef MOONGATE_MASTER_ADMIN_COMMANDS_H
#define MOONGATE_MASTER_ADMIN_COMMANDS_H

#include <stddef.h>

/* The error of a session whose process has been upgraded: what it has sent is not carried out, but for what was under way. */
#define ADMIN_TAKEN_OVER "another process has taken over: connect again"

/* READ: any socket. CHANGE: not one that is read-only. SHOW_OR_SET: reads without an argument, changes with one. */
enum admin_right { ADMIN_READ, ADMIN_CHANGE, ADMIN_SHOW_OR_SET };

/* function, name, arguments, least and most of them, right, meaning */
#define ADMIN_COMMANDS(X)                                                                          \
    X(status, "status", "", 0, 0, READ, "what the service is and does")                            \
    X(pools, "pools", "", 0, 0, READ, "each pool with its settings, and its servers")              \
    X(servers, "servers", "", 0, 0, READ, "each server of each pool: state, weight, keys, load")   \
    X(explain, "explain", "COMMAND KEY", 2, 2, READ,                                               \
      "where that request goes in the running script, as `stats explain` says")                    \
    X(clients, "clients", "", 0, 0, READ,                                                          \
      "each client: address, listener, worker, age, requests, bytes, replies that are due")        \
    X(hot, "hot", "[keys|clients|bytes]", 0, 1, READ,                                              \
      "the hottest keys, or the clients with the most requests, or with the most bytes, lately")   \
    X(compare, "compare", "[NAME]", 0, 1, READ,                                                    \
      "what mg.compare has counted, and the reads whose answers differed last")                    \
    X(watch, "watch",                                                                              \
      "[key PREFIX] [pool NAME] [server NAME] [command NAME] [slower-than TIME] [sample SHARE] "   \
      "[errors]",                                                                                  \
      0, 13, READ, "requests as they are answered, until another line comes")                      \
    X(record, "record", "[keys-only|sizes|values] [sample SHARE] [key PREFIX] [for TIME]", 0, 7,   \
      READ,                                                                                        \
      "requests with their outcomes, for `moongate ctl record`, until another line comes; values " \
      "need the right to change")                                                                  \
    X(slow, "slow", "", 0, 0, READ, "the last requests that took longer than --slow-log")          \
    X(reload, "reload", "", 0, 0, CHANGE, "load the script again, and tell the outcome")           \
    X(rollback, "rollback", "", 0, 0, CHANGE, "go back to the last good script")                   \
    X(drain, "drain", "SERVER", 1, 1, CHANGE,                                                      \
      "send no new requests to that server: its keys go to the other servers of its pools")        \
    X(undrain, "undrain", "SERVER", 1, 1, CHANGE, "take that back")                                \
    X(weight, "weight", "SERVER [POOL] NUMBER|reset", 2, 3, CHANGE,                                \
      "another weight for that server, in one pool or in all; reset: the script's")                \
    X(spool, "spool", "[drop SERVER|all]", 0, 2, SHOW_OR_SET,                                      \
      "deletes on the disk that wait for their servers; drop: forget those of a server, or all")   \
    X(log_level, "log-level", "[error|warn|info|debug|trace|reset]", 0, 1, SHOW_OR_SET,            \
      "from which level on lines are logged; reset: as the options say")                           \
    X(kill, "kill", "CLIENT", 1, 1, CHANGE, "close a client, by its id or its address")            \
    X(upgrade, "upgrade", "", 0, 0, CHANGE, "start the binary again, which takes over (SIGUSR2)")  \
    X(quit, "quit", "yes", 0, 1, CHANGE, "end the service: drain, as SIGTERM does")                \
    X(help, "help", "", 0, 0, READ, "these commands")                                              \
    X(exit, "exit", "", 0, 0, READ, "close this connection")

struct admin_command {
    const char *name, *arguments, *meaning;
    unsigned least, most; /* arguments */
    enum admin_right right;
};

enum admin_number {
#define X(function, name, arguments, least, most, right, meaning) ADMIN_##function,
    ADMIN_COMMANDS(X)
#undef X
        ADMIN_COMMANDS_N
};

/* In the order of the list. */
extern const struct admin_command admin_commands[ADMIN_COMMANDS_N];

/* The command of that name; NULL: there is none. */
const struct admin_command *admin_command_find(const char *name);

#endif
