#include "backend/idle.h"

#include <math.h>

#include "backend/closing.h"

static const char QUESTION[] = "version\r\n";

/* Seconds that a connection apart stays for the next request that needs one. */
static const double APART_STAYS = 1;

double idle_time(const struct conn *c)
{
    double after = c->backend->settings.idle_probe;
    if (c->head) return INFINITY;
    if (c->is_apart) return c->progress + APART_STAYS;
    return after > 0 && c->speaks_version ? c->progress + after : INFINITY;
}

/* No drain waits for the answer. */
static void ask(struct conn *c)
{
    struct request r = {.command_id = COMMAND_VERSION};
    outq_append(&c->out, QUESTION, sizeof QUESTION - 1);
    conn_push(c, call_create(&r, conn_now(c), NULL, NULL));
    conn_mark_unsent(c);
}

bool idle_act(struct conn *c)
{
    if (c->state != CONN_READY || conn_now(c) < idle_time(c)) return false;
    if (c->is_apart)
        conn_release(c, "not needed");
    else
        ask(c);
    return c->is_apart;
}
