/* ask: what explain and diff have in common: their options, their scripts, and the keys that they route.
 *
 * Everything here is owned by the tool that runs, in its one process, and nothing outlives it. Complaints are one line on stderr.
 */
#ifndef MOONGATE_TOOLS_ASK_H
#define MOONGATE_TOOLS_ASK_H

#include "route/explain.h"
#include "route/turn.h"
#include "worker/option_table.h"
#include "worker/worker_tools.h"

/* field, type, letter, name, argument, default, meaning */
#define ASK_OPTIONS(X)                                                                             \
    X(command, STRING, 0, "command", "NAME", "get", "the command for each key of --keys")          \
    X(value, STRING, 0, "value", "TEXT", "",                                                       \
      "the value of storage commands; without it, as many x as the request says")                  \
    X(client, STRING, 0, "client", "ADDRESS", "",                                                  \
      "what req.client is, such as 10.0.0.1:4711; else nothing")                                   \
    X(identity, STRING, 0, "identity", "IDENTITY", "",                                             \
      "what req.identity is: user:NAME or cert:NAME; else nothing")                                \
    X(listener, STRING, 0, "listener", "NAME", "", "what req.listener is; else nothing")           \
    X(from, CHOICE, 0, "from", SCRIPT_KIND_WORDS, "auto",                                          \
      "what kind of file the first one is; auto: by its name's end and its bytes")                 \
    FOREIGN_OPTIONS(X)                                                                             \
    X(json, FLAG, 0, "json", NULL, "", "for programs: one JSON object a line")                     \
    X(max_value, SIZE, 0, "max-value", "BYTES", "the script's, or 1m",                             \
      "largest value accepted (1k..128m)")                                                         \
    X(no_jit, FLAG, 0, "no-jit", NULL, "", "interpret the script instead of compiling it")         \
    X(unsafe_lua, FLAG, 0, "unsafe-lua", NULL, "", UNSAFE_LUA_MEANING)                             \
    X(lua_dir, STRING, 0, "lua-dir", "PATH", "",                                                   \
      "read moongate's own Lua modules from here, for development")                                \
    X(help, FLAG, 'h', "help", NULL, "", "print this help and exit")

#define EXPLAIN_OPTIONS(X)                                                                         \
    X(servers, LIST, 's', "servers", "HOST:PORT[,...]", "",                                        \
      "instead of a script: as moongate --servers would route")                                    \
    X(keys, STRING, 'k', "keys", "FILE", "",                                                       \
      "explain the keys in FILE, one a line; - is the standard input")                             \
    X(summary, FLAG, 0, "summary", NULL, "", "how these keys spread over pools and servers")       \
    X(wire, STRING, 0, "wire", "VERSION", "",                                                      \
      "show in which words a server of that version is asked: 1.6.18")                             \
    ASK_OPTIONS(X)

#define DIFF_OPTIONS(X)                                                                            \
    X(keys, STRING, 'k', "keys", "FILE", "", "the keys, one a line; - is the standard input")      \
    X(max_moved, SHARE, 0, "max-moved", "SHARE", "",                                               \
      "exit 1 when more than that share of the keys moves, such as 0.1 or 10%")                    \
    X(to, CHOICE, 0, "to", SCRIPT_KIND_WORDS, "auto", "what kind of file the second one is")       \
    ASK_OPTIONS(X)

struct ask_options {
    struct option_list servers;
    const char *keys;
    const char *command;
    const char *value; /* NULL: not given */
    const char *client, *identity, *listener;
    int from, to; /* places among SCRIPT_KIND_WORDS */
    FOREIGN_FIELDS;
    bool summary;
    const char *wire; /* NULL: not given */
    double max_moved; /* below 0: not given */
    bool json;
    uint64_t max_value; /* 0: not given */
    bool no_jit;
    bool unsafe_lua;
    const char *lua_dir;
    bool help;
    const char **
        words; /* arguments that are not options, in their order; they point into argv, the list is from malloc */
    size_t words_n;
};

/* Reads a tool's command line into o, to be released in both cases. ASK_GO: go on. ASK_END: exit with *code; the help or a
 * complaint has been printed. */
enum ask_step { ASK_GO, ASK_END };
enum ask_step explain_options_read(struct ask_options *o, int argc, char **argv, int *code);
enum ask_step diff_options_read(struct ask_options *o, int argc, char **argv, int *code);
void ask_options_release(struct ask_options *o);

/* Runs `act` in a worker that connects nowhere, set up by the options. Returns act's exit code, or EXIT_SYSTEM. */
int ask_in_worker(const struct ask_options *o, worker_act_fn *act, void *arg);

/* Loads the script at path (NULL: the built-in one of --servers), of the kind that `from` says (a place among SCRIPT_KIND_WORDS), applies its mg.options, and fills *e for explain_key and
 * explain_request. The caller destroys it with script_destroy, within act. NULL after a complaint. */
struct script *ask_load(const struct ask_options *o, const char *path, int from,
                        const struct script_host *host, struct turn *turn, struct explainer *e);

/* Calls take for each line of the file at path (-: the standard input), without its end, but for empty ones. number: the line's,
 * 1... line is valid during the call. Returns EXIT_OK, or EXIT_SYSTEM after a complaint. */
typedef void ask_line_fn(void *to, const char *line, size_t len, size_t number);
int ask_lines(const char *path, ask_line_fn *take, void *to);

/* Calls told with the explanation of --command for that key. What told gets is valid during its call. Returns NULL, or the reason
 * why a client could not send such a request. */
const char *ask_key(const struct ask_options *o, const struct explainer *e, const char *key,
                    size_t len, explain_told_fn *told, void *to);

/* Complains about line `number` of --keys. */
void ask_complain(const struct ask_options *o, size_t number, const char *wrong);

#endif
