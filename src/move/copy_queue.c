/* Which items are sent, and when: those of each source's queue as far as rates, windows and memory let them, and those that wait for
 * servers once these answer again. */
#include <assert.h>
#include <stdlib.h>

#include "move/copy_state.h"

/* --- lists -------------------------------------------------------------------------------------- */

void copy_list_add(struct copy_list *list, struct copy_item *item)
{
    if (!list->end) list->end = &list->first;
    item->next = NULL;
    *list->end = item;
    list->end = &item->next;
    list->n++;
}

struct copy_item *copy_list_take(struct copy_list *list)
{
    struct copy_item *item = list->first;
    assert(item && list->n > 0);
    list->first = item->next;
    if (!list->first) list->end = &list->first;
    list->n--;
    return item;
}

void copy_items_drop(struct copy_list *list)
{
    while (list->first) free(copy_list_take(list));
}

/* --- out of the queues -------------------------------------------------------------------------- */

static bool may_send(const struct copy *c, const struct copy_source *s)
{
    return s->queue.n > 0 && s->in_flight < s->window && !s->is_suspect &&
           !tier_is_down(c->tier, s->server) &&
           (c->reserved == 0 || c->reserved + s->value <= COPY_BYTES);
}

/* A place of the item that is down: a value that was fetched now would have nowhere to go. NULL: there is none. */
static const struct copy_put *find_down(const struct copy *c, const struct copy_item *item)
{
    for (uint32_t i = 0; i < item->puts_n; i++) {
        const struct copy_put *put = &item->puts[i];
        if (!put->is_done && tier_is_down(c->tier, put->server)) return put;
    }
    return NULL;
}

/* One source after the other, an item each. What is due is looked at by the tick alone: items that go together cost a server, and this
 * process, a quarter of what each by itself does. */
void copy_items_pump(struct copy *c)
{
    uint32_t idle = 0;
    while (idle < c->sources_n && allowance_is_left(&c->items) && allowance_is_left(&c->bytes)) {
        struct copy_source *s = &c->sources[c->next_source++ % c->sources_n];
        if (!may_send(c, s)) {
            idle++;
            continue;
        }
        idle = 0;
        struct copy_item *item = copy_list_take(&s->queue);
        const struct copy_put *down = find_down(c, item);
        if (down) {
            copy_item_wait(item, down->server, "down");
        } else {
            allowance_take(&c->items, 1);
            copy_item_send(item);
        }
    }
}

static void lose_queue(struct copy_source *s, const char *why)
{
    while (s->queue.n > 0) copy_item_lose(copy_list_take(&s->queue), s->server, why);
}

void copy_items_look(struct copy *c)
{
    for (uint32_t i = 0; i < c->sources_n; i++) {
        const struct copy_server *server = copy_server(c, c->sources[i].server);
        if (server->is_given_up) lose_queue(&c->sources[i], server->why);
    }
    for (uint32_t n = c->waiting.n; n > 0; n--) {
        struct copy_item *item = copy_list_take(&c->waiting);
        const struct copy_server *server = copy_server(c, item->blocked);
        bool is_down = tier_is_down(c->tier, item->blocked);
        if (is_down) copy_server_fails(c, item->blocked, "down"); /* so its patience ends */
        if (server->is_given_up)
            copy_item_lose(item, item->blocked, server->why);
        else if (is_down)
            copy_list_add(&c->waiting, item);
        else
            copy_list_add(&item->source->queue, item);
    }
}
