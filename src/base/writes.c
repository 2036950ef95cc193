#include "base/writes.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/bucket.h"
#include "base/region.h"

/* Why: a policy such as l1_l2 reads a value in one place and writes a copy of it to another, a fill. Between the two any client
 * may write or delete the key. The copy must then not be made, or not stay.
 *
 * A key belongs to a slot, by its hash; all workers share the slots. Each write that goes to a server changes the counter of its
 * slot twice, when it is sent and when it is answered; in between it is in flight. A fill reads the counters (its mark) before it
 * reads the value. The cases:
 *
 * - A write was answered before the mark: the read finds what the write left.
 * - A write is sent or answered between the mark and the copy: the counter has changed, and no copy is made.
 * - A write was sent before the mark and is still in flight: the server may have read before it wrote. No copy is made.
 * - A write goes through a policy that sends some of its parts later (a failover after a timeout, a function that waits): the
 *   policy's plan counts and is in flight like a write, from the policy's start to its end.
 * - A write is sent while the copy is on its way: the write's own delete in the copy's place may arrive before the copy. The
 *   counter has changed when the copy is answered, so the copy is deleted again, and the old value does not stay. Until then a
 *   reader that gets a hit calls copies_are_doubtful, which is true when a copy of that slot was on its way at some moment of the
 *   read. The reader then reads from the source, or once more.
 * - A write is sent after the copy was answered: what the write does in the copy's place comes after the copy.
 * - A write passes its deadline: it stays in flight until its late answer comes or its connection ends.
 * - The connection of a write ends: the server may have the write in its buffers and carry it out at any moment. The counter
 *   changes and the slot stays closed for WRITES_LINGER seconds more. The client got an error, so both the old and the new value
 *   are right answers. A server that stands still for longer than that may let an old copy live until its exptime.
 * - The worker of a write dies: the master does the same for everything in the worker's row (writes_forget).
 * - A copy is not answered, or cannot be deleted again, or its worker dies: copies of that slot are in doubt for as long as the
 *   copy may live, at most; readers go to the source.
 * - flush_all counts in one slot that is a part of every mark. One with a delay changes all marks when its time comes, and closes
 *   all slots from two seconds before until one second after that, as servers' clocks tick in seconds.
 * - An expiry is not a write. A copy that is to live as long as its source's item gets two seconds less than that item has left
 *   (one for the ticks of the two servers, one for the way), and is deleted again when it was on its way for longer than half a
 *   second.
 *
 * The counter changes before the bytes leave, and before the answer is passed on, and all operations are sequentially consistent:
 * a process that has seen a write's answer sees the change. Copies do not count as writes, or many readers at once would cancel
 * each other's copies. Writes from another machine are not seen: a fill that is on its way there may leave an old copy until its
 * exptime.
 *
 * What may go wrong is chosen to be harmless. Two keys of one slot cancel each other's copies: a copy less. A process that dies
 * between two instructions leaves a slot closed: a few keys are never copied, and no reader sees an old value.
 *
 * I6: the table has a fixed size, whatever the number of keys. */
enum { SLOTS = 0x8000 };

static const double FLUSH_BEFORE = 2, FLUSH_AFTER = 1; /* seconds around a flush_all's time */

struct slot {
    _Atomic uint64_t changes; /* goes up when a write begins and when it ends */
    _Atomic uint64_t plans;   /* the same for plans */
    _Atomic uint64_t copies;  /* the same for copies */
    _Atomic uint32_t writing; /* writes in flight, of all workers */
    _Atomic uint32_t planning;
    _Atomic uint32_t copying;
    _Atomic uint32_t closed_until; /* monotonic seconds: no copy is made before */
    _Atomic uint32_t doubt_until;  /* monotonic seconds: a copy may be old until then */
};

/* What one worker has in flight in a slot: the master subtracts it when the worker dies. */
struct part {
    _Atomic uint32_t writing, planning, copying;
};

