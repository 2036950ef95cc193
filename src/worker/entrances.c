#include "worker/entrances.h"

#include <stdlib.h>
#include <string.h>

#include "net/bind.h"
#include "script/script.h"
#include "worker/channel.h"
#include "worker/worker_state.h"

static void *room(size_t bytes)
{
    void *at = calloc(LISTENERS_ROOM, bytes);
    if (!at) abort();
    return at;
}

/* The name and the address in an item, as copies. */
static void name_one(struct entrances *e, uint32_t number, const char *item)
{
    struct bind_spec spec;
    if (bind_parse(&spec, item)) return; /* the command line was checked when it was read */
    e->names[number] = strndup(spec.name, spec.name_len);
    e->addresses[number] = strndup(spec.address, spec.address_len);
    if (!e->names[number] || !e->addresses[number]) abort();
}

static struct board_tables *tables_of(const struct worker *w)
{
    return &w->seat->board->parts[w->seat->part].tables;
}

void entrances_learn(struct worker *w, uint32_t number, const char *text)
{
    struct entrances *e = &w->entrances;
    if (!*text || !labels_put(&e->labels, number, text) || e->names[number]) return;
    name_one(e, number, text);
    e->counts[number] = board_listener(tables_of(w), e->names[number]);
}

/* The master is of this version: it sends all texts. */
struct newcomer entrances_newcomer(struct worker *w, const struct channel_message *m, int fd)
{
    const char *rules = channel_text(m, CLIENT_RULES), *who = channel_text(m, CLIENT_WHO);
    struct newcomer n = {.fd = fd, .listener = m->number, .handover = w->arrivals.offered};
    if (rules) n.rules = rules_of(&w->entrances.rules, rules);
    if (who && *who && !(n.who = strdup(who))) abort();
    return n;
}

void entrances_init(struct worker *w)
{
    const struct options *o = w->seat->options;
    struct entrances *e = &w->entrances;
    *e = (struct entrances){room(sizeof *e->names),
                            room(sizeof *e->addresses),
                            room(sizeof(struct board_listener *)),
                            {{NULL}},
                            {NULL, 0}};
    for (uint32_t i = 0; i < o->bind.n && i < LISTENERS_BOUND; i++) {
        name_one(e, i, o->bind.items[i]);
        e->counts[i] = board_listener(tables_of(w), e->names[i]);
        e->counts[i]->workers = 1;
    }
    for (uint32_t i = LISTENERS_BOUND; i < LISTENERS_ROOM; i++)
        entrances_learn(w, i, labels_text(w->seat->labels, i));
    w->clients.listener_names = e->names;
    w->clients.listener_names_n = LISTENERS_ROOM;
    w->clients.listeners = e->counts;
    w->clients.listeners_n = LISTENERS_ROOM;
}

/* workers of a listener that this worker takes clients from is 1, of all others 0. */
void entrances_follow(struct worker *w, const struct script *s)
{
    struct entrances *e = &w->entrances;
    const char *name;
    const struct options *o = w->seat->options;
    struct board_tables *t = tables_of(w);
    uint32_t first = script_listener(s, 0, NULL) ? o->bind_default : 0;
    for (uint32_t i = 0; i < board_table_used(t, BOARD_TABLE_LISTENERS); i++)
        t->listeners[i].workers = 0;
    for (uint32_t i = first; i < o->bind.n && i < LISTENERS_BOUND; i++)
        if (e->counts[i]) e->counts[i]->workers = 1;
    for (uint32_t i = 0; script_listener(s, i, &name); i++) board_listener(t, name)->workers = 1;
}

void entrances_release(struct worker *w)
{
    struct entrances *e = &w->entrances;
    for (uint32_t i = 0; i < LISTENERS_ROOM; i++) {
        free((char *)e->names[i]);
        free((char *)e->addresses[i]);
    }
    free(e->names);
    free(e->addresses);
    free(e->counts);
    labels_release(&e->labels);
    rules_set_release(&e->rules);
}
