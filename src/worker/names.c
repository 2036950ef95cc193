#include "worker/names.h"

#include <stdlib.h>
#include <string.h>

enum { DNS_PORT = 53, TRIES = 3 };

/* Less than this would be a loop that never rests. */
static const double LEAST = 0.01;

/* "127.0.0.1:53,[::1]:5353", or NULL where the system's own are asked. */
static char *join_servers(const struct option_list *list)
{
    char *joined = list->n ? calloc(list->n, ADDR_TEXT_MAX + 1) : NULL;
    if (list->n && !joined) abort();
    for (size_t i = 0; i < list->n; i++) {
        struct addr_spec spec;
        struct addr addr;
        char text[ADDR_TEXT_MAX];
        /* The command line was checked when it was read. */
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
