#include "route/spool.h"

#include <assert.h>

void spool_waits_init(struct spool_waits *list)
{
    *list = (struct spool_waits){.first = NULL};
    list->end = &list->first;
}

void spool_waits_add(struct spool_waits *list, struct spool_wait *wait)
{
    spool_forget(wait);
    wait->in = list;
    wait->next = NULL;
    wait->prev = list->end;
    *list->end = wait;
    list->end = &wait->next;
    list->n++;
}

void spool_forget(struct spool_wait *wait)
{
    struct spool_waits *list = wait->in;
    if (!list) return;
    assert(list->n > 0 && *wait->prev == wait);
    *wait->prev = wait->next;
    if (wait->next)
        wait->next->prev = wait->prev;
    else
        list->end = wait->prev;
    list->n--;
    wait->in = NULL;
}
