/* down: a server that is killed or stopped, and after some time is as before.
 *
 * Owned by the soak; the server belongs to the stage.
 */
#ifndef TESTS_SOAK_DOWN_H
#define TESTS_SOAK_DOWN_H

#include "lib/memcached.h"
#include "lib/stage.h"

struct down_server {
    struct memcached *server;
    bool is_stopped;
    double until; /* 0: it is up */
};

static void server_goes_down(struct down_server *v, bool is_stopped, double seconds)
{
    v->is_stopped = is_stopped;
    v->until = stage_now() + seconds;
    if (is_stopped)
        memcached_begins_to_freeze(v->server);
    else
        memcached_kill(v->server);
}

static void server_comes_back(struct down_server *v)
{
    v->until = 0;
    if (v->is_stopped)
        memcached_thaws(v->server);
    else
        memcached_begins_again(v->server);
}

#endif