struct writes {
    struct region_head head;
    uint32_t workers;
    _Atomic uint64_t flush_at; /* monotonic milliseconds of the last delayed flush_all; 0: none */
    struct slot slots[SLOTS + 1]; /* the last one: every key */
    struct part parts[];          /* SLOTS + 1 a worker */
};

static size_t table_bytes(uint32_t workers)
{
    return sizeof(struct writes) + sizeof(struct part) * (SLOTS + 1) * workers;
}

static const char *layout(char *text)
{
    snprintf(text, REGION_LAYOUT, "writes 1: %zu %zu %zu %d hash %08x", sizeof(struct writes),
             sizeof(struct slot), sizeof(struct part), SLOTS, bucket_hash("moongate", 8));
    return text;
}

/* Fresh pages are all zero: a table in which nothing was written yet. Pages of slots that are never used take no memory. */
struct writes *writes_create(uint32_t workers, int *fd)
{
    char text[REGION_LAYOUT];
    struct writes *all = region_create(table_bytes(workers), layout(text), fd);
    if (all) all->workers = workers;
    return all;
}

struct writes *writes_adopt(int fd, uint32_t workers)
{
    char text[REGION_LAYOUT];
    struct writes *all = region_adopt(fd, layout(text));
    if (all && all->workers >= workers && all->head.bytes == table_bytes(all->workers)) return all;
    region_destroy(all);
    return NULL;
}

uint32_t writes_rows(const struct writes *all)
{
    return all->workers;
}

void writes_destroy(struct writes *all)
{
    region_destroy(all);
}

struct writer writer_private(void)
{
    static struct writes *all;
    if (all) return (struct writer){.all = all};
    void *memory = mmap(NULL, table_bytes(1), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) abort();
    all = memory;
    all->workers = 1;
    return (struct writer){.all = all};
}

/* --- slots ------------------------------------------------------------------------------------- */

/* A pair is two slot numbers of 16 bits, each plus one, so that 0 means that there is none. */
static uint32_t slot_of(const void *key, size_t len)
{
    return bucket_hash(key, len) % SLOTS + 1;
}

writes_pair writes_pair_of(const void *key, size_t len, const void *shown, size_t shown_len)
{
    uint32_t one = slot_of(key, len), two = shown ? slot_of(shown, shown_len) : 0;
    return two == one ? one : one | two << 16;
}

/* Walks through the slots of a pair: stores the number of the next one in *at. False at the end. */
static bool next_slot(writes_pair *pair, uint32_t *at)
{
    if ((*pair & 0xffff) == 0) return false;
    *at = (*pair & 0xffff) - 1;
    *pair >>= 16;
    assert(*at <= SLOTS);
    return true;
}

void writes_fetch(const struct writer *w, writes_pair pair)
{
    uint32_t at;
    while (next_slot(&pair, &at)) __builtin_prefetch(&w->all->slots[at]);
}

static struct part *part_of(const struct writes *all, uint32_t worker, uint32_t at)
{
    assert(worker < all->workers); /* else one worker writes another one's row */
    return (struct part *)&all->parts[(size_t)worker * (SLOTS + 1) + at];
}

/* Times only go up: the longest of several reasons counts. Rounded up to whole seconds. */
static void raise_to(_Atomic uint32_t *cell, double seconds)
{
    uint32_t until = (uint32_t)ceil(seconds), is = atomic_load(cell);
    while (is < until && !atomic_compare_exchange_weak(cell, &is, until)) {
    }
}

static bool is_over(const _Atomic uint32_t *cell, double now)
{
    return atomic_load(cell) <= now;
}

/* Subtracts one from a cell of the worker's row. False: the master has emptied the row meanwhile, and has subtracted it
 * already. */
static bool take_off(_Atomic uint32_t *cell)
{
    uint32_t n = atomic_load(cell);
    while (n > 0 && !atomic_compare_exchange_weak(cell, &n, n - 1)) {
    }
    return n > 0;
}

/* --- writes ------------------------------------------------------------------------------------ */

