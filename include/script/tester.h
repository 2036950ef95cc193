/* tester: the Lua side of `moongate test` and `moongate repl`: a Lua state beside those of scripts, in which users' tests
 * run. It drives workers in memory, called rehearsals.
 *
 * tester_run owns the state, and closes what Lua has opened in it. Rehearsals belong to the tools' floor, and are called
 * through struct tester_tools; Lua knows them by numbers. One at a time, in the process of the tool.
 */
#ifndef MOONGATE_SCRIPT_TESTER_H
#define MOONGATE_SCRIPT_TESTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct rehearsal;

/* What a rehearsal starts with. */
struct tester_script {
    const char *path; /* as log lines show it; `require` looks beside it */
    const char *text;
    size_t len;
    struct bundle *bundle;      /* where the files that it reads are; NULL: on the disk */
    const char *const *servers; /* mg.servers */
    size_t servers_n;
};

/* Bytes, or the end, of a connection of which Lua plays the other side: that of a server, or (server NULL) of a client. */
struct tester_news {
    uint32_t wire;
    const char *server;
    const char *bytes; /* valid until the next call; len 0: it has only ended */
    size_t len;
    bool is_end;
};

/* One thing that the program in Lua reports to the tool. */
struct tester_report {
    const char *kind;
    uint32_t number;
    const char *text;
    size_t len;
};

/* What the tools' floor does for Lua. about: that of struct tester. `error` has SCRIPT_ERROR_MAX bytes. */
struct tester_tools {
    /* A rehearsal with that script; NULL: `error` says why not. */
    struct rehearsal *(*open)(void *about, const struct tester_script *script, char *error);
    void (*close)(struct rehearsal *r);
    /* Loads another script, which takes over. False: the one in use goes on, and `error` says why. */
    bool (*reload)(struct rehearsal *r, const struct tester_script *script, char *error);
    /* Runs its loop until there is news. False: nothing more happens by itself; with is_waiting, only after it has slept once
     * until something happened in real time. */
    bool (*turn)(struct rehearsal *r, bool is_waiting, struct tester_news *news);
    /* Connects another client, as if by that listener, from that address (NULL: a unix socket), and with that identity (NULL: it is
     * nobody in particular); returns the number of the connection. */
    uint32_t (*connect)(struct rehearsal *r, uint32_t listener, const char *address,
                        const char *identity);
    /* The number of the listener with that name, which is made when there is none; -1: there are too many. */
    int32_t (*listener)(struct rehearsal *r, const char *name);
    void (*write)(struct rehearsal *r, uint32_t wire, const char *bytes, size_t len);
    void (*hang_up)(struct rehearsal *r, uint32_t wire);
    /* From now on connections to a server are refused, or not. */
    void (*refuse)(struct rehearsal *r, const char *server, bool is_refused);
    /* From now on a key has that share of the traffic, 0 to 1. False: too many keys have one. */
    bool (*heat)(struct rehearsal *r, const char *key, size_t len, double share);
    /* The names of the script's servers, from 0 on; NULL after the last. */
    const char *(*server)(struct rehearsal *r, uint32_t at);
    /* Seconds until its next timer is due; below 0: there is none. */
    double (*next_alarm)(struct rehearsal *r);
    /* Prints where a request of the client on that wire (0: of none) would go, a line for each field. */
    void (*explain)(struct rehearsal *r, uint32_t wire, const char *line, size_t len,
                    const char *value, size_t value_len, FILE *to);
    /* Prints its pools and its route. */
    void (*describe)(struct rehearsal *r, FILE *to);
    /* Prints the value of an expression in the script, or the error. */
    void (*evaluate)(struct rehearsal *r, const char *text, size_t len, FILE *to);
    /* Moves the clocks of all rehearsals on, by seconds; the wall clock, in seconds. */
    void (*advance)(double seconds);
    double (*wall)(void);
    /* Prints what was logged since the last call. */
    void (*logged)(void *about, FILE *to);
    void (*report)(void *about, const struct tester_report *report);
    /* The next line of input, which the caller frees; NULL: there is no more. */
    char *(*line)(void *about, size_t *len);
};

struct tester {
    const struct tester_tools *tools;
    void *about;
    const char *lua_dir;
};

/* Runs moongate's Lua module `module` as a program, with arguments that end with NULL. False: it raised an error, which is
 * in `error` (SCRIPT_ERROR_MAX bytes). */
bool tester_run(const struct tester *t, const char *module, const char *const *arguments,
                char *error);

#endif
