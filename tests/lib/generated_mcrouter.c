#include "lib/generated.h"

#include <stdio.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

enum { POOLS = 4, DEPTH = 4 };

static void write_pools(struct generating *g, FILE *out)
{
    fprintf(out, "  \"pools\": {\n");
    for (unsigned i = 0; i < POOLS; i++) {
        unsigned n = 1 + generated_below(g, 6);
        fprintf(out, "    \"P%u\": { \"servers\": [", i);
        for (unsigned k = 0; k < n; k++)
            fprintf(out, "%s\"127.0.%u.%u:11211%s\"", k ? ", " : " ", i + 1, k + 1,
                    generated_once_in(g, 3) ? ":ascii:plain" : "");
        fprintf(out, " ] }%s\n", i + 1 < POOLS ? "," : "");
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

static void write_hashed(struct generating *g, FILE *out)
{
    static const char *const hashes[] = {"Ch3", "Crc32"};
    fprintf(out, "{ \"type\": \"PoolRoute\", \"pool\": \"P%u\", \"hash\": \"%s\" }",
            generated_below(g, POOLS), generated_one_of(g, hashes, COUNT(hashes)));
}

static void write_route(struct generating *g, FILE *out, unsigned depth)
{
    static const char *const lists[] = {"AllSyncRoute",     "AllFastestRoute",  "AllInitialRoute",
                                        "AllAsyncRoute",    "AllMajorityRoute", "FailoverRoute",
                                        "MissFailoverRoute"};
    switch (depth == 0 ? 0 : generated_below(g, 7)) {
    case 1: write_by_operation(g, out, depth); break;
    case 2: write_warm_up(g, out, depth); break;
    case 3: write_hashed(g, out); break;
    case 4: fprintf(out, "\"AllSyncRoute|Pool|P%u\"", generated_below(g, POOLS)); break;
    case 5:
    case 6: write_children(g, out, depth, generated_one_of(g, lists, COUNT(lists))); break;
    default:
        if (generated_once_in(g, 10))
            fputs("\"NullRoute\"", out);
        else
            fprintf(out, "\"PoolRoute|P%u\"", generated_below(g, POOLS));
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

/* Comments and commas behind the last item are as people write them. */
void generate_mcrouter(struct generating *g, FILE *out)
{
    g->listeners_n = 0;
    fprintf(out, "// pools\n{\n");
    write_pools(g, out);
    fprintf(out, "  \"route\": /* one */ ");
    if (generated_once_in(g, 3))
        write_prefixes(g, out);
    else
        write_route(g, out, DEPTH);
    fprintf(out, "%s\n}\n", generated_once_in(g, 2) ? "," : "");
}
