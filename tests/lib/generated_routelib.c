#include "lib/generated.h"

#include <stdio.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* No route draws: where a request goes would differ each time. */
enum { POOLS = 3, SET = 2, DEPTH = 2 };

static void write_pool(struct generating *g, FILE *out, unsigned number)
{
    unsigned n = 1 + generated_below(g, 5);
    fputs("{ backends = {", out);
    for (unsigned i = 0; i < n; i++) {
        if (generated_once_in(g, 4))
            fprintf(out, " { host = \"127.0.%u.%u\", port = \"11211\" },", number, i + 1);
        else
            fprintf(out, " \"127.0.%u.%u:11211\",", number, i + 1);
    }
    fputs(" } }", out);
}

static void write_pools(struct generating *g, FILE *out)
{
    fputs("pools{\n", out);
    for (unsigned i = 0; i < POOLS; i++) {
        fprintf(out, "    p%u = ", i);
        write_pool(g, out, i + 1);
        fputs(",\n", out);
    }
    fputs("    set_all = {", out);
    for (unsigned i = 0; i < SET; i++) {
        fprintf(out, " z%u = ", i);
        write_pool(g, out, POOLS + i + 1);
        fputs(",", out);
    }
    fputs(" },\n}\n", out);
}

static void write_route(struct generating *g, FILE *out, unsigned depth);

static void write_children(struct generating *g, FILE *out, unsigned depth)
{
    unsigned n = 2 + generated_below(g, 2), first = generated_below(g, POOLS);
    fputs("children = ", out);
    if (generated_once_in(g, 4)) {
        fputs("\"set_all\"", out);
        return;
    }
    fputs("{ ", out);
    for (unsigned i = 0; i < n; i++) {
        if (depth == 0 || generated_once_in(g, 2))
            fprintf(out, "\"p%u\", ", (first + i) % POOLS);
        else {
            write_route(g, out, depth - 1);
            fputs(", ", out);
        }
    }
    fputs("}", out);
}

static void write_route(struct generating *g, FILE *out, unsigned depth)
{
    static const char *const lists[] = {"route_allsync", "route_allfastest", "route_failover"};
    const char *list = generated_one_of(g, lists, COUNT(lists));
    switch (generated_below(g, 5)) {
    case 0: fprintf(out, "route_direct{ child = \"p%u\" }", generated_below(g, POOLS)); break;
    case 1:
        fprintf(out, "route_ttl{ ttl = %u, child = \"p%u\" }", 1 + generated_below(g, 999),
                generated_below(g, POOLS));
        break;
    case 2:
        if (generated_once_in(g, 5)) {
            fputs("route_null{}", out);
            break;
        } /* fall through */
    default:
        fprintf(out, "%s{ ", list);
        write_children(g, out, depth);
        if (list == lists[2] && generated_once_in(g, 2)) fputs(", miss = true", out);
        if (list == lists[2] && generated_once_in(g, 3)) fputs(", shuffle = true", out);
        fputs(" }", out);
    }
}

/* What any command may go to. */
static void write_plain(struct generating *g, FILE *out)
{
    if (generated_once_in(g, 2))
        fprintf(out, "route_direct{ child = \"p%u\" }", generated_below(g, POOLS));
    else
        fprintf(out, "route_allsync{ children = { \"p0\", \"p%u\" } }",
                1 + generated_below(g, POOLS - 1));
}

static void write_map(struct generating *g, FILE *out)
{
    static const char *const prefixes[] = {"key", "user", "set", "anything"};
    unsigned n = 1 + generated_below(g, COUNT(prefixes));
    fputs("    map = {\n", out);
    for (unsigned i = 0; i < n; i++) {
        fprintf(out, "        %s = ", prefixes[i]);
        if (generated_once_in(g, 3)) {
            fputs("cmdmap{ get = ", out);
            write_plain(g, out);
            fputs(", set = ", out);
            write_plain(g, out);
            fputs(" }", out);
        } else {
            write_route(g, out, DEPTH);
        }
        fputs(",\n", out);
    }
    fputs("    },\n", out);
}

void generate_routelib(struct generating *g, FILE *out)
{
    g->listeners_n = 0;
    if (generated_once_in(g, 3)) fputs("settings{ backend_read_timeout = 0.5 }\n", out);
    write_pools(g, out);
    fputs("routes{\n", out);
    if (generated_once_in(g, 2)) write_map(g, out);
    if (generated_once_in(g, 3)) {
        fputs("    cmap = { get = ", out);
        write_plain(g, out);
        fputs(" },\n", out);
    }
    fputs("    default = ", out);
    write_route(g, out, DEPTH);
    fputs(",\n}\n", out);
}
