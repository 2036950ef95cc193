#include "lib/generated.h"
#include "lib/stage.h"

#include <stdio.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* No route draws: where a request goes would differ each time. */
enum { POOLS = 3, SET = 3, DEPTH = 3, TAGS = 3 };

/* --- settings and pools ------------------------------------------------------------------------ */

static void write_settings(struct generating *g, FILE *out)
{
    static const char *const settings[] = {
        "backend_read_timeout = 0.5",
        "backend_connect_timeout = 1",
        "backend_failure_limit = 2",
        "backend_retry_waittime = 2",
        "tcp_keepalive = true",
        "active_req_limit = 100",
        "pool_options = { seed = \"all\" }",
        "pool_options = { filter = \"tags\", filter_conf = \"{}\" }",
        "backend_options = { connections = 2 }"};
    if (!generated_once_in(g, 2)) return;
    fprintf(out, "settings{ %s }\n", generated_one_of(g, settings, COUNT(settings)));
}

static void write_pool_options(struct generating *g, FILE *out)
{
    static const char *const options[] = {
        "options = { seed = \"own\" }",
        "options = { filter = \"stop\", filter_conf = \"|#|\" }",
        "options = { filter = \"tags\", filter_conf = \"[]\" }",
        "options = { dist = mcp.dist_jump_hash }",
        "options = { dist = mcp.dist_ring_hash, omode = \"ketama\" }",
        "options = { dist = mcp.dist_ring_hash, omode = \"twemproxy\" }",
        "options = { dist = mcp.dist_jump_hash, hash = mcp.dist_ring_hash.hash }",
        "options = { dist = mcp.dist_ring_hash, omode = \"evcache\" }",
        "backend_options = { connecttimeout = 0.5, retrytimeout = 1 }",
        "backend_options = { failurelimit = 5, readtimeout = 0.2 }"};
    if (generated_once_in(g, 2)) fprintf(out, " %s,", generated_one_of(g, options, COUNT(options)));
}

static void write_backend(struct generating *g, FILE *out, unsigned pool, unsigned number)
{
    static const char *const forms[] = {" \"127.0.%u.%u:11211\",",
                                        " \"127.0.%u.%u:11212\",",
                                        " \"127.0.%u.%u:11211 label\",",
                                        " \"127.0.%u.%u:11211 _down_\",",
                                        " { host = \"127.0.%u.%u\" },",
                                        " { host = \"127.0.%u.%u\", port = 11213 },",
                                        " { host = \"127.0.%u.%u\", port = \"1\", down = true },",
                                        " { host = \"127.0.%u.%u\", readtimeout = 0.1 },"};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    fprintf(out, generated_one_of(g, forms, COUNT(forms)), pool, number);
#pragma GCC diagnostic pop
}

static void write_pool(struct generating *g, FILE *out, unsigned number)
{
    unsigned n = 1 + generated_below(g, 5);
    fputs("{", out);
    write_pool_options(g, out);
    fputs(" backends = {", out);
    for (unsigned i = 0; i < n; i++) write_backend(g, out, number, i + 1);
    if (generated_once_in(g, 6)) fprintf(out, " \"127.0.%u.1:11211\"", number); /* perhaps again */
    fputs(" } },\n", out);
}

/* p0 ..., set_all of zones z0 ..., set_list without names. */
static void write_pools(struct generating *g, FILE *out)
{
    fputs("pools{\n", out);
    for (unsigned i = 0; i < POOLS; i++) {
        fprintf(out, "    p%u = ", i);
        write_pool(g, out, i + 1);
    }
    fputs("    set_all = {\n", out);
    for (unsigned i = 0; i < SET; i++) {
        fprintf(out, "        z%u = ", i);
        write_pool(g, out, POOLS + i + 1);
    }
    fputs("    },\n    set_list = {\n", out);
    for (unsigned i = 0; i < SET; i++) write_pool(g, out, POOLS + SET + i + 1);
    fputs("    },\n}\n", out);
}

