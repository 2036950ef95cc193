#include "client/unfinished.h"

#include <stdlib.h>

#include "client/stranger.h"
#include "net/addr.h"

enum { PROGRESS = 4096 };

void unfinished_note(struct client *c, size_t came)
{
    struct turn *t = c->turn;
    size_t held = inbuf_held(&c->in);
    if (held == 0 && c->unfinished == 0) return;
    c->progress += came;
    if (c->unfinished == 0 || c->progress >= PROGRESS) {
        c->busy_at = t->now;
        c->progress = 0;
    }
    t->unfinished += held - c->unfinished;
    t->row->unfinished_bytes = t->unfinished;
    c->unfinished = held;
}

/* --- too much --------------------------------------------------------------------------------- */

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
    struct turn *t = c->turn;
    t->row->unfinished_shed++;
    if (log_allows(&t->log, t->now))
        log_warn("client %s: closed: all clients' unfinished requests hold too much (%zu bytes; "
                 "--input-buffer); its own %zu bytes, idle for %.1f s",
                 client_address(c, address), t->unfinished, c->unfinished, t->now - c->busy_at);
    client_close(c, "unfinished requests hold too much");
}

void unfinished_look(struct turn *t)
{
    size_t limit = t->limits.input_buffer, n = 0;
    if (t->unfinished <= limit) return;
    struct burden *all = calloc(t->clients_n, sizeof *all);
    if (!all) abort();
    for (struct client *c = t->clients; c; c = c->next) {
        double idle = t->now - c->busy_at + 0.001; /* among the busy ones bytes alone count */
        if (c->unfinished > 0) all[n++] = (struct burden){c, (double)c->unfinished * idle};
    }
    qsort(all, n, sizeof *all, by_weight);
    for (size_t i = 0; i < n && t->unfinished > limit - limit / 8; i++) shed(all[i].client);
    free(all);
}
