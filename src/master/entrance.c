/* Which clients come in: the master accepts them while it is open, and hands each to a worker (offers.c). */
#include "master/master_state.h"

#include "base/process.h"
#include "net/relisten.h"
#include "worker/source.h"
#include <assert.h>
#include <stdio.h>

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
static void refuse(struct master *m, int fd, const struct listener *l)
{
    listener_refuse(fd, l->rules);
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

static void take(void *arg, int fd, const struct listener *l)
{
    struct master *m = arg;
    assert(fd >= 0 && m->state == MASTER_RUNNING);
    if (crew_clients(m->crew) < m->wishes.max_conns)
        crew_hand(m->crew, (struct newcomer){
                               .fd = fd, .listener = l->number, .rules = rules_take(l->rules)});
    else
        refuse(m, fd, l);
    if (crew_has_waiting(m->crew)) master_watch(m);
}

/* A doors_denied_fn. */
static void on_denied(void *arg)
{
    struct master *m = arg;
    m->board->master->denied_connections++;
}

static void on_rested(void *arg)
{
    master_watch(arg);
}

/* --- a reload ----------------------------------------------------------------------------------- */

/* What the script in that source wants; without mg.listen, the default of --bind. */
static bool wanted_by(const struct master *m, int source, struct source_listeners *script,
                      struct listeners_wanted *to)
{
    const struct options *o = m->options;
    bool good = source_listeners(source, script);
    *to = (struct listeners_wanted){.bind = o->bind.items,
                                    .bind_n = o->bind_default,
                                    .script = script->items.items,
                                    .addresses = script->addresses.items,
                                    .script_n = script->items.n,
                                    .port = o->port,
                                    .rules = o->rules,
                                    .user = o->user};
    return good;
}

bool entrance_listens(void *arg, enum reload_listen_step step, int source, bool is_forced,
                      char *why)
{
    struct master *m = arg;
    struct source_listeners script;
    struct listeners_wanted wanted;
    if (step == RELOAD_LISTEN) return listeners_open(m->listeners, is_forced, why);
    bool good = wanted_by(m, source, &script, &wanted);
    if (!good)
        snprintf(why, LISTENERS_WHY, "its list of listeners is damaged: it must not write to it");
    good = good && listeners_prepare(m->listeners, &wanted, is_forced, why);
    source_listeners_release(&script);
    if (good) master_open_spools(m, source);
    return good;
}

/* Workers get the order to switch before the first client of a new listener, and by the same channel. */
void entrance_take_reload(struct master *m, enum reload_news news)
{
    struct listeners_wanted wanted = {.bind = m->options->bind.items,
                                      .bind_n = m->options->bind_default};
    switch (news) {
    case RELOAD_SWITCHES:
        listeners_switch(m->listeners, &wanted);
        doors_follow(&m->doors);
        break;
    case RELOAD_DONE:
    case RELOAD_BACK: doors_let_go(&m->doors, m->listeners); break;
    case RELOAD_REFUSED: listeners_drop(m->listeners); break;
    case RELOAD_BEGINS:
    case RELOAD_NEXT: break;
    }
}

bool entrance_init(struct master *m)
{
    struct doors_keeper keeper = {take, on_refused, on_rested, m, on_denied};
    return doors_init(&m->doors, m->loop, m->listeners, keeper);
}
