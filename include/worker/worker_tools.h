/* worker_tools: workers that serve nobody, in which tools load and try scripts. The tool that opens one owns it and closes it. */
#ifndef MOONGATE_WORKER_WORKER_TOOLS_H
#define MOONGATE_WORKER_WORKER_TOOLS_H

#include "route/turn.h"
#include "script/script.h"
#include "worker/options.h"

struct labels;
struct script_file;
struct tester_script;
struct worker;

/* Sets a worker up that connects nowhere and serves nobody, lets `act` load and ask scripts in it, and takes it down. Returns
 * what act returned, or EXIT_SYSTEM. Scripts must be destroyed in act. */
typedef int worker_act_fn(void *arg, const struct script_host *host, struct turn *turn);
int worker_rehearse(const struct options *options, worker_act_fn *act, void *arg)
    __attribute__((warn_unused_result));

/* A worker whose loop the caller runs, in a tool: no listeners, no signals, no master. dial: how it connects to servers, whose
 * names are then not looked up; NULL: as they say. Its clients are those that the caller makes. NULL when the machine has no room. */
struct worker *worker_open(const struct options *options, backend_dial_fn *dial, void *dials_for);
void worker_close(struct worker *w);

/* Loads a script, and uses it from here on. False, and why in `error` (SCRIPT_ERROR_MAX): the one before goes on. */
bool worker_use(struct worker *w, const struct tester_script *script, char *error);

/* Loads a script, of any kind, beside the one in use: it serves nobody, and is the caller's, who destroys it (script_destroy) before
 * the worker is closed. NULL, and why in `error` (SCRIPT_ERROR_MAX). Then worker_connect connects the servers of all. */
struct script *worker_load(struct worker *w, const struct script_file *file, char *error);
void worker_connect(struct worker *w);

/* How many discoveries have not answered yet. */
uint32_t worker_discovers(const struct worker *w);

/* What scripts that are used from here on call listeners 0..n-1; NULL: there is none. All but the first may have a
 * route of their own. The list stays the caller's, which may fill it
 * later. */
void worker_name_listeners(struct worker *w, const char *const *names, size_t n);

/* Its clients may come by these listeners of scripts, by their numbers; NULL: by none. */
void worker_learn_listeners(struct worker *w, const struct labels *labels);

/* Its parts, which stay its own. script NULL: none was used yet. */
struct worker_parts {
    struct clients *clients;
    struct ev_loop *loop;
    struct backends *backends;
    struct turn *turn;
    struct script *script;
    struct shared *shared;
    struct heat *heat;             /* that scripts see */
    const struct options *options; /* with what the script has set */
};
struct worker_parts worker_parts(struct worker *w);

#endif
