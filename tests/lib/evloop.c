#include "lib/evloop.h"

#include <stdlib.h>

static struct ev_loop *the_loop;
static double longest;

struct ev_loop *evloop(void)
{
    return the_loop;
}

double evloop_longest(void)
{
    return longest;
}

int evloop_set(void **state)
{
    the_loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    longest = 0;
    return the_loop ? stage_set(state) : -1;
}

int evloop_clear(void **state)
{
    int cleared = stage_clear(state);
    ev_loop_destroy(the_loop);
    the_loop = NULL;
    return cleared;
}

struct both {
    stage_condition *condition;
    void *what;
};

/* The stage asks every two milliseconds. */
static bool turns_and_holds(void *what)
{
    const struct both *b = what;
    double began = stage_now();
    ev_run(the_loop, EVRUN_NOWAIT);
    double took = stage_now() - began;
    if (took > longest) longest = took;
    return b->condition(b->what);
}

bool evloop_waits_for(stage_condition *condition, void *what, double seconds)
{
    struct both b = {condition, what};
    return stage_waits_for(turns_and_holds, &b, seconds);
}

bool evloop_waits(stage_condition *condition, void *what)
{
    return evloop_waits_for(condition, what, stage_deadline());
}

static bool never(void *what)
{
    (void)what;
    return false;
}

void evloop_turns(double seconds)
{
    evloop_waits_for(never, NULL, seconds);
}
