/* moongate: the daemon under test, as its operator sees it: options, signals, log.
 *
 * Belongs to the stage. When the test ends and it still runs, it gets a SIGTERM and must end with
 * exit 0 and without a sanitizer's report; otherwise the test fails. The binary is $MOONGATE.
 */
#ifndef TESTS_LIB_MOONGATE_H
#define TESTS_LIB_MOONGATE_H

#include "lib/program.h"
#include <stddef.h>
#include <sys/types.h>

/* The first line of nearly every script. */
#define MG "local mg = require 'moongate'\n"

struct moongate;

/* Starts it over a script of that text (NULL: none), with these options (NULL-ended), and waits
 * until it is ready and its connections to the backends that the script names are made. Adds `-p
 * 0`, and `-j 1` unless the options speak of workers. */
struct moongate *moongate_start(const char *script, ...) __attribute__((sentinel));

/* The same without any option: it must then have so many workers. */
struct moongate *moongate_start_by_default(const char *script, unsigned workers);

/* The same by that path, a link to the binary, with these arguments alone. Waits until it is ready. */
struct moongate *moongate_start_as(const char *path, ...) __attribute__((sentinel));

/* The path of a link of that name to moongate's binary. */
const char *moongate_called(const char *name);

/* Runs it to its end with these arguments alone. */
struct run moongate_runs(const char *first, ...) __attribute__((sentinel));

/* A file with that text, to be named on a command line; lives as long as the test. */
const char *moongate_script_file(const char *text);

const char *moongate_address(const struct moongate *m); /* of its first listener */
const char *moongate_listener(const struct moongate *m,
                              const char *start); /* the one that starts so */
const char *moongate_script_path(const struct moongate *m);

/* Waits until a line of the log has that text, or the nth one (from 1). */
void moongate_sees_log(struct moongate *m, const char *text);
void moongate_sees_log_times(struct moongate *m, const char *text, size_t times);

/* The first line that has that text, or the nth one; waits for it. How many do now. */
const char *moongate_log_line(struct moongate *m, const char *text);
const char *moongate_log_nth_line(struct moongate *m, const char *text, size_t nth);
size_t moongate_log_count(struct moongate *m, const char *text);

/* From now on nobody reads the log, whose pipe holds little; reads it again. */
void moongate_log_is_left(struct moongate *m);
void moongate_log_is_read(struct moongate *m);

/* Puts another text in the script's place; the second one also sends SIGHUP and waits until it is
 * in use. */
void moongate_gets_script(struct moongate *m, const char *text);
void moongate_reloads(struct moongate *m, const char *text);

struct program *moongate_program(struct moongate *m);

void moongate_signal(struct moongate *m, int number);

/* The nth upgrade (from 1) is done: waits for the end of the process that it was, which must be well, and m is the new one from now on.
 * For programs that are the reaper of their children (PR_SET_CHILD_SUBREAPER). */
void moongate_becomes_new(struct moongate *m, size_t nth);

/* Waits for its end, which must be this exit code. */
void moongate_exits(struct moongate *m, int code);

/* Waits for its end, with whatever exit code. */
void moongate_ends(struct moongate *m);

/* Still runs, as far as can be seen now. */
bool moongate_runs_on(struct moongate *m);

pid_t moongate_pid(const struct moongate *m);

/* Processes that serve: the children of the master, or itself. Waits until there are n. */
void moongate_workers(struct moongate *m, pid_t *workers, size_t n);
pid_t moongate_worker(struct moongate *m); /* where there is one */

#endif
