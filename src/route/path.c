/* Room is never short by surprise: each step leaves enough for "...", which is added once and ends the path. */
#include "route/path.h"

#include <assert.h>
#include <string.h>

static const char MORE[] = "...";

void path_add(struct path *p, const char *step, size_t len)
{
    if (p->is_cut) return;
    p->is_cut = len + 1 + sizeof MORE > sizeof p->text - p->len; /* there is always room for MORE */
    if (p->is_cut) {
        step = MORE;
        len = sizeof MORE - 1;
    }
    memcpy(p->text + p->len, step, len);
    p->len += len;
    p->text[p->len++] = '\0';
    assert(p->len <= sizeof p->text);
}

const char *path_next(const struct path *p, const char *step)
{
    const char *next = step ? step + strlen(step) + 1 : p->text;
    return next < p->text + p->len ? next : NULL;
}
