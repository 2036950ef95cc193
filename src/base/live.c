/* How a worker tells of requests without waiting, and how the master reads it without trust.
 *
 * The ring has two counters that only grow. The worker fills a place, then moves `written`; the master copies the place, then moves
 * `read`. A place is free for the worker only when the master has read it, so neither sees a half of an event. A worker that dies while
 * it fills a place has not moved `written`: the place is filled again by its successor. When the ring is full the event is dropped and
 * counted, which costs nearly nothing: so the work that watchers cause is bounded by how fast the master reads.
 *
 * The master decides by its own count of what it has read. Should the numbers on the board make no sense, it skips to the end. Texts
 * are cut at their last byte, whatever is there.
 *
 * Filters are copied by each worker when their sequence number has changed. It is odd while the master writes, and looked at
 * before and after: a copy is whole, or is not used.
 *
 * A watcher's number may be given to another one while requests are in flight that were noted for it. So live_ends looks at
 * everything again that can be known at the end. */
#include "base/live.h"

#include <assert.h>
#include <string.h>

static const struct {
    const char *text;
    bool is_error;
} results[LIVE_RESULT_COUNT] = {
#define X(name, text, is_error) [LIVE_##name] = {text, is_error},
    LIVE_RESULTS(X)
#undef X
};

static const char *const stages[LIVE_STAGE_COUNT] = {
#define X(name, text) [LIVE_IN_##name] = text,
    LIVE_STAGES(X)
#undef X
};

const char *live_result_text(unsigned result)
{
    assert(result < LIVE_RESULT_COUNT);
    return results[result].text;
}

bool live_result_is_error(unsigned result)
{
    assert(result < LIVE_RESULT_COUNT);
    return results[result].is_error;
}

const char *live_stage_text(unsigned stage)
{
    assert(stage < LIVE_STAGE_COUNT);
    return stages[stage];
}

/* --- filters ----------------------------------------------------------------------------------- */

