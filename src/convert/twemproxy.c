/* The reader of nutcracker's configuration, in three steps: the file into pools (twemproxy_yaml.c, twemproxy_options.c,
 * twemproxy_places.c), what holds for all of it (twemproxy_check.c), the script (twemproxy_script.c). */
#include "convert/twemproxy.h"

#include <stdlib.h>
#include <string.h>

/* Room for n of these things. Ends the process when there is no memory. */
static void *make_room(void *things, size_t n, size_t size)
{
    void *made = reallocarray(things, n, size);
    if (!made) abort();
    return made;
}

struct twem_text twem_copy(const char *bytes, size_t len, uint32_t line)
{
    struct twem_text made = {make_room(NULL, len + 1, 1), len, line};
    if (len) memcpy(made.at, bytes, len);
    made.at[len] = 0;
    return made;
}

struct twem_pool *twem_add_pool(struct twem *t)
{
    if (t->n == t->room) {
        t->room = t->room ? 2 * t->room : 4;
        t->pools = make_room(t->pools, t->room, sizeof *t->pools);
    }
    t->pools[t->n] = (struct twem_pool){0};
    return &t->pools[t->n++];
}

struct twem_server *twem_add_server(struct twem_pool *p)
{
    if (p->n == p->room) {
        p->room = p->room ? 2 * p->room : 8;
        p->servers = make_room(p->servers, p->room, sizeof *p->servers);
    }
    p->servers[p->n] = (struct twem_server){0};
    return &p->servers[p->n++];
}

void twem_release_pool(struct twem_pool *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->servers[i].text.at);
        free(p->servers[i].name);
        free(p->servers[i].shown);
    }
    free(p->servers);
    free(p->name.at);
    free(p->listen.at);
    free(p->address);
    *p = (struct twem_pool){0};
}

void twem_release(struct twem *t)
{
    for (size_t i = 0; i < t->n; i++) twem_release_pool(&t->pools[i]);
    free(t->pools);
    *t = (struct twem){0};
}

bool twemproxy_read(const struct convert_input *in, struct convert_output *out)
{
    struct twem t = {.path = in->path, .out = out};
    bool is_read = twem_parse(&t, in->bytes, in->len) && twem_check(&t);
    if (is_read) twem_write(&t, out->script);
    twem_release(&t);
    return is_read;
}
