#include "lib/generated.h"

#include <stdio.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

enum { POOLS = 4, DEPTH = 4 };

static void write_servers(struct generating *g, FILE *out, unsigned pool, unsigned n)
{
    static const char *const ends[] = {"", "", ":ascii", ":ascii:plain"};
    fputs("\"servers\": [", out);
    for (unsigned k = 0; k < n; k++)
        fprintf(out, "%s\"127.0.%u.%u:11211%s\"", k ? ", " : " ", pool + 1, k + 1,
                generated_one_of(g, ends, COUNT(ends)));
    fputs(" ]", out);
}

static void write_pools(struct generating *g, FILE *out)
{
    fprintf(out, "  \"pools\": {\n");
    for (unsigned i = 0; i < POOLS; i++) {
        unsigned n = 1 + generated_below(g, 6);
        fprintf(out, "    \"P%u\": { ", i);
        write_servers(g, out, i, n);
        if (generated_once_in(g, 6)) {
            fputs(", \"weights\": [", out);
            for (unsigned k = 0; k < n; k++)
                fprintf(out, "%s0.%u", k ? ", " : "", 1 + generated_below(g, 9));
            fputs("]", out);
        }
        if (generated_once_in(g, 6))
            fprintf(out, ", \"server_timeout\": %u", 1 + generated_below(g, 9000));
        fprintf(out, " }%s\n", i + 1 < POOLS ? "," : "");
    }
    fprintf(out, "  },\n");
}

static void write_route(struct generating *g, FILE *out, unsigned depth);

static void write_list(struct generating *g, FILE *out, unsigned depth, unsigned n)
{
    fputs("[ ", out);
    for (unsigned i = 0; i < n; i++) {
        if (i) fputs(", ", out);
        write_route(g, out, depth);
    }
    fputs(" ]", out);
}

/* A route of that type with a list of children. */
static void write_children(struct generating *g, FILE *out, unsigned depth, const char *type)
{
    fprintf(out, "{ \"type\": \"%s\", \"children\": ", type);
    write_list(g, out, depth - 1, 1 + generated_below(g, 3));
    fputs(" }", out);
}

static void write_by_operation(struct generating *g, FILE *out, unsigned depth)
{
    static const char *const operations[] = {"get",  "set",  "delete", "add",
                                             "gets", "incr", "touch"};
    unsigned n = generated_below(g, 3), first = generated_below(g, COUNT(operations));
    fputs("{ \"type\": \"OperationSelectorRoute\", \"operation_policies\": {", out);
    for (unsigned i = 0; i <= n; i++) {
        fprintf(out, "%s \"%s\": ", i ? "," : "", operations[(first + i) % COUNT(operations)]);
        write_route(g, out, depth - 1);
    }
    fputs(" }", out);
    if (!generated_once_in(g, 3)) {
        fputs(", \"default_policy\": ", out);
        write_route(g, out, depth - 1);
    }
    fputs(" }", out);
}

static void write_warm_up(struct generating *g, FILE *out, unsigned depth)
{
    fputs("{ \"type\": \"WarmUpRoute\", \"cold\": ", out);
    write_route(g, out, depth - 1);
    fputs(", \"warm\": ", out);
    write_route(g, out, depth - 1);
    if (generated_once_in(g, 2)) fputs(", \"exptime\": 60", out);
    fputs(" }", out);
}

/* Options of PoolRoute that move keys, or send some of them to another route too. */
static void write_pool_route(struct generating *g, FILE *out)
{
    static const char *const hashes[] = {"\"Ch3\"", "\"Crc32\"", "{ \"salt\": \"s\" }",
                                         "{ \"hash_func\": \"Crc32\", \"salt\": \"a b\" }",
                                         "{ \"hash_func\": \"Latest\" }"};
    fprintf(out, "{ \"type\": \"PoolRoute\", \"pool\": \"P%u\"", generated_below(g, POOLS));
    if (!generated_once_in(g, 3))
        fprintf(out, ", \"hash\": %s", generated_one_of(g, hashes, COUNT(hashes)));
    if (generated_once_in(g, 4))
        fprintf(out,
                ", \"shadows\": [ { \"target\": \"PoolRoute|P%u\", \"index_range\": [%u, %u], "
                "\"key_fraction_range\": [0, %s] } ]",
                generated_below(g, POOLS), generated_below(g, 2), 1 + generated_below(g, 4),
                generated_once_in(g, 2) ? "1" : "0.5");
    if (generated_once_in(g, 6)) fputs(", \"rates\": { \"sets_rate\": 100 }", out);
    fputs(" }", out);
}

static void write_failover(struct generating *g, FILE *out, unsigned depth)
{
    static const char *const options[] = {
        "\"failover_errors\": [ \"tko\", \"timeout\" ]",
        "\"failover_errors\": { \"gets\": [ \"remote_error\" ], \"deletes\": [] }",
        "\"failover_limit\": { \"rate\": 0.5, \"burst\": 9 }",
        "\"failover_policy\": { \"type\": \"LeastFailuresPolicy\", \"max_tries\": 2 }"};
    fputs("{ \"type\": \"FailoverRoute\", \"children\": ", out);
    write_list(g, out, depth - 1, 1 + generated_below(g, 3));
    fprintf(out, ", %s }", generated_one_of(g, options, COUNT(options)));
}

