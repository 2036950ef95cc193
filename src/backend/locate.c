#include "backend/locate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Addresses are compared byte by byte. One that is not in the list any more counts as if it stood behind the last one, so that
 * the next one after it is the first.
 */

/* The index of addr among the backend's; addrs_n: it is not there. */
static uint32_t find_addr(const struct backend *b, const struct addr *addr)
{
    uint32_t i = 0;
    while (i < b->addrs_n && memcmp(&b->addrs[i], addr, sizeof *addr) != 0) i++;
    return i;
}

bool backend_has_addr(const struct backend *b, const struct addr *addr)
{
    return find_addr(b, addr) < b->addrs_n;
}

const struct addr *backend_addr(const struct backend *b, const struct addr *before)
{
    uint32_t at = find_addr(b, before);
    if (b->addrs_n == 0) return NULL;
    return &b->addrs[at < b->addrs_n ? at : 0];
}

const struct addr *backend_next_addr(const struct backend *b, const struct addr *before)
{
    uint32_t at = find_addr(b, before);
    assert(b->addrs_n > 0);
    return &b->addrs[at + 1 < b->addrs_n ? at + 1 : 0];
}

void backend_set_addrs(struct backend *b, const struct addr *addrs, uint32_t n)
{
    free(b->addrs);
    b->addrs_n = n < BACKEND_ADDRS_MAX ? n : BACKEND_ADDRS_MAX;
    b->addrs = calloc(b->addrs_n, sizeof *b->addrs);
    if (!b->addrs) abort();
    memcpy(b->addrs, addrs, b->addrs_n * sizeof *b->addrs);
}

void backend_forget_addrs(struct backend *b)
{
    free(b->addrs);
    b->addrs = NULL;
    b->addrs_n = 0;
}
