/* Servers in memory: each name has one fake, however many connections the worker makes to it. */
#include "replay/guests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct fake *find(struct player *p, const char *name)
{
    struct fake *f = p->fakes;
    while (f && strcmp(f->name, name) != 0) f = f->next;
    if (f) return f;
    f = calloc(1, sizeof *f);
    if (!f || !(f->name = strdup(name))) abort();
    fake_server_init(&f->server, p->fake_memory);
    f->next = p->fakes;
    return p->fakes = f;
}

struct fake_server *player_fake(struct player *p, const char *server)
{
    struct fake_server *s = &find(p, server)->server;
    s->now = (int64_t)p->wall;
    return s;
}

size_t link_take(struct wire *w, const uint8_t *bytes, size_t len)
{
    struct link *l = (struct link *)w;
    l->fake->server.now = (int64_t)l->player->wall;
    size_t taken = fake_server_take(&l->fake->server, &l->talk, bytes, len, &w->out);
    w->need = l->talk.need;
    if (!wire_flush(w)) player_mark(l->player, w);
    return taken;
}

int link_dial(void *about, const struct backend *b, int *fd)
{
    struct player *p = about;
    struct link *l = calloc(1, sizeof *l);
    if (!l) abort();
    *fd = -1;
    if (!wire_open(&l->wire, p->epoll, fd)) {
        int error = errno;
        free(l);
        return error;
    }
    l->wire.is_server = true;
    l->player = p;
    l->fake = find(p, b->name);
    l->next = p->links;
    p->links = l;
    return 0;
}
