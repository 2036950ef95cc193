/* Answers are compared by their means in a window, because what matters is a queue that grows, and not one slow answer. What is noticed is only
 * what is slow by itself, too: a server that takes 0.2 ms in place of 0.05 is not in trouble. The best is forgotten slowly, so
 * that a server that has got slower for other reasons is not taken for one under load for ever. */
#include "move/load.h"

#include <assert.h>
#include <stdlib.h>

/* Seconds; shares. */
static const double WINDOW = 0.2, SLOW = 0.001, DOWN = 0.7, UP = 0.05, LEAST = 0.01,
                    FORGETS = 1.005;

enum { ENOUGH = 5 }; /* answers in a window that are worth a judgement */

void load_init(struct load *l, double most, double now)
{
    *l = (struct load){.most = most, .factor = 1, .until = now + WINDOW};
}

void load_release(struct load *l)
{
    free(l->servers);
    *l = (struct load){.servers = NULL};
}

void load_note(struct load *l, uint32_t server, double seconds)
{
    if (server >= l->servers_n) {
        l->servers = reallocarray(l->servers, server + 1, sizeof *l->servers);
        if (!l->servers) abort();
        for (uint32_t i = l->servers_n; i <= server; i++)
            l->servers[i] = (struct load_server){.n = 0};
        l->servers_n = server + 1;
    }
    l->servers[server].sum += seconds > 0 ? seconds : 0;
    l->servers[server].n++;
}

/* Ends the window of one server. True: it is slow. */
static bool judge(const struct load *l, struct load_server *s)
{
    if (s->n < ENOUGH) return false;
    double mean = s->sum / s->n;
    if (s->best == 0 || mean < s->best) s->best = mean;
    bool is_slow = mean > l->most * s->best && mean > SLOW;
    s->best *= FORGETS;
    s->sum = 0;
    s->n = 0;
    return is_slow;
}

double load_look(struct load *l, double now)
{
    bool is_slow = false;
    assert(l->factor >= LEAST && l->factor <= 1);
    if (l->most == 0 || now < l->until) return l->factor;
    for (uint32_t i = 0; i < l->servers_n; i++) is_slow |= judge(l, &l->servers[i]);
    l->factor = is_slow ? l->factor * DOWN : l->factor + UP;
    if (l->factor < LEAST) l->factor = LEAST;
    if (l->factor > 1) l->factor = 1;
    l->until = now + WINDOW;
    return l->factor;
}
