#include "worker/as_client.h"

#include <stdlib.h>
#include <string.h>

struct as_address {
    struct as_address *next;
    char text[];
};

void as_client_release(struct as_client *as)
{
    while (as->addresses) {
        struct as_address *address = as->addresses;
        as->addresses = address->next;
        free(address);
    }
    for (uint32_t i = 0; i < AS_LISTENERS; i++) free(as->listeners[i]);
    *as = (struct as_client){.addresses = NULL};
}

const char *as_client_address(struct as_client *as, const char *address)
{
    struct as_address *kept = malloc(sizeof *kept + strlen(address) + 1);
    if (!kept) abort();
    kept->next = as->addresses;
    as->addresses = kept;
    return strcpy(kept->text, address);
}

int32_t as_client_listener(struct as_client *as, const char *name)
{
    for (int32_t i = 1; i < AS_LISTENERS; i++) {
        if (!as->listeners[i]) as->listeners[i] = strdup(name);
        if (!as->listeners[i]) abort();
        if (strcmp(as->listeners[i], name) == 0) return i;
    }
    return -1;
}
