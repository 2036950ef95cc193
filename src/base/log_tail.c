/* A ring in memory that all processes share, written without waiting. A writer draws the next ticket, which names its place, marks the
 * place as its own, and stores the ticket there when the line is whole. Where another writer has not finished in a place since the ring
 * went round, the line is lost. A reader copies a line, and takes it only if the place had the ticket that it looked for, before and
 * after. A process that is killed while it writes costs its place.
 *
 * A script's process may write anything there. So the reader checks and ends all that it copies. */
#include "base/log_tail.h"

#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PLACES = 128 }; /* more than LOG_TAIL_LINES: those that are being written do not count */

static const uint64_t BEING_WRITTEN = UINT64_MAX;

struct place {
    uint64_t ticket; /* of the line that it has, from 1 on; 0: none */
    struct log_tail_line line;
};

static struct ring {
    uint64_t drawn; /* tickets */
    struct place places[PLACES];
} * ring;

bool log_tail_begin(void)
{
    assert(!ring);
    void *memory =
        mmap(NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return false;
    ring = memory;
    return true;
}

void log_tail_end(void)
{
    if (ring) munmap(ring, sizeof *ring);
    ring = NULL;
}

/* False: another process writes there, or has written a newer line. */
static bool own(struct place *p, uint64_t ticket)
{
    uint64_t has = __atomic_load_n(&p->ticket, __ATOMIC_RELAXED);
    return has < ticket && __atomic_compare_exchange_n(&p->ticket, &has, BEING_WRITTEN, false,
                                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

void log_tail_note(enum log_level level, const char *role, const char *text)
{
    struct timespec now;
    if (!ring) return;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t ticket = __atomic_add_fetch(&ring->drawn, 1, __ATOMIC_RELAXED);
    struct place *p = &ring->places[ticket % PLACES];
    if (!own(p, ticket)) return;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    p->line = (struct log_tail_line){.time_ms = (uint64_t)now.tv_sec * 1000 +
                                                (uint64_t)now.tv_nsec / 1000000,
                                     .pid = (int32_t)getpid(),
                                     .level = level};
    snprintf(p->line.role, sizeof p->line.role, "%s", role);
    snprintf(p->line.text, sizeof p->line.text, "%s", text);
    __atomic_store_n(&p->ticket, ticket, __ATOMIC_RELEASE);
}

/* False: it is being written, or another line is there. */
static bool copy(const struct place *p, uint64_t ticket, struct log_tail_line *to)
{
    if (__atomic_load_n(&p->ticket, __ATOMIC_ACQUIRE) != ticket) return false;
    *to = p->line;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&p->ticket, __ATOMIC_RELAXED) != ticket) return false;
    to->role[LOG_TAIL_ROLE - 1] = to->text[LOG_TAIL_TEXT - 1] = '\0';
    if ((unsigned)to->level > LOG_TRACE) to->level = LOG_TRACE;
    return true;
}

size_t log_tail_read(struct log_tail_line *to, size_t n)
{
    size_t found = 0;
    if (!ring) return 0;
    uint64_t newest = __atomic_load_n(&ring->drawn, __ATOMIC_ACQUIRE);
    for (uint64_t back = 0; back < PLACES && back < newest && found < n; back++) {
        uint64_t ticket = newest - back;
        found += copy(&ring->places[ticket % PLACES], ticket, &to[found]);
    }
    return found;
}
