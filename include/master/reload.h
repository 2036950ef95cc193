/* reload: what SIGHUP and --watch start: the script is checked in a throw-away child, every worker loads it beside
 * the one in use, and once all have, all switch to it. The master owns it, one for its life.
 *
 * Invariant: a reload is all workers or none. Until every worker has said that it holds the new
 * script none uses it, and one that cannot load it, or dies of it, or does not answer, ends the
 * reload for all. From then on none goes on with the old one: to switch cannot fail, a worker that
 * does not is killed, and one that starts begins with the new script.
 *
 * Owned by the master, one for its life; it never blocks the loop and never runs the script in the
 * master. A request that comes while one is under way is remembered and done once afterwards.
 */
#ifndef MOONGATE_MASTER_RELOAD_H
#define MOONGATE_MASTER_RELOAD_H

#include "master/check.h"
#include "master/crew.h"
#include "master/watchdog.h"
#include <ev.h>
#include <stdbool.h>

enum reload_state {
    RELOAD_IDLE,
    RELOAD_CHECKING,  /* the check child runs */
    RELOAD_LOADING,   /* workers load the script, or start and will be asked to */
    RELOAD_SWITCHING, /* all had it, and are told to use it */
};

enum reload_news {
    RELOAD_BEGINS,
    RELOAD_SWITCHES, /* every worker is told to use the new script */
    RELOAD_DONE,     /* every worker uses the new script */
    RELOAD_BACK,     /* every worker uses an earlier script again */
    RELOAD_REFUSED, /* every worker uses the old one; what was bound for the new one is not wanted */
    RELOAD_NEXT,    /* none is under way, and one that was remembered is about to begin */
};

/* Tells the owner. A reload that is cancelled ends without news. */
typedef void reload_tell(void *arg, enum reload_news news);

/* The listeners that a script wants. RELOAD_BIND: it has been checked; RELOAD_LISTEN: all workers hold it. is_forced: an earlier script comes
 * back, whatever cannot be had. False: `why` (LISTENERS_WHY bytes) says what is wrong, and nothing has changed. */
enum reload_listen_step { RELOAD_BIND, RELOAD_LISTEN };
typedef bool reload_listen(void *arg, enum reload_listen_step step, int source, bool is_forced,
                           char *why);

struct reload {
    struct crew *crew;
    const struct watchdog *watchdog;
    const struct options *options;
    check_leave *leave; /* in the check child, lets go of what is the master's */
    reload_tell *tell;
    reload_listen *listen; /* the owner sets it after reload_init; NULL: nobody listens */
    void *arg;             /* of all of them */
    enum reload_state state;
    bool again;        /* another request has come meanwhile, or this one could not begin */
    double retry;      /* seconds before the next try of one that could not begin; 0: it could */
    char why[256];     /* what asked for it last */
    char refused[256]; /* why the last one was refused, cut */
    struct check check;
    struct options trial; /* the options with the script that is checked and loaded */
    bool goes_back;       /* that is an earlier script, which has been checked */
    uint32_t trial_was;   /* its generation then */
    uint32_t generation;  /* what that is numbered; a number that workers have heard is used up */
    int script_fd;        /* the text in use if it came by a reload, or -1: the one main read */
    bool *owes;           /* one a slot, by its part: its worker owes an answer to LOAD or SWITCH */
    bool *is_replaced;    /* likewise: the next process in the slot owes it */
    ev_io text_watcher;
    ev_child exit_watcher;
    ev_timer limit;
};

/* Returns false when out of memory. */
bool reload_init(struct reload *r, struct crew *crew, const struct watchdog *watchdog,
                 const struct options *o, check_leave *leave, reload_tell *tell, void *arg)
    __attribute__((warn_unused_result));

/* Reloads, or remembers to. why: what asks for it, `SIGHUP`, for the log. */
void reload_request(struct reload *r, const char *why);

/* None is under way, and none is to come: what is loaded is what the last request has found. */
bool reload_is_idle(const struct reload *r);

/* The source of the script in use; it stays the reload's. -1: the built-in one. What is on trial is trial.script_fd, until after the
 * news of its end. */
int reload_source(const struct reload *r);

/* Loads the source of an earlier generation again, in all workers or none. Takes over fd. Only while no reload is under way. */
void reload_go_back(struct reload *r, int fd, uint32_t was);

/* A worker is ready: if the others are loading, it does so too. */
void reload_take_newcomer(struct reload *r, struct slot *s);

/* A worker has done as it was told: has loaded that generation, or has switched to it. */
void reload_take_answer(struct reload *r, const struct slot *s, uint32_t generation);

/* A worker could not load that generation. */
void reload_take_refusal(struct reload *r, const struct slot *s, uint32_t generation,
                         const char *why);

/* A worker drains, and another is in its place: it is not waited for any more. */
void reload_excuse(struct reload *r, const struct slot *s);

/* A worker is stuck in the script in use, and is killed: that is no fault of the new script. The next in its slot is asked
 * instead, and all have the time of this step once more. */
void reload_replace(struct reload *r, const struct slot *s);

/* A worker is gone. The next in its slot loads the text that is in use then. */
void reload_forget(struct reload *r, const struct slot *s);

/* Drops what is under way (drain). Also what a forked child calls: with kill_check false the
 * check goes on. */
void reload_cancel(struct reload *r, bool kill_check);

void reload_release(struct reload *r);

#endif
