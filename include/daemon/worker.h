/* worker: one process (or the only one, with --single-process) that serves clients.
 *
 * Owns a libev loop, a script, clients and backend connections; shares nothing but its board row.
 * worker_run returns the process's exit code after a drain; whoever forked the worker exits with it.
 */
#ifndef MOONGATE_DAEMON_WORKER_H
#define MOONGATE_DAEMON_WORKER_H

#include "base/board.h"
#include "client/turn.h"
#include "daemon/options.h"
#include "script/script.h"
#include <stdbool.h>
#include <stdint.h>

struct listeners;
struct worker;

/* How the worker is fed. With a master: channel is its end of the pair and listeners is NULL. Single process:
 * channel is -1 and the worker accepts from listeners itself and takes the signals. */
struct worker_seat {
    const struct options *options;
    struct board *board; /* everyone's counters; this worker's own are parts[index] */
    uint32_t index;      /* slot number, 0.. */
    int script_fd;       /* text of the script to start with, see source; -1: built-in */
    uint32_t generation; /* what the script loaded at start is numbered: 1, more after reloads */
    int channel;
    struct listeners
        *listeners; /* main's: the worker may listeners_close them early, not destroy them */
};

/* In a forked worker SIGINT, SIGHUP and SIGQUIT (a terminal sends them to the whole group) are already ignored:
 * the master's orders come by channel. SIGTERM stands at its default; SIGPIPE is ignored. */

int worker_run(const struct worker_seat *seat) __attribute__((warn_unused_result));

/* What the script sets by mg.options, where the command line says nothing. */
void worker_options(struct options *o, const struct script *s);

/* Sets a worker up that connects nowhere and serves nobody, lets `act` load and ask scripts in it, and takes it down. Returns
 * what act returned, or EXIT_SYSTEM. Scripts must be destroyed in act. */
typedef int worker_act_fn(void *arg, const struct script_host *host, struct turn *turn);
int worker_rehearse(const struct options *options, worker_act_fn *act, void *arg)
    __attribute__((warn_unused_result));

/* A worker whose loop the caller runs, in a tool: no listeners, no signals, no master. dial: how it connects to servers, whose
 * names are then not looked up; NULL: as they say. Its clients are those that the caller makes. NULL when the machine has no room. */
struct worker *worker_open(const struct options *options, backend_dial_fn *dial, void *dials_for);
void worker_close(struct worker *w);

/* Loads a script with that text, and uses it from here on. False, and why in `error` (SCRIPT_ERROR_MAX): the one before goes
 * on. servers: what mg.servers is, while it loads. */
bool worker_use(struct worker *w, const char *path, const char *text, size_t len,
                const struct option_list *servers, char *error);

/* Its parts, which stay its own. script NULL: none was used yet. */
struct worker_parts {
    struct ev_loop *loop;
    struct backends *backends;
    struct turn *turn;
    struct script *script;
};
struct worker_parts worker_parts(struct worker *w);

/* script_load of the file `path` (NULL: the built-in script), whose text is behind fd, see source. */
struct script *worker_load(const struct script_host *host, const char *path, int fd,
                           uint32_t generation, char *error);

/* Loads the script in this process, prints what it would do (or the error, with file:line) and returns
 * EXIT_OK or EXIT_SCRIPT. quiet: print errors only. Connects nowhere. */
int worker_check(const struct options *options, bool quiet) __attribute__((warn_unused_result));

/* Prints the built-in script that --servers runs to stdout. Returns EXIT_OK, or EXIT_SYSTEM when it cannot write. */
int worker_print_script(void) __attribute__((warn_unused_result));

#endif
