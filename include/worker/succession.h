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

struct options;
struct script;
struct worker;

/* The pending script's servers are known, or were waited for long enough. */
typedef void succession_found_fn(struct worker *w);

struct succession {
    struct script *script;      /* in use; NULL before the first */
    struct script *pending;     /* loaded, and used once the master says that all workers have it */
    succession_found_fn *found; /* what comes when the pending script's discoveries have answered */
    ev_timer found_limit;
    bool reload_again; /* a SIGHUP came before the first script was in use */
};

void succession_init(struct worker *w);

/* What the script sets by mg.options, where the command line says nothing. */
void succession_options(struct options *o, const struct script *s);

/* How messages name the script. */
const char *succession_name(const struct worker *w);

/* A reload's first step: that text becomes the pending script, in the place of any other. False, and why in `error`
 * (SCRIPT_ERROR_MAX), when it does not load. */
bool succession_load(struct worker *w, int fd, uint32_t generation, char *error);

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

void succession_drop(struct worker *w);

/* Without a master: reads the file again itself, and both steps are one. */
void succession_reload_alone(struct worker *w);

#endif
