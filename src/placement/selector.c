#include "placement/selector.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "placement/select.h"

static const struct {
    const char *name;
    const struct selector_kind *kind;
} distributions[DISTRIBUTION_COUNT] = {
#define X(name, text, meaning) [DISTRIBUTION_##name] = {#text, &select_##text},
    DISTRIBUTIONS(X)
#undef X
};

enum distribution distribution_find(const char *name, size_t len)
{
    for (unsigned i = 0; i < DISTRIBUTION_COUNT; i++) {
        const char *known = distributions[i].name;
        if (strlen(known) == len && memcmp(known, name, len) == 0) return (enum distribution)i;
    }
    return DISTRIBUTION_COUNT;
}

const char *distribution_name(enum distribution distribution)
{
    return distributions[distribution].name;
}

bool distribution_hashes_itself(enum distribution distribution)
{
    return distributions[distribution].kind->hashes_itself;
}

bool distribution_takes_points(enum distribution distribution)
{
    return distributions[distribution].kind->takes_points;
}

double distribution_usual_weight(enum distribution distribution)
{
    double usual = distributions[distribution].kind->usual_weight;
    return usual > 0 ? usual : 1;
}

enum { PLACES_MAX = 1 << 24 }; /* 128 MB of points */

static const char *refuses_weight(const struct selector_kind *kind, double weight)
{
    if (weight == 0 && !kind->takes_zero)
        return "has a server of weight 0, for which its distribution knows no place: leave it out";
    if (kind->takes_parts && weight > 1)
        return "has a weight above 1; its distribution takes parts of 1, such as 0.5";
    return NULL;
}

const char *selector_refuses(const struct selector_settings *settings,
                             const struct selector_server *servers, uint32_t n)
{
    const struct selector_kind *kind = distributions[settings->distribution].kind;
    double places = 0;
    for (uint32_t i = 0; i < n; i++) {
        double weight = servers[i].weight;
        const char *wrong = refuses_weight(kind, weight);
        if (wrong) return wrong;
        if (!kind->per_weight) continue;
        if (!kind->takes_fractions && weight != floor(weight))
            return "has weights that are not whole numbers; its distribution takes no others";
        double own = floor(weight * select_points(kind, settings) + 0.5);
        if (own < 1) return "has a weight so small that its server gets no point";
        places += own;
    }
    if (places > PLACES_MAX)
        return "has weights so large that they take more than 16 million places";
    return NULL;
}

void selector_init(struct selector *s, const struct selector_settings *settings,
                   const struct selector_server *servers, uint32_t n)
{
    assert(n > 0);
    *s = (struct selector){
        .kind = distributions[settings->distribution].kind, .settings = *settings, .servers = n};
    if (n > 1) s->kind->build(s, servers);
}

void selector_release(struct selector *s)
{
    ring_release(&s->ring);
    if (s->own) s->kind->release(s);
    *s = (struct selector){0};
}

struct selector_choice selector_pick(const struct selector *s, const void *key, size_t len)
{
    struct selector_choice choice = {0};
    if (s->servers > 1) s->kind->pick(s, key, len, &choice);
    return choice;
}
