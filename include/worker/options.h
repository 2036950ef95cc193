/* options: what the command line says, for the daemon and for tools that run a worker.
 *
 * A plain value but for its lists, which options_release frees. main owns the first one, filled before anything else; each worker
 * inherits a copy when it is forked, and changes it only to what a script sets by mg.options. Strings point into argv; items of
 * lists are copies. OPTIONS is the only list of options: option_table.h says what comes from it.
 */
#ifndef MOONGATE_WORKER_OPTIONS_H
#define MOONGATE_WORKER_OPTIONS_H

#include "base/process.h"
#include "worker/advertised.h"
#include "worker/option_table.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "net/tls_files.h"
#include "script/services.h"
#include "worker/converted.h"

/* field, type, letter (0 = none), long name, argument (NULL = none), default text, meaning */
#define OPTIONS(X)                                                                                 \
    X(servers, LIST, 's', "servers", "HOST:PORT[,...]", "",                                        \
      "route over these servers without a script")                                                 \
    X(store, SIZE, 0, "store", "BYTES", "",                                                        \
      "without a script, keep items here, as memcached does: in a store of so many bytes "         \
      "(64k..512g)")                                                                               \
    X(twemproxy, STRING, 0, "twemproxy", "FILE", "",                                               \
      "run a configuration of nutcracker instead of a script")                                     \
    X(mcrouter, STRING, 0, "mcrouter", "FILE", "",                                                 \
      "run a configuration of mcrouter instead of a script")                                       \
    X(mcrouter_text, STRING, 0, "mcrouter-text", "TEXT", "",                                       \
      "run this text as a configuration of mcrouter")                                              \
    X(routelib, STRING, 0, "routelib", "FILE", "",                                                 \
      "run a configuration of routelib, memcached's proxy, instead of a script")                   \
    FOREIGN_OPTIONS(X)                                                                             \
    X(port, PORT, 'p', "port", "NUMBER", "11211", "port of each listener that names no port")      \
    X(bind, NAMED, 'b', "bind", "ADDRESS", "127.0.0.1",                                            \
      "listen here: host, host:port, [v6]:port or unix:/path,mode=0660,owner=NAME,group=NAME; "    \
      ",backlog=NUMBER behind it; LABEL= before it is its name in scripts; repeatable")            \
    X(tls_cert, STRING, 0, "tls-cert", "FILE", "",                                                 \
      "certificate for clients, in PEM form, then those that lead to its CA: TCP listeners speak " \
      "TLS then")                                                                                  \
    X(tls_key, STRING, 0, "tls-key", "FILE", "",                                                   \
      "its private key; not given: it is in the file of --tls-cert")                               \
    X(tls_ca, STRING, 0, "tls-ca", "FILE", "", "certificates that sign those of clients")          \
    X(tls_verify, CHOICE, 0, "tls-verify", "none|request|require", "none",                         \
      "whether clients must have a certificate; request: one that is there must be right")         \
    X(tls_min, CHOICE, 0, "tls-min", "1.2|1.3", "1.2",                                             \
      "oldest version of TLS that clients may speak")                                              \
    X(tls_ciphers, STRING, 0, "tls-ciphers", "LIST", "",                                           \
      "cipher suites for clients, as openssl ciphers has them, with those of TLS 1.3 among them")  \
    X(allow_from, NETWORKS, 0, "allow-from", "NETWORK[,...]", "",                                  \
      "take clients from these networks alone, such as 10.0.0.0/8; a listener's own list counts "  \
      "instead")                                                                                   \
    X(protocol, CHOICE, 0, "protocol", "auto|text|binary", "auto",                                 \
      "what clients speak: auto = their first byte shows it; a listener may say otherwise")        \
    X(connections, COUNT, 'n', "connections", "NUMBER", "1",                                       \
      "connections per server and worker (1..1024)")                                               \
    X(workers, COUNT, 'j', "workers", "NUMBER", "processors", "worker processes (1..256)")         \
    X(max_conns, COUNT, 'c', "max-conns", "NUMBER", "10000",                                       \
      "clients connected at once, over all workers")                                               \
    X(max_conns_per_address, COUNT, 0, "max-conns-per-address", "NUMBER", "0",                     \
      "clients of one address connected at once, over all workers (0..1000000; 0: any number)")    \
    X(max_conns_per_identity, COUNT, 0, "max-conns-per-identity", "NUMBER", "0",                   \
      "clients of one identity connected at once, over all workers (0..1000000; 0: any number)")   \
    X(idle_timeout, SECONDS, 0, "idle-timeout", "SECONDS", "0",                                    \
      "close clients that have sent nothing for so long and are owed nothing (0: never)")          \
    X(check, FLAG, 't', "check", NULL, "", "load the script, print what it would do, exit 0 or 1") \
    X(daemonize, FLAG, 'd', "daemonize", NULL, "", "run in the background, log to syslog")         \
    X(pid_file, STRING, 'P', "pid-file", "PATH", "", "write the master's process id here")         \
    X(user, STRING, 'u', "user", "NAME", "",                                                       \
      "switch to this user once the listeners are bound; sockets and the pid file belong to it")   \
    X(admin, SOCKETS, 0, "admin", "ADDRESS", "",                                                   \
      "serve administration here: unix:/path,mode=0600,owner=NAME,group=NAME,read-only; "          \
      "repeatable")                                                                                \
    X(verbose, REPEAT, 'v', "verbose", NULL, "", "log more; repeat for more still")                \
    X(log_format, CHOICE, 0, "log-format", "text|json", "text", "how log lines are written")       \
    X(log_file, STRING, 0, "log-file", "PATH", "",                                                 \
      "append the log to this file; SIGUSR1 opens it again, after a rotation")                     \
    X(slow_log, SECONDS, 0, "slow-log", "SECONDS", "",                                             \
      "log requests that take at least so long (0..3600; 0: none)")                                \
    X(max_value, SIZE, 0, "max-value", "BYTES", "1m", "largest value accepted (1k..128m)")         \
    X(client_buffer, SIZE, 0, "client-buffer", "BYTES", "8m",                                      \
      "replies held for a client that does not read, beyond one value (64k..4g)")                  \
    X(input_buffer, SIZE, 0, "input-buffer", "BYTES", "256m",                                      \
      "unfinished requests held for all clients of a worker; never less than twice --max-value "   \
      "(1m..64g)")                                                                                 \
    X(stream_from, SIZE, 0, "stream-from", "BYTES", "64k",                                         \
      "longer values are streamed: clients get them while they come from a server (0..128m)")      \
    X(stream_window, SIZE, 0, "stream-window", "BYTES", "256k",                                    \
      "how much of a streamed value waits for its client, then the server waits (0..64m; 0: no "   \
      "value is streamed)")                                                                        \
    X(no_splice, FLAG, 0, "no-splice", NULL, "",                                                   \
      "copy streamed values through memory, instead of moving them inside the kernel")             \
    X(strict_keys, FLAG, 0, "strict-keys", NULL, "",                                               \
      "refuse keys with control bytes, which memcached takes")                                     \
    X(allow_flush, CHOICE, 0, "allow-flush", "near|yes|no", "near",                                \
      "who may flush_all: near = clients on loopback or a unix socket")                            \
    X(allow_dump, CHOICE, 0, "allow-dump", "near|yes|no", "near",                                  \
      "who may dump keys: near = clients on loopback or a unix socket")                            \
    X(auth_file, STRING, 0, "auth-file", "FILE", "",                                               \
      "clients must be users of this file, of lines user:password: their first command is a set "  \
      "whose value is \"user password\"")                                                          \
    X(advertise, NODES, 0, "advertise", "HOST[:PORT][,...]", "",                                   \
      "nodes that config get cluster names, instead of the address that its client reached")       \
    X(version_answer, TEXT, 0, "version-answer", "TEXT", "",                                       \
      "what version tells clients, instead of the lowest version among the servers")               \
    X(keepalive, SECONDS, 0, "keepalive", "SECONDS", "60",                                         \
      "silence after which the kernel checks that a client is there (0: the kernel's default)")    \
    X(drain_timeout, SECONDS, 0, "drain-timeout", "SECONDS", "10",                                 \
      "how long SIGTERM waits for what is in flight")                                              \
    X(upgrade_timeout, SECONDS, 0, "upgrade-timeout", "SECONDS", "30",                             \
      "how long SIGUSR2 waits until the new process is ready")                                     \
    X(resolver, LITERALS, 0, "resolver", "ADDRESS[:PORT][,...]", "",                               \
      "name servers, instead of those of /etc/resolv.conf")                                        \
    X(resolve_min, SECONDS, 0, "resolve-min", "SECONDS", "1",                                      \
      "shortest time between two look-ups of a name, whatever its time to live")                   \
    X(resolve_max, SECONDS, 0, "resolve-max", "SECONDS", "300",                                    \
      "longest time between two look-ups of a name, whatever its time to live")                    \
    X(resolve_timeout, SECONDS, 0, "resolve-timeout", "SECONDS", "1",                              \
      "how long a name server has for its first answer; three tries, each twice as long as the "   \
      "one before")                                                                                \
    X(discover_wait, SECONDS, 0, "discover-wait", "SECONDS", "3",                                  \
      "how long a script that is being loaded waits for the first answers of its discoveries")     \
    X(shared_memory, SIZE, 0, "shared-memory", "BYTES", "16m",                                     \
      "memory for what scripts share between workers (64k..16g)")                                  \
    X(store_memory, SIZE, 0, "store-memory", "BYTES", "",                                          \
      "room for all stores of scripts; it is taken as stores fill (1m..4096g; not given: twice "   \
      "the "                                                                                       \
      "memory of the machine)")                                                                    \
    X(metrics, STRING, 0, "metrics", "HOST:PORT", "",                                              \
      "serve metrics and a page for people here by HTTP; a port alone is on 127.0.0.1")            \
    X(metrics_keys, FLAG, 0, "metrics-keys", NULL, "",                                             \
      "show hot keys and log lines there to readers that are not on loopback, too")                \
    X(nutcracker_stats, STRING, 0, "nutcracker-stats", "HOST:PORT", "",                            \
      "serve statistics here as nutcracker does: JSON to each client that connects; a port alone " \
      "is on "                                                                                     \
      "127.0.0.1")                                                                                 \
    X(watch, FLAG, 0, "watch", NULL, "", "reload when a file of the script has changed")           \
    X(single_process, FLAG, 0, "single-process", NULL, "",                                         \
      "no master and no workers: one process, for debuggers")                                      \
    X(script_timeout, SECONDS, 0, "script-timeout", "SECONDS", "1",                                \
      "processor time that a script may take at a time; then it is interrupted (0: no limit)")     \
    X(script_memory, SIZE, 0, "script-memory", "BYTES", "256m",                                    \
      "memory that a script may take in each worker (0..64g; 0: no limit)")                        \
    X(rehearse, COUNT, 0, "rehearse", "NUMBER", "100",                                             \
      "requests of clients that a new script is asked about before a reload uses it (0..1000; "    \
      "0: none)")                                                                                  \
    X(probation, SECONDS, 0, "probation", "SECONDS", "30",                                         \
      "how long a new script is on probation: if it fails in this time, the last good one comes "  \
      "back (0: never)")                                                                           \
    X(probation_errors, SHARE, 0, "probation-errors", "SHARE", "1%",                               \
      "share of requests in which a new script may raise errors")                                  \
    X(state_dir, STRING, 0, "state-dir", "DIR", "", "keep the last good script in this folder")    \
    X(start_with_last_good, FLAG, 0, "start-with-last-good", NULL, "",                             \
      "start with the script in --state-dir when the given one does not load")                     \
    X(no_jit, FLAG, 0, "no-jit", NULL, "", "interpret the script instead of compiling it")         \
    X(unsafe_lua, FLAG, 0, "unsafe-lua", NULL, "", UNSAFE_LUA_MEANING)                             \
    X(lua_dir, STRING, 0, "lua-dir", "PATH", "",                                                   \
      "read moongate's own Lua modules from here, for development")                                \
    X(print_script, FLAG, 0, "print-script", NULL, "",                                             \
      "print the built-in script that --servers or --store runs, and exit")                        \
    X(version, FLAG, 'V', "version", NULL, "", "print the version and exit")                       \
    X(help, FLAG, 'h', "help", NULL, "", "print this help and exit")

