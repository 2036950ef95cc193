#include "backend/pool.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slab.h"

enum { PORT = 11211, SERVERS_MAX = 4096 };

struct pool *pool_create(const struct pool_settings *settings)
{
    struct pool *p = slab_borrow(sizeof *p);
    *p = (struct pool){.settings = *settings};
    return p;
}

/* What clients and logs see: the text as given, with the port that it may leave out. */
static void show_name(const struct addr_spec *spec, uint16_t port, char *to, size_t size)
{
    if (spec->path[0])
        snprintf(to, size, "unix:%s", spec->path);
    else if (strchr(spec->host, ':'))
        snprintf(to, size, "[%s]:%u", spec->host, port);
    else
        snprintf(to, size, "%s:%u", spec->host, port);
}

/* What ketama hashes (source: facts on ketama): the port is left out when it is memcached's own. */
static char *ring_name(const struct addr_spec *spec, uint16_t port)
{
    char text[BACKEND_NAME_MAX];
    if (spec->path[0])
        snprintf(text, sizeof text, "%s", spec->path);
    else if (port == PORT)
        snprintf(text, sizeof text, "%s", spec->host);
    else
        snprintf(text, sizeof text, "%s:%u", spec->host, port);
    return strdup(text);
}

static void make_room(struct pool *p)
{
    uint32_t room = p->servers_n ? p->servers_n * 2 : 8;
    bool full =
        (p->servers_n & (p->servers_n - 1)) == 0 && (p->servers_n == 0 || p->servers_n >= 8);
    if (!full) return;
    p->servers = reallocarray(p->servers, room, sizeof *p->servers);
    p->names = reallocarray(p->names, room, sizeof *p->names);
    if (!p->servers || !p->names) abort();
}

const char *pool_add_server(struct pool *p, struct backends *set, const char *text, size_t len)
{
    struct addr_spec spec;
    struct addr addr;
    size_t n;
    char shown[BACKEND_NAME_MAX];
    if (p->servers_n == SERVERS_MAX) return "a pool takes at most 4096 servers";
    const char *wrong = addr_spec_parse(&spec, text, len);
    if (!wrong) wrong = addr_resolve(&spec, PORT, &addr, 1, &n);
    if (wrong) return wrong;
    uint16_t port = spec.has_port ? spec.port : PORT;
    if (port == 0 && !spec.path[0]) return "port 0 is no port of a server";
    make_room(p);
    show_name(&spec, port, shown, sizeof shown);
    p->names[p->servers_n] = (struct selector_server){ring_name(&spec, port), 1};
    p->servers[p->servers_n] = backends_get(set, shown, &addr, &p->settings.backend);
    p->servers_n++;
    return NULL;
}

void pool_close(struct pool *p)
{
    assert(p->servers_n > 0);
    selector_init(&p->selector, &p->settings.selector, p->names, p->servers_n);
}

void pool_destroy(struct pool *p)
{
    for (uint32_t i = 0; i < p->servers_n; i++) {
        backend_give(p->servers[i]);
        free((char *)p->names[i].name);
    }
    selector_release(&p->selector);
    free(p->servers);
    free(p->names);
    slab_return(p, sizeof *p);
}

struct backend *pool_pick(const struct pool *p, const void *key, size_t len)
{
    return p->servers[selector_pick(&p->selector, key, len).server];
}

struct pool_choice pool_explain(const struct pool *p, const void *key, size_t len)
{
    struct pool_choice choice = {.hashed = key, .hashed_len = len, .was_hashed = p->servers_n > 1};
    choice.how = selector_pick(&p->selector, key, len);
    choice.number = choice.how.server;
    choice.backend = p->servers[choice.number];
    return choice;
}
