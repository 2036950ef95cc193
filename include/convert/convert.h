/* convert: configurations of other proxies, read into the text of a script that does the same.
 *
 * A reader is a function of bytes: it opens nothing itself, logs nothing, and owns nothing. What it writes is a script as a person
 * would write it, which `moongate convert` prints; the daemon loads the same text. So what runs and what is printed cannot differ.
 */
#ifndef MOONGATE_CONVERT_CONVERT_H
#define MOONGATE_CONVERT_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Each kind with the word that --from takes, and what messages call it. A script of moongate itself is no such file. */
#define CONVERT_KINDS(X)                                                                           \
    X(SCRIPT, "script", "moongate's script")                                                       \
    X(TWEMPROXY, "twemproxy", "nutcracker's configuration")                                        \
    X(MCROUTER, "mcrouter", "mcrouter's configuration")                                            \
    X(ROUTELIB, "routelib", "routelib's configuration")

enum convert_kind {
#define X(kind, word, text) CONVERT_##kind,
    CONVERT_KINDS(X)
#undef X
        CONVERT_KINDS_N
};

/* What the other proxy's flags say about its configuration. All zero: nothing. */
struct convert_flags {
    const char *route_prefix;    /* mcrouter's -R: its default route; NULL: none */
    bool invalid_to_default;     /* its --send-invalid-route-to-default */
    uint32_t timeouts_until_tko; /* its --timeouts-until-tko; 0: not given */
    uint32_t probe_initial_ms;   /* its --probe-timeout-initial; 0: not given */
    uint32_t server_timeout_ms;  /* its --server-timeout-ms; 0: not given */
    bool no_tko;                 /* its --disable-tko-tracking */
    const char
        *async_dir; /* its -a: where deletes for servers that are down are kept; NULL: nowhere */
};

/* Gives another file that the configuration names (mcrouter's @import), whole. False: it cannot be read, and *why says why, in
 * constant text or text that lives as long as arg. The bytes live as long as arg. */
typedef bool convert_read_fn(void *arg, const char *path, const char **bytes, size_t *len,
                             const char **why);

struct convert_input {
    const char *path; /* names it in errors and in comments */
    const char *bytes;
    size_t len;
    const struct convert_flags *flags; /* NULL: none were given */
    convert_read_fn *read;             /* NULL: other files are refused */
    void *read_arg;
};

enum { CONVERT_ERROR_MAX = 1024, CONVERT_EXPANDED_MAX = 1024 * 1024 };

/* Something to know that is no error: an option without a meaning here, a choice that was made. `line` counts from 1; 0: it belongs to no
 * line. The text is one sentence without a full stop, valid during the call. */
typedef void convert_note_fn(void *arg, const char *path, uint32_t line, const char *text);

struct convert_output {
    FILE *script; /* the script's text goes here */
    FILE *
        expanded; /* mcrouter's configuration without macros goes here, up to some bytes over CONVERT_EXPANDED_MAX; or NULL */
    convert_note_fn *note; /* NULL: nobody asks */
    void *note_arg;
    char error[CONVERT_ERROR_MAX]; /* "PATH:LINE: what is wrong: what to do", without a newline */
};

/* Reads a configuration. False: it is refused, and out->error says why, with the place; what was written by then is no script. */
typedef bool convert_reader(const struct convert_input *in, struct convert_output *out);

convert_reader twemproxy_read, mcrouter_read;

/* The reader of that kind; NULL: a script is read by none. */
convert_reader *convert_reader_of(enum convert_kind kind);

/* The kind that a file seems to be, by its name's end and its bytes. What ends in .lua, and whatever is not clearly something else, is a
 * script. It is routelib only where pools or routes are defined by calls outside of functions, and nothing is returned or required. */
enum convert_kind convert_guess(const char *path, const char *bytes, size_t len);

/* The word of the kind, and what messages call it. */
const char *convert_kind_word(enum convert_kind kind);
const char *convert_kind_name(enum convert_kind kind);

/* Fills out->error, as printf does; returns false. line 0: the error belongs to the whole file. */
bool convert_fail(struct convert_output *out, const char *path, uint32_t line, const char *form,
                  ...) __attribute__((format(printf, 4, 5)));

/* Calls out->note, as printf does. */
void convert_note(struct convert_output *out, const char *path, uint32_t line, const char *form,
                  ...) __attribute__((format(printf, 4, 5)));

/* Puts a question mark in place of each control character and of each byte that is not UTF-8: what a file holds is quoted in messages and
 * comments, and those are one line. */
void convert_show(char *text);

/* Writes bytes as a Lua string in double quotes: what is no printable ASCII is escaped in decimal. */
void convert_quote(FILE *to, const void *bytes, size_t len);

#endif