/* The fence keeps the stores of the filter behind the odd number, and the release keeps them before the even one. */
void live_watch(struct live_filters *f, unsigned number, const struct live_filter *filter)
{
    assert(number < LIVE_WATCHERS && (!filter || filter->prefix_len <= LIVE_KEY));
    uint32_t odd = f->sequence | 1, bit = (uint32_t)1 << number;
    __atomic_store_n(&f->sequence, odd, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    f->active = filter ? f->active | bit : f->active & ~bit;
    if (filter) f->of[number] = *filter;
    __atomic_store_n(&f->sequence, odd + 1, __ATOMIC_RELEASE);
}

void live_copy_filters(struct live_filters *copy, const struct live_filters *from)
{
    uint32_t before = __atomic_load_n(&from->sequence, __ATOMIC_ACQUIRE);
    if (before == copy->sequence || before & 1) return;
    struct live_filters fresh = *from;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (__atomic_load_n(&from->sequence, __ATOMIC_RELAXED) != before) return;
    *copy = fresh;
    copy->sequence = before;
}

static bool fits_request(const struct live_filter *f, const char *command, const uint8_t *key,
                         size_t len)
{
    if (f->command[0] && strcmp(f->command, command) != 0) return false;
    if (f->prefix_len == 0) return true; /* there may be no key */
    return f->prefix_len <= len && memcmp(f->prefix, key, f->prefix_len) == 0;
}

uint32_t live_most(const struct live_filters *f)
{
    uint32_t most = 0;
    for (unsigned i = 0; i < LIVE_WATCHERS; i++)
        if (f->active >> i & 1 && f->of[i].sample > most) most = f->of[i].sample;
    return most;
}

uint32_t live_begins(const struct live_filters *f, const char *command, const uint8_t *key,
                     size_t len, uint32_t random)
{
    uint32_t watchers = 0;
    for (unsigned i = 0; i < LIVE_WATCHERS && f->active >> i; i++) {
        uint32_t bit = (uint32_t)1 << i;
        const struct live_filter *one = &f->of[i];
        if (!(f->active & bit) || (random >= one->sample && one->sample != UINT32_MAX)) continue;
        if (fits_request(one, command, key, len)) watchers |= bit;
    }
    return watchers;
}

static bool fits_event(const struct live_filter *f, const struct live_event *e)
{
    if (!fits_request(f, e->command, e->key, e->key_len)) return false;
    if (f->pool[0] && strcmp(f->pool, e->pool) != 0) return false;
    if (f->server[0] && strcmp(f->server, e->server) != 0) return false;
    return e->us >= f->slower_us && (!f->errors || live_result_is_error(e->result));
}

uint32_t live_ends(const struct live_filters *f, uint32_t watchers, const struct live_event *e)
{
    for (unsigned i = 0; i < LIVE_WATCHERS; i++) {
        uint32_t bit = (uint32_t)1 << i;
        if (watchers & bit && !(f->active & bit && fits_event(&f->of[i], e))) watchers &= ~bit;
    }
    return watchers;
}

/* --- writing ----------------------------------------------------------------------------------- */

void live_drop(struct live_ring *ring, uint32_t watchers)
{
    for (unsigned i = 0; i <= LIVE_WATCHERS; i++)
        if (watchers >> i & 1)
            __atomic_store_n(&ring->dropped[i], ring->dropped[i] + 1, __ATOMIC_RELAXED);
}

struct live_event *live_place(struct live_ring *ring, uint32_t watchers)
{
    uint64_t read = __atomic_load_n(&ring->read, __ATOMIC_ACQUIRE);
    if (ring->written - read >= LIVE_EVENTS) {
        live_drop(ring, watchers);
        return NULL;
    }
    return &ring->events[ring->written % LIVE_EVENTS];
}

void live_written(struct live_ring *ring)
{
    __atomic_store_n(&ring->written, ring->written + 1, __ATOMIC_RELEASE);
}

/* --- reading ----------------------------------------------------------------------------------- */

static void move_to(struct live_reader *r, struct live_ring *ring, uint64_t read)
{
    r->read = read;
    __atomic_store_n(&ring->read, read, __ATOMIC_RELEASE);
}

void live_reader_begin(struct live_reader *r, struct live_ring *ring)
{
    move_to(r, ring, __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE));
    for (unsigned i = 0; i <= LIVE_WATCHERS; i++)
        r->dropped[i] = __atomic_load_n(&ring->dropped[i], __ATOMIC_RELAXED);
}

#define END(text) ((text)[sizeof(text) - 1] = '\0')

void live_make_sane(struct live_event *e)
{
    END(e->command);
    END(e->client);
    END(e->identity);
    END(e->listener);
    END(e->route);
    END(e->pool);
    END(e->server);
    END(e->text);
    if (e->result >= LIVE_RESULT_COUNT) e->result = LIVE_ERROR;
    if (e->key_len > LIVE_KEY) e->key_len = LIVE_KEY;
    if (!(e->at >= 0 && e->at < 1e11)) e->at = 0; /* NaN too */
}

bool live_read(struct live_reader *r, struct live_ring *ring, struct live_event *to)
{
    uint64_t written = __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE);
    if (written - r->read > LIVE_EVENTS) move_to(r, ring, written);
    if (written == r->read) return false;
    *to = ring->events[r->read % LIVE_EVENTS];
    live_make_sane(to);
    move_to(r, ring, r->read + 1);
    return true;
}

uint64_t live_take_dropped(struct live_reader *r, const struct live_ring *ring, unsigned number)
{
    assert(number <= LIVE_WATCHERS);
    uint64_t all = __atomic_load_n(&ring->dropped[number], __ATOMIC_RELAXED);
    uint64_t fresh = all - r->dropped[number];
    r->dropped[number] = all;
    return fresh;
}
