/* What makes two answers differ. A cas never does: each server counts its own. Lifetimes do where both answers say one. */
#include "route/look.h"

#include <stdlib.h>
#include <string.h>

#include "placement/hash.h"
#include "protocol/value.h"

/* Seconds that two lifetimes of the same item may differ: they are whole seconds, of two clocks. */
enum { LIFETIMES_WITHIN = 2 };

/* A miss of a pool that no server has answered is a failure: the pool's on_failure makes it a miss. */
static bool is_hidden_failure(const struct route *child, const struct result *result)
{
    return child->kind == ROUTE_POOL && result->kind == RESULT_MISS && !result->news;
}

static void take_text(struct look *look, const struct result *result)
{
    static const char none[] = "no answer (its pool has on_failure = \"miss\")";
    const struct response *r = result->news ? result->news->response : NULL;
    const char *text = r ? (const char *)r->bytes : result->text;
    size_t len = r ? r->len - 2 : result->text_len;
    if (!text) {
        text = none;
        len = sizeof none - 1;
    }
    if (len >= sizeof look->text) len = sizeof look->text - 1;
    memcpy(look->text, text, len);
    look->text[len] = '\0';
}

static void take_value(struct look *look, const struct result *result)
{
    struct response_value v = response_read(result->news->response);
    look->len = v.len;
    look->flags = v.flags;
    look->ttl = v.ttl;
    if (v.at) look->digest = hash_bytes64(HASH_XXH3, v.at, v.len, 0);
}

bool look_is_error(const struct look *look)
{
    return (look->kind & ~(unsigned)(RESULT_HIT | RESULT_MISS)) != 0;
}

void look_take(struct look *look, const struct turn *t, const struct route *child,
               const struct result *result)
{
    look->kind = result->kind;
    look->server = t->backends->from;
    look->len = look->digest = look->flags = 0;
    look->ttl = COMPARED_NO_TTL;
    look->text[0] = '\0';
    if (is_hidden_failure(child, result)) look->kind = RESULT_DOWN;
    if (look_is_error(look))
        take_text(look, result);
    else if (look->kind == RESULT_HIT && result->news && !look->is_long)
        take_value(look, result);
}

static bool lifetimes_differ(int64_t a, int64_t b)
{
    if (a == COMPARED_NO_TTL || b == COMPARED_NO_TTL) return false;
    return (a < 0) != (b < 0) || llabs(a - b) > LIFETIMES_WITHIN;
}

unsigned looks_judge(const struct look *old, const struct look *new)
{
    if (look_is_error(old)) return COMPARED_old_errors;
    if (look_is_error(new)) return COMPARED_new_errors;
    if (old->kind != new->kind)
        return old->kind == RESULT_HIT ? COMPARED_only_old : COMPARED_only_new;
    if (old->len != new->len || old->digest != new->digest) return COMPARED_values_differ;
    if (old->flags != new->flags) return COMPARED_flags_differ;
    if (lifetimes_differ(old->ttl, new->ttl)) return COMPARED_lifetimes_differ;
    return COMPARED_KIND_COUNT;
}

void look_show(const struct look *look, struct compared_side *side)
{
    if (look->server) memcpy(side->server, look->server->name, sizeof side->server);
    side->len = look->len;
    side->digest = look->digest;
    side->flags = look->flags;
    side->ttl = look->ttl;
    side->is_hit = look->kind == RESULT_HIT;
}