/* What mg.options may set. The command line wins. */
#define SETTABLE_OPTIONS(X)                                                                        \
    X(max_conns)                                                                                   \
    X(max_conns_per_address)                                                                       \
    X(max_conns_per_identity)                                                                      \
    X(idle_timeout)                                                                                \
    X(verbose)                                                                                     \
    X(max_value)                                                                                   \
    X(client_buffer)                                                                               \
    X(input_buffer)                                                                                \
    X(allow_flush)                                                                                 \
    X(allow_dump)                                                                                  \
    X(drain_timeout)                                                                               \
    X(script_timeout)                                                                              \
    X(script_memory)                                                                               \
    X(rehearse)                                                                                    \
    X(slow_log)

struct options {
    struct option_list servers;                                  /* split at commas too */
    uint64_t store;                                              /* 0: not given */
    const char *twemproxy, *mcrouter, *mcrouter_text, *routelib; /* NULL: not given */
    FOREIGN_FIELDS;
    uint16_t port;
    struct option_list bind;
    uint32_t bind_default; /* so many of its items stand there because no --bind is given */
    uint32_t bind_given; /* so many are those of --bind; behind them are sockets that were passed */
    const char *tls_cert, *tls_key, *tls_ca, *tls_ciphers; /* NULL: not given */
    int tls_verify;                                        /* enum tls_verify */
    int tls_min;                                           /* enum tls_version */
    bool makes_contexts; /* scripts are loaded to be served: keys and certificates are read */
    struct option_list allow_from;
    int protocol; /* enum rules_protocol, in the order of its words */
    char *rules;  /* what both say to listeners, see net/rules.h; owned; NULL: not made */
    uint32_t connections;
    uint32_t workers;
    uint32_t max_conns;
    uint32_t max_conns_per_address, max_conns_per_identity; /* 0: any number */
    double idle_timeout;                                    /* seconds; 0: none */
    bool check;
    int32_t before; /* the master that is upgraded to this process; 0: none; main fills it */
    bool daemonize;
    const char *pid_file;
    const char *user;
    struct option_list admin;
    int verbose;
    int log_format;       /* enum log_format, in the order of its words */
    const char *log_file; /* NULL: stderr or syslog */
    double slow_log;      /* seconds; 0: none */
    uint64_t max_value;
    uint64_t client_buffer;
    uint64_t input_buffer;
    uint64_t stream_from;
    uint64_t stream_window; /* 0: no value is streamed */
    bool no_splice;
    bool strict_keys;
    int allow_flush;       /* enum clients_allow, in the order of its words */
    int allow_dump;        /* the same */
    const char *auth_file; /* NULL: everybody is a client */
    struct option_list advertise;
    struct advertised advertised; /* what these are, see advertised.h; main fills it */
    const char *version_answer;   /* NULL = the servers' */
    double keepalive;             /* seconds */
    double upgrade_timeout;       /* seconds */
    double drain_timeout; /* seconds; 0 = no limit is SIGQUIT's, not this one's: 0 cuts at once */
    struct option_list resolver;
    double resolve_min, resolve_max, resolve_timeout;
    double discover_wait;
    uint64_t shared_memory;
    uint64_t store_memory; /* 0: not given */
    const char *metrics;   /* NULL: none */
    bool metrics_keys;
    const char *nutcracker_stats; /* NULL: none */
    bool watch;
    bool single_process;
    double script_timeout;  /* seconds of processor time; 0: no limit */
    uint64_t script_memory; /* of each script in each worker; 0: no limit */
    uint32_t rehearse;      /* at most SAMPLES_MOST of base/samples.h */
    double probation;       /* seconds; 0: none */
    double probation_errors;
    const char *state_dir; /* NULL: none */
    bool start_with_last_good;
    bool no_jit;
    bool unsafe_lua;
    const char *lua_dir; /* NULL = the modules linked into the binary */
    bool print_script;
    bool version;
    bool help;
    const char *script; /* the file; NULL when --servers or --store is given */
    const char
        *script_text; /* what it says, where it is no file but a part of a command line; or NULL */
    enum script_guess guess;
    enum convert_kind kind; /* where it is not guessed */
    int script_fd;          /* the script's text, see source.h; -1: not read. Owned by main */
    bool runs_last_good;    /* that text is the one of --state-dir, not the file's */
    double cpu_quota; /* of the cgroup, where it and not the affinity is the default of workers */
    struct option_given given; /* the rows of OPTIONS that the command line named */
};

