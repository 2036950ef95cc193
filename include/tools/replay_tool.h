/* replay_tool: the options of `moongate replay`, and what it prints of the results. For its three files.
 *
 * Everything is owned by the tool that runs, in its one process.
 */
#ifndef MOONGATE_TOOLS_REPLAY_TOOL_H
#define MOONGATE_TOOLS_REPLAY_TOOL_H

#include <stdio.h>

#include "replay/replay.h"
#include "worker/option_table.h"

/* field, type, letter, name, argument, default, meaning */
#define REPLAY_OPTIONS(X)                                                                          \
    X(script, STRING, 0, "script", "NEW.lua", "", "the script that the requests are put to")       \
    X(compare, STRING, 0, "compare", "OLD.lua", "", "put them to this one, too, and compare")      \
    X(against, CHOICE, 0, "against", "fake|servers", "fake",                                       \
      "fake: servers in memory, and nothing leaves the process; servers: the real ones, which "    \
      "get only what reads")                                                                       \
    X(speed, STRING, 0, "speed", "max|1x|10x", "",                                                 \
      "how many times as fast as when it was recorded; max: as fast as it goes. Not given: max, "  \
      "with real servers 1x")                                                                      \
    X(warm, FLAG, 0, "warm", NULL, "",                                                             \
      "the new script's fakes begin with what the recording found, too, as after a copy")          \
    X(same_servers, FLAG, 0, "same-servers", NULL, "",                                             \
      "the new script's fakes begin with what the old script's servers of the same names hold")    \
    X(refill, FLAG, 0, "refill", NULL, "",                                                         \
      "what was found when it was recorded, and is not, is stored again, as applications do")      \
    X(writes, FLAG, 0, "writes", NULL, "",                                                         \
      "real servers get writes, too; the recording must have values")                              \
    X(rate, COUNT, 0, "rate", "NUMBER", "0",                                                       \
      "requests a second to real servers, at most, of each script (0: any number)")                \
    X(fake_memory, SIZE, 0, "fake-memory", "BYTES", "64m",                                         \
      "memory of each server in memory (64k..64g); over it, what was not used goes")               \
    X(value_size, SIZE, 0, "value-size", "BYTES", "100",                                           \
      "of values whose size was not recorded (0..128m)")                                           \
    X(max_moved, SHARE, 0, "max-moved", "SHARE", "",                                               \
      "exit 1 when more than that share of the requests goes elsewhere, such as 10%")              \
    X(min_hit_rate, SHARE, 0, "min-hit-rate", "SHARE", "",                                         \
      "exit 1 when fewer of the keys that the new script reads are found")                         \
    X(max_hit_loss, SHARE, 0, "max-hit-loss", "SHARE", "",                                         \
      "exit 1 when its hit rate is lower by more than that than the old script's, or without "     \
      "--compare the recording's")                                                                 \
    X(max_errors, SHARE, 0, "max-errors", "SHARE", "",                                             \
      "exit 1 when more of the new script's requests fail")                                        \
    X(max_p99, SECONDS, 0, "max-p99", "SECONDS", "0",                                              \
      "exit 1 when one in a hundred of its requests takes longer (0..3600; 0: no limit)")          \
    X(from, CHOICE, 0, "from", SCRIPT_KIND_WORDS, "auto",                                          \
      "what kind of file the old script is; auto: by its name's end and its bytes")                \
    X(to, CHOICE, 0, "to", SCRIPT_KIND_WORDS, "auto", "what kind of file the new one is")          \
    FOREIGN_OPTIONS(X)                                                                             \
    X(servers, LIST, 's', "servers", "HOST:PORT[,...]", "", "what mg.servers is")                  \
    X(json, FLAG, 0, "json", NULL, "", "for programs: one JSON object")                            \
    X(report, STRING, 0, "report", "FILE.html", "",                                                \
      "write a page for people, too, with plots: one file that a browser shows")                   \
    X(script_timeout, SECONDS, 0, "script-timeout", "SECONDS", "1",                                \
      "processor time that a script may take for a request; the replay ends there (0: no limit)")  \
    X(max_value, SIZE, 0, "max-value", "BYTES", "the script's, or 1m",                             \
      "largest value accepted (1k..128m)")                                                         \
    X(verbose, FLAG, 'v', "verbose", NULL, "", "show the log of the workers")                      \
    X(no_jit, FLAG, 0, "no-jit", NULL, "", "interpret the scripts instead of compiling them")      \
    X(unsafe_lua, FLAG, 0, "unsafe-lua", NULL, "", UNSAFE_LUA_MEANING)                             \
    X(lua_dir, STRING, 0, "lua-dir", "PATH", "",                                                   \
      "read moongate's own Lua modules from here, for development")                                \
    X(help, FLAG, 'h', "help", NULL, "", "print this help and exit")

struct replay_options {
    const char *script, *compare; /* NULL: not given */
    int against;                  /* 1: servers */
    const char *speed;
    bool warm, same_servers, refill, writes;
    uint32_t rate;
    uint64_t fake_memory, value_size;
    double max_moved, min_hit_rate, max_hit_loss, max_errors; /* below 0: not given */
    double max_p99;                                           /* seconds; 0: not given */
    int from, to;                                             /* places among SCRIPT_KIND_WORDS */
    FOREIGN_FIELDS;
    struct option_list servers;
    bool json;
    const char *report; /* NULL: not given */
    double script_timeout;
    uint64_t max_value; /* 0: not given */
    bool verbose;
    bool no_jit;
    bool unsafe_lua;
    const char *lua_dir;
    bool help;
    const char *file; /* NULL: not given */
};

/* Shares of the results; 0 where there is nothing to divide by. */
double replay_hit_rate(const struct replay_results *r, enum replay_side_number side);
double replay_recorded_rate(const struct replay_results *r);
double replay_error_rate(const struct replay_results *r, enum replay_side_number side);
double replay_moved(const struct replay_results *r);

/* For people; for programs. */
void replay_print(const struct replay_results *r, FILE *out);
void replay_print_json(const struct replay_results *r, FILE *out);

/* Writes the page. What was at that path stays until the new page is whole. False after a complaint. */
bool replay_save_page(const struct replay_results *r, const char *path);

#endif
