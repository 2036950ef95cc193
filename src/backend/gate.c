#include "backend/gate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/health.h"
#include "base/outages.h"

/* Gates are closed and opened when deletes begin to wait for a server, and when the last of them was replayed: so a list of names that
 * is searched from its beginning will do. What a request pays is one look at b->is_gated, in a line of the cache that backend_send
 * reads anyway.
 *
 * A gated server is down as far as others see (health.c): pools that rehash leave it out, policies fail over, and the log says why. Its
 * connections stay: deletes go through, and among them are those that were kept. */
struct gate {
    char name[BACKEND_NAME_MAX];
    uint32_t reasons;
};

static struct gate *find(const struct backends *set, const char *name)
{
    for (uint32_t i = 0; i < set->gates_n; i++)
        if (strcmp(set->gates[i].name, name) == 0) return &set->gates[i];
    return NULL;
}

static void change(struct backend *b, bool is_gated)
{
    b->is_gated = is_gated;
    b->is_unusual = is_gated || b->is_framed;
    if (is_gated && !b->down) {
        b->cause = FALL_SPOOLED;
        if (b->trouble) trouble_note(b->trouble, GATE_REASON, b->set->now);
    }
    backend_note_health(b);
}

/* Servers of one name may have settings of their own in several pools. */
static void change_all(struct backends *set, const char *name, bool is_gated)
{
    for (struct backend *b = set->first; b; b = b->next)
        if (strcmp(b->name, name) == 0 && b->is_gated != is_gated) change(b, is_gated);
}

void gate_begin(struct backend *b)
{
    if (find(b->set, b->name)) change(b, true);
}

void gate_note_ready(struct backend *b)
{
    backend_note_health(b);
    if (b->is_gated && b->set->on_gated) b->set->on_gated(b->set->gated_for, b);
}

void gate_close(struct backends *set, const char *name)
{
    struct gate *gate = find(set, name);
    if (gate) {
        gate->reasons++;
        return;
    }
    set->gates = reallocarray(set->gates, set->gates_n + 1, sizeof *set->gates);
    if (!set->gates) abort();
    gate = &set->gates[set->gates_n++];
    *gate = (struct gate){.reasons = 1};
    snprintf(gate->name, sizeof gate->name, "%s", name);
    change_all(set, name, true);
}

/* The last one takes its place. */
void gate_open(struct backends *set, const char *name)
{
    struct gate *gate = find(set, name);
    assert(gate && gate->reasons > 0);
    if (--gate->reasons > 0) return;
    if (gate != &set->gates[--set->gates_n]) *gate = set->gates[set->gates_n];
    change_all(set, name, false);
}

bool gate_is_closed(const struct backends *set, const char *name)
{
    return find(set, name) != NULL;
}

void gates_release(struct backends *set)
{
    free(set->gates);
    set->gates = NULL;
    set->gates_n = 0;
}