/* OPTIONS as a table, for main/command_line. */
extern const struct option_table options_table;

/* SETTABLE_OPTIONS in the form that scripts get, and behind the last one a row with a NULL name. */
void options_settable(struct script_option to[SCRIPT_OPTIONS]);

/* TLS for clients as the command line says. */
struct tls_files options_tls(const struct options *o);

/* The script, as source_load takes it. */
struct script_file options_script(const struct options *o);

/* What kind of file it is: a place among SCRIPT_KIND_WORDS. For tools, whose own --from it is. */
void options_set_kind(struct options *o, int from);

/* Its source, see worker/source.h. again: without waiting. -1, with errno; also where there is none: the built-in script needs one only
 * for secrets. */
int options_open_source(const struct options *o, bool again);

/* The command line gives --script-memory. */
bool options_give_memory(const struct options *o);

/* Sets the option at place `at` of SETTABLE_OPTIONS, unless the command line has set it. The value is within the option's bounds.
 */
void options_set(struct options *o, uint32_t at, double value);

/* Sets max_value as --max-value does: scripts cannot change it. For tools, whose own --max-value it is. */
void options_fix_max_value(struct options *o, uint64_t value);

/* True when the command line has --bind. */
bool options_have_bind(const struct options *o);

/* Before options_add_bind: notes which items are the default of --bind, which does not listen beside mg.listen, and which are given. */
void options_note_bind(struct options *o);

/* Appends an item to those of --bind. The text is copied. */
void options_add_bind(struct options *o, const char *item);

/* True: without a script, too, it serves, by --servers or --store. */
static inline bool options_have_built_in(const struct options *o)
{
    return o->servers.n > 0 || o->store > 0;
}

/* Fills o with the defaults, before a command line is read. Lists are empty. False, after a complaint, only when a default breaks
 * its own range. */
bool options_default(struct options *o) __attribute__((warn_unused_result));

/* Says how many workers there are, and why, where a CPU quota has decided it. */
void options_log_workers(const struct options *o);

/* Copies word `number` (0..) of words such as `near|yes|no` to text. Returns text. */
const char *options_choice(const char *words, int number, char *text, size_t size);

/* Makes rules of what the command line says for all listeners. False: after a complaint. */
bool options_make_rules(struct options *o) __attribute__((warn_unused_result));

/* Frees the lists and rules. */
void options_release(struct options *o);

#endif
