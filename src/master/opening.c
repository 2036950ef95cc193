#include "master/opening.h"

#include "base/log.h"
#include <assert.h>
#include <sys/wait.h>

static const double GRACE = 1; /* for the others to get ready after the first worker of all is */

static bool opening_is_sane(const struct opening *o)
{
    return (!o->is_open || o->ever_ready) && (!o->announced || o->ever_ready) &&
           o->failed_starts <= o->crew->n;
}

/* Workers that load their first script: nothing is known of them yet. */
static uint32_t first_starts(const struct crew *crew)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < crew->n; i++)
        n += crew->slots[i].state == SLOT_STARTING && crew->slots[i].spawns == 1;
    return n;
}

static void open_doors(struct opening *o, bool in_time)
{
    if (o->is_open || (in_time && first_starts(o->crew) > 0)) return;
    o->is_open = true;
    assert(opening_is_sane(o));
    opening_stop(o);
    o->on_open(o->arg);
}

static void on_grace(struct ev_loop *loop, ev_timer *w, int events)
{
    open_doors(w->data, false);
}

void opening_init(struct opening *o, const struct crew *crew, opening_opens *on_open, void *arg)
{
    *o = (struct opening){.crew = crew, .on_open = on_open, .arg = arg};
    ev_timer_init(&o->grace, on_grace, GRACE, 0);
    o->grace.data = o;
}

void opening_take_ready(struct opening *o)
{
    uint32_t n = o->crew->n;
    if (!o->ever_ready) ev_timer_start(o->crew->loop, &o->grace);
    o->ever_ready = true;
    open_doors(o, true);
    if (o->announced || crew_count(o->crew, SLOT_READY) < n) return;
    o->announced = true;
    log_info("ready: %u worker%s", n, n == 1 ? "" : "s");
}

bool opening_take_end(struct opening *o, const struct slot *s, int status, bool running)
{
    if (o->ever_ready) {
        open_doors(o, true);
        return false;
    }
    bool script = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SCRIPT;
    if (!running || !script || s->spawns != 1) return false;
    o->failed_starts++;
    assert(opening_is_sane(o));
    return o->failed_starts == o->crew->n;
}

void opening_stop(struct opening *o)
{
    ev_timer_stop(o->crew->loop, &o->grace);
}
