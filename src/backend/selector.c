#include "backend/selector.h"

#include <assert.h>
#include <string.h>

#include "backend/select.h"

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
