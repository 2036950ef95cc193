/* sampling: keeps some of the requests that clients send, as samples on the board (base/samples.h), for the rehearsal of the next
 * script.
 *
 * A part of the set of clients, which owns it; the samples are the board's. Worker only.
 */
#ifndef MOONGATE_CLIENT_SAMPLING_H
#define MOONGATE_CLIENT_SAMPLING_H

#include "base/samples.h"
#include "route/turn.h"

/* Invariant: left < gap, but for a set that keeps none: its left never ends. */
struct sampling {
    struct samples *samples; /* NULL: none are kept */
    uint32_t left;           /* requests that go by until the next one is taken */
    uint32_t gap;            /* every so many is taken: 1 as long as new ones come, then fewer */
};

/* samples NULL: nothing is ever kept. */
void sampling_init(struct sampling *s, struct samples *samples);

/* For sampling_look: takes those of the turn that are due. */
void sampling_take(struct sampling *s, const struct turn *t);

/* To be called before the turn routes its slots, which hold clients' requests alone. */
static inline void sampling_look(struct sampling *s, const struct turn *t)
{
    if (t->used <= s->left)
        s->left -= s->samples ? t->used : 0;
    else
        sampling_take(s, t);
}

/* The request of a sample, as its client sent it, but for noreply and q. It points into the sample, and has no value yet. */
struct request sampling_request(const struct sample *sample);

#endif
