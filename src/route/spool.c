#include "route/spool.h"

#include <stddef.h>

void spool_forget(struct spool_wait *wait)
{
    if (!wait->prev) return;
    *wait->prev = wait->next;
    if (wait->next) wait->next->prev = wait->prev;
    wait->prev = NULL;
}
