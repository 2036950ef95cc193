/* reload: what SIGHUP starts: the script is checked in a throw-away child, then every worker loads
 * it.
 *
 * Owned by the master, one for its life; it never blocks the loop and never runs the script in the
 * master. A SIGHUP that comes while one is under way is remembered and done once afterwards.
 */
#ifndef MOONGATE_DAEMON_RELOAD_H
#define MOONGATE_DAEMON_RELOAD_H

#include "daemon/check.h"
#include "daemon/crew.h"
#include <ev.h>
#include <stdbool.h>

enum reload_state {
    RELOAD_IDLE,
    RELOAD_CHECKING, /* the check child runs */
    RELOAD_WAITING,  /* workers owe answers */
};

/* What a slot's worker said to the order. */
enum reload_answer { ANSWER_NONE, ANSWER_OWED, ANSWER_LOADED, ANSWER_KEPT };

struct reload {
    struct crew *crew;
    const struct options *options;
    check_leave *leave; /* and its argument: in the check child, lets go of what is the master's */
    void *arg;
    enum reload_state state;
    bool again; /* another SIGHUP has come meanwhile */
    struct check check;
    struct options trial; /* the options with the script that is checked */
    int script_fd;        /* the text in use if it came by a reload, or -1: the one main read */
    enum reload_answer *answers; /* one a slot */
    ev_io text_watcher;
    ev_child exit_watcher;
    ev_timer limit;
};

/* Returns false when out of memory. */
bool reload_init(struct reload *r, struct crew *crew, const struct options *o, check_leave *leave,
                 void *arg) __attribute__((warn_unused_result));

/* SIGHUP. */
void reload_request(struct reload *r);

/* A worker's answer, loaded or kept. */
void reload_take_answer(struct reload *r, const struct slot *s, bool loaded);

/* A worker is gone: its answer is not waited for. The next in its slot loads the same text. */
void reload_forget(struct reload *r, const struct slot *s);

/* Drops what is under way (drain). Also what a forked child calls: with kill_check false the
 * check goes on. */
void reload_cancel(struct reload *r, bool kill_check);

void reload_release(struct reload *r);

#endif
