#include "script/spools.h"

#include <stdlib.h>
#include <string.h>

#include "script/state.h"

const char *spools_add(struct script *s, const struct spool_place *p)
{
    char bounds[SPOOL_PLACE_TEXT];
    struct script_spools *in = &s->spools;
    const char *wrong = spool_place_wrong(p);
    if (wrong) return wrong;
    for (uint32_t i = 0; i < in->n; i++) {
        const struct spool_place *other = &in->all[i];
        if (strcmp(other->dir, p->dir) != 0) continue;
        bool same = other->max_size == p->max_size && other->max_total == p->max_total &&
                    other->max_age == p->max_age;
        return same ? NULL
                    : "dir: another one has this folder with other bounds: give both the same";
    }
    if (in->n == SPOOL_PLACES_MOST) return "dir: a script has 16 such folders at most";
    spool_place_print(p, bounds);
    if (!script_note_spool(s, p->dir, bounds)) return "the script's files are too large";
    in->all = reallocarray(in->all, in->n + 1, sizeof *in->all);
    if (!in->all) abort();
    in->all[in->n++] = *p;
    return NULL;
}

const struct spool_place *script_spool(const struct script *s, uint32_t at)
{
    return at < s->spools.n ? &s->spools.all[at] : NULL;
}

void spools_release(struct script *s)
{
    free(s->spools.all);
    s->spools = (struct script_spools){.n = 0};
}
