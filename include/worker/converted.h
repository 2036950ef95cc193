/* converted: the script that a file stands for: the file's own text, or what a reader makes of another proxy's configuration.
 *
 * It is made in the check's child or in a tool, never in the master. The child puts it into the bundle, and workers load it from there. Files
 * that a configuration names come from the bundle, as a script's modules do. The caller of converted_make owns the text, and frees it by converted_release.
 */
#ifndef MOONGATE_WORKER_CONVERTED_H
#define MOONGATE_WORKER_CONVERTED_H

#include <stdbool.h>
#include <stddef.h>

#include "convert/convert.h"
#include "worker/option_table.h"

struct bundle;
struct script;
struct script_host;

/* Who says what kind of file it is. */
enum script_guess {
    GUESS_FOREIGN, /* the file itself; what ends in .lua is a script */
    GUESS_ANY,     /* the file itself, also where it is routelib's */
    GUESS_NOT,     /* `kind` */
};

/* A script before it is read. */
struct script_file {
    const char *path; /* NULL: the built-in script */
    enum script_guess guess;
    enum convert_kind kind;
    struct convert_flags flags;
};

/* The words of --from, and the guess and kind that the place among them stands for. */
#define SCRIPT_KIND_WORDS "auto|script|twemproxy|mcrouter|routelib"
void script_file_set_kind(struct script_file *file, int from);

struct converted {
    const char *text;
    size_t len;
    enum convert_kind kind;
    const char
        *name; /* what Lua's errors and places call the text: the path, or `PATH (converted)` */
    char *owned, *name_owned; /* from malloc, or NULL */
};

/* What kind of file these bytes are. */
enum convert_kind converted_kind(const struct script_file *file, const char *bytes, size_t len);

/* Makes it from the bytes, which stay the caller's and live as long as the result, as b does. b: where other files are, to which they are
 * added where it records; so are notes and the script. Else a script that is in it is taken. NULL: they are on the disk. False, and why in `error` (SCRIPT_ERROR_MAX); nothing is to be released then. */
bool converted_make(struct converted *to, const struct script_file *file, const char *bytes,
                    size_t len, struct bundle *b, char *error);
void converted_release(struct converted *c);

/* converted_make, then script_load. An error that the made script raises says where it comes from. */
struct script *converted_load(const struct script_host *host, const struct script_file *file,
                              const char *bytes, size_t len, uint32_t generation, char *error);

/* The options that other proxies have as flags, for commands that read their configurations: rows of an X-macro, their ranges, and the
 * fields in the form that readers get. */
#define FOREIGN_OPTIONS(X)                                                                         \
    X(route_prefix, STRING, 0, "route-prefix", "PREFIX", "",                                       \
      "mcrouter's: the prefix of keys that have none, such as /a/b/")                              \
    X(send_invalid_route_to_default, FLAG, 0, "send-invalid-route-to-default", NULL, "",           \
      "mcrouter's: keys with a prefix that no route has go to the default one")                    \
    X(timeouts_until_tko, COUNT, 0, "timeouts-until-tko", "NUMBER", "",                            \
      "mcrouter's: so many timeouts in a row make a server be taken for down (0: 3)")              \
    X(probe_timeout_initial, COUNT, 0, "probe-timeout-initial", "MILLISECONDS", "",                \
      "mcrouter's: until a server that is down is probed first (0: 10000)")                        \
    X(server_timeout_ms, COUNT, 0, "server-timeout-ms", "MILLISECONDS", "",                        \
      "mcrouter's: how long a server has for its response (0: 1000)")                              \
    X(disable_tko_tracking, FLAG, 0, "disable-tko-tracking", NULL, "",                             \
      "mcrouter's: no server is taken for down")                                                   \
    X(async_dir, STRING, 0, "async-dir", "FOLDER", "",                                             \
      "mcrouter's: deletes for servers that are down are kept in this folder, and replayed")

#define FOREIGN_FIELDS                                                                             \
    const char *route_prefix;                                                                      \
    bool send_invalid_route_to_default;                                                            \
    uint32_t timeouts_until_tko, probe_timeout_initial, server_timeout_ms;                         \
    bool disable_tko_tracking;                                                                     \
    const char *async_dir

#define FOREIGN_RANGES(structure)                                                                  \
    {offsetof(structure, timeouts_until_tko), 0, 1000000, "0..1000000"},                           \
        {offsetof(structure, probe_timeout_initial), 0, 86400000, "0..86400000"},                  \
    {                                                                                              \
        offsetof(structure, server_timeout_ms), 0, 86400000, "0..86400000"                         \
    }

#define FOREIGN_FLAGS(o)                                                                           \
    (struct convert_flags)                                                                         \
    {                                                                                              \
        .route_prefix = (o)->route_prefix,                                                         \
        .invalid_to_default = (o)->send_invalid_route_to_default,                                  \
        .timeouts_until_tko = (o)->timeouts_until_tko,                                             \
        .probe_initial_ms = (o)->probe_timeout_initial,                                            \
        .server_timeout_ms = (o)->server_timeout_ms, .no_tko = (o)->disable_tko_tracking,          \
        .async_dir = (o)->async_dir                                                                \
    }

#endif
