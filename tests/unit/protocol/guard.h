/* guard: bytes that end where a page begins that nobody may touch, so that reading one too far ends the test.
 *
 * A struct guard owns its pages from guard_init to guard_release. What guard_place gives lives until the next one.
 */
#ifndef TESTS_UNIT_GUARD_H
#define TESTS_UNIT_GUARD_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
    uint8_t *pages;
    size_t room; /* bytes before the forbidden page */
};

static inline void guard_init(struct guard *g, size_t room)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    g->room = (room + page - 1) / page * page;
    g->pages =
        mmap(NULL, g->room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g->pages == MAP_FAILED || mprotect(g->pages + g->room, page, PROT_NONE) != 0) abort();
}

static inline void guard_release(struct guard *g)
{
    munmap(g->pages, g->room + (size_t)sysconf(_SC_PAGESIZE));
}

static inline const uint8_t *guard_place(const struct guard *g, const void *bytes, size_t len)
{
    if (len > g->room) abort();
    return memcpy(g->pages + g->room - len, bytes, len);
}

#endif
