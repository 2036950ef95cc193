#include "lib/olditems.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/stage.h"

static struct olditem **bucket_of(struct olditems *all, const char *key)
{
    unsigned hash = 5381;
    for (; *key; key++) hash = hash * 33 + (unsigned char)*key;
    return &all->buckets[hash % OLDITEMS_BUCKETS];
}

void olditems_remove(struct olditems *all, struct olditem *item)
{
    struct olditem **at = bucket_of(all, item->key);
    while (*at != item) at = &(*at)->next;
    *at = item->next;
    free(item->data);
    free(item);
}

struct olditem *olditems_find(struct olditems *all, const char *key)
{
    struct olditem *item = *bucket_of(all, key);
    while (item && strcmp(item->key, key) != 0) item = item->next;
    if (!item || item->expires == 0 || item->expires > stage_now()) return item;
    olditems_remove(all, item);
    return NULL;
}

void olditems_touch(struct olditem *item, int64_t exptime)
{
    enum { MONTH = 60 * 60 * 24 * 30 };
    int32_t seconds = (int32_t)exptime;
    double from_now = seconds > MONTH ? difftime(seconds, time(NULL)) : seconds;
    item->expires = seconds == 0 ? 0 : stage_now() + (from_now > 0 ? from_now : -1);
}

void olditems_change(struct olditems *all, struct olditem *item, const char *data, size_t n)
{
    char *copy = malloc(n + 1);
    if (!copy) abort();
    memcpy(copy, data, n);
    copy[n] = '\0';
    free(item->data);
    item->data = copy;
    item->n = n;
    item->cas = ++all->cas;
}

static struct olditem *new_item(struct olditems *all, const char *key)
{
    struct olditem *item = calloc(1, sizeof *item), **bucket = bucket_of(all, key);
    if (!item) abort();
    strcpy(item->key, key);
    item->next = *bucket;
    *bucket = item;
    return item;
}

/* The data of the item with these n bytes behind it, or before it. */
static void join(struct olditems *all, struct olditem *item, const char *data, size_t n,
                 bool is_behind)
{
    char *joined = malloc(item->n + n + 1);
    if (!joined) abort();
    memcpy(joined + (is_behind ? 0 : n), item->data, item->n);
    memcpy(joined + (is_behind ? item->n : 0), data, n);
    olditems_change(all, item, joined, item->n + n);
    free(joined);
}

enum oldstore_end olditems_store(struct olditems *all, const struct oldstore *s, const char *data)
{
    struct olditem *item = olditems_find(all, s->key);
    if (s->mode == STORE_CAS && (!item || item->cas != s->cas)) return item ? EXISTS : NOT_FOUND;
    if (s->mode == STORE_ADD ? item != NULL : s->mode != STORE_SET && !item) return NOT_STORED;
    if (s->mode == STORE_APPEND || s->mode == STORE_PREPEND) {
        join(all, item, data, s->n, s->mode == STORE_APPEND);
        return STORED;
    }
    if (!item) item = new_item(all, s->key);
    olditems_change(all, item, data, s->n);
    item->flags = s->flags;
    olditems_touch(item, s->exptime);
    return STORED;
}

void olditems_clear(struct olditems *all)
{
    for (size_t i = 0; i < OLDITEMS_BUCKETS; i++)
        while (all->buckets[i]) olditems_remove(all, all->buckets[i]);
}
