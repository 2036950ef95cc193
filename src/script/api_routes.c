/* The bodies of abi.h for policies: routes that are made of others. Nothing here enters Lua.
 *
 * The modules in lua/moongate/routes check the options. Children exist before the route that is made of them, so a route
 * never contains itself, and C can follow it without a bound.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "route/chooser.h"
#include "route/kinds.h"
#include "route/result.h"
#include "script/state.h"

/* What the option `on` of policies names: kinds of results, and "error" for those that another server may do better with. */
static const struct {
    const char *name;
    uint32_t bits;
} results[] = {
#define X(name, bit, text, meaning) {text, RESULT_##name},
    RESULTS(X)
#undef X
        {"error", RESULT_FAILS_OVER},
};

int32_t mg_result_bits(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        if (strlen(results[i].name) == len && memcmp(results[i].name, name, len) == 0)
            return (int32_t)results[i].bits;
    }
    return 0;
}

const char *mg_result_name(uint32_t at)
{
    return at < sizeof results / sizeof *results ? results[at].name : NULL;
}

int32_t mg_route_add(struct script *s, uint32_t kind, const struct route_options *o,
                     const int32_t *children, uint32_t n, const char *text,
                     const struct route_word *words, uint32_t words_n)
{
    const struct route **list = calloc(n + 1, sizeof *list); /* generation_add copies it */
    if (!list) abort();
    for (uint32_t i = 0; i < n; i++) {
        assert(children[i] >= 0 && (uint32_t)children[i] < s->routes.routes_n);
        list[i] = s->routes.routes[children[i]];
    }
    struct route route = {.kind = (enum route_kind)kind,
                          .options = *o,
                          .text = (char *)text,
                          .children = list,
                          .children_n = n};
    uint32_t number = generation_add(&s->routes, &route, words, words_n);
    free(list);
    memory_hold(&s->memory.of, ROUTE_BYTES + n * sizeof *list + words_n * sizeof *words);
    return (int32_t)number;
}

void mg_sample(struct script *s, uint32_t function, const char *name, const char *value,
               double flags)
{
    struct run_sample sample = {.function = function, .flags = (uint32_t)flags};
    snprintf(sample.name, sizeof sample.name, "%s", name);
    snprintf(sample.value, sizeof sample.value, "%s", value);
    s->run_samples = reallocarray(s->run_samples, s->samples_n + 1, sizeof sample);
    if (!s->run_samples) abort();
    s->run_samples[s->samples_n++] = sample;
    memory_hold(&s->memory.of, sizeof sample);
}

const char *mg_hash_refuses(const struct route_options *o, const struct route_word *words,
                            uint32_t n)
{
    return choose_hash_refuses(o, words, n);
}

/* Lua's numbers have 53 bits. */
double mg_hash_text(const char *text, size_t len)
{
    return (double)(hash_bytes64(HASH_XXH3, text, len, 0) >> 11);
}

const char *mg_host(void)
{
    static char name[256];
    if (gethostname(name, sizeof name - 1) < 0) name[0] = '\0';
    return name;
}
