/* ctl: the options of `moongate ctl`, for its files.
 *
 * A plain value whose texts are those of argv; owns nothing.
 */
#ifndef MOONGATE_TOOLS_CTL_H
#define MOONGATE_TOOLS_CTL_H

#include "tools/record_files.h"
#include "worker/option_table.h"

/* field, type, letter, name, argument, default, meaning */
#define CTL_OPTIONS(X)                                                                             \
    X(socket, STRING, 's', "socket", "PATH", "",                                                   \
      "the admin socket; else admin.sock in RUNTIME_DIRECTORY or in /run/moongate")                \
    X(json, FLAG, 0, "json", NULL, "", "for programs: one JSON object a line")                     \
    X(timeout, SECONDS, 0, "timeout", "SECONDS", "by the command: 10 or 120",                      \
      "how long the answer may take (0..86400; 0: the default)")                                   \
    X(key, STRING, 0, "key", "PREFIX", "", "watch, record: keys that begin so")                    \
    X(pool, STRING, 0, "pool", "NAME", "", "watch: requests that this pool has answered")          \
    X(server, STRING, 0, "server", "NAME", "", "watch: requests that this server has answered")    \
    X(command, STRING, 0, "command", "NAME", "", "watch: requests of that command")                \
    X(slower_than, STRING, 0, "slower-than", "TIME", "",                                           \
      "watch: requests that take at least so long: 10ms")                                          \
    X(sample, STRING, 0, "sample", "SHARE", "",                                                    \
      "watch: a share of the requests: 1%; record: of the keys")                                   \
    X(errors, FLAG, 0, "errors", NULL, "", "watch: errors alone")                                  \
    X(duration, SECONDS, 0, "for", "TIME", "60s",                                                  \
      "record: how long (0..24h; 0: until it is interrupted)")                                     \
    X(keys_only, FLAG, 0, "keys-only", NULL, "", "record: neither values nor their lengths")       \
    X(sizes, FLAG, 0, "sizes", NULL, "", "record: lengths of values; as without this option")      \
    X(values, FLAG, 0, "values", NULL, "", "record: values, too")                                  \
    X(hash_keys, STRING, 0, "hash-keys", "SECRET-FILE", "",                                        \
      "record: a hash of each key in its place, by the secret in that file")                       \
    X(keep_prefix, STRING, 0, "keep-prefix", "CHARACTER", "",                                      \
      "record: with --hash-keys, a key stays as it is up to the first such character")             \
    X(rotate, SIZE, 0, "rotate", "SIZE", "0", "record: begin another file at that size")           \
    X(keep, COUNT, 0, "keep", "N", "0", "record: with --rotate, keep the last N files alone")      \
    X(max_size, SIZE, 0, "max-size", "SIZE", "1g",                                                 \
      "record: end when the files that are kept have so many bytes (0: no limit)")                 \
    X(force, FLAG, 0, "force", NULL, "", "record: replace recordings of that name")                \
    X(help, FLAG, 'h', "help", NULL, "", "print this help and exit")

enum ctl_row {
#define X(field, ...) CTL_ROW_##field,
    CTL_OPTIONS(X)
#undef X
        CTL_ROWS
};

enum { CTL_WORDS = 16 };

/* NULL: not given. */
struct ctl_options {
    const char *socket;
    bool json;
    double timeout; /* 0: not given */
    const char *key, *pool, *server, *command, *slower_than, *sample;
    bool errors;
    double duration;
    bool keys_only, sizes, values;
    const char *hash_keys, *keep_prefix;
    uint64_t rotate, max_size;
    uint32_t keep;
    bool force;
    bool help;
    const char *words[CTL_WORDS];
    size_t words_n;
    struct option_given given;
};

/* One line on stderr. Returns the exit code. */
int ctl_complain(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A word as the socket reads it: in quotes where it must. */
void ctl_put_word(FILE *to, const char *word);

/* `ctl record`: the words behind `record` are o->words from 1 on. Returns the exit code. */
int ctl_record(const struct ctl_options *o);

#endif