static void write_gutter(struct generating *g, FILE *out, unsigned depth)
{
    fputs("{ \"type\": \"FailoverWithExptimeRoute\", \"normal\": ", out);
    write_route(g, out, depth - 1);
    fprintf(out, ", \"failover\": \"Pool|P%u\"", generated_below(g, POOLS));
    if (generated_once_in(g, 2)) fprintf(out, ", \"failover_exptime\": %u", generated_below(g, 99));
    fputs(" }", out);
}

/* Those with one route, or two, that have names, and options in between. */
static void write_named(struct generating *g, FILE *out, unsigned depth)
{
    static const struct {
        const char *type, *first, *second, *options;
    } types[] = {
        {"ModifyKeyRoute", "target", NULL, "\"ensure_key_prefix\": \"p:\""},
        {"ModifyKeyRoute", "target", NULL,
         "\"replace_key_prefix\": \"a\", \"set_key_suffix\": \"z\""},
        {"ModifyKeyRoute", "target", NULL,
         "\"ensure_key_prefix\": \"p:\", \"modify_inplace\": true"},
        {"ModifyExptimeRoute", "target", NULL, "\"exptime\": 60, \"action\": \"min\""},
        {"ModifyExptimeRoute", "target", NULL, "\"exptime\": -1"},
        {"KeySplitRoute", "destination", NULL, "\"replicas\": 3, \"all_sync\": true"},
        {"RateLimitRoute", "target", "fallback", "\"rates\": { \"gets_rate\": 100 }"},
        {"StagingRoute", "warm", "staging", NULL},
        {"L1L2CacheRoute", "l1", "l2", "\"upgradingL1Exptime\": 9"},
        {"MigrateRoute", "from", "to", "\"start_time\": 1700000000, \"interval\": 3600"},
        {"LoggingRoute", "target", NULL, NULL},
    };
    unsigned i = generated_below(g, COUNT(types));
    fprintf(out, "{ \"type\": \"%s\", \"%s\": ", types[i].type, types[i].first);
    write_route(g, out, depth - 1);
    if (types[i].second) {
        fprintf(out, ", \"%s\": ", types[i].second);
        write_route(g, out, depth - 1);
    }
    fprintf(out, "%s%s }", types[i].options ? ", " : "", types[i].options ? types[i].options : "");
}

static void write_simple(struct generating *g, FILE *out)
{
    unsigned pool = generated_below(g, POOLS);
    if (generated_once_in(g, 12))
        fputs(generated_once_in(g, 2) ? "\"NullRoute\"" : "\"ErrorRoute|no\"", out);
    else if (generated_once_in(g, 4))
        fprintf(out, "\"%s|Pool|P%u\"", generated_once_in(g, 2) ? "AllSyncRoute" : "HashRoute",
                pool);
    else
        fprintf(out, "\"PoolRoute|P%u\"", pool);
}

static void write_route(struct generating *g, FILE *out, unsigned depth)
{
    static const char *const lists[] = {"AllSyncRoute",      "AllFastestRoute",  "AllInitialRoute",
                                        "AllAsyncRoute",     "AllMajorityRoute", "FailoverRoute",
                                        "MissFailoverRoute", "LatestRoute",      "HashRoute",
                                        "HostIdRoute"};
    switch (depth == 0 ? 0 : generated_below(g, 10)) {
    case 1: write_by_operation(g, out, depth); break;
    case 2: write_warm_up(g, out, depth); break;
    case 3: write_pool_route(g, out); break;
    case 4: write_failover(g, out, depth); break;
    case 5: write_gutter(g, out, depth); break;
    case 6: write_named(g, out, depth); break;
    case 7:
    case 8: write_children(g, out, depth, generated_one_of(g, lists, COUNT(lists))); break;
    default: write_simple(g, out);
    }
}

static void write_prefixes(struct generating *g, FILE *out)
{
    static const char *const prefixes[] = {"a", "b:", "key", "user"};
    unsigned n = 1 + generated_below(g, COUNT(prefixes));
    fputs("{ \"type\": \"PrefixSelectorRoute\", \"policies\": {", out);
    for (unsigned i = 0; i < n; i++) {
        fprintf(out, "%s \"%s\": ", i ? "," : "", prefixes[i]);
        write_route(g, out, 2);
    }
    fputs(" }", out);
    if (!generated_once_in(g, 3)) {
        fputs(", \"wildcard\": ", out);
        write_route(g, out, DEPTH);
    }
    fputs(" }", out);
}

/* A route under several aliases, and another one. */
static void write_routes(struct generating *g, FILE *out)
{
    fputs("  \"routes\": [ { \"aliases\": [ \"/././\", \"/us/one/\" ], \"route\": ", out);
    write_route(g, out, 2);
    fputs(" }, { \"aliases\": [ \"/us/two/\" ], \"route\": ", out);
    write_prefixes(g, out);
    fputs(" } ]", out);
}

/* Comments and commas behind the last item are as people write them. */
void generate_mcrouter(struct generating *g, FILE *out)
{
    g->listeners_n = 0;
    fprintf(out, "// pools\n{\n");
    write_pools(g, out);
    if (generated_once_in(g, 4)) {
        write_routes(g, out);
    } else {
        fprintf(out, "  \"route\": /* one */ ");
        if (generated_once_in(g, 3))
            write_prefixes(g, out);
        else
            write_route(g, out, DEPTH);
    }
    fprintf(out, "%s\n}\n", generated_once_in(g, 2) ? "," : "");
}