/* --- routes ------------------------------------------------------------------------------------ */

static void write_route(struct generating *g, FILE *out, unsigned depth);

static void write_child(struct generating *g, FILE *out, unsigned depth)
{
    if (depth > 0 && generated_once_in(g, 2))
        write_route(g, out, depth - 1);
    else if (generated_once_in(g, 4))
        fprintf(out, "\"set_all_z%u\"", generated_below(g, SET));
    else
        fprintf(out, "\"p%u\"", generated_below(g, POOLS));
}

static void write_children(struct generating *g, FILE *out, unsigned depth)
{
    static const char *const sets[] = {
        "\"set_all\"", "\"set_list\"", "route_direct{ child_wrap = \"set_all\" }",
        "route_direct{ child_wrap = route_direct{ child_wrap = \"set_list\" } }"};
    unsigned n = 1 + generated_below(g, 3);
    fputs("children = ", out);
    if (generated_once_in(g, 3)) {
        fputs(generated_one_of(g, sets, COUNT(sets)), out);
        return;
    }
    bool is_named = generated_once_in(g, 4);
    fputs("{ ", out);
    for (unsigned i = 0; i < n; i++) {
        if (is_named) fprintf(out, "z%u = ", i);
        write_child(g, out, depth);
        fputs(", ", out);
    }
    fputs("}", out);
}

static void write_failover(struct generating *g, FILE *out, unsigned depth)
{
    static const char *const options[] = {
        ", miss = true",        ", miss = false",        ", shuffle = true",
        ", failover_count = 2", ", failover_count = 1",  ", wait = 0.2",
        ", stats = true",       ", local_zone = \"z1\"", ", stats = true, stats_name = \"own\""};
    unsigned n = generated_below(g, 4);
    fputs("route_failover{ ", out);
    write_children(g, out, depth);
    for (unsigned i = 0; i < n; i++) fputs(generated_one_of(g, options, COUNT(options)), out);
    fputs(" }", out);
}

static void write_zone_failover(struct generating *g, FILE *out)
{
    static const char *const options[] = {"", ", miss = true", ", miss = false",
                                          ", miss = true, stats = true", ", local_zone = \"z2\""};
    fprintf(out, "route_zfailover{ children = \"set_all\"%s }",
            generated_one_of(g, options, COUNT(options)));
}

static void write_list(struct generating *g, FILE *out, unsigned depth)
{
    static const char *const forms[] = {"route_allsync", "route_allfastest", "route_allasync"};
    static const char *const options[] = {"", ", miss = true", ", wait = 0.5"};
    const char *form = generated_one_of(g, forms, COUNT(forms));
    fprintf(out, "%s{ ", form);
    write_children(g, out, depth);
    if (form == forms[1]) fputs(generated_one_of(g, options, COUNT(options)), out);
    fputs(" }", out);
}

static void write_one(struct generating *g, FILE *out, unsigned depth)
{
    static const char *const forms[] = {
        "route_direct{ child = ", "route_ttl{ ttl = 60, child = ",
        "route_ratelim{ limit = 50, fillrate = 10, child = ",
        "route_ratelim{ limit = 50, fillrate = 10, global = true, stats = true, child = "};
    fputs(generated_one_of(g, forms, COUNT(forms)), out);
    write_child(g, out, depth);
    fputs(" }", out);
}

static void write_split(struct generating *g, FILE *out, unsigned depth)
{
    fputs("route_split{ child_a = ", out);
    write_child(g, out, depth);
    fputs(", child_b = ", out);
    write_child(g, out, depth);
    fputs(" }", out);
}

