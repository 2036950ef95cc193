/* Which clients come in: the master accepts them while it is open, and hands each to a worker (offers.c). */
#include "master/master_state.h"

#include "base/process.h"
#include <assert.h>

/* Clients are let in exactly while all of this holds. Others wait in the kernel's backlog. */
static bool is_open(const struct master *m)
{
    return m->state == MASTER_RUNNING && m->opening.is_open && m->takeover.is_in_charge &&
           !crew_has_waiting(m->crew) && crew_count(m->crew, SLOT_READY) > 0;
}

void master_watch(struct master *m)
{
    doors_watch(&m->doors, is_open(m));
}

/* I15: a client for whom there is no room gets an error with the reason, and is closed. */
static void refuse(struct master *m, int fd)
{
    listener_refuse(fd);
    m->board->master->rejected_connections++;
    if (log_allows(&m->refusal_lines, process_clock()))
        log_warn("client: refused: %u are connected (--max-conns)", m->wishes.max_conns);
}

static void on_refused(void *arg)
{
    struct master *m = arg;
    m->board->master->rejected_connections++;
    if (log_allows(&m->refusal_lines, process_clock()))
        log_warn("client: refused: no descriptor is free; raise the limit (ulimit -n)");
}

static void take(void *arg, int fd, uint32_t listener)
{
    struct master *m = arg;
    assert(fd >= 0 && m->state == MASTER_RUNNING);
    if (crew_clients(m->crew) < m->wishes.max_conns)
        crew_hand(m->crew, fd, listener);
    else
        refuse(m, fd);
    if (crew_has_waiting(m->crew)) master_watch(m);
}

static void on_rested(void *arg)
{
    master_watch(arg);
}

bool entrance_init(struct master *m)
{
    struct doors_keeper keeper = {take, on_refused, on_rested, m};
    return doors_init(&m->doors, m->loop, m->listeners, keeper);
}
