/* tester: the Lua side of `moongate test` and `moongate repl`: a Lua state apart from those of scripts, which drives workers in
 * memory (rehearsals) and in which users' tests run.
 *
 * tester_run owns the state and what Lua opened in it. What it drives belongs to the daemon's floor and is called through struct
 * tester_tools; Lua knows it by numbers. One process, one at a time.
 */
#ifndef MOONGATE_SCRIPT_TESTER_H
#define MOONGATE_SCRIPT_TESTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct rehearsal;

/* What a worker is told at its start. */
struct tester_script {
    const char *path; /* as shown; `require` looks beside it */
    const char *text;
    size_t len;
    const char *const *servers; /* mg.servers */
    size_t servers_n;
};

/* Something came to our end of a connection: from a worker's calls to `server`, or (NULL) to its client. */
struct tester_news {
    uint32_t wire;
    const char *server;
    const char *bytes; /* valid until the next call; len 0: only that it has ended */
    size_t len;
    bool is_end;
};

/* A number that a report is about, and its text. */
struct tester_report {
    const char *kind;
    uint32_t number;
    const char *text;
    size_t len;
};

/* The daemon's part. `error` has SCRIPT_ERROR_MAX bytes. */
struct tester_tools {
    /* A worker with that script, or NULL and why. */
    struct rehearsal *(*open)(void *about, const struct tester_script *script, char *error);
    void (*close)(struct rehearsal *r);
    /* Another script takes over; false, and why: the one in use goes on. */
    bool (*reload)(struct rehearsal *r, const struct tester_script *script, char *error);
    /* Runs the worker's loop until there is news; false: it is quiet. is_waiting: sleeps once before it says so, until
     * something happens in real time. */
    bool (*turn)(struct rehearsal *r, bool is_waiting, struct tester_news *news);
    /* Another client: the number of our end of its connection. */
    uint32_t (*connect)(struct rehearsal *r);
    void (*write)(struct rehearsal *r, uint32_t wire, const char *bytes, size_t len);
    void (*hang_up)(struct rehearsal *r, uint32_t wire);
    /* From now on a server can be connected to, or not. */
    void (*refuse)(struct rehearsal *r, const char *server, bool is_refused);
    /* The name of a server of the script's, 0.. ; NULL behind the last. */
    const char *(*server)(struct rehearsal *r, uint32_t at);
    /* Seconds until the next alarm that is known of; below 0: there is none. */
    double (*next_alarm)(struct rehearsal *r);
    /* Where a request would go: a line a step. */
    void (*explain)(struct rehearsal *r, const char *line, size_t len, const char *value,
                    size_t value_len, FILE *to);
    /* Its pools and its route. */
    void (*describe)(struct rehearsal *r, FILE *to);
    /* The value of an expression in the script, or what was wrong, as text. */
    void (*evaluate)(struct rehearsal *r, const char *text, size_t len, FILE *to);
    void (*advance)(double seconds);
    double (*wall)(void);
    /* What was logged since the last time. */
    void (*logged)(void *about, FILE *to);
    void (*report)(void *about, const struct tester_report *report);
    /* The next line of input, allocated; NULL: there is no more. */
    char *(*line)(void *about, size_t *len);
};

struct tester {
    const struct tester_tools *tools;
    void *about;
    const char *lua_dir;
};

/* Runs moongate's module `module` as a program with those arguments (NULL ends them). False, and why, when it raised. */
bool tester_run(const struct tester *t, const char *module, const char *const *arguments,
                char *error);

#endif