static void write_route(struct generating *g, FILE *out, unsigned depth)
{
    switch (generated_below(g, 8)) {
    case 0:
    case 1: write_failover(g, out, depth); break;
    case 2: write_zone_failover(g, out); break;
    case 3:
    case 4: write_list(g, out, depth); break;
    case 5: write_split(g, out, depth); break;
    case 6:
        fputs(generated_once_in(g, 3) ? "route_null{}" : "route_direct{ child = \"p0\" }", out);
        break;
    default: write_one(g, out, depth); break;
    }
}

/* --- routers ----------------------------------------------------------------------------------- */

/* A table by commands. route_ttl takes stores alone, so it is only there. */
static void write_commands(struct generating *g, FILE *out)
{
    static const char *const commands[] = {"get",  "gets", "gat",    "mg", "touch", "delete",
                                           "incr", "set",  "append", "ms", "all"};
    unsigned n = 1 + generated_below(g, 4), first = generated_below(g, COUNT(commands));
    fputs("{ ", out);
    for (unsigned i = 0; i < n; i++) {
        const char *command = commands[(first + i) % COUNT(commands)];
        fprintf(out, "%s = ", command);
        if (strcmp(command, "set") == 0 && generated_once_in(g, 2))
            fputs("route_ttl{ ttl = 5, child = \"p1\" }", out);
        else if (generated_once_in(g, 2))
            write_zone_failover(g, out);
        else
            fprintf(out, "route_failover{ children = \"set_list\", miss = %s }",
                    generated_once_in(g, 2) ? "true" : "false");
        fputs(", ", out);
    }
    fputs("}", out);
}

static void write_map(struct generating *g, FILE *out)
{
    static const char *const prefixes[] = {"key", "user", "a", "set", "anything", "[\"b\"]"};
    static const char *const confs[] = {
        "",
        "    conf = { mode = \"prefix\", stop = \":\" },\n",
        "    conf = { mode = \"prefix\", stop = \":::\" },\n",
        "    conf = { mode = \"anchor\", start = \"/\", stop = \"/\" },\n",
        "    conf = { stop = \":\" },\n",
        "    conf = { mode = \"anchor\" },\n"};
    unsigned n = 1 + generated_below(g, COUNT(prefixes));
    fputs(generated_one_of(g, confs, COUNT(confs)), out);
    fputs("    map = {\n", out);
    for (unsigned i = 0; i < n; i++) {
        fprintf(out, "        %s = ", prefixes[i]);
        if (generated_once_in(g, 3)) {
            fputs("cmdmap", out);
            write_commands(g, out);
        } else {
            write_route(g, out, DEPTH);
        }
        fputs(",\n", out);
    }
    fputs("    },\n", out);
}

static void write_routes(struct generating *g, FILE *out, const char *tag)
{
    bool has_map = generated_once_in(g, 2), has_commands = generated_once_in(g, 3);
    fputs("routes{\n", out);
    if (tag) fprintf(out, "    tag = \"%s\",\n", tag);
    if (has_map) write_map(g, out);
    if (has_commands) {
        fputs("    cmap = ", out);
        write_commands(g, out);
        fputs(",\n", out);
    }
    if (!(has_map || has_commands) || !generated_once_in(g, 4)) {
        fputs("    default = ", out);
        write_route(g, out, DEPTH);
        fputs(",\n", out);
    }
    fputs("}\n", out);
}

void generate_routelib(struct generating *g, FILE *out)
{
    bool has_tags = generated_once_in(g, 4);
    g->listeners_n = 0;
    write_settings(g, out);
    fputs(generated_once_in(g, 2) ? "local_zone(\"z0\")\n"
                                  : "local zone = \"z1\" local_zone(zone)\n",
          out);
    write_pools(g, out);
    for (unsigned i = 0; has_tags && i < TAGS; i++) {
        g->listeners[g->listeners_n++] = textf("tag%u", i);
        write_routes(g, out, g->listeners[i]);
    }
    if (has_tags) g->listeners[g->listeners_n++] = "other";
    if (!has_tags || generated_once_in(g, 2)) write_routes(g, out, NULL);
}
