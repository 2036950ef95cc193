/* Each worker has its own resolver: workers share nothing, and a look-up that hangs in one delays no other. The order of
 * names_init and names_release follows from use: discoveries look names up, so they begin after the resolver and end before it.
 */
#include "worker/names.h"

#include <assert.h>

#include <stdlib.h>
#include <string.h>

enum { DNS_PORT = 53, TRIES = 3 };

/* Seconds. --resolve-min 0 is allowed; a shorter time than this would keep the worker busy with look-ups. */
static const double LEAST = 0.01;

/* --resolver in the form of c-ares: "127.0.0.1:53,[::1]:5353". NULL: c-ares uses those of /etc/resolv.conf. */
static char *join_servers(const struct option_list *list)
{
    char *joined = list->n ? calloc(list->n, ADDR_TEXT_MAX + 1) : NULL;
    if (list->n && !joined) abort();
    for (size_t i = 0; i < list->n; i++) {
        struct addr_spec spec;
        struct addr addr;
        char text[ADDR_TEXT_MAX];
        /* Neither fails: the command line was checked when it was read. */
        if (addr_spec_parse(&spec, list->items[i], strlen(list->items[i]))) continue;
        if (!addr_spec_is_literal(&spec, DNS_PORT, &addr)) continue;
        if (i) strcat(joined, ",");
        strcat(joined, addr_print(&addr, text));
    }
    return joined;
}

static double at_least(double seconds)
{
    return seconds > LEAST ? seconds : LEAST;
}

void names_init(struct names *names, struct ev_loop *loop, const struct options *o)
{
    assert(o->resolve_min <= o->resolve_max); /* main/command_line.c refuses others */
    names->servers = join_servers(&o->resolver);
    struct resolver_settings settings = {
        .dns = {.servers = names->servers, .timeout = at_least(o->resolve_timeout), .tries = TRIES},
        .least = at_least(o->resolve_min),
        .most = at_least(o->resolve_max)};
    resolver_init(&names->resolver, loop, &settings);
    discoveries_init(&names->discoveries, loop, &names->resolver);
}

void names_release(struct names *names)
{
    discoveries_release(&names->discoveries);
    resolver_release(&names->resolver);
    free(names->servers);
}
