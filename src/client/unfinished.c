/* A limit for each client would have to be the size of the largest value, and then many clients that each begin one and stop
 * would fill the memory. So the limit is for all together, and what decides is bytes times the time without progress: a client
 * that is uploading a large value keeps going, one that holds much and does nothing goes first. */
#include "client/unfinished.h"

#include <assert.h>
#include <stdlib.h>

#include "client/state.h"
#include "net/addr.h"

struct burden {
    struct client *client;
    double weight; /* bytes times seconds */
};

static int by_weight(const void *a, const void *b)
{
    double one = ((const struct burden *)a)->weight, other = ((const struct burden *)b)->weight;
    return one < other ? 1 : one > other ? -1 : 0;
}

static void shed(struct client *c)
{
    char address[ADDR_TEXT_MAX];
    const struct turn *t = c->turn;
    t->row->unfinished_shed++;
    if (log_allows(&c->set->log, t->now))
        log_warn("client %s: closed: all clients' unfinished requests hold too much (%zu bytes; "
                 "--input-buffer); its own %u bytes, idle for %.1f s",
                 client_address(c, address), c->set->unfinished, c->unfinished,
                 t->now - c->busy_at);
    client_close(c, "unfinished requests hold too much");
}

void unfinished_look(struct clients *set)
{
    size_t limit = set->limits.input_buffer, n = 0;
    if (set->unfinished <= limit) return;
    struct burden *all = calloc(set->n, sizeof *all); /* a rare path: sorted each time */
    if (!all) abort();
    for (struct client *c = set->all; c; c = c->next) {
        double idle =
            set->turn->now - c->busy_at + 0.001; /* among the busy ones bytes alone count */
        if (c->unfinished > 0) all[n++] = (struct burden){c, (double)c->unfinished * idle};
    }
    qsort(all, n, sizeof *all, by_weight);
    assert(n > 0 && n <= set->n);
    for (size_t i = 0; i < n && set->unfinished > limit - limit / 8; i++) shed(all[i].client);
    free(all);
}
