#include "worker/alone.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "net/relisten.h"
#include "net/tickets.h"
#include "script/spools.h"
#include "worker/source.h"
#include "worker/worker_state.h"

static void refuse(struct worker *w, uint32_t generation, const char *why)
{
    log_error("script %s: not loaded: %s; generation %u goes on", succession_name(w), why,
              generation - 1);
    listeners_drop(w->seat->listeners);
}

/* Without mg.listen it is the default of --bind. The addresses are looked up here: there was no check that has done it. */
static struct listeners_wanted wanted_by(const struct worker *w, const struct script *s)
{
    const struct options *o = w->seat->options;
    struct listeners_wanted wanted = {.bind = o->bind.items,
                                      .bind_n = o->bind_default,
                                      .port = o->port,
                                      .rules = o->rules,
                                      .user = o->user};
    const char **items = calloc(LABELS_MOST, sizeof *items), *item;
    if (!items) abort();
    while (wanted.script_n < LABELS_MOST &&
           (item = script_listener(s, (uint32_t)wanted.script_n, NULL)))
        items[wanted.script_n++] = item;
    wanted.script = items;
    return wanted;
}

static void switch_alone(struct worker *w)
{
    char why[LISTENERS_WHY];
    struct listeners *l = w->seat->listeners;
    struct listeners_wanted wanted = {.bind = w->seat->options->bind.items,
                                      .bind_n = w->seat->options->bind_default};
    if (!listeners_open(l, false, why)) {
        refuse(w, script_generation(w->succession.pending), why);
        succession_drop(w);
        return;
    }
    succession_switch(w);
    listeners_switch(l, &wanted);
    doors_follow(&w->doors);
    doors_let_go(&w->doors, l);
    log_info("reloaded: generation %u", script_generation(w->succession.script));
}

void alone_spools(struct worker *w, const struct script *s)
{
    struct spool_place places[SPOOL_PLACES_MOST];
    struct board_row *row = w->seat->board->master;
    const struct spool_place *p;
    uint32_t n = 0;
    while (n < SPOOL_PLACES_MOST && (p = script_spool(s, n))) places[n++] = *p;
    if (!w->spool_child.loop) {
        spool_child_init(&w->spool_child, w->loop);
        w->spool_child.counts = spool_child_counts(row);
    }
    spool_child_open(&w->spool_child, places, n);
}

/* A succession_loaded_fn. */
static void loaded_alone(struct worker *w, uint32_t generation, const char *error)
{
    char why[LISTENERS_WHY];
    if (error) {
        refuse(w, generation, error);
        return;
    }
    struct listeners_wanted wanted = wanted_by(w, w->succession.pending);
    bool good = listeners_prepare(w->seat->listeners, &wanted, false, why);
    free((void *)wanted.script);
    if (good) {
        alone_spools(w, w->succession.pending);
        succession_wait(w, switch_alone);
    } else {
        refuse(w, generation, why);
        succession_drop(w);
    }
}

void alone_reload(struct worker *w)
{
    const char *path = w->seat->options->script;
    int fd = options_open_source(w->seat->options, true);
    uint32_t generation = script_generation(w->succession.script);
    listeners_drop(w->seat->listeners); /* of one that still waits for its discoveries */
    if (fd >= 0 || !path)
        succession_begin(w, fd, generation + 1, loaded_alone);
    else
        log_error("script %s: not loaded: %s: put a readable file there and reload again; "
                  "generation %u goes on",
                  succession_name(w), source_explain(errno), generation);
}

/* As in master/rotation.c. */
static void rotate_tickets(struct worker *w)
{
    struct tickets *t = w->seat->tickets;
    if (t && tickets_due(t, w->turn.now) == 0) (void)!tickets_rotate(t, w->turn.now);
}

void alone_look(struct worker *w)
{
    outages_look(&w->outages, w->seat->board, w->turn.now);
    rotate_tickets(w);
    storing_look(w);
}