void writes_begin(const struct writer *w, writes_pair pair)
{
    uint32_t at;
    while (next_slot(&pair, &at)) {
        struct slot *slot = &w->all->slots[at];
        atomic_fetch_add(&slot->writing, 1);
        atomic_fetch_add(&part_of(w->all, w->worker, at)->writing, 1);
        atomic_fetch_add(&slot->changes, 1);
    }
}

/* The counter changes first: a process that sees that no write is in flight any more also sees the change. */
void writes_end(const struct writer *w, writes_pair pair)
{
    uint32_t at;
    while (next_slot(&pair, &at)) {
        struct slot *slot = &w->all->slots[at];
        atomic_fetch_add(&slot->changes, 1);
        if (take_off(&part_of(w->all, w->worker, at)->writing)) atomic_fetch_sub(&slot->writing, 1);
    }
}

/* The slot is closed before the write counts as ended: in between it would look open. */
void writes_lose(const struct writer *w, writes_pair pair, double now)
{
    uint32_t at;
    for (writes_pair rest = pair; next_slot(&rest, &at);)
        raise_to(&w->all->slots[at].closed_until, now + WRITES_LINGER);
    writes_end(w, pair);
}

void writes_close(const struct writer *w, writes_pair pair, double until)
{
    uint32_t at;
    while (next_slot(&pair, &at)) {
        raise_to(&w->all->slots[at].closed_until, until);
        atomic_fetch_add(&w->all->slots[at].changes, 1);
    }
}

void writes_flush_later(const struct writer *w, double delay, double now)
{
    atomic_store(&w->all->flush_at, (uint64_t)((now + delay) * 1e3));
    atomic_fetch_add(&w->all->slots[SLOTS].changes, 4); /* more than a phase takes off the marks */
}

/* The time around a delayed flush_all: 0 well before, 1 close to it, 2 after it. */
static unsigned flush_phase(const struct writes *all, double now)
{
    double at = (double)atomic_load(&all->flush_at) / 1e3;
    return at == 0 ? 0 : (now >= at - FLUSH_BEFORE) + (now >= at + FLUSH_AFTER);
}

uint64_t sends_mark(const struct writer *w, writes_pair pair, double now)
{
    uint64_t mark = 1 + flush_phase(w->all, now) + atomic_load(&w->all->slots[SLOTS].changes);
    uint32_t at;
    while (next_slot(&pair, &at)) mark += atomic_load(&w->all->slots[at].changes);
    return mark;
}

uint64_t sends_of_one(writes_pair pair)
{
    uint64_t changes = 0;
    uint32_t at;
    while (next_slot(&pair, &at)) changes += 2;
    return changes;
}

static bool is_open(const struct slot *slot, double now)
{
    return atomic_load(&slot->writing) == 0 && is_over(&slot->closed_until, now);
}

/* Looks at what is in flight before the mark: a write that ends in between has changed the mark. */
bool sends_allow(const struct writer *w, writes_pair pair, uint64_t mark, double now)
{
    bool open = is_open(&w->all->slots[SLOTS], now) && flush_phase(w->all, now) != 1;
    uint32_t at;
    for (writes_pair rest = pair; next_slot(&rest, &at);)
        open = open && is_open(&w->all->slots[at], now);
    return open && sends_mark(w, pair, now) == mark;
}

/* --- plans ------------------------------------------------------------------------------------- */

/* What a policy does for one write, from its start to its end. Plans are kept apart from writes, as a policy may itself make a
 * copy while its own plan is in flight: it says how many of the plans are its own. */

void plans_begin(const struct writer *w, writes_pair pair)
{
    uint32_t at;
    while (next_slot(&pair, &at)) {
        struct slot *slot = &w->all->slots[at];
        atomic_fetch_add(&slot->planning, 1);
        atomic_fetch_add(&part_of(w->all, w->worker, at)->planning, 1);
        atomic_fetch_add(&slot->plans, 1);
    }
}

void plans_end(const struct writer *w, writes_pair pair)
{
    uint32_t at;
    while (next_slot(&pair, &at)) {
        struct slot *slot = &w->all->slots[at];
        atomic_fetch_add(&slot->plans, 1);
        if (take_off(&part_of(w->all, w->worker, at)->planning))
            atomic_fetch_sub(&slot->planning, 1);
    }
}

