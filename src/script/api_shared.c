/* The bodies of services.h for dictionaries that all workers share. Nothing here enters Lua.
 *
 * They lie in the board's memory (base/shared.h), and outlive scripts. Lua knows one by the number that mg_shared_open
 * returned; scripts have an object instead. Expiry is by the loop's clock, which all workers of a machine read alike. What
 * is read is copied to s->text at once, since another worker may overwrite it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "script/state.h"

static struct shared_dict *dict_of(const struct script *s, int32_t number)
{
    assert(number >= 0 && s->text); /* one has been opened */
    return &s->host.shared->dicts[number];
}

static double now(const struct script *s)
{
    return s->host.backends->now;
}

/* 0: it does not expire. */
static double expiry(const struct script *s, double ttl)
{
    return ttl > 0 ? now(s) + ttl : 0;
}

/* One that exists keeps its items, also over a reload. s->text is allocated here, so that scripts without dictionaries do
 * without it. */
int32_t mg_shared_open(struct script *s, const char *name, double size)
{
    struct shared *all = s->host.shared;
    struct shared_dict *d = shared_open(all, name, strlen(name), (size_t)size, &s->wrong);
    if (!d) return -1;
    if (!s->text) s->text = malloc(SHARED_TEXT_MAX);
    if (!s->text) abort();
    return (int32_t)(d - all->dicts);
}

int mg_shared_get(struct script *s, int32_t dict, const char *key, size_t len,
                  struct shared_value *value)
{
    return shared_get(s->host.shared, dict_of(s, dict), (struct shared_key){key, len}, now(s),
                      value, s->text);
}

int mg_shared_set(struct script *s, int32_t dict, const char *key, size_t len,
                  const struct shared_value *value, double ttl)
{
    return shared_set(s->host.shared, dict_of(s, dict), (struct shared_key){key, len}, value,
                      expiry(s, ttl));
}

int mg_shared_add(struct script *s, int32_t dict, const char *key, size_t len,
                  const struct shared_value *value, double ttl)
{
    return shared_add(s->host.shared, dict_of(s, dict), (struct shared_key){key, len}, value,
                      expiry(s, ttl), now(s));
}

/* Done in one step under the dictionary's lock: no other worker's is lost. */
int mg_shared_incr(struct script *s, int32_t dict, const char *key, size_t len,
                   struct shared_value *value, bool begins, double initial, double ttl)
{
    return shared_incr(s->host.shared, dict_of(s, dict), (struct shared_key){key, len},
                       &value->number, begins ? &initial : NULL, expiry(s, ttl), now(s));
}

int mg_shared_delete(struct script *s, int32_t dict, const char *key, size_t len)
{
    return shared_delete(s->host.shared, dict_of(s, dict), (struct shared_key){key, len}, now(s));
}

int mg_shared_ttl(struct script *s, int32_t dict, const char *key, size_t len,
                  struct shared_value *value)
{
    double expires = 0;
    int status = shared_expires(s->host.shared, dict_of(s, dict), (struct shared_key){key, len},
                                now(s), &expires);
    value->number = expires > 0 ? expires - now(s) : 0;
    return status;
}

void mg_shared_usage(struct script *s, int32_t dict, struct mg_shared_usage *usage)
{
    struct shared_usage u = shared_usage(s->host.shared, dict_of(s, dict));
    *usage = (struct mg_shared_usage){(double)u.capacity, (double)u.used, (double)u.items};
}
