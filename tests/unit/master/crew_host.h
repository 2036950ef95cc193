/* crew_host: a crew without processes: the test holds the workers' ends of the channels.
 *
 * Owned by the test, which calls host_begins and host_ends.
 */
#ifndef TESTS_UNIT_MASTER_CREW_HOST_H
#define TESTS_UNIT_MASTER_CREW_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "master/crew.h"
#include "worker/options.h"
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

enum { HOST_WORKERS = 3 };

struct host {
    struct ev_loop *loop;
    struct options options;
    struct board *board;
    struct crew *crew;
    int ends[HOST_WORKERS]; /* the workers' */
};

/* Worker i serves. */
static inline void host_gets_worker(struct host *h, int i)
{
    int ends[2];
    struct slot *s = &h->crew->slots[i];
    assert_int_equal(channel_create(ends), 0);
    s->channel = ends[0];
    s->pid = 1000 + i;
    s->state = SLOT_READY;
    s->steered = s->has_steered = h->crew->steered;
    h->ends[i] = ends[1];
}

static inline void host_begins(struct host *h)
{
    *h = (struct host){.options.script_fd = -1};
    h->loop = ev_loop_new(EVFLAG_AUTO);
    h->board = board_create(HOST_WORKERS, 64 * 1024);
    assert_non_null(h->board);
    h->crew = crew_create(h->loop, &h->options, h->board);
    assert_non_null(h->crew);
    for (int i = 0; i < HOST_WORKERS; i++) host_gets_worker(h, i);
}

static inline void host_ends(struct host *h)
{
    for (int i = 0; i < HOST_WORKERS; i++) close(h->ends[i]);
    crew_destroy(h->crew);
    board_destroy(h->board);
    ev_loop_destroy(h->loop);
}

/* The loop runs for so long. */
static inline void host_turns(struct host *h, double seconds)
{
    double until = ev_time() + seconds;
    do {
        ev_run(h->loop, EVRUN_NOWAIT);
        ev_sleep(0.002);
    } while (ev_time() < until);
}

/* The next message to worker i. False: there is none. */
static inline bool host_receives(struct host *h, int i, struct channel_message *m)
{
    int fd;
    return channel_receive(h->ends[i], m, &fd) == CHANNEL_OK;
}

/* Fills worker i's channel; how many messages that took. */
static inline unsigned host_fills(struct host *h, int i)
{
    unsigned n = 0;
    while (channel_send(h->crew->slots[i].channel, CHANNEL_DROP, 0, -1) == CHANNEL_OK) n++;
    return n;
}

#endif
