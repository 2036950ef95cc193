#include "master/lookout.h"

#include "base/process.h"

static const double LOOK_EVERY = 0.25;

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct lookout *l = timer->data;
    (void)loop;
    (void)events;
    outages_look(&l->outages, l->viewers.board, process_clock());
    viewers_look(&l->viewers);
}

bool lookout_init(struct lookout *l, struct ev_loop *loop, struct board *board)
{
    *l = (struct lookout){0};
    if (!viewers_init(&l->viewers, loop, board)) return false;
    outages_init(&l->outages, board, process_clock());
    ev_init(&l->timer, on_timer);
    l->timer.repeat = LOOK_EVERY;
    l->timer.data = l;
    ev_timer_again(loop, &l->timer);
    return true;
}

void lookout_stop(struct lookout *l)
{
    ev_timer_stop(l->viewers.loop, &l->timer);
    viewers_stop(&l->viewers);
}

void lookout_release(struct lookout *l)
{
    outages_release(&l->outages);
    viewers_release(&l->viewers);
}
