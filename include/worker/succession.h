/* succession: the script that a worker uses, and the one that is loaded beside it to take its place.
 *
 * Owned by its worker. A reload has two steps, so that all workers switch or none: the new script is loaded and waits until its
 * pools know their servers; then it is switched to, in which nothing can fail. The script in use belongs to the turn's
 * generations, the pending one is destroyed here.
 */
#ifndef MOONGATE_WORKER_SUCCESSION_H
#define MOONGATE_WORKER_SUCCESSION_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/job.h"
#include "script/script.h"

struct options;
struct worker;

/* The pending script's servers are known, or were waited for long enough. */
typedef void succession_found_fn(struct worker *w);

/* The script was loaded, and is pending; or it was not: error says why. */
typedef void succession_loaded_fn(struct worker *w, uint32_t generation, const char *error);

/* A script that is to be loaded. */
struct succession_order {
    succession_loaded_fn *loaded; /* NULL: there is no order, or nobody wants it any more */
    int fd;                       /* owned: its text; -1: the built-in script */
    uint32_t generation;
};

/* Invariant: `job` is open while a script is being loaded (loads.generation says which) or destroyed (loads.generation is 0), and `idle`
 * is active as long as there is such work. */
struct succession {
    struct script *script;      /* in use; NULL before the first */
    double since;               /* turn.now when it came into use */
    struct script *pending;     /* loaded, and used once the master says that all workers have it */
    succession_found_fn *found; /* what comes when the pending script's discoveries have answered */
    ev_timer found_limit;
    bool reload_again; /* a SIGHUP came before the first script was in use */
    struct job job;
    struct succession_order loads, next; /* the one that is being loaded; the one that comes then */
    struct script *made;                 /* what the job has loaded */
    char error[SCRIPT_ERROR_MAX];
    struct script **dead; /* owned: dead_n scripts that have ended and are to be destroyed */
    uint32_t dead_n;
    ev_idle idle; /* keeps the loop from sleeping */
};

void succession_init(struct worker *w);

/* What the script sets by mg.options, where the command line says nothing. */
void succession_options(struct options *o, const struct script *s);

/* How messages name the script. */
const char *succession_name(const struct worker *w);

/* A script is being loaded, waits to be used, or is being destroyed. */
bool succession_is_busy(const struct worker *w);

/* The first script: that text becomes the pending one, at once. False, and why in `error` (SCRIPT_ERROR_MAX), when it does not load. */
bool succession_load(struct worker *w, int fd, uint32_t generation, char *error);

/* A reload's first step: the text, which is owned from now on, is loaded between the turns of the loop, some milliseconds in each. Then it is
 * the pending script, in the place of any other, and `loaded` is called. One that is being loaded already is given up, and its `loaded` is not called. */
void succession_begin(struct worker *w, int fd, uint32_t generation, succession_loaded_fn *loaded);

/* At the end of each turn: what is being loaded, or destroyed, goes on for a slice. */
void succession_go_on(struct worker *w);

/* A script_host's bury: it is destroyed in slices, too. */
void succession_bury(void *about, struct script *s);

/* Calls `found` once the pending script's pools know their servers, so that a reload makes no gap: at once where there is
 * nothing new to be discovered, and after --discover-wait at the latest. */
void succession_wait(struct worker *w, succession_found_fn *found);

/* At the end of each turn: what is waited for may be there. */
void succession_look(struct worker *w);

/* The second step: the pending script is the one in use. The first script of all is used as quietly as it was loaded, one that
 * is switched to is logged. */
void succession_use(struct worker *w);
void succession_switch(struct worker *w);

/* Uses s, which was never pending, from here on. */
void succession_adopt(struct worker *w, struct script *s);

/* Shows on the board how many servers of each pool there are, take keys, and answer. */
void succession_note_pools(struct worker *w);

/* The pending script, and one that is being loaded, are not wanted any more. */
void succession_drop(struct worker *w);

/* Drops and destroys all but the script in use, at once. */
void succession_release(struct worker *w);

#endif
