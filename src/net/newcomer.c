#include "net/newcomer.h"

#include <stdlib.h>
#include <unistd.h>

void newcomer_forget(struct newcomer *n)
{
    rules_give(n->rules);
    free(n->who);
    n->rules = NULL;
    n->who = NULL;
}

void newcomer_close(struct newcomer *n)
{
    newcomer_forget(n);
    if (n->fd >= 0) close(n->fd);
    n->fd = -1;
}