uint64_t writes_mark(const struct writer *w, writes_pair pair, double now)
{
    uint64_t mark = sends_mark(w, pair, now);
    uint32_t at;
    while (next_slot(&pair, &at)) mark += atomic_load(&w->all->slots[at].plans);
    return mark;
}

bool writes_allow(const struct writer *w, writes_pair pair, uint64_t mark, uint32_t plans,
                  double now)
{
    uint32_t at;
    for (writes_pair rest = pair; next_slot(&rest, &at);) {
        if (atomic_load(&w->all->slots[at].planning) > plans) return false;
    }
    return sends_allow(w, pair, sends_mark(w, pair, now), now) && writes_mark(w, pair, now) == mark;
}

/* --- copies ------------------------------------------------------------------------------------ */

/* Copies of one key in two places must not be in doubt together, so the place is mixed into the slot's number. */

writes_pair copies_pair(writes_pair pair, uint32_t place)
{
    uint32_t one = pair & 0xffff, two = pair >> 16;
    one = ((one - 1) ^ place % SLOTS) + 1;
    if (two) two = ((two - 1) ^ place % SLOTS) + 1;
    return one | two << 16;
}

void copies_begin(const struct writer *w, writes_pair pair)
{
    uint32_t at;
    while (next_slot(&pair, &at)) {
        struct slot *slot = &w->all->slots[at];
        atomic_fetch_add(&slot->copying, 1);
        atomic_fetch_add(&part_of(w->all, w->worker, at)->copying, 1);
        atomic_fetch_add(&slot->copies, 1);
    }
}

void copies_end(const struct writer *w, writes_pair pair)
{
    uint32_t at;
    while (next_slot(&pair, &at)) {
        struct slot *slot = &w->all->slots[at];
        atomic_fetch_add(&slot->copies, 1);
        if (take_off(&part_of(w->all, w->worker, at)->copying)) atomic_fetch_sub(&slot->copying, 1);
    }
}

void copies_doubt(const struct writer *w, writes_pair pair, double until)
{
    uint32_t at;
    while (next_slot(&pair, &at)) raise_to(&w->all->slots[at].doubt_until, until);
}

uint64_t copies_mark(const struct writer *w, writes_pair pair)
{
    uint64_t mark = 0;
    uint32_t at;
    while (next_slot(&pair, &at)) mark += atomic_load(&w->all->slots[at].copies);
    return mark;
}

bool copies_are_doubtful(const struct writer *w, writes_pair pair, uint64_t mark, double now)
{
    uint32_t at;
    for (writes_pair rest = pair; next_slot(&rest, &at);) {
        const struct slot *slot = &w->all->slots[at];
        if (atomic_load(&slot->copying) > 0 || !is_over(&slot->doubt_until, now)) return true;
    }
    return copies_mark(w, pair) != mark;
}

/* --- a worker's death -------------------------------------------------------------------------- */

/* Seconds that copies of a dead worker stay in doubt. How long a copy may really live is not known here. */
static const double COPY_LIFE = 3600;

void writes_forget(struct writes *all, uint32_t worker, double now)
{
    for (uint32_t at = 0; at <= SLOTS; at++) {
        struct part *part = part_of(all, worker, at);
        struct slot *slot = &all->slots[at];
        uint32_t writing = atomic_exchange(&part->writing, 0);
        uint32_t planning = atomic_exchange(&part->planning, 0);
        uint32_t copying = atomic_exchange(&part->copying, 0);
        if (writing || planning) {
            raise_to(&slot->closed_until, now + WRITES_LINGER);
            atomic_fetch_add(&slot->changes, 1);
            atomic_fetch_sub(&slot->writing, writing);
            atomic_fetch_sub(&slot->planning, planning);
        }
        if (copying) {
            raise_to(&slot->doubt_until, now + COPY_LIFE);
            atomic_fetch_add(&slot->copies, 1);
            atomic_fetch_sub(&slot->copying, copying);
        }
    }
}
